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
