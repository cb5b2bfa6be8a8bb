//! The audit view: a page of rows by conditions, found through an index.

use keyward::storage::{AuditQuery, AuditRow, ReadError};
use keyward_lifecycle::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, types::Value};

use super::{append::signed, failure, row};
use crate::{limit, wildcard};

const COLUMNS: &str = "SELECT event_id, event_type, key_id, anchor_id, actor, timestamp, details,
    seq FROM signer.key_audit_log WHERE 1";
const ORDER: &str = " ORDER BY timestamp DESC, seq DESC LIMIT ?";

/// The rows that `query` asks for, newest first. The caller holds a transaction.
pub(super) fn rows(
    connection: &Connection,
    query: &AuditQuery,
) -> Result<Vec<AuditRow>, ReadError> {
    let cursor = query.before_seq.map(|seq| Ok((seq, time_of(connection, seq)?))).transpose();
    let Some((sql, values)) = statement(query, cursor.map_err(failure::read)?) else {
        return Ok(Vec::new());
    };
    let mut select = connection.prepare_cached(&sql).map_err(failure::read)?;
    let rows = select.query(rusqlite::params_from_iter(values)).map_err(failure::read)?;
    row::collect(rows, row::audit)
}

/// The SQL of `query` and its values; `None` when nothing can fit. `cursor` is the row after
/// which the answer goes on, with its time if it is there.
pub(super) fn statement(
    query: &AuditQuery,
    cursor: Option<(u64, Option<String>)>,
) -> Option<(String, Vec<Value>)> {
    let AuditQuery { event_type, key_id, anchor_id, from, before, before_seq: _, limit } = query;
    let mut sql = String::from(COLUMNS);
    let mut values = Vec::new();
    let mut also = |condition: &str, value: Value| {
        sql.push_str(condition);
        values.push(value);
    };
    if let Some(pattern) = event_type {
        also(" AND event_type GLOB ?", wildcard::to_glob(pattern)?.into());
    }
    if let Some(key) = key_id {
        also(" AND key_id = ?", key.clone().into());
    }
    if let Some(anchor) = anchor_id {
        also(" AND anchor_id = ?", anchor.to_string().into());
    }
    if let Some(from) = from {
        also(" AND timestamp >= ?", ceiling(*from).into());
    }
    if let Some(before) = before {
        also(" AND timestamp < ?", ceiling(*before).into());
    }
    match cursor {
        Some((seq, Some(time))) => {
            also(" AND (timestamp, seq) < (?", time.into());
            also(", ?)", signed(seq).into());
        }
        Some((seq, None)) => also(" AND seq < ?", signed(seq).into()),
        None => {}
    }
    also(ORDER, i64::from(limit::page(*limit)).into());
    Some((sql, values))
}

fn time_of(connection: &Connection, seq: u64) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT timestamp FROM signer.key_audit_log WHERE seq = ?1")?
        .query_row([signed(seq)], |row| row.get(0))
        .optional()
}

/// The first whole microsecond not before `time`: rows have whole ones, so both `>=` and `<`
/// mean the same against it.
fn ceiling(time: Timestamp) -> String {
    let cut = time.cut_to_micros();
    let time =
        if cut == time { cut } else { Timestamp::from_nanos(cut.nanos().saturating_add(1_000)) };
    time.to_micros_text()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::{Sqlite, SqliteOptions};

    /// How SQLite goes about `query`.
    fn plan(query: &AuditQuery, cursor: Option<(u64, Option<String>)>) -> String {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Sqlite::open_or_create(directory.path(), SqliteOptions::default());
        let store = store.expect("a store");
        let (sql, values) = statement(query, cursor).expect("a statement");
        let explain = |connection: &Connection| {
            let mut select = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let steps = select.query_map(rusqlite::params_from_iter(values), |row| row.get(3))?;
            steps.collect::<rusqlite::Result<Vec<String>>>()
        };
        let steps = store.readers.with(|connection| explain(connection).map_err(failure::read));
        steps.expect("a plan").join("; ")
    }

    #[test]
    fn every_query_walks_an_index_in_order() {
        let all = || AuditQuery { limit: 10, ..AuditQuery::default() };
        let time = || Some(Timestamp::EPOCH);
        let cursor = || Some((7, Some("2025-01-01T00:00:00.000000Z".to_owned())));
        let anchor_id = Some(keyward_lifecycle::id::AnchorId::from_bytes([1; 16]));
        for (query, cursor, index) in [
            (all(), None, "idx_audit_log_time"),
            (all(), cursor(), "idx_audit_log_time (timestamp<?)"),
            (AuditQuery { from: time(), ..all() }, None, "idx_audit_log_time (timestamp>?)"),
            (
                AuditQuery { from: time(), before: time(), ..all() },
                None,
                "idx_audit_log_time (timestamp>? AND timestamp<?)",
            ),
            (
                AuditQuery { event_type: Some("KEY_*".into()), from: time(), ..all() },
                cursor(),
                "idx_audit_log_time (timestamp>?",
            ),
            (
                AuditQuery { key_id: Some("k".into()), ..all() },
                cursor(),
                "idx_audit_log_key (key_id=?",
            ),
            (
                AuditQuery { anchor_id, from: time(), ..all() },
                None,
                "idx_audit_log_anchor (anchor_id=?",
            ),
        ] {
            let plan = plan(&query, cursor);
            assert!(plan.contains(index), "{query:?}: {plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{query:?}: {plan}");
        }
    }
}
