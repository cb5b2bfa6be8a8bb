//! What is not understood is a usage error, and says what would be.

use crate::world::{World, binary};

#[track_caller]
fn refused(words: &[&str], expected: &str) {
    let ran = World::at("2025-01-01T00:00:00Z").run(words).ended(2);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.contains(expected), "{}", ran.stderr);
}

#[test]
fn a_revocation_without_a_reason_is_refused() {
    // SO-051
    let words = ["anchor", "revoke-key", "--anchor-id", "ALL", "--key-id", "k"];
    refused(&words, "--reason <REASON>");
}

#[test]
fn a_time_that_is_none_is_refused_with_an_example() {
    let words = ["key", "check-validity", "--key-id", "k", "--at-time", "yesterday"];
    refused(&words, "expected RFC 3339, as in 2025-02-01T00:00:00Z, or a date, as in 2025-02-01");
}

#[test]
fn a_statement_needs_a_package_and_a_type() {
    refused(&["sign", "--key-id", "k", "--artifact", "f"], "--purl <PURL>");
    refused(&["sign", "--key-id", "k"], "--artifact");
    refused(&["sign", "--key-id", "k", "file", "--artifact", "f"], "cannot be used with");
}

#[test]
fn a_key_is_named_once() {
    refused(&["key", "show"], "<--key-id <ID>|KEY>");
    refused(&["key", "show", "--key-id", "a", "b"], "cannot be used with");
}

#[test]
fn a_name_that_is_none_is_refused_before_anything_is_asked() {
    for words in [
        &["key", "show"][..],
        &["key", "revoke", "--reason", "compromise", "--key-id"],
        &["key", "check-validity", "k", "--anchor-id"],
        &["anchor", "show"],
        &["anchor", "history", "--anchor-id"],
        &["proof", "show"],
        &["proof", "export"],
        &["policy", "show"],
        &["policy", "delete"],
        &["token", "revoke"],
        &["actor", "forget"],
    ] {
        refused(&[words, &[""]].concat(), ": a name is expected, and this is empty\n");
        refused(&[words, &[".."]].concat(), ": a name is expected, and this has only dots\n");
    }
}

#[test]
fn without_a_store_the_next_command_is_named() {
    let world = World::at("2025-01-01T00:00:00Z");
    let data = world.path("data").display().to_string();
    let ran = world.run(&["key", "list"]).ended(2);
    let expected = format!(
        "error: there is no store in {data}\n\
         hint: make one with `keyward init`, or name another directory with --data\n"
    );
    assert_eq!((ran.stdout.as_str(), ran.stderr), ("", expected));
    assert!(!world.path("data").exists(), "asking makes nothing");
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let world = World::at("2025-01-01T00:00:00Z");
    let ran = world.run(&["--addr", "http://127.0.0.1:1", "status"]).ended(2);
    let hint = "hint: see that it runs (`keyward serve`), and that KEYWARD_ADDR or --addr names it";
    assert!(ran.stderr.starts_with("error: the server at http://127.0.0.1:1 does not answer: "));
    assert!(ran.stderr.trim_end().ends_with(hint), "{}", ran.stderr);
}

#[test]
fn a_directory_on_the_line_beats_a_server_in_the_environment() {
    let world = World::at("2025-01-01T00:00:00Z");
    let environment = [("KEYWARD_ADDR", "http://127.0.0.1:1")];
    let words = ["--data", "here", "key", "list"];
    let ran = binary(world.home.path(), &environment, &words).ended(2);
    assert!(ran.stderr.starts_with("error: there is no store in here\n"), "{}", ran.stderr);
    let after = ["key", "list", "--data", "here"];
    assert_eq!(binary(world.home.path(), &environment, &after), ran);
    let ran = binary(world.home.path(), &environment, &["key", "list"]).ended(2);
    assert!(ran.stderr.starts_with("error: the server at http://127.0.0.1:1 "), "{}", ran.stderr);
}

#[test]
fn the_environment_names_the_directory() {
    let world = World::at("2025-01-01T00:00:00Z");
    let ran = binary(world.home.path(), &[("KEYWARD_DATA", "there")], &["status"]).ended(2);
    assert!(ran.stderr.starts_with("error: there is no store in there\n"), "{}", ran.stderr);
}

#[test]
fn what_the_environment_says_is_not_shown_as_missing_on_the_line() {
    let world = World::at("2025-01-01T00:00:00Z");
    let said = |environment: &[(&str, &str)], words: &[&str]| {
        let ran = binary(world.home.path(), environment, words);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
        ran.stderr
    };
    let names = ["DATA", "CONFIG", "ADDR", "CA", "TOKEN_FILE", "PASSWORD_FILE"];
    let names = names.map(|name| format!("KEYWARD_{name}"));
    let environment = names.each_ref().map(|name| (name.as_str(), "somewhere"));
    for words in [&["key", "revoke"][..], &["root", "status", "--no-such"], &["key", "show"]] {
        assert_eq!(said(&environment, words), said(&[], words));
    }
    let expected = "\nUsage: keyward key revoke --reason <REASON> <--key-id <ID>|KEY>\n";
    assert!(said(&environment, &["key", "revoke"]).contains(expected));
}
