//! Unlock slots: the one joint between a root key and whatever leads to it.
//!
//! As recipients in age, every slot wraps the root key to a *public part* and unwraps it with a
//! *secret part*, an HPKE key pair. What differs is only the [`Way`] by which one comes to the
//! secret part. So a running server can wrap the key of a new epoch to every slot, without
//! knowing the password or holding the token that unwraps it (`docs/format/slot.md`).

mod password;
mod wire;

use core::fmt;

use keyward_crypto::{
    hpke::{self, WrapFailed, WrapKeyPair},
    kdf::DerivationFailed,
    random::{self, NoRandomness},
    secret::{LockFailed, LockPolicy, Password},
};
use keyward_lifecycle::time::Timestamp;

use self::password::PasswordWay;
pub use self::password::{Cost, CostRefused};
pub(crate) use self::wire::SlotWire;
use crate::root::{Epoch, ROOT_KEY_BYTES, RootId, RootKey};

/// One way to the root key, as it stands in the epoch header. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    id: SlotId,
    label: SlotLabel,
    created: Timestamp,
    public: Box<[u8]>,
    wrapped: Box<[u8]>,
    way: Way,
}

/// How one comes to the secret part of a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    /// It is derived from a password.
    Password(PasswordWay),
}

/// Where a wrapped key belongs: it opens nowhere else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) root: RootId,
    pub(crate) epoch: Epoch,
}

/// The secret part of a slot, authenticated: only [`Way`]s make one.
struct SecretPart(WrapKeyPair);

impl Slot {
    /// A slot that a password opens, with `key` wrapped to it. Runs Argon2id once.
    pub(crate) fn of_password(
        password: &Password,
        cost: Cost,
        heading: Heading,
        place: Place,
        key: &RootKey,
    ) -> Result<Self, SlotFailed> {
        let id = SlotId::random()?;
        let (way, public) = PasswordWay::make(password, cost, place.root, id)?;
        let wrapped = wrap(&public, key, place, id)?;
        let Heading { label, created } = heading;
        Ok(Self { id, label, created, public, wrapped, way: Way::Password(way) })
    }

    /// Tries a password. Costs one run of Argon2id.
    pub(crate) fn open_with_password(
        &self,
        password: &Password,
        place: Place,
        policy: LockPolicy,
    ) -> Result<RootKey, OpenFailed> {
        let Way::Password(way) = &self.way;
        let secret = way.open(password, place.root, self.id, &self.public)?;
        self.unwrap(&secret, place, policy)
    }

    fn unwrap(
        &self,
        secret: &SecretPart,
        place: Place,
        policy: LockPolicy,
    ) -> Result<RootKey, OpenFailed> {
        let mut key = secret
            .0
            .unwrap(&self.wrapped, &wrapping_info(place, self.id), &[])
            .map_err(|_| OpenFailed::DoesNotUnwrap)?;
        if key.len() != ROOT_KEY_BYTES {
            return Err(OpenFailed::DoesNotUnwrap);
        }
        Ok(RootKey::take(&mut key, policy)?)
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> SlotId {
        self.id
    }

    /// What somebody called it.
    #[must_use]
    pub const fn label(&self) -> &SlotLabel {
        &self.label
    }

    /// When it was made.
    #[must_use]
    pub const fn created(&self) -> Timestamp {
        self.created
    }

    /// The word for its kind, as in the format: `password`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.way {
            Way::Password(_) => "password",
        }
    }
}

/// What a slot says about itself to people.
#[derive(Debug)]
pub(crate) struct Heading {
    pub(crate) label: SlotLabel,
    pub(crate) created: Timestamp,
}

/// A slot's name: 16 random bytes, shown as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId([u8; 16]);

impl SlotId {
    fn random() -> Result<Self, NoRandomness> {
        random::bytes::<16>().map(|bytes| Self(*bytes))
    }
}

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Most characters of a [`SlotLabel`].
pub const LABEL_CHARS_MAX: usize = 64;

/// What somebody called a slot: 1 to [`LABEL_CHARS_MAX`] characters, none a control character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotLabel(Box<str>);

/// A text that is no slot label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a slot's label has 1 to {LABEL_CHARS_MAX} characters and no control character")]
#[non_exhaustive]
pub struct MalformedLabel;

