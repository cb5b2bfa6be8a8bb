//! Changes of the ways in: each gives a new header with the next counter, signed.

use std::sync::Arc;

use keyward_crypto::{
    hpke::WrapFailed,
    kdf::DerivationFailed,
    random::NoRandomness,
    secret::{LockFailed, Password},
    signing::PrivateKey,
};
use keyward_lifecycle::time::Timestamp;

use super::Unsealed;
use crate::{
    barrier::UnsealError,
    epoch::{Body, EpochHeader, SLOTS_MAX, SignFailed},
    keepers::{KeeperName, Keepers, KeepersRefused},
    password::{self, WeakPassword},
    record::{self, FieldName, OpenRefused, RecordName, SealFailed, Under},
    root::{Epoch, NoRootKey, RootKey},
    share::{KeeperShare, RecoveryShare, Sharing},
    slot::{
        Cost, ExternalFailed, ExternalKey, Heading, Place, Slot, SlotFailed, SlotId, SlotLabel,
    },
};

/// How a password slot is made.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "every caller decides about every term")]
pub struct PasswordTerms {
    /// What guessing the password costs; [`Cost::STANDARD`] unless there is a reason.
    pub cost: Cost,
    /// What the slot is called.
    pub label: SlotLabel,
    /// The time at which the slot begins.
    pub now: Timestamp,
}

/// A recovery slot that was added.
#[derive(Debug)]
#[non_exhaustive]
pub struct RecoveryAdded {
    /// The store with the new header.
    pub unsealed: Unsealed,
    /// The slot.
    pub slot: SlotId,
    /// Its shares, in the order of their indexes: each for one holder. They are kept nowhere.
    pub shares: Vec<RecoveryShare>,
}

/// Keepers that were named.
#[derive(Debug)]
#[non_exhaustive]
pub struct KeepersSet {
    /// The store with the new header.
    pub unsealed: Unsealed,
    /// Their shares, in the order of their names.
    pub shares: Vec<KeeperShare>,
}

