//! The schema: numbered steps, each applied once, each remembered by the digest of its text.

use std::path::Path;

use keyward_lifecycle::id::Digest;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use super::failure::OpenError;

/// Every step there ever was, oldest first; none is changed once a store was made with it.
const STEPS: [&str; 1] = [include_str!("migration/0001.sql")];
/// What says that a file is one of ours: `KYWD`.
const APPLICATION_ID: i32 = 0x4b59_5744;
/// The tables that the steps are remembered in.
const MEMORY: &str = "
    CREATE TABLE signer.meta (
      name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE signer.migration (
      version INTEGER PRIMARY KEY, sha256 TEXT NOT NULL) STRICT;
    INSERT INTO signer.meta (name, value) VALUES ('schema_version', '0'), ('mending', 'no');";

/// The newest schema that this program knows.
pub(super) fn known() -> u32 {
    u32::try_from(STEPS.len()).unwrap_or(u32::MAX)
}

/// The schema of the attached file; `None` for a file in which nothing is.
///
/// # Errors
/// That the file is foreign, newer, altered, damaged or cannot be read.
pub(super) fn found(connection: &Connection, path: &Path) -> Result<Option<u32>, OpenError> {
    let sqlite = |error| OpenError::of(path.to_owned(), error);
    let id: i32 = connection
        .pragma_query_value(Some("signer"), "application_id", |row| row.get(0))
        .map_err(sqlite)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM signer.sqlite_schema", [], |row| row.get(0))
        .map_err(sqlite)?;
    match (id, tables) {
        (0, 0) => return Ok(None),
        (APPLICATION_ID, 1..) => {}
        (_, _) => return Err(OpenError::Foreign { path: path.to_owned() }),
    }
    let version: Option<String> = connection
        .query_row("SELECT value FROM signer.meta WHERE name = 'schema_version'", [], |row| {
            row.get(0)
        })
        .optional()
        .map_err(sqlite)?;
    let damaged = |what: &str| OpenError::Damaged { path: path.to_owned(), what: what.to_owned() };
    let version: u32 = version
        .and_then(|version| version.parse().ok())
        .ok_or_else(|| damaged("meta has no schema_version"))?;
    if version > known() {
        return Err(OpenError::Newer { path: path.to_owned(), found: version, known: known() });
    }
    for (number, step) in (1..=version).zip(STEPS) {
        let sha256: Option<String> = connection
            .query_row("SELECT sha256 FROM signer.migration WHERE version = ?1", [number], |row| {
                row.get(0)
            })
            .optional()
            .map_err(sqlite)?;
        match sha256 {
            Some(sha256) if sha256 == digest(step) => {}
            Some(_) => return Err(OpenError::Altered { path: path.to_owned(), version: number }),
            None => return Err(damaged("migration lacks a step of the schema")),
        }
    }
    Ok(Some(version))
}

/// Brings the attached file from the schema `found` to the newest, in one transaction.
pub(super) fn apply(connection: &mut Connection, found: Option<u32>) -> rusqlite::Result<()> {
    if found == Some(known()) {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Somebody else may have been faster.
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM signer.sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        transaction.pragma_update(Some("signer"), "application_id", APPLICATION_ID)?;
        transaction.execute_batch(MEMORY)?;
    }
    let done: u32 = transaction.query_row(
        "SELECT coalesce(max(version), 0) FROM signer.migration",
        [],
        |row| row.get(0),
    )?;
    for (number, step) in (1_u32..).zip(STEPS).filter(|(number, _)| *number > done) {
        transaction.execute_batch(step)?;
        transaction.execute(
            "INSERT INTO signer.migration (version, sha256) VALUES (?1, ?2)",
            params![number, digest(step)],
        )?;
        transaction.execute(
            "UPDATE signer.meta SET value = ?1 WHERE name = 'schema_version'",
            [number.to_string()],
        )?;
    }
    transaction.commit()
}

fn digest(step: &str) -> String {
    Digest::of(step.as_bytes()).to_string()
}
