//! The machine around a store: room on its medium, and the file of the root key's backup.

use std::path::{Path, PathBuf};

use keyward_server::{
    config::{Config, VERIFY_DAYS},
    root::{RootCare, Site},
};
use keyward_storage::durable::{self, Mode, read_limited};

/// Longest backup of a root key, in bytes: more than any has.
pub(crate) const BACKUP_BYTES_MAX: u64 = 1 << 20;

/// This machine.
struct Machine {
    data: PathBuf,
    backup: Option<PathBuf>,
}

impl Site for Machine {
    fn free_bytes(&self) -> Option<u64> {
        let found = rustix::fs::statvfs(&self.data).ok()?;
        found.f_bavail.checked_mul(found.f_frsize)
    }

    fn backup(&self) -> Option<Result<Vec<u8>, String>> {
        let read = read_limited(self.backup.as_ref()?, BACKUP_BYTES_MAX);
        Some(read.map_err(|error| crate::exit::Failure::of(&error).what().to_owned()))
    }

    fn keep_backup(&self, bytes: &[u8]) -> Result<(), String> {
        let file = self.backup.as_ref().ok_or("no file is configured (rootKey.backup.file)")?;
        durable::write(file, bytes, Mode::Private)
            .map_err(|error| crate::exit::Failure::of(&error).what().to_owned())
    }
}

/// What is done about the root key of the store in `data`.
pub(crate) fn care(data: &Path, config: Option<&Config>) -> RootCare {
    let root = config.map(|config| config.root_key.clone()).unwrap_or_default();
    let verify_every_days = root.backup.as_ref().map_or(VERIFY_DAYS, |it| it.verify_every_days);
    let backup = root.backup.map(|backup| backup.file);
    let site = std::sync::Arc::new(Machine { data: data.to_owned(), backup });
    RootCare { site, rotation: root.rotation, verify_every_days, ..RootCare::default() }
}
