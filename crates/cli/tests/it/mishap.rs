//! What a slip of an administrator must not cost.

use std::{fs::Permissions, os::unix::fs::PermissionsExt as _};

use serde_json::Value;

use crate::world::World;

const HOLDER: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
const OTHER: &str = "age1l6sjxtyum7a39tmd64mjc46e3jw8ynd3kw4rpjjtmfeh4dhnfsxs4n9qx3";

fn world() -> World {
    let world = World::begun("2025-01-01T00:00:00Z");
    world.file("fresh", "nine otters sail to Greenland\n");
    world
}

fn back_up(world: &World) {
    let out = world.path("root.backup").display().to_string();
    world.keyward(&["root", "backup", "--out", &out, "--force"]).ended(0);
}

#[test]
fn shares_that_cannot_be_kept_leave_no_slot_behind() {
    // RK-014
    let world = world();
    let add = |out: &str| {
        let sharing = ["root", "slot", "add", "recovery", "--threshold", "2", "--count", "2"];
        let holders = ["--recipient", HOLDER, "--recipient", OTHER, "--out", out];
        world.keyward(&[&sharing[..], &holders].concat())
    };
    let slots = || world.json(&["root", "slot", "list"])["slots"].as_array().expect("a list").len();
    let open = world.path("open");
    std::fs::create_dir(&open).expect("a directory");
    std::fs::set_permissions(&open, Permissions::from_mode(0o755)).expect("its mode");
    let refused = add(&open.display().to_string()).ended(2);
    assert!(refused.stderr.contains("open to others (mode 0755)"), "{}", refused.stderr);
    let file = world.file("a-file", "");
    let refused = add(&file).ended(2);
    assert!(refused.stderr.contains("nobody else may enter (mode 0700)"), "{}", refused.stderr);
    assert_eq!(slots(), 1);
    // What is there is another slot's.
    let shares = world.path("shares").display().to_string();
    add(&shares).ended(0);
    assert_eq!(slots(), 2);
    let before = std::fs::read(world.path("shares/share-2.age")).expect("a share");
    let again = add(&shares).ended(1);
    assert!(again.stderr.contains("share-1.age exists, and a share overwrites nothing"));
    assert_eq!(slots(), 2);
    assert_eq!(std::fs::read(world.path("shares/share-2.age")).expect("a share"), before);
}

#[test]
fn force_replaces_a_backup_and_nothing_else() {
    let world = world();
    back_up(&world);
    back_up(&world);
    let notes = world.file("notes", "somebody's");
    let linked = world.path("linked").display().to_string();
    std::os::unix::fs::symlink("notes", &linked).expect("a link");
    for out in [&notes, &linked] {
        let refused = world.keyward(&["root", "backup", "--out", out, "--force"]).ended(1);
        let said = format!("error: {out} is no backup of a root key\n");
        assert!(refused.stderr.starts_with(&said), "{}", refused.stderr);
        let refused = world.keyward(&["backup", "--out", out, "--force"]).ended(1);
        let said = format!("error: {out} is no backup of a store\n");
        assert!(refused.stderr.starts_with(&said), "{}", refused.stderr);
    }
    assert_eq!(std::fs::read(&notes).expect("the notes"), b"somebody's");
    let copy = world.path("copy").display().to_string();
    world.keyward(&["backup", "--out", &copy]).ended(0);
    world.keyward(&["backup", "--out", &copy, "--force"]).ended(0);
    world.keyward(&["audit", "verify"]).ended(0);
}

#[test]
fn a_new_password_goes_with_an_emergency_alone() {
    let world = world();
    back_up(&world);
    let fresh = world.path("fresh").display().to_string();
    let refused = world.keyward(&["root", "rotate", "--new-password-file", &fresh]).ended(2);
    let said = "error: a new password goes with --emergency alone\n";
    assert!(refused.stderr.starts_with(said), "{}", refused.stderr);
    assert_eq!(world.json(&["root", "status"])["rotation"], Value::Null);
}

#[test]
fn a_password_that_could_not_be_sent_makes_no_store() {
    let world = World::at("2025-01-01T00:00:00Z");
    let binary = world.file("binary", [0xff; 40]);
    let refused = world.run(&["--password-file", &binary, "init"]).ended(2);
    assert_eq!(refused.stderr, "error: the password is not text in UTF-8\n");
    assert!(!world.path("data/keyward.db").exists());
}
