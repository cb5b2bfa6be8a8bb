//! The storage of one machine: a SQLite file, `keyward.db`.
//!
//! Every connection has an empty `main` in memory and the file attached as `signer`, so that
//! the SQL of the runbook, which names the schema, runs as written. One connection writes,
//! under `BEGIN IMMEDIATE`, with the write-ahead log synced at every commit; a few read.

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use keyward::storage::{
    AppendError, AuditQuery, AuditRow, Batch, Heads, Item, LedgerIndex, ReadError, Row, Shelf,
    Storage, Table, Tree,
};
use keyward_lifecycle::{
    audit::tree::NodeAt,
    id::{Digest, Fingerprint},
};
use rusqlite::Connection;

use self::{
    append::Writer,
    connection::{Access, Pool},
};
use crate::durable;

mod append;
mod audit;
mod backup;
mod check;
mod connection;
mod failure;
mod migration;
mod read;
mod row;

pub use backup::{BackupError, Existing};
pub use failure::OpenError;

/// The name of the file in the data directory.
pub const FILE_NAME: &str = "keyward.db";

/// How a store is opened.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SqliteOptions {
    /// Most pages (of 4 KiB) that the file may have; beyond, an append is [`AppendError::Full`].
    /// `None` for as many as the disk has room for.
    pub max_page_count: Option<u32>,
    /// How long to wait for another process that writes.
    pub wait: Duration,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { max_page_count: None, wait: WAIT }
    }
}

/// Longer than any transaction of ours takes on a healthy disk.
const WAIT: Duration = Duration::from_secs(5);

/// A store in a SQLite file.
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
    /// Dropped first: the last connection to close copies the write-ahead log back and removes
    /// it, which only the writing one may do.
    readers: Pool,
    /// Absent when it is open for reading only.
    writer: Option<Mutex<Writer>>,
}

impl Sqlite {
    /// Opens the store in `directory` for reading and writing, and brings its schema up to date.
    ///
    /// # Errors
    /// [`OpenError`]; [`OpenError::Absent`] when there is none, and then none is made.
    pub fn open(directory: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        let path = directory.join(FILE_NAME);
        present(&path)?;
        let (mut connection, found) = connect(&path, Access::Write, options.wait)?;
        if found.is_none() {
            return Err(OpenError::Absent { path });
        }
        prepare(&path, &mut connection, found, options)?;
        Ok(Self::of(path, Some(connection), options))
    }

