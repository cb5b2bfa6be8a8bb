//! A copy of the whole store while it is in use.

use std::{error::Error, io, path::Path, path::PathBuf};

use keyward::storage::{Heads, ReadError};
use rusqlite::{
    Connection, ErrorCode,
    backup::{Backup, StepResult},
};

use super::{Sqlite, append, check, connection};
use crate::durable;

/// What to do about a file that is in a backup's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it stays or it goes")]
pub enum Existing {
    /// It stays, and no backup is made.
    Keep,
    /// The backup takes its name, once it is whole.
    Replace,
}

/// The backup was not made; nothing is at its place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// Something is there already, and a backup overwrites nothing.
    #[error("{path} exists: name a new file, or remove it first")]
    Exists {
        /// Where the backup was to be.
        path: PathBuf,
    },
    /// The store contradicts itself, so its copy would be worthless.
    #[error("the store cannot be backed up: {what}")]
    Damaged {
        /// Where and how.
        what: String,
    },
    /// There is no room for it.
    #[error("there is no room for {path}: free some, or name a file on another disk")]
    Full {
        /// Where the backup was to be.
        path: PathBuf,
    },
    /// The medium does not answer or refuses.
    #[error("{path} cannot be written: check that its directory exists and is yours to write")]
    Unavailable {
        /// Where the backup was to be.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl Sqlite {
    /// Copies the store as it is now to the new file `path`, mode 0600: one state of it, checked
    /// and synced before it appears there under its name. Appends go on meanwhile. Gives the
    /// sizes of the copy's trees.
    ///
    /// # Errors
    /// [`BackupError`]; then what was at `path` is there as it was.
    pub fn backup_to(&self, path: &Path, existing: Existing) -> Result<Heads, BackupError> {
        let taken = path.try_exists().map_err(|error| unavailable(path, error))?;
        if taken && existing == Existing::Keep {
            return Err(BackupError::Exists { path: path.to_owned() });
        }
        let mut draft = durable::Draft::beside(path).map_err(|error| unavailable(path, error))?;
        self.readers
            .with(|from| Ok(copy(from, draft.path())))
            .and_then(|copied| copied.map_err(super::failure::read))
            .map_err(|error| failed(path, error))?;
        let heads = self.verify(draft.path()).map_err(|error| failed(path, error))?;
        let published = match existing {
            Existing::Keep => draft.publish_new(path),
            Existing::Replace => draft.publish_over(path),
        };
        published.map_err(|error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                return BackupError::Exists { path: path.to_owned() };
            }
            unavailable(path, error)
        })?;
        Ok(heads)
    }

    fn verify(&self, copy: &Path) -> Result<Heads, ReadError> {
        let copy = connection::open(copy, connection::Access::Read, self.readers.wait());
        let copy = copy.map_err(super::failure::read)?;
        check::pages(&copy, "signer")?;
        append::heads(&copy).map_err(super::failure::read)
    }
}

fn copy(from: &Connection, to: &Path) -> rusqlite::Result<()> {
    let mut copy = Connection::open(to)?;
    let backup = Backup::new_with_names(from, "signer", &mut copy, "main")?;
    // All pages in one step: one state of the store. In a write-ahead log readers hinder nobody.
    match backup.step(-1)? {
        StepResult::Done => {}
        StepResult::More | StepResult::Busy | StepResult::Locked | _ => {
            let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
            return Err(rusqlite::Error::SqliteFailure(busy, None));
        }
    }
    drop(backup);
    // One file, which can be read from a medium that cannot be written.
    copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    copy.close().map_err(|(_, error)| error)
}

fn failed(path: &Path, error: ReadError) -> BackupError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is the medium's")]
    match error {
        ReadError::Damaged { what } => BackupError::Damaged { what },
        ReadError::Unavailable(source) if is_full(source.as_ref()) => {
            BackupError::Full { path: path.to_owned() }
        }
        error => BackupError::Unavailable { path: path.to_owned(), source: Box::new(error) },
    }
}

fn is_full(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    let sqlite = error.downcast_ref::<rusqlite::Error>();
    sqlite.and_then(rusqlite::Error::sqlite_error_code) == Some(ErrorCode::DiskFull)
}

fn unavailable(path: &Path, error: io::Error) -> BackupError {
    BackupError::Unavailable { path: path.to_owned(), source: Box::new(error) }
}
