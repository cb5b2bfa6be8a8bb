//! Rows of the projections, to and from columns. A row that cannot be read is named, since
//! somebody edited it.

use std::str::FromStr;

use keyward::storage::{AnchorRow, AuditRow, HistoryRow, ReadError, Row, Table};
use keyward_lifecycle::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    append::{place, signed},
    failure,
};
use crate::limit;

const ANCHOR: &str = "SELECT id, purl_pattern, allowed_predicate_types, policy_version, threshold,
    status, created_at FROM signer.trust_anchors WHERE id > ?1 ORDER BY id LIMIT ?2";
const HISTORY: &str = "SELECT id, anchor_id, key_id, public_key, algorithm, added_at, revoked_at,
    revoke_reason, metadata FROM signer.key_history WHERE (anchor_id, key_id) > (?1, ?2)
    ORDER BY anchor_id, key_id LIMIT ?3";
const AUDIT: &str = "SELECT event_id, event_type, key_id, anchor_id, actor, timestamp, details, seq
    FROM signer.key_audit_log WHERE seq > ?1 ORDER BY seq LIMIT ?2";

/// Every row of `table` in the order of its key, after `after`.
pub(super) fn page(
    connection: &Connection,
    table: Table,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<Row>, ReadError> {
    let sql = match table {
        Table::TrustAnchors => ANCHOR,
        Table::KeyHistory => HISTORY,
        Table::KeyAuditLog => AUDIT,
    };
    let limit = limit::page(limit);
    let mut select = connection.prepare_cached(sql).map_err(failure::read)?;
    let rows = match table {
        Table::TrustAnchors => select.query(params![after.unwrap_or(""), limit]),
        Table::KeyHistory => {
            let after = after.unwrap_or("");
            let (anchor, key) = after.split_once(' ').unwrap_or((after, ""));
            select.query(params![anchor, key, limit])
        }
        Table::KeyAuditLog => match after.map(str::parse::<i64>) {
            None => select.query(params![-1, limit]),
            Some(Ok(seq)) => select.query(params![seq, limit]),
            Some(Err(_)) => {
                let what = format!("row {} of key_audit_log", after.unwrap_or(""));
                return Err(ReadError::Missing { what });
            }
        },
    };
    collect(rows.map_err(failure::read)?, |row| match table {
        Table::TrustAnchors => anchor(row).map(Row::Anchor),
        Table::KeyHistory => history(row).map(Row::History),
        Table::KeyAuditLog => audit(row).map(Row::Audit),
    })
}

/// What `read` makes of each row.
pub(super) fn collect<T>(
    mut rows: rusqlite::Rows<'_>,
    read: impl Fn(&rusqlite::Row<'_>) -> Result<T, ReadError>,
) -> Result<Vec<T>, ReadError> {
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failure::read)? {
        found.push(read(row)?);
    }
    Ok(found)
}

pub(super) fn put_anchor(connection: &Connection, row: &AnchorRow) -> rusqlite::Result<()> {
    const PUT: &str = "INSERT INTO signer.trust_anchors
        (id, purl_pattern, allowed_predicate_types, policy_version, threshold, status, created_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        ON CONFLICT (id) DO UPDATE SET purl_pattern = excluded.purl_pattern,
          allowed_predicate_types = excluded.allowed_predicate_types,
          policy_version = excluded.policy_version, threshold = excluded.threshold,
          status = excluded.status, created_at = excluded.created_at";
    let AnchorRow {
        id,
        purl_pattern,
        allowed_predicate_types,
        policy_version,
        threshold,
        status,
        created_at,
    } = row;
    connection.prepare_cached(PUT)?.execute(params![
        id.to_string(),
        purl_pattern,
        allowed_predicate_types,
        policy_version,
        threshold,
        status,
        created_at.to_micros_text()
    ])?;
    Ok(())
}

pub(super) fn put_history(connection: &Connection, row: &HistoryRow) -> rusqlite::Result<()> {
    const PUT: &str = "INSERT INTO signer.key_history
        (id, anchor_id, key_id, public_key, algorithm, added_at, revoked_at, revoke_reason, metadata)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
        ON CONFLICT (anchor_id, key_id) DO UPDATE SET id = excluded.id,
          public_key = excluded.public_key, algorithm = excluded.algorithm,
          added_at = excluded.added_at, revoked_at = excluded.revoked_at,
          revoke_reason = excluded.revoke_reason, metadata = excluded.metadata";
    let HistoryRow {
        id,
        anchor_id,
        key_id,
        public_key,
        algorithm,
        added_at,
        revoked_at,
        revoke_reason,
        metadata,
    } = row;
    connection.prepare_cached(PUT)?.execute(params![
        id.to_string(),
        anchor_id.to_string(),
        key_id,
        public_key,
        algorithm,
        added_at.to_micros_text(),
        revoked_at.map(Timestamp::to_micros_text),
        revoke_reason,
        metadata
    ])?;
    Ok(())
}

/// Audit rows are appended. One that is there and says something else was edited by hand: it is
/// put right, and the trigger that forbids changes is told so within this transaction.
pub(super) fn put_audit(connection: &Connection, row: &AuditRow) -> rusqlite::Result<()> {
    const ADD: &str = "INSERT INTO signer.key_audit_log
        (event_id, event_type, key_id, anchor_id, actor, timestamp, details, seq)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (seq) DO NOTHING";
    const SAME: &str = "SELECT 1 FROM signer.key_audit_log WHERE event_id = ?1 AND event_type = ?2
        AND key_id IS ?3 AND anchor_id IS ?4 AND actor = ?5 AND timestamp = ?6 AND details = ?7
        AND seq = ?8";
    const MEND: &str = "UPDATE signer.key_audit_log SET event_id = ?1, event_type = ?2,
        key_id = ?3, anchor_id = ?4, actor = ?5, timestamp = ?6, details = ?7 WHERE seq = ?8";
    const MENDING: &str = "UPDATE signer.meta SET value = ?1 WHERE name = 'mending'";
    let AuditRow { seq, event_id, event_type, key_id, anchor_id, actor, timestamp, details } = row;
    let (event_id, anchor_id) = (event_id.to_string(), anchor_id.map(|id| id.to_string()));
    let timestamp = timestamp.to_micros_text();
    let columns =
        params![event_id, event_type, key_id, anchor_id, actor, timestamp, details, signed(*seq)];
    if connection.prepare_cached(ADD)?.execute(columns)? == 1 {
        return Ok(());
    }
    let same = connection.prepare_cached(SAME)?.query_row(columns, |_| Ok(())).optional()?;
    if same.is_some() {
        return Ok(());
    }
    connection.prepare_cached(MENDING)?.execute(["yes"])?;
    connection.prepare_cached(MEND)?.execute(columns)?;
    connection.prepare_cached(MENDING)?.execute(["no"])?;
    Ok(())
}

fn anchor(row: &rusqlite::Row<'_>) -> Result<AnchorRow, ReadError> {
    let id: String = column(row, 0)?;
    let place = |what: &str| format!("row {id} of trust_anchors, {what}");
    let status: String = column(row, 5)?;
    let status = match status.as_str() {
        "active" => "active",
        "inactive" => "inactive",
        _ => return Err(edited(&place("status"), &status)),
    };
    Ok(AnchorRow {
        purl_pattern: column(row, 1)?,
        allowed_predicate_types: column(row, 2)?,
        policy_version: column(row, 3)?,
        threshold: column(row, 4)?,
        status,
        created_at: time(&place("created_at"), &column::<String>(row, 6)?)?,
        id: parsed(&place("id"), &id)?,
    })
}

fn history(row: &rusqlite::Row<'_>) -> Result<HistoryRow, ReadError> {
    let [id, anchor_id, key_id]: [String; 3] = [column(row, 0)?, column(row, 1)?, column(row, 2)?];
    let place = |what: &str| format!("row {anchor_id} {key_id} of key_history, {what}");
    let revoked_at: Option<String> = column(row, 6)?;
    Ok(HistoryRow {
        id: parsed(&place("id"), &id)?,
        public_key: column(row, 3)?,
        algorithm: column(row, 4)?,
        added_at: time(&place("added_at"), &column::<String>(row, 5)?)?,
        revoked_at: revoked_at.map(|text| time(&place("revoked_at"), &text)).transpose()?,
        revoke_reason: column(row, 7)?,
        metadata: column(row, 8)?,
        anchor_id: parsed(&place("anchor_id"), &anchor_id)?,
        key_id,
    })
}

/// A row of the columns event_id, event_type, key_id, anchor_id, actor, timestamp, details, seq.
pub(super) fn audit(row: &rusqlite::Row<'_>) -> Result<AuditRow, ReadError> {
    let seq = place(row, 7).map_err(failure::read)?;
    let place = |what: &str| format!("row {seq} of key_audit_log, {what}");
    let anchor_id: Option<String> = column(row, 3)?;
    Ok(AuditRow {
        seq,
        event_id: parsed(&place("event_id"), &column::<String>(row, 0)?)?,
        event_type: column(row, 1)?,
        key_id: column(row, 2)?,
        anchor_id: anchor_id.map(|text| parsed(&place("anchor_id"), &text)).transpose()?,
        actor: column(row, 4)?,
        timestamp: time(&place("timestamp"), &column::<String>(row, 5)?)?,
        details: column(row, 6)?,
    })
}

fn column<T: rusqlite::types::FromSql>(
    row: &rusqlite::Row<'_>,
    index: usize,
) -> Result<T, ReadError> {
    row.get(index).map_err(failure::read)
}

fn parsed<T: FromStr + ToString>(place: &str, text: &str) -> Result<T, ReadError> {
    // Only the form in which it was written: another one would sort elsewhere.
    text.parse::<T>().ok().filter(|id| id.to_string() == text).ok_or_else(|| edited(place, text))
}

fn time(place: &str, text: &str) -> Result<Timestamp, ReadError> {
    let time = text.parse::<Timestamp>().ok();
    time.filter(|time| time.to_micros_text() == text).ok_or_else(|| edited(place, text))
}

/// Most of an edited text that an error repeats.
const TEXT_SHOWN_CHARS_MAX: usize = 80;

fn edited(place: &str, text: &str) -> ReadError {
    let text: String = text.chars().take(TEXT_SHOWN_CHARS_MAX).collect();
    failure::damaged(&format!("{place} is `{text}`, which Keyward never wrote"))
}
