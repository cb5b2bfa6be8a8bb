//! AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce.
//!
//! A sealed box is `nonce (12) ‖ ciphertext ‖ tag (16)`. Random nonces are safe for 2^32 boxes
//! under one key (SP 800-38D §8.3); records are sealed each under a key of their own, so that
//! bound is never near.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::random;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 12;
/// Bytes of a tag.
pub const TAG_BYTES: usize = 16;
/// By how much a sealed box is longer than what it holds.
pub const OVERHEAD_BYTES: usize = NONCE_BYTES + TAG_BYTES;
/// Longest text that is sealed or opened: far above any record, far below the 64 GiB of
/// SP 800-38D §5.2.1.1.
pub const PLAINTEXT_BYTES_MAX: usize = 1 << 30;

/// Why nothing was sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealFailed {
    /// See [`random::NoRandomness`].
    #[error(transparent)]
    NoRandomness(#[from] random::NoRandomness),
    /// The text is longer than [`PLAINTEXT_BYTES_MAX`].
    #[error("text of {0} bytes is too long to seal in one piece; split it")]
    TooLong(usize),
    /// The library refused; nothing that a caller does leads here.
    #[error("AES-256-GCM refused to seal")]
    Refused,
}

/// The box was not sealed with this key and this associated data, or was changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed bytes do not open: another key, another context, or they were changed")]
#[expect(clippy::exhaustive_structs, reason = "callers compare with it")]
pub struct DoesNotOpen;

/// Seals `plaintext` and binds `associated` to it, which is not stored in the box.
///
/// # Errors
/// [`SealFailed`].
pub fn seal(
    key: &[u8; KEY_BYTES],
    plaintext: &[u8],
    associated: &[u8],
) -> Result<Vec<u8>, SealFailed> {
    if plaintext.len() > PLAINTEXT_BYTES_MAX {
        return Err(SealFailed::TooLong(plaintext.len()));
    }
    let nonce = *random::bytes::<NONCE_BYTES>()?;
    let mut sealed = Vec::with_capacity(plaintext.len().saturating_add(OVERHEAD_BYTES));
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plaintext);
    let text = sealed.get_mut(NONCE_BYTES..).ok_or(SealFailed::Refused)?;
    let tag = cipher(key)
        .and_then(|cipher| {
            let nonce = Nonce::assume_unique_for_key(nonce);
            cipher.seal_in_place_separate_tag(nonce, Aad::from(associated), text)
        })
        .map_err(|_| SealFailed::Refused)?;
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

/// Opens what [`seal`] made. The text is wiped when dropped.
///
/// # Errors
/// [`DoesNotOpen`], whatever the cause.
pub fn open(
    key: &[u8; KEY_BYTES],
    sealed: &[u8],
    associated: &[u8],
) -> Result<Zeroizing<Vec<u8>>, DoesNotOpen> {
    if sealed.len() > PLAINTEXT_BYTES_MAX.saturating_add(OVERHEAD_BYTES) {
        return Err(DoesNotOpen);
    }
    let (nonce, rest) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(DoesNotOpen)?;
    let (ciphertext, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or(DoesNotOpen)?;
    let mut plaintext = Zeroizing::new(vec![0; ciphertext.len()]);
    cipher(key)
        .and_then(|cipher| {
            let nonce = Nonce::assume_unique_for_key(*nonce);
            cipher.open_separate_gather(
                nonce,
                Aad::from(associated),
                ciphertext,
                tag,
                &mut plaintext,
            )
        })
        .map_err(|_| DoesNotOpen)?;
    Ok(plaintext)
}

fn cipher(key: &[u8; KEY_BYTES]) -> Result<LessSafeKey, aws_lc_rs::error::Unspecified> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new)
}
