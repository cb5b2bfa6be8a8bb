//! Secret sharing (Shamir) over GF(2^8) modulo x^8 + x^4 + x^3 + x + 1, byte by byte.
//!
//! A combination of too few, altered or mixed shares gives no error, only another secret:
//! whoever combines checks the shares before, and the secret after.

use vsss_rs::Gf256;
use zeroize::Zeroizing;

use crate::random::{Drawn, NoRandomness};

/// Least threshold: one share alone never is the secret.
pub const THRESHOLD_MIN: u8 = 2;
/// Most shares of one secret.
pub const SHARES_MAX: u8 = 32;
/// Longest secret that is split or combined: keys, not documents.
pub const SECRET_BYTES_MAX: usize = 64;

/// Random bytes of one split: a word for each coefficient, of which there are fewer than
/// shares, for each byte of a secret of 32.
const COEFFICIENT_BYTES: usize = 4 * 31 * SECRET_BYTES_MAX;

/// One share: the value of the polynomials at `index`. Wiped when dropped, not printed.
#[expect(clippy::exhaustive_structs, reason = "callers make parts of what they were given")]
pub struct Part {
    /// Where the polynomials are evaluated: 1 to 255.
    pub index: u8,
    /// Their values, as many bytes as the secret has.
    pub value: Zeroizing<Vec<u8>>,
}

impl core::fmt::Debug for Part {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Part({}, ..)", self.index)
    }
}

/// Why nothing was split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitFailed {
    /// Threshold and count do not go together.
    #[error(
        "a secret is split {THRESHOLD_MIN} of 2 to {SHARES_MAX} of {SHARES_MAX}, not {threshold} of {count}"
    )]
    Terms {
        /// How many shares give the secret.
        threshold: u8,
        /// How many shares there are.
        count: u8,
    },
    /// No secret, or more than [`SECRET_BYTES_MAX`] bytes.
    #[error("a secret of {0} bytes is not split: 1 to {SECRET_BYTES_MAX} bytes are")]
    Length(usize),
    /// See [`NoRandomness`].
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The library refused; nothing that a caller does leads here.
    #[error("the secret could not be split")]
    Refused,
}

/// Why nothing was combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CombineFailed {
    /// Fewer than [`THRESHOLD_MIN`], or more than 255.
    #[error("{0} shares are not combined: 2 to 255 are")]
    Count(usize),
    /// Two shares have one index.
    #[error("share {0} is given twice")]
    Twice(u8),
    /// An index is 0, or values are empty, too long, or of different lengths.
    #[error("share {0} is no share of this secret")]
    Malformed(u8),
    /// The library refused; nothing that a caller does leads here.
    #[error("the shares could not be combined")]
    Refused,
}

/// Splits `secret` with fresh random polynomials into `count` shares with the indexes 1 to
/// `count`, any `threshold` of which give it and any fewer of which say nothing about it.
///
/// # Errors
/// [`SplitFailed`].
pub fn split(secret: &[u8], threshold: u8, count: u8) -> Result<Vec<Part>, SplitFailed> {
    if threshold < THRESHOLD_MIN || threshold > count || count > SHARES_MAX {
        return Err(SplitFailed::Terms { threshold, count });
    }
    if secret.is_empty() || secret.len() > SECRET_BYTES_MAX {
        return Err(SplitFailed::Length(secret.len()));
    }
    let mut random = Drawn::<COEFFICIENT_BYTES>::new()?;
    let made = Gf256::split_bytes(usize::from(threshold), usize::from(count), secret, &mut random)
        .map(Zeroizing::new)
        .map_err(|_| SplitFailed::Refused)?;
    if random.overdrawn() {
        return Err(SplitFailed::Refused);
    }
    let part = |share: &Vec<u8>| {
        let (index, value) = share.split_first()?;
        Some(Part { index: *index, value: Zeroizing::new(value.to_vec()) })
    };
    made.iter().map(part).collect::<Option<_>>().ok_or(SplitFailed::Refused)
}

/// Gives the secret whose shares these are, if they are at least its threshold and all of one
/// split; otherwise something else, in silence.
///
/// # Errors
/// [`CombineFailed`].
pub fn combine(parts: &[Part]) -> Result<Zeroizing<Vec<u8>>, CombineFailed> {
    if parts.len() < usize::from(THRESHOLD_MIN) || parts.len() > usize::from(u8::MAX) {
        return Err(CombineFailed::Count(parts.len()));
    }
    let length = parts.first().map_or(0, |part| part.value.len());
    let mut seen = [false; 256];
    let mut shares = Zeroizing::new(Vec::with_capacity(parts.len()));
    for Part { index, value } in parts {
        if *index == 0 || value.len() != length || !(1..=SECRET_BYTES_MAX).contains(&length) {
            return Err(CombineFailed::Malformed(*index));
        }
        if let Some(seen) = seen.get_mut(usize::from(*index))
            && core::mem::replace(seen, true)
        {
            return Err(CombineFailed::Twice(*index));
        }
        let mut share = Vec::with_capacity(length.saturating_add(1));
        share.push(*index);
        share.extend_from_slice(value);
        shares.push(share);
    }
    Gf256::combine_bytes(&*shares).map(Zeroizing::new).map_err(|_| CombineFailed::Refused)
}
