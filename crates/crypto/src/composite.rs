//! The composite `id-MLDSA65-Ed25519-SHA512` of draft-ietf-lamps-pq-composite-sigs: one key,
//! one signature, of which both halves must be good.
//!
//! A key is `seed of ML-DSA (32) ‖ seed of Ed25519 (32)`, a public key
//! `ML-DSA (1952) ‖ Ed25519 (32)`, a signature `ML-DSA (3309) ‖ Ed25519 (64)`. Both halves
//! sign M′ = Prefix ‖ Label ‖ length of ctx ‖ ctx ‖ SHA-512(M) (draft §2.2), and ML-DSA takes
//! Label as its context, so that neither half verifies by itself. Keyward's context is empty.

use std::sync::Arc;

use aws_lc_rs::{
    digest,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use keyward_lifecycle::algorithm::{Algorithm, BadSignature, MalformedKey, PublicKey, Verify};

use crate::{
    ed25519,
    mldsa::{self, ContextKey, expanded::ExpandedKey},
    random,
    signing::{MaterialRefused, SigningFailed},
    spki,
};

/// Bytes of the two seeds.
pub const SEEDS_BYTES: usize = mldsa::SEED_BYTES + ed25519::SEED_BYTES;
/// Bytes of a public key.
pub const PUBLIC_BYTES: usize = mldsa::PUBLIC_BYTES + ed25519::PUBLIC_BYTES;
/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = mldsa::SIGNATURE_BYTES + ed25519::SIGNATURE_BYTES;

/// The composite behind the seam.
pub(crate) struct MlDsa65Ed25519;

impl Verify for MlDsa65Ed25519 {
    fn public_key(&self, spki: &[u8]) -> Result<Arc<dyn PublicKey>, MalformedKey> {
        Ok(Arc::new(Key::from_spki(spki)?))
    }
}

/// A checked composite public key.
#[derive(Debug)]
pub struct Key {
    ml_dsa: ContextKey,
    ed25519: ed25519::Key,
}

impl Key {
    /// Reads the canonical DER `SubjectPublicKeyInfo`. The Ed25519 half is checked as a key of
    /// its own is.
    ///
    /// # Errors
    /// [`MalformedKey`] says what is wrong.
    pub fn from_spki(spki: &[u8]) -> Result<Self, MalformedKey> {
        let raw = spki::raw(Algorithm::MlDsa65Ed25519, spki)?;
        let (ml_dsa, ed25519) = raw
            .split_at_checked(mldsa::PUBLIC_BYTES)
            .ok_or(MalformedKey("its length is not that of its algorithm"))?;
        Ok(Self {
            ml_dsa: ContextKey::from_raw(ml_dsa)?,
            ed25519: ed25519::Key::from_raw(ed25519)?,
        })
    }

    /// Whether both halves of `signature` are good over `message` and the application's
    /// context (draft §3.3). Keyward's own is empty.
    ///
    /// # Errors
    /// [`BadSignature`], also for a context over 255 bytes.
    pub fn verify_with_context(
        &self,
        message: &[u8],
        context: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        if signature.len() != SIGNATURE_BYTES {
            return Err(BadSignature);
        }
        let (ml_dsa, ed25519) =
            signature.split_at_checked(mldsa::SIGNATURE_BYTES).ok_or(BadSignature)?;
        let representative = representative(message, context).ok_or(BadSignature)?;
        self.ml_dsa.verify(&representative, LABEL, ml_dsa)?;
        self.ed25519.verify(&representative, ed25519)
    }
}

impl PublicKey for Key {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        self.verify_with_context(message, b"", signature)
    }
}

/// Both key pairs of a composite key.
pub(crate) struct Pair {
    ml_dsa: ExpandedKey,
    ed25519: Ed25519KeyPair,
}

impl Pair {
    /// The pairs of two seeds (draft §4: ML-DSA first).
    pub(crate) fn from_seeds(seeds: &[u8]) -> Result<Self, MaterialRefused> {
        let (ml_dsa, ed25519) = seeds
            .split_first_chunk::<{ mldsa::SEED_BYTES }>()
            .filter(|_| seeds.len() == SEEDS_BYTES)
            .ok_or(MaterialRefused("a composite private key has two seeds of 32 bytes"))?;
        Ok(Self { ml_dsa: ExpandedKey::from_seed(ml_dsa), ed25519: ed25519::pair(ed25519)? })
    }

    /// The raw public key.
    pub(crate) fn public(&self) -> Vec<u8> {
        [self.ml_dsa.public().as_slice(), self.ed25519.public_key().as_ref()].concat()
    }

    /// Signs with an empty context; the ML-DSA half is hedged.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        let representative = representative(message, b"").ok_or(SigningFailed)?;
        let rnd = random::bytes::<32>().map_err(|_| SigningFailed)?;
        let mut signature = self.ml_dsa.sign(&representative, LABEL, &rnd)?;
        let ed25519 = self.ed25519.try_sign(&representative).map_err(|_| SigningFailed)?;
        signature.extend_from_slice(ed25519.as_ref());
        Ok(signature)
    }
}

/// M′ of draft §2.2.
fn representative(message: &[u8], context: &[u8]) -> Option<Vec<u8>> {
    let length = u8::try_from(context.len()).ok()?;
    let digest = digest::digest(&digest::SHA512, message);
    Some([PREFIX, LABEL, &[length], context, digest.as_ref()].concat())
}

/// Draft §2.2.
const PREFIX: &[u8] = b"CompositeAlgorithmSignatures2025";
/// Draft §6.
const LABEL: &[u8] = b"COMPSIG-MLDSA65-Ed25519-SHA512";
