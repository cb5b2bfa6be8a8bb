//! Slots: added, removed, changed; shares handed out; none of it touches a record.

use std::sync::Arc;

use keyward::{
    ExecuteError,
    keeper::{Keeper, ShareBytes, Standing},
    root::{
        RootError,
        rotate::{Begin, KeepersNext, Surroundings},
        slot::SlotTerms,
    },
};
use keyward_barrier::ChangeFailed;
use keyward_lifecycle::refusal::RootRefusal;
use keyward_testkit::clock::FakeClock;

use super::{cost, full, is_refused, is_wrong_password};
use crate::store::{PASSWORD, World};

const OTHER: &str = "seven other words of nobody at all";

fn terms() -> SlotTerms<'static> {
    SlotTerms { label: "second", cost: cost() }
}

fn unseals(world: &World, password: &str) {
    world.keyward.seal();
    world.keyward.unseal_with_password(&world.actor, password.into()).expect("the password");
}

#[test]
fn a_second_password_opens_and_the_last_way_in_stays() {
    let world = full();
    let records = world.epochs();
    let first = world.keyward.slots().expect("slots").0[0].id.clone();
    let second = world.keyward.add_password(&world.actor, OTHER.into(), terms()).expect("a slot");
    unseals(&world, OTHER);
    unseals(&world, PASSWORD);
    world.keyward.remove_slot(&world.actor, &first).expect("removed");
    world.keyward.seal();
    is_wrong_password(world.keyward.unseal_with_password(&world.actor, PASSWORD.into()));
    unseals(&world, OTHER);
    let last = world.keyward.remove_slot(&world.actor, &second);
    assert!(matches!(last, Err(RootError::Change(ChangeFailed::LastSlot(_)))), "{last:?}");
    assert_eq!(world.epochs(), records);
    world.serves("end");
    world.audit();
}

#[test]
fn a_changed_password_lets_the_old_one_in_no_more() {
    // RK-013
    let world = full();
    is_wrong_password(world.keyward.change_password(
        &world.actor,
        OTHER.into(),
        OTHER.into(),
        (Some("mine"), cost()),
    ));
    let changed =
        world.keyward.change_password(&world.actor, PASSWORD.into(), OTHER.into(), (None, cost()));
    let slot = changed.expect("a change");
    assert_eq!(
        world.keyward.verify_password(&world.actor, OTHER.into()).expect("the password"),
        slot
    );
    is_wrong_password(world.keyward.verify_password(&world.actor, PASSWORD.into()));
    unseals(&world, OTHER);
    world.serves("end");
}

#[test]
fn a_changed_password_keeps_the_label_of_its_slot_unless_another_is_given() {
    let world = full();
    let second = world.keyward.add_password(&world.actor, OTHER.into(), terms()).expect("a slot");
    let mut password = OTHER.to_owned();
    for (given, expected) in [(None, "second"), (Some("third"), "third"), (None, "third")] {
        let new = format!("{password} again");
        let (old, cost) = (password.into_bytes(), cost());
        let changed =
            world.keyward.change_password(&world.actor, old, new.clone().into(), (given, cost));
        assert_eq!(changed.expect("a change"), second);
        let slots = world.keyward.slots().expect("slots").0;
        let labels: Vec<_> = slots.iter().map(|slot| slot.label.as_str()).collect();
        assert_eq!(labels, ["password", expected]);
        password = new;
    }
}

#[test]
fn one_holder_gets_one_share() {
    let world = full();
    let recipient = "age1y7v0f3gcdx7zqfp4zyvwv5cup6ajcmjyynvu4xxfkz73sgl7lu8s9fu0xs".to_owned();
    let twice = [recipient.clone(), recipient.clone()];
    let made = world.keyward.add_recovery(&world.actor, (2, 2), "paper", &twice);
    let why = format!("the recipient {recipient} is named twice: each holder gets one share");
    assert_eq!(made.expect_err("one holder, two shares").to_string(), why);
    assert_eq!(world.keyward.slots().expect("slots").0.len(), 1);
}

