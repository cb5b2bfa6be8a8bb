//! What is typed at a terminal and is nobody's to see.

use std::{path::Path, process::Command};

use crate::world::World;

const VALUE: &str = "pangolin-0042-of-the-payments";
const PROMPT: &str = "Value (not shown): ";

/// Types the value at the prompt of a program, as soon as it is not shown or after so many seconds,
/// and gives what the terminal showed.
#[track_caller]
fn shown(world: &World, patience: &str, words: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/python/terminal.py");
    let output = Command::new("python3")
        .arg(script)
        .args([patience, PROMPT, VALUE])
        .args(words)
        .current_dir(world.home.path())
        .env_clear()
        .env("HOME", world.home.path())
        .env("PATH", "/usr/bin:/bin")
        .output()
        .expect("Python runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let shown = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{said}{shown}");
    shown
}

#[test]
fn the_value_of_a_secret_that_is_typed_is_not_shown() {
    // RK-064
    let world = World::begun("2026-01-01T00:00:00Z");
    let (data, binary) = (world.path("data").display().to_string(), env!("CARGO_BIN_EXE_keyward"));
    let put = ["--data", &data, "--password-file", "password", "secret", "put", "app/db"];
    let seen = shown(&world, "20", &[&[binary], &put[..]].concat());
    assert!(seen.starts_with(PROMPT) && seen.contains("Version: 1"), "{seen}");
    assert!(!seen.contains("pangolin"), "{seen}");
    let kept = world.keyward(&["secret", "get", "app/db"]).ended(0);
    assert_eq!(kept.stdout, VALUE);
}

#[test]
fn a_terminal_shows_what_is_typed_at_a_prompt_that_hides_nothing() {
    let world = World::at("2026-01-01T00:00:00Z");
    let ask = format!("printf '{PROMPT}'; read -r line");
    let seen = shown(&world, "0", &["/bin/sh", "-c", &ask]);
    assert!(seen.contains(VALUE), "{seen}");
}
