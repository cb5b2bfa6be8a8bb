//! ML-DSA-65 (FIPS 204), pure. Keyward signs with an empty context and hedged; contexts are
//! verified, and used by the composite.

pub(crate) mod expanded;

use std::sync::Arc;

use aws_lc_rs::signature::{
    KeyPair as _, ML_DSA_65, ML_DSA_65_SIGNING, ParsedPublicKey, PqdsaKeyPair,
};
use keyward_lifecycle::algorithm::{Algorithm, BadSignature, MalformedKey, PublicKey, Verify};
use ml_dsa::{EncodedVerifyingKey, MlDsa65 as Parameters, Signature, VerifyingKey};

use crate::{
    signing::{MaterialRefused, SigningFailed},
    spki,
};

/// Bytes of a seed ξ (FIPS 204 §5.1).
pub const SEED_BYTES: usize = 32;
/// Bytes of a public key.
pub const PUBLIC_BYTES: usize = 1952;
/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 3309;
/// Bytes of an expanded private key.
pub const EXPANDED_BYTES: usize = 4032;
/// Longest context (FIPS 204 §5.2).
pub const CONTEXT_BYTES_MAX: usize = 255;
/// Bytes of a message representative μ.
pub const MU_BYTES: usize = 64;

/// ML-DSA-65 behind the seam.
pub(crate) struct MlDsa65;

impl Verify for MlDsa65 {
    fn public_key(&self, spki: &[u8]) -> Result<Arc<dyn PublicKey>, MalformedKey> {
        let raw = spki::raw(Algorithm::MlDsa65, spki)?;
        let key = ParsedPublicKey::new(&ML_DSA_65, raw)
            .map_err(|_| MalformedKey("not an ML-DSA-65 public key"))?;
        Ok(Arc::new(EmptyContext(key)))
    }
}

struct EmptyContext(ParsedPublicKey);

impl PublicKey for EmptyContext {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        if signature.len() != SIGNATURE_BYTES {
            return Err(BadSignature);
        }
        self.0.verify_sig(message, signature).map_err(|_| BadSignature)
    }
}

/// An ML-DSA-65 public key that verifies with contexts and through the inner interfaces.
pub struct ContextKey(Box<VerifyingKey<Parameters>>);

impl ContextKey {
    /// Reads the 1952 bytes of FIPS 204 algorithm 23.
    ///
    /// # Errors
    /// [`MalformedKey`] for another length.
    pub fn from_raw(bytes: &[u8]) -> Result<Self, MalformedKey> {
        let bytes = EncodedVerifyingKey::<Parameters>::try_from(bytes)
            .map_err(|_| MalformedKey("an ML-DSA-65 public key has 1952 bytes"))?;
        Ok(Self(Box::new(VerifyingKey::decode(&bytes))))
    }

    /// FIPS 204 algorithm 3: the external, pure interface.
    ///
    /// # Errors
    /// [`BadSignature`], also for a context over 255 bytes.
    pub fn verify(
        &self,
        message: &[u8],
        context: &[u8],
        signature: &[u8],
    ) -> Result<(), BadSignature> {
        judge(self.0.verify_with_context(message, context, &parse(signature)?))
    }

    /// FIPS 204 algorithm 8: the internal interface; `message` is M′ as it is.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify_internal(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        judge(self.0.verify_internal(message, &parse(signature)?))
    }

    /// FIPS 204 algorithm 8 from line 7 on, with the message representative μ given.
    ///
    /// # Errors
    /// [`BadSignature`].
    pub fn verify_mu(&self, mu: &[u8; MU_BYTES], signature: &[u8]) -> Result<(), BadSignature> {
        judge(self.0.verify_mu(&(*mu).into(), &parse(signature)?))
    }
}

impl core::fmt::Debug for ContextKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ContextKey(..)")
    }
}

/// The key pair of a seed.
pub(crate) fn pair(seed: &[u8]) -> Result<PqdsaKeyPair, MaterialRefused> {
    PqdsaKeyPair::from_seed(&ML_DSA_65_SIGNING, seed)
        .map_err(|_| MaterialRefused("an ML-DSA-65 seed has 32 bytes"))
}

/// The raw public key of a pair.
pub(crate) fn public(pair: &PqdsaKeyPair) -> &[u8] {
    pair.public_key().as_ref()
}

/// Signs with an empty context, hedged.
pub(crate) fn sign(pair: &PqdsaKeyPair, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
    let mut signature = vec![0; SIGNATURE_BYTES];
    let length = pair.sign(message, &mut signature).map_err(|_| SigningFailed)?;
    if length == SIGNATURE_BYTES { Ok(signature) } else { Err(SigningFailed) }
}

fn parse(signature: &[u8]) -> Result<Signature<Parameters>, BadSignature> {
    Signature::try_from(signature).map_err(|_| BadSignature)
}

const fn judge(good: bool) -> Result<(), BadSignature> {
    if good { Ok(()) } else { Err(BadSignature) }
}
