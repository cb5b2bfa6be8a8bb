//! Whether the file is whole, as far as that can be told without the log's meaning.

use keyward::storage::ReadError;
use rusqlite::{Connection, OptionalExtension as _};

use super::{Sqlite, failure, migration};

/// What an empty store has as its schema: kind, name and text of everything in it.
const SCHEMA: &str = "SELECT type || ' ' || name, sql FROM signer.sqlite_schema
                      WHERE sql IS NOT NULL ORDER BY type, name";

impl Sqlite {
    /// Reads the whole file: every page, every index against its table, no gap among the
    /// leaves, and the schema as this program makes it. What the leaves say is not looked at;
    /// that is `keyward audit verify`.
    ///
    /// # Errors
    /// [`ReadError::Damaged`] names the first thing that is wrong.
    pub fn check(&self) -> Result<(), ReadError> {
        self.readers.with(|connection| {
            let _state = connection.unchecked_transaction().map_err(failure::read)?;
            pages(connection, "signer")?;
            without_gap(connection)?;
            references(connection)?;
            schema(connection)
        })
    }
}

/// SQLite's own check of the schema `name`.
pub(super) fn pages(connection: &Connection, name: &str) -> Result<(), ReadError> {
    let first: String = connection
        .query_row(&format!("PRAGMA {name}.integrity_check(1)"), [], |row| row.get(0))
        .map_err(failure::read)?;
    if first == "ok" { Ok(()) } else { Err(failure::damaged(first.trim())) }
}

fn without_gap(connection: &Connection) -> Result<(), ReadError> {
    for (table, sql) in [
        ("log", "SELECT count(*) = coalesce(max(seq) + 1, 0) FROM signer.log"),
        ("ledger", "SELECT count(*) = coalesce(max(seq) + 1, 0) FROM signer.ledger"),
    ] {
        let whole: bool = connection.query_row(sql, [], |row| row.get(0)).map_err(failure::read)?;
        if !whole {
            return Err(failure::damaged(&format!("leaves of the {table} are gone")));
        }
    }
    Ok(())
}

fn references(connection: &Connection) -> Result<(), ReadError> {
    let broken: Option<String> = connection
        .query_row("PRAGMA signer.foreign_key_check", [], |row| row.get(0))
        .optional()
        .map_err(failure::read)?;
    match broken {
        None => Ok(()),
        Some(table) => Err(failure::damaged(&format!("a row of {table} names an absent anchor"))),
    }
}

fn schema(connection: &Connection) -> Result<(), ReadError> {
    let expected = Connection::open_in_memory()
        .and_then(|mut fresh| {
            fresh.execute_batch("ATTACH ':memory:' AS signer")?;
            migration::apply(&mut fresh, None)?;
            parts(&fresh)
        })
        .map_err(failure::read)?;
    let found = parts(connection).map_err(failure::read)?;
    let differs = expected.iter().find(|part| !found.contains(part));
    match differs.or_else(|| found.iter().find(|part| !expected.contains(part))) {
        None => Ok(()),
        Some((name, _)) => Err(failure::damaged(&format!("{name} is not as Keyward makes it"))),
    }
}

fn parts(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    connection.prepare(SCHEMA)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}
