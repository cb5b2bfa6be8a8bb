//! Sealed and unsealed: what may be done is a matter of which value one holds.

#[cfg(test)]
mod tests;

use core::fmt;

use keyward_crypto::{
    kdf::DerivationFailed,
    mac,
    random::NoRandomness,
    secret::{Backing, LockFailed, LockPolicy, Password},
    signing::{GenerationFailed, PrivateKey},
};
use keyward_lifecycle::{algorithm::Algorithm, time::Timestamp};

use crate::{
    epoch::{Body, EpochHeader, HeaderRefused, SignFailed},
    password::{self, PasswordTooShort},
    record::{self, FieldName, OpenRefused, OpenedSecret, RecordName, SealFailed, Under},
    root::{Epoch, HeaderCounter, NoRootKey, RootId, RootKey},
    slot::{Cost, Heading, OpenFailed, Place, Slot, SlotFailed, SlotLabel},
};

/// How a store's root key is made.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "every caller decides about every term")]
pub struct Terms {
    /// What guessing the password costs; [`Cost::STANDARD`] unless there is a reason.
    pub cost: Cost,
    /// What the password slot is called.
    pub label: SlotLabel,
    /// What to do where memory cannot be locked.
    pub memory: LockPolicy,
    /// The time at which the epoch and the slot begin.
    pub now: Timestamp,
}

/// A store's first epoch.
#[derive(Debug)]
#[non_exhaustive]
pub struct Created {
    /// The header to keep, before anything is sealed for keeps.
    pub header: EpochHeader,
    /// The root key, ready.
    pub unsealed: Unsealed,
}

/// Makes a new root: an identity, the first epoch's root key from the operating system's
/// generator, and a slot that `password` opens. That no root exists yet is for the caller to
/// see to (RK-001).
///
/// # Errors
/// [`CreateFailed`]; nothing is left behind.
pub fn create(password: &Password, terms: Terms) -> Result<Created, CreateFailed> {
    password::admit(password)?;
    let Terms { cost, label, memory, now } = terms;
    let key = RootKey::generate(memory)?;
    let identity = PrivateKey::generate(Algorithm::Ed25519)?;
    let root = RootId::of_identity(identity.spki());
    let epoch = Epoch::FIRST;
    let heading = Heading { label, created: now };
    let slot = Slot::of_password(password, cost, heading, Place { root, epoch }, &key)?;
    let under = Under { root, epoch, key: &key };
    let fields = [(FieldName::value(), identity.expose_material())];
    let body = Body {
        root,
        identity: identity.spki().into(),
        identity_record: record::seal(under, &RecordName::identity(), &fields)?.into(),
        epoch,
        counter: HeaderCounter::FIRST,
        created: now,
        check_value: key.check_value(root, epoch)?,
        slots: vec![slot],
    };
    let header = EpochHeader::sign(body, &identity)?;
    Ok(Created { header: header.clone(), unsealed: Unsealed { header, key } })
}

