//! Unlock slots: the one joint between a root key and whatever leads to it.
//!
//! As recipients in age, every slot wraps the root key to a *public part* and unwraps it with a
//! *secret part*, an HPKE key pair. What differs is only the [`Way`] by which one comes to the
//! secret part. So a running server can wrap the key of a new epoch to every slot, without
//! knowing the password or holding the token that unwraps it (`docs/format/slot.md`).

mod external;
mod name;
mod password;
mod recovery;
#[cfg(test)]
mod tests;
mod wire;

use keyward_crypto::{
    hpke::{self, WrapFailed, WrapKeyPair},
    kdf::DerivationFailed,
    random::NoRandomness,
    secret::{LockFailed, LockPolicy, Password},
    share::SplitFailed,
};
use keyward_lifecycle::time::Timestamp;

pub(crate) use self::wire::SlotWire;
use self::{
    external::ExternalWay,
    password::PasswordWay,
    recovery::{Made, RecoveryWay},
};
pub use self::{
    external::{ADDRESS_BYTES_MAX, BLOB_BYTES_MAX, ExternalFailed, ExternalKey},
    name::{LABEL_CHARS_MAX, MalformedLabel, SlotId, SlotLabel},
    password::{Cost, CostRefused},
};
use crate::{
    root::{Epoch, ROOT_KEY_BYTES, RootId, RootKey},
    share::{RecoveryShare, ShareRefused, Sharing, SharingRefused},
};

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
    /// It is shared among holders.
    Recovery(RecoveryWay),
    /// It is wrapped by a key that lives elsewhere.
    External(ExternalWay),
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

    /// A slot that a threshold of shares opens, and the shares.
    pub(crate) fn of_recovery(
        sharing: Sharing,
        heading: Heading,
        place: Place,
        key: &RootKey,
    ) -> Result<(Self, Vec<RecoveryShare>), SlotFailed> {
        let id = SlotId::random()?;
        let Made { way, public, shares } = RecoveryWay::make(sharing, place, id)?;
        let wrapped = wrap(&public, key, place, id)?;
        let Heading { label, created } = heading;
        Ok((Self { id, label, created, public, wrapped, way: Way::Recovery(way) }, shares))
    }

    /// A slot that a key elsewhere opens.
    pub(crate) fn of_external(
        (address, holder): (&str, &dyn ExternalKey),
        heading: Heading,
        place: Place,
        key: &RootKey,
    ) -> Result<Self, SlotFailed> {
        let id = SlotId::random()?;
        let (way, public) = ExternalWay::make(address, holder, place.root, id)?;
        let wrapped = wrap(&public, key, place, id)?;
        let Heading { label, created } = heading;
        Ok(Self { id, label, created, public, wrapped, way: Way::External(way) })
    }

    /// The same slot with another key wrapped to it: whoever opens it is not needed for that.
    pub(crate) fn wrapped_anew(&self, key: &RootKey, place: Place) -> Result<Self, WrapFailed> {
        let wrapped = wrap(&self.public, key, place, self.id)?;
        Ok(Self { wrapped, ..self.clone() })
    }

    /// The same slot, opened by another password from now on.
    pub(crate) fn with_password(
        &self,
        password: &Password,
        cost: Cost,
        heading: Heading,
        (place, key): (Place, &RootKey),
    ) -> Result<Self, SlotFailed> {
        let (way, public) = PasswordWay::make(password, cost, place.root, self.id)?;
        let wrapped = wrap(&public, key, place, self.id)?;
        let Heading { label, created } = heading;
        Ok(Self { id: self.id, label, created, public, wrapped, way: Way::Password(way) })
    }

    /// Whether this is a password slot that `password` opens. Costs one run of Argon2id.
    pub(crate) fn is_opened_by(
        &self,
        password: &Password,
        root: RootId,
    ) -> Result<bool, DerivationFailed> {
        let Way::Password(way) = &self.way else { return Ok(false) };
        match way.open(password, root, self.id, &self.public) {
            Ok(_) => Ok(true),
            Err(OpenFailed::Derivation(error)) => Err(error),
            Err(_) => Ok(false),
        }
    }

    /// Tries a password. Costs one run of Argon2id, for a password slot.
    pub(crate) fn open_with_password(
        &self,
        password: &Password,
        place: Place,
        policy: LockPolicy,
    ) -> Result<RootKey, OpenFailed> {
        let Way::Password(way) = &self.way else { return Err(OpenFailed::WrongPassword) };
        let secret = way.open(password, place.root, self.id, &self.public)?;
        self.unwrap(&secret, place, policy)
    }

    /// Opens a recovery slot with shares, every one of which is checked before.
    pub(crate) fn open_with_recovery(
        &self,
        shares: &[RecoveryShare],
        place: Place,
        policy: LockPolicy,
    ) -> Result<RootKey, OpenFailed> {
        let Way::Recovery(way) = &self.way else { return Err(ShareRefused::NoneExpected.into()) };
        let secret = way.open(shares, place.root, self.id, &self.public)?;
        self.unwrap(&secret, place, policy)
    }

    /// Opens an external slot by asking the holder of its key.
    pub(crate) fn open_with_external(
        &self,
        holder: &dyn ExternalKey,
        place: Place,
        policy: LockPolicy,
    ) -> Result<RootKey, OpenFailed> {
        let Way::External(way) = &self.way else { return Err(OpenFailed::NotExternal) };
        let secret = way.open(holder, place.root, self.id, &self.public)?;
        self.unwrap(&secret, place, policy)
    }

    /// Whether `share` is one of this slot's, and the one that was made.
    pub(crate) fn check_share(
        &self,
        share: &RecoveryShare,
        root: RootId,
    ) -> Result<(), ShareRefused> {
        let Way::Recovery(way) = &self.way else { return Err(ShareRefused::NoneExpected) };
        way.expected(root, self.id).check(share)
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

    /// The word for its kind, as in the format: `password`, `recovery`, `external`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self.way {
            Way::Password(_) => "password",
            Way::Recovery(_) => "recovery",
            Way::External(_) => "external",
        }
    }

    /// How its secret is shared, if it is a recovery slot.
    #[must_use]
    pub const fn recovery(&self) -> Option<Sharing> {
        match &self.way {
            Way::Recovery(way) => Some(way.sharing),
            Way::Password(_) | Way::External(_) => None,
        }
    }

    /// Where the key is that opens it, if it is an external slot.
    #[must_use]
    pub fn external_address(&self) -> Option<&str> {
        match &self.way {
            Way::External(way) => Some(&way.address),
            Way::Password(_) | Way::Recovery(_) => None,
        }
    }
}

/// What a slot says about itself to people.
#[derive(Debug)]
pub(crate) struct Heading {
    pub(crate) label: SlotLabel,
    pub(crate) created: Timestamp,
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
    /// The terms of a recovery slot do not go together.
    #[error(transparent)]
    Sharing(#[from] SharingRefused),
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
    #[error(transparent)]
    Split(#[from] SplitFailed),
    #[error(transparent)]
    External(#[from] ExternalFailed),
}

/// Why a slot gave no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenFailed {
    /// The authenticator does not match: another password, or a slot of another store.
    #[error("wrong password")]
    WrongPassword,
    /// The way is right, and yet the wrapped key does not open.
    #[error("wrapped key does not open")]
    DoesNotUnwrap,
    /// The slot is of another kind.
    #[error("slot is of another kind")]
    NotExternal,
    #[error(transparent)]
    Share(#[from] ShareRefused),
    #[error(transparent)]
    External(#[from] ExternalFailed),
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
