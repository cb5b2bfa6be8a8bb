//! Rows of projections, compared with those that the log makes: beside a writer, which puts
//! rows while they are read.

use std::collections::BTreeSet;

use super::{AuditReport, PAGE, Replay};
use crate::storage::{ReadError, Row, Storage, Table};

/// A row that does not agree is looked at again after what was logged meanwhile is folded: as
/// often as the log grows, and so often at most.
const LOOKS_MAX: u32 = 1000;

/// Rows read at once to find one.
const ROWS_NEARBY: u32 = 16;

const TABLES: [Table; 3] = [Table::TrustAnchors, Table::KeyHistory, Table::KeyAuditLog];

/// Every row that is kept is one that the log makes, and every one that it makes is kept.
pub(super) fn compare(replay: &mut Replay<'_>, report: &mut AuditReport) -> Result<(), ReadError> {
    let mut doubtful = BTreeSet::new();
    for table in TABLES {
        report.rows = report.rows.saturating_add(look_through(replay, table, &mut doubtful)?);
    }
    for _ in 0..LOOKS_MAX {
        if doubtful.is_empty() {
            return Ok(());
        }
        replay.go_on(report)?;
        let mut still = BTreeSet::new();
        for (rank, key) in doubtful {
            let kept = TABLES.into_iter().find(|table| self::rank(*table) == rank);
            let kept = kept.map(|table| row(replay.storage, table, &key)).transpose()?.flatten();
            if kept.as_ref() != replay.rows.get(&(rank, key.clone())) {
                still.insert((rank, key));
            }
        }
        doubtful = still;
        if replay.storage.heads()?.log == replay.log.size() {
            break;
        }
    }
    for (rank, key) in doubtful {
        let Some(table) = TABLES.into_iter().find(|table| self::rank(*table) == rank) else {
            continue;
        };
        let (name, made) = (name(table), replay.rows.contains_key(&(rank, key.clone())));
        report.problem(match (made, row(replay.storage, table, &key)?.is_some()) {
            (true, true) => format!("{name}: row {key} is not what the log says"),
            (true, false) => format!("{name}: row {key} is missing"),
            (false, _) => format!("{name}: row {key} is not in the log"),
        });
    }
    Ok(())
}

/// Reads a table from its first row to its last; the rows that do not agree are doubtful.
fn look_through(
    replay: &Replay<'_>,
    table: Table,
    doubtful: &mut BTreeSet<(u8, String)>,
) -> Result<u64, ReadError> {
    let rank = rank(table);
    let of_table = (rank, String::new())..(rank.saturating_add(1), String::new());
    let mut made = replay.rows.range(of_table).peekable();
    let (mut after, mut count): (Option<String>, u64) = (None, 0);
    loop {
        let page = replay.storage.rows(table, after.as_deref(), PAGE)?;
        let Some(last) = page.last() else { break };
        after = Some(last.key());
        for kept in page {
            count = count.saturating_add(1);
            let key = kept.key();
            while let Some(((_, missing), _)) = made.next_if(|((_, next), _)| *next < key) {
                doubtful.insert((rank, missing.clone()));
            }
            let agrees = made.next_if(|((_, next), _)| *next == key);
            if agrees.is_none_or(|(_, row)| *row != kept) {
                doubtful.insert((rank, key));
            }
        }
    }
    doubtful.extend(made.map(|(key, _)| key.clone()));
    Ok(count)
}

/// The row of that key as it is now.
fn row(storage: &dyn Storage, table: Table, key: &str) -> Result<Option<Row>, ReadError> {
    // What is less than the key, and close to it.
    let mut after = match (table, key.parse::<u64>()) {
        (Table::KeyAuditLog, Ok(place)) => place.checked_sub(1).map(|place| format!("{place:020}")),
        _ => {
            let mut before = key.to_owned();
            let _: Option<char> = before.pop();
            Some(before)
        }
    };
    loop {
        let page = storage.rows(table, after.as_deref(), ROWS_NEARBY)?;
        let Some(last) = page.last() else { return Ok(None) };
        after = Some(last.key());
        if let Some(found) = page.into_iter().find(|row| *row.key() >= *key) {
            return Ok(Some(found).filter(|row| row.key() == key));
        }
    }
}

pub(super) const fn rank(table: Table) -> u8 {
    match table {
        Table::TrustAnchors => 0,
        Table::KeyHistory => 1,
        Table::KeyAuditLog => 2,
    }
}

const fn name(table: Table) -> &'static str {
    match table {
        Table::TrustAnchors => "signer.trust_anchors",
        Table::KeyHistory => "signer.key_history",
        Table::KeyAuditLog => "signer.key_audit_log",
    }
}
