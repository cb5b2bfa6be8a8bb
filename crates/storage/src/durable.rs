//! Files that are whole after a crash, and directories that are ours alone.

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

mod advice;
mod directory;
mod lock;

pub use directory::{DirectoryError, check_directory, create_directory};
pub use lock::{DirectoryLock, LOCK_NAME, LockError};

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "what we write is secret or it is not")]
pub enum Mode {
    /// The owner alone: 0600.
    Private,
    /// Everybody: 0644.
    Public,
}

impl Mode {
    const fn bits(self) -> u32 {
        match self {
            Self::Private => 0o600,
            Self::Public => 0o644,
        }
    }
}

/// Writes `bytes` as the file `path`, over what is there: a draft beside it is synced and then
/// renamed, and the directory synced, so that whoever looks, also after a crash, finds the old
/// bytes or the new ones. The mode is exactly `mode`, whatever the umask.
///
/// # Errors
/// [`FileError`]; then the old file is untouched.
pub fn write(path: &Path, bytes: &[u8], mode: Mode) -> Result<(), FileError> {
    let draft = || {
        let mut draft = Draft::beside(path)?;
        let mut file = OpenOptions::new().write(true).open(draft.path())?;
        file.write_all(bytes)?;
        file.set_permissions(Permissions::from_mode(mode.bits()))?;
        drop(file);
        draft.publish_over(path)
    };
    draft().map_err(|source| FileError::Unavailable { path: path.to_owned(), source })
}

/// Reads the file `path` if it has at most `bytes_max` bytes. Pipes are read too.
///
/// # Errors
/// [`FileError`].
pub fn read_limited(path: &Path, bytes_max: u64) -> Result<Vec<u8>, FileError> {
    let failed = |source: io::Error| {
        let path = path.to_owned();
        if source.kind() == io::ErrorKind::NotFound {
            FileError::Absent { path }
        } else {
            FileError::Unavailable { path, source }
        }
    };
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > bytes_max {
        return Err(FileError::TooLong { path: path.to_owned(), bytes_max });
    }
    Ok(bytes)
}

/// A file cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// There is none.
    #[error("there is no file {path}")]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// It is longer than anything of its kind.
    #[error("{path} has more than {bytes_max} bytes: is it the file that was meant?")]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Most that is read.
        bytes_max: u64,
    },
    /// The system refuses.
    #[error("{path} cannot be used: check its directory, owner and mode")]
    Unavailable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// Makes an empty file for the owner alone, unless there is a file.
pub(crate) fn create_empty(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => {
            file.sync_all()?;
            sync_directory_of(path)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// A file under a passing name beside the one it is to become. Removed unless published.
#[derive(Debug)]
pub(crate) struct Draft {
    path: PathBuf,
    published: bool,
}

impl Draft {
    /// An empty draft, mode 0600.
    pub(crate) fn beside(path: &Path) -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let Some(name) = path.file_name() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"));
        };
        let mut draft = std::ffi::OsString::from(".");
        draft.push(name);
        draft.push(format!(".{}-{}.draft", process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        let path = path.with_file_name(draft);
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { path, published: false })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Syncs it and gives it its name, over what had that name.
    pub(crate) fn publish_over(&mut self, path: &Path) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        fs::rename(&self.path, path)?;
        self.published = true;
        sync_directory_of(path)
    }

    /// Syncs it and gives it its name; [`io::ErrorKind::AlreadyExists`] if that is taken.
    pub(crate) fn publish_new(&mut self, path: &Path) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        let here = rustix::fs::CWD;
        let flags = rustix::fs::RenameFlags::NOREPLACE;
        rustix::fs::renameat_with(here, &self.path, here, path, flags)?;
        self.published = true;
        sync_directory_of(path)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.published {
            // What cannot be removed is a file under a passing name: harmless.
            drop(fs::remove_file(&self.path));
        }
    }
}

/// Removes what processes that were killed have left behind of drafts of the file `path`. Nobody
/// may be writing it: whoever calls has the right to, as [`DirectoryLock`] gives it.
///
/// # Errors
/// [`FileError`]; a draft that stays is harmless.
pub fn remove_drafts(path: &Path) -> Result<(), FileError> {
    let remove = || {
        for entry in fs::read_dir(directory_of(path))? {
            let entry = entry?;
            if is_draft(&entry.file_name(), path) && entry.file_type()?.is_file() {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    };
    remove().map_err(|source| FileError::Unavailable { path: path.to_owned(), source })
}

/// Whether [`Draft::beside`] gives such a name for `path`.
fn is_draft(name: &OsStr, path: &Path) -> bool {
    let numbers = || {
        let rest = name.to_str()?.strip_prefix('.')?;
        let rest = rest.strip_prefix(path.file_name()?.to_str()?)?.strip_prefix('.')?;
        rest.strip_suffix(".draft")?.split_once('-')
    };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    numbers().is_some_and(|(process, count)| is_number(process) && is_number(count))
}

fn sync_directory_of(path: &Path) -> io::Result<()> {
    File::open(directory_of(path))?.sync_all()
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
