//! `keyward root …`: the root key's life, as an administrator leads it.

use std::os::unix::fs::PermissionsExt as _;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{both::both_ways, server::Server, world::World};

const OTHER: &str = "nine otters sail to Greenland";

/// A store with a key, a backup and another password in a file.
fn world() -> World {
    let world = World::begun("2025-01-01T00:00:00Z");
    world.file("fresh", format!("{OTHER}\n"));
    world.keyward(&["key", "generate", "--key-id", "k"]).ended(0);
    world
}

fn back_up(world: &World) -> String {
    let out = world.path("root.backup").display().to_string();
    world.keyward(&["root", "backup", "--out", &out, "--force"]).ended(0);
    out
}

#[test]
fn the_status_has_six_lines() {
    // names.md; RK-002, RK-040, RK-041
    let world = World::begun("2025-01-01T00:00:00Z");
    let ran = world.run(&["root", "status"]).ended(0);
    let labels: Vec<&str> = ran.stdout.lines().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(labels, ["Root ID", "Epoch", "State", "Memory", "Backup", "Next Rotation"]);
    assert!(ran.stdout.contains("\nEpoch: 1\nState: sealed\nMemory: n/a\nBackup: none\n"));
    let next = "Next Rotation: 2026-01-01T00:00:00Z, by hand; the epoch is 0 days old\n";
    assert!(ran.stdout.ends_with(next), "{}", ran.stdout);
}

#[test]
fn a_root_key_is_made_once() {
    // RK-001
    let world = World::begun("2025-01-01T00:00:00Z");
    let before = world.json(&["root", "status"]);
    let again = world.keyward(&["root", "init"]).ended(1);
    assert!(again.stderr.contains("there is a store in"), "{}", again.stderr);
    assert_eq!(world.json(&["root", "status"])["rootId"], before["rootId"]);
}

#[test]
fn the_key_and_a_sample_of_records_are_checked() {
    // RK-040
    let ran = world().keyward(&["root", "check"]).ended(0);
    assert!(ran.stdout.starts_with("Key: sound\nMemory: "), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("Records: sound\n"), "{}", ran.stdout);
}

#[test]
fn a_rotation_without_a_backup_does_not_begin() {
    // RK-025
    let world = world();
    let checks = world.keyward(&["root", "rotate", "--check"]).ended(1);
    assert!(checks.stdout.contains("there is no backup of the root key"), "{}", checks.stdout);
    let refused = world.keyward(&["root", "rotate"]).ended(1);
    let expected = "error: the check `backup` failed: there is no backup of the root key\n\
                    hint: write one with `keyward root backup --out FILE`\n";
    assert_eq!((refused.stdout.as_str(), refused.stderr.as_str()), ("", expected));
    back_up(&world);
    world.keyward(&["root", "rotate", "--check"]).ended(0);
}

#[test]
fn a_rotation_is_driven_finalised_and_finalised_again() {
    // RK-021, RK-024, RK-027
    let world = world();
    back_up(&world);
    let ran = world.keyward(&["root", "rotate"]).ended(0);
    assert!(ran.stdout.starts_with("Rotation: epoch 1 to 2\nRecords: "), "{}", ran.stdout);
    assert!(ran.stderr.contains("`keyward root rotate --finalise` ends it"), "{}", ran.stderr);
    let open = world.json(&["root", "status"]);
    assert_eq!(open["rotation"]["complete"], true);
    let early = world.keyward(&["root", "rotate", "--finalise"]).ended(1);
    let said = "error: the check `backup` failed: the newest backup is older than the newest slots\n\
                hint: write one with `keyward root backup --out FILE`\n";
    assert_eq!(early.stderr, said);
    let during = world.path("during").display().to_string();
    world.keyward(&["root", "backup", "--out", &during]).ended(0);
    let ran = world.keyward(&["root", "rotate", "--finalise"]).ended(0);
    assert!(ran.stderr.contains("the backup of the root key is older"), "{}", ran.stderr);
    let again = world.keyward(&["root", "rotate", "--finalise"]).ended(0);
    let said = "no rotation is open: the last one was finalised at 2025-01-01T00:00:0";
    assert!(again.stderr.contains(said), "{}", again.stderr);
    let status = world.json(&["root", "status"]);
    assert_eq!((&status["epoch"], &status["rotation"]), (&json!(2), &Value::Null));
    // What was sealed before is read in the new epoch.
    world.keyward(&["sign", "--key-id", "k", &world.file("artifact", "x")]).ended(0);
}

