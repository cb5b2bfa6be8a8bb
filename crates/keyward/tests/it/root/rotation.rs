//! Rotation: a step at a time, with everything at work, forth and back.

use std::sync::atomic::{AtomicBool, Ordering};

use keyward::{
    ExecuteError,
    root::{RootError, rotate::Surroundings},
    storage::{Batch, Item, ItemChange, Shelf},
};
use keyward_lifecycle::{command::AcceptLoss, refusal::RootRefusal, root::Outcome};

use super::{full, is_refused, is_wrong_password};
use crate::store::PASSWORD;

const FRESH: &str = "seven other words of nobody at all";

#[test]
fn every_record_gets_a_fresh_data_key_in_the_new_epoch_while_all_is_at_work() {
    // RK-021, RK-022, RK-023, RK-024
    let world = full();
    let before = world.parts.storage.items(Shelf::Record, None, 100).expect("records");
    world.begin();
    world.serves("begun");
    let mut round = 0;
    while !world.step(2).complete {
        world.serves(&format!("step-{round}"));
        round += 1;
    }
    assert!(round > 2, "{round}");
    world.all_in(2);
    for item in before {
        let now = world.parts.storage.item(Shelf::Record, &item.name).expect("a record");
        assert_ne!(now, Some(item.bytes), "the same bytes in the new epoch");
    }
    world.finalise();
    assert_eq!(world.keyward.root_view().expect("a view").epoch, 2);
    world.serves("final");
    world.audit();
    let world = world.reopened();
    world.serves("again");
}

#[test]
fn who_signs_reads_and_writes_beside_a_rotation_is_never_refused() {
    // RK-022
    let world = full();
    for number in 0..40 {
        world.put_text(&format!("many/{number}"), "value");
    }
    let over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let served = threads.spawn(|| {
            let mut rounds = 0;
            while !over.load(Ordering::Relaxed) || rounds < 3 {
                world.serves(&format!("beside-{rounds}"));
                world.holds("many/7", "value");
                rounds += 1;
            }
            rounds
        });
        for _ in 0..3 {
            let _ = world.back_up();
            world.begin();
            let _ = world.reseal();
            world.finalise();
        }
        over.store(true, Ordering::Relaxed);
        assert!(served.join().expect("nobody was refused") >= 3);
    });
    assert_eq!(world.keyward.root_view().expect("a view").epoch, 4);
    world.all_in(4);
    world.audit();
}

#[test]
fn a_rotation_goes_on_after_a_restart_where_the_log_says_that_it_stopped() {
    // RK-026
    let world = full();
    world.begin();
    let first = world.step(2);
    assert_eq!((first.moved, first.complete), (2, false));
    let world = world.reopened();
    let rotation = world.keyward.root_view().expect("a view").fold.rotation.expect("one");
    assert_eq!(rotation.forth.moved, 2);
    world.serves("between");
    let last = world.reseal();
    assert_eq!((last.failed, last.complete), (0, true));
    world.all_in(2);
    world.finalise();
    world.serves("end");
}

#[test]
fn a_rotation_that_is_turned_back_leaves_every_record_in_the_old_epoch() {
    // RK-028
    let world = full();
    world.begin();
    let _ = world.step(3);
    world.serves("forth");
    let _ = world.keyward.turn_root_rotation_back(&world.actor).expect("the way back");
    world.serves("back");
    let world = world.reopened();
    world.serves("back-again");
    is_refused(
        world.keyward.finalise_root_rotation(&world.actor, AcceptLoss::No, None),
        RootRefusal::TurnedBack,
    );
    is_refused(world.keyward.finish_root_rollback(&world.actor), RootRefusal::PassIncomplete);
    let _ = world.reseal();
    world.all_in(1);
    let _ = world.keyward.finish_root_rollback(&world.actor).expect("the end");
    let world = world.reopened();
    world.serves("after");
    assert_eq!(world.keyward.root_view().expect("a view").epoch, 1);
    world.audit();
    // No number is used twice.
    let _ = world.back_up();
    world.begin();
    let _ = world.reseal();
    world.finalise();
    assert_eq!(world.keyward.root_view().expect("a view").epoch, 3);
    world.serves("third");
}

