//! `keyward init`: a store and its password.

use std::os::unix::fs::PermissionsExt as _;

use crate::world::World;

const PASSWORD: &str = "correct horse battery staple";

fn world() -> World {
    World::at("2025-01-01T00:00:00Z")
}

#[test]
fn a_store_is_made_once() {
    let world = world();
    let password = world.file("password", format!("{PASSWORD}\n"));
    let ran = world.run(&["init", "--password-file", &password]).ended(0);
    let labels: Vec<&str> = ran.stdout.lines().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(labels, ["Store", "Root ID", "Authority", "Profiles"]);
    assert!(ran.stdout.contains("Profiles: default, fips, pqc, hybrid\n"), "{}", ran.stdout);
    let hints = "hint: make the first key with `keyward key generate --key-id ID`\n\
                 hint: the key that vouches for the log is in this store; `keyward authority \
                 propose --help` says how to move it elsewhere\n";
    assert_eq!(ran.stderr, hints);
    let mode = std::fs::metadata(world.path("data")).expect("the directory").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let again = world.run(&["init", "--password-file", &password]).ended(1);
    let data = world.path("data").display().to_string();
    let expected = format!(
        "error: there is a store in {data} already\n\
         hint: use it, or name another directory with --data\n"
    );
    assert_eq!((again.stdout.as_str(), again.stderr), ("", expected));
}

#[test]
fn json_names_what_was_made() {
    let world = world();
    let password = world.file("password", PASSWORD);
    let words = ["init", "--password-file", &password, "--output", "json"];
    let ran = world.run(&words).ended(0);
    let made: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(made["profiles"], serde_json::json!(["default", "fips", "pqc", "hybrid"]));
    assert_eq!(ran.stderr, "");
}

#[test]
fn nobody_to_ask_and_no_file_is_an_error_that_leaves_nothing() {
    let world = world();
    let ran = world.run(&["init"]).ended(2);
    let expected = "error: a store needs a password, and there is nobody to ask for one\n\
                    hint: name a file with it: --password-file FILE or KEYWARD_PASSWORD_FILE\n";
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", expected));
    assert!(!world.path("data").exists());
}

#[test]
fn a_password_that_is_too_short_is_refused_and_the_next_one_is_taken() {
    let world = world();
    let short = world.file("short", "hunter2");
    let ran = world.run(&["init", "--password-file", &short]).ended(2);
    assert!(ran.stderr.starts_with("error: password has 7 characters and needs at least 12"));
    let password = world.file("password", PASSWORD);
    world.run(&["init", "--password-file", &password]).ended(0);
}

#[test]
fn at_a_terminal_the_loss_is_confirmed_and_the_password_said_twice() {
    // RK-032
    let mut world = world();
    world.answers = Some(vec![PASSWORD, PASSWORD]);
    world.typed = "no\n";
    let ran = world.run(&["init"]).ended(1);
    assert!(ran.stderr.contains("lost for ever"), "{}", ran.stderr);
    assert!(ran.stderr.ends_with("error: no store was made: it was not confirmed\n"));
    world.typed = "yes\n";
    world.answers = Some(vec![PASSWORD, "correct horse battery stable"]);
    let ran = world.run(&["init"]).ended(2);
    assert!(ran.stderr.ends_with("error: the two passwords are not the same\n"), "{}", ran.stderr);
    assert!(!world.path("data").exists());
    world.answers = Some(vec![PASSWORD, PASSWORD]);
    world.run(&["init"]).ended(0);
}

#[test]
fn a_password_comes_through_a_descriptor() {
    let world = world();
    let password = world.file("password", PASSWORD);
    // The test's own descriptor: the binary would inherit one from its shell.
    let file = std::fs::File::open(password).expect("the file");
    let number = std::os::fd::AsRawFd::as_raw_fd(&file).to_string();
    world.run(&["init", "--password-fd", &number]).ended(0);
}
