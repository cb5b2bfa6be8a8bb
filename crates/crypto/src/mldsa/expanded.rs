//! The expanded form of an ML-DSA-65 private key, and signing with a nonce seed, a context or
//! a message representative that the caller gives.

use aws_lc_rs::signature::{ML_DSA_65_SIGNING, PqdsaKeyPair};
use ml_dsa::{B32, ExpandedSigningKey, ExpandedSigningKeyBytes, MlDsa65 as Parameters};
use shake::{ExtendableOutput as _, Shake256, Update as _, XofReader as _};
use zeroize::Zeroizing;

use super::{CONTEXT_BYTES_MAX, EXPANDED_BYTES, MU_BYTES, SEED_BYTES};
use crate::{random::Given, signing::SigningFailed};

/// An expanded private key (FIPS 204 algorithm 24).
///
/// Its signing functions take the 32 random bytes `rnd` of FIPS 204 algorithm 2: fresh ones
/// for a hedged signature, zeros for a deterministic one.
pub struct ExpandedKey(Box<ExpandedSigningKey<Parameters>>);

/// The bytes are not an expanded private key that signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expanded ML-DSA-65 key is refused: {0}")]
pub struct MalformedExpandedKey(&'static str);

impl ExpandedKey {
    /// FIPS 204 algorithm 6.
    #[must_use]
    pub fn from_seed(seed: &[u8; SEED_BYTES]) -> Self {
        let seed = Zeroizing::new(B32::from(*seed));
        Self(Box::new(ExpandedSigningKey::from_seed(&seed)))
    }

    /// Reads the expanded form and checks all of it: small coefficients in range, and `t0` and
    /// `tr` those that follow from the rest. `K` is random and bound to nothing.
    ///
    /// # Errors
    /// [`MalformedExpandedKey`] says what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, MalformedExpandedKey> {
        let encoded = ExpandedSigningKeyBytes::<Parameters>::try_from(bytes)
            .map_err(|_| MalformedExpandedKey("it has not 4032 bytes"))?;
        let encoded = Zeroizing::new(encoded);
        let small = bytes.get(SMALL).unwrap_or_default();
        // η = 4: each half byte holds 4 - coefficient, which is at most 8 (algorithm 25).
        if small.iter().any(|byte| byte >> 4 > 8 || byte & 0x0f > 8) {
            return Err(MalformedExpandedKey("a coefficient of s1 or s2 is out of range"));
        }
        // Computes the public key again and compares t0 and tr with what follows from the rest.
        PqdsaKeyPair::from_raw_private_key(&ML_DSA_65_SIGNING, bytes)
            .map_err(|_| MalformedExpandedKey("its parts do not belong together"))?;
        #[expect(deprecated, reason = "the form is read to be checked against, never stored")]
        Ok(Self(Box::new(ExpandedSigningKey::from_expanded(&encoded))))
    }

    /// The public key that belongs to it, 1952 bytes.
    #[must_use]
    pub fn public(&self) -> Vec<u8> {
        self.0.verifying_key().encode().to_vec()
    }

    /// The expanded form, [`EXPANDED_BYTES`] long.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<Vec<u8>> {
        #[expect(deprecated, reason = "the form is made to be compared, never stored")]
        let bytes = Zeroizing::new(self.0.to_expanded());
        debug_assert_eq!(bytes.len(), EXPANDED_BYTES, "FIPS 204 table 2");
        Zeroizing::new(bytes.to_vec())
    }

    /// FIPS 204 algorithm 2, with `rnd` given.
    ///
    /// # Errors
    /// [`SigningFailed`] for a context over 255 bytes.
    pub fn sign(
        &self,
        message: &[u8],
        context: &[u8],
        rnd: &[u8; 32],
    ) -> Result<Vec<u8>, SigningFailed> {
        if context.len() > CONTEXT_BYTES_MAX {
            return Err(SigningFailed);
        }
        self.0
            .sign_randomized(message, context, &mut given(rnd))
            .map(|signature| signature.encode().to_vec())
            .map_err(|_| SigningFailed)
    }

    /// FIPS 204 algorithm 7: `message` is M′ as it is.
    ///
    /// # Errors
    /// [`SigningFailed`], when no signature is found; with a checked key that does not happen.
    pub fn sign_internal(&self, message: &[u8], rnd: &[u8; 32]) -> Result<Vec<u8>, SigningFailed> {
        let tr = shake256(&[&self.public()]);
        self.sign_mu(&shake256(&[&tr, message]), rnd)
    }

    /// FIPS 204 algorithm 7 from line 7 on, with the message representative μ given.
    ///
    /// # Errors
    /// As [`Self::sign_internal`].
    pub fn sign_mu(&self, mu: &[u8; MU_BYTES], rnd: &[u8; 32]) -> Result<Vec<u8>, SigningFailed> {
        self.0
            .sign_mu_randomized(&(*mu).into(), &mut given(rnd))
            .map(|signature| signature.encode().to_vec())
            .map_err(|_| SigningFailed)
    }
}

impl core::fmt::Debug for ExpandedKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ExpandedKey(..)")
    }
}

fn given(rnd: &[u8; 32]) -> Given {
    Given::new(Zeroizing::new(*rnd))
}

fn shake256(parts: &[&[u8]]) -> [u8; 64] {
    let mut hasher = Shake256::default();
    for part in parts {
        hasher.update(part);
    }
    let mut digest = [0; 64];
    hasher.finalize_xof().read(&mut digest);
    digest
}

/// Where `s1` and `s2` stand: 5 and 6 polynomials of 128 bytes (algorithm 24).
const SMALL: core::ops::Range<usize> = 128..1536;