#[test]
fn a_batch_that_was_begun_before_the_way_back_is_not_one_of_it() {
    // RK-028: the worker is within a step while somebody turns the rotation back.
    for _ in 0..20 {
        let world = full();
        for number in 0..20 {
            world.put_text(&format!("many/{number}"), "value");
        }
        let _ = world.back_up();
        world.begin();
        std::thread::scope(|threads| {
            let stepping = threads.spawn(|| {
                let steps = (0..40).map(|_| world.keyward.reseal_step(&world.actor, 3));
                steps.filter(Result::is_ok).count()
            });
            let _ = world.keyward.turn_root_rotation_back(&world.actor).expect("the way back");
            assert!(stepping.join().expect("no step panics") > 0);
        });
        let _ = world.reseal();
        world.all_in(1);
        let _ = world.keyward.finish_root_rollback(&world.actor).expect("the end");
        world.serves("after");
        world.holds("many/7", "value");
    }
}

#[test]
fn a_store_that_is_sealed_while_its_slots_change_stays_sealed() {
    // RK-004
    let world = full();
    let names = ["a", "b"].map(str::to_owned);
    let mut seal = |_, _| {
        world.keyward.seal();
        Ok(())
    };
    let set = world.keyward.set_keepers(&world.actor, 2, &names, &mut seal);
    let refused = set.expect_err("there is no root key any more");
    assert!(matches!(refused, RootError::Execute(ExecuteError::Sealed)), "{refused:?}");
    assert!(!world.keyward.status().expect("a status").unsealed);
}

#[test]
fn a_record_that_does_not_open_stops_nothing_else_and_keeps_the_old_epoch_alive() {
    // RK-026
    let world = full();
    let name = b"private key `k2` version 1".to_vec();
    let good = world.parts.storage.item(Shelf::Record, &name).expect("read").expect("k2");
    let damage = |bytes: Vec<u8>| {
        let heads = world.parts.storage.heads().expect("heads");
        let item = Item { name: name.clone(), bytes };
        let items = vec![ItemChange::Put(Shelf::Record, item)];
        world.parts.storage.append(heads, &Batch { items, ..Batch::default() }).expect("written");
    };
    world.begin();
    let mut bad = good.clone();
    *bad.last_mut().expect("a byte") ^= 1;
    damage(bad.clone());
    let _ = world.reseal();
    let now = world.parts.storage.item(Shelf::Record, &name).expect("read");
    assert_eq!(now, Some(bad), "it is left as it is");
    let rotation = world.keyward.root_view().expect("a view").fold.rotation.expect("one");
    let failed: Vec<&str> = rotation.forth.failed.iter().map(|name| &**name).collect();
    assert_eq!(failed, ["private key `k2` version 1"]);
    is_refused(
        world.keyward.finalise_root_rotation(&world.actor, AcceptLoss::No, None),
        RootRefusal::RecordsFailed { count: 1 },
    );
    world.serves("held");
    // Its row is restored, and then it is settled.
    damage(good);
    let tried = world.step(10);
    assert_eq!((tried.moved, tried.failed, tried.complete), (1, 0, true));
    world.all_in(2);
    world.finalise();
    world.serves("end");
    let staged = crate::act::id("k2");
    let force = keyward_lifecycle::command::Force::No;
    let _ = world.keyward.promote_key(&world.actor, &staged, force).expect("a signer");
    let _ = world.sign("k2", "restored");
}

#[test]
fn records_that_are_given_up_are_named_in_the_log() {
    let world = full();
    let name = b"private key `k3` version 1".to_vec();
    let heads = world.parts.storage.heads().expect("heads");
    let item = Item { name, bytes: b"nothing".to_vec() };
    let items = vec![ItemChange::Put(Shelf::Record, item)];
    world.begin();
    let heads_now = world.parts.storage.heads().expect("heads");
    assert_ne!(heads, heads_now);
    world.parts.storage.append(heads_now, &Batch { items, ..Batch::default() }).expect("written");
    let _ = world.reseal();
    let _ = world.back_up();
    let done = world.keyward.finalise_root_rotation(&world.actor, AcceptLoss::Yes, None);
    let _ = done.expect("the end");
    let facts = world.facts("ROOT_ROTATION_FINALISED");
    assert!(format!("{facts:?}").contains("private key `k3` version 1"), "{facts:?}");
    world.serves("end");
}

