//! Snapshots: a start that reads less, and believes no more.

use keyward::{
    ExecuteError,
    audit::AuditReport,
    key::KeyRequest,
    rotation::RotateMode,
    storage::{Batch, Item, ItemChange, Shelf, Storage as _},
};
use keyward_lifecycle::{
    key::Reason,
    verify::{Outcome, Reason as Why},
};

use crate::{
    act::id,
    store::{World, begin, faulty, world},
};

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
    assert!(matches!(error, ExecuteError::Sealed), "{error:?}");
}

#[test]
fn a_long_public_key_is_read_from_the_log_by_a_store_that_began_from_a_snapshot() {
    // Design, what it must reach: long public keys on disk.
    let world = world("2025-01-15T00:00:00Z");
    for (name, profile) in [("p", "pqc"), ("h", "hybrid")] {
        let request = KeyRequest::new(id(name), profile.parse().expect("a profile"));
        world.keyward.generate_key(&world.actor, &request).expect("a key");
    }
    let envelopes = ["p", "h"].map(|name| world.sign(name, name).envelope);
    let given = ["p", "h"].map(|name| spki(&world, name));
    world.clock.advance(60);
    world.keyward.snapshot().expect("a snapshot");
    let world = world.reopened();
    for name in ["p", "h"] {
        let state = world.keyward.state();
        let held = &state.key(&id(name)).expect("a key").record.public_key;
        assert!(held.bytes().is_none() && held.leaf().is_some(), "{held:?}");
    }
    assert_eq!(["p", "h"].map(|name| spki(&world, name)), given);
    // Rows, signatures and verdicts are as if it were at hand.
    world.anchor("pkg:cargo/*", &["p", "h"]);
    for (name, envelope) in ["p", "h"].iter().zip(envelopes) {
        world.clock.advance(60);
        let after = world.sign(name, "again").envelope;
        world.check(&after, Outcome::Valid, Why::InWindow);
        world.check(&envelope, Outcome::Invalid, Why::NotYetValid);
    }
    world.try_rotate("p", None, RotateMode::Go).expect("a successor");
    world.revoke("h", Reason::KeyCompromise);
    world.audit();
    let before = world.keyward.state().to_snapshot().expect("bytes");
    let world = world.reopened();
    assert_eq!(world.keyward.state().to_snapshot().expect("bytes"), before);
    world.audit();
}

#[test]
fn a_leaf_that_cannot_be_read_refuses_what_shows_its_key_and_changes_nothing() {
    let (storage, parts, clock) = faulty("2025-01-15T00:00:00Z");
    let world = begin(parts, clock);
    let request = KeyRequest::new(id("p"), "pqc".parse().expect("a profile"));
    world.keyward.generate_key(&world.actor, &request).expect("a key");
    world.keyward.snapshot().expect("a snapshot");
    let world = world.reopened();
    let before = storage.heads().expect("heads");
    storage.set_unreadable(true);
    let error = world.try_anchor("pkg:cargo/*", &["p"]).expect_err("the fault");
    assert!(matches!(error, ExecuteError::Unavailable(_)), "{error:?}");
    storage.set_unreadable(false);
    assert_eq!(storage.heads().expect("heads"), before);
    world.anchor("pkg:cargo/*", &["p"]);
    world.audit();
}

fn spki(world: &World, name: &str) -> Vec<u8> {
    let state = world.keyward.state();
    let record = &state.key(&id(name)).expect("a key").record;
    world.keyward.public_key(record).expect("its bytes").into_owned()
}
