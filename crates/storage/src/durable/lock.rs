//! One process at a time writes a data directory.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process,
};

use rustix::fs::{FlockOperation, flock};

use super::advice::advice;

/// The lock's file in the data directory. It stays when the lock is given back.
pub const LOCK_NAME: &str = "keyward.lock";

/// Longest process number in the file.
const PID_BYTES_MAX: u64 = 20;

/// The right to write a data directory, until it is dropped or the process ends, however it
/// ends: the lock is the system's (flock), the number in the file only tells whose it is.
#[derive(Debug)]
pub struct DirectoryLock {
    file: File,
}

impl DirectoryLock {
    /// Takes the lock of `directory`, without waiting.
    ///
    /// # Errors
    /// [`LockError::Held`] names the process that has it.
    pub fn acquire(directory: &Path) -> Result<Self, LockError> {
        let path = directory.join(LOCK_NAME);
        let unavailable = |source| LockError::Unavailable { path: path.clone(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(unavailable)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut text = String::new();
                // Whoever has the lock may be about to write its number; then it is unknown.
                let read = (&mut file).take(PID_BYTES_MAX).read_to_string(&mut text);
                let pid = read.ok().and_then(|_| text.trim().parse().ok());
                return Err(LockError::Held {
                    directory: directory.to_owned(),
                    holder: Holder(pid),
                });
            }
            Err(error) => return Err(unavailable(error.into())),
        }
        let mut sign = || {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", process::id())
        };
        sign().map_err(unavailable)?;
        Ok(Self { file })
    }
}

impl Drop for DirectoryLock {
    fn drop(&mut self) {
        // So that no number of a process that is gone stands there; the lock does not need it.
        drop(self.file.set_len(0));
        // A child that was forked a moment ago holds the open file until it executes: closing
        // it here would leave the lock with the child, unlocking does not.
        let _: Result<(), rustix::io::Errno> = flock(&self.file, FlockOperation::Unlock);
    }
}

/// The process that has a lock, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder(Option<u32>);

impl Holder {
    /// Its number.
    #[must_use]
    pub const fn pid(self) -> Option<u32> {
        self.0
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(pid) => write!(f, "process {pid}"),
            None => f.write_str("another process"),
        }
    }
}

/// The right to write a data directory cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Somebody has it.
    #[error(
        "{directory} is in use by {holder}: stop it, or let it do the work (it listens on keyward.sock there)"
    )]
    Held {
        /// The data directory.
        directory: PathBuf,
        /// Who.
        holder: Holder,
    },
    /// The system refuses.
    #[error("{path} cannot be locked: {}", advice(source))]
    Unavailable {
        /// The lock's file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}