#[test]
fn a_damaged_record_keeps_no_rotation_from_beginning_and_a_foreign_key_does() {
    // RK-025, RK-026
    let world = full();
    let spoil = |which: &dyn Fn(&str) -> bool| {
        let heads = world.parts.storage.heads().expect("heads");
        let mut items = world.parts.storage.items(Shelf::Record, None, 100).expect("records");
        items.retain(|item| which(std::str::from_utf8(&item.name).expect("a name")));
        for item in &mut items {
            *item.bytes.last_mut().expect("a byte") ^= 1;
        }
        let items = items.into_iter().map(|item| ItemChange::Put(Shelf::Record, item)).collect();
        world.parts.storage.append(heads, &Batch { items, ..Batch::default() }).expect("written");
    };
    let is_k2 = |name: &str| name.contains("`k2`");
    spoil(&|name| !is_k2(name));
    spoil(&is_k2);
    let begun = world.try_begin(&Surroundings::default());
    assert!(matches!(begun, Err(RootError::Check { check: "records", .. })), "{begun:?}");
    spoil(&|name| !is_k2(name));
    world.begin();
    let _ = world.reseal();
    let rotation = world.keyward.root_view().expect("a view").fold.rotation.expect("one");
    let failed: Vec<&str> = rotation.forth.failed.iter().map(|name| &**name).collect();
    assert_eq!(failed, ["private key `k2` version 1"]);
}

#[test]
fn a_key_that_is_destroyed_while_its_batch_is_sealed_anew_does_not_come_back() {
    let world = full();
    world.begin();
    let moved =
        |name: &str| world.epochs().iter().any(|(of, epoch)| of.contains(name) && *epoch == 2);
    while !moved("k1") {
        let _ = world.step(1);
    }
    // It is next, and is sealed anew already.
    assert!(!moved("k2"));
    let _ = world
        .keyward
        .execute(
            &world.actor,
            keyward_lifecycle::command::Command::Revoke(crate::store::World::revocation(
                "k2",
                keyward_lifecycle::key::Reason::Superseded,
            )),
        )
        .expect("a revocation");
    let _ = world.keyward.destroy_key(&world.actor, &crate::act::id("k2")).expect("destroyed");
    while !world.step(1).complete {}
    assert!(world.epochs().iter().all(|(name, _)| !name.contains("k2")));
    world.finalise();
}

#[test]
fn what_is_sealed_ahead_of_the_way_back_is_not_written_after_it() {
    // RK-028
    let world = full();
    world.begin();
    assert_eq!(world.step(1).moved, 1);
    let _ = world.keyward.turn_root_rotation_back(&world.actor).expect("the way back");
    while !world.step(1).complete {}
    world.all_in(1);
    let _ = world.keyward.finish_root_rollback(&world.actor).expect("the end");
    world.serves("after");
}

#[test]
fn a_rotation_does_not_begin_when_a_check_says_no() {
    // RK-025, RK-042
    let world = full();
    let refused = |around: &Surroundings| match world.try_begin(around) {
        Err(RootError::Check { check, .. }) => check,
        other => panic!("{other:?}"),
    };
    let little = Surroundings { free_bytes: Some(1), ..Surroundings::default() };
    assert_eq!(refused(&little), "resources");
    let bad = Surroundings { backup: Some(Ok(b"{}".to_vec())), ..Surroundings::default() };
    assert_eq!(refused(&bad), "backup");
    let gone = Surroundings { backup: Some(Err("no such file".into())), ..Surroundings::default() };
    assert_eq!(refused(&gone), "backup");
    let alone = Surroundings { keepers_missing: vec!["k1".to_owned()], ..Surroundings::default() };
    assert_eq!(refused(&alone), "keepers");
    assert_eq!(world.facts("ROOT_ROTATION_REFUSED").len(), 4);
    assert!(world.facts("ROOT_ROTATION_BEGUN").is_empty());
    let checks = world.keyward.check_rotation(&Surroundings::default()).expect("checks");
    assert!(checks.iter().all(|check| check.refused.is_none()), "{checks:?}");
    world.all_in(1);
}

