//! What a header knows of a set of shares, and what it refuses before shares are combined.

use core::marker::PhantomData;

use keyward_crypto::{
    mac,
    share::{self, Part, SplitFailed},
};
use keyward_lifecycle::id::Digest;
use zeroize::Zeroizing;

use super::{Share, ShareSetId, Sharing, sealed};
use crate::root::{Epoch, ROOT_KEY_BYTES, RootId};

/// Why shares are not combined. Nothing was computed with them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShareRefused {
    /// The header has no set of shares of this kind.
    #[error("this store has no shares of this kind; use another way to unseal")]
    NoneExpected,
    /// The share belongs to another store.
    #[error("share {index} belongs to another store: expected root {expected}, found {found}")]
    ForeignRoot {
        /// Which share.
        index: u8,
        /// This store.
        expected: RootId,
        /// The share's.
        found: RootId,
    },
    /// The share is of another epoch than the header.
    #[error(
        "share {index} is of epoch {found}, and epoch {expected} is expected; refill its keeper"
    )]
    StaleEpoch {
        /// Which share.
        index: u8,
        /// The header's epoch.
        expected: Epoch,
        /// The share's.
        found: Epoch,
    },
    /// The share is of a set that was replaced or removed, or never was this store's.
    #[error("share {index} is of set {found}, which is not in use; use shares of one current set")]
    ForeignSet {
        /// Which share.
        index: u8,
        /// The share's set.
        found: ShareSetId,
    },
    /// The share is not the one that was made.
    #[error("share {index} was altered: it is not the share that was made; use another share")]
    Altered {
        /// Which share.
        index: u8,
    },
    /// One share is given twice.
    #[error("share {index} is given twice; a threshold counts different shares")]
    Duplicate {
        /// Which share.
        index: u8,
    },
    /// There are fewer than the threshold.
    #[error("{have} shares are not enough; {need} are needed")]
    TooFew {
        /// How many good shares there are.
        have: usize,
        /// How many are needed.
        need: u8,
    },
    /// The library refused; nothing that a caller does leads here.
    #[error("the shares could not be combined")]
    Refused,
}

/// A set of shares as its header knows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) root: RootId,
    pub(crate) set: ShareSetId,
    /// The epoch that shares must be of; any, where they outlive epochs.
    pub(crate) epoch: Option<Epoch>,
    pub(crate) sharing: Sharing,
    /// The digest of each share, in the order of their indexes.
    pub(crate) digests: &'a [Digest],
}

impl Expected<'_> {
    /// Whether this share is one of the set, and the one that was made.
    pub(crate) fn check<K: sealed::Kind>(&self, share: &Share<K>) -> Result<(), ShareRefused> {
        let index = share.index;
        if share.root != self.root {
            return Err(ShareRefused::ForeignRoot {
                index,
                expected: self.root,
                found: share.root,
            });
        }
        if let Some(expected) = self.epoch
            && share.epoch != expected
        {
            return Err(ShareRefused::StaleEpoch { index, expected, found: share.epoch });
        }
        if share.set != self.set {
            return Err(ShareRefused::ForeignSet { index, found: share.set });
        }
        let known = usize::from(index).checked_sub(1).and_then(|at| self.digests.get(at));
        let found = share.digest();
        if known.is_some_and(|d| mac::equal_in_constant_time(d.as_bytes(), found.as_bytes())) {
            Ok(())
        } else {
            Err(ShareRefused::Altered { index })
        }
    }

    /// The secret, if every share is good, none is there twice and there are enough.
    pub(crate) fn combine<K: sealed::Kind>(
        &self,
        shares: &[Share<K>],
    ) -> Result<Zeroizing<Vec<u8>>, ShareRefused> {
        let mut seen = Vec::with_capacity(shares.len());
        for share in shares {
            self.check(share)?;
            if seen.contains(&share.index) {
                return Err(ShareRefused::Duplicate { index: share.index });
            }
            seen.push(share.index);
        }
        let need = self.sharing.threshold();
        if seen.len() < usize::from(need) {
            return Err(ShareRefused::TooFew { have: seen.len(), need });
        }
        let parts: Vec<Part> = shares
            .iter()
            .take(usize::from(need))
            .map(|share| Part { index: share.index, value: Zeroizing::new(share.value.to_vec()) })
            .collect();
        share::combine(&parts).map_err(|_| ShareRefused::Refused)
    }
}

/// What is to be split, and as what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Split {
    pub(crate) root: RootId,
    pub(crate) set: ShareSetId,
    pub(crate) epoch: Epoch,
    pub(crate) sharing: Sharing,
}

/// Splits a secret with fresh polynomials.
pub(crate) fn split<K: sealed::Kind>(
    secret: &[u8],
    of: Split,
) -> Result<Vec<Share<K>>, SplitFailed> {
    let Split { root, set, epoch, sharing } = of;
    let parts = share::split(secret, sharing.threshold(), sharing.count())?;
    let share = |part: Part| {
        let value: [u8; ROOT_KEY_BYTES] = part.value.as_slice().try_into().ok()?;
        let value = Zeroizing::new(value);
        Some(Share { root, set, epoch, index: part.index, sharing, value, kind: PhantomData })
    };
    parts.into_iter().map(share).collect::<Option<_>>().ok_or(SplitFailed::Refused)
}
