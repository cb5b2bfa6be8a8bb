//! The one value that seals and opens: a store whose root key is held.

mod change;
mod reseal;
mod rotation;
#[cfg(test)]
mod tests;

use core::fmt;
use std::sync::Arc;

use keyward_crypto::{
    mac,
    secret::{Backing, LockPolicy},
    signing::PrivateKey,
};
use keyward_lifecycle::algorithm::Algorithm;

pub use self::{
    change::{ChangeFailed, KeepersSet, PasswordTerms, RecoveryAdded},
    reseal::{ResealFailed, Resealed},
    rotation::{FreshSlots, NextEpoch, NextKeepers, RotationRefused},
};
use crate::{
    barrier::UnsealError,
    epoch::{Body, EpochHeader, Previous},
    record::{self, FieldName, OpenRefused, OpenedSecret, RecordName, SealFailed, Under},
    root::{Epoch, RootId, RootKey},
};

/// A store whose root key is held, in locked memory, wiped when the last that holds it is
/// dropped. The only value that seals and opens.
///
/// While a rotation is open it holds the keys of two epochs: it opens records of both, and
/// seals under the newer. What changes the header gives another `Unsealed`, which shares the
/// keys: keep its header first, then put it in the place of this one.
pub struct Unsealed {
    header: EpochHeader,
    key: Arc<RootKey>,
    previous: Option<(Epoch, Arc<RootKey>)>,
    sealing: Epoch,
}

/// A root key in memory is no longer its epoch's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("root key in memory does not match its check value; stop, and unseal again")]
#[non_exhaustive]
pub struct KeyDamaged;

impl Unsealed {
    /// What was just made, and needs no check.
    pub(crate) fn made(header: EpochHeader, key: RootKey) -> Self {
        let sealing = header.epoch();
        Self { header, key: Arc::new(key), previous: None, sealing }
    }

    /// Checks that `key` is the header's before anything is read or written with it; then the
    /// identity, and the key of the epoch before, if a rotation is open.
    pub(crate) fn of(header: EpochHeader, key: RootKey) -> Result<Self, UnsealError> {
        let mut unsealed = Self::made(header, key);
        unsealed.check_key().map_err(|_| UnsealError::WrongKey(unsealed.epoch()))?;
        unsealed.identity()?;
        if let Some(previous) = &unsealed.header.body().previous {
            let key = unsealed.open_previous(previous)?;
            unsealed.previous = Some((previous.epoch, Arc::new(key)));
        }
        Ok(unsealed)
    }

    fn open_previous(&self, previous: &Previous) -> Result<RootKey, UnsealError> {
        let Previous { epoch, check_value, record, emergency: _ } = previous;
        let wrong = UnsealError::WrongPrevious(*epoch);
        let name = RecordName::epoch_key(*epoch);
        let Ok(opened) = record::open(self.under(), &name, &FieldName::value(), record) else {
            return Err(wrong);
        };
        let policy = match self.key.backing() {
            Backing::Unlocked => LockPolicy::AllowUnlocked,
            Backing::MemfdSecret | Backing::Locked => LockPolicy::Strict,
        };
        let key = RootKey::copied(opened.expose(), policy)?;
        match key.check_value(self.root_id(), *epoch) {
            Ok(found) if mac::equal_in_constant_time(&found, check_value) => Ok(key),
            Ok(_) | Err(_) => Err(wrong),
        }
    }

    /// The root id.
    #[must_use]
    pub const fn root_id(&self) -> RootId {
        self.header.root_id()
    }