#[test]
fn finalising_renews_the_backup_that_the_configuration_names() {
    // RK-027
    let world = world();
    let out = back_up(&world);
    let config = format!("rootKey:\n  backup:\n    file: {out}\n");
    world.file("data/config.yaml", config);
    let before = std::fs::read(&out).expect("the backup");
    world.keyward(&["root", "rotate"]).ended(0);
    let ended = world.keyward(&["root", "rotate", "--finalise"]).ended(0);
    assert_eq!(ended.stderr, "");
    assert_ne!(std::fs::read(&out).expect("the backup"), before);
    let status = world.json(&["root", "status"]);
    assert_eq!(status["backup"]["current"], true);
    assert_eq!(status["backup"]["check"]["outcome"], "good");
}

#[test]
fn a_rotation_is_rolled_back_until_it_is_finalised() {
    // RK-028
    let world = world();
    back_up(&world);
    world.keyward(&["root", "rotate"]).ended(0);
    let ran = world.keyward(&["root", "rotate", "--rollback"]).ended(0);
    assert!(ran.stdout.starts_with("Epoch: 1\nTouched: "), "{}", ran.stdout);
    assert!(ran.stderr.ends_with("every record is in the old epoch\n"), "{}", ran.stderr);
    world.keyward(&["sign", "--key-id", "k", &world.file("artifact", "x")]).ended(0);
    let none = world.keyward(&["root", "rotate", "--rollback"]).ended(1);
    assert!(none.stderr.starts_with("error: no rotation of the root key is open"));
}

#[test]
fn an_emergency_leaves_only_the_fresh_password() {
    // RK-020
    let world = world();
    let fresh = world.path("fresh").display().to_string();
    let rotate = ["root", "rotate", "--emergency", "--new-password-file", &fresh];
    let ran = world.keyward(&rotate).ended(0);
    assert!(ran.stderr.contains("Treat every software key as exposed"), "{}", ran.stderr);
    let old = world.keyward(&["root", "unseal"]).ended(1);
    assert!(old.stderr.starts_with("error: wrong password"), "{}", old.stderr);
    let with_fresh = |words: &[&str]| world.run(&[&["--password-file", &fresh], words].concat());
    let back = with_fresh(&["root", "rotate", "--rollback"]).ended(1);
    assert!(back.stderr.contains("cannot be rolled back"), "{}", back.stderr);
    let out = world.path("root.backup").display().to_string();
    with_fresh(&["root", "backup", "--out", &out]).ended(0);
    with_fresh(&["root", "rotate", "--finalise"]).ended(0);
    with_fresh(&["sign", "--key-id", "k", &world.file("artifact", "x")]).ended(0);
}

/// What guessing a password costs, for every password slot of every header that the store keeps
/// (docs/format/epoch.md, docs/format/slot.md).
fn costs(world: &World) -> Vec<Value> {
    let database = Connection::open(world.path("data/keyward.db")).expect("the database");
    let mut headers =
        database.prepare("SELECT bytes FROM item WHERE shelf = 0 ORDER BY name").expect("headers");
    let headers = headers.query_map([], |row| row.get::<_, Vec<u8>>(0)).expect("headers");
    let slots = headers.flat_map(|bytes| {
        let document: Value = serde_json::from_slice(&bytes.expect("a header")).expect("JSON");
        document["header"]["slots"].as_array().expect("slots").clone()
    });
    let ways = slots.map(|slot| slot["way"].clone()).filter(|way| way["kind"] == "password");
    let cost = |way: Value| json!([way["memoryKib"], way["passes"], way["lanes"]]);
    ways.map(cost).collect()
}

