//! Commands that meet in one directory.

use std::{
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use keyward_storage::durable::DirectoryLock;

use crate::world::World;

#[test]
fn commands_that_meet_in_a_directory_wait_for_each_other() {
    let world = World::begun("2025-01-01T00:00:00Z");
    let list = || {
        Command::new(env!("CARGO_BIN_EXE_keyward"))
            .args(["--data", "data", "key", "list"])
            .current_dir(world.home.path())
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs")
    };
    let all: Vec<_> = (0..8).map(|_| list()).collect();
    for one in all {
        let output = one.wait_with_output().expect("its end");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
    }
}

#[test]
fn of_many_processes_that_make_keys_at_once_none_loses_its_own() {
    // LC-027
    let world = World::begun("2025-01-01T00:00:00Z");
    let generate = |n: usize| {
        Command::new(env!("CARGO_BIN_EXE_keyward"))
            .args(["--data", "data", "--password-file", "password"])
            .args(["key", "generate", "--stage", "--key-id", &format!("k{n}")])
            .current_dir(world.home.path())
            .env_clear()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs")
    };
    let all: Vec<_> = (0..8).map(generate).collect();
    for one in all {
        let output = one.wait_with_output().expect("its end");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{stderr}");
    }
    let keys = world.json(&["key", "list"])["keys"].clone();
    let keys = keys.as_array().expect("a list").iter().map(|key| key["keyId"].clone());
    let mut keys: Vec<_> = keys.map(|key| key.as_str().expect("an id").to_owned()).collect();
    keys.sort();
    assert_eq!(keys, ["k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"]);
    let audit = world.keyward(&["audit", "verify"]).ended(0);
    assert!(audit.stdout.starts_with("Audit: OK\n"), "{}", audit.stdout);
}

#[test]
fn a_command_goes_on_when_the_one_before_it_has_ended() {
    let mut world = World::begun("2025-01-01T00:00:00Z");
    let first = DirectoryLock::acquire(&world.path("data")).expect("the lock");
    let first = Arc::new(Mutex::new(Some(first)));
    let held = first.clone();
    world.paused = Some(Arc::new(move |_| drop(held.lock().expect("ours").take())));
    world.run(&["key", "list"]).ended(0);
    assert!(first.lock().expect("ours").is_none(), "it was waited for");
}

#[test]
fn a_command_waits_a_bounded_time_and_then_names_the_one_before_it() {
    let mut world = World::begun("2025-01-01T00:00:00Z");
    let _first = DirectoryLock::acquire(&world.path("data")).expect("the lock");
    let waited = Arc::new(Mutex::new(std::time::Duration::ZERO));
    let counted = waited.clone();
    world.paused = Some(Arc::new(move |time| *counted.lock().expect("ours") += time));
    for words in [&["key", "list"][..], &["serve"]] {
        let ran = world.run(words).ended(2);
        let expected = format!(
            "error: {} is in use by process {}: stop it, or let it do the work (it listens on \
             keyward.sock there)\n",
            world.path("data").display(),
            std::process::id()
        );
        assert_eq!(ran.stderr, expected);
        let waited = std::mem::take(&mut *waited.lock().expect("ours"));
        assert_eq!(waited, std::time::Duration::from_secs(5), "{words:?}");
    }
}
