//! What a store keeps to, over restarts and restores: erasure, quarantine, rescans, snapshots.

use std::fs;

use rusqlite::{Connection, params};

use crate::both::{By, Desk, both_ways};

/// The shelf of the snapshots in the table `item` (docs/format/database.md).
const SNAPSHOTS: i64 = 5;

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_forgotten_actor_is_listed_without_a_name_and_gone_from_the_files() {
    both_ways(|desk| {
        desk.with_key();
        let listed = desk.json("actor list")["actors"].clone();
        let [actor] = &listed.as_array().expect("a list")[..] else { panic!("{listed}") };
        let (id, name) = (actor["actorId"].as_str(), actor["name"].as_str());
        let (id, name) = (id.expect("a pseudonym"), name.expect("a name"));
        assert!(name.starts_with("local:"), "{name}");
        assert!(desk.done("audit query --type KEY_GENERATED").contains(name));
        let forgotten = desk.json(&format!("actor forget {id}"));
        let expected = serde_json::json!({"actorId": id, "forgotten": true});
        assert_eq!(forgotten, expected);
        let listed = desk.json("actor list")["actors"].clone();
        assert_eq!(listed.as_array().expect("a list")[0], expected);
        let shown = desk.done("actor list");
        assert!(shown.contains("(forgotten)") && !shown.contains(name), "{shown}");
        let shown = desk.done("audit query --type KEY_GENERATED");
        assert!(shown.contains(id) && !shown.contains(name), "{shown}");
        assert!(desk.done("audit verify").starts_with("Audit: OK\n"));
        desk.stop();
        for entry in fs::read_dir(desk.world.path("data")).expect("the files") {
            let path = entry.expect("a file").path();
            assert!(!contains(&fs::read(&path).expect("its bytes"), name), "{}", path.display());
        }
    });
}

#[test]
fn a_restored_old_copy_is_quarantined_until_the_rollback_is_accepted() {
    both_ways(|desk| {
        desk.with_key();
        desk.sign("proof.json");
        desk.done("backup --out old.db");
        desk.done("key revoke k --reason compromise");
        desk.done("backup --out new.db");
        restore(desk, "old.db");
        assert_eq!(desk.status()["quarantined"], true);
        if let Some((status, body)) = desk.ask("/readyz") {
            assert_eq!(status, 503);
            assert!(body.contains("quarantined: the log has "), "{body}");
            let (_, metrics) = desk.ask("/metrics").expect("a server");
            assert!(metrics.contains("\nkeyward_quarantined 1\n"), "{metrics}");
        }
        // By this log the key is good; in truth it is not, so nobody is told VALID.
        let verdict = desk.run("verify proof.json").ended(1).stdout;
        assert!(verdict.starts_with("INDETERMINATE STALE_VIEW\n"), "{verdict}");
        let refused = desk.run("sign --key-id k artifact").ended(2);
        assert!(refused.stderr.starts_with("error: the store is quarantined: "));
        let audit = desk.run("audit verify").ended(1).stdout;
        assert!(audit.starts_with("PROBLEM the log is truncated: "), "{audit}");
        // The newer copy ends it without a word.
        restore(desk, "new.db");
        assert_eq!(desk.status()["quarantined"], false);
        restore(desk, "old.db");
        desk.done("key revoke k --reason compromise");
        // A command alone finds what the revocation added; a server, what was there at its start.
        let accepted = desk.peek("rollback accept").ended(0).stdout;
        assert!(accepted.starts_with("Found: "), "{accepted}");
        assert_eq!(desk.status()["quarantined"], false);
        assert!(desk.done("audit query --type *ROLLBACK*").contains("ROLLBACK_ACCEPTED"));
        assert!(desk.done("audit verify").starts_with("Audit: OK\n"));
        desk.run("sign --key-id k artifact").ended(1);
        desk.done("key generate --key-id next");
        desk.done("sign --key-id next artifact");
    });
}

const WARNED: &str = "warning: the store is quarantined: its log is older than what was seen of it \
                      before, and what was revoked since stands in it as good\n\
                      hint: restore the newer copy, or accept the loss with `keyward rollback \
                      accept`\n";

#[test]
fn whatever_is_asked_of_a_quarantined_store_the_answer_comes_with_a_warning() {
    both_ways(|desk| {
        desk.with_key();
        desk.sign("proof.json");
        desk.done("backup --out old.db");
        desk.done("key revoke k --reason compromise");
        for words in ["key show k", "key list"] {
            assert_eq!(desk.run(words).ended(0).stderr, "", "{words}");
        }
        restore(desk, "old.db");
        for words in [
            "key show k",
            "key show k --output json",
            "key list",
            "key history k",
            "anchor show 550e8400",
            "anchor status 550e8400",
            "anchor list",
            "status",
        ] {
            assert_eq!(desk.peek(words).ended(0).stderr, WARNED, "{words}");
        }
        let verdict = desk.run("verify proof.json").ended(1);
        assert!(verdict.stderr.starts_with(WARNED), "{}", verdict.stderr);
        desk.world.file("many.jsonl", fs::read(desk.world.path("proof.json")).expect("a proof"));
        assert_eq!(desk.run("verify --batch many.jsonl").ended(1).stderr, WARNED);
        // By this log the key is good, and nobody is told so.
        for words in ["", " --at-time 2025-01-01", " --anchor-id 550e8400"] {
            let ran = desk.run(&format!("key check-validity k{words}")).ended(2);
            let expected = "error: the store is quarantined: its log is older than what was seen \
                            of it before\nhint: restore the newer copy, or accept the loss with \
                            `keyward rollback accept`\n";
            assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", expected), "{words}");
        }
    });
}

