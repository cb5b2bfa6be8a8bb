//! Many at once.

use std::{collections::BTreeSet, sync::Barrier, thread};

use keyward::{ExecuteError, Keyward};
use keyward_lifecycle::{
    event::Event, key::Reason, refusal::Refusal, state::State, verify::Outcome,
};

use crate::{
    act::id,
    store::{World, world},
};

#[test]
fn no_anchor_that_is_made_while_a_key_is_compromised_believes_it() {
    // HA-06
    let world = world("2025-01-15T00:00:00Z");
    world.generate("k1");
    world.anchor("pkg:cargo/*", &["k1"]);
    let proof = world.sign("k1", "a").envelope;
    let start = Barrier::new(65);
    let made: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..64)
            .map(|n| {
                let (world, start) = (&world, &start);
                scope.spawn(move || {
                    start.wait();
                    match world.try_anchor(&format!("pkg:npm/p{n}"), &["k1"]) {
                        Ok(_) => 1,
                        Err(ExecuteError::Refused(Refusal::WrongStatus { .. })) => 0,
                        Err(other) => panic!("{other:?}"),
                    }
                })
            })
            .collect();
        start.wait();
        world.revoke("k1", Reason::KeyCompromise);
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    let state = world.keyward.state();
    assert_eq!(state.anchors().count(), made + 1);
    let (key, now) = (state.key(&id("k1")).expect("a key"), world.keyward.now());
    let believing = key.memberships().filter(|member| key.is_listed(member, now)).count();
    assert_eq!(believing, 0, "of {made} that were made");
    assert_ne!(world.verify(&proof).outcome, Outcome::Valid);
    world.try_anchor("pkg:npm/late", &["k1"]).expect_err("it is over");
    world.audit();
}

#[test]
fn of_many_that_ask_for_one_name_one_has_it_and_no_other_change_is_lost() {
    let world = world("2025-01-15T00:00:00Z");
    let won: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let world = &world;
                scope.spawn(move || {
                    world.generate(&format!("own-{n}"));
                    usize::from(world.try_generate("shared").is_ok())
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    assert_eq!(won, 1);
    let state = world.keyward.state();
    let names: BTreeSet<String> = state.keys().map(|key| key.record.key_id.to_string()).collect();
    assert_eq!(names.len(), 9);
    let signing = state.keys().filter(|key| key.status(world.keyward.now()).signs()).count();
    assert_eq!(signing, 1, "one signer, whoever came first");
    check_pure_replay(&world);
}

/// What decides is what the log adds up to.
#[track_caller]
fn check_pure_replay(world: &World) {
    let mut state = State::default();
    let leaves = world.parts.storage.leaves(keyward::storage::Tree::Log, 0, 10_000);
    for leaf in leaves.expect("leaves") {
        state.apply(&Event::from_leaf(state.size(), &leaf).expect("an event"));
    }
    let folded = state.to_snapshot().expect("a snapshot");
    assert_eq!(world.keyward.state().to_snapshot().expect("a snapshot"), folded);
    world.audit();
}

#[test]
fn a_second_writer_on_the_same_store_loses_no_update_of_the_first() {
    let first = world("2025-01-15T00:00:00Z");
    let keyward = Keyward::open(&first.parts).expect("a second");
    let (parts, clock) = (first.parts.clone(), first.clock.clone());
    let second = World { parts, clock, keyward, actor: first.actor.clone() }.unsealed();
    // Unsealing wrote a checkpoint and no leaf: both still agree.
    first.generate("k1");
    let proof = {
        first.anchor("pkg:cargo/*", &["k1"]);
        first.sign("k1", "a").envelope
    };
    // The second has not seen it; it finds out before it writes, and stops.
    let error = second.try_anchor("pkg:npm/*", &[]).expect_err("it is behind");
    assert!(matches!(error, ExecuteError::Halted), "{error:?}");
    assert_ne!(second.verify(&proof).outcome, Outcome::Valid);
    first.sign("k1", "b");
    let second = second.again().expect("a third");
    assert_eq!(second.verify(&proof).outcome, Outcome::Valid);
    check_pure_replay(&second);
}

#[test]
fn the_audit_finds_nothing_wrong_beside_writers() {
    let world = world("2025-01-15T00:00:00Z");
    world.generate("k0");
    world.anchor("pkg:cargo/*", &["k0"]);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let world = &world;
                scope.spawn(move || {
                    for n in 0..40 {
                        world.anchor(&format!("pkg:npm/p{writer}-{n}"), &["k0"]);
                        world.sign("k0", &format!("{writer} {n}"));
                    }
                })
            })
            .collect();
        while writers.iter().any(|writer| !writer.is_finished()) {
            world.audit();
        }
    });
    world.audit();
}