#[test]
fn a_weak_password_is_refused_with_its_reasons() {
    // RK-010
    let world = full();
    let weak = world.keyward.add_password(&world.actor, "password1234".into(), terms());
    assert!(matches!(weak, Err(RootError::Change(ChangeFailed::Password(_)))), "{weak:?}");
    assert_eq!(world.keyward.slots().expect("slots").0.len(), 1);
}

#[test]
fn slots_do_not_change_while_a_rotation_is_open() {
    let world = full();
    world.begin();
    is_refused(
        world.keyward.add_password(&world.actor, OTHER.into(), terms()),
        RootRefusal::RotationOpen,
    );
    let _ = world.reseal();
    world.finalise();
    world.keyward.add_password(&world.actor, OTHER.into(), terms()).expect("a slot");
}

#[test]
fn recovery_shares_unseal_and_survive_a_rotation() {
    // RK-051
    let world = full();
    let (_, shares) =
        world.keyward.add_recovery(&world.actor, (2, 3), "paper", &[]).expect("shares");
    let _ = world.back_up();
    world.begin();
    let _ = world.reseal();
    world.finalise();
    world.keyward.seal();
    let text = |index: usize| shares[index].text.as_str();
    let few = world.keyward.unseal_with_recovery(&world.actor, &[text(0)]);
    assert!(few.is_err_and(|error| error.to_string().contains('2')));
    let twice = world.keyward.unseal_with_recovery(&world.actor, &[text(1), text(1)]);
    assert!(twice.is_err_and(|error| error.to_string().contains("twice")));
    world
        .keyward
        .unseal_with_recovery(&world.actor, &[text(2), text(0)])
        .expect("two of three shares");
    world.serves("recovered");
}

#[test]
fn shares_for_holders_are_encrypted_to_them_or_nothing_is_made() {
    let world = full();
    let none = ["age1nobody".to_owned(), "age1noone".to_owned()];
    let made = world.keyward.add_recovery(&world.actor, (2, 2), "paper", &none);
    assert!(matches!(made, Err(RootError::Malformed(_))), "{made:?}");
    let few = ["age1nobody".to_owned()];
    let made = world.keyward.add_recovery(&world.actor, (2, 2), "paper", &few);
    assert!(matches!(made, Err(RootError::Malformed(_))), "{made:?}");
    assert_eq!(world.keyward.slots().expect("slots").0.len(), 1);
}

