//! Keepers: who holds shares of an epoch's root key, as the header says it.
//!
//! Keeper shares split the root key itself, with fresh polynomials for every epoch and every
//! set. The header carries them sealed under the very key that they share, so that a server
//! that was unsealed in any way can refill a keeper that was restarted.

use core::fmt;

use keyward_crypto::{random::NoRandomness, share::SplitFailed};
use keyward_lifecycle::id::Digest;
use zeroize::Zeroizing;

use crate::{
    record::{self, FieldName, OpenRefused, RecordName, SealFailed, Under},
    root::{Epoch, RootId},
    share::{self, Expected, KeeperShare, SHARE_BYTES, ShareSetId, Sharing, SharingRefused, Split},
};

/// The keepers of an epoch, and the share of each by its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keepers {
    pub(crate) set: ShareSetId,
    pub(crate) sharing: Sharing,
    /// In the order of their indexes, which begin at 1; as many as there are shares.
    pub(crate) names: Vec<KeeperName>,
    /// In the same order.
    pub(crate) digests: Vec<Digest>,
    /// The shares, sealed under the epoch that they are of.
    pub(crate) sealed: Box<[u8]>,
}

/// Why no set of keepers was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeepersRefused {
    /// Threshold and number of keepers do not go together.
    #[error(transparent)]
    Sharing(#[from] SharingRefused),
    /// Two keepers have one name.
    #[error("keeper `{0}` is named twice; each keeper holds one share")]
    Twice(KeeperName),
    /// See [`NoRandomness`].
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The library refused; nothing that a caller does leads here.
    #[error("the keepers' shares could not be made")]
    Refused,
}

impl From<SplitFailed> for KeepersRefused {
    fn from(error: SplitFailed) -> Self {
        match error {
            SplitFailed::NoRandomness(error) => Self::NoRandomness(error),
            SplitFailed::Terms { .. } | SplitFailed::Length(_) | SplitFailed::Refused | _ => {
                Self::Refused
            }
        }
    }
}

impl From<SealFailed> for KeepersRefused {
    fn from(error: SealFailed) -> Self {
        match error {
            SealFailed::NoRandomness(error) => Self::NoRandomness(error),
            SealFailed::TooLong { .. }
            | SealFailed::FieldCount(_)
            | SealFailed::FieldTwice(_)
            | SealFailed::KeyDamaged(_)
            | SealFailed::Refused => Self::Refused,
        }
    }
}

impl Keepers {
    /// Splits the key in `under` among `names`, with fresh polynomials.
    pub(crate) fn make(
        under: Under<'_>,
        threshold: u8,
        names: &[KeeperName],
    ) -> Result<(Self, Vec<KeeperShare>), KeepersRefused> {
        let count = u8::try_from(names.len()).unwrap_or(u8::MAX);
        let sharing = Sharing::new(threshold, count)?;
        for (at, name) in names.iter().enumerate() {
            if names.iter().take(at).any(|other| other == name) {
                return Err(KeepersRefused::Twice(name.clone()));
            }
        }
        let set = ShareSetId::random()?;
        let of = Split { root: under.root, set, epoch: under.epoch, sharing };
        let shares: Vec<KeeperShare> = share::split(under.key.expose(), of)?;
        let mut bytes =
            Zeroizing::new(Vec::with_capacity(SHARE_BYTES.saturating_mul(shares.len())));
        for share in &shares {
            bytes.extend_from_slice(&share.to_bytes());
        }
        let name = RecordName::keeper_shares(set);
        let sealed = record::seal(under, &name, &[(FieldName::value(), &bytes)])?.into();
        let digests = shares.iter().map(KeeperShare::digest).collect();
        Ok((Self { set, sharing, names: names.to_vec(), digests, sealed }, shares))
    }

    /// The shares, in the order of their indexes.
    pub(crate) fn open(&self, under: Under<'_>) -> Result<Vec<KeeperShare>, OpenRefused> {
        let name = RecordName::keeper_shares(self.set);
        let opened = record::open(under, &name, &FieldName::value(), &self.sealed)?;
        let (shares, rest) = opened.expose().as_chunks::<SHARE_BYTES>();
        let expected = self.expected(under.root, under.epoch);
        let read = |bytes: &[u8; SHARE_BYTES]| {
            KeeperShare::read(bytes).ok().filter(|share| expected.check(share).is_ok())
        };
        shares
            .iter()
            .map(read)
            .collect::<Option<Vec<_>>>()
            .filter(|shares| rest.is_empty() && shares.len() == self.names.len())
            .ok_or_else(|| OpenRefused::DoesNotOpen { name: name.to_string().into() })
    }

    /// What a share of this set must be.
    pub(crate) fn expected(&self, root: RootId, epoch: Epoch) -> Expected<'_> {
        let Self { set, sharing, names: _, digests, sealed: _ } = self;
        Expected { root, set: *set, epoch: Some(epoch), sharing: *sharing, digests }
    }

    /// The set of their shares.
    #[must_use]
    pub const fn set(&self) -> ShareSetId {
        self.set
    }

    /// How many keepers there are, and how many unseal.
    #[must_use]
    pub const fn sharing(&self) -> Sharing {
        self.sharing
    }

    /// Their names, in the order of the indexes of their shares, which begin at 1.
    #[must_use]
    pub fn names(&self) -> &[KeeperName] {
        &self.names
    }

    /// The index of a keeper's share.
    #[must_use]
    pub fn index_of(&self, name: &KeeperName) -> Option<u8> {
        let at = self.names.iter().position(|known| known == name)?;
        u8::try_from(at).ok()?.checked_add(1)
    }

    /// The digest of the share with this index, by which a wrong one is noticed without being
    /// fetched.
    #[must_use]
    pub fn digest(&self, index: u8) -> Option<&Digest> {
        self.digests.get(usize::from(index).checked_sub(1)?)
    }
}

/// What a keeper is called: 1 to 64 of `A-Z a-z 0-9 . _ -`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeeperName(Box<str>);

/// A text that is no keeper's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a keeper's name has 1 to 64 of A-Z a-z 0-9 . _ -")]
#[non_exhaustive]
pub struct MalformedKeeperName;

impl KeeperName {
    /// Most bytes in one.
    pub const BYTES_MAX: usize = 64;

    /// Parses; nothing is trimmed, folded or repaired.
    ///
    /// # Errors
    /// [`MalformedKeeperName`].
    pub fn parse(text: &str) -> Result<Self, MalformedKeeperName> {
        let good = (1..=Self::BYTES_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if good { Ok(Self(text.into())) } else { Err(MalformedKeeperName) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeeperName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
