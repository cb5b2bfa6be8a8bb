//! Help, completions and manual pages: made from the command line itself.

use crate::world::World;

fn world() -> World {
    World::at("2025-01-01T00:00:00Z")
}

#[test]
fn help_lists_every_noun_and_the_exit_codes() {
    let ran = world().run(&["--help"]).ended(0);
    let commands: Vec<&str> = ran
        .stdout
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let expected = [
        "init",
        "serve",
        "keeper",
        "status",
        "root",
        "profile",
        "key",
        "anchor",
        "sign",
        "verify",
        "proof",
        "incident",
        "audit",
        "authority",
        "actor",
        "secret",
        "policy",
        "token",
        "backup",
        "rollback",
        "demo",
        "completions",
        "man",
    ];
    assert_eq!(commands, expected);
    let codes = "Exit codes: 0 valid or done; 1 invalid, indeterminate or refused by a rule;";
    assert!(ran.stdout.contains(codes), "{}", ran.stdout);
}

#[test]
fn the_runbooks_flags_are_in_the_help_of_its_verbs() {
    let runbook: [(&[&str], &[&str]); 8] = [
        (&["key", "generate"], &["--profile", "--key-id", "--algorithm"]),
        (&["anchor", "add-key"], &["--anchor-id", "--key-id"]),
        (&["anchor", "status"], &["--anchor-id"]),
        (&["anchor", "revoke-key"], &["--anchor-id", "--key-id", "--reason", "--effective-at"]),
        (&["anchor", "create"], &["--purl-pattern", "--key-ids", "--predicate-types"]),
        (&["verify"], &["--proof-bundle", "--at-time"]),
        (&["key", "check-validity"], &["--key-id", "--at-time"]),
        (&["audit", "query"], &["--type", "--from", "--to"]),
    ];
    for (verb, flags) in runbook {
        let ran = world().run(&[verb, &["--help"]].concat()).ended(0);
        for flag in flags.iter().chain(&["--output", "--data", "--config"]) {
            assert!(ran.stdout.contains(flag), "{verb:?} lacks {flag}: {}", ran.stdout);
        }
    }
}

#[test]
fn completions_are_printed_for_a_shell() {
    let ran = world().run(&["completions", "bash"]).ended(0);
    assert!(ran.stdout.contains("complete -F _keyward"), "{}", ran.stdout);
    assert!(ran.stdout.contains("rotation-warnings"));
}

#[test]
fn a_place_for_the_manual_that_is_none_is_named() {
    let world = world();
    let file = world.file("a-file", "");
    for (dir, what) in [(file.clone(), "it is no directory"), (format!("{file}/man"), "Not a dir")]
    {
        let ran = world.run(&["man", "--dir", &dir]).ended(2);
        let said = format!("error: the pages cannot be kept in {dir}: {what}");
        assert!(ran.stderr.starts_with(&said), "{}", ran.stderr);
        assert!(ran.stderr.ends_with("\nhint: name another directory with --dir\n"));
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let world = world();
    let dir = world.path("man");
    let ran = world.run(&["man", "--dir", &dir.display().to_string()]).ended(0);
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", ""));
    for name in ["keyward", "keyward-key", "keyward-key-rotate", "keyward-verify"] {
        let page = std::fs::read_to_string(dir.join(format!("{name}.1"))).expect("a page");
        assert!(page.contains(&format!(".TH {name} 1")), "{page}");
    }
    let ran = world.run(&["man"]).ended(0);
    assert!(ran.stdout.contains("Keeps signing keys trustworthy"), "{}", ran.stdout);
}
