//! The thief writes to the database of a store that is stopped.

use std::path::Path;

use keyward::{
    start::{OpenFailed, UnsealFailed},
    storage::Shelf,
};
use keyward_barrier::{RecordId, RecordKind, RecordName, RecordVersion};
use keyward_lifecycle::{
    audit::tree::{leaf_hash, node_hash},
    event::{Event, Fact},
    id::Digest,
    key::{CompromiseScope, Reason},
    ledger::Entry,
    time::Timestamp,
};
use rusqlite::Connection;

use super::{Thief, check_never_valid, compromise, retire, stolen};
use crate::{
    act::{Cause, id, time},
    store::{PASSWORD, World, parts_in, world_in},
};

/// Changes the database of a stopped store behind its back.
pub(super) fn edit(directory: &Path, change: impl FnOnce(&Connection)) {
    let connection = Connection::open(directory.join("keyward.db")).expect("the file");
    let triggers: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        .and_then(|mut found| found.query_map([], |row| row.get(0))?.collect())
        .expect("triggers");
    for trigger in triggers {
        connection.execute_batch(&format!("DROP TRIGGER {trigger}")).expect("no trigger");
    }
    change(&connection);
}

pub(super) fn run(connection: &Connection, sql: &str) {
    let changed = connection.execute(sql, []).unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert!(changed > 0, "{sql}");
}

/// Stops the store, lets the thief at its database, and starts it again.
pub(super) fn tampered(
    directory: &Path,
    end: fn(&World),
    change: impl FnOnce(&Connection, &Thief, &[Entry]),
) -> (Thief, Result<World, OpenFailed>) {
    let (world, thief) = stolen(directory, end);
    let entries = world.keyward.entries_of_key(&id("k1"), None, 100).expect("entries");
    let World { parts, clock, keyward, actor } = world;
    keyward.close();
    drop((parts, keyward));
    edit(directory, |connection| change(connection, &thief, &entries));
    let parts = parts_in(directory, &clock);
    let keyward = keyward::Keyward::open(&parts);
    (thief, keyward.map(|keyward| World { parts, clock, keyward, actor }))
}

#[track_caller]
pub(super) fn check_tampered(opened: (Thief, Result<World, OpenFailed>), what: &str) {
    match opened.1 {
        Err(OpenFailed::Tampered { what: found }) => assert!(found.contains(what), "{found}"),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it opened"),
    }
}

fn place(seq: u64) -> i64 {
    i64::try_from(seq).expect("a place")
}

fn number(place: i64) -> u64 {
    u64::try_from(place).expect("a place")
}

/// Puts a forged leaf at the end of the ledger, with the nodes that belong to it.
fn append_entry(connection: &Connection, entry: &Entry) {
    let leaf = entry.to_leaf().expect("a leaf");
    let insert = "INSERT INTO ledger (seq, bytes, fingerprint, pae, signature) VALUES (?,?,?,?,?)";
    let fingerprint = entry.fingerprint.digest();
    let (pae, signature) = (entry.pae.as_bytes(), entry.signature.as_bytes());
    let row = (place(entry.seq), &leaf, fingerprint.as_bytes(), pae, signature);
    connection.execute(insert, row).expect("a row");
    // Subtrees that this leaf completes.
    let (mut hash, mut level, mut index) = (leaf_hash(&leaf), 0_u8, place(entry.seq));
    while index & 1 == 1 {
        let left: Digest = if level == 0 {
            let sql = "SELECT bytes FROM ledger WHERE seq = ?";
            let bytes: Vec<u8> =
                connection.query_row(sql, [index - 1], |row| row.get(0)).expect("a leaf");
            leaf_hash(&bytes)
        } else {
            let sql = "SELECT hash FROM node WHERE tree = 1 AND level = ? AND idx = ?";
            let bytes: [u8; 32] =
                connection.query_row(sql, (level, index - 1), |row| row.get(0)).expect("a node");
            Digest::from_bytes(bytes)
        };
        hash = node_hash(&left, &hash);
        (level, index) = (level + 1, index >> 1);
        let sql = "INSERT INTO node (tree, level, idx, hash) VALUES (1, ?, ?, ?)";
        connection.execute(sql, (level, index, hash.as_bytes())).expect("a node");
    }
}

