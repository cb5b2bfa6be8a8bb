//! Slots: the ways to the root key, listed, added, removed and checked.

use std::{collections::BTreeSet, sync::Arc};

use keyward_barrier::{
    Cost, KeeperName, KeeperShare, KeepersSet, PasswordTerms, RecoveryAdded, Sharing, SlotId,
    SlotLabel, Unsealed,
};
use keyward_crypto::secret::Password;
use keyward_lifecycle::{
    command::{RootCommand, SlotChange},
    id::ActorId,
    time::Timestamp,
};
use zeroize::Zeroizing;

use super::{
    RootError,
    change::{Next, mark},
};
use crate::{
    engine::Keyward,
    keeper::{ShareBytes, Standing},
    writer::ExecuteError,
};

/// A slot, as it stands in the header.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlotView {
    /// Its id, 32 hex digits.
    pub id: String,
    /// `password`, `recovery` or `external`.
    pub kind: &'static str,
    /// What somebody called it.
    pub label: String,
    /// When it was made.
    pub created: Timestamp,
    /// For recovery shares: how many of how many.
    pub sharing: Option<(u8, u8)>,
}

/// The keepers, as they stand in the header.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeepersView {
    /// The share set's id.
    pub share_set: String,
    /// How many shares give the key.
    pub threshold: u8,
    /// Their names, in the order of their shares.
    pub names: Vec<String>,
}

/// A recovery share to be handed to its holder, once.
#[derive(Debug)]
#[non_exhaustive]
pub struct HandedShare {
    /// Its index, from 1.
    pub index: u8,
    /// The share as text, or as an age file for its holder's recipient.
    pub text: Zeroizing<String>,
    /// The recipient it is encrypted to.
    pub recipient: Option<String>,
}

/// How a password slot is made.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "two parts of a request")]
pub struct SlotTerms<'t> {
    /// What it is called.
    pub label: &'t str,
    /// What guessing costs; [`Cost::STANDARD`] but in tests.
    pub cost: Cost,
}

impl<'t> SlotTerms<'t> {
    /// What guessing a password costs, but in tests.
    pub const COST: Cost = Cost::STANDARD;

    /// A slot of that label, at the standard cost.
    #[must_use]
    pub const fn standard(label: &'t str) -> Self {
        Self { label, cost: Self::COST }
    }
}

impl Keyward {
    /// The slots and keepers of the newest header.
    ///
    /// # Errors
    /// [`RootError`] when the header cannot be read.
    pub fn slots(&self) -> Result<(Vec<SlotView>, Option<KeepersView>), RootError> {
        let header = self.header()?;
        let view = |slot: &keyward_barrier::Slot| SlotView {
            id: slot.id().to_string(),
            kind: slot.kind(),
            label: slot.label().to_string(),
            created: slot.created(),
            sharing: slot.recovery().map(|sharing| (sharing.threshold(), sharing.count())),
        };
        let keepers = header.keepers().map(|keepers| KeepersView {
            share_set: keepers.set().to_string(),
            threshold: keepers.sharing().threshold(),
            names: keepers.names().iter().map(ToString::to_string).collect(),
        });
        Ok((header.slots().iter().map(view).collect(), keepers))
    }

    /// Adds a slot that a password opens.
    ///
    /// # Errors
    /// [`RootError`]; a weak password is refused with its reasons.
    pub fn add_password(
        &self,
        actor: &ActorId,
        password: Vec<u8>,
        terms: SlotTerms<'_>,
    ) -> Result<String, RootError> {
        let (password, terms) = (read_password(password)?, self.password_terms(terms)?);
        let (_, id) = self.change_header(actor, |root| {
            let (unsealed, id) = root.add_password(&password, terms)?;
            Ok(added(unsealed, id, "password"))
        })?;
        Ok(id.to_string())
    }

    /// Puts another password in the place of `old`: slots are changed, no record is. Copies of
    /// the store made before still open with the old one. Its slot keeps what it is called, unless
    /// a label is given.
    ///
    /// # Errors
    /// [`RootError`]; a wrong old password changes nothing.
    pub fn change_password(
        &self,
        actor: &ActorId,
        old: Vec<u8>,
        new: Vec<u8>,
        (label, cost): (Option<&str>, Cost),
    ) -> Result<String, RootError> {
        let mut new = Zeroizing::new(new);
        let id = self.verify_password(actor, old)?;
        let password = read_password(std::mem::take(&mut *new))?;
        let label = label.map(slot_label).transpose()?;
        let (slot, now): (SlotId, _) = (slot_id(&id)?, self.now());
        self.change_header(actor, |root| {
            let changed_slot = root.header().slots().iter().find(|known| known.id() == slot);
            let kept = changed_slot.map(|known| known.label().clone());
            let label = label.or(kept).ok_or(keyward_barrier::ChangeFailed::NoSuchSlot(slot))?;
            let terms = PasswordTerms { cost, label, now };
            let unsealed = root.change_password(slot, &password, terms)?;
            let change = SlotChange::PasswordChanged { slot_id: id.as_str().into() };
            Ok(changed(unsealed, change, ()))
        })?;
        Ok(id)
    }

