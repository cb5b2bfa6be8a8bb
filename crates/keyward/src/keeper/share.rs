//! What a share says about itself (`docs/format/share.md`), and its bytes.

use std::{fmt, str::FromStr};

use keyward_barrier::{KeeperShare, MalformedShare};
use keyward_lifecycle::id::{Digest, Fingerprint};
use zeroize::Zeroizing;

/// Longest share that is taken, in bytes: room for later versions.
pub const SHARE_BYTES_MAX: usize = 1024;

/// Which shares belong together: a random name, fresh for every split.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShareSet([u8; 16]);

impl ShareSet {
    /// The set with this name.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for ShareSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ShareSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ShareSet {
    type Err = MalformedShareSet;

    fn from_str(text: &str) -> Result<Self, MalformedShareSet> {
        let mut bytes = [0; 16];
        let lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) if lower => Ok(Self(bytes)),
            Ok(()) | Err(_) => Err(MalformedShareSet),
        }
    }
}

/// Text that names no set of shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a share set is named by 32 lower-case hex digits")]
#[non_exhaustive]
pub struct MalformedShareSet;

/// What a share says about itself, without the part that is secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what is compared of a share is all of it")]
pub struct ShareHead {
    /// The root key it is of: the store identity's fingerprint.
    pub root: Fingerprint,
    /// The split it is of.
    pub set: ShareSet,
    /// The root key's generation, at least 1.
    pub epoch: u32,
    /// Which share of the split it is, from 1.
    pub index: u8,
    /// How many shares make the key.
    pub threshold: u8,
    /// How many there are.
    pub count: u8,
    /// The digest by which the store knows the share, secret part included.
    pub digest: Digest,
}

impl ShareHead {
    /// Reads the head of a share of a keeper, and checks its version, kind and check sum.
    ///
    /// # Errors
    /// [`ShareUnread`] says which of them is wrong.
    pub fn read(share: &ShareBytes) -> Result<Self, ShareUnread> {
        let share = KeeperShare::read(share.expose())?;
        let sharing = share.sharing();
        let set = share.set().to_string().parse();
        Ok(Self {
            root: share.root_id().fingerprint(),
            set: set.map_err(|_| ShareUnread::Malformed("its set has no name"))?,
            epoch: share.epoch().number(),
            index: share.index(),
            threshold: sharing.threshold(),
            count: sharing.count(),
            digest: share.digest(),
        })
    }
}

/// The bytes of a share: wiped when dropped; not printed, copied, compared or serialized.
pub struct ShareBytes(Zeroizing<Vec<u8>>);

impl ShareBytes {
    /// Takes bytes as they came.
    #[must_use]
    pub const fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for ShareBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShareBytes(..)")
    }
}

/// Bytes that are no sound share of a keeper.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum ShareUnread {
    /// They have not the form of a share.
    #[error("not a share: {0}")]
    Malformed(&'static str),
    /// They are of a version that this program does not know.
    #[error("a share of version {0}, which this program does not know")]
    UnknownVersion(u8),
    /// They are a recovery share, which people hold.
    #[error("a recovery share, which is not for keepers")]
    AnotherKind,
    /// Something in them was changed.
    #[error("an altered share: its check sum does not fit")]
    Altered,
}

impl From<MalformedShare> for ShareUnread {
    fn from(error: MalformedShare) -> Self {
        match error {
            MalformedShare::Malformed(what) => Self::Malformed(what),
            MalformedShare::UnknownVersion(version) => Self::UnknownVersion(version),
            MalformedShare::AnotherKind { .. } => Self::AnotherKind,
            MalformedShare::WrongCheck => Self::Altered,
            _ => Self::Malformed("its form is not known"),
        }
    }
}
