//! Backups of the root key: checked, restored, and refused where they do not belong.

use keyward::{
    ExecuteError,
    root::{RootError, backup::Older, slot::SlotTerms},
    start::UnsealFailed,
    storage::{Batch, Item, ItemChange, Shelf},
};
use keyward_lifecycle::{command::AcceptLoss, refusal::RootRefusal, root::Outcome};
use keyward_testkit::fault::Fault;

use super::{cost, full, is_refused, is_wrong_password};
use crate::store::{PASSWORD, World};

fn damage_header(world: &World) {
    let heads = world.parts.storage.heads().expect("heads");
    let item = Item { name: 1_u32.to_be_bytes().to_vec(), bytes: b"{}".to_vec() };
    let items = vec![ItemChange::Put(Shelf::Root, item)];
    world.parts.storage.append(heads, &Batch { items, ..Batch::default() }).expect("written");
}

#[test]
fn a_restore_checks_password_root_id_and_records_before_it_serves() {
    // RK-030, RK-052
    let world = full();
    let backup = world.back_up();
    let unsealed =
        world.keyward.restore_root(&world.actor, &backup, PASSWORD.into(), Older::Refused);
    assert!(matches!(unsealed, Err(RootError::Unsealed)), "{unsealed:?}");
    let world = world.reopened();
    world.keyward.seal();
    damage_header(&world);
    let lost = world.keyward.unseal_with_password(&world.actor, PASSWORD.into());
    assert!(matches!(lost, Err(RootError::Unseal(UnsealFailed::Header(_)))), "{lost:?}");
    is_wrong_password(world.keyward.restore_root(
        &world.actor,
        &backup,
        "no such word".into(),
        Older::Refused,
    ));
    let foreign = full().back_up();
    let refused =
        world.keyward.restore_root(&world.actor, &foreign, PASSWORD.into(), Older::Refused);
    assert!(matches!(refused, Err(RootError::Backup(_))), "{refused:?}");
    let (view, sample) = world
        .keyward
        .restore_root(&world.actor, &backup, PASSWORD.into(), Older::Refused)
        .expect("restored");
    assert!(view.is_current);
    assert!(sample.opened > 4, "{sample:?}");
    world.serves("restored");
    world.reopened().serves("again");
}

#[test]
fn a_backup_of_an_epoch_that_is_gone_is_refused() {
    let world = full();
    let old = world.back_up();
    world.begin();
    let _ = world.reseal();
    world.finalise();
    world.keyward.seal();
    let refused = world.keyward.restore_root(&world.actor, &old, PASSWORD.into(), Older::Refused);
    let old_epoch =
        matches!(refused, Err(RootError::Unseal(UnsealFailed::OldEpoch { found: 1, needed: 2 })));
    assert!(old_epoch, "{refused:?}");
}

#[test]
fn a_backup_that_was_kept_during_a_rotation_restores_after_its_end() {
    // RK-027, RK-030
    let world = full();
    let _ = world.back_up();
    world.begin();
    let _ = world.reseal();
    let during = world.back_up();
    let ended = world.keyward.finalise_root_rotation(&world.actor, AcceptLoss::No, None);
    let _ = ended.expect("a backup of this epoch is there");
    world.keyward.seal();
    let refused =
        world.keyward.restore_root(&world.actor, &during, PASSWORD.into(), Older::Refused);
    assert!(matches!(refused, Err(RootError::NewerHeader)), "{refused:?}");
    let restored =
        world.keyward.restore_root(&world.actor, &during, PASSWORD.into(), Older::Accepted);
    let _ = restored.expect("a backup of this epoch");
    world.serves("restored");
    world.all_in(2);
    world.reopened().serves("again");
}

