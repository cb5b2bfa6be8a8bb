//! The operating system's generator: the one source of randomness of this crate.

use core::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use zeroize::{Zeroize, Zeroizing};

/// The operating system gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes ({0}); nothing secret can be made now")]
pub struct NoRandomness(getrandom::Error);

/// Fills `bytes` from the operating system's generator (`getrandom(2)`).
///
/// # Errors
/// [`NoRandomness`], when the system call fails; `bytes` are then not to be used.
pub fn fill(bytes: &mut [u8]) -> Result<(), NoRandomness> {
    getrandom::fill(bytes).map_err(NoRandomness)
}

/// `N` random bytes, wiped when dropped.
///
/// # Errors
/// [`NoRandomness`], when the system call fails.
pub fn bytes<const N: usize>() -> Result<Zeroizing<[u8; N]>, NoRandomness> {
    let mut bytes = Zeroizing::new([0; N]);
    fill(bytes.as_mut_slice())?;
    Ok(bytes)
}

/// A generator that hands out 32 bytes given beforehand, once, and then fails: how a nonce
/// seed is given to libraries that want a generator.
pub(crate) struct Given(Option<Zeroizing<[u8; 32]>>);

impl Given {
    /// Hands out `bytes` to the first request for 32 bytes.
    pub(crate) const fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(Some(bytes))
    }
}

/// The bytes were asked for twice, or not as 32 bytes.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("random bytes were asked for in another way than expected")]
pub(crate) struct Spent;

impl TryRng for Given {
    type Error = Spent;

    fn try_next_u32(&mut self) -> Result<u32, Spent> {
        Err(Spent)
    }

    fn try_next_u64(&mut self) -> Result<u64, Spent> {
        Err(Spent)
    }

    fn try_fill_bytes(&mut self, wanted: &mut [u8]) -> Result<(), Spent> {
        let given = self.0.take().ok_or(Spent)?;
        if wanted.len() != given.len() {
            return Err(Spent);
        }
        wanted.copy_from_slice(given.as_slice());
        Ok(())
    }
}

impl TryCryptoRng for Given {}

/// A generator whose bytes are all drawn from the operating system before they are needed, for
/// a library whose generator cannot fail. It notes when it was asked for more than it holds.
pub(crate) struct Drawn<const N: usize> {
    bytes: Zeroizing<[u8; N]>,
    used: usize,
    overdrawn: bool,
}

impl<const N: usize> Drawn<N> {
    /// Draws `N` bytes.
    pub(crate) fn new() -> Result<Self, NoRandomness> {
        Ok(Self { bytes: bytes()?, used: 0, overdrawn: false })
    }

    /// Whether more was asked for than was drawn. What was made with it is then worthless.
    pub(crate) const fn overdrawn(&self) -> bool {
        self.overdrawn
    }

    fn take(&mut self, wanted: &mut [u8]) {
        let end = self.used.saturating_add(wanted.len());
        if let Some(bytes) = self.bytes.get_mut(self.used..end) {
            wanted.copy_from_slice(bytes);
            bytes.zeroize();
            self.used = end;
        } else {
            self.overdrawn = true;
            wanted.fill(0);
        }
    }
}

impl<const N: usize> TryRng for Drawn<N> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut word = [0; 4];
        self.take(&mut word);
        Ok(u32::from_le_bytes(word))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut word = [0; 8];
        self.take(&mut word);
        Ok(u64::from_le_bytes(word))
    }

    fn try_fill_bytes(&mut self, wanted: &mut [u8]) -> Result<(), Infallible> {
        self.take(wanted);
        Ok(())
    }
}

impl<const N: usize> TryCryptoRng for Drawn<N> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overdrawn_generator_says_so_and_never_repeats_bytes() {
        let mut drawn = Drawn::<48>::new().unwrap();
        let (mut first, mut second) = ([0; 24], [0; 24]);
        drawn.try_fill_bytes(&mut first).unwrap();
        drawn.try_fill_bytes(&mut second).unwrap();
        assert_ne!(first, second);
        assert!(!drawn.overdrawn());
        drawn.try_next_u64().unwrap();
        assert!(drawn.overdrawn());
    }
}
