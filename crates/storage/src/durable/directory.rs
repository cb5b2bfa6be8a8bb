//! The data directory: ours, and nobody else's to look into.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use super::advice::advice;

/// Makes `path` with mode 0700, and the directories above it as the umask says; one that is
/// there is checked as [`check_directory`] does.
///
/// # Errors
/// [`DirectoryError`].
pub fn create_directory(path: &Path) -> Result<(), DirectoryError> {
    let unavailable = |source| DirectoryError::Unavailable { path: path.to_owned(), source };
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent).map_err(unavailable)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => super::sync_directory_of(path).map_err(unavailable)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(unavailable(error)),
    }
    check_directory(path)
}

/// Whether `path` is a directory that belongs to this user and that nobody else may enter.
///
/// # Errors
/// [`DirectoryError`] says what is the matter and how to mend it.
pub fn check_directory(path: &Path) -> Result<(), DirectoryError> {
    let path = path.to_owned();
    let metadata = match fs::metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(DirectoryError::Absent { path });
        }
        Err(source) => return Err(DirectoryError::Unavailable { path, source }),
    };
    if !metadata.is_dir() {
        return Err(DirectoryError::NoDirectory { path });
    }
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != user {
        return Err(DirectoryError::Foreign { path, owner, user });
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(DirectoryError::Open { path, mode });
    }
    Ok(())
}

/// A directory cannot be the data directory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// There is none.
    #[error(
        "there is no directory {path}: make a store with `keyward init`, or name another with --data"
    )]
    Absent {
        /// The directory.
        path: PathBuf,
    },
    /// It is something else.
    #[error("{path} is no directory: name another with --data")]
    NoDirectory {
        /// The path.
        path: PathBuf,
    },
    /// It belongs to somebody else.
    #[error(
        "{path} belongs to user {owner}, and this is user {user}: run as its owner, or change it with chown"
    )]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// Its owner's number.
        owner: u32,
        /// This process's user.
        user: u32,
    },
    /// Others may enter it.
    #[error("{path} is open to others (mode {mode:04o}): close it with `chmod 700`")]
    Open {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The system refuses.
    #[error("{path} cannot be used as the data directory: {}", advice(source))]
    Unavailable {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}
