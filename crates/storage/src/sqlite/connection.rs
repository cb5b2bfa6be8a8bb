//! Connections: `main` in memory, the file attached as `signer`.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::Path,
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

use keyward::storage::ReadError;
use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::failure;

/// Connections that read at the same time; a further reader waits.
const READERS_MAX: usize = 8;
/// Statements that a connection keeps prepared.
const STATEMENTS_KEPT: usize = 64;
/// Pages that the writing and each reading connection may cache, in KiB.
const WRITER_CACHE_KIB: i32 = 16 << 10;
const READER_CACHE_KIB: i32 = 4 << 10;
/// Pages of the write-ahead log at which it is copied back into the file, which waits for two
/// syncs: at SQLite's own 1,000 that would be every few batches of signatures.
const WAL_PAGES: i64 = 8 << 10;
/// What is left of the write-ahead log after it was copied back, in bytes.
const WAL_BYTES_KEPT: i64 = 32 << 20;

/// Whether a connection may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Write,
    Read,
}

/// Opens a connection on the file at `path`, which must exist.
pub(super) fn open(path: &Path, access: Access, wait: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_in_memory_with_flags(flags)?;
    connection.busy_timeout(wait)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // The file is not trusted to bring functions, views or tricks along.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    // Statements are planned once. Otherwise every new value bound makes SQLite plan anew, which
    // takes several times as long as the reading itself.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.execute("ATTACH ?1 AS signer", [uri(path.as_os_str(), access)])?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    let cache = match access {
        Access::Write => WRITER_CACHE_KIB,
        Access::Read => READER_CACHE_KIB,
    };
    connection.pragma_update(Some("signer"), "cache_size", cache.saturating_neg())?;
    Ok(connection)
}

/// Turns the write-ahead log on for the file and syncs every commit; `false` when the file
/// system cannot have one.
pub(super) fn log_ahead(connection: &Connection) -> rusqlite::Result<bool> {
    let mode: String =
        connection
            .pragma_update_and_check(Some("signer"), "journal_mode", "WAL", |row| row.get(0))?;
    connection.pragma_update(Some("signer"), "synchronous", "FULL")?;
    for (schema, pragma, value) in [
        (None, "wal_autocheckpoint", WAL_PAGES),
        (Some("signer"), "journal_size_limit", WAL_BYTES_KEPT),
        // What is removed is overwritten: a name that is erased is gone from the file.
        (Some("signer"), "secure_delete", 1),
    ] {
        connection.pragma_update_and_check(schema, pragma, value, |row| row.get::<_, i64>(0))?;
    }
    Ok(mode == "wal")
}

/// The file as a URI, so that the mode can be given: a reader can neither write nor create.
fn uri(path: &OsStr, access: Access) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => {
                uri.push(char::from(*byte));
            }
            _ => uri.extend(['%', digit(byte >> 4), digit(byte & 15)]),
        }
    }
    uri.push_str(match access {
        Access::Write => "?mode=rw",
        Access::Read => "?mode=ro",
    });
    uri
}

fn digit(nibble: u8) -> char {
    char::from_digit(nibble.into(), 16).unwrap_or('0')
}

/// A few reading connections, opened when they are first needed.
#[derive(Debug)]
pub(super) struct Pool {
    path: std::path::PathBuf,
    wait: Duration,
    idle: Mutex<Idle>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct Idle {
    connections: Vec<Connection>,
    lent: usize,
}

impl Pool {
    pub(super) fn new(path: &Path, wait: Duration) -> Self {
        let idle = Mutex::new(Idle::default());
        Self { path: path.to_owned(), wait, idle, returned: Condvar::new() }
    }

    pub(super) const fn wait(&self) -> Duration {
        self.wait
    }

    /// Calls `read` with a connection that nobody else uses meanwhile.
    pub(super) fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        let loan = self.lend().map_err(failure::read)?;
        match &loan.connection {
            Some(connection) => read(connection),
            None => Err(failure::read(rusqlite::Error::InvalidQuery)),
        }
    }

    fn lend(&self) -> rusqlite::Result<Loan<'_>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while idle.lent >= READERS_MAX {
            idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner);
        }
        idle.lent = idle.lent.saturating_add(1);
        let kept = idle.connections.pop();
        drop(idle);
        // From here on the place is given back, whatever happens.
        let mut loan = Loan { pool: self, connection: kept };
        if loan.connection.is_none() {
            loan.connection = Some(open(&self.path, Access::Read, self.wait)?);
        }
        Ok(loan)
    }
}

struct Loan<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        let mut idle = self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.lent = idle.lent.saturating_sub(1);
        // One that was left inside a transaction would go on seeing the past.
        idle.connections.extend(self.connection.take().filter(Connection::is_autocommit));
        drop(idle);
        self.pool.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::{FILE_NAME, Sqlite, SqliteOptions};

    fn pragma<T: rusqlite::types::FromSql>(connection: &Connection, name: &str) -> T {
        connection
            .query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    #[test]
    fn the_attached_file_is_written_ahead_and_synced_at_every_commit() {
        // RK-058
        let directory = tempfile::tempdir().expect("a directory");
        let store = Sqlite::open_or_create(directory.path(), SqliteOptions::default());
        let store = store.expect("a store");
        let writer = store.writer.as_ref().expect("a writer").lock().expect("the writer");
        let connection = &writer.connection;
        assert_eq!(pragma::<String>(connection, "signer.journal_mode"), "wal");
        // 2 is FULL.
        assert_eq!(pragma::<i64>(connection, "signer.synchronous"), 2);
        assert_eq!(pragma::<i64>(connection, "foreign_keys"), 1);
        assert_eq!(pragma::<i64>(connection, "trusted_schema"), 0);
    }

    #[test]
    fn a_reader_can_neither_write_nor_create() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(FILE_NAME);
        open(&path, Access::Read, Duration::ZERO).expect_err("nothing to read");
        open(&path, Access::Write, Duration::ZERO).expect_err("nothing to write");
        assert!(!path.exists());
        let store = Sqlite::open_or_create(directory.path(), SqliteOptions::default());
        let store = store.expect("a store");
        let written = store.readers.with(|connection| {
            Ok(connection.execute("INSERT INTO signer.log VALUES (0, x'00')", []))
        });
        let error = written.expect("a connection").expect_err("a reader");
        assert_eq!(error.to_string(), "attempt to write a readonly database");
    }

    #[test]
    fn more_readers_than_connections_take_turns() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Sqlite::open_or_create(directory.path(), SqliteOptions::default());
        let store = store.expect("a store");
        std::thread::scope(|scope| {
            for _ in 0..4 * READERS_MAX {
                scope.spawn(|| {
                    for _ in 0..20 {
                        keyward::storage::Storage::heads(&store).expect("heads");
                    }
                });
            }
        });
        let idle = store.readers.idle.lock().expect("the pool");
        assert!((1..=READERS_MAX).contains(&idle.connections.len()));
        assert_eq!(idle.lent, 0);
    }
}
