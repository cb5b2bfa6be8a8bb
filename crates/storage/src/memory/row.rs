//! Projections in memory: the same rules and the same answers as a database gives.

use std::collections::{BTreeMap, HashMap, HashSet};

use keyward::storage::{AppendError, AuditQuery, AuditRow, Row, Table};
use keyward_lifecycle::{id::AnchorId, time::Timestamp};

use super::event_type_fits;
use crate::limit;

/// Refuses a row of the history of an anchor that neither is there nor comes with the batch.
pub(super) fn admit(
    held: &HashMap<Table, BTreeMap<String, Row>>,
    rows: &[Row],
) -> Result<(), AppendError> {
    let anchors = held.get(&Table::TrustAnchors);
    let new: HashSet<AnchorId> = rows.iter().filter_map(anchor).collect();
    for row in rows {
        if let Row::History(history) = row
            && !new.contains(&history.anchor_id)
            && anchors.is_none_or(|rows| !rows.contains_key(&history.anchor_id.to_string()))
        {
            return limit::refuse(format!("there is no anchor {}", history.anchor_id));
        }
    }
    Ok(())
}

/// The row as it reads back: its times in whole microseconds.
pub(super) fn kept(row: &Row) -> Row {
    let mut row = row.clone();
    match &mut row {
        Row::Anchor(row) => row.created_at = row.created_at.cut_to_micros(),
        Row::History(row) => {
            row.added_at = row.added_at.cut_to_micros();
            row.revoked_at = row.revoked_at.map(Timestamp::cut_to_micros);
        }
        Row::Audit(row) => row.timestamp = row.timestamp.cut_to_micros(),
    }
    row
}

/// The rows that `query` asks for, newest first.
pub(super) fn audit(rows: Option<&BTreeMap<String, Row>>, query: &AuditQuery) -> Vec<AuditRow> {
    let AuditQuery { event_type, key_id, anchor_id, from, before, before_seq, limit } = query;
    let all = || rows.into_iter().flat_map(BTreeMap::values).filter_map(audit_row);
    let cursor = before_seq.map(|seq| {
        let at = all().find(|row| row.seq == seq).map(|row| row.timestamp);
        (at, seq)
    });
    let mut found: Vec<&AuditRow> = all()
        .filter(|row| {
            event_type_fits(event_type.as_ref(), &row.event_type)
                && key_id.as_ref().is_none_or(|key| row.key_id.as_ref() == Some(key))
                && anchor_id.is_none_or(|anchor| row.anchor_id == Some(anchor))
                && from.is_none_or(|from| row.timestamp >= from)
                && before.is_none_or(|before| row.timestamp < before)
                && cursor.is_none_or(|(at, seq)| comes_after(row, at, seq))
        })
        .collect();
    found.sort_unstable_by_key(|row| std::cmp::Reverse((row.timestamp, row.seq)));
    let limit = usize::try_from(limit::page(*limit)).unwrap_or(usize::MAX);
    found.into_iter().take(limit).cloned().collect()
}

/// Whether `row` follows the row at `seq` in an answer.
fn comes_after(row: &AuditRow, at: Option<Timestamp>, seq: u64) -> bool {
    at.map_or(row.seq < seq, |at| (row.timestamp, row.seq) < (at, seq))
}

fn audit_row(row: &Row) -> Option<&AuditRow> {
    match row {
        Row::Audit(row) => Some(row),
        Row::Anchor(_) | Row::History(_) => None,
    }
}

fn anchor(row: &Row) -> Option<AnchorId> {
    match row {
        Row::Anchor(row) => Some(row.id),
        Row::History(_) | Row::Audit(_) => None,
    }
}
