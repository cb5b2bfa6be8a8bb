//! HMAC (RFC 2104) with SHA-256 and SHA-512.

use aws_lc_rs::hmac;
use subtle::ConstantTimeEq;

/// HMAC-SHA256 of `message` under `key`.
#[must_use]
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    tag(hmac::HMAC_SHA256, key, message)
}

/// HMAC-SHA512 of `message` under `key`.
#[must_use]
pub fn hmac_sha512(key: &[u8], message: &[u8]) -> [u8; 64] {
    tag(hmac::HMAC_SHA512, key, message)
}

/// The tag is not that of the message under the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("authentication tag does not match")]
#[expect(clippy::exhaustive_structs, reason = "callers compare with it")]
pub struct WrongTag;

/// Compares a whole HMAC-SHA256 tag in constant time.
///
/// # Errors
/// [`WrongTag`], also for a tag that is not 32 bytes long.
pub fn verify_hmac_sha256(key: &[u8], message: &[u8], tag: &[u8]) -> Result<(), WrongTag> {
    if bool::from(hmac_sha256(key, message).ct_eq(tag)) { Ok(()) } else { Err(WrongTag) }
}

/// Whether two byte strings are equal, in a time that depends on their lengths alone.
#[must_use]
pub fn equal_in_constant_time(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

fn tag<const N: usize>(algorithm: hmac::Algorithm, key: &[u8], message: &[u8]) -> [u8; N] {
    let tag = hmac::sign(&hmac::Key::new(algorithm, key), message);
    let mut bytes = [0; N];
    bytes.copy_from_slice(tag.as_ref());
    bytes
}
