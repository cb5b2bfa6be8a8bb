//! Wrapping a key to a public part: HPKE (RFC 9180) in base mode with X-Wing, that is X25519
//! with ML-KEM-768 (draft-ietf-hpke-pq: KEM 0x647a), HKDF-SHA256 and AES-256-GCM.
//!
//! Whoever records wrapped keys today learns nothing from a quantum computer tomorrow, and a
//! fault in either half alone gives nothing away.
//!
//! A wrapped key is `encapsulation (1120) ‖ ciphertext ‖ tag (16)`.

use hpke::{
    Deserializable, OpModeR, OpModeS, Serializable, aead::AesGcm256, kdf::HkdfSha256, kem::Kem,
    kem::XWing, single_shot_open, single_shot_seal_with_rng,
};
use zeroize::Zeroizing;

use crate::random::{Drawn, NoRandomness};

/// Bytes of a public part.
pub const PUBLIC_BYTES: usize = 1216;
/// Bytes of an encapsulation.
pub const ENCAPSULATION_BYTES: usize = 1120;
/// By how much a wrapped key is longer than the key.
pub const OVERHEAD_BYTES: usize = ENCAPSULATION_BYTES + 16;
/// Longest plaintext that is wrapped: this is for keys, not for documents.
pub const PLAINTEXT_BYTES_MAX: usize = 4096;

/// Random bytes of one encapsulation (X-Wing §5.4 takes 64), with room to spare.
const ENCAPSULATION_RANDOM_BYTES: usize = 128;

/// Why nothing was wrapped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WrapFailed {
    /// See [`NoRandomness`].
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The public part is not one of this scheme.
    #[error("public part of {0} bytes is refused; an X-Wing public part has 1216 bytes")]
    PublicPart(usize),
    /// More than [`PLAINTEXT_BYTES_MAX`] were to be wrapped.
    #[error("{0} bytes are too many to wrap; wrap a key, and seal the rest with it")]
    TooLong(usize),
    /// The library refused; nothing that a caller does leads here.
    #[error("HPKE refused to wrap")]
    Refused,
}

/// The bytes were not wrapped to this key pair for this purpose, or were changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("wrapped key does not open: another key pair, another purpose, or it was changed")]
#[expect(clippy::exhaustive_structs, reason = "callers compare with it")]
pub struct DoesNotUnwrap;

/// A key pair that opens what was wrapped to its public part. Derived from 32 secret bytes.
pub struct WrapKeyPair {
    private: <XWing as Kem>::PrivateKey,
    public: <XWing as Kem>::PublicKey,
}

impl WrapKeyPair {
    /// Derives the pair from a secret with 256 bits of entropy (RFC 9180 §7.1.3).
    /// The same secret gives the same pair.
    #[must_use]
    pub fn derive(secret: &[u8; 32]) -> Self {
        let (private, public) = XWing::derive_keypair(secret);
        Self { private, public }
    }

    /// The public part, [`PUBLIC_BYTES`] long. Not secret.
    #[must_use]
    pub fn public(&self) -> Vec<u8> {
        self.public.to_bytes().to_vec()
    }

    /// Opens what [`wrap`] made with the same `info` and `associated`.
    ///
    /// # Errors
    /// [`DoesNotUnwrap`], whatever the cause.
    pub fn unwrap(
        &self,
        wrapped: &[u8],
        info: &[u8],
        associated: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DoesNotUnwrap> {
        if wrapped.len() > PLAINTEXT_BYTES_MAX.saturating_add(OVERHEAD_BYTES) {
            return Err(DoesNotUnwrap);
        }
        let (encapsulated, ciphertext) =
            wrapped.split_at_checked(ENCAPSULATION_BYTES).ok_or(DoesNotUnwrap)?;
        let encapsulated =
            <XWing as Kem>::EncappedKey::from_bytes(encapsulated).map_err(|_| DoesNotUnwrap)?;
        single_shot_open::<AesGcm256, HkdfSha256, XWing>(
            &OpModeR::Base,
            &self.private,
            &encapsulated,
            info,
            ciphertext,
            associated,
        )
        .map(Zeroizing::new)
        .map_err(|_| DoesNotUnwrap)
    }
}

impl core::fmt::Debug for WrapKeyPair {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("WrapKeyPair(..)")
    }
}

/// Wraps `plaintext` to `public`. `info` names the purpose, `associated` the place; both are
/// needed again to unwrap and neither is stored.
///
/// # Errors
/// [`WrapFailed`].
pub fn wrap(
    public: &[u8],
    plaintext: &[u8],
    info: &[u8],
    associated: &[u8],
) -> Result<Vec<u8>, WrapFailed> {
    if plaintext.len() > PLAINTEXT_BYTES_MAX {
        return Err(WrapFailed::TooLong(plaintext.len()));
    }
    let public = <XWing as Kem>::PublicKey::from_bytes(public)
        .map_err(|_| WrapFailed::PublicPart(public.len()))?;
    let mut random = Drawn::<ENCAPSULATION_RANDOM_BYTES>::new()?;
    let (encapsulated, ciphertext) = single_shot_seal_with_rng::<AesGcm256, HkdfSha256, XWing>(
        &OpModeS::Base,
        &public,
        info,
        plaintext,
        associated,
        &mut random,
    )
    .map_err(|_| WrapFailed::Refused)?;
    if random.overdrawn() {
        return Err(WrapFailed::Refused);
    }
    let mut wrapped = encapsulated.to_bytes().to_vec();
    wrapped.extend_from_slice(&ciphertext);
    Ok(wrapped)
}
