//! Reading leaves, nodes, items and the ledger's indexes. Each call sees one state of the file.

use keyward::storage::{Item, LEAF_BYTES_MAX, LedgerIndex, READ_BYTES_MAX, ReadError, Shelf, Tree};
use keyward_lifecycle::{
    audit::tree::NodeAt,
    id::{Digest, Fingerprint},
};
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, params};

use super::{
    append::{place, shelf_number, signed, tree_number},
    failure,
};
use crate::{limit, memory::missing_node};

pub(super) fn leaves(
    connection: &Connection,
    tree: Tree,
    from: u64,
    limit: u32,
) -> Result<Vec<Vec<u8>>, ReadError> {
    let (name, sql) = match tree {
        Tree::Log => {
            ("log", "SELECT seq, bytes FROM signer.log WHERE seq >= ?1 ORDER BY seq LIMIT ?2")
        }
        Tree::Ledger => {
            ("ledger", "SELECT seq, bytes FROM signer.ledger WHERE seq >= ?1 ORDER BY seq LIMIT ?2")
        }
    };
    let mut select = prepare(connection, sql)?;
    let mut rows =
        select.query(params![signed(from), limit::page(limit)]).map_err(failure::read)?;
    let mut leaves = Vec::new();
    let mut total = 0_usize;
    let mut expected = from..;
    while let Some(row) = rows.next().map_err(failure::read)? {
        let seq = place(row, 0).map_err(failure::read)?;
        let expected = expected.next();
        if Some(seq) != expected {
            let gone = expected.unwrap_or(from);
            return Err(failure::damaged(&format!("leaf {gone} of the {name} is gone")));
        }
        let bytes = blob(row, 1)?;
        if bytes.len() > LEAF_BYTES_MAX {
            return Err(failure::damaged(&format!("leaf {seq} of the {name} is too long")));
        }
        total = total.saturating_add(bytes.len());
        if total > READ_BYTES_MAX {
            break;
        }
        leaves.push(bytes.to_vec());
    }
    Ok(leaves)
}

/// The caller may hold a transaction, for speed alone: nodes never change.
pub(super) fn nodes(
    connection: &Connection,
    tree: Tree,
    at: &[NodeAt],
) -> Result<Vec<Digest>, ReadError> {
    const NODE: &str = "SELECT hash FROM signer.node WHERE tree = ?1 AND level = ?2 AND idx = ?3";
    let mut select = prepare(connection, NODE)?;
    at.iter()
        .map(|at| {
            select
                .query_row(params![tree_number(tree), at.level, signed(at.index)], |row| row.get(0))
                .optional()
                .map_err(failure::read)?
                .map(Digest::from_bytes)
                .ok_or_else(|| missing_node(tree, *at))
        })
        .collect()
}

pub(super) fn item(
    connection: &Connection,
    shelf: Shelf,
    name: &[u8],
) -> Result<Option<Vec<u8>>, ReadError> {
    prepare(connection, "SELECT bytes FROM signer.item WHERE shelf = ?1 AND name = ?2")?
        .query_row(params![shelf_number(shelf), name], |row| row.get(0))
        .optional()
        .map_err(failure::read)
}

pub(super) fn items(
    connection: &Connection,
    shelf: Shelf,
    after: Option<&[u8]>,
    limit: u32,
) -> Result<Vec<Item>, ReadError> {
    const FIRST: &str = "SELECT name, bytes FROM signer.item WHERE shelf = ?1
                         ORDER BY name LIMIT ?2";
    const NEXT: &str = "SELECT name, bytes FROM signer.item WHERE shelf = ?1 AND name > ?3
                        ORDER BY name LIMIT ?2";
    let mut select = prepare(connection, if after.is_some() { NEXT } else { FIRST })?;
    let (shelf, limit) = (shelf_number(shelf), limit::page(limit));
    let rows = match after {
        Some(after) => select.query(params![shelf, limit, after]),
        None => select.query(params![shelf, limit]),
    };
    let mut rows = rows.map_err(failure::read)?;
    let mut items = Vec::new();
    let mut total = 0_usize;
    while let Some(row) = rows.next().map_err(failure::read)? {
        let bytes = blob(row, 1)?;
        total = total.saturating_add(bytes.len());
        if total > READ_BYTES_MAX && !items.is_empty() {
            break;
        }
        items.push(Item { name: blob(row, 0)?.to_vec(), bytes: bytes.to_vec() });
    }
    Ok(items)
}

