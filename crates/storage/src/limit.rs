//! What a batch may hold, whichever adapter is asked to keep it.

use keyward::storage::{
    AppendError, Batch, ITEM_BYTES_MAX, ITEM_NAME_BYTES_MAX, ItemChange, LEAF_BYTES_MAX,
    PAGE_ROWS_MAX, ROW_TEXT_BYTES_MAX, Row,
};

/// Highest level of an inner node: a tree has fewer than 2^64 leaves.
const LEVEL_MAX: u8 = 63;

/// Refuses a batch that is beyond a limit, before anything of it is written.
pub(crate) fn check(batch: &Batch) -> Result<(), AppendError> {
    let Batch { log, ledger, nodes, items, rows } = batch;
    for leaf in log {
        at_most("a leaf of the log", leaf.len(), LEAF_BYTES_MAX)?;
    }
    for leaf in ledger {
        at_most("a leaf of the ledger", leaf.bytes.len(), LEAF_BYTES_MAX)?;
    }
    for (tree, at, _) in nodes {
        if !(1..=LEVEL_MAX).contains(&at.level) || i64::try_from(at.index).is_err() {
            return refuse(format!("node {}/{} of {tree:?} has no place", at.level, at.index));
        }
    }
    items.iter().try_for_each(check_item)?;
    rows.iter().try_for_each(check_row)
}

/// How many rows a read answers with when asked for `limit`.
pub(crate) fn page(limit: u32) -> u32 {
    limit.min(PAGE_ROWS_MAX)
}

/// A refusal of a batch.
pub(crate) fn refuse<T>(what: String) -> Result<T, AppendError> {
    Err(AppendError::Refused { what })
}

fn check_item(change: &ItemChange) -> Result<(), AppendError> {
    match change {
        ItemChange::Put(_, item) | ItemChange::Replace(_, item) => {
            at_most("the name of an item", item.name.len(), ITEM_NAME_BYTES_MAX)?;
            at_most("an item", item.bytes.len(), ITEM_BYTES_MAX)
        }
        ItemChange::Remove(_, name) => {
            at_most("the name of an item", name.len(), ITEM_NAME_BYTES_MAX)
        }
    }
}

fn check_row(row: &Row) -> Result<(), AppendError> {
    let longest = match row {
        Row::Anchor(row) => {
            if !matches!(row.status, "active" | "inactive") {
                return refuse(format!("anchor {} has the status `{}`", row.id, row.status));
            }
            let policy = row.policy_version.as_ref().map_or(0, String::len);
            row.purl_pattern.len().max(row.allowed_predicate_types.len()).max(policy)
        }
        Row::History(row) => {
            let reason = row.revoke_reason.as_ref().map_or(0, String::len);
            let [id, key] = [row.key_id.len(), row.public_key.len()];
            id.max(key).max(row.algorithm.len()).max(row.metadata.len()).max(reason)
        }
        Row::Audit(row) => {
            if i64::try_from(row.seq).is_err() {
                return refuse(format!("audit row {} has no place", row.seq));
            }
            let key = row.key_id.as_ref().map_or(0, String::len);
            row.event_type.len().max(row.actor.len()).max(row.details.len()).max(key)
        }
    };
    at_most("a text of a row", longest, ROW_TEXT_BYTES_MAX)
}

fn at_most(what: &str, bytes: usize, max: usize) -> Result<(), AppendError> {
    if bytes <= max {
        return Ok(());
    }
    refuse(format!("{what} has {bytes} bytes; at most {max} are kept"))
}
