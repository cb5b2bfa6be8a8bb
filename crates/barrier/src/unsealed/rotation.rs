//! From one epoch to the next, and back.
//!
//! A rotation begins with a header for the next epoch, which carries the key of the epoch
//! before, sealed under the new one. It ends with a header of either epoch that no longer
//! does. What happens between, record by record, is the caller's.

use std::sync::Arc;

use keyward_crypto::{
    kdf::DerivationFailed,
    secret::{Backing, LockPolicy, Password},
};
use keyward_lifecycle::time::Timestamp;

use super::{ChangeFailed, PasswordTerms, Unsealed, change::sign};
use crate::{
    epoch::{Body, EpochHeader, Previous},
    keepers::{KeeperName, Keepers},
    password,
    record::{self, FieldName, RecordName, Under},
    root::{Epoch, RootKey},
    share::{KeeperShare, RecoveryShare, Sharing},
    slot::{Heading, Place, Slot, SlotLabel},
};

/// Who keeps shares of the next epoch's key. Always with fresh polynomials.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every caller chooses among all")]
pub enum NextKeepers {
    /// Whoever keeps shares now.
    AsBefore,
    /// These: who is not named is removed.
    Among {
        /// How many of them unseal.
        threshold: u8,
        /// Their names.
        names: Vec<KeeperName>,
    },
    /// Nobody.
    Nobody,
}

/// The ways into an epoch that is begun because the old ways are known to others.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "every caller decides about every way")]
pub struct FreshSlots<'a> {
    /// Passwords that open none of the old slots.
    pub passwords: Vec<(&'a Password, PasswordTerms)>,
    /// Recovery shares, new ones.
    pub recovery: Option<(Sharing, SlotLabel)>,
    /// Keepers.
    pub keepers: NextKeepers,
}

/// An epoch that was begun.
#[derive(Debug)]
#[non_exhaustive]
pub struct NextEpoch {
    /// The store with the header of the next epoch, holding both keys.
    pub unsealed: Unsealed,
    /// The shares of a fresh recovery slot, each for one holder. They are kept nowhere.
    pub recovery_shares: Vec<RecoveryShare>,
    /// The shares of the keepers, in the order of their names.
    pub keeper_shares: Vec<KeeperShare>,
}

/// Why no epoch was begun or ended. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotationRefused {
    /// A rotation is open already: finish it first.
    #[error("a rotation from epoch {0} is open; finalise it or roll it back first")]
    AlreadyOpen(Epoch),
    /// No rotation is open.
    #[error("no rotation is open")]
    NoneOpen,
    /// The open rotation is an emergency's.
    #[error("an emergency rotation cannot be rolled back: others may know the old key; finish it")]
    Emergency,
    /// No fresh way in is given.
    #[error("an emergency rotation needs a fresh password or fresh recovery shares; give one")]
    NoFreshSlot,
    /// A password that is given as fresh opens an old slot.
    #[error("password number {0} opens an old slot, and others may know it; choose another")]
    PasswordNotFresh(usize),
    /// The header that is given is not that of the epoch before.
    #[error("the header given is not the one of epoch {0}; read it from the store")]
    AnotherFormer(Epoch),
    /// The next header could not be made.
    #[error(transparent)]
    Change(#[from] ChangeFailed),
}

impl From<DerivationFailed> for RotationRefused {
    fn from(error: DerivationFailed) -> Self {
        Self::Change(error.into())
    }
}

/// An epoch in the making: its key, and where slots wrap it.
struct Begun {
    key: RootKey,
    place: Place,
}

impl Unsealed {
    /// Begins the next epoch: a new root key, wrapped to every slot without any password.
    ///
    /// # Errors
    /// [`RotationRefused`].
    pub fn begin_rotation(
        &self,
        keepers: NextKeepers,
        now: Timestamp,
    ) -> Result<NextEpoch, RotationRefused> {
        let begun = self.begin()?;
        let wrapped = |slot: &Slot| slot.wrapped_anew(&begun.key, begun.place);
        let slots = self.header.slots().iter().map(wrapped).collect::<Result<_, _>>();
        let slots = slots.map_err(ChangeFailed::from)?;
        self.next(begun, slots, keepers, (now, false))
    }

    /// Begins the next epoch because old ways in may be known to others: only fresh slots lead
    /// to it, and there is no way back.
    ///
    /// # Errors
    /// [`RotationRefused`].
    pub fn begin_emergency(
        &self,
        fresh: FreshSlots<'_>,
        now: Timestamp,
    ) -> Result<NextEpoch, RotationRefused> {
        let FreshSlots { passwords, recovery, keepers } = fresh;
        if passwords.is_empty() && recovery.is_none() {
            return Err(RotationRefused::NoFreshSlot);
        }
        for (at, (password, _)) in (1..).zip(&passwords) {
            password::admit(password).map_err(ChangeFailed::from)?;
            if self.header.password_slot(password)?.is_some() {
                return Err(RotationRefused::PasswordNotFresh(at));
            }
        }
        let begun = self.begin()?;
        let (mut slots, mut recovery_shares) = (Vec::new(), Vec::new());
        for (password, PasswordTerms { cost, label, now }) in passwords {
            let heading = Heading { label, created: now };
            let slot = Slot::of_password(password, cost, heading, begun.place, &begun.key);
            slots.push(slot.map_err(ChangeFailed::from)?);
        }
        if let Some((sharing, label)) = recovery {
            let heading = Heading { label, created: now };
            let made = Slot::of_recovery(sharing, heading, begun.place, &begun.key);
            let (slot, shares) = made.map_err(ChangeFailed::from)?;
            slots.push(slot);
            recovery_shares = shares;
        }
        if slots.len() > crate::epoch::SLOTS_MAX {
            return Err(ChangeFailed::TooManySlots.into());
        }
        let next = self.next(begun, slots, keepers, (now, true))?;
        Ok(NextEpoch { recovery_shares, ..next })
    }

