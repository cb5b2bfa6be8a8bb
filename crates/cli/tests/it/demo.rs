//! `keyward demo`: the runbook on a real file.

use crate::world::{World, binary};

#[test]
fn the_demo_plays_the_runbook_and_its_directory_works_afterwards() {
    let world = World::at("2025-01-02T00:00:00Z");
    let artifact = world.file("artifact.bin", "a real file");
    let dir = world.path("demo").display().to_string();
    let words = ["demo", "--dir", &dir, "--artifact", &artifact];
    let ran = world.run(&words).ended(0);
    assert_eq!(ran.stderr, "");
    for printed in [
        "VALID IN_WINDOW\n",
        "VALID PROVEN_BEFORE_END\n",
        "INVALID NOT_YET_VALID\n",
        "INDETERMINATE LOGGED_BY_SUSPECT\n",
        "Verification Success Rate: 100%\n",
        "emergency-key-20250102",
        "Audit: OK\n",
    ] {
        assert!(ran.stdout.contains(printed), "no {printed:?} in: {}", ran.stdout);
    }
    let password = std::fs::read_to_string(world.path("demo/password")).expect("the password");
    assert!(!ran.stdout.contains(&password), "the password is printed");
    // A printed command, as a shell would run it.
    let line = ran.stdout.lines().find(|line| line.ends_with(" key list")).expect("a command");
    let words: Vec<&str> = line.strip_prefix("$ keyward ").expect("it").split(' ').collect();
    let ran = binary(world.home.path(), &[], &words).ended(0);
    assert!(ran.stdout.contains("emergency-key-20250102  default"), "{}", ran.stdout);
}

#[test]
fn a_demo_never_touches_a_store_that_is_there() {
    let world = World::at("2025-01-02T00:00:00Z");
    let artifact = world.file("artifact.bin", "a real file");
    let dir = world.path("demo").display().to_string();
    let words = ["demo", "--dir", &dir, "--artifact", &artifact];
    world.run(&words).ended(0);
    let ran = world.run(&words).ended(1);
    let expected = format!(
        "error: there is a store in {dir} already\n\
         hint: say --again to play in a fresh directory beside it, or name one with --dir\n"
    );
    assert_eq!((ran.stdout.as_str(), ran.stderr), ("", expected));
    let again = [&words[..], &["--again", "--output", "json"]].concat();
    let ran = world.run(&again).ended(0);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let steps = document["steps"].as_array().expect("steps");
    assert!(steps.len() > 25, "{}", steps.len());
    assert!(world.path("demo-2/keyward.db").exists());
}
