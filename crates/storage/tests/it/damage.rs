//! A file that something else has written to: said, named where it can be, and never a panic.

use std::{fs, path::Path};

use keyward::storage::{
    AppendError, AuditQuery, LedgerIndex, ReadError, Shelf, Storage as _, Table, Tree,
};
use keyward_lifecycle::{audit::tree::NodeAt, id::Fingerprint};
use keyward_storage::sqlite::{FILE_NAME, OpenError, Sqlite, SqliteOptions};
use tempfile::TempDir;

use super::sample::{after, attach, batch, fill, open};

const PAGE: usize = 4096;
const ADVICE: &str = "stop the server, keep a copy of the data directory and restore a backup";

/// A store of some pages, closed, and the bytes of its file.
fn closed() -> (TempDir, Vec<u8>) {
    let directory = tempfile::tempdir().expect("a directory");
    fill(&open(directory.path()), 0, 12);
    let bytes = fs::read(directory.path().join(FILE_NAME)).expect("the file");
    (directory, bytes)
}

fn replace(directory: &Path, bytes: &[u8]) {
    for name in [FILE_NAME, "keyward.db-wal", "keyward.db-shm"] {
        drop(fs::remove_file(directory.join(name)));
    }
    let path = directory.join(FILE_NAME);
    keyward_storage::durable::write(&path, bytes, keyward_storage::durable::Mode::Private)
        .expect("the file");
}

