//! Shares of a secret, as holders and keepers have them (`docs/format/share.md`).
//!
//! A share says of what it is a share: store, set, epoch, place and terms. All of that is
//! compared with the signed header before shares are combined, since a combination of wrong
//! shares gives a wrong secret without an error.

mod expected;
mod text;

use core::{fmt, marker::PhantomData, str::FromStr};

use keyward_crypto::{
    random::{self, NoRandomness},
    share::{SHARES_MAX, THRESHOLD_MIN},
};
use keyward_lifecycle::id::Digest;
use zeroize::Zeroizing;

pub use self::expected::ShareRefused;
pub(crate) use self::expected::{Expected, Split, split};
use crate::root::{Epoch, ROOT_KEY_BYTES, RootId};

/// Bytes of a share.
pub const SHARE_BYTES: usize = 97;
/// Most characters of a share's text that are read, spaces and hyphens included.
pub const SHARE_CHARS_MAX: usize = 1024;

const VERSION: u8 = 1;
const CHECK_BYTES: usize = 8;
const CHECK_LABEL: &[u8] = b"keyward/share-check/v1\0";
const DIGEST_LABEL: &[u8] = b"keyward/share/v1\0";

mod sealed {
    pub trait Kind {
        const CODE: u8;
        const PREFIX: &'static str;
        const NAME: &'static str;
    }
}

/// Marks a share of the secret of a recovery slot: a person keeps it, and it outlives epochs.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a mark, of which there is no value")]
pub enum Recovery {}

/// Marks a share of an epoch's root key: a keeper holds it in memory.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a mark, of which there is no value")]
pub enum Keeper {}

impl sealed::Kind for Keeper {
    const CODE: u8 = 1;
    const PREFIX: &'static str = "KWK1";
    const NAME: &'static str = "keeper share";
}

impl sealed::Kind for Recovery {
    const CODE: u8 = 2;
    const PREFIX: &'static str = "KWR1";
    const NAME: &'static str = "recovery share";
}

/// A share that a person keeps.
pub type RecoveryShare = Share<Recovery>;
/// A share that a keeper holds.
pub type KeeperShare = Share<Keeper>;

/// One share. Wiped when dropped; not printed, not copied, not compared.
pub struct Share<K> {
    root: RootId,
    set: ShareSetId,
    epoch: Epoch,
    index: u8,
    sharing: Sharing,
    value: Zeroizing<[u8; ROOT_KEY_BYTES]>,
    kind: PhantomData<fn() -> K>,
}

impl<K: sealed::Kind> Share<K> {
    /// Reads a share as keepers exchange it.
    ///
    /// # Errors
    /// [`MalformedShare`].
    pub fn read(bytes: &[u8]) -> Result<Self, MalformedShare> {
        let malformed = MalformedShare::Malformed;
        match bytes.first() {
            None => return Err(malformed("it is empty")),
            Some(&VERSION) => {}
            Some(other) => return Err(MalformedShare::UnknownVersion(*other)),
        }
        let bytes: &[u8; SHARE_BYTES] =
            bytes.try_into().map_err(|_| malformed("a share has 97 bytes"))?;
        let (said, check) = bytes.split_at(SHARE_BYTES.saturating_sub(CHECK_BYTES));
        if check != check_of(said) {
            return Err(MalformedShare::WrongCheck);
        }
        let fields = Fields::of(said).ok_or(malformed("a share has 97 bytes"))?;
        if fields.kind != K::CODE {
            return Err(MalformedShare::AnotherKind { expected: K::NAME });
        }
        let sharing = Sharing::new(fields.threshold, fields.count)
            .map_err(|_| malformed("threshold and count do not go together"))?;
        if !(1..=fields.count).contains(&fields.index) {
            return Err(malformed("its index is outside its count"));
        }
        Ok(Self {
            root: RootId::from_bytes(*fields.root),
            set: ShareSetId(*fields.set),
            epoch: Epoch::new(u32::from_be_bytes(*fields.epoch)).ok_or(malformed("epoch 0"))?,
            index: fields.index,
            sharing,
            value: Zeroizing::new(*fields.value),
            kind: PhantomData,
        })
    }