/// Why no root was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateFailed {
    /// The password is too easy to guess: choose another.
    #[error(transparent)]
    Password(#[from] PasswordTooShort),
    /// The operating system refuses locked memory.
    #[error(transparent)]
    Lock(#[from] LockFailed),
    /// The operating system gave no randomness.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// Argon2id was refused, as a rule for want of memory.
    #[error(transparent)]
    Derivation(#[from] DerivationFailed),
    /// A library refused; nothing that a caller does leads here.
    #[error("the root key could not be made: {0}")]
    Refused(Box<str>),
}

macro_rules! refused {
    ($($error:ty),*) => {$(
        impl From<$error> for CreateFailed {
            fn from(error: $error) -> Self {
                Self::Refused(error.to_string().into())
            }
        }
    )*};
}
refused!(SealFailed, SignFailed, GenerationFailed);

impl From<NoRootKey> for CreateFailed {
    fn from(error: NoRootKey) -> Self {
        match error {
            NoRootKey::Lock(error) => Self::Lock(error),
            NoRootKey::NoRandomness(error) => Self::NoRandomness(error),
        }
    }
}

impl From<SlotFailed> for CreateFailed {
    fn from(error: SlotFailed) -> Self {
        match error {
            SlotFailed::NoRandomness(error) => Self::NoRandomness(error),
            SlotFailed::Derivation(error) => Self::Derivation(error),
            SlotFailed::Wrap(error) => Self::Refused(error.to_string().into()),
        }
    }
}

/// A store whose root key is not held: everything about it that is not secret.
#[derive(Debug, Clone)]
pub struct Sealed {
    header: EpochHeader,
}

impl Sealed {
    /// Reads and checks the header; see [`EpochHeader::read`].
    ///
    /// # Errors
    /// [`HeaderRefused`].
    pub fn read(header: &[u8], pinned: Option<&RootId>) -> Result<Self, HeaderRefused> {
        EpochHeader::read(header, pinned).map(|header| Self { header })
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &EpochHeader {
        &self.header
    }

    /// Gives the root key for a password. The slot's authenticator (which binds the root id),
    /// the check value and the identity are compared before anything comes of it; a refusal
    /// changes nothing. Runs Argon2id once for every password slot that does not open.
    ///
    /// # Errors
    /// [`UnsealError`].
    pub fn unseal(&self, password: &Password, memory: LockPolicy) -> Result<Unsealed, UnsealError> {
        let place = Place { root: self.header.root_id(), epoch: self.header.epoch() };
        for slot in self.header.slots() {
            match slot.open_with_password(password, place, memory) {
                Ok(key) => return Unsealed::of(self.header.clone(), key),
                Err(OpenFailed::WrongPassword) => {}
                Err(OpenFailed::DoesNotUnwrap) => return Err(UnsealError::SlotDamaged),
                Err(OpenFailed::Derivation(error)) => return Err(error.into()),
                Err(OpenFailed::Lock(error)) => return Err(error.into()),
            }
        }
        Err(UnsealError::WrongPassword)
    }
}

/// Why a store stays sealed. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnsealError {
    /// No slot is opened by this password: it is wrong, or the slots are another store's.
    #[error("wrong password; nothing was changed")]
    WrongPassword,
    /// The password is right, and the key in the slot does not open.
    #[error("the password is right, but the wrapped key in its slot does not open; restore a copy")]
    SlotDamaged,
    /// The slot gives a key that is not this epoch's.
    #[error("the slot gives a key that is not the one of epoch {0}; restore a copy of the store")]
    WrongKey(Epoch),
    /// The sealed identity does not open, or is not the one that signed.
    #[error("the sealed store identity is not the one that signed the header; restore a copy")]
    WrongIdentity,
    /// The operating system refuses locked memory.
    #[error(transparent)]
    Lock(#[from] LockFailed),
    /// Argon2id was refused, as a rule for want of memory.
    #[error(transparent)]
    Derivation(#[from] DerivationFailed),
}

/// A store whose root key is held, in locked memory, wiped when dropped. The only value that
/// seals and opens.
pub struct Unsealed {
    header: EpochHeader,
    key: RootKey,
}

/// The root key in memory is no longer the epoch's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("root key in memory does not match its check value; stop, and unseal again")]
#[non_exhaustive]
pub struct KeyDamaged;

impl Unsealed {
    /// Checks that `key` is the header's before anything is read or written with it.
    fn of(header: EpochHeader, key: RootKey) -> Result<Self, UnsealError> {
        let unsealed = Self { header, key };
        unsealed.check_key().map_err(|_| UnsealError::WrongKey(unsealed.epoch()))?;
        unsealed.identity()?;
        Ok(unsealed)
    }

    /// The root id.
    #[must_use]
    pub const fn root_id(&self) -> RootId {
        self.header.root_id()
    }

    /// The epoch under which new records are sealed; to be kept with every record.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.header.epoch()
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &EpochHeader {
        &self.header
    }

    /// What holds the root key.
    #[must_use]
    pub const fn memory(&self) -> Backing {
        self.key.backing()
    }

    /// Computes the check value anew and compares it, before the first write and from time to
    /// time (RK-040).
    ///
    /// # Errors
    /// [`KeyDamaged`].
    pub fn check_key(&self) -> Result<(), KeyDamaged> {
        let found = self.key.check_value(self.root_id(), self.epoch()).map_err(|_| KeyDamaged)?;
        if mac::equal_in_constant_time(&found, &self.header.body().check_value) {
            Ok(())
        } else {
            Err(KeyDamaged)
        }
    }

    /// Seals one value as the record `name`, in [`Self::epoch`].
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
        record::seal(self.under(), name, fields)
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
        if epoch != self.epoch() {
            return Err(OpenRefused::EpochNotHeld { name: name.to_string().into(), epoch });
        }
        record::open(self.under(), name, field, record)
    }

    /// The identity's private key; opened for each use, and wiped after it.
    fn identity(&self) -> Result<PrivateKey, UnsealError> {
        let Body { identity, identity_record, .. } = self.header.body();
        let name = RecordName::identity();
        let seed = self
            .open(&name, self.epoch(), identity_record)
            .map_err(|_| UnsealError::WrongIdentity)?;
        PrivateKey::from_material(Algorithm::Ed25519, seed.expose())
            .ok()
            .filter(|key| *key.spki() == **identity)
            .ok_or(UnsealError::WrongIdentity)
    }

    const fn under(&self) -> Under<'_> {
        Under { root: self.root_id(), epoch: self.epoch(), key: &self.key }
    }
}

impl fmt::Debug for Unsealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unsealed({}, epoch {}, ..)", self.root_id(), self.epoch())
    }
}
