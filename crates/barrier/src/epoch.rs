//! The epoch header: what a store says about its root key, signed by the store's identity
//! (`docs/format/epoch.md`).

mod wire;

use keyward_crypto::{
    kdf::DerivationFailed,
    secret::Password,
    signing::{PrivateKey, SigningFailed},
};
use keyward_lifecycle::{
    algorithm::{BadSignature, MalformedKey, PublicKey as _},
    canonical::{self, Limits, MalformedJson, Uncanonical},
    time::Timestamp,
};

use self::wire::{BodyWire, SignedWire};
use crate::{
    keepers::Keepers,
    root::{Epoch, HeaderCounter, RootId},
    share::{Expected, KeeperShare, RecoveryShare, ShareRefused},
    slot::{Slot, SlotId, SlotRefused},
};

/// Longest header that is read: twice what [`SLOTS_MAX`] slots need.
pub const HEADER_BYTES_MAX: usize = 256 * 1024;
/// Most slots of a header.
pub const SLOTS_MAX: usize = 32;

/// Deepest nesting: header, slots, slot, way.
const HEADER_DEPTH: usize = 8;

/// A header whose signature was checked. Only [`Self::read`] and the making of an epoch give
/// one.
#[derive(Debug, Clone)]
pub struct EpochHeader {
    body: Body,
    bytes: Box<[u8]>,
}

/// What the identity signs.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub(crate) root: RootId,
    /// Canonical DER SPKI of the identity.
    pub(crate) identity: Box<[u8]>,
    /// The identity's private part, sealed under this epoch.
    pub(crate) identity_record: Box<[u8]>,
    pub(crate) epoch: Epoch,
    pub(crate) counter: HeaderCounter,
    /// When the epoch began.
    pub(crate) created: Timestamp,
    pub(crate) check_value: [u8; 32],
    pub(crate) slots: Vec<Slot>,
    /// The epoch from which records are moved here, while a rotation is open.
    pub(crate) previous: Option<Previous>,
    /// Who holds shares of this epoch's key.
    pub(crate) keepers: Option<Keepers>,
    /// The greatest epoch that was begun and rolled back, if it is greater than this one.
    pub(crate) abandoned: Option<Epoch>,
}

/// The epoch before, while a rotation is open (`docs/format/epoch.md` §5).
#[derive(Debug, Clone)]
pub(crate) struct Previous {
    pub(crate) epoch: Epoch,
    pub(crate) check_value: [u8; 32],
    /// Its root key, sealed under the header's epoch.
    pub(crate) record: Box<[u8]>,
    /// Whether its key is taken for known to others, so that there is no way back to it.
    pub(crate) emergency: bool,
}

/// Why a header is not believed. Nothing of a refused header is usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderRefused {
    /// Not JSON, or not an epoch header.
    #[error("epoch header is malformed: {0}")]
    Malformed(#[from] MalformedJson),
    /// A version that this build does not know.
    #[error("epoch header has version {0}, which this build does not know; update keyward")]
    UnknownVersion(u64),
    /// The bytes are not the RFC 8785 form of what they say.
    #[error("epoch header is not in its canonical form (RFC 8785); it was edited")]
    NotCanonical,
    /// A member is not what the format says.
    #[error("epoch header's member `{member}` is malformed: expected {expected}")]
    Member {
        /// The member.
        member: &'static str,
        /// What the format says.
        expected: &'static str,
    },
    /// The root id is not the fingerprint of the identity that the header carries.
    #[error("epoch header says root id {claimed}, and its identity's fingerprint is {identity}")]
    RootIdIsNotIdentity {
        /// What it says.
        claimed: RootId,
        /// What its identity gives.
        identity: RootId,
    },
    /// The header belongs to another store than the one that is pinned.
    #[error(
        "epoch header is of another root: expected {pinned}, found {found}; the root key was \
         replaced, or this is another store: restore the store's own files"
    )]
    AnotherRoot {
        /// The root id that was expected.
        pinned: RootId,
        /// The root id found.
        found: RootId,
    },
    /// The identity is no key that can be trusted.
    #[error("epoch header's identity: {0}")]
    Identity(#[from] MalformedKey),
    /// The identity did not sign this.
    #[error("epoch header was changed: the store identity's signature on it does not verify")]
    BadSignature,
    /// A slot is refused; `index` counts from 0.
    #[error("epoch header's slot {index}: {why}")]
    Slot {
        /// Which slot.
        index: usize,
        /// Why.
        why: SlotRefused,
    },
}

impl From<BadSignature> for HeaderRefused {
    fn from(_: BadSignature) -> Self {
        Self::BadSignature
    }
}