    /// The bytes of the share (`docs/format/share.md` §1).
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let Self { root, set, epoch, index, sharing, value, kind: _ } = self;
        // Room for all from the start: a vector that grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(SHARE_BYTES));
        bytes.extend_from_slice(&[VERSION, K::CODE]);
        bytes.extend_from_slice(&root.bytes());
        bytes.extend_from_slice(&set.0);
        bytes.extend_from_slice(&epoch.number().to_be_bytes());
        bytes.extend_from_slice(&[*index, sharing.threshold(), sharing.count()]);
        bytes.extend_from_slice(value.as_slice());
        let check = check_of(&bytes);
        bytes.extend_from_slice(&check);
        bytes
    }

    /// Reads a share as it stands on paper. Upper and lower case are the same, and spaces and
    /// hyphens are passed over.
    ///
    /// # Errors
    /// [`MalformedShare`].
    pub fn parse(text: &str) -> Result<Self, MalformedShare> {
        Self::read(&text::decode(text, K::PREFIX, K::NAME)?)
    }

    /// The share as it stands on paper (`docs/format/share.md` §2).
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        text::encode(&self.to_bytes(), K::PREFIX)
    }

    /// The store whose secret it shares.
    #[must_use]
    pub const fn root_id(&self) -> RootId {
        self.root
    }

    /// The set of shares that it belongs to; for a recovery share, the id of its slot.
    #[must_use]
    pub const fn set(&self) -> ShareSetId {
        self.set
    }

    /// The epoch in which the set was made.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Its place in the set, from 1.
    #[must_use]
    pub const fn index(&self) -> u8 {
        self.index
    }

    /// How many there are, and how many are needed.
    #[must_use]
    pub const fn sharing(&self) -> Sharing {
        self.sharing
    }

    /// What the header knows the share by; says nothing about it
    /// (`docs/format/share.md` §3).
    #[must_use]
    pub fn digest(&self) -> Digest {
        let labelled = Zeroizing::new([DIGEST_LABEL, self.to_bytes().as_slice()].concat());
        Digest::of(&labelled)
    }
}

impl<K> fmt::Debug for Share<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({} of set {}, epoch {}, ..)", self.index, self.set, self.epoch)
    }
}

/// The first bytes of SHA-256 of a label and what the share says: against slips of the pen.
fn check_of(said: &[u8]) -> [u8; CHECK_BYTES] {
    let labelled = Zeroizing::new([CHECK_LABEL, said].concat());
    let digest = Digest::of(&labelled);
    let [a, b, c, d, e, f, g, h, ..] = *digest.as_bytes();
    [a, b, c, d, e, f, g, h]
}

/// What a share says, cut apart.
struct Fields<'a> {
    kind: u8,
    root: &'a [u8; 32],
    set: &'a [u8; 16],
    epoch: &'a [u8; 4],
    index: u8,
    threshold: u8,
    count: u8,
    value: &'a [u8; ROOT_KEY_BYTES],
}

impl<'a> Fields<'a> {
    fn of(said: &'a [u8]) -> Option<Self> {
        let ([_, kind], rest) = said.split_first_chunk::<2>()?;
        let (root, rest) = rest.split_first_chunk()?;
        let (set, rest) = rest.split_first_chunk()?;
        let (epoch, rest) = rest.split_first_chunk()?;
        let ([index, threshold, count], rest) = rest.split_first_chunk::<3>()?;
        let value = rest.try_into().ok()?;
        Some(Self {
            kind: *kind,
            root,
            set,
            epoch,
            index: *index,
            threshold: *threshold,
            count: *count,
            value,
        })
    }
}

/// A set of shares, made by one split: 16 random bytes, shown as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShareSetId([u8; 16]);

impl ShareSetId {
    pub(crate) fn random() -> Result<Self, NoRandomness> {
        random::bytes::<16>().map(|bytes| Self(*bytes))
    }

    pub(crate) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for ShareSetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ShareSetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no id of a share set or slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id has 32 lower-case hex digits")]
#[non_exhaustive]
pub struct MalformedSetId;

impl FromStr for ShareSetId {
    type Err = MalformedSetId;

    fn from_str(text: &str) -> Result<Self, MalformedSetId> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| MalformedSetId)?;
        Some(Self(bytes)).filter(|id| id.to_string() == text).ok_or(MalformedSetId)
    }
}

/// How a secret is shared: any `threshold` of `count` shares give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sharing {
    threshold: u8,
    count: u8,
}

/// Terms under which nothing is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{threshold} of {count} shares are no sharing: at least {THRESHOLD_MIN} are needed, and \
     there are as many as are needed or more, up to {SHARES_MAX}"
)]
#[non_exhaustive]
pub struct SharingRefused {
    /// How many shares were to give the secret.
    pub threshold: u8,
    /// How many shares there were to be.
    pub count: u8,
}

impl Sharing {
    /// `threshold` of `count`.
    ///
    /// # Errors
    /// [`SharingRefused`] unless 2 ≤ `threshold` ≤ `count` ≤ [`SHARES_MAX`].
    pub const fn new(threshold: u8, count: u8) -> Result<Self, SharingRefused> {
        if threshold >= THRESHOLD_MIN && threshold <= count && count <= SHARES_MAX {
            Ok(Self { threshold, count })
        } else {
            Err(SharingRefused { threshold, count })
        }
    }

    /// How many shares give the secret.
    #[must_use]
    pub const fn threshold(self) -> u8 {
        self.threshold
    }

    /// How many shares there are.
    #[must_use]
    pub const fn count(self) -> u8 {
        self.count
    }
}

/// Bytes or a text that is no share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedShare {
    /// Not the format.
    #[error("this is no share: {0}")]
    Malformed(&'static str),
    /// A version that this build does not know.
    #[error("share has version {0}, which this build does not know; update keyward")]
    UnknownVersion(u8),
    /// A share of the other kind.
    #[error("this is a share of another kind; a {expected} is expected")]
    AnotherKind {
        /// What is expected.
        expected: &'static str,
    },
    /// It was copied with a mistake: look at it again.
    #[error(
        "share was copied with a mistake, its check does not match: compare it letter by letter"
    )]
    WrongCheck,
}
