//! A store that was restored from an old copy.

use std::{fs, path::Path};

use keyward::ExecuteError;
use keyward_lifecycle::{
    envelope::Envelope,
    event::Fact,
    key::Reason,
    verify::{Outcome, Reason as Why},
};

use crate::{
    act::Cause,
    store::{World, parts_in, world_in},
};

/// A store of which a copy was kept before its key was compromised, and that was restored.
/// The envelopes: one made before the copy, one after.
fn restored(directory: &Path) -> (World, Envelope, Envelope) {
    let world = world_in(directory, "2025-01-15T00:00:00Z");
    world.generate("k1");
    world.anchor("pkg:cargo/*", &["k1"]);
    let before = world.sign("k1", "a").envelope;
    let World { parts, clock, keyward, actor } = world;
    keyward.close();
    drop((parts, keyward));
    let (file, copy) = (directory.join("keyward.db"), directory.join("copy"));
    fs::copy(&file, &copy).expect("a copy");
    let parts = parts_in(directory, &clock);
    let keyward = keyward::Keyward::open(&parts).expect("the store");
    let world = World { parts, clock, keyward, actor }.unsealed();
    world.clock.advance(60);
    let after = world.sign("k1", "b").envelope;
    world.generate("k2");
    world.generate("k3");
    world.revoke("k1", Reason::KeyCompromise);
    let World { parts, clock, keyward, actor } = world;
    keyward.close();
    drop((parts, keyward));
    fs::copy(&copy, &file).expect("restored");
    clock.advance(60);
    let parts = parts_in(directory, &clock);
    let keyward = keyward::Keyward::open(&parts).expect("the old copy");
    (World { parts, clock, keyward, actor }.unsealed(), before, after)
}

fn is_quarantined(world: &World) -> bool {
    world.keyward.status().expect("a status").quarantine.is_some()
}

#[track_caller]
fn check_quarantined(world: &World, before: &Envelope) {
    assert!(is_quarantined(world));
    let error = world.try_sign("k1", "x").expect_err("quarantined").cause();
    assert!(matches!(error, ExecuteError::Quarantined), "{error:?}");
    let error = world.try_generate("k4").expect_err("quarantined").cause();
    assert!(matches!(error, ExecuteError::Quarantined), "{error:?}");
    let verdict = world.verify(before);
    assert_ne!(verdict.outcome, Outcome::Valid, "{verdict:?}");
    assert_eq!(verdict.findings, []);
}

#[test]
fn a_restored_copy_verifies_and_signs_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let (world, before, after) = restored(directory.path());
    check_quarantined(&world, &before);
    // The copy knows nothing of the revocation, and nothing of the second signature: neither
    // brings the key back, and neither accuses an honest signer.
    world.check(&before, Outcome::Indeterminate, Why::StaleView);
    world.check(&after, Outcome::Indeterminate, Why::StaleView);
    assert_eq!(world.verify(&after).findings, []);
    check_quarantined(&world.reopened(), &before);
}

#[test]
fn a_quarantined_store_revokes_and_starts_again_however_much_it_logged() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut world, before, _) = restored(directory.path());
    for round in 0..12 {
        match round {
            0 => world.revoke("k1", Reason::Superseded),
            1 => world.revoke("k1", Reason::KeyCompromise),
            _ => drop(world.keyward.actor(&format!("local:{round}")).expect("an actor")),
        }
        world = world.reopened();
        check_quarantined(&world, &before);
    }
    world.keyward.accept_rollback(&world.actor).expect("accepted");
    let world = world.reopened();
    assert!(!is_quarantined(&world));
    world.audit();
    world.generate("k4");
}

#[test]
fn an_accepted_rollback_is_logged_and_signed_for_and_the_store_goes_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let (world, _, after) = restored(directory.path());
    let old_pin = world.parts.pins.load().expect("pins");
    world.keyward.seal();
    let error = world.keyward.accept_rollback(&world.actor).expect_err("sealed");
    assert!(matches!(error, ExecuteError::Sealed), "{error:?}");
    let world = world.unsealed();
    world.keyward.accept_rollback(&world.actor).expect("accepted").expect("a receipt");
    assert!(!is_quarantined(&world));
    let accepted = world.facts("ROLLBACK_ACCEPTED");
    let [Fact::RollbackAccepted { kept_size, found_size, .. }] = accepted[..] else {
        panic!("{accepted:?}");
    };
    assert!(kept_size > found_size);
    assert_ne!(world.parts.pins.load().expect("pins"), old_pin);
    // What was signed since the copy is missing here, which the log says.
    assert_eq!(world.facts("LEDGER_GAP").len(), 1);
    let verdict = world.verify(&after);
    assert_eq!((verdict.outcome, verdict.findings), (Outcome::Valid, vec![]));
    world.sign("k1", "c");
    let world = world.reopened();
    assert!(!is_quarantined(&world));
    world.sign("k1", "d");
    world.audit();
    assert!(world.keyward.accept_rollback(&world.actor).expect("nothing to accept").is_none());
}

#[test]
fn a_rollback_that_was_accepted_stands_although_the_pins_could_not_follow() {
    let directory = tempfile::tempdir().expect("a directory");
    let (world, _, _) = restored(directory.path());
    let old_pin = world.parts.pins.load().expect("pins").expect("pins");
    world.keyward.accept_rollback(&world.actor).expect("accepted");
    world.generate("k4");
    // Killed after the write and before the pins were saved.
    world.keyward.close();
    world.parts.pins.save(&old_pin).expect("the old pins");
    let world = world.again().expect("the log itself says that it was accepted");
    assert!(!is_quarantined(&world));
    world.generate("k5");
    world.audit();
}

#[test]
fn an_end_of_the_ledger_that_is_missing_is_noticed() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = world_in(directory.path(), "2025-01-15T00:00:00Z");
    world.generate("k1");
    let World { parts, clock, keyward, actor } = world;
    keyward.close();
    drop((parts, keyward));
    let (file, copy) = (directory.path().join("keyward.db"), directory.path().join("copy"));
    fs::copy(&file, &copy).expect("a copy");
    let parts = parts_in(directory.path(), &clock);
    let keyward = keyward::Keyward::open(&parts).expect("the store");
    let world = World { parts, clock, keyward, actor }.unsealed();
    // Signatures change nothing in the log; the stop keeps the head of the ledger all the same.
    world.sign("k1", "a");
    let World { parts, clock, keyward, actor } = world;
    keyward.close();
    drop((parts, keyward));
    fs::copy(&copy, &file).expect("restored");
    let parts = parts_in(directory.path(), &clock);
    let keyward = keyward::Keyward::open(&parts).expect("the old copy");
    assert!(is_quarantined(&World { parts, clock, keyward, actor }));
}
