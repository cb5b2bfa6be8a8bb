//! `trust.json` on disk: what is pinned outside the database.

use std::{io, path::PathBuf};

use keyward::pin::{PINS_BYTES_MAX, PinStore};

use crate::durable::{self, Mode};

/// The pins in a file of their own, replaced atomically.
#[derive(Debug, Clone)]
pub struct PinFile(PathBuf);

impl PinFile {
    /// The pins at that path; the file need not exist.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self(path)
    }
}

impl PinStore for PinFile {
    fn load(&self) -> io::Result<Option<Vec<u8>>> {
        match self.0.try_exists()? {
            true => {
                durable::read_limited(&self.0, PINS_BYTES_MAX).map(Some).map_err(io::Error::other)
            }
            false => Ok(None),
        }
    }

    fn save(&self, bytes: &[u8]) -> io::Result<()> {
        durable::write(&self.0, bytes, Mode::Private).map_err(io::Error::other)
    }
}
