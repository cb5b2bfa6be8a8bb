//! Secrets in memory: locked pages for the root key, passwords that are wiped, and a process
//! that neither dumps core nor lets itself be traced.

mod locked;

use zeroize::Zeroizing;

pub use self::locked::{
    Backing, HardeningFailed, LOCKED_BYTES_MAX, LockFailed, LockPolicy, LockedBytes, harden_process,
};
use crate::kdf::PASSWORD_BYTES_MAX;

/// A password: wiped when dropped; it cannot be printed, copied, compared or serialized.
pub struct Password(Zeroizing<Vec<u8>>);

/// Why bytes are not taken as a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasswordRefused {
    /// There are none.
    #[error("password is empty")]
    Empty,
    /// More than 4096 bytes.
    #[error("password is longer than 4096 bytes")]
    TooLong,
}

impl Password {
    /// Takes a password as bytes, exactly as given: no normalization, no trimming.
    ///
    /// # Errors
    /// [`PasswordRefused`] for none, or for more than [`PASSWORD_BYTES_MAX`] bytes.
    pub fn new(bytes: Vec<u8>) -> Result<Self, PasswordRefused> {
        let bytes = Zeroizing::new(bytes);
        if bytes.is_empty() {
            return Err(PasswordRefused::Empty);
        }
        if bytes.len() > PASSWORD_BYTES_MAX {
            return Err(PasswordRefused::TooLong);
        }
        Ok(Self(bytes))
    }

    /// The bytes, for a key derivation.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether both are the same, in constant time: for a password that is typed twice.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        crate::mac::equal_in_constant_time(&self.0, &other.0)
    }
}

impl core::fmt::Debug for Password {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Password(..)")
    }
}
