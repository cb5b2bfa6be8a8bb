//! Snapshots: a start that reads less, and believes no more.

use keyward::{
    audit::AuditReport,
    storage::{Batch, Item, ItemChange, Shelf},
};
use keyward_lifecycle::verify::{Outcome, Reason as Why};

use crate::store::{World, world};

/// A store with some of everything, a snapshot in the middle, and a tail.
fn lived() -> World {
    let world = world("2025-01-15T00:00:00Z");
    world.generate("k1");
    world.anchor("pkg:cargo/*", &["k1"]);
    world.sign("k1", "a");
    world.keyward.snapshot().expect("a snapshot");
    world.clock.advance(60);
    world.generate("k2");
    world.sign("k1", "b");
    world
}

fn items(world: &World) -> Vec<Item> {
    world.parts.storage.items(Shelf::Snapshot, None, 100).expect("items")
}

fn put(world: &World, item: Item) {
    let heads = world.parts.storage.heads().expect("heads");
    let batch = Batch { items: vec![ItemChange::Put(Shelf::Snapshot, item)], ..Batch::default() };
    world.parts.storage.append(heads, &batch).expect("an edit");
}

#[test]
fn a_start_from_a_snapshot_is_a_start_from_the_first_leaf() {
    let world = lived();
    let (size, digest) = world.keyward.snapshot().expect("a snapshot");
    let note = world.keyward.checkpoint().expect("an answer").expect("a checkpoint");
    assert!(note.contains(&format!("snapshot {size} {digest}")), "{note}");
    assert_eq!(items(&world).len(), 1, "the older one is gone");
    world.generate("k3");
    let before = world.keyward.state().to_snapshot().expect("bytes");
    let world = world.reopened();
    assert_eq!(world.keyward.state().to_snapshot().expect("bytes"), before);
    let proof = world.sign("k1", "c").envelope;
    world.check(&proof, Outcome::Valid, Why::InWindow);
    world.audit();
}

#[test]
fn a_snapshot_that_was_changed_is_passed_over() {
    let world = lived();
    let before = world.keyward.state().to_snapshot().expect("bytes");
    world.keyward.close();
    let good = items(&world).remove(0);
    for place in [0, 3, 4, good.bytes.len() / 2, good.bytes.len() - 1] {
        let mut item = good.clone();
        item.bytes[place] ^= 1;
        put(&world, item);
        let keyward = keyward::Keyward::open(&world.parts).expect("a replay");
        assert_eq!(keyward.state().to_snapshot().expect("bytes"), before, "{place}");
    }
    let world = world.again().expect("the store");
    let AuditReport { problems, .. } = world.keyward.verify_audit(None).expect("a replay");
    assert_eq!(problems, Vec::<String>::new());
    world.sign("k1", "c");
}

#[test]
fn a_snapshot_is_taken_only_with_the_root_key() {
    let world = lived();
    world.keyward.seal();
    let error = world.keyward.snapshot().expect_err("sealed");
    assert!(matches!(error, keyward::ExecuteError::Sealed), "{error:?}");
}
