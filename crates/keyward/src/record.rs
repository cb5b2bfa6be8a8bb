//! Sealed records on their shelf: what they are called there, and in which epoch they are.
//!
//! The expected epoch comes from the fold. While records are sealed anew the fold allows two
//! for those that nobody has come to yet; only then the row says which of the two it is.

use std::sync::{Arc, PoisonError, RwLockReadGuard};

use keyward_barrier::{
    Epoch, FieldName, OpenRefused, OpenedSecret, RecordName, SealFailed, record_epoch,
};
use keyward_lifecycle::{
    root::{EpochNumber, Expected},
    state::State,
};

use crate::{
    engine::{Root, Shared, unavailable},
    keystore::SealedRecord,
    storage::{ReadError, Shelf},
    writer::ExecuteError,
};

/// A sealed record as it was read, and the epoch in which it is expected.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) row: Vec<u8>,
    pub(crate) epoch: Epoch,
}

impl Root {
    /// Seals `fields` as the record `name`, in the epoch in which new records are sealed.
    ///
    /// The caller holds [`Shared::sealing`] from before this until the record is durable.
    pub(crate) fn seal(
        &self,
        name: &RecordName,
        fields: &[(FieldName, &[u8])],
    ) -> Result<Vec<u8>, SealFailed> {
        self.unsealed.seal_fields(name, fields)
    }

    /// Opens one field of the record `name`, in the epoch in which the fold expects it.
    pub(crate) fn open(
        &self,
        state: &State,
        name: &RecordName,
        field: &FieldName,
        row: &[u8],
    ) -> Result<OpenedSecret, OpenRefused> {
        self.unsealed.open_field(name, expected(state, name, row), field, row)
    }
}

impl Shared {
    /// Held from sealing a record until it is durable, so that no rotation of the root key
    /// begins between the two.
    pub(crate) fn sealing(&self) -> RwLockReadGuard<'_, ()> {
        self.sealing.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sealed record of that name. A record that is sealed anew between the look at the
    /// fold and the look at the row is looked at again.
    pub(crate) fn record(&self, name: &RecordName) -> Result<Option<Found>, ReadError> {
        let item = item_name(name);
        for _ in 0..LOOKS_MAX {
            let state = self.state();
            let Some(row) = self.storage.item(Shelf::Record, &item)? else { return Ok(None) };
            let epoch = expected(&state, name, &row);
            let moved = record_epoch(&row).is_ok_and(|found| found != epoch);
            if !moved || state.root() == self.state().root() {
                return Ok(Some(Found { row, epoch }));
            }
        }
        Err(ReadError::Unavailable("the record is sealed anew at this moment".into()))
    }

    /// A record, and the root key that opens it: of two that change at the same moment.
    pub(crate) fn record_and_root(
        &self,
        name: &RecordName,
    ) -> Result<(Arc<Root>, Option<Found>), ExecuteError> {
        for _ in 0..LOOKS_MAX {
            let found = self.record(name).map_err(|error| unavailable(&error))?;
            let root = self.root().ok_or(ExecuteError::Sealed)?;
            if found.as_ref().is_none_or(|found| root.unsealed.holds(found.epoch)) {
                return Ok((root, found));
            }
        }
        Err(ExecuteError::Unavailable("the record is sealed anew at this moment".into()))
    }
}

impl Found {
    pub(crate) fn sealed(&self) -> SealedRecord<'_> {
        SealedRecord { bytes: &self.row, epoch: self.epoch }
    }
}

/// The epoch in which the fold expects a record.
pub(crate) fn expected(state: &State, name: &RecordName, row: &[u8]) -> Epoch {
    match state.root().expected(&name.to_string()) {
        Expected::One(epoch) => of_number(epoch),
        Expected::Either(before, since) => {
            let since = of_number(since);
            if record_epoch(row) == Ok(since) { since } else { of_number(before) }
        }
    }
}

/// A record's name on [`Shelf::Record`].
pub(crate) fn item_name(name: &RecordName) -> Vec<u8> {
    name.to_string().into_bytes()
}

/// The barrier's word for an epoch of the log.
pub(crate) fn of_number(number: EpochNumber) -> Epoch {
    Epoch::new(number.get()).unwrap_or(Epoch::FIRST)
}

/// The log's word for an epoch of the barrier.
pub(crate) fn number_of(epoch: Epoch) -> EpochNumber {
    EpochNumber::new(epoch.number()).unwrap_or(EpochNumber::FIRST)
}

/// How often a record is looked at while it is being sealed anew: once for every batch of a
/// rotation that could be written meanwhile.
const LOOKS_MAX: usize = 8;
