//! The backup of the ways in: one file that leads to the root key on an empty machine.
//!
//! It holds the signed header and nothing else that is secret in any way that the header is
//! not. A running server renews it without knowing any password (`docs/format/backup.md`).

use keyward_lifecycle::{
    canonical::{self, Limits, MalformedJson, Uncanonical},
    id::ContentId,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    barrier::Sealed,
    epoch::{EpochHeader, HEADER_BYTES_MAX, HeaderRefused},
    root::RootId,
};

/// Longest backup that is read: a header, and 1 KiB around it.
pub const BACKUP_BYTES_MAX: usize = HEADER_BYTES_MAX + 1024;

const FORMAT: &str = "keyward-root-backup";
const VERSION: u64 = 1;
/// Deepest nesting: the header's, and the backup around it.
const DEPTH: usize = 10;

/// A backup whose header was checked.
#[derive(Debug, Clone)]
pub struct Backup {
    created: Timestamp,
    header: EpochHeader,
    bytes: Box<[u8]>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BackupWire {
    format: String,
    v: u64,
    created_at: Timestamp,
    header: Value,
    digest: ContentId,
}

/// Why a file is not read as a backup.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BackupRefused {
    /// Not the JSON of a backup, or too long.
    #[error("this is no root key backup: {0}")]
    Malformed(#[from] MalformedJson),
    /// The members are right, and the bytes are not their canonical form.
    #[error("root key backup is not in its canonical form: it was edited; use another copy")]
    NotCanonical,
    /// Another format.
    #[error("this is no root key backup: its format is not `keyward-root-backup`")]
    AnotherFormat,
    /// A version that this build does not know.
    #[error("root key backup has version {0}, which this build does not know; update keyward")]
    UnknownVersion(u64),
    /// It was changed or damaged.
    #[error("root key backup is damaged: its digest does not match; use another copy")]
    WrongDigest,
    /// The header in it is refused.
    #[error(transparent)]
    Header(#[from] HeaderRefused),
}

impl From<Uncanonical> for BackupRefused {
    fn from(_: Uncanonical) -> Self {
        Self::NotCanonical
    }
}

impl Backup {
    /// The backup of this header, made at `now`.
    ///
    /// # Errors
    /// [`BackupRefused`]; none that a caller leads to.
    pub fn of(header: &EpochHeader, now: Timestamp) -> Result<Self, BackupRefused> {
        let limits = Limits::new(HEADER_BYTES_MAX, DEPTH);
        let mut wire = BackupWire {
            format: FORMAT.to_owned(),
            v: VERSION,
            created_at: now,
            header: canonical::read_strict(header.bytes(), limits)?,
            digest: ContentId::of(&[]),
        };
        wire.digest = digest(&wire)?;
        let bytes = canonical::to_bytes(&wire)?.into();
        Ok(Self { created: now, header: header.clone(), bytes })
    }

    /// Reads a backup and checks its header; see [`EpochHeader::read`]. Without `pinned` it is
    /// only known to agree with itself until a password or shares open it.
    ///
    /// # Errors
    /// [`BackupRefused`].
    pub fn read(bytes: &[u8], pinned: Option<&RootId>) -> Result<Self, BackupRefused> {
        let limits = Limits::new(BACKUP_BYTES_MAX, DEPTH);
        let document = canonical::read_strict(bytes, limits)?;
        if document.get("format").and_then(Value::as_str) != Some(FORMAT) {
            return Err(BackupRefused::AnotherFormat);
        }
        match document.get("v").and_then(Value::as_u64) {
            Some(VERSION) => {}
            other => return Err(BackupRefused::UnknownVersion(other.unwrap_or(0))),
        }
        let wire: BackupWire = canonical::from_slice_strict(bytes, limits)?;
        if canonical::to_bytes(&wire)? != bytes {
            return Err(BackupRefused::NotCanonical);
        }
        if digest(&wire)? != wire.digest {
            return Err(BackupRefused::WrongDigest);
        }
        let header = EpochHeader::read(&canonical::value_to_bytes(&wire.header)?, pinned)?;
        Ok(Self { created: wire.created_at, header, bytes: bytes.into() })
    }

    /// The bytes of the file.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// When the backup was made.
    #[must_use]
    pub const fn created(&self) -> Timestamp {
        self.created
    }

    /// The header in it.
    #[must_use]
    pub const fn header(&self) -> &EpochHeader {
        &self.header
    }

    /// The ways in, to be tried: restoring, verifying and rehearsing begin here.
    #[must_use]
    pub fn sealed(&self) -> Sealed {
        Sealed::of(self.header.clone())
    }
}

/// SHA-256 of the RFC 8785 form without the member `digest`.
fn digest(wire: &BackupWire) -> Result<ContentId, Uncanonical> {
    canonical::content_id(wire, Some("digest"))
}