    /// Which slot a password opens. Costs one run of Argon2id for each password slot. A wrong
    /// one is logged, and slows the next attempt down (RK-013, RK-042).
    ///
    /// # Errors
    /// [`RootError::Unseal`] for a wrong password.
    pub fn verify_password(&self, actor: &ActorId, password: Vec<u8>) -> Result<String, RootError> {
        let mut password = Zeroizing::new(password);
        let _trying = self.may_try()?;
        let password = read_password(std::mem::take(&mut *password))?;
        let found = self.header()?.password_slot(&password);
        let found = found.map_err(|error| RootError::Malformed(error.to_string()))?;
        match found {
            Some(id) => Ok(id.to_string()),
            None => Err(self.attempt_failed(actor, keyward_lifecycle::root::UnsealedBy::Password)),
        }
    }

    /// Adds a slot whose secret is split among holders: paper that survives rotations.
    /// `recipients` are age recipients, one for each holder in the order of the shares, or none:
    /// then the shares are plain, to be shown one at a time.
    ///
    /// # Errors
    /// [`RootError`].
    pub fn add_recovery(
        &self,
        actor: &ActorId,
        (threshold, count): (u8, u8),
        label: &str,
        recipients: &[String],
    ) -> Result<(String, Vec<HandedShare>), RootError> {
        if !recipients.is_empty() && recipients.len() != usize::from(count) {
            let found = recipients.len();
            let why = format!("{count} shares need {count} recipients, not {found}");
            return Err(RootError::Malformed(why));
        }
        let sharing = Sharing::new(threshold, count)
            .map_err(|error| RootError::Malformed(error.to_string()))?;
        let label = slot_label(label)?;
        let now = self.now();
        let (_, (id, handed)) = self.change_header(actor, |root| {
            let RecoveryAdded { unsealed, slot, shares, .. } =
                root.add_recovery(sharing, label, now)?;
            // Encrypted before anything is written: a recipient that cannot be used changes
            // nothing.
            let handed = hand(&shares, recipients)?;
            let Next { unsealed, commands, gone, out } = added(unsealed, slot, "recovery");
            Ok(Next { unsealed, commands, gone, out: (out, handed) })
        })?;
        Ok((id.to_string(), handed))
    }

    /// Removes a slot. The last one stays.
    ///
    /// # Errors
    /// [`RootError`].
    pub fn remove_slot(&self, actor: &ActorId, id: &str) -> Result<(), RootError> {
        let slot = slot_id(id)?;
        self.change_header(actor, |root| {
            let unsealed = root.remove_slot(slot)?;
            Ok(changed(unsealed, SlotChange::Removed { slot_id: id.into() }, ()))
        })?;
        Ok(())
    }

    /// Splits the root key anew among keepers; `deliver` hands them their shares before the
    /// header names the set. Without names there are no keepers any more.
    ///
    /// # Errors
    /// [`RootError`]; keepers that were there and are not among `names` keep a share of this
    /// epoch's key: remove them by a rotation.
    pub fn set_keepers(
        &self,
        actor: &ActorId,
        threshold: u8,
        names: &[String],
        deliver: &mut Deliver<'_>,
    ) -> Result<(), RootError> {
        let changing = self.shared.changing();
        let changed = self.next_header(actor, |root| {
            if names.is_empty() {
                let unsealed = root.drop_keepers()?;
                let keepers = Vec::new();
                let change = SlotChange::Keepers { share_set: None, threshold: 0, keepers };
                return Ok(changed(unsealed, change, ()));
            }
            let KeepersSet { unsealed, shares, .. } =
                root.set_keepers(threshold, &keeper_names(names)?)?;
            let set = unsealed.header().keepers().map(|keepers| keepers.set().to_string());
            let change = SlotChange::Keepers {
                share_set: set.map(|set| set.as_str().into()),
                threshold,
                keepers: names.iter().map(|name| Arc::from(name.as_str())).collect(),
            };
            let next = changed(unsealed, change, ());
            self.would_log(&next.commands)?;
            deliver_next(root, names, &shares, deliver)?;
            Ok(next)
        });
        // A store that has halted does not know which set counts, and in a rotation two do: keepers
        // keep both.
        let one_counts = !self.shared.is_halted() && self.state().root().rotation.is_none();
        if one_counts && let Ok(shares) = self.keeper_shares() {
            // Who cannot be told is told at the next look.
            drop(deliver(shares, Standing::Final));
        }
        drop(changing);
        changed.map(|(_, ())| ())
    }