#[test]
fn what_a_killed_process_left_of_its_draft_is_removed_and_nothing_else_is() {
    both_ways(|desk| {
        desk.stop();
        let left = [".trust.json.4711-0.draft", ".trust.json.1-12.draft"];
        let others = [
            ".trust.json.4711.draft",
            ".trust.json.a-1.draft",
            ".trust.json.1-.draft",
            ".other.json.1-1.draft",
            "trust.json.1-1.draft",
            ".trust.json.1-1.draft.txt",
        ];
        for name in left.iter().chain(&others) {
            desk.world.file(&format!("data/{name}"), "{}");
        }
        fs::create_dir(desk.world.path("data/.trust.json.2-2.draft")).expect("a directory");
        desk.start();
        desk.done("key list");
        let is_there = |name: &&str| desk.world.path(&format!("data/{name}")).exists();
        assert_eq!(left.iter().filter(|name| is_there(name)).count(), 0);
        assert_eq!(others.iter().filter(|name| is_there(name)).count(), others.len());
        assert!(is_there(&".trust.json.2-2.draft") && is_there(&"trust.json"));
    });
}

/// Puts a copy of the database in the place of the store's own.
fn restore(desk: &Desk, copy: &str) {
    desk.stop();
    fs::copy(desk.world.path(copy), desk.world.path("data/keyward.db")).expect("a copy");
    desk.start();
}

#[test]
fn a_revocation_queues_the_proofs_it_touches_and_they_are_judged_again() {
    both_ways(|desk| {
        desk.with_key();
        for out in ["a", "b", "c"] {
            desk.sign(out);
        }
        let revoked = desk.done("key revoke k --reason compromise");
        let pending = || {
            let ran = desk.peek("anchor status 550e8400").ended(0);
            let line = ran.stdout.lines().last().map(str::to_owned).expect("four lines");
            line.strip_prefix("Pending Rescans: ").expect(&line).to_owned()
        };
        match desk.by {
            // Nobody is at work but the commands.
            By::Itself => {
                assert!(revoked.contains("Pending Rescans: 3\n"), "{revoked}");
                assert_eq!(pending(), "3");
            }
            // The server's worker does it by itself.
            By::Server => {
                let went_to_0 = (0..1_000).any(|_| pending() == "0");
                assert!(went_to_0, "{} are pending still", pending());
            }
        }
        desk.done("proof rescan");
        assert_eq!(pending(), "0");
    });
}

#[test]
fn a_start_reads_the_snapshot_and_one_that_does_not_match_is_passed_over() {
    both_ways(|desk| {
        desk.with_key();
        desk.sign("proof.json");
        let made = desk.done("audit snapshot");
        let size = desk.status()["logSize"].clone();
        assert!(made.starts_with(&format!("Size: {size}\nDigest: ")), "{made}");
        desk.done("key generate --key-id later --stage");
        let before = (desk.done("key list"), desk.done("anchor list"));
        desk.stop();
        // With one leaf of the beginning spoilt, a start that reads every leaf fails.
        let good = leaf(desk, 2);
        put_leaf(desk, 2, b"spoilt");
        desk.start();
        assert_eq!((desk.done("key list"), desk.done("anchor list")), before);
        desk.done("verify proof.json");
        let audit = desk.run("audit verify").ended(1).stdout;
        assert!(audit.starts_with("PROBLEM "), "the audit reads every leaf: {audit}");
        desk.stop();
        flip_snapshot(desk);
        let ran = desk.run("key list").ended(2);
        assert!(ran.stderr.starts_with("error: "), "all is replayed: {}", ran.stderr);
        put_leaf(desk, 2, &good);
        desk.start();
        assert_eq!((desk.done("key list"), desk.done("anchor list")), before);
        assert!(desk.done("audit verify").starts_with("Audit: OK\n"));
        desk.done("sign --key-id k artifact");
    });
}

fn database(desk: &Desk) -> Connection {
    let database = Connection::open(desk.world.path("data/keyward.db")).expect("the database");
    let mut guards =
        database.prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'").expect("guards");
    let names = guards.query_map([], |row| row.get::<_, String>(0)).expect("their names");
    let names: Vec<String> = names.map(|name| name.expect("a name")).collect();
    drop(guards);
    for name in names {
        database.execute_batch(&format!("DROP TRIGGER {name}")).expect("a drop");
    }
    database
}

fn leaf(desk: &Desk, seq: i64) -> Vec<u8> {
    let sql = "SELECT bytes FROM log WHERE seq = ?1";
    database(desk).query_row(sql, [seq], |row| row.get(0)).expect("a leaf")
}

fn put_leaf(desk: &Desk, seq: i64, bytes: &[u8]) {
    let sql = "UPDATE log SET bytes = ?2 WHERE seq = ?1";
    assert_eq!(database(desk).execute(sql, params![seq, bytes]).expect("an edit"), 1);
}

fn flip_snapshot(desk: &Desk) {
    let database = database(desk);
    let sql = "SELECT bytes FROM item WHERE shelf = ?1";
    let mut bytes: Vec<u8> =
        database.query_row(sql, [SNAPSHOTS], |row| row.get(0)).expect("a snapshot");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let sql = "UPDATE item SET bytes = ?2 WHERE shelf = ?1";
    assert_eq!(database.execute(sql, params![SNAPSHOTS, bytes]).expect("an edit"), 1);
}
