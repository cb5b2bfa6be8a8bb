//! Sealed and unsealed: what may be done is a matter of which value one holds.

use keyward_crypto::{
    kdf::DerivationFailed,
    random::NoRandomness,
    secret::{LockFailed, LockPolicy, Password},
    signing::{GenerationFailed, PrivateKey},
};
use keyward_lifecycle::{algorithm::Algorithm, time::Timestamp};

use crate::{
    epoch::{Body, EpochHeader, HeaderRefused, SignFailed},
    password::{self, WeakPassword},
    record::{self, FieldName, RecordName, SealFailed, Under},
    root::{Epoch, HeaderCounter, NoRootKey, RootId, RootKey},
    share::{KeeperShare, RecoveryShare, ShareRefused},
    slot::{
        Cost, ExternalFailed, ExternalKey, Heading, OpenFailed, Place, Slot, SlotFailed, SlotId,
        SlotLabel,
    },
    unsealed::Unsealed,
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
        previous: None,
        keepers: None,
        abandoned: None,
    };
    let header = EpochHeader::sign(body, &identity)?;
    Ok(Created { header: header.clone(), unsealed: Unsealed::made(header, key) })
}

/// Why no root was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateFailed {
    /// The password is too easy to guess: choose another.
    #[error(transparent)]
    Password(#[from] WeakPassword),
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
            SlotFailed::Split(error) => Self::Refused(error.to_string().into()),
            SlotFailed::External(error) => Self::Refused(error.to_string().into()),
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

    /// A store whose header was read already.
    pub(crate) const fn of(header: EpochHeader) -> Self {
        Self { header }
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
        for slot in self.header.slots() {
            match slot.open_with_password(password, self.place(), memory) {
                Err(OpenFailed::WrongPassword) => {}
                opened => return self.unsealed(opened),
            }
        }
        Err(UnsealError::WrongPassword)
    }

    /// Gives the root key for a threshold of the recovery shares of one slot. Every share is
    /// compared with the header before any is used.
    ///
    /// # Errors
    /// [`UnsealError`].
    pub fn unseal_with_recovery(
        &self,
        shares: &[RecoveryShare],
        memory: LockPolicy,
    ) -> Result<Unsealed, UnsealError> {
        let slot = self.header.recovery_slot(shares.first())?;
        self.unsealed(slot.open_with_recovery(shares, self.place(), memory))
    }

    /// Gives the root key for a threshold of the shares of this epoch's keepers. Every share is
    /// compared with the header before any is used: leave out what
    /// [`EpochHeader::check_keeper_share`] refuses.
    ///
    /// # Errors
    /// [`UnsealError`].
    pub fn unseal_with_keepers(
        &self,
        shares: &[KeeperShare],
        memory: LockPolicy,
    ) -> Result<Unsealed, UnsealError> {
        let mut key = self.header.expected_of_keepers()?.combine(shares)?;
        Unsealed::of(self.header.clone(), RootKey::take(&mut key, memory)?)
    }

    /// Gives the root key for a slot whose key is elsewhere.
    ///
    /// # Errors
    /// [`UnsealError`].
    pub fn unseal_with_external(
        &self,
        slot: SlotId,
        holder: &dyn ExternalKey,
        memory: LockPolicy,
    ) -> Result<Unsealed, UnsealError> {
        let found = self.header.slot(slot).ok_or(UnsealError::NoSuchSlot(slot))?;
        match found.open_with_external(holder, self.place(), memory) {
            Err(OpenFailed::NotExternal) => Err(UnsealError::NoSuchSlot(slot)),
            opened => self.unsealed(opened),
        }
    }

    const fn place(&self) -> Place {
        Place { root: self.header.root_id(), epoch: self.header.epoch() }
    }

    fn unsealed(&self, opened: Result<RootKey, OpenFailed>) -> Result<Unsealed, UnsealError> {
        match opened {
            Ok(key) => Unsealed::of(self.header.clone(), key),
            Err(OpenFailed::WrongPassword) => Err(UnsealError::WrongPassword),
            Err(OpenFailed::DoesNotUnwrap | OpenFailed::NotExternal) => {
                Err(UnsealError::SlotDamaged)
            }
            Err(OpenFailed::Derivation(error)) => Err(error.into()),
            Err(OpenFailed::Lock(error)) => Err(error.into()),
            Err(OpenFailed::Share(error)) => Err(error.into()),
            Err(OpenFailed::External(error)) => Err(error.into()),
        }
    }
}

/// Why a store stays sealed. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnsealError {
    /// No slot is opened by this password: it is wrong, or the slots are another store's.
    #[error("wrong password; nothing was changed")]
    WrongPassword,
    /// Password or shares are right, and the key in the slot does not open.
    #[error("the secret is right, but the wrapped key in its slot does not open; restore a copy")]
    SlotDamaged,
    /// The slot gives a key that is not this epoch's.
    #[error("the slot gives a key that is not the one of epoch {0}; restore a copy of the store")]
    WrongKey(Epoch),
    /// The sealed identity does not open, or is not the one that signed.
    #[error("the sealed store identity is not the one that signed the header; restore a copy")]
    WrongIdentity,
    /// The key of the epoch before, which an open rotation still needs, is not that epoch's.
    #[error("the sealed key of epoch {0} is not the one of that epoch; restore a copy")]
    WrongPrevious(Epoch),
    /// A share is refused; nothing was combined.
    #[error(transparent)]
    Share(#[from] ShareRefused),
    /// The header has no external slot with this id.
    #[error("there is no slot {0} that a key elsewhere opens; `keyward root slot list` names them")]
    NoSuchSlot(SlotId),
    /// The key elsewhere gave nothing.
    #[error(transparent)]
    External(#[from] ExternalFailed),
    /// The operating system refuses locked memory.
    #[error(transparent)]
    Lock(#[from] LockFailed),
    /// Argon2id was refused, as a rule for want of memory.
    #[error(transparent)]
    Derivation(#[from] DerivationFailed),
}
