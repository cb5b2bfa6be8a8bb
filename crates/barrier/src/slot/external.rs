//! A slot that a key in a token or a key service opens: the seam, whose adapters stand with
//! the key stores.
//!
//! The slot's secret is a random seed of its own. The key elsewhere wraps the seed; the header
//! keeps the wrapped seed and an authenticator under the seed, which binds the slot to its
//! store (`docs/format/slot.md` §6).

use keyward_crypto::{hpke::WrapKeyPair, kdf, mac, random};
use zeroize::Zeroizing;

use super::{OpenFailed, SecretPart, SlotFailed, SlotId};
use crate::root::RootId;

/// Longest address.
pub const ADDRESS_BYTES_MAX: usize = 512;
/// Longest wrapped seed.
pub const BLOB_BYTES_MAX: usize = 1024;
/// Bytes of the authenticator.
pub(super) const MAC_BYTES: usize = 32;

/// A key that lives elsewhere and wraps 32 bytes. Blocking; implemented for PKCS#11 tokens and
/// key services.
pub trait ExternalKey {
    /// Wraps `seed` with the key at `address`, bound to `context` where the key can do that.
    ///
    /// # Errors
    /// [`ExternalFailed`].
    fn wrap(
        &self,
        address: &str,
        context: &[u8],
        seed: &[u8; 32],
    ) -> Result<Vec<u8>, ExternalFailed>;

    /// Unwraps what [`Self::wrap`] made, with the same `address` and `context`.
    ///
    /// # Errors
    /// [`ExternalFailed`].
    fn unwrap(
        &self,
        address: &str,
        context: &[u8],
        blob: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, ExternalFailed>;
}

/// Why a key elsewhere gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExternalFailed {
    /// It cannot be reached: try again, or use another slot.
    #[error("the key at `{address}` cannot be reached ({why}); try again, or use another slot")]
    Unreachable {
        /// Where it is.
        address: Box<str>,
        /// What went wrong.
        why: Box<str>,
    },
    /// It refuses.
    #[error("the key at `{address}` refused ({why}); see its permissions, or use another slot")]
    Refused {
        /// Where it is.
        address: Box<str>,
        /// What it said.
        why: Box<str>,
    },
    /// What it gave is not the slot's seed: another key, or a slot of another store.
    #[error("the key at `{address}` does not open this slot: another key, or another store")]
    WrongKey {
        /// Where it is.
        address: Box<str>,
    },
    /// Address or wrapped seed is longer than the header holds.
    #[error(
        "address or wrapped seed is too long: at most {ADDRESS_BYTES_MAX} and {BLOB_BYTES_MAX} bytes"
    )]
    TooLong,
}

/// What an external slot stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ExternalWay {
    pub(super) address: Box<str>,
    pub(super) blob: Box<[u8]>,
    pub(super) mac: [u8; MAC_BYTES],
}

impl ExternalWay {
    /// A way with a fresh seed, and the public part that goes with it.
    pub(super) fn make(
        address: &str,
        holder: &dyn ExternalKey,
        root: RootId,
        slot: SlotId,
    ) -> Result<(Self, Box<[u8]>), SlotFailed> {
        if !is_address(address) {
            return Err(ExternalFailed::TooLong.into());
        }
        let seed = random::bytes::<32>()?;
        let blob: Box<[u8]> = holder.wrap(address, &context(root, slot), &seed)?.into();
        if !(1..=BLOB_BYTES_MAX).contains(&blob.len()) {
            return Err(ExternalFailed::TooLong.into());
        }
        let public: Box<[u8]> = WrapKeyPair::derive(&seed).public().into();
        let mut way = Self { address: address.into(), blob, mac: [0; MAC_BYTES] };
        let key = mac_key(root, &seed).map_err(SlotFailed::Derivation)?;
        way.mac = mac::hmac_sha256(key.as_slice(), &way.said(root, slot, &public));
        Ok((way, public))
    }

    /// The secret part, once the authenticator has shown that the slot belongs to `root`.
    pub(super) fn open(
        &self,
        holder: &dyn ExternalKey,
        root: RootId,
        slot: SlotId,
        public: &[u8],
    ) -> Result<SecretPart, OpenFailed> {
        let seed = holder.unwrap(&self.address, &context(root, slot), &self.blob)?;
        let wrong = || ExternalFailed::WrongKey { address: self.address.clone() };
        let seed: &[u8; 32] = seed.as_slice().try_into().map_err(|_| wrong())?;
        let key = mac_key(root, seed)?;
        mac::verify_hmac_sha256(key.as_slice(), &self.said(root, slot, public), &self.mac)
            .map_err(|_| wrong())?;
        Ok(SecretPart(WrapKeyPair::derive(seed)))
    }

    /// What the authenticator covers: all of the slot but the wrapped key.
    fn said(&self, root: RootId, slot: SlotId, public: &[u8]) -> Vec<u8> {
        let Self { address, blob, mac: _ } = self;
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
        [
            &context(root, slot)[..],
            &length(address.as_bytes()),
            address.as_bytes(),
            &length(blob),
            blob,
            public,
        ]
        .concat()
    }
}

/// 1 to [`ADDRESS_BYTES_MAX`] bytes of printable ASCII.
pub(super) fn is_address(text: &str) -> bool {
    (1..=ADDRESS_BYTES_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// Label, root id, slot id: what the wrapping key binds, where it can.
fn context(root: RootId, slot: SlotId) -> Vec<u8> {
    [LABEL, &root.bytes(), &slot.0].concat()
}

fn mac_key(root: RootId, seed: &[u8; 32]) -> Result<Zeroizing<[u8; 32]>, kdf::DerivationFailed> {
    kdf::hkdf_sha256(&root.bytes(), seed, LABEL)
}

const LABEL: &[u8] = b"keyward/external-slot/v1\0";
