//! What went wrong, in the words of the seam: who must act, and whether anything was written.

use std::{error::Error, path::PathBuf};

use keyward::storage::{AppendError, ReadError};
use rusqlite::ErrorCode;

/// What to do about a damaged store; ends every message that says so.
pub(super) const RESTORE: &str =
    "stop the server, keep a copy of the data directory and restore a backup";

/// A store cannot be opened; nothing in it was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is none.
    #[error(
        "there is no store at {path}: make one with `keyward init`, or name another directory with --data"
    )]
    Absent {
        /// Where its file would be.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{path} is not a Keyward store: name another directory with --data")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer program made it.
    #[error(
        "{path} has schema {found}, and this program knows up to {known}: use the newer keyward that made it"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest schema that this program knows.
        known: u32,
    },
    /// An older program made it, and it may not be written now.
    #[error(
        "{path} has schema {found}, and this program reads {known}: open it once for writing, which brings it up to date"
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The schema that this program reads.
        known: u32,
    },
    /// A step of its schema is not the one that this program has under that number.
    #[error(
        "{path} was made with a different step {version} of the schema: use the keyward that made it, or restore a backup"
    )]
    Altered {
        /// The file.
        path: PathBuf,
        /// The step.
        version: u32,
    },
    /// It contradicts itself.
    #[error("{path} is damaged: {what}; {RESTORE}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where and how.
        what: String,
    },
    /// The medium cannot hold a store: no shared memory beside the file, as on most network
    /// file systems.
    #[error("the file system of {path} cannot hold a store (no write-ahead log): use a local disk")]
    Unfit {
        /// The file.
        path: PathBuf,
    },
    /// The medium does not answer or refuses.
    #[error(
        "{path} cannot be opened: check that the disk is there, has room, and is yours to write"
    )]
    Unavailable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl OpenError {
    pub(super) fn of(path: PathBuf, error: rusqlite::Error) -> Self {
        match kind(&error) {
            Kind::Damaged => Self::Damaged { path, what: error.to_string() },
            Kind::Full | Kind::Refused | Kind::Unavailable => {
                Self::Unavailable { path, source: Box::new(error) }
            }
        }
    }

    pub(super) fn io(path: PathBuf, error: std::io::Error) -> Self {
        Self::Unavailable { path, source: Box::new(error) }
    }
}

/// A read failed.
pub(super) fn read(error: rusqlite::Error) -> ReadError {
    match kind(&error) {
        Kind::Damaged => damaged(&error.to_string()),
        Kind::Full | Kind::Refused | Kind::Unavailable => ReadError::Unavailable(Box::new(error)),
    }
}

/// What is kept contradicts itself.
pub(super) fn damaged(what: &str) -> ReadError {
    ReadError::Damaged { what: format!("{what}; {RESTORE}") }
}

/// An append failed, and it is certain that nothing was written.
pub(super) fn unwritten(error: rusqlite::Error) -> AppendError {
    match kind(&error) {
        Kind::Damaged => AppendError::Damaged { what: format!("{error}; {RESTORE}") },
        Kind::Refused => AppendError::Refused { what: error.to_string() },
        Kind::Full => AppendError::Full(Box::new(error)),
        Kind::Unavailable => AppendError::Unavailable(Box::new(error)),
    }
}

/// Whether a COMMIT that failed so has certainly left nothing in the file.
///
/// SQLite writes the frames of a transaction to the write-ahead log, the one that commits it
/// last, and syncs. No room (or no lock, or a broken constraint) stops it before that frame is
/// whole; after any other failure, of the sync above all, the frame may or may not be there.
pub(super) fn certain_at_commit(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DiskFull
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::ConstraintViolation
        )
    )
}

enum Kind {
    Damaged,
    Refused,
    Full,
    Unavailable,
}

fn kind(error: &rusqlite::Error) -> Kind {
    use rusqlite::Error as E;
    // Columns of another type than the schema says can only come from a damaged file.
    if matches!(
        error,
        E::FromSqlConversionFailure(..)
            | E::IntegralValueOutOfRange(..)
            | E::InvalidColumnType(..)
            | E::Utf8Error(..)
    ) {
        return Kind::Damaged;
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Kind::Damaged,
        Some(ErrorCode::DiskFull) => Kind::Full,
        Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig) => Kind::Refused,
        // Our statements are fixed, so "no such table" tells of the file.
        Some(ErrorCode::Unknown) => Kind::Damaged,
        Some(ErrorCode::SystemIoFailure) => match error.sqlite_extended_error_code() {
            Some(
                rusqlite::ffi::SQLITE_IOERR_SHORT_READ | rusqlite::ffi::SQLITE_IOERR_CORRUPTFS,
            ) => Kind::Damaged,
            _ => Kind::Unavailable,
        },
        _ if matches!(error, E::SqlInputError { .. }) => Kind::Damaged,
        _ => Kind::Unavailable,
    }
}