#[test]
fn without_a_backup_no_rotation_begins() {
    // RK-025
    let world = crate::store::world("2025-01-15T00:00:00Z");
    let begun = world.try_begin(&Surroundings::default());
    assert!(matches!(begun, Err(RootError::Check { check: "backup", .. })), "{begun:?}");
}

#[test]
fn the_backup_is_renewed_and_read_again_before_the_old_epoch_goes() {
    // RK-027
    let world = full();
    world.begin();
    let _ = world.reseal();
    // The newest is of the old epoch, which could not be restored any more.
    let none = world.keyward.finalise_root_rotation(&world.actor, AcceptLoss::No, None);
    assert!(matches!(none, Err(RootError::Check { check: "backup", .. })), "{none:?}");
    let mut lost = |_: &[u8]| Err("no space left on the device".to_owned());
    let done = world.keyward.finalise_root_rotation(&world.actor, AcceptLoss::No, Some(&mut lost));
    assert!(matches!(done, Err(RootError::BackupNotRenewed(_))), "{done:?}");
    assert!(world.keyward.root_view().expect("a view").fold.rotation.is_some());
    let mut other = |_: &[u8]| Ok(b"{}".to_vec());
    let done = world.keyward.finalise_root_rotation(&world.actor, AcceptLoss::No, Some(&mut other));
    assert!(matches!(done, Err(RootError::BackupNotRenewed(_))), "{done:?}");
    let mut kept = Vec::new();
    let mut keep = |bytes: &[u8]| {
        kept = bytes.to_vec();
        Ok(bytes.to_vec())
    };
    let done = world.keyward.finalise_root_rotation(&world.actor, AcceptLoss::No, Some(&mut keep));
    let _ = done.expect("the end");
    let view = world.keyward.root_view().expect("a view");
    assert!(view.backup_is_current);
    assert_eq!(view.fold.backup_check.expect("a check").outcome, Outcome::Good);
    let checked = world.keyward.check_backup(&world.actor, &kept, Some(PASSWORD.into()));
    assert!(checked.expect("a backup").is_current);
}

#[test]
fn an_emergency_demands_a_fresh_password_and_has_no_way_back() {
    // RK-020
    let world = full();
    let stale = world.emergency(PASSWORD);
    assert!(matches!(stale, Err(RootError::Rotation(_))), "{stale:?}");
    world.emergency(FRESH).expect("a rotation");
    is_refused(world.keyward.turn_root_rotation_back(&world.actor), RootRefusal::NoWayBack);
    let _ = world.reseal();
    world.finalise();
    world.serves("fresh");
    world.keyward.seal();
    is_wrong_password(world.keyward.unseal_with_password(&world.actor, PASSWORD.into()));
    world.keyward.unseal_with_password(&world.actor, FRESH.into()).expect("the fresh password");
    world.serves("unsealed");
}

#[test]
fn a_paused_rotation_waits() {
    // RK-023
    let world = full();
    is_refused(world.keyward.pause_root_rotation(&world.actor, None), RootRefusal::NoRotation);
    world.begin();
    is_refused(world.try_begin(&Surroundings::default()), RootRefusal::RotationOpen);
    let _ = world.keyward.pause_root_rotation(&world.actor, Some("by hand")).expect("paused");
    is_refused(world.keyward.reseal_step(&world.actor, 2), RootRefusal::RotationPaused);
    let world = world.reopened();
    is_refused(world.keyward.reseal_step(&world.actor, 2), RootRefusal::RotationPaused);
    let _ = world.keyward.pause_root_rotation(&world.actor, None).expect("resumed");
    let _ = world.reseal();
    world.finalise();
    world.serves("end");
}