pub(super) fn item_at_or_before(
    connection: &Connection,
    shelf: Shelf,
    name: &[u8],
) -> Result<Option<Item>, ReadError> {
    const LAST: &str = "SELECT name, bytes FROM signer.item WHERE shelf = ?1 AND name <= ?2
                        ORDER BY name DESC LIMIT 1";
    prepare(connection, LAST)?
        .query_row(params![shelf_number(shelf), name], |row| {
            Ok(Item { name: row.get(0)?, bytes: row.get(1)? })
        })
        .optional()
        .map_err(failure::read)
}

const KEY: &str = "SELECT seq FROM signer.ledger INDEXED BY ledger_by_key
    WHERE fingerprint = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
const SIGNED: &str = "SELECT seq FROM signer.ledger INDEXED BY ledger_by_pae
    WHERE substr(pae, 1, 8) = substr(?4, 1, 8)
      AND substr(fingerprint, 1, 8) = substr(?1, 1, 8)
      AND seq > ?2 AND pae = ?4 AND fingerprint = ?1 ORDER BY seq LIMIT ?3";

/// As above, with the leaf, which is in the same row.
const SIGNED_LEAF: &str = "SELECT seq, bytes FROM signer.ledger INDEXED BY ledger_by_pae
    WHERE substr(pae, 1, 8) = substr(?4, 1, 8)
      AND substr(fingerprint, 1, 8) = substr(?1, 1, 8)
      AND seq > ?2 AND pae = ?4 AND fingerprint = ?1 ORDER BY seq LIMIT ?3";

pub(super) fn ledger(
    connection: &Connection,
    find: LedgerIndex,
    after: Option<u64>,
    limit: u32,
) -> Result<Vec<u64>, ReadError> {
    let (after, limit) = (after.map_or(-1, signed), limit::page(limit));
    let collect = |rows: rusqlite::Rows<'_>| rows.mapped(|row| place(row, 0)).collect();
    let found: rusqlite::Result<Vec<u64>> = match find {
        LedgerIndex::Key(key) => prepare(connection, KEY)?
            .query(params![key.digest().as_bytes(), after, limit])
            .and_then(collect),
        LedgerIndex::Signed(key, pae) => prepare(connection, SIGNED)?
            .query(params![key.digest().as_bytes(), after, limit, pae.as_bytes()])
            .and_then(collect),
    };
    found.map_err(failure::read)
}

/// The caller holds a transaction.
pub(super) fn signed_leaves(
    connection: &Connection,
    pairs: &[(Fingerprint, Digest)],
    each: u32,
) -> Result<Vec<(u64, Vec<u8>)>, ReadError> {
    let mut select = prepare(connection, SIGNED_LEAF)?;
    let (mut leaves, mut total) = (Vec::with_capacity(pairs.len()), 0_usize);
    for (key, pae) in pairs {
        let key = key.digest();
        let terms = params![key.as_bytes(), -1, limit::page(each), pae.as_bytes()];
        let mut rows = select.query(terms).map_err(failure::read)?;
        while let Some(row) = rows.next().map_err(failure::read)? {
            let leaf = blob(row, 1)?;
            total = total.saturating_add(leaf.len());
            if total > READ_BYTES_MAX {
                return Ok(leaves);
            }
            leaves.push((place(row, 0).map_err(failure::read)?, leaf.to_vec()));
        }
    }
    Ok(leaves)
}

fn prepare<'a>(connection: &'a Connection, sql: &str) -> Result<CachedStatement<'a>, ReadError> {
    connection.prepare_cached(sql).map_err(failure::read)
}

fn blob<'a>(row: &'a rusqlite::Row<'_>, column: usize) -> Result<&'a [u8], ReadError> {
    let value = row.get_ref(column).map_err(failure::read)?;
    value.as_blob().map_err(|error| failure::damaged(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_is_found_by_its_indexes_in_order() {
        let directory = tempfile::tempdir().expect("a directory");
        let options = crate::sqlite::SqliteOptions::default();
        let store = crate::sqlite::Sqlite::open_or_create(directory.path(), options);
        let store = store.expect("a store");
        for (sql, expected) in [
            (
                KEY,
                "SEARCH signer.ledger USING COVERING INDEX ledger_by_key (fingerprint=? AND seq>?)",
            ),
            (
                SIGNED,
                "SEARCH signer.ledger USING INDEX ledger_by_pae (<expr>=? AND <expr>=? AND seq>?)",
            ),
        ] {
            let plan = store.readers.with(|connection| {
                let mut select = prepare(connection, &format!("EXPLAIN QUERY PLAN {sql}"))?;
                let steps: rusqlite::Result<_> =
                    select.raw_query().mapped(|row| row.get(3)).collect();
                steps.map_err(failure::read)
            });
            let plan: Vec<String> = plan.expect("a plan");
            assert_eq!(plan, [expected]);
        }
    }
}