    /// Ends the rotation: the key of the epoch before is forgotten. No record may be under it
    /// any more; that is for the caller to have seen.
    ///
    /// # Errors
    /// [`RotationRefused`].
    pub fn finalise(&self) -> Result<Self, RotationRefused> {
        let (_, key, _) = self.open_rotation()?;
        drop(key);
        let body = Body { previous: None, ..self.header.body().clone() };
        let identity = self.identity().map_err(ChangeFailed::from)?;
        let header = sign(body, &self.key, &identity)?;
        let sealing = header.epoch();
        Ok(Self { header, key: Arc::clone(&self.key), previous: None, sealing })
    }

    /// Ends the rotation the other way: a header of the epoch before, `former` being the one
    /// that it had. All slots of today lead to it. No record may be under the abandoned epoch
    /// any more, and its header is to be removed together with keeping this one.
    ///
    /// # Errors
    /// [`RotationRefused`].
    pub fn rolled_back(&self, former: &EpochHeader) -> Result<Self, RotationRefused> {
        let (epoch, key, said) = self.open_rotation()?;
        if said.emergency {
            return Err(RotationRefused::Emergency);
        }
        let (old, now) = (former.body(), self.header.body());
        let same = (old.root, old.epoch, old.check_value) == (now.root, epoch, said.check_value);
        if !same {
            return Err(RotationRefused::AnotherFormer(epoch));
        }
        let place = Place { root: now.root, epoch };
        let wrapped = |slot: &Slot| slot.wrapped_anew(&key, place);
        let slots = now.slots.iter().map(wrapped).collect::<Result<_, _>>();
        let body = Body {
            epoch,
            counter: now.counter,
            slots: slots.map_err(ChangeFailed::from)?,
            previous: None,
            abandoned: Some(now.abandoned.map_or(now.epoch, |other| other.max(now.epoch))),
            ..old.clone()
        };
        let identity = self.identity().map_err(ChangeFailed::from)?;
        let header = sign(body, &key, &identity)?;
        Ok(Self { header, key, previous: None, sealing: epoch })
    }

    fn open_rotation(&self) -> Result<(Epoch, Arc<RootKey>, &Previous), RotationRefused> {
        let said = self.header.body().previous.as_ref();
        let ((epoch, key), said) =
            self.previous.as_ref().zip(said).ok_or(RotationRefused::NoneOpen)?;
        Ok((*epoch, Arc::clone(key), said))
    }

    /// A key for an epoch that never was, not even rolled back.
    fn begin(&self) -> Result<Begun, RotationRefused> {
        if let Some(previous) = self.previous_epoch() {
            return Err(RotationRefused::AlreadyOpen(previous));
        }
        let Body { root, epoch, abandoned, .. } = self.header.body();
        let last = abandoned.map_or(*epoch, |other| other.max(*epoch));
        let epoch = last.next().ok_or(ChangeFailed::Exhausted)?;
        let policy = match self.key.backing() {
            Backing::Unlocked => LockPolicy::AllowUnlocked,
            Backing::MemfdSecret | Backing::Locked => LockPolicy::Strict,
        };
        let key = RootKey::generate(policy).map_err(ChangeFailed::from)?;
        Ok(Begun { key, place: Place { root: *root, epoch } })
    }

    /// The header of the epoch that was begun.
    fn next(
        &self,
        begun: Begun,
        slots: Vec<Slot>,
        keepers: NextKeepers,
        (now, emergency): (Timestamp, bool),
    ) -> Result<NextEpoch, RotationRefused> {
        let Begun { key, place: Place { root, epoch } } = begun;
        let under = Under { root, epoch, key: &key };
        let chosen = match (keepers, self.header.keepers()) {
            (NextKeepers::Nobody, _) | (NextKeepers::AsBefore, None) => None,
            (NextKeepers::Among { threshold, names }, _) => Some((threshold, names)),
            (NextKeepers::AsBefore, Some(now)) => {
                Some((now.sharing().threshold(), now.names().to_vec()))
            }
        };
        let made = chosen.map(|(threshold, names)| Keepers::make(under, threshold, &names));
        let made = made.transpose().map_err(ChangeFailed::from)?;
        let (keepers, keeper_shares) = made.map_or((None, Vec::new()), |(k, s)| (Some(k), s));
        let old = self.header.body();
        let fields = [(FieldName::value(), self.key.expose())];
        let record = record::seal(under, &RecordName::epoch_key(old.epoch), &fields);
        let body = Body {
            epoch,
            created: now,
            check_value: key.check_value(root, epoch).map_err(ChangeFailed::from)?,
            slots,
            previous: Some(Previous {
                epoch: old.epoch,
                check_value: old.check_value,
                record: record.map_err(ChangeFailed::from)?.into(),
                emergency,
            }),
            keepers,
            abandoned: None,
            ..old.clone()
        };
        let identity = self.identity().map_err(ChangeFailed::from)?;
        let header = sign(body, &key, &identity)?;
        let previous = Some((self.epoch(), Arc::clone(&self.key)));
        let unsealed = Self { header, key: Arc::new(key), previous, sealing: epoch };
        Ok(NextEpoch { unsealed, recovery_shares: Vec::new(), keeper_shares })
    }
}
