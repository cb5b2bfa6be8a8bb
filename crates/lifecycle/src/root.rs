//! The root key as the log tells of it: epochs, the signed header that leads to them, the
//! rotation that is open, and what was seen of backups (RK-020 to RK-043).
//!
//! No key is here, nor anything by which one comes to it: that is the header, whose digest
//! the log binds.

mod rotation;

use alloc::sync::Arc;
use core::{fmt, num::NonZeroU32};

use serde::{Deserialize, Serialize};

pub use self::rotation::{Expected, FAILED_MAX, Pass, Rotation, RotationKind};
use crate::{id::Digest, time::Timestamp};

/// A generation of the root key; the first is 1. No number is used twice, not even after a
/// rotation that was rolled back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EpochNumber(NonZeroU32);

impl EpochNumber {
    /// The epoch that a store starts with.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// The epoch with this number; 0 is none.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Its number, at least 1.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// The next one; saturates after 2^32 - 2 rotations.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for EpochNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Which epoch header the store has: an older one that is put in its place is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "built by the library from a signed header")]
pub struct HeaderMark {
    /// The epoch that it leads to.
    pub epoch: EpochNumber,
    /// Its place among all headers of the store, from 1.
    pub counter: u64,
    /// SHA-256 of its bytes.
    pub digest: Digest,
}

/// What the log adds up to, of the root key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "a view of the fold")]
pub struct RootFold {
    /// The newest header; absent until one follows that of the store's beginning.
    pub header: Option<HeaderMark>,
    /// The greatest epoch that ever began.
    pub greatest: Option<EpochNumber>,
    /// The rotation that is open.
    pub rotation: Option<Arc<Rotation>>,
    /// When the present epoch became the only one.
    pub rotated_at: Option<Timestamp>,
    /// The newest backup of the root key.
    pub backup: Option<BackupSeen>,
    /// The newest check of a backup.
    pub backup_check: Option<Rehearsal>,
    /// The newest rehearsal of a restore.
    pub drill: Option<Rehearsal>,
    /// The newest rotation that was refused or failed.
    pub rotation_refused: Option<Timestamp>,
    /// Attempts to unseal that failed since the last that did not, and the newest of them.
    pub access_refused: Option<(u64, Timestamp)>,
}

/// Attempts to unseal that may fail without a wait.
const FREE_ATTEMPTS: u64 = 3;
/// Longest wait between two attempts, in seconds: short enough that an administrator is not
/// locked out by somebody else's attempts.
pub const WAIT_SECONDS_MAX: i64 = 60;

/// A backup of the root key that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "a view of the fold")]
pub struct BackupSeen {
    /// When.
    pub at: Timestamp,
    /// The header in it.
    pub header: HeaderMark,
}

/// A check that came out well or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "a view of the fold")]
pub struct Rehearsal {
    /// When.
    pub at: Timestamp,
    /// How it came out.
    pub outcome: Outcome,
}

/// How something came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "two names for two values")]
pub enum Outcome {
    /// As it must.
    Good,
    /// Not as it must: an alert.
    Bad,
}

impl Outcome {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
        }
    }
}

/// How a store was unsealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum UnsealedBy {
    /// With a password.
    Password,
    /// With recovery shares.
    Recovery,
    /// By keepers, unattended.
    Keepers,
    /// With a token or service that unwraps a slot's secret.
    External,
}

impl UnsealedBy {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Recovery => "recovery",
            Self::Keepers => "keepers",
            Self::External => "external",
        }
    }
}

/// What became of a keeper, as the server sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum KeeperSeen {
    /// It holds the share it must hold.
    Sound,
    /// It was empty, as after a restart, and got its share.
    Refilled,
    /// It is empty, and a sealed server has no share to give it.
    Empty,
    /// It held the share of another epoch or set, and got the right one.
    Stale,
    /// It held something else in the share's place: an alert.
    Wrong,
    /// It holds a share of another store: an alert.
    Foreign,
    /// It does not answer.
    Unreachable,
}

impl KeeperSeen {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::Refilled => "refilled",
            Self::Empty => "empty",
            Self::Stale => "stale",
            Self::Wrong => "wrong",
            Self::Foreign => "foreign",
            Self::Unreachable => "unreachable",
        }
    }
}

impl RootFold {
    /// The epoch in which new records are sealed.
    #[must_use]
    pub fn sealing_epoch(&self) -> EpochNumber {
        match &self.rotation {
            Some(rotation) => rotation.sealing_epoch(),
            None => self.header.map_or(EpochNumber::FIRST, |header| header.epoch),
        }
    }

    /// The epoch that the next rotation begins.
    #[must_use]
    pub fn next_epoch(&self) -> EpochNumber {
        self.greatest.unwrap_or(EpochNumber::FIRST).next()
    }

    /// In which epoch the record of that name is sealed.
    #[must_use]
    pub fn expected(&self, record: &str) -> Expected {
        match &self.rotation {
            Some(rotation) => rotation.expected(record),
            None => Expected::One(self.sealing_epoch()),
        }
    }

    /// From when on unsealing may be tried again: after a few failures each makes the wait
    /// twice as long, up to [`WAIT_SECONDS_MAX`] (RK-030).
    #[must_use]
    pub fn try_again_at(&self) -> Option<Timestamp> {
        let (count, last) = self.access_refused?;
        let doublings = u32::try_from(count.checked_sub(FREE_ATTEMPTS)?).unwrap_or(u32::MAX);
        let wait = 1_i64.checked_shl(doublings.min(16)).unwrap_or(WAIT_SECONDS_MAX);
        Some(last.plus_seconds(wait.min(WAIT_SECONDS_MAX)))
    }

    /// The counter that the next header has.
    #[must_use]
    pub fn next_counter(&self) -> u64 {
        self.header.map_or(1, |header| header.counter).saturating_add(1)
    }
}
