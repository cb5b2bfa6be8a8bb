//! The one way in: a batch, all of it or nothing, if the sequences still end where the caller
//! says.

use keyward::storage::{AppendError, Batch, Heads, Item, ItemChange, LedgerLeaf, Row, Shelf, Tree};
use rusqlite::{Connection, params};

use super::{failure, row};
use crate::limit;

/// The one connection that writes.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) connection: Connection,
    /// Set when it is not known what the file holds; only a new opening finds out.
    pub(super) halted: bool,
}

impl Writer {
    pub(super) fn append(&mut self, after: Heads, batch: &Batch) -> Result<(), AppendError> {
        limit::check(batch)?;
        if self.halted {
            return Err(AppendError::Unavailable(Box::new(Halted)));
        }
        execute(&self.connection, "BEGIN IMMEDIATE").map_err(failure::unwritten)?;
        match self.write(after, batch) {
            Ok(()) => self.commit(after),
            Err(error) => {
                self.roll_back()?;
                Err(error)
            }
        }
    }

    fn write(&self, after: Heads, batch: &Batch) -> Result<(), AppendError> {
        let found = heads(&self.connection).map_err(failure::unwritten)?;
        if found != after {
            return Err(AppendError::Conflict { expected: after, found });
        }
        write(&self.connection, after, batch).map_err(failure::unwritten)
    }

    fn commit(&mut self, after: Heads) -> Result<(), AppendError> {
        let Err(error) = execute(&self.connection, "COMMIT") else { return Ok(()) };
        if !failure::certain_at_commit(&error) {
            self.halted = true;
            return Err(AppendError::Unknown(Box::new(error)));
        }
        self.roll_back()?;
        // Trust, but look.
        match heads(&self.connection) {
            Ok(found) if found == after => Err(failure::unwritten(error)),
            Ok(_) | Err(_) => {
                self.halted = true;
                Err(AppendError::Unknown(Box::new(error)))
            }
        }
    }

    /// Leaves the transaction, if SQLite has not done so by itself.
    fn roll_back(&mut self) -> Result<(), AppendError> {
        if self.connection.is_autocommit() {
            return Ok(());
        }
        execute(&self.connection, "ROLLBACK").map_err(|error| {
            self.halted = true;
            AppendError::Unknown(Box::new(error))
        })
    }
}

/// An earlier append ended without an answer.
#[derive(Debug, thiserror::Error)]
#[error("an earlier change ended without an answer: restart, which finds out what was written")]
struct Halted;

/// How many leaves each sequence has.
pub(super) fn heads(connection: &Connection) -> rusqlite::Result<Heads> {
    const HEADS: &str = "SELECT (SELECT coalesce(max(seq) + 1, 0) FROM signer.log),
                                (SELECT coalesce(max(seq) + 1, 0) FROM signer.ledger)";
    connection
        .prepare_cached(HEADS)?
        .query_row([], |row| Ok(Heads { log: place(row, 0)?, ledger: place(row, 1)? }))
}

/// A place or a number of leaves. SQLite's integers are signed; ours are not.
pub(super) fn place(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let signed: i64 = row.get(column)?;
    u64::try_from(signed).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, signed))
}

/// A place as SQLite keeps it. One beyond its integers holds nothing.
pub(super) fn signed(place: u64) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX)
}

pub(super) const fn tree_number(tree: Tree) -> u8 {
    match tree {
        Tree::Log => 0,
        Tree::Ledger => 1,
    }
}

pub(super) const fn shelf_number(shelf: Shelf) -> u8 {
    match shelf {
        Shelf::Root => 0,
        Shelf::Record => 1,
        Shelf::Proof => 2,
        Shelf::Side => 3,
        Shelf::Checkpoint => 4,
        Shelf::Snapshot => 5,
        Shelf::Rescan => 6,
        Shelf::Answer => 7,
        Shelf::Authority => 8,
        Shelf::Count => 9,
        Shelf::Forgery => 10,
    }
}

fn write(connection: &Connection, after: Heads, batch: &Batch) -> rusqlite::Result<()> {
    let Batch { log, ledger, nodes, items, rows } = batch;
    write_log(connection, after.log, log)?;
    write_ledger(connection, after.ledger, ledger)?;
    if !nodes.is_empty() {
        const NODE: &str =
            "INSERT INTO signer.node (tree, level, idx, hash) VALUES (?1, ?2, ?3, ?4)";
        let mut insert = connection.prepare_cached(NODE)?;
        for (tree, at, hash) in nodes {
            insert.execute(params![
                tree_number(*tree),
                at.level,
                signed(at.index),
                hash.as_bytes()
            ])?;
        }
    }
    items.iter().try_for_each(|change| write_item(connection, change))?;
    rows.iter().try_for_each(|row| match row {
        Row::Anchor(row) => row::put_anchor(connection, row),
        Row::History(row) => row::put_history(connection, row),
        Row::Audit(row) => row::put_audit(connection, row),
    })
}

fn write_log(connection: &Connection, from: u64, leaves: &[Vec<u8>]) -> rusqlite::Result<()> {
    if leaves.is_empty() {
        return Ok(());
    }
    let mut insert =
        connection.prepare_cached("INSERT INTO signer.log (seq, bytes) VALUES (?1, ?2)")?;
    for (seq, bytes) in (from..).zip(leaves) {
        insert.execute(params![signed(seq), bytes])?;
    }
    Ok(())
}

fn write_ledger(connection: &Connection, from: u64, leaves: &[LedgerLeaf]) -> rusqlite::Result<()> {
    const LEAF: &str = "INSERT INTO signer.ledger (seq, bytes, fingerprint, pae, signature)
                        VALUES (?1, ?2, ?3, ?4, ?5)";
    if leaves.is_empty() {
        return Ok(());
    }
    let mut insert = connection.prepare_cached(LEAF)?;
    for (seq, LedgerLeaf { bytes, fingerprint, pae, signature }) in (from..).zip(leaves) {
        insert.execute(params![
            signed(seq),
            bytes,
            fingerprint.digest().as_bytes(),
            pae.as_bytes(),
            signature.as_bytes()
        ])?;
    }
    Ok(())
}

fn write_item(connection: &Connection, change: &ItemChange) -> rusqlite::Result<()> {
    const PUT: &str = "INSERT INTO signer.item (shelf, name, bytes) VALUES (?1, ?2, ?3)
                       ON CONFLICT (shelf, name) DO UPDATE SET bytes = excluded.bytes";
    const REPLACE: &str = "UPDATE signer.item SET bytes = ?3 WHERE shelf = ?1 AND name = ?2";
    const REMOVE: &str = "DELETE FROM signer.item WHERE shelf = ?1 AND name = ?2";
    match change {
        ItemChange::Put(shelf, Item { name, bytes }) => {
            connection.prepare_cached(PUT)?.execute(params![shelf_number(*shelf), name, bytes])?
        }
        ItemChange::Replace(shelf, Item { name, bytes }) => {
            let values = params![shelf_number(*shelf), name, bytes];
            connection.prepare_cached(REPLACE)?.execute(values)?
        }
        ItemChange::Remove(shelf, name) => {
            connection.prepare_cached(REMOVE)?.execute(params![shelf_number(*shelf), name])?
        }
    };
    Ok(())
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shelf_has_a_number_of_its_own() {
        let numbers: Vec<u8> = Shelf::ALL.into_iter().map(shelf_number).collect();
        assert_eq!(numbers, (0..11).collect::<Vec<u8>>());
    }
}