    /// The shares that keepers must hold now, by name: to refill one that is empty.
    ///
    /// # Errors
    /// [`RootError`] while sealed.
    pub fn keeper_shares(&self) -> Result<Vec<(String, ShareBytes)>, RootError> {
        named_shares(&self.shared.root().ok_or(ExecuteError::Sealed)?.unsealed)
    }

    fn password_terms(&self, terms: SlotTerms<'_>) -> Result<PasswordTerms, RootError> {
        Ok(PasswordTerms { cost: terms.cost, label: slot_label(terms.label)?, now: self.now() })
    }
}

/// Hands keepers their shares, to be held alone or beside what they hold; an error changes
/// nothing.
pub type Deliver<'d> = dyn FnMut(Vec<(String, ShareBytes)>, Standing) -> Result<(), String> + 'd;

/// Hands the keepers of a set that no header names yet their shares, beside those that count.
/// What an earlier attempt left with them goes first, so that what counts need not make room.
pub(super) fn deliver_next(
    root: &Unsealed,
    names: &[String],
    shares: &[KeeperShare],
    deliver: &mut Deliver<'_>,
) -> Result<(), RootError> {
    let mut current = named_shares(root)?;
    current.retain(|(name, _)| names.contains(name));
    if !current.is_empty() {
        deliver(current, Standing::Final).map_err(RootError::Keepers)?;
    }
    let next = names.iter().cloned().zip(shares.iter().map(share_bytes)).collect();
    deliver(next, Standing::Rotating).map_err(RootError::Keepers)
}

/// The shares of the header's own keepers, by name.
fn named_shares(root: &Unsealed) -> Result<Vec<(String, ShareBytes)>, RootError> {
    let Some(keepers) = root.header().keepers() else { return Ok(Vec::new()) };
    let shares = root.keeper_shares()?;
    let names = keepers.names().iter().map(ToString::to_string);
    Ok(names.zip(shares.iter().map(share_bytes)).collect())
}

pub(super) fn share_bytes(share: &KeeperShare) -> ShareBytes {
    ShareBytes::new(share.to_bytes())
}

pub(super) fn hand(
    shares: &[keyward_barrier::RecoveryShare],
    recipients: &[String],
) -> Result<Vec<HandedShare>, RootError> {
    // One who holds two shares makes the threshold smaller than it says.
    let mut known = BTreeSet::new();
    if let Some(twice) =
        recipients.iter().find(|recipient| !known.insert(recipient.to_ascii_lowercase()))
    {
        let why = format!("the recipient {twice} is named twice: each holder gets one share");
        return Err(RootError::Malformed(why));
    }
    let mut handed = Vec::with_capacity(shares.len());
    for (place, share) in shares.iter().enumerate() {
        let text = share.to_text();
        let recipient = recipients.get(place).cloned();
        let text = match &recipient {
            Some(recipient) => keyward_crypto::age::encrypt(recipient, text.as_bytes())
                .map(Zeroizing::new)
                .map_err(|error| RootError::Malformed(error.to_string()))?,
            None => text,
        };
        handed.push(HandedShare { index: share.index(), text, recipient });
    }
    Ok(handed)
}

fn added(unsealed: Unsealed, id: SlotId, kind: &str) -> Next<SlotId> {
    let change = SlotChange::Added { slot_id: id.to_string().as_str().into(), kind: kind.into() };
    changed(unsealed, change, id)
}

fn changed<T>(unsealed: Unsealed, change: SlotChange, out: T) -> Next<T> {
    let header = mark(unsealed.header());
    let commands = vec![RootCommand::ChangeSlots { change, header }];
    Next { unsealed, commands, gone: None, out }
}

pub(super) fn keeper_names(names: &[String]) -> Result<Vec<KeeperName>, RootError> {
    let parse = |name: &String| KeeperName::parse(name);
    let names: Result<_, _> = names.iter().map(parse).collect();
    names.map_err(|error| RootError::Malformed(error.to_string()))
}

pub(super) fn read_password(password: Vec<u8>) -> Result<Password, RootError> {
    Password::new(password).map_err(|error| RootError::Malformed(error.to_string()))
}

pub(super) fn slot_label(label: &str) -> Result<SlotLabel, RootError> {
    SlotLabel::parse(label).map_err(|error| RootError::Malformed(error.to_string()))
}

fn slot_id(id: &str) -> Result<SlotId, RootError> {
    id.parse().map_err(|_| {
        RootError::Malformed(format!("`{id}` is no slot id: `keyward root slot list` shows them"))
    })
}