impl EpochHeader {
    /// Reads and checks a header: the root id is the fingerprint of the identity and the
    /// `pinned` one, and the identity has signed.
    ///
    /// Without `pinned` the header is only known to agree with itself: whoever can write the
    /// store can write such a header. A password slot notices that too, since its authenticator
    /// binds the root id.
    ///
    /// # Errors
    /// [`HeaderRefused`].
    pub fn read(bytes: &[u8], pinned: Option<&RootId>) -> Result<Self, HeaderRefused> {
        let limits = Limits::new(HEADER_BYTES_MAX, HEADER_DEPTH);
        wire::version(&canonical::read_strict(bytes, limits)?)?;
        let wire: SignedWire = canonical::from_slice_strict(bytes, limits)?;
        if canonical::to_bytes(&wire).as_deref() != Ok(bytes) {
            return Err(HeaderRefused::NotCanonical);
        }
        let SignedWire { header, signature } = wire;
        let identity = header.identity()?;
        let root = RootId::of_identity(&identity);
        let claimed = header.root_id();
        if claimed != root {
            return Err(HeaderRefused::RootIdIsNotIdentity { claimed, identity: root });
        }
        if let Some(pinned) = pinned
            && *pinned != root
        {
            return Err(HeaderRefused::AnotherRoot { pinned: *pinned, found: root });
        }
        let key = keyward_crypto::ed25519::Key::from_spki(&identity)?;
        let message = signed_bytes(&header).map_err(|_| HeaderRefused::NotCanonical)?;
        key.verify(&message, &wire::signature(&signature)?)?;
        Ok(Self { body: header.try_into()?, bytes: bytes.into() })
    }

    /// Signs `body` with the identity. Its root id and identity are this identity's.
    pub(crate) fn sign(body: Body, identity: &PrivateKey) -> Result<Self, SignFailed> {
        let header = BodyWire::from(&body);
        let signature = identity.sign(&signed_bytes(&header)?)?;
        let bytes = canonical::to_bytes(&SignedWire::new(header, &signature))?;
        Ok(Self { body, bytes: bytes.into() })
    }

    /// The bytes to keep.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The root id.
    #[must_use]
    pub const fn root_id(&self) -> RootId {
        self.body.root
    }

    /// The epoch.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.body.epoch
    }

    /// The header's place among all headers of the store.
    #[must_use]
    pub const fn counter(&self) -> HeaderCounter {
        self.body.counter
    }

    /// When the epoch began.
    #[must_use]
    pub const fn created(&self) -> Timestamp {
        self.body.created
    }

    /// The ways to the root key.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.body.slots
    }

    /// The slot with this id.
    #[must_use]
    pub fn slot(&self, id: SlotId) -> Option<&Slot> {
        self.body.slots.iter().find(|slot| slot.id() == id)
    }

    /// Who holds shares of this epoch's key, if anybody does.
    #[must_use]
    pub const fn keepers(&self) -> Option<&Keepers> {
        self.body.keepers.as_ref()
    }

    /// The epoch from which records are being moved; `Some` while a rotation is open.
    #[must_use]
    pub fn previous_epoch(&self) -> Option<Epoch> {
        self.body.previous.as_ref().map(|previous| previous.epoch)
    }

    /// Whether the open rotation is an emergency's, which cannot be rolled back.
    #[must_use]
    pub fn is_emergency(&self) -> bool {
        self.body.previous.as_ref().is_some_and(|previous| previous.emergency)
    }

    /// Which slot `password` opens, without unsealing anything (RK-013). Runs Argon2id once for
    /// every password slot that it does not open.
    ///
    /// # Errors
    /// [`DerivationFailed`], as a rule for want of memory.
    pub fn password_slot(&self, password: &Password) -> Result<Option<SlotId>, DerivationFailed> {
        for slot in &self.body.slots {
            if slot.is_opened_by(password, self.body.root)? {
                return Ok(Some(slot.id()));
            }
        }
        Ok(None)
    }

    /// Whether a recovery share is one of this store's, and the one that was made: for shares
    /// that come one after another.
    ///
    /// # Errors
    /// [`ShareRefused`].
    pub fn check_recovery_share(&self, share: &RecoveryShare) -> Result<(), ShareRefused> {
        self.recovery_slot(Some(share))?.check_share(share, self.body.root)
    }

    /// Whether a keeper share is one of this epoch's set, and the one that was made: for
    /// telling a wrong keeper from the others.
    ///
    /// # Errors
    /// [`ShareRefused`].
    pub fn check_keeper_share(&self, share: &KeeperShare) -> Result<(), ShareRefused> {
        self.expected_of_keepers()?.check(share)
    }

    pub(crate) fn expected_of_keepers(&self) -> Result<Expected<'_>, ShareRefused> {
        let Body { root, epoch, keepers, .. } = &self.body;
        let keepers = keepers.as_ref().ok_or(ShareRefused::NoneExpected)?;
        Ok(keepers.expected(*root, *epoch))
    }

    /// The recovery slot of a share, or the only one.
    pub(crate) fn recovery_slot(
        &self,
        share: Option<&RecoveryShare>,
    ) -> Result<&Slot, ShareRefused> {
        let slots = || self.body.slots.iter().filter(|slot| slot.recovery().is_some());
        let any = slots().next().ok_or(ShareRefused::NoneExpected)?;
        let Some(share) = share else { return Ok(any) };
        // A share of another store is told as such, not as one of an unknown set.
        Ok(slots().find(|slot| slot.id().share_set() == share.set()).unwrap_or(any))
    }

    pub(crate) const fn body(&self) -> &Body {
        &self.body
    }
}

/// Why no header was signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignFailed {
    #[error(transparent)]
    Encoding(#[from] Uncanonical),
    #[error(transparent)]
    Signing(#[from] SigningFailed),
}

/// What the identity signs: a label that no other signed format starts with, then the RFC 8785
/// form of the member `header` (`docs/format/epoch.md` §2).
fn signed_bytes(header: &BodyWire) -> Result<Vec<u8>, Uncanonical> {
    Ok([b"keyward/epoch-header/v1\0", canonical::to_bytes(header)?.as_slice()].concat())
}
