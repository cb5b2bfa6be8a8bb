//! A rotation that is cut off: by writes that fail, and by the end of the process.

use std::collections::HashMap;

use keyward::{
    ExecuteError, Keyward,
    keeper::Member,
    root::{
        RootError,
        keepers::Proof,
        rotate::{Begin, KeepersNext, Surroundings},
    },
};
use keyward_lifecycle::root::KeeperSeen;
use keyward_testkit::fault::{Fault, KILL, LOST};

use super::full;
use crate::{
    child,
    keeper::Near,
    store::{World, parts_in, world_in},
};

/// Appends of a child that rotates, from its first to its last.
const SKIPS: u64 = 18;

#[test]
fn killed_at_every_append_of_a_rotation_the_store_is_whole() {
    // RK-026
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    let world = world_in(directory, "2025-01-15T00:00:00Z");
    world.generate("k1");
    world.anchor("pkg:cargo/*", &["k1"]);
    world.put_text("app/db", "hunter2");
    let _ = world.back_up();
    let World { parts, clock, keyward, actor } = world;
    keyward.close();
    drop((parts, keyward));
    let mut ended = 0;
    for skip in 0..SKIPS {
        for fault in KILL {
            clock.advance(120);
            let at = keyward::clock::Clock::now(&*clock).to_string();
            let said = child::rotates_until(directory, skip, fault, &at);
            ended += said.iter().filter(|line| *line == "ended").count();
            let parts = parts_in(directory, &clock);
            let keyward = Keyward::open(&parts).expect("the store");
            clock.advance(120);
            let world =
                World { parts, clock: clock.clone(), keyward, actor: actor.clone() }.unsealed();
            world.serves(&format!("{skip}-{fault:?}").to_lowercase());
            world.audit();
        }
    }
    assert!(ended > 2, "only {ended} rotations came to their end");
}

#[test]
fn a_step_whose_write_failed_is_done_anew() {
    for fault in LOST {
        let (storage, parts, clock) = crate::store::faulty("2025-01-15T00:00:00Z");
        let world = crate::store::begin(parts, clock);
        world.generate("k1");
        world.anchor("pkg:cargo/*", &["k1"]);
        world.put_text("app/db", "hunter2");
        let _ = world.back_up();
        world.begin();
        storage.arm(0, fault);
        let step = world.keyward.reseal_step(&world.actor, 2);
        assert!(step.is_err(), "{step:?}");
        storage.reopen();
        let world = world.again().expect("the store");
        world.serves("between");
        let _ = world.reseal();
        world.all_in(2);
        world.finalise();
        world.serves("end");
    }
}

#[test]
fn a_beginning_whose_write_failed_leaves_the_old_epoch_at_work() {
    let world = full();
    let view = world.keyward.root_view().expect("a view");
    let mut missing = |_, _| Err("keeper b does not answer".to_owned());
    let begin = Begin::Ordinary {
        keepers: KeepersNext::Among {
            threshold: 2,
            names: ["a", "b", "c"].map(str::to_owned).to_vec(),
        },
    };
    let around = Surroundings::default();
    let begun = world.keyward.begin_root_rotation(&world.actor, begin, &around, &mut missing);
    assert!(matches!(begun, Err(RootError::Keepers(_))), "{begun:?}");
    assert_eq!(world.keyward.root_view().expect("a view").epoch, view.epoch);
    world.serves("after");
    world.all_in(1);
}

#[test]
fn a_store_that_does_not_know_what_became_of_a_rotation_leaves_its_keepers_alone() {
    // RK-051
    let (storage, parts, clock) = crate::store::faulty("2025-01-15T00:00:00Z");
    let world = crate::store::begin(parts, clock);
    world.generate("k1");
    world.anchor("pkg:cargo/*", &["k1"]);
    world.put_text("app/db", "hunter2");
    let near = [Near::new(), Near::new()];
    let named = ["a", "b"].map(str::to_owned).into_iter().zip(near.iter().cloned());
    let members: Vec<Member> = named.map(|(name, link)| Member { name, link }).collect();
    let mut deliver = |shares: Vec<_>, standing| Keyward::deliver_to(&members, &shares, standing);
    let names = ["a", "b"].map(str::to_owned);
    world.keyward.set_keepers(&world.actor, 2, &names, &mut deliver).expect("keepers");
    let _ = world.back_up();
    storage.arm(0, Fault::LostAfter);
    let begin = Begin::Ordinary { keepers: KeepersNext::AsBefore };
    let around = Surroundings::default();
    let begun = world.keyward.begin_root_rotation(&world.actor, begin, &around, &mut deliver);
    let halted = begun.expect_err("nobody knows whether it was written");
    assert!(matches!(halted, RootError::Execute(ExecuteError::Halted)), "{halted:?}");
    let look = |world: &World| {
        let mut last = HashMap::new();
        world.keyward.attend_keepers(&world.actor, &members, &mut last, Proof::All).expect("a look")
    };
    let held = || near.each_ref().map(|near| near.keeper.status().shares.len());
    let _ = look(&world);
    assert_eq!(held(), [2, 2]);
    storage.reopen();
    let world = world.again().expect("the store");
    let _ = world.keyward.unseal_by_keepers(&world.actor, &members).expect("their shares");
    assert_eq!(world.keyward.root_view().expect("a view").epoch, 2);
    let seen: Vec<_> = look(&world).into_iter().map(|found| found.seen).collect();
    assert_eq!(seen, [KeeperSeen::Sound, KeeperSeen::Sound]);
    assert_eq!(held(), [2, 2]);
    let _ = world.reseal();
    world.finalise();
    let _ = look(&world);
    assert_eq!(held(), [1, 1]);
    world.serves("end");
}