#[test]
fn a_password_costs_64_mib_3_passes_and_4_lanes_to_guess_however_it_came() {
    // RK-011
    let standard = || json!([65_536, 3, 4]);
    let world = world();
    assert_eq!(costs(&world), [standard()]);
    let fresh = world.path("fresh").display().to_string();
    let change = ["root", "password", "change", "--new-password-file", &fresh];
    world.keyward(&change).ended(0);
    assert_eq!(costs(&world), [standard()]);
    let with_fresh = |words: &[&str]| world.run(&[&["--password-file", &fresh], words].concat());
    let newest = world.file("newest", "eleven quiet herons above Lisbon\n");
    let rotate = ["root", "rotate", "--emergency", "--new-password-file", &newest];
    with_fresh(&rotate).ended(0);
    assert_eq!(costs(&world), [standard(), standard()], "of the old epoch and of the new one");
    let with_newest = |words: &[&str]| world.run(&[&["--password-file", &newest], words].concat());
    let out = world.path("root.backup").display().to_string();
    with_newest(&["root", "backup", "--out", &out]).ended(0);
    with_newest(&["root", "rotate", "--finalise"]).ended(0);
    assert_eq!(costs(&world), [standard()]);
}

#[test]
fn a_backup_is_a_private_file_and_overwrites_nothing() {
    // RK-011
    let world = world();
    let out = world.path("root.backup").display().to_string();
    world.keyward(&["root", "backup", "--out", &out]).ended(0);
    let mode = std::fs::metadata(&out).expect("the backup").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = world.keyward(&["root", "backup", "--out", &out]).ended(1);
    assert!(again.stderr.contains("a backup overwrites nothing"), "{}", again.stderr);
    let seen = world.keyward(&["root", "backup", "verify", &out]).ended(0);
    assert!(seen.stdout.contains("\nCurrent: yes\nOpened: yes\n"), "{}", seen.stdout);
    let other = World::begun("2025-01-01T00:00:00Z");
    let foreign = other.keyward(&["root", "backup", "verify", &out]).ended(1);
    assert!(foreign.stderr.starts_with("error: "), "{}", foreign.stderr);
    let status = other.json(&["root", "status"]);
    assert_eq!(status["backup"]["check"]["outcome"], "bad", "{}", foreign.stderr);
}

