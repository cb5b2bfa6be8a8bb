//! What the runbook names in SQL is there under its names.

use keyward_storage::sqlite::FILE_NAME;
use rusqlite::Connection;

use super::sample::{attach, fill, open};

#[test]
fn the_runbooks_query_runs_as_written() {
    // SO-123
    let directory = tempfile::tempdir().expect("a directory");
    fill(&open(directory.path()), 0, 5);
    let tool = attach(directory.path());
    let sql = "SELECT * FROM signer.key_audit_log
WHERE event_type LIKE 'KEY_%'
  AND timestamp >= '2025-01-01'
ORDER BY timestamp DESC;";
    let mut select = tool.prepare(sql).expect("the query");
    let columns: Vec<&str> = select.column_names().collect();
    let expected =
        ["event_id", "event_type", "key_id", "anchor_id", "actor", "timestamp", "details", "seq"];
    assert_eq!(columns, expected);
    let rows: Vec<(String, String)> = select
        .query_map([], |row| Ok((row.get("key_id")?, row.get("timestamp")?)))
        .and_then(Iterator::collect)
        .expect("rows");
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[0], ("key-4".into(), "2025-01-01T00:00:04.000000Z".into()));
    assert_eq!(rows[4], ("key-0".into(), "2025-01-01T00:00:00.000000Z".into()));
}

/// Name, type, and whether a value is required.
fn columns(tool: &Connection, table: &str) -> Vec<(String, String, bool)> {
    let sql = format!("PRAGMA signer.table_info({table})");
    let mut select = tool.prepare(&sql).expect("the pragma");
    let rows = select.query_map([], |row| Ok((row.get(1)?, row.get(2)?, row.get(3)?)));
    rows.and_then(Iterator::collect).expect("columns")
}

/// The columns of an index, and whether each runs backwards.
fn index(tool: &Connection, name: &str) -> Vec<(String, bool)> {
    let sql = format!("PRAGMA signer.index_xinfo({name})");
    let mut select = tool.prepare(&sql).expect("the pragma");
    let rows = select.query_map([], |row| Ok((row.get(2)?, row.get(3)?, row.get::<_, bool>(5)?)));
    let rows: Vec<(Option<String>, bool, bool)> =
        rows.and_then(Iterator::collect).expect("columns");
    rows.into_iter()
        .filter(|(.., key)| *key)
        .map(|(name, backwards, _)| (name.expect("a column"), backwards))
        .collect()
}

#[test]
fn the_runbooks_tables_are_there_with_its_columns_and_indexes() {
    // SO-130, SO-131
    let directory = tempfile::tempdir().expect("a directory");
    drop(open(directory.path()));
    let tool = attach(directory.path());
    let required = |name: &str| (name.to_owned(), "TEXT".to_owned(), true);
    let free = |name: &str| (name.to_owned(), "TEXT".to_owned(), false);
    let history = columns(&tool, "key_history");
    for column in [
        required("id"),
        required("anchor_id"),
        required("key_id"),
        required("public_key"),
        required("algorithm"),
        required("added_at"),
        free("revoked_at"),
        free("revoke_reason"),
        required("metadata"),
    ] {
        assert!(history.contains(&column), "{column:?}");
    }
    let audit = columns(&tool, "key_audit_log");
    for column in [
        required("event_id"),
        required("event_type"),
        free("key_id"),
        free("anchor_id"),
        required("actor"),
        required("timestamp"),
        required("details"),
    ] {
        assert!(audit.contains(&column), "{column:?}");
    }
    let forwards = |name: &str| (name.to_owned(), false);
    assert_eq!(
        index(&tool, "idx_key_history_validity"),
        ["anchor_id", "added_at", "revoked_at"].map(forwards)
    );
    assert_eq!(index(&tool, "idx_audit_log_time")[0], ("timestamp".into(), true));
    assert_eq!(index(&tool, "idx_audit_log_key")[0], forwards("key_id"));
}

#[test]
fn one_window_for_an_anchor_and_a_key_and_no_window_without_an_anchor() {
    // SO-130, HA-10
    let directory = tempfile::tempdir().expect("a directory");
    fill(&open(directory.path()), 0, 1);
    let tool = attach(directory.path());
    tool.execute_batch("PRAGMA foreign_keys = ON").expect("foreign keys");
    let insert = |id: &str, anchor: &str| {
        let sql = format!(
            "INSERT INTO signer.key_history VALUES
             ('{id}', '{anchor}', 'key-0', 'p', 'a', 't', NULL, NULL, '{{}}')"
        );
        tool.execute(&sql, []).expect_err("refused").to_string()
    };
    assert_eq!(
        insert("1", "07070707-0707-0707-0707-070707070707"),
        "UNIQUE constraint failed: key_history.anchor_id, key_history.key_id"
    );
    assert_eq!(insert("2", "nowhere"), "FOREIGN KEY constraint failed");
}

#[test]
fn rows_and_leaves_can_neither_be_changed_nor_deleted_by_accident() {
    // SO-002, HA-22
    let directory = tempfile::tempdir().expect("a directory");
    fill(&open(directory.path()), 0, 2);
    let tool = attach(directory.path());
    for (sql, message) in [
        ("DELETE FROM signer.log", "log is append-only"),
        ("UPDATE signer.log SET bytes = x'00'", "log is append-only"),
        ("DELETE FROM signer.ledger WHERE seq = 1", "ledger is append-only"),
        ("UPDATE signer.ledger SET pae = fingerprint", "ledger is append-only"),
        ("DELETE FROM signer.node", "node is append-only"),
        ("UPDATE signer.node SET idx = 9", "node is append-only"),
        ("DELETE FROM signer.key_audit_log", "key_audit_log is append-only"),
        ("UPDATE signer.key_audit_log SET actor = 'x'", "key_audit_log is append-only"),
        ("DELETE FROM signer.key_history", "key_history keeps every row"),
        ("DELETE FROM signer.trust_anchors", "trust_anchors keeps every row"),
    ] {
        let error = tool.execute(sql, []).expect_err("refused");
        assert_eq!(error.to_string(), message, "{sql}");
    }
}

#[test]
fn the_file_is_written_ahead() {
    // RK-058
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    fill(&store, 0, 1);
    assert!(directory.path().join(format!("{FILE_NAME}-wal")).is_file());
    let mode: String = attach(directory.path())
        .query_row("PRAGMA signer.journal_mode", [], |row| row.get(0))
        .expect("the mode");
    assert_eq!(mode, "wal");
}