    /// Opens the store in `directory`, and makes an empty one first if there is none. A making
    /// that was interrupted is finished.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_or_create(directory: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        let path = directory.join(FILE_NAME);
        durable::create_empty(&path).map_err(|error| OpenError::io(path.clone(), error))?;
        let (mut connection, found) = connect(&path, Access::Write, options.wait)?;
        prepare(&path, &mut connection, found, options)?;
        Ok(Self::of(path, Some(connection), options))
    }

    /// Opens the store in `directory` for reading: no store is made, changed or brought up to
    /// date (SQLite may leave its `-wal` and `-shm` beside it, empty), and every append is
    /// [`AppendError::Unavailable`].
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_read_only(directory: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        let path = directory.join(FILE_NAME);
        present(&path)?;
        let known = migration::known();
        match connect(&path, Access::Read, options.wait)? {
            (_, None) => Err(OpenError::Absent { path }),
            (_, Some(found)) if found < known => Err(OpenError::Older { path, found, known }),
            (_, Some(_)) => Ok(Self::of(path, None, options)),
        }
    }

    fn of(path: PathBuf, writer: Option<Connection>, options: SqliteOptions) -> Self {
        let writer = writer.map(|connection| Mutex::new(Writer { connection, halted: false }));
        let readers = Pool::new(&path, options.wait);
        Self { path, writer, readers }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Storage for Sqlite {
    fn heads(&self) -> Result<Heads, ReadError> {
        self.readers.with(|connection| append::heads(connection).map_err(failure::read))
    }

    fn append(&self, after: Heads, batch: &Batch) -> Result<(), AppendError> {
        let Some(writer) = &self.writer else {
            return Err(AppendError::Unavailable(Box::new(ReadOnly)));
        };
        let mut writer = writer.lock().unwrap_or_else(|broken| {
            // A panic between BEGIN and COMMIT: what was under way is unknown.
            let mut writer = broken.into_inner();
            writer.halted = true;
            writer
        });
        writer.append(after, batch)
    }

    fn leaves(&self, tree: Tree, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, ReadError> {
        self.readers.with(|connection| read::leaves(connection, tree, from, limit))
    }

    fn nodes(&self, tree: Tree, at: &[NodeAt]) -> Result<Vec<Digest>, ReadError> {
        self.readers.with(|connection| {
            // For speed alone, and one node is read faster without.
            let several = (at.len() > 1).then(|| connection.unchecked_transaction());
            let _state = several.transpose().map_err(failure::read)?;
            read::nodes(connection, tree, at)
        })
    }

    fn item(&self, shelf: Shelf, name: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        self.readers.with(|connection| read::item(connection, shelf, name))
    }

    fn items(
        &self,
        shelf: Shelf,
        after: Option<&[u8]>,
        limit: u32,
    ) -> Result<Vec<Item>, ReadError> {
        self.readers.with(|connection| read::items(connection, shelf, after, limit))
    }

    fn item_at_or_before(&self, shelf: Shelf, name: &[u8]) -> Result<Option<Item>, ReadError> {
        self.readers.with(|connection| read::item_at_or_before(connection, shelf, name))
    }

    fn ledger(
        &self,
        find: LedgerIndex,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<u64>, ReadError> {
        self.readers.with(|connection| read::ledger(connection, find, after, limit))
    }

    fn signed(
        &self,
        pairs: &[(Fingerprint, Digest)],
        each: u32,
    ) -> Result<Vec<(u64, Vec<u8>)>, ReadError> {
        self.readers.with(|connection| {
            // For speed alone: what the ledger has never changes.
            let _state = connection.unchecked_transaction().map_err(failure::read)?;
            read::signed_leaves(connection, pairs, each)
        })
    }

    fn audit_rows(&self, query: &AuditQuery) -> Result<Vec<AuditRow>, ReadError> {
        self.readers.with(|connection| {
            let _state = connection.unchecked_transaction().map_err(failure::read)?;
            audit::rows(connection, query)
        })
    }

    fn rows(&self, table: Table, after: Option<&str>, limit: u32) -> Result<Vec<Row>, ReadError> {
        self.readers.with(|connection| row::page(connection, table, after, limit))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the store was opened for reading only")]
struct ReadOnly;

fn present(path: &Path) -> Result<(), OpenError> {
    match path.try_exists() {
        Ok(true) => Ok(()),
        Ok(false) => Err(OpenError::Absent { path: path.to_owned() }),
        Err(error) => Err(OpenError::io(path.to_owned(), error)),
    }
}

fn connect(
    path: &Path,
    access: Access,
    wait: Duration,
) -> Result<(Connection, Option<u32>), OpenError> {
    let connection = connection::open(path, access, wait)
        .map_err(|error| OpenError::of(path.to_owned(), error))?;
    let found = migration::found(&connection, path)?;
    Ok((connection, found))
}

fn prepare(
    path: &Path,
    connection: &mut Connection,
    found: Option<u32>,
    options: SqliteOptions,
) -> Result<(), OpenError> {
    let sqlite = |error| OpenError::of(path.to_owned(), error);
    if !connection::log_ahead(connection).map_err(sqlite)? {
        return Err(OpenError::Unfit { path: path.to_owned() });
    }
    migration::apply(connection, found).map_err(sqlite)?;
    if let Some(pages) = options.max_page_count {
        connection
            .pragma_update_and_check(Some("signer"), "max_page_count", pages, |row| {
                row.get::<_, i64>(0)
            })
            .map_err(sqlite)?;
    }
    Ok(())
}