/// Why the ways in stay as they are.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeFailed {
    /// The password is too easy to guess: choose another.
    #[error(transparent)]
    Password(#[from] WeakPassword),
    /// There is no such slot.
    #[error("there is no slot {0}; `keyward root slot list` names them")]
    NoSuchSlot(SlotId),
    /// The slot is of another kind.
    #[error("slot {0} is not opened by a password; add a password slot instead")]
    NotAPassword(SlotId),
    /// Nobody could ever unseal again.
    #[error("slot {0} is the last one; add another before removing it")]
    LastSlot(SlotId),
    /// There is no room for another.
    #[error("there are {SLOTS_MAX} slots already; remove one first")]
    TooManySlots,
    /// The keepers are refused.
    #[error(transparent)]
    Keepers(#[from] KeepersRefused),
    /// The key elsewhere refused.
    #[error(transparent)]
    External(#[from] ExternalFailed),
    /// The operating system refuses locked memory.
    #[error(transparent)]
    Lock(#[from] LockFailed),
    /// The operating system gave no randomness.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// Argon2id was refused, as a rule for want of memory.
    #[error(transparent)]
    Derivation(#[from] DerivationFailed),
    /// The store's own identity does not open any more: seal, and restore a copy.
    #[error("the store's identity does not open in memory; seal, and restore a copy of the store")]
    Damaged,
    /// There are as many headers or epochs as there can be.
    #[error("the store has had as many headers as it can have")]
    Exhausted,
    /// A library refused; nothing that a caller does leads here.
    #[error("the header could not be changed: {0}")]
    Refused(Box<str>),
}

macro_rules! refused {
    ($($error:ty),*) => {$(
        impl From<$error> for ChangeFailed {
            fn from(error: $error) -> Self {
                Self::Refused(error.to_string().into())
            }
        }
    )*};
}
refused!(SealFailed, SignFailed, WrapFailed);

impl From<SlotFailed> for ChangeFailed {
    fn from(error: SlotFailed) -> Self {
        match error {
            SlotFailed::NoRandomness(error) => Self::NoRandomness(error),
            SlotFailed::Derivation(error) => Self::Derivation(error),
            SlotFailed::External(error) => Self::External(error),
            SlotFailed::Wrap(error) => error.into(),
            SlotFailed::Split(error) => Self::Refused(error.to_string().into()),
        }
    }
}

impl From<NoRootKey> for ChangeFailed {
    fn from(error: NoRootKey) -> Self {
        match error {
            NoRootKey::Lock(error) => Self::Lock(error),
            NoRootKey::NoRandomness(error) => Self::NoRandomness(error),
        }
    }
}

impl From<UnsealError> for ChangeFailed {
    fn from(_: UnsealError) -> Self {
        Self::Damaged
    }
}

/// Seals the identity anew under `key`, counts, and signs.
pub(super) fn sign(
    mut body: Body,
    key: &RootKey,
    identity: &PrivateKey,
) -> Result<EpochHeader, ChangeFailed> {
    let under = Under { root: body.root, epoch: body.epoch, key };
    let fields = [(FieldName::value(), identity.expose_material())];
    body.identity_record = record::seal(under, &RecordName::identity(), &fields)?.into();
    body.counter = body.counter.next().ok_or(ChangeFailed::Exhausted)?;
    Ok(EpochHeader::sign(body, identity)?)
}

impl Unsealed {
    /// Adds a slot that `password` opens. Runs Argon2id once.
    ///
    /// # Errors
    /// [`ChangeFailed`].
    pub fn add_password(
        &self,
        password: &Password,
        terms: PasswordTerms,
    ) -> Result<(Self, SlotId), ChangeFailed> {
        password::admit(password)?;
        self.has_room()?;
        let PasswordTerms { cost, label, now } = terms;
        let heading = Heading { label, created: now };
        let slot = Slot::of_password(password, cost, heading, self.place(), &self.key)?;
        self.with_slot(slot)
    }

    /// Has another password open the slot `id` from now on (RK-013). Copies of older headers
    /// are still opened by the old password: if it was lost to somebody, rotate in emergency.
    ///
    /// # Errors
    /// [`ChangeFailed`].
    pub fn change_password(
        &self,
        id: SlotId,
        password: &Password,
        terms: PasswordTerms,
    ) -> Result<Self, ChangeFailed> {
        password::admit(password)?;
        let found = self.header.slot(id).ok_or(ChangeFailed::NoSuchSlot(id))?;
        if found.kind() != "password" {
            return Err(ChangeFailed::NotAPassword(id));
        }
        let PasswordTerms { cost, label, now } = terms;
        let heading = Heading { label, created: now };
        let changed = found.with_password(password, cost, heading, (self.place(), &self.key))?;
        self.changed(|body| {
            for slot in body.slots.iter_mut().filter(|slot| slot.id() == id) {
                *slot = changed.clone();
            }
        })
    }

    /// Adds a slot that a threshold of shares opens; the shares are handed out once.
    ///
    /// # Errors
    /// [`ChangeFailed`].
    pub fn add_recovery(
        &self,
        sharing: Sharing,
        label: SlotLabel,
        now: Timestamp,
    ) -> Result<RecoveryAdded, ChangeFailed> {
        self.has_room()?;
        let heading = Heading { label, created: now };
        let (slot, shares) = Slot::of_recovery(sharing, heading, self.place(), &self.key)?;
        let (unsealed, slot) = self.with_slot(slot)?;
        Ok(RecoveryAdded { unsealed, slot, shares })
    }

    /// Adds a slot that the key at `address` opens.
    ///
    /// # Errors
    /// [`ChangeFailed`].
    pub fn add_external(
        &self,
        address: &str,
        holder: &dyn ExternalKey,
        label: SlotLabel,
        now: Timestamp,
    ) -> Result<(Self, SlotId), ChangeFailed> {
        self.has_room()?;
        let heading = Heading { label, created: now };
        let slot = Slot::of_external((address, holder), heading, self.place(), &self.key)?;
        self.with_slot(slot)
    }

    /// Removes a slot. Copies of older headers are still opened by it.
    ///
    /// # Errors
    /// [`ChangeFailed::LastSlot`] for the last one, keepers or not: keepers forget.
    pub fn remove_slot(&self, id: SlotId) -> Result<Self, ChangeFailed> {
        self.header.slot(id).ok_or(ChangeFailed::NoSuchSlot(id))?;
        if self.header.slots().len() == 1 {
            return Err(ChangeFailed::LastSlot(id));
        }
        self.changed(|body| body.slots.retain(|slot| slot.id() != id))
    }

    /// Splits this epoch's key anew, `threshold` of the keepers `names`. Shares of a set that
    /// this replaces are refused from now on, but still give the key to whoever combines them
    /// by himself: to remove a keeper, rotate.
    ///
    /// # Errors
    /// [`ChangeFailed`].
    pub fn set_keepers(
        &self,
        threshold: u8,
        names: &[KeeperName],
    ) -> Result<KeepersSet, ChangeFailed> {
        let (keepers, shares) = Keepers::make(self.under(), threshold, names)?;
        let unsealed = self.changed(|body| body.keepers = Some(keepers))?;
        Ok(KeepersSet { unsealed, shares })
    }

    /// Has no keepers from now on; see [`Self::set_keepers`] on shares that are out.
    ///
    /// # Errors
    /// [`ChangeFailed`].
    pub fn drop_keepers(&self) -> Result<Self, ChangeFailed> {
        self.changed(|body| body.keepers = None)
    }

    /// The shares of this epoch's keepers, in the order of their names, to refill those that
    /// have forgotten; none without keepers.
    ///
    /// # Errors
    /// [`OpenRefused`], when the header's record of them is damaged.
    pub fn keeper_shares(&self) -> Result<Vec<KeeperShare>, OpenRefused> {
        let open = |keepers: &Keepers| keepers.open(self.under());
        self.header.keepers().map_or_else(|| Ok(Vec::new()), open)
    }

    pub(super) fn place(&self) -> Place {
        Place { root: self.root_id(), epoch: self.epoch() }
    }

    fn has_room(&self) -> Result<(), ChangeFailed> {
        if self.header.slots().len() < SLOTS_MAX { Ok(()) } else { Err(ChangeFailed::TooManySlots) }
    }

    fn with_slot(&self, slot: Slot) -> Result<(Self, SlotId), ChangeFailed> {
        let id = slot.id();
        self.changed(|body| body.slots.push(slot)).map(|unsealed| (unsealed, id))
    }

    /// The same epoch under a header that says that epochs up to `greatest` were begun: a backup
    /// that was restored may not know of them, and no number is used twice.
    ///
    /// # Errors
    /// [`ChangeFailed`].
    pub fn abandoning(&self, greatest: Epoch) -> Result<Self, ChangeFailed> {
        self.changed(|body| {
            body.abandoned = Some(body.abandoned.map_or(greatest, |other| other.max(greatest)));
        })
    }

    /// The same keys under a header that was changed and signed anew.
    fn changed(&self, change: impl FnOnce(&mut Body)) -> Result<Self, ChangeFailed> {
        let mut body = self.header.body().clone();
        change(&mut body);
        let header = sign(body, &self.key, &self.identity()?)?;
        let Self { header: _, key, previous, sealing } = self;
        let previous = previous.clone();
        Ok(Self { header, key: Arc::clone(key), previous, sealing: *sealing })
    }
}
