//! Many Ed25519 signatures at once, for bulk verification.
//!
//! The batch equation is cheaper than single verification and nearly the same judgement. It
//! can differ where R carries torsion, which only the holder of the private key can arrange:
//! keys are torsion-free ([`Key`]) and small or non-canonical R are sorted out here. So a pass
//! is good enough where the report says that it was a batch, and a failure says nothing about
//! any one signature.

use ed25519_dalek::{Signature, VerifyingKey, verify_batch as batch_equation};

use crate::ed25519::{Key, SIGNATURE_BYTES};

/// Most signatures in one batch: the gain levels off and memory does not.
pub const BATCH_MAX: usize = 1024;

/// One signature to judge.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "a tuple with names; callers fill it")]
pub struct Entry<'a> {
    /// The checked key.
    pub key: &'a Key,
    /// The signed bytes.
    pub message: &'a [u8],
    /// 64 bytes.
    pub signature: &'a [u8],
}

/// What a batch says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a batch that did not pass is to be verified one by one"]
#[expect(clippy::exhaustive_enums, reason = "there are two answers")]
pub enum BatchVerdict {
    /// Every signature is good, by the batch equation.
    Passed,
    /// At least one is bad, or cannot be judged in a batch: verify one by one.
    VerifySingly,
}

/// Judges up to [`BATCH_MAX`] signatures together. An empty batch passes.
pub fn verify_batch(entries: &[Entry<'_>]) -> BatchVerdict {
    if entries.is_empty() {
        return BatchVerdict::Passed;
    }
    if entries.len() > BATCH_MAX {
        return BatchVerdict::VerifySingly;
    }
    let mut messages: Vec<&[u8]> = Vec::with_capacity(entries.len());
    let mut signatures: Vec<Signature> = Vec::with_capacity(entries.len());
    let mut keys: Vec<VerifyingKey> = Vec::with_capacity(entries.len());
    for Entry { key, message, signature } in entries {
        let Ok(bytes) = <&[u8; SIGNATURE_BYTES]>::try_from(*signature) else {
            return BatchVerdict::VerifySingly;
        };
        let signature = Signature::from_bytes(bytes);
        if !is_plain(signature.r_bytes()) {
            return BatchVerdict::VerifySingly;
        }
        messages.push(message);
        signatures.push(signature);
        keys.push(*key.point());
    }
    match batch_equation(&messages, &signatures, &keys) {
        Ok(()) => BatchVerdict::Passed,
        Err(_) => BatchVerdict::VerifySingly,
    }
}

/// Whether an encoded point has y below p and is none of the eight of small order.
fn is_plain(encoded: &[u8; 32]) -> bool {
    let mut y = *encoded;
    if let Some(last) = y.last_mut() {
        *last &= 0x7f;
    }
    y.iter().rev().lt(P.iter().rev()) && !SMALL_ORDER.contains(&y)
}

/// p = 2^255 - 19, little-endian.
const P: [u8; 32] = {
    let mut p = [0xff; 32];
    p[0] = 0xed;
    p[31] = 0x7f;
    p
};

/// The y of the points of order 1, 2, 4 and 8 (the two of order 8 with either x).
const SMALL_ORDER: [[u8; 32]; 5] = [
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    {
        let mut minus_one = P;
        minus_one[0] = 0xec;
        minus_one
    },
    [0; 32],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];
