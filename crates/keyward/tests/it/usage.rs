//! How often and how long a key signs.

use std::{collections::VecDeque, thread};

use keyward::{ExecuteError, Keyward, key::KeyRequest};
use keyward_lifecycle::{
    event::Fact,
    refusal::{Refusal, Unusable},
};
use keyward_testkit::fault::Fault;

use crate::{
    act::{Cause, default_profile, id, refusal, time},
    store::{World, begin, faulty, parts_in, world, world_in},
};

fn counted(world: &World, most: u64) {
    let request =
        KeyRequest { max_usage: Some(most), ..KeyRequest::new(id("k1"), default_profile()) };
    world.keyward.generate_key(&world.actor, &request).expect("a key");
}

fn used(world: &World) -> u64 {
    let state = world.keyward.state();
    world.keyward.usage_count(state.key(&id("k1")).expect("a key")).expect("a count")
}

#[track_caller]
fn check_unusable(world: &World, expected: &Unusable) {
    match refusal(world.try_sign("k1", "x")) {
        Refusal::Unusable { why, .. } => assert_eq!(why, *expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_limit_on_uses_is_exact_under_many_threads() {
    // LC-011, LC-012
    for most in [1, 63, 64, 65, 200] {
        let world = world("2025-01-15T00:00:00Z");
        counted(&world, most);
        let signed: u64 = thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|signer| {
                    let world = &world;
                    scope.spawn(move || {
                        let sign = |n| world.try_sign("k1", &format!("{signer} {n}")).is_ok();
                        (0..most).filter(|n| sign(*n)).count() as u64
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
        });
        assert_eq!((signed, used(&world)), (most, most));
        check_unusable(&world, &Unusable::UsedUp);
        world.audit();
    }
}

#[test]
fn a_clean_stop_gives_back_what_is_left_of_a_block() {
    let mut world = world("2025-01-15T00:00:00Z");
    counted(&world, 10);
    for n in 0..10 {
        world.sign("k1", &n.to_string());
        world = world.reopened();
    }
    assert_eq!(used(&world), 10);
    check_unusable(&world, &Unusable::UsedUp);
    world.audit();
}

#[test]
fn a_crash_burns_the_rest_of_its_block_and_no_total_is_exceeded() {
    let mut world = world("2025-01-15T00:00:00Z");
    counted(&world, 100);
    world.sign("k1", "a");
    world = world.crashed();
    // 64 are burnt, 36 are left.
    let left = (0..100).filter(|n| world.try_sign("k1", &n.to_string()).is_ok()).count();
    assert_eq!((left, used(&world)), (36, 37));
    check_unusable(&world, &Unusable::UsedUp);
    let granted = world.facts("KEY_USAGE_GRANTED");
    let [Fact::KeyUsageGranted { granted: first, .. }, Fact::KeyUsageGranted { granted: last, .. }] =
        &granted[..]
    else {
        panic!("{granted:?}");
    };
    assert_eq!((*first, *last), (64, 100));
}

#[test]
fn two_that_sign_on_one_file_do_not_use_a_key_more_often_than_it_may_be() {
    // LC-012
    let directory = tempfile::tempdir().expect("a directory");
    let first = world_in(directory.path(), "2025-01-15T00:00:00Z");
    counted(&first, 200);
    let parts = parts_in(directory.path(), &first.clock);
    let keyward = Keyward::open(&parts).expect("a second");
    let (clock, actor) = (first.clock.clone(), first.actor.clone());
    let second = World { parts, clock, keyward, actor }.unsealed();
    // They take turns of ten. Whoever finds that the other wrote halts, and starts again.
    // They are handed blocks of 64, 64, 64 and 8 uses; what is left of one is lost by halting.
    let mut turns = VecDeque::from([first, second]);
    for expected in [10, 10, 10, 8, 0, 0] {
        let mut world = turns.pop_front().expect("one of two");
        let mut signed = turn(&world);
        if matches!(signed, Err(ExecuteError::Halted)) {
            world = world.again().expect("the store again");
            signed = turn(&world);
        }
        assert_eq!(signed.expect("a turn"), expected);
        turns.push_back(world);
    }
    let [_, last] = turns.make_contiguous() else { panic!("two") };
    assert_eq!(used(last), 38);
    last.audit();
}

/// Signs ten times, or as often as the key may be used; how often it did.
fn turn(world: &World) -> Result<usize, ExecuteError> {
    for n in 0..10 {
        match world.try_sign("k1", &n.to_string()).map_err(Cause::cause) {
            Ok(_) => {}
            Err(ExecuteError::Refused(Refusal::Unusable { why: Unusable::UsedUp, .. })) => {
                return Ok(n);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(10)
}

#[test]
fn a_write_that_failed_uses_nothing_up() {
    let (storage, parts, clock) = faulty("2025-01-15T00:00:00Z");
    let world = begin(parts, clock);
    counted(&world, 3);
    for n in 0..3 {
        storage.arm(0, Fault::LostBefore);
        world.try_sign("k1", &n.to_string()).expect_err("the fault");
        world.sign("k1", &n.to_string());
    }
    assert_eq!(used(&world), 3);
    check_unusable(&world, &Unusable::UsedUp);
}

#[test]
fn a_limit_of_no_uses_is_refused() {
    // LC-011
    let world = world("2025-01-15T00:00:00Z");
    let request = KeyRequest { max_usage: Some(0), ..KeyRequest::new(id("k1"), default_profile()) };
    let refused = refusal(world.keyward.generate_key(&world.actor, &request));
    assert_eq!(refused, Refusal::EmptyLimit { what: "the number of uses" });
}

#[test]
fn a_key_that_expired_signs_no_more_although_the_clock_is_set_back() {
    // LC-011
    let world = world("2025-01-15T00:00:00Z");
    let end = time("2025-06-01T00:00:00Z");
    let request =
        KeyRequest { expires_at: Some(end), ..KeyRequest::new(id("k1"), default_profile()) };
    world.keyward.generate_key(&world.actor, &request).expect("a key");
    world.clock.set("2025-05-31T23:59:59.999999Z");
    world.sign("k1", "a");
    world.clock.set("2025-06-01T00:00:00Z");
    check_unusable(&world, &Unusable::ExpiredAt(end));
    // The refusal was logged, and with it the time that was reached.
    world.clock.set("2025-02-01T00:00:00Z");
    check_unusable(&world, &Unusable::ExpiredAt(end));
}

#[test]
fn a_key_past_its_age_and_the_grace_signs_no_more() {
    let world = world("2025-01-15T00:00:00Z");
    world.generate("k1");
    world.clock.set("2026-04-14T23:59:59Z");
    world.sign("k1", "a");
    world.clock.set("2026-04-15T00:00:00Z");
    check_unusable(&world, &Unusable::TooOld);
}