#[test]
fn an_entry_that_was_put_into_the_ledger_proves_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let opened = tampered(directory.path(), compromise, |connection, thief, entries| {
        let (last, at) = (&entries[entries.len() - 1], time("2025-02-01T00:00:00Z"));
        let forged = thief.forge(Some("2025-02-01T00:00:00Z"));
        append_entry(connection, &thief.entry(&forged, last, entries.len() as u64, at));
    });
    check_tampered(opened, "the ledger has entries that no checkpoint signs");
}

#[test]
fn an_entry_that_was_exchanged_is_no_evidence_and_the_audit_names_it() {
    for exchanged in 0..3 {
        let directory = tempfile::tempdir().expect("a directory");
        let opened = tampered(directory.path(), retire, |connection, thief, entries| {
            let old = &entries[exchanged];
            let forged = thief.forge(Some("2025-02-01T00:00:00Z"));
            let entry = thief.entry(&forged, old, old.seq, old.time);
            let sql = "UPDATE ledger SET bytes = ?, pae = ?, signature = ? WHERE seq = ?";
            let row = (
                entry.to_leaf().expect("a leaf"),
                entry.pae.as_bytes(),
                entry.signature.as_bytes(),
                place(old.seq),
            );
            assert_eq!(connection.execute(sql, row).expect("a row"), 1);
        });
        match opened {
            (_, Err(OpenFailed::Tampered { what })) => {
                assert_eq!(&*what, "the ledger is not the one that was signed");
            }
            (thief, Ok(world)) => {
                let world = world.unsealed();
                check_never_valid(&world, &thief);
                world.sign("k2", "x");
                check_never_valid(&world, &thief);
                let report = world.keyward.verify_audit(None).expect("a replay");
                assert!(report.problems[0].contains("the ledger's first"), "{report:?}");
            }
            (_, Err(other)) => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_revocation_cannot_be_edited_cut_off_or_taken_back() {
    let revoked = "(SELECT seq FROM key_audit_log WHERE event_type = 'KEY_REVOKED')";
    let directory = tempfile::tempdir().expect("a directory");
    let opened = tampered(directory.path(), compromise, |connection, _, _| {
        run(
            connection,
            &format!(
                "UPDATE log SET bytes = CAST(replace(CAST(bytes AS TEXT), 'keyCompromise', 'superseded') \
             AS BLOB) WHERE seq = {revoked}"
            ),
        );
    });
    check_tampered(opened, "are not those that its checkpoint signs");

    let directory = tempfile::tempdir().expect("a directory");
    let opened = tampered(directory.path(), compromise, |connection, _, _| {
        run(connection, &format!("DELETE FROM log WHERE seq >= {revoked}"));
    });
    check_tampered(opened, "its newest checkpoint counts");

    // With every checkpoint that has seen it gone as well, it is an old copy.
    let directory = tempfile::tempdir().expect("a directory");
    let (thief, opened) = tampered(directory.path(), compromise, |connection, _, _| {
        // The head of the ledger was bound into the log in the same write.
        run(connection, &format!("DELETE FROM log WHERE seq >= {revoked} - 1"));
        run(
            connection,
            "DELETE FROM item WHERE shelf = 4 AND rowid = (SELECT max(rowid) FROM item WHERE shelf = 4)",
        );
    });
    let world = opened.expect("quarantined").unsealed();
    assert!(world.keyward.status().expect("a status").quarantine.is_some());
    check_never_valid(&world, &thief);
}

/// Appends a leaf to the log of a stopped store.
pub(super) fn append_event(connection: &Connection, fact: Fact) {
    append_event_at(connection, fact, None);
}

/// The same, at a time of the thief's own.
pub(super) fn append_event_at(connection: &Connection, fact: Fact, time: Option<Timestamp>) {
    let seq: i64 = connection
        .query_row("SELECT max(seq) + 1 FROM log", [], |row| row.get(0))
        .expect("a place");
    let sql = "SELECT bytes FROM log WHERE seq = ?";
    let last: Vec<u8> = connection.query_row(sql, [seq - 1], |row| row.get(0)).expect("a leaf");
    let last = Event::from_leaf(number(seq - 1), &last).expect("an event");
    let time = time.unwrap_or(last.time);
    let leaf = Event { seq: number(seq), fact, time, ..last }.to_leaf().expect("a leaf");
    connection.execute("INSERT INTO log (seq, bytes) VALUES (?, ?)", (seq, leaf)).expect("a row");
}

#[test]
fn a_leaf_that_gives_trust_or_takes_an_end_back_is_not_folded() {
    let revoked = |reason, effective: &str| Fact::KeyRevoked {
        key_id: id("k1"),
        anchor_id: None,
        reason,
        effective_at: time(effective),
        invalidity_date: None,
        scope: CompromiseScope::Key,
    };
    let facts = [
        ("KEY_REVOKED", revoked(Reason::Superseded, "2099-01-01T00:00:00Z")),
        ("KEY_REVOKED", revoked(Reason::KeyCompromise, "2099-01-01T00:00:00Z")),
        ("KEY_PROMOTED", Fact::KeyPromoted { key_id: id("k1") }),
        (
            "LEDGER_GAP",
            Fact::LedgerGap { from: Timestamp::EPOCH, to: time("2025-06-01T00:00:00Z") },
        ),
    ];
    for (kind, fact) in facts {
        let directory = tempfile::tempdir().expect("a directory");
        let opened = tampered(directory.path(), compromise, |connection, _, _| {
            append_event(connection, fact);
        });
        check_tampered(opened, &format!("is a {kind} that no checkpoint signs"));
    }
}

#[test]
fn what_a_sealed_store_logged_stands_after_a_crash() {
    let directory = tempfile::tempdir().expect("a directory");
    let (world, thief) = stolen(directory.path(), |_| ());
    let world = world.reopened();
    world.keyward.seal();
    world.revoke("k1", Reason::Superseded);
    world.clock.advance(60);
    world.revoke("k1", Reason::KeyCompromise);
    let error = world.try_generate("k2").expect_err("sealed").cause();
    assert!(matches!(error, keyward::ExecuteError::Sealed), "{error:?}");
    let world = world.crashed_sealed();
    check_never_valid(&world, &thief);
    let world = world.unsealed().reopened();
    check_never_valid(&world, &thief);
    world.audit();
}

#[test]
fn a_planted_root_key_is_not_opened() {
    let directory = tempfile::tempdir().expect("a directory");
    let other = tempfile::tempdir().expect("a directory");
    let planted = world_in(other.path(), "2025-01-01T00:00:00Z");
    let items = |shelf| planted.parts.storage.items(shelf, None, 10).expect("items");
    let (root, records) = (items(Shelf::Root), items(Shelf::Record));
    let (_, opened) = tampered(directory.path(), compromise, |connection, _, _| {
        for (shelf, item) in
            root.iter().map(|item| (0, item)).chain(records.iter().map(|item| (1, item)))
        {
            let sql = "UPDATE item SET bytes = ? WHERE shelf = ? AND name = ?";
            assert_eq!(
                connection.execute(sql, (&item.bytes, shelf, &item.name)).expect("a row"),
                1
            );
        }
    });
    let world = opened.expect("the log is as it was");
    let error = world.keyward.unseal(PASSWORD.into()).expect_err("planted");
    assert!(matches!(error, UnsealFailed::Header(_)), "{error:?}");
    assert!(!world.keyward.status().expect("a status").unsealed);
}

#[test]
fn a_checkpoint_of_the_thiefs_own_is_not_believed() {
    let directory = tempfile::tempdir().expect("a directory");
    let other = tempfile::tempdir().expect("a directory");
    let planted = world_in(other.path(), "2025-01-01T00:00:00Z");
    let note = planted.keyward.checkpoint().expect("an answer").expect("a checkpoint");
    let opened = tampered(directory.path(), compromise, |connection, _, _| {
        let sql = "INSERT INTO item (shelf, name, bytes) VALUES (4, ?, ?)";
        let name = i64::MAX.to_be_bytes();
        connection.execute(sql, (name, note.as_bytes())).expect("a row");
    });
    check_tampered(opened, "its newest checkpoint is not signed by the log's key");

    // All of them replaced: the one that was kept outside still stands.
    let directory = tempfile::tempdir().expect("a directory");
    let opened = tampered(directory.path(), compromise, |connection, _, _| {
        run(connection, "DELETE FROM item WHERE shelf = 4");
    });
    check_tampered(opened, "that no checkpoint signs");
}

#[test]
fn an_edited_row_decides_nothing_and_the_audit_names_it() {
    let edits = [
        (
            "UPDATE key_history SET revoked_at = NULL, revoke_reason = NULL",
            "signer.key_history: row",
        ),
        ("UPDATE trust_anchors SET purl_pattern = 'pkg:npm/*'", "signer.trust_anchors: row"),
        (
            "UPDATE key_audit_log SET event_type = 'KEY_ADDED' WHERE event_type = 'KEY_REVOKED'",
            "signer.key_audit_log: row",
        ),
        ("DELETE FROM key_audit_log WHERE event_type = 'KEY_REVOKED'", "signer.key_audit_log: row"),
    ];
    for (sql, named) in edits {
        let directory = tempfile::tempdir().expect("a directory");
        let (thief, opened) = tampered(directory.path(), compromise, |connection, _, _| {
            run(connection, sql);
        });
        let world = opened.expect("no decision reads a projection");
        check_never_valid(&world, &thief);
        let report = world.keyward.verify_audit(None).expect("a replay");
        assert!(report.problems[0].starts_with(named), "{sql}: {report:?}");
    }
}

#[test]
fn a_private_part_under_another_keys_name_signs_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_, opened) = tampered(directory.path(), retire, |connection, _, _| {
        let name = |key: &str| {
            let key_id = RecordId::from(&id(key));
            RecordName::new(RecordKind::PrivateKey, key_id, RecordVersion::FIRST).to_string()
        };
        let sql = "UPDATE item SET bytes = (SELECT bytes FROM item WHERE shelf = 1 AND name = ?) \
                   WHERE shelf = 1 AND name = ?";
        let names = (name("k1").into_bytes(), name("k2").into_bytes());
        assert_eq!(connection.execute(sql, names).expect("a row"), 1);
    });
    let world = opened.expect("a store").unsealed();
    let error = world.try_sign("k2", "x").expect_err("not its own");
    assert!(error.to_string().contains("cannot be used"), "{error}");
}

#[test]
fn a_name_in_the_side_table_that_the_log_does_not_bind_is_not_believed() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_, opened) = tampered(directory.path(), compromise, |connection, _, _| {
        // The thief's own name leads to the administrator's pseudonym.
        let sql = "INSERT INTO item (shelf, name, bytes) SELECT 3, ?, bytes FROM item \
                   WHERE shelf = 3 AND name = ?";
        let names = (b"identity/thief".as_slice(), b"identity/local:0".as_slice());
        assert_eq!(connection.execute(sql, names).expect("a row"), 1);
    });
    let world = opened.expect("a store").unsealed();
    assert_ne!(world.keyward.actor("thief").expect("an actor"), world.actor);
    assert_eq!(world.keyward.actor("local:0").expect("an actor"), world.actor);
}
