//! Sealed records on their shelf: what they are called there, and in which epoch they are.
//!
//! The expected epoch comes from the fold, never from the row.

use std::sync::{PoisonError, RwLockReadGuard};

use keyward_barrier::{FieldName, OpenRefused, OpenedSecret, RecordName, SealFailed};
use keyward_lifecycle::state::State;

use crate::engine::{Root, Shared};

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
        _state: &State,
        name: &RecordName,
        field: &FieldName,
        row: &[u8],
    ) -> Result<OpenedSecret, OpenRefused> {
        self.unsealed.open_field(name, self.unsealed.epoch(), field, row)
    }
}

impl Shared {
    /// Held from sealing a record until it is durable, so that no rotation of the root key
    /// begins between the two.
    pub(crate) fn sealing(&self) -> RwLockReadGuard<'_, ()> {
        self.sealing.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A record's name on [`crate::storage::Shelf::Record`].
pub(crate) fn item_name(name: &RecordName) -> Vec<u8> {
    name.to_string().into_bytes()
}