/// Reads and writes whatever there is: anything but a wrong answer or a panic will do.
fn use_all_of_it(store: &Sqlite) {
    let mut failures = Vec::new();
    failures.extend(store.heads().err());
    failures.extend(store.leaves(Tree::Log, 0, 100).err());
    failures.extend(store.leaves(Tree::Ledger, 0, 10_000).err());
    failures.extend(store.nodes(Tree::Log, &[NodeAt { level: 1, index: 0 }]).err());
    failures.extend(store.items(Shelf::Side, None, 100).err());
    let key = LedgerIndex::Key(Fingerprint::of_spki(b"key"));
    failures.extend(store.ledger(key, None, 10_000).err());
    let query = AuditQuery { limit: 100, ..AuditQuery::default() };
    failures.extend(store.audit_rows(&query).err());
    for table in [Table::TrustAnchors, Table::KeyHistory, Table::KeyAuditLog] {
        failures.extend(store.rows(table, None, 100).err());
    }
    for failure in failures {
        let said = matches!(&failure, ReadError::Damaged { what } if what.ends_with(ADVICE));
        assert!(said || matches!(failure, ReadError::Missing { .. }), "{failure:?}");
    }
    match store.append(after(12), &batch(12)) {
        Ok(()) | Err(AppendError::Conflict { .. } | AppendError::Refused { .. }) => {}
        Err(AppendError::Damaged { what }) => assert!(what.ends_with(ADVICE), "{what}"),
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn any_page_overwritten_is_found() {
    let (directory, whole) = closed();
    let pages = whole.len() / PAGE;
    assert!(pages > 20, "{pages} pages");
    for page in 0..pages {
        let mut bytes = whole.clone();
        bytes[page * PAGE..(page + 1) * PAGE].fill(0xff);
        replace(directory.path(), &bytes);
        match Sqlite::open(directory.path(), SqliteOptions::default()) {
            Ok(store) => {
                let found = store.check();
                assert!(
                    matches!(&found, Err(ReadError::Damaged { what }) if what.ends_with(ADVICE)),
                    "page {page}: {found:?}"
                );
                use_all_of_it(&store);
            }
            Err(OpenError::Damaged { .. }) => {}
            Err(error) => panic!("page {page}: {error:?}"),
        }
    }
    replace(directory.path(), &whole);
    open(directory.path()).check().expect("the whole file again");
}

#[test]
fn a_file_that_is_cut_is_found() {
    let (directory, whole) = closed();
    for pages in [1, 2, whole.len() / PAGE / 2, whole.len() / PAGE - 1] {
        replace(directory.path(), &whole[..pages * PAGE]);
        match Sqlite::open(directory.path(), SqliteOptions::default()) {
            Ok(store) => {
                let found = store.check();
                assert!(matches!(found, Err(ReadError::Damaged { .. })), "{pages}: {found:?}");
                use_all_of_it(&store);
            }
            Err(OpenError::Damaged { .. }) => {}
            Err(error) => panic!("{pages} pages: {error:?}"),
        }
    }
}

/// What the store says after `sql` was run on its file.
fn after_sql(sql: &str) -> (TempDir, Sqlite) {
    let (directory, _) = closed();
    let tool = attach(directory.path());
    tool.execute_batch("PRAGMA ignore_check_constraints = ON").expect("no checks");
    tool.execute_batch(sql).expect("the edit");
    drop(tool);
    let store = open(directory.path());
    (directory, store)
}

#[test]
fn a_leaf_that_is_gone_is_named() {
    let (_directory, store) =
        after_sql("DROP TRIGGER signer.log_keeps; DELETE FROM signer.log WHERE seq = 3");
    for (from, limit) in [(0, 100), (3, 1)] {
        match store.leaves(Tree::Log, from, limit) {
            Err(ReadError::Damaged { what }) => {
                assert_eq!(what, format!("leaf 3 of the log is gone; {ADVICE}"));
            }
            other => panic!("{other:?}"),
        }
    }
    match store.check() {
        Err(ReadError::Damaged { what }) => {
            assert_eq!(what, format!("leaves of the log are gone; {ADVICE}"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_row_that_cannot_be_ours_is_named() {
    let edits = [
        (
            "DROP TRIGGER signer.key_audit_log_stays;
             UPDATE signer.key_audit_log SET timestamp = 'yesterday' WHERE seq = 4",
            Table::KeyAuditLog,
            "row 4 of key_audit_log, timestamp is `yesterday`",
        ),
        (
            "UPDATE signer.key_history SET added_at = '2020-01-01T00:00:00Z'
             WHERE key_id = 'key-5'",
            Table::KeyHistory,
            "row 07070707-0707-0707-0707-070707070707 key-5 of key_history, added_at is \
             `2020-01-01T00:00:00Z`",
        ),
        (
            "UPDATE signer.trust_anchors SET status = 'blessed'",
            Table::TrustAnchors,
            "row 07070707-0707-0707-0707-070707070707 of trust_anchors, status is `blessed`",
        ),
    ];
    for (sql, table, expected) in edits {
        let (_directory, store) = after_sql(sql);
        match store.rows(table, None, 100) {
            Err(ReadError::Damaged { what }) => {
                assert_eq!(what, format!("{expected}, which Keyward never wrote; {ADVICE}"));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_schema_that_was_changed_is_found() {
    for (sql, name) in [
        ("DROP TRIGGER signer.log_stays", "trigger log_stays"),
        ("DROP INDEX signer.ledger_by_pae", "index ledger_by_pae"),
        (
            "CREATE TRIGGER signer.planted AFTER INSERT ON log
             BEGIN UPDATE trust_anchors SET status = 'inactive'; END",
            "trigger planted",
        ),
        ("CREATE TABLE signer.planted (a)", "table planted"),
    ] {
        let (_directory, store) = after_sql(sql);
        match store.check() {
            Err(ReadError::Damaged { what }) => {
                assert_eq!(what, format!("{name} is not as Keyward makes it; {ADVICE}"));
            }
            other => panic!("{sql}: {other:?}"),
        }
    }
}

#[test]
fn an_edited_audit_row_is_put_right_by_the_row_that_the_log_gives() {
    let (_directory, store) = after_sql(
        "DROP TRIGGER signer.key_audit_log_stays;
         UPDATE signer.key_audit_log SET actor = 'nobody' WHERE seq = 4",
    );
    let right = batch(4).rows[2].clone();
    let read = || store.rows(Table::KeyAuditLog, Some(&format!("{:020}", 3)), 1).expect("rows");
    assert_ne!(read(), std::slice::from_ref(&right));
    let mend = keyward::storage::Batch { rows: vec![right.clone()], ..Default::default() };
    store.append(after(12), &mend).expect("the row put right");
    assert_eq!(read(), [right]);
}