#[test]
fn a_restore_is_rehearsed_and_leaves_nothing_behind() {
    // RK-031
    let world = world();
    let out = back_up(&world);
    let ran = world.keyward(&["root", "drill", "--backup", &out]).ended(0);
    assert!(ran.stdout.starts_with("Drill: good\nRecords: "), "{}", ran.stdout);
    world.file("broken", "{}");
    let broken = world.path("broken").display().to_string();
    let ran = world.keyward(&["root", "drill", "--backup", &broken]).ended(1);
    assert!(ran.stdout.starts_with("Drill: bad\n"), "{}", ran.stdout);
    assert_eq!(world.json(&["root", "status"])["drill"]["outcome"], "bad");
    let left = std::fs::read_dir(world.path("data")).expect("the directory");
    let names =
        left.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    let left: Vec<String> = names.filter(|name| name.starts_with("drill")).collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn shares_are_shown_one_at_a_time_and_unseal_together() {
    let mut world = world();
    let words = ["root", "slot", "add", "recovery", "--threshold", "2", "--count", "3"];
    let refused = world.keyward(&words).ended(2);
    assert!(refused.stderr.contains("shown at a terminal only"), "{}", refused.stderr);
    world.typed = "\n\n\n";
    let shown = world.at_a_terminal_with_somebody(&words).ended(0).stdout;
    let shares: Vec<String> =
        shown.lines().filter(|line| line.starts_with("KWR1-")).map(str::to_owned).collect();
    assert_eq!(shares.len(), 3, "{shown}");
    let files: Vec<String> =
        (0..2).map(|at| world.file(&format!("share-{at}"), &shares[at])).collect();
    let ran = world.run(&["root", "recover", "--share", &files[0], "--share", &files[1]]).ended(0);
    assert!(ran.stdout.starts_with("State: unsealed\n"), "{}", ran.stdout);
    let few = world.run(&["root", "recover", "--share", &files[0]]);
    assert_ne!(few.code, 0);
    let answers = vec![shares[2].clone().leak() as &str, "KWR1-nonsense", shares[0].clone().leak()];
    world.answers = Some(answers);
    let ran = world.run(&["root", "unseal", "--recovery"]).ended(0);
    assert!(ran.stderr.contains("try it again"), "{}", ran.stderr);
    assert!(!ran.stdout.contains("KWR1") && !ran.stderr.contains(&shares[0]));
}

#[test]
fn a_password_is_changed_and_says_what_that_does_not_do() {
    // RK-010, RK-013
    let world = world();
    let weak = world.file("weak", "password1234");
    let refused = world.keyward(&["root", "password", "change", "--new-password-file", &weak]);
    assert!(refused.ended(1).stderr.contains("guess"), "the reasons are given");
    let fresh = world.path("fresh").display().to_string();
    let ran = world.keyward(&["root", "password", "change", "--new-password-file", &fresh]);
    assert!(ran.ended(0).stderr.contains("keyward root rotate --emergency"));
    world.keyward(&["root", "password", "verify"]).ended(1);
    world.run(&["--password-file", &fresh, "root", "password", "verify"]).ended(0);
    let slots = world.run(&["root", "slot", "list"]).ended(0).stdout;
    let id = slots.lines().nth(1).and_then(|line| line.split(' ').next()).expect("a slot");
    let last = world.run(&["--password-file", &fresh, "root", "slot", "remove", id]).ended(1);
    assert!(last.stderr.starts_with("error: "), "{}", last.stderr);
}

#[test]
fn a_store_is_restored_on_an_empty_machine() {
    // RK-030
    let world = world();
    let out = back_up(&world);
    let copy = world.path("copy").display().to_string();
    world.keyward(&["backup", "--out", &copy]).ended(0);
    let other = World::at("2025-01-02T00:00:00Z");
    keyward_storage::durable::create_directory(&other.path("data")).expect("a directory");
    std::fs::copy(&copy, other.path("data/keyward.db")).expect("a copy");
    std::fs::copy(format!("{copy}.trust.json"), other.path("data/trust.json")).expect("a copy");
    let wrong = other.file("wrong", OTHER);
    let ran = other.run(&["--password-file", &wrong, "root", "restore", &out]).ended(1);
    assert!(ran.stderr.starts_with("error: wrong password"), "{}", ran.stderr);
    other.file("password", "correct horse battery staple");
    let ran = other.keyward(&["root", "restore", &out]).ended(0);
    assert!(ran.stdout.contains("\nRecords: "), "{}", ran.stdout);
    other.keyward(&["sign", "--key-id", "k", &other.file("artifact", "x")]).ended(0);
}

#[test]
fn both_ways_a_rotation_comes_to_the_same() {
    // RK-022, RK-023
    // Only a server has the root key at hand: the status says so, and is looked at apart.
    let status = |desk: &crate::both::Desk| {
        let text = desk.peek("root status --output json").ended(0).stdout;
        serde_json::from_str::<Value>(&text).expect("JSON")
    };
    both_ways(|desk| {
        desk.with_key();
        desk.done("root backup --out root.backup");
        desk.peek("root rotate").ended(0);
        desk.sign("one.json");
        assert_eq!(status(desk)["rotation"]["complete"], true);
        desk.done("root backup --out root.backup --force");
        desk.peek("root rotate --finalise").ended(0);
        assert_eq!(status(desk)["epoch"], 2);
        desk.done("root backup --out root.backup --force");
        desk.peek("root rotate").ended(0);
        desk.peek("root rotate --rollback").ended(0);
        assert_eq!(status(desk)["epoch"], 2);
        desk.sign("two.json");
    });
}

#[test]
fn a_server_drives_its_rotation_and_can_be_paused() {
    let world = world();
    back_up(&world);
    let server = Server::on(&world);
    let (status, body) =
        server.post("/v1/root-key/rotation/begin", &json!({"recordsPerSecond": 1}));
    assert_eq!(status, 201, "{body}");
    world.keyward(&["root", "rotate", "--pause"]).ended(0);
    let shown = world.keyward(&["root", "status"]).ended(0).stdout;
    assert!(shown.contains("\nPaused: by hand\n"), "{shown}");
    server.kill();
    let server = Server::on(&world);
    let (_, body) = server.get("/v1/root-key");
    assert!(body.contains("\"paused\":\"by hand\""), "it stands still after a crash: {body}");
    let address = server.address.clone();
    world.keyward(&["root", "rotate", "--rollback"]).ended(0);
    let token = world.keyward(&["token", "create", "--name", "t", "--role", "admin"]).ended(0);
    let token = world.file("token", token.stdout.lines().next().expect("a token"));
    // RK-010
    let plain = ["--addr", &address, "--token-file", &token, "root", "password", "verify"];
    let refused = world.keyward(&plain);
    assert!(refused.stderr.contains("passwords and shares"), "{refused:?}");
    server.stop();
}