    /// The header's epoch: the newest.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.header.epoch()
    }

    /// The epoch under which new records are sealed; to be kept with every record.
    #[must_use]
    pub const fn sealing_epoch(&self) -> Epoch {
        self.sealing
    }

    /// The epoch before; `Some` while a rotation is open.
    #[must_use]
    pub fn previous_epoch(&self) -> Option<Epoch> {
        self.previous.as_ref().map(|(epoch, _)| *epoch)
    }

    /// Whether records of `epoch` are opened.
    #[must_use]
    pub fn holds(&self, epoch: Epoch) -> bool {
        self.key_of(epoch).is_some()
    }

    /// The same store, sealing under another epoch that is held: for moving records back.
    /// `None` if it is not held.
    #[must_use]
    pub fn sealing_under(&self, epoch: Epoch) -> Option<Self> {
        self.key_of(epoch)?;
        let Self { header, key, previous, sealing: _ } = self;
        Some(Self {
            header: header.clone(),
            key: Arc::clone(key),
            previous: previous.clone(),
            sealing: epoch,
        })
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &EpochHeader {
        &self.header
    }

    /// What holds the root key.
    #[must_use]
    pub fn memory(&self) -> Backing {
        self.key.backing()
    }

    /// Computes the check values of all keys held anew and compares them, before the first
    /// write and from time to time (RK-040).
    ///
    /// # Errors
    /// [`KeyDamaged`].
    pub fn check_key(&self) -> Result<(), KeyDamaged> {
        let Body { check_value, previous, .. } = self.header.body();
        let before = self.previous.as_ref().zip(previous.as_ref());
        let before = before.map(|((epoch, key), said)| (*epoch, key, &said.check_value));
        let keys = core::iter::once((self.epoch(), &self.key, check_value)).chain(before);
        for (epoch, key, expected) in keys {
            let found = key.check_value(self.root_id(), epoch).map_err(|_| KeyDamaged)?;
            if !mac::equal_in_constant_time(&found, expected) {
                return Err(KeyDamaged);
            }
        }
        Ok(())
    }

    /// Seals one value as the record `name`, in [`Self::sealing_epoch`].
    ///
    /// # Errors
    /// [`SealFailed`].
    pub fn seal(&self, name: &RecordName, plaintext: &[u8]) -> Result<Vec<u8>, SealFailed> {
        self.seal_fields(name, &[(FieldName::value(), plaintext)])
    }

    /// Seals several fields as one record, whose order does not matter.
    ///
    /// # Errors
    /// [`SealFailed`].
    pub fn seal_fields(
        &self,
        name: &RecordName,
        fields: &[(FieldName, &[u8])],
    ) -> Result<Vec<u8>, SealFailed> {
        // A value of this type seals only under what it holds.
        let under = self.under_epoch(self.sealing).ok_or(SealFailed::Refused)?;
        let sealed = record::seal(under, name, fields)?;
        // Under a key that has changed in memory it would open until the end of the process, and
        // never after it.
        self.check_key()?;
        Ok(sealed)
    }

    /// Opens what [`Self::seal`] made. `name` and `epoch` are what the log says of the record;
    /// what the row says is compared with them, never believed.
    ///
    /// # Errors
    /// [`OpenRefused`].
    pub fn open(
        &self,
        name: &RecordName,
        epoch: Epoch,
        record: &[u8],
    ) -> Result<OpenedSecret, OpenRefused> {
        self.open_field(name, epoch, &FieldName::value(), record)
    }

    /// Opens one field of what [`Self::seal_fields`] made.
    ///
    /// # Errors
    /// [`OpenRefused`].
    pub fn open_field(
        &self,
        name: &RecordName,
        epoch: Epoch,
        field: &FieldName,
        record: &[u8],
    ) -> Result<OpenedSecret, OpenRefused> {
        record::open(self.held(name, epoch)?, name, field, record)
    }

    /// The identity's private key; opened for each use, and wiped after it.
    fn identity(&self) -> Result<PrivateKey, UnsealError> {
        let Body { identity, identity_record, .. } = self.header.body();
        let name = RecordName::identity();
        let seed = record::open(self.under(), &name, &FieldName::value(), identity_record)
            .map_err(|_| UnsealError::WrongIdentity)?;
        PrivateKey::from_material(Algorithm::Ed25519, seed.expose())
            .ok()
            .filter(|key| *key.spki() == **identity)
            .ok_or(UnsealError::WrongIdentity)
    }

    /// The header's epoch, as records need it.
    fn under(&self) -> Under<'_> {
        Under { root: self.root_id(), epoch: self.epoch(), key: &self.key }
    }

    fn under_epoch(&self, epoch: Epoch) -> Option<Under<'_>> {
        self.key_of(epoch).map(|key| Under { root: self.root_id(), epoch, key })
    }

    fn held(&self, name: &RecordName, epoch: Epoch) -> Result<Under<'_>, OpenRefused> {
        self.under_epoch(epoch)
            .ok_or_else(|| OpenRefused::EpochNotHeld { name: name.to_string().into(), epoch })
    }

    fn key_of(&self, epoch: Epoch) -> Option<&Arc<RootKey>> {
        if epoch == self.epoch() {
            return Some(&self.key);
        }
        self.previous.as_ref().filter(|(held, _)| *held == epoch).map(|(_, key)| key)
    }
}

impl fmt::Debug for Unsealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unsealed({}, epoch {}, ..)", self.root_id(), self.epoch())
    }
}
