//! A rotation of the root key under way.
//!
//! Records are sealed anew in the order of their names. The fold knows how far that has come,
//! so it says of each record in which epoch it is; beyond that place a record is still in the
//! old epoch, or in the new one if it was written since.

use alloc::{sync::Arc, vec::Vec};

use imbl::OrdSet;
use serde::{Deserialize, Serialize};

use super::{EpochNumber, HeaderMark};
use crate::time::Timestamp;

/// Most records that a rotation leaves behind because they do not open; beyond it the rotation
/// stops, since then something else is wrong.
pub const FAILED_MAX: usize = 10_000;

/// Why a rotation was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum RotationKind {
    /// Because it was due, or somebody asked.
    Ordinary,
    /// Because the root key or a way to it may have leaked: no way back, fresh slots.
    Emergency,
}

impl RotationKind {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::Emergency => "emergency",
        }
    }
}

/// A rotation under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "a view of the fold")]
pub struct Rotation {
    /// The epoch that is left.
    pub from: EpochNumber,
    /// The epoch that is entered.
    pub to: EpochNumber,
    /// The header of the epoch that is left; absent for the one of the store's beginning.
    pub former: Option<HeaderMark>,
    /// Why it was begun.
    pub kind: RotationKind,
    /// When it began.
    pub begun_at: Timestamp,
    /// Records that there were when it began.
    pub records: u64,
    /// How far records were sealed anew in the new epoch.
    pub forth: Pass,
    /// How far they were brought back, once the rotation was turned back.
    pub back: Option<Pass>,
    /// Why it stands still, if it does.
    pub paused: Option<Arc<str>>,
}

/// One way through all records, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a view of the fold")]
pub struct Pass {
    /// Every record up to and with this name was dealt with.
    pub up_to: Option<Arc<str>>,
    /// Whether every record was.
    pub complete: bool,
    /// Records that were sealed anew and validated.
    pub moved: u64,
    /// Records that did not open, and were left as they are.
    pub failed: OrdSet<Arc<str>>,
}

/// In which epoch a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum Expected {
    /// In this one.
    One(EpochNumber),
    /// In the first, or in the second if it was written since the pass began.
    Either(EpochNumber, EpochNumber),
}

impl Rotation {
    /// The epoch in which new records are sealed: the new one, or the old one again once the
    /// rotation was turned back.
    #[must_use]
    pub const fn sealing_epoch(&self) -> EpochNumber {
        if self.back.is_some() { self.from } else { self.to }
    }

    /// The pass under way.
    #[must_use]
    pub fn pass(&self) -> &Pass {
        self.back.as_ref().unwrap_or(&self.forth)
    }

    /// The pass under way.
    pub(crate) fn pass_mut(&mut self) -> &mut Pass {
        self.back.as_mut().unwrap_or(&mut self.forth)
    }

    /// In which epoch the record of that name is sealed.
    #[must_use]
    pub fn expected(&self, record: &str) -> Expected {
        let Self { from, to, .. } = *self;
        match &self.back {
            Some(back) if back.failed.contains(record) => Expected::One(to),
            Some(back) if back.covers(record) => Expected::One(from),
            None if self.forth.failed.contains(record) => Expected::One(from),
            None if self.forth.covers(record) => Expected::One(to),
            // Nobody has come that far on this way: it is where it was, or was written since.
            Some(_) => Expected::Either(to, from),
            None => Expected::Either(from, to),
        }
    }
}

impl Pass {
    /// Whether it has come as far as that record.
    #[must_use]
    pub fn covers(&self, record: &str) -> bool {
        self.complete || self.up_to.as_deref().is_some_and(|up_to| record <= up_to)
    }
}

impl Serialize for Pass {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let failed: Vec<&Arc<str>> = self.failed.iter().collect();
        (&self.up_to, self.complete, self.moved, failed).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Pass {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (up_to, complete, moved, failed) =
            <(Option<Arc<str>>, bool, u64, Vec<Arc<str>>)>::deserialize(deserializer)?;
        Ok(Self { up_to, complete, moved, failed: failed.into_iter().collect() })
    }
}
