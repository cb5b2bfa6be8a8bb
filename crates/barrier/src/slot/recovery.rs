//! A slot that a threshold of people open with shares on paper.
//!
//! The slot's secret is a random seed of its own, which is split and forgotten. Since the
//! epoch's key is wrapped to the slot's public part, the shares outlive every rotation
//! (`docs/format/slot.md` §5).

use keyward_crypto::{hpke::WrapKeyPair, random};
use keyward_lifecycle::id::Digest;

use super::{OpenFailed, Place, SecretPart, SlotFailed, SlotId};
use crate::{
    root::RootId,
    share::{self, Expected, RecoveryShare, Sharing, Split},
};

/// What a recovery slot stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecoveryWay {
    pub(super) sharing: Sharing,
    /// The digest of each share, in the order of their indexes; as many as there are shares.
    pub(super) digests: Vec<Digest>,
}

/// A way, the public part that goes with it, and the shares.
pub(super) struct Made {
    pub(super) way: RecoveryWay,
    pub(super) public: Box<[u8]>,
    pub(super) shares: Vec<RecoveryShare>,
}

impl RecoveryWay {
    /// A way with a fresh seed.
    pub(super) fn make(sharing: Sharing, place: Place, slot: SlotId) -> Result<Made, SlotFailed> {
        let seed = random::bytes::<32>()?;
        let public = WrapKeyPair::derive(&seed).public().into();
        let Place { root, epoch } = place;
        let of = Split { root, set: slot.share_set(), epoch, sharing };
        let shares: Vec<RecoveryShare> = share::split(seed.as_slice(), of)?;
        let digests = shares.iter().map(RecoveryShare::digest).collect();
        Ok(Made { way: Self { sharing, digests }, public, shares })
    }

    /// What a share of this slot must be.
    pub(super) fn expected(&self, root: RootId, slot: SlotId) -> Expected<'_> {
        let Self { sharing, digests } = self;
        Expected { root, set: slot.share_set(), epoch: None, sharing: *sharing, digests }
    }

    /// The secret part, once every share was found to be good and the seed to be the slot's.
    pub(super) fn open(
        &self,
        shares: &[RecoveryShare],
        root: RootId,
        slot: SlotId,
        public: &[u8],
    ) -> Result<SecretPart, OpenFailed> {
        let seed = self.expected(root, slot).combine(shares)?;
        let seed = seed.as_slice().try_into().map_err(|_| OpenFailed::DoesNotUnwrap)?;
        let pair = WrapKeyPair::derive(seed);
        if pair.public() == public { Ok(SecretPart(pair)) } else { Err(OpenFailed::DoesNotUnwrap) }
    }
}
