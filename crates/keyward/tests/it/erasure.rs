//! A person is forgotten, and nothing breaks.

use std::fs;

use keyward::storage::Shelf;
use keyward_lifecycle::{
    refusal::Refusal,
    verify::{Outcome, Reason as Why},
};

use crate::{act::refusal, store::world_in};

const NAME: &str = "mailto:ada.lovelace@example.org";

#[test]
fn a_forgotten_name_is_gone_from_the_files_and_every_proof_stands() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut world = world_in(directory.path(), "2025-01-15T00:00:00Z");
    let ada = world.keyward.actor(NAME).expect("a pseudonym");
    assert_eq!(world.keyward.actor(NAME).expect("a pseudonym"), ada);
    assert_eq!(world.keyward.actor_identity(&ada).expect("an answer").as_deref(), Some(NAME));
    let local = std::mem::replace(&mut world.actor, ada.clone());
    world.generate("k1");
    world.anchor("pkg:cargo/*", &["k1"]);
    let proof = world.sign("k1", "a");
    let kept = world.keyward.checkpoint().expect("an answer").expect("a checkpoint");

    world.actor = local;
    world.keyward.forget_actor(&world.actor, &ada).expect("forgotten");
    assert_eq!(world.keyward.actor_identity(&ada).expect("an answer"), None);
    assert!(
        world
            .keyward
            .actors()
            .expect("a list")
            .iter()
            .all(|one| one.identity.as_deref() != Some(NAME))
    );
    for shelf in [Shelf::Side, Shelf::Record, Shelf::Proof, Shelf::Snapshot] {
        for item in world.parts.storage.items(shelf, None, 1000).expect("items") {
            assert!(!contains(&item.name, NAME) && !contains(&item.bytes, NAME), "{shelf:?}");
        }
    }
    world.check(&proof.envelope, Outcome::Valid, Why::InWindow);
    let report = world.keyward.verify_audit(Some(&kept)).expect("a replay");
    assert_eq!(report.problems, Vec::<String>::new());

    // The same person is somebody new.
    let again = world.keyward.actor(NAME).expect("a pseudonym");
    assert_ne!(again, ada);
    world.keyward.forget_actor(&world.actor, &again).expect("forgotten");
    let unknown = keyward_lifecycle::id::ActorId::parse("a-00").expect("a pseudonym");
    let refused = refusal(world.keyward.forget_actor(&world.actor, &unknown));
    assert_eq!(refused, Refusal::NoSuchName { what: "actor", name: "a-00".into() });

    // Once the store has stopped, no byte of the name is in any of its files.
    world.keyward.close();
    drop(world);
    for entry in fs::read_dir(directory.path()).expect("a directory") {
        let path = entry.expect("an entry").path();
        assert!(!contains(&fs::read(&path).expect("a file"), NAME), "{}", path.display());
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
