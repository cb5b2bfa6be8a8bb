//! The root key of one epoch, and the names of root and epoch.

use core::{fmt, num::NonZeroU32, str::FromStr};

use keyward_crypto::{
    kdf::{self, DerivationFailed},
    mac,
    random::{self, NoRandomness},
    secret::{Backing, LockFailed, LockPolicy, LockedBytes},
};
use keyward_lifecycle::id::{Digest, Fingerprint, MalformedId};
use zeroize::Zeroizing;

/// The name of a store: the fingerprint of its identity's public key. Written down, pinned and
/// compared by people; it never changes, whatever becomes of root keys and passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RootId(Fingerprint);

impl RootId {
    /// The root id of the identity whose canonical DER SPKI is `spki`.
    pub(crate) fn of_identity(spki: &[u8]) -> Self {
        Self(Fingerprint::of_spki(spki))
    }

    /// From a fingerprint that was pinned.
    #[must_use]
    pub const fn from_fingerprint(fingerprint: Fingerprint) -> Self {
        Self(fingerprint)
    }

    /// The identity's fingerprint.
    #[must_use]
    pub const fn fingerprint(self) -> Fingerprint {
        self.0
    }

    /// The 32 bytes that formats bind.
    pub(crate) const fn bytes(self) -> [u8; 32] {
        *self.0.digest().as_bytes()
    }

    /// From the 32 bytes that formats bind.
    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Fingerprint::from_digest(Digest::from_bytes(bytes)))
    }
}

impl fmt::Display for RootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for RootId {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        text.parse().map(Self)
    }
}

/// A generation of the root key; the first is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(NonZeroU32);

impl Epoch {
    /// The epoch that a store starts with.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// The epoch with this number; 0 is none.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Its number, at least 1.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0.get()
    }

    /// The one after it; none after the last that there can be.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(1) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Counts the headers that a store has had, over all epochs; the first is 1. A header with a
/// lower counter than one seen before is an old copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeaderCounter(u64);

impl HeaderCounter {
    /// The counter of a store's first header.
    pub const FIRST: Self = Self(1);

    /// From its number; 0 and numbers that JSON readers round (above 2^53 - 1) are none.
    #[must_use]
    pub const fn new(number: u64) -> Option<Self> {
        if number == 0 || number > keyward_lifecycle::canonical::INTEGER_MAX {
            None
        } else {
            Some(Self(number))
        }
    }

    /// Its number, at least 1.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The one after it; none after the last that there can be.
    #[must_use]
    pub const fn next(self) -> Option<Self> {
        Self::new(self.0.saturating_add(1))
    }
}

/// 32 random bytes in locked memory, one for each epoch. It encrypts nothing itself: every use
/// has a key of its own, derived under a label of its own.
pub(crate) struct RootKey(LockedBytes);

/// Bytes of a root key.
pub(crate) const ROOT_KEY_BYTES: usize = 32;

/// Why no root key was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoRootKey {
    #[error(transparent)]
    Lock(#[from] LockFailed),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

impl RootKey {
    /// A new key from the operating system's generator, written into locked memory directly.
    pub(crate) fn generate(policy: LockPolicy) -> Result<Self, NoRootKey> {
        let mut bytes = LockedBytes::new(ROOT_KEY_BYTES, policy)?;
        random::fill(bytes.expose_mut())?;
        Ok(Self(bytes))
    }

    /// Moves unwrapped bytes into locked memory and wipes them where they were.
    pub(crate) fn take(bytes: &mut [u8], policy: LockPolicy) -> Result<Self, LockFailed> {
        LockedBytes::take(bytes, policy).map(Self)
    }

    /// Copies opened bytes into locked memory.
    pub(crate) fn copied(bytes: &[u8], policy: LockPolicy) -> Result<Self, LockFailed> {
        let mut locked = LockedBytes::new(bytes.len(), policy)?;
        locked.expose_mut().copy_from_slice(bytes);
        Ok(Self(locked))
    }

    pub(crate) fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    pub(crate) const fn backing(&self) -> Backing {
        self.0.backing()
    }

    /// HKDF-SHA256 with the root id as salt and `info`, which starts with a label that names
    /// the use (`docs/format/epoch.md` §4).
    pub(crate) fn derive(
        &self,
        root: RootId,
        info: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, DerivationFailed> {
        kdf::hkdf_sha256(&root.bytes(), self.expose(), info)
    }

    /// The check value: tells whether a key is the epoch's, and nothing about the key
    /// (`docs/format/epoch.md` §4).
    pub(crate) fn check_value(
        &self,
        root: RootId,
        epoch: Epoch,
    ) -> Result<[u8; 32], DerivationFailed> {
        let key = self.derive(root, CHECK_LABEL)?;
        let message = [&root.bytes()[..], &epoch.number().to_be_bytes()].concat();
        Ok(mac::hmac_sha256(key.as_slice(), &message))
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey(..)")
    }
}

const CHECK_LABEL: &[u8] = b"keyward/check/v1\0";
