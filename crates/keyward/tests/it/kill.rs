//! The process is killed while it signs and rotates: what was acknowledged is there.

use keyward_lifecycle::{id::ContentId, key::Status, verify::Outcome};
use keyward_testkit::fault::KILL;

use crate::{
    act::{default_profile, id},
    child,
    store::{World, parts_in, world_in},
};

/// Appends of a child's life before it ends: more than it makes in two whole rounds.
const SKIPS: u64 = 16;

#[test]
fn killed_at_every_append_all_that_was_acknowledged_is_there() {
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    let world = world_in(directory, "2025-01-15T00:00:00Z");
    world.generate("k1");
    world.anchor("pkg:cargo/*", &["k1"]);
    let World { parts, clock, keyward, actor } = world;
    keyward.close();
    drop((parts, keyward));
    let (mut signed, mut log_size) = (0, 0);
    for skip in 0..SKIPS {
        for fault in KILL {
            clock.advance(60);
            let at = keyward::clock::Clock::now(&*clock).to_string();
            let said = child::lives_until(directory, skip, fault, &at);
            let parts = parts_in(directory, &clock);
            let keyward = keyward::Keyward::open(&parts).expect("the store");
            clock.advance(60);
            let world = World { parts, clock: clock.clone(), keyward, actor: actor.clone() };
            let status = world.keyward.status().expect("a status");
            assert_eq!(status.quarantine, None);
            assert!(status.log_size >= log_size);
            log_size = status.log_size;
            assert!(world.has_signer(), "{skip} {fault:?}");
            world.audit();
            for line in &said {
                signed += check_said(&world, line);
            }
        }
    }
    assert!(signed > 30, "{signed}");
}

/// What the child was told is so; 1 for a signature.
#[track_caller]
fn check_said(world: &World, line: &str) -> usize {
    match line.split_once(' ') {
        Some(("signed", proof)) => {
            let proof: ContentId = proof.parse().expect("an address");
            let bundle = world.keyward.bundle(&proof).expect("an answer").expect("the proof");
            assert_eq!(bundle.ledger().len(), 1, "the ledger has it, under a checkpoint");
            assert_eq!(world.verify(bundle.envelope()).outcome, Outcome::Valid);
            1
        }
        Some(("active", key)) => {
            let state = world.keyward.state();
            let key = state.key(&id(key)).expect("the key");
            let status = key.status(world.keyward.now());
            assert!(matches!(status, Status::Active | Status::Rotating | Status::Deprecated));
            assert!(state.signer(&default_profile(), keyward::key::PURPOSE).is_some());
            0
        }
        _ => panic!("{line}"),
    }
}