impl SlotLabel {
    /// Parses; nothing is trimmed.
    ///
    /// # Errors
    /// [`MalformedLabel`].
    pub fn parse(text: &str) -> Result<Self, MalformedLabel> {
        let length = text.chars().count();
        if (1..=LABEL_CHARS_MAX).contains(&length) && !text.chars().any(char::is_control) {
            Ok(Self(text.into()))
        } else {
            Err(MalformedLabel)
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SlotLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a slot of a header is not read, although the header's signature is good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SlotRefused {
    /// A member is not what the format says.
    #[error("its member `{member}` is malformed: expected {expected}")]
    Member {
        /// The member.
        member: &'static str,
        /// What the format says.
        expected: &'static str,
    },
    /// The cost of a password slot is outside its limits.
    #[error(transparent)]
    Cost(#[from] CostRefused),
    /// The label is.
    #[error(transparent)]
    Label(#[from] MalformedLabel),
}

/// Why no slot was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SlotFailed {
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    #[error(transparent)]
    Derivation(#[from] DerivationFailed),
    #[error(transparent)]
    Wrap(#[from] WrapFailed),
}

/// Why a slot gave no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenFailed {
    /// The authenticator does not match: another password, or a slot of another store.
    #[error("wrong password")]
    WrongPassword,
    /// The password is right, and yet the wrapped key does not open.
    #[error("wrapped key does not open")]
    DoesNotUnwrap,
    #[error(transparent)]
    Derivation(#[from] DerivationFailed),
    #[error(transparent)]
    Lock(#[from] LockFailed),
}

fn wrap(public: &[u8], key: &RootKey, place: Place, slot: SlotId) -> Result<Box<[u8]>, WrapFailed> {
    hpke::wrap(public, key.expose(), &wrapping_info(place, slot), &[]).map(Into::into)
}

/// `docs/format/slot.md` §3: everything that a wrapped key is bound to stands in HPKE's `info`;
/// its `aad` is empty.
fn wrapping_info(place: Place, slot: SlotId) -> Vec<u8> {
    let Place { root, epoch } = place;
    [WRAP_LABEL, &root.bytes(), &epoch.number().to_be_bytes(), &slot.0].concat()
}

const WRAP_LABEL: &[u8] = b"keyward/slot-wrap/v1\0";

#[cfg(test)]
mod tests {
    use super::*;

    fn place(epoch: u32) -> Place {
        Place { root: RootId::of_identity(b"identity"), epoch: Epoch::new(epoch).unwrap() }
    }

    const POLICY: LockPolicy = LockPolicy::AllowUnlocked;

    fn password() -> Password {
        Password::new(b"correct horse battery".to_vec()).unwrap()
    }

    fn slot(key: &RootKey) -> Slot {
        let heading = Heading { label: SlotLabel::parse("a").unwrap(), created: Timestamp::EPOCH };
        Slot::of_password(&password(), Cost::LEAST, heading, place(1), key).unwrap()
    }

    #[test]
    fn a_new_epoch_is_wrapped_to_a_slot_without_its_password() {
        let slot = slot(&RootKey::generate(POLICY).unwrap());
        let second = RootKey::generate(POLICY).unwrap();
        let wrapped = wrap(&slot.public, &second, place(2), slot.id).unwrap();
        let next = Slot { wrapped, ..slot.clone() };

        let opened = next.open_with_password(&password(), place(2), POLICY).unwrap();
        assert_eq!(opened.expose(), second.expose());
        // A key that was wrapped for one epoch opens in no other.
        let replayed = slot.open_with_password(&password(), place(2), POLICY).unwrap_err();
        assert!(matches!(replayed, OpenFailed::DoesNotUnwrap), "{replayed}");
    }

    #[track_caller]
    fn check_not_authentic(change: impl FnOnce(&mut Slot)) {
        let mut slot = slot(&RootKey::generate(POLICY).unwrap());
        change(&mut slot);
        let refused = slot.open_with_password(&password(), place(1), POLICY).unwrap_err();
        assert!(matches!(refused, OpenFailed::WrongPassword), "{refused}");
    }

    #[test]
    fn whoever_lacks_the_password_changes_nothing_in_a_slot() {
        let planted = RootKey::generate(POLICY).unwrap();
        check_not_authentic(|slot| {
            slot.public = WrapKeyPair::derive(&[7; 32]).public().into();
            slot.wrapped = wrap(&slot.public, &planted, place(1), slot.id).unwrap();
        });
        check_not_authentic(|slot| slot.id.0[0] ^= 1);
        check_not_authentic(|slot| {
            let Way::Password(way) = &mut slot.way;
            way.salt[0] ^= 1;
        });
        check_not_authentic(|slot| {
            let Way::Password(way) = &mut slot.way;
            way.cost = Cost::new(Cost::MEMORY_KIB_MIN, 2, 1).unwrap();
        });
    }
}
