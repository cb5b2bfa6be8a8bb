//! Ed25519 (RFC 8032 §5.1), pure, judged strictly.
//!
//! The policy is one and the same wherever a single signature is judged: S below the group
//! order, R and A canonical where they are compared, neither of small order, and the equation
//! without the cofactor. It is the column `strict` of the C2SP edge cases.

use std::sync::Arc;

use aws_lc_rs::signature::Ed25519KeyPair;
use ed25519_dalek::{Signature, VerifyingKey};
use keyward_lifecycle::algorithm::{Algorithm, BadSignature, MalformedKey, PublicKey, Verify};

use crate::{signing::MaterialRefused, spki};

/// Bytes of a seed, RFC 8032 §5.1.5.
pub const SEED_BYTES: usize = 32;
/// Bytes of a public key.
pub const PUBLIC_BYTES: usize = 32;
/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;

/// Ed25519 behind the seam.
pub(crate) struct Ed25519;

impl Verify for Ed25519 {
    fn public_key(&self, spki: &[u8]) -> Result<Arc<dyn PublicKey>, MalformedKey> {
        Ok(Arc::new(Key::from_spki(spki)?))
    }
}

/// A checked Ed25519 public key: canonical, not of small order, without torsion.
#[derive(Debug, Clone, Copy)]
pub struct Key(VerifyingKey);

impl Key {
    /// Reads the canonical DER `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// [`MalformedKey`] says what is wrong.
    pub fn from_spki(spki: &[u8]) -> Result<Self, MalformedKey> {
        Self::from_raw(spki::raw(Algorithm::Ed25519, spki)?)
    }

    /// Reads the 32 bytes of RFC 8032 §5.1.5.
    ///
    /// # Errors
    /// [`MalformedKey`] says what is wrong.
    pub fn from_raw(bytes: &[u8]) -> Result<Self, MalformedKey> {
        let bytes = <&[u8; PUBLIC_BYTES]>::try_from(bytes)
            .map_err(|_| MalformedKey("an Ed25519 public key has 32 bytes"))?;
        let key = VerifyingKey::from_bytes(bytes)
            .map_err(|_| MalformedKey("not a point of the Ed25519 curve"))?;
        let point = key.to_edwards();
        if point.compress().as_bytes() != bytes {
            return Err(MalformedKey("Ed25519 point is not in its canonical encoding"));
        }
        if point.is_small_order() {
            return Err(MalformedKey("Ed25519 point of small order, which would accept forgeries"));
        }
        if !point.is_torsion_free() {
            return Err(MalformedKey("Ed25519 point with torsion, on which verifiers disagree"));
        }
        Ok(Self(key))
    }

    /// The point, for the batch equation.
    pub(crate) const fn point(&self) -> &VerifyingKey {
        &self.0
    }
}

impl PublicKey for Key {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        let signature = Signature::from_slice(signature).map_err(|_| BadSignature)?;
        self.0.verify_strict(message, &signature).map_err(|_| BadSignature)
    }
}

/// The verdict of the strict policy on a signature under a raw public key, without the checks
/// of [`Key`]: a key with torsion gets the verdict of the equation. For comparing verifiers;
/// who trusts a key reads it as [`Key`].
///
/// # Errors
/// [`BadSignature`], also for bytes that are no key.
pub fn verify_strictly(
    public: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), BadSignature> {
    let public = <&[u8; PUBLIC_BYTES]>::try_from(public).map_err(|_| BadSignature)?;
    let key = VerifyingKey::from_bytes(public).map_err(|_| BadSignature)?;
    let signature = Signature::from_slice(signature).map_err(|_| BadSignature)?;
    key.verify_strict(message, &signature).map_err(|_| BadSignature)
}

/// The key pair of a seed.
pub(crate) fn pair(seed: &[u8]) -> Result<Ed25519KeyPair, MaterialRefused> {
    Ed25519KeyPair::from_seed_unchecked(seed)
        .map_err(|_| MaterialRefused("an Ed25519 seed has 32 bytes"))
}
