//! Writes that fail before and after, and a process that is killed while it puts.

use keyward::{
    ExecuteError,
    secret::{SecretError, path::PathPrefix},
    storage::Shelf,
};
use keyward_testkit::fault::{Fault, KILL};

use super::START;
use crate::{
    act::Cause,
    child,
    store::{World, begin, faulty, parts_in, world_in},
};

type Act = fn(&World) -> Result<(), SecretError>;

const ACTS: [(&str, Act); 5] = [
    ("first put", |world| world.try_put("app/db", b"one", None).map(drop)),
    ("put", |world| world.try_put("app/db", b"two", None).map(drop)),
    ("delete", |world| world.delete("app/db", &[]).map(drop)),
    ("undelete", |world| world.undelete("app/db", &[]).map(drop)),
    ("purge", |world| world.purge("app/db", &[]).map(drop)),
];

/// What can be read and what is kept, as a text to compare.
fn seen(world: &World) -> String {
    let read = |number| match world.get("app/db", Some(number)) {
        Ok(read) => format!("{:?}", read.value.expose()),
        Err(error) => format!("{error:?}"),
    };
    let records = world.parts.storage.items(Shelf::Record, None, 100).expect("items");
    format!("{} {} {} {:?}", read(1), read(2), records.len(), world.listed(""))
}

/// A store that has lived its first `acts` acts.
fn lived(acts: usize) -> (keyward_testkit::fault::Faulty<keyward_storage::memory::Memory>, World) {
    let (storage, parts, clock) = faulty(START);
    let world = begin(parts, clock);
    for (name, act) in &ACTS[..acts] {
        act(&world).expect(name);
    }
    (storage, world)
}

#[test]
fn a_write_that_failed_before_changes_nothing_and_the_next_try_does_it() {
    for (acts, (name, act)) in ACTS.into_iter().enumerate() {
        let (storage, world) = lived(acts);
        let state = world.keyward.state().to_snapshot().expect("a snapshot");
        storage.arm(0, Fault::LostBefore);
        let error = act(&world).map_err(Cause::cause).expect_err(name);
        assert!(matches!(error, ExecuteError::Unavailable(_)), "{name}: {error:?}");
        assert_eq!(world.keyward.state().to_snapshot().expect("a snapshot"), state, "{name}");
        act(&world).expect(name);
        let (_, as_it_should) = lived(acts + 1);
        assert_eq!(seen(&world), seen(&as_it_should), "{name}");
        world.keyward.flush_secret_reads().expect("logged");
        world.reopened().audit();
    }
}

#[test]
fn a_write_of_unknown_fate_is_there_after_the_next_start() {
    for (acts, (name, act)) in ACTS.into_iter().enumerate() {
        let (storage, world) = lived(acts);
        storage.arm(0, Fault::LostAfter);
        let error = act(&world).map_err(Cause::cause).expect_err(name);
        assert!(matches!(error, ExecuteError::Halted), "{name}: {error:?}");
        storage.reopen();
        let world = world.reopened();
        let (_, as_it_should) = lived(acts + 1);
        assert_eq!(seen(&world), seen(&as_it_should), "{name}");
        world.audit();
    }
}

#[test]
fn killed_at_every_append_of_a_put_all_that_was_acknowledged_is_there() {
    // RK-062
    let directory = tempfile::tempdir().expect("a directory");
    let directory = directory.path();
    let World { parts, clock, keyward, actor } = world_in(directory, START);
    keyward.close();
    drop((parts, keyward));
    let mut acknowledged = 0;
    for skip in 1..7 {
        for fault in KILL {
            clock.advance(60);
            let at = keyward::clock::Clock::now(&*clock).to_string();
            let said = child::puts_until(directory, skip, fault, &at);
            let parts = parts_in(directory, &clock);
            let keyward = keyward::Keyward::open(&parts).expect("the store");
            let world = World { parts, clock: clock.clone(), keyward, actor: actor.clone() };
            let world = world.unsealed();
            for line in &said {
                let (at, value) = line.split_once('=').expect("a path and a value");
                assert_eq!(world.value(at), value.as_bytes(), "{skip} {fault:?}");
                acknowledged += 1;
            }
            world.audit();
        }
    }
    assert!(acknowledged > 20, "{acknowledged}");
}

#[test]
fn a_list_is_refused_and_values_are_read_when_the_thread_that_loads_them_is_gone() {
    let (storage, world) = lived(2);
    world.keyward.seal();
    storage.end_thread_at_read("keyward-secrets");
    let world = world.unsealed();
    let list = || world.keyward.list_secrets(&world.admin(), &PathPrefix::EVERY, None, 9);
    assert!(matches!(list(), Err(SecretError::NotLoaded)));
    assert_eq!(world.value("app/db"), b"two");
    assert!(!world.keyward.secret_standing().expect("unsealed").loaded);
    // Also after the next unsealing nobody waits for it.
    world.keyward.seal();
    world.keyward.unseal(crate::store::PASSWORD.into()).expect("unsealed");
    assert!(matches!(list(), Err(SecretError::NotLoaded)));
}