#[test]
fn a_key_that_is_split_anew_unseals_wherever_that_was_cut_off() {
    // RK-051
    let world = full();
    let names = ["a", "b"].map(str::to_owned);
    let memory = keyward::keeper::Memory::UnlockedAllowed;
    let clock = || Arc::new(FakeClock::at("2025-06-01T00:00:00Z"));
    let keepers = names.each_ref().map(|_| Keeper::new(clock(), memory));
    let put = |shares: Vec<(String, ShareBytes)>, standing| -> Result<(), String> {
        for ((_, share), keeper) in shares.into_iter().zip(&keepers) {
            keeper.take(&share, standing).expect("a share");
        }
        Ok(())
    };
    let unseal = || {
        let set = world.keyward.keeper_set().expect("a header").expect("keepers");
        let set = set.share_of("a").expect("a share").set;
        let given = |keeper: &Keeper| keeper.give(Some(set)).remove(0);
        world.keyward.seal();
        let shares = keepers.each_ref().map(given);
        world.keyward.unseal_with_keepers(&world.actor, &shares).expect("the shares");
    };
    world.keyward.set_keepers(&world.actor, 2, &names, &mut { put }).expect("keepers");
    unseal();
    // Delivered, and then no header; twice, and nobody has looked after the keepers.
    let mut cut = |shares, standing| {
        put(shares, standing)?;
        if standing == Standing::Rotating {
            world.keyward.seal();
        }
        Ok(())
    };
    for _ in 0..2 {
        let cut = world.keyward.set_keepers(&world.actor, 2, &names, &mut cut);
        let cut = cut.expect_err("sealed meanwhile");
        assert!(matches!(cut, RootError::Execute(ExecuteError::Sealed)), "{cut:?}");
        assert_eq!(keepers.each_ref().map(|keeper| keeper.status().shares.len()), [2, 2]);
        unseal();
    }
    // A rotation in the same way, and then the split.
    let _ = world.back_up();
    let keep = Begin::Ordinary { keepers: KeepersNext::AsBefore };
    let around = Surroundings::default();
    let begun = world.keyward.begin_root_rotation(&world.actor, keep, &around, &mut cut);
    let begun = begun.expect_err("sealed meanwhile");
    assert!(matches!(begun, RootError::Execute(ExecuteError::Sealed)), "{begun:?}");
    unseal();
    world.keyward.set_keepers(&world.actor, 2, &names, &mut { put }).expect("keepers");
    assert_eq!(keepers.each_ref().map(|keeper| keeper.status().shares.len()), [1, 1]);
    // While a rotation is open both of its sets count, and no other comes to be.
    let _ = world.back_up();
    let keep = Begin::Ordinary { keepers: KeepersNext::AsBefore };
    let begun = world.keyward.begin_root_rotation(&world.actor, keep, &around, &mut { put });
    let _ = begun.expect("a rotation");
    let refused = world.keyward.set_keepers(&world.actor, 2, &names, &mut { put });
    is_refused(refused, RootRefusal::RotationOpen);
    assert_eq!(keepers.each_ref().map(|keeper| keeper.status().shares.len()), [2, 2]);
    unseal();
    world.serves("end");
}

#[test]
fn nobody_waits_for_keepers_who_seals_a_record_meanwhile() {
    let world = full();
    let mut seals = |_, _| {
        std::thread::scope(|threads| {
            threads.spawn(|| world.put_text("while/keepers", "are told")).join().expect("kept");
        });
        Ok(())
    };
    let names = ["a", "b"].map(str::to_owned);
    world.keyward.set_keepers(&world.actor, 2, &names, &mut seals).expect("keepers");
    world.holds("while/keepers", "are told");
}

#[test]
fn keepers_shares_unseal_and_a_removed_keeper_holds_nothing_that_opens() {
    // RK-050, RK-051
    let world = full();
    let names = ["a", "b", "c"].map(str::to_owned);
    let mut held = Vec::new();
    let mut deliver = |shares, _| {
        held = shares;
        Ok(())
    };
    world.keyward.set_keepers(&world.actor, 2, &names, &mut deliver).expect("keepers");
    let shares: Vec<_> = held.into_iter().map(|(_, share)| share).collect();
    world.keyward.seal();
    world.keyward.unseal_with_keepers(&world.actor, &shares[..2]).expect("two of three");
    // Refilled from what the store itself holds, whichever way it was unsealed.
    let again = world.keyward.keeper_shares().expect("shares");
    assert_eq!(again.len(), 3);
    assert!(again.iter().zip(&shares).all(|((_, one), other)| one.expose() == other.expose()));
    let _ = world.back_up();
    let begin = Begin::Ordinary {
        keepers: KeepersNext::Among { threshold: 2, names: names[..2].to_vec() },
    };
    let around = Surroundings::default();
    let begun = world.keyward.begin_root_rotation(&world.actor, begin, &around, &mut |_, _| Ok(()));
    let _ = begun.expect("a rotation");
    let _ = world.reseal();
    world.finalise();
    world.keyward.seal();
    let stale = world.keyward.unseal_with_keepers(&world.actor, &shares);
    assert!(stale.is_err(), "{stale:?}");
    world.keyward.unseal_with_password(&world.actor, PASSWORD.into()).expect("the password");
    world.serves("end");
}