#[test]
fn a_backup_of_another_stage_of_a_rotation_is_refused() {
    let world = full();
    let before = world.back_up();
    world.begin();
    let open = world.keyward.new_backup().expect("a backup");
    let refused = |world: &World, backup: &[u8]| {
        world.keyward.seal();
        is_refused(
            world.keyward.restore_root(&world.actor, backup, PASSWORD.into(), Older::Refused),
            RootRefusal::BackupDoesNotFit,
        );
        world.keyward.unseal(PASSWORD.into()).expect("the store as it was");
    };
    let _ = world.keyward.turn_root_rotation_back(&world.actor).expect("the way back");
    let _ = world.reseal();
    let _ = world.keyward.finish_root_rollback(&world.actor).expect("the end");
    refused(&world, &open);
    world.serves("rolled-back");
    // The one from before knows nothing of epoch 2, and still its number is not used twice.
    world.keyward.seal();
    let restored =
        world.keyward.restore_root(&world.actor, &before, PASSWORD.into(), Older::Accepted);
    let _ = restored.expect("a backup of this epoch");
    world.serves("restored");
    let _ = world.back_up();
    world.begin();
    let _ = world.reseal();
    world.finalise();
    assert_eq!(world.keyward.root_view().expect("a view").epoch, 3);
    world.serves("third");
}

#[test]
fn a_check_of_a_backup_is_logged_with_its_outcome() {
    // RK-012, RK-042
    let world = full();
    let backup = world.back_up();
    let outcome =
        || world.keyward.root_view().expect("a view").fold.backup_check.expect("one").outcome;
    let checked = world.keyward.check_backup(&world.actor, &backup, None).expect("a backup");
    assert!(checked.is_current);
    assert_eq!(outcome(), Outcome::Good);
    let mut bad = backup.clone();
    bad[40] ^= 1;
    let refused = world.keyward.check_backup(&world.actor, &bad, None);
    assert!(matches!(refused, Err(RootError::Backup(_))), "{refused:?}");
    assert_eq!(outcome(), Outcome::Bad);
    let wrong = world.keyward.check_backup(&world.actor, &backup, Some("no such word".into()));
    assert!(matches!(wrong, Err(RootError::Unseal(UnsealFailed::WrongPassword))), "{wrong:?}");
    // A changed slot leaves it behind.
    let terms = SlotTerms { label: "second", cost: cost() };
    let password = "seven other words of nobody at all";
    world.keyward.add_password(&world.actor, password.into(), terms).expect("a slot");
    assert!(!world.keyward.root_view().expect("a view").backup_is_current);
    let checked = world.keyward.check_backup(&world.actor, &backup, None).expect("a backup");
    assert!(!checked.is_current);
}

#[test]
fn a_backup_brings_no_removed_password_back_unless_that_is_wanted() {
    // RK-013, RK-030
    let world = full();
    let old = world.back_up();
    let fresh = "seven other words of nobody at all";
    let changed =
        world.keyward.change_password(&world.actor, PASSWORD.into(), fresh.into(), (None, cost()));
    let _ = changed.expect("another password");
    world.keyward.seal();
    let restore = |older| world.keyward.restore_root(&world.actor, &old, PASSWORD.into(), older);
    let refused = restore(Older::Refused);
    assert!(matches!(refused, Err(RootError::NewerHeader)), "{refused:?}");
    is_wrong_password(world.keyward.unseal_with_password(&world.actor, PASSWORD.into()));
    let _ = restore(Older::Accepted).expect("restored");
    world.keyward.seal();
    is_wrong_password(world.keyward.unseal_with_password(&world.actor, fresh.into()));
    world.keyward.unseal_with_password(&world.actor, PASSWORD.into()).expect("the old one");
}

#[test]
fn a_backup_of_which_the_log_cannot_tell_is_not_handed_out() {
    // RK-043
    let (storage, parts, clock) = crate::store::faulty("2025-01-15T00:00:00Z");
    let world = crate::store::begin(parts, clock);
    storage.arm(0, Fault::LostBefore);
    let refused = world.keyward.hand_out_backup(&world.actor);
    let refused = refused.expect_err("the log does not know of it");
    let unavailable = matches!(refused, RootError::Execute(ExecuteError::Unavailable(_)));
    assert!(unavailable, "{refused:?}");
    let handed = world.keyward.hand_out_backup(&world.actor).expect("a backup");
    assert_eq!(world.facts("ROOT_BACKUP_HANDED_OUT").len(), 1);
    assert!(world.keyward.note_backup(&world.actor, &handed).expect("kept").is_current);
}
