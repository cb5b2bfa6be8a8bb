//! Key derivation: HKDF (RFC 5869), PBKDF2 (RFC 8018 §5.2) and Argon2id (RFC 9106).

use core::num::NonZeroU32;

use aws_lc_rs::{hkdf, pbkdf2};
use zeroize::Zeroizing;

/// Longest output of HKDF-SHA256 (RFC 5869 §2.3: 255 blocks).
pub const HKDF_SHA256_BYTES_MAX: usize = 255 * 32;
/// Longest output of HKDF-SHA512.
pub const HKDF_SHA512_BYTES_MAX: usize = 255 * 64;
/// Most rounds of PBKDF2 that are run: twenty times today's advice of 600,000.
pub const PBKDF2_ROUNDS_MAX: u32 = 12_000_000;
/// Longest password that is read, for every derivation.
pub const PASSWORD_BYTES_MAX: usize = 4096;

/// Why no key was derived.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DerivationFailed {
    /// More bytes were asked for than the function gives.
    #[error("{asked} bytes were asked of a derivation that gives at most {most}")]
    OutputTooLong {
        /// Bytes asked for.
        asked: usize,
        /// Bytes that it gives.
        most: usize,
    },
    /// A cost is outside its named limits.
    #[error("{name} of {value} is outside {least} to {most}; choose a cost within")]
    Cost {
        /// Which cost.
        name: &'static str,
        /// What was asked for.
        value: u32,
        /// Least allowed.
        least: u32,
        /// Most allowed.
        most: u32,
    },
    /// The salt is shorter than 8 bytes or longer than [`PASSWORD_BYTES_MAX`].
    #[error("salt of {0} bytes is outside 8 to 4096 bytes")]
    Salt(usize),
    /// The password is longer than [`PASSWORD_BYTES_MAX`].
    #[error("password is longer than 4096 bytes")]
    PasswordTooLong,
    /// There is not enough memory for the cost asked for.
    #[error("not enough memory for Argon2id at this cost; free memory or choose a lower cost")]
    OutOfMemory,
    /// The library refused; nothing that a caller does leads here.
    #[error("key derivation was refused by the library")]
    Refused,
}

/// HKDF-SHA256, extract and expand, into an array of `N` bytes.
///
/// # Errors
/// [`DerivationFailed::OutputTooLong`] beyond [`HKDF_SHA256_BYTES_MAX`].
pub fn hkdf_sha256<const N: usize>(
    salt: &[u8],
    secret: &[u8],
    info: &[u8],
) -> Result<Zeroizing<[u8; N]>, DerivationFailed> {
    let mut key = Zeroizing::new([0; N]);
    hkdf_sha256_into(salt, secret, info, key.as_mut_slice())?;
    Ok(key)
}

/// HKDF-SHA256 into a buffer.
///
/// # Errors
/// [`DerivationFailed::OutputTooLong`] beyond [`HKDF_SHA256_BYTES_MAX`].
pub fn hkdf_sha256_into(
    salt: &[u8],
    secret: &[u8],
    info: &[u8],
    key: &mut [u8],
) -> Result<(), DerivationFailed> {
    hkdf_into(hkdf::HKDF_SHA256, [salt, secret, info], key, HKDF_SHA256_BYTES_MAX)
}

/// HKDF-SHA512 into a buffer.
///
/// # Errors
/// [`DerivationFailed::OutputTooLong`] beyond [`HKDF_SHA512_BYTES_MAX`].
pub fn hkdf_sha512_into(
    salt: &[u8],
    secret: &[u8],
    info: &[u8],
    key: &mut [u8],
) -> Result<(), DerivationFailed> {
    hkdf_into(hkdf::HKDF_SHA512, [salt, secret, info], key, HKDF_SHA512_BYTES_MAX)
}

/// PBKDF2-HMAC-SHA256.
///
/// # Errors
/// [`DerivationFailed`] for rounds outside 1 to [`PBKDF2_ROUNDS_MAX`] or a password that is
/// too long.
pub fn pbkdf2_sha256(
    password: &[u8],
    salt: &[u8],
    rounds: u32,
    key: &mut [u8],
) -> Result<(), DerivationFailed> {
    pbkdf2_into(pbkdf2::PBKDF2_HMAC_SHA256, [password, salt], rounds, key)
}

/// PBKDF2-HMAC-SHA512 (the seed of BIP-39).
///
/// # Errors
/// As [`pbkdf2_sha256`].
pub fn pbkdf2_sha512(
    password: &[u8],
    salt: &[u8],
    rounds: u32,
    key: &mut [u8],
) -> Result<(), DerivationFailed> {
    pbkdf2_into(pbkdf2::PBKDF2_HMAC_SHA512, [password, salt], rounds, key)
}

/// PBKDF2-HMAC-SHA1, for keys that other tools encrypted; nothing new is made with it.
///
/// # Errors
/// As [`pbkdf2_sha256`].
pub(crate) fn pbkdf2_sha1(
    password: &[u8],
    salt: &[u8],
    rounds: u32,
    key: &mut [u8],
) -> Result<(), DerivationFailed> {
    pbkdf2_into(pbkdf2::PBKDF2_HMAC_SHA1, [password, salt], rounds, key)
}

/// Most memory of scrypt in KiB, for its table (128 · N · r bytes) and for its lanes
/// (128 · p · r bytes) each.
pub const SCRYPT_MEMORY_KIB_MAX: u32 = 256 * 1024;
/// Most lanes of scrypt.
pub const SCRYPT_LANES_MAX: u32 = 16;

/// scrypt (RFC 7914) with cost N, block size r and lanes p, for keys that other tools
/// encrypted; nothing new is made with it.
///
/// # Errors
/// [`DerivationFailed::Cost`] for costs outside the limits or an N that is no power of two.
pub(crate) fn scrypt(
    password: &[u8],
    salt: &[u8],
    [n, r, p]: [u32; 3],
    key: &mut [u8],
) -> Result<(), DerivationFailed> {
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(DerivationFailed::PasswordTooLong);
    }
    if !(1..=SCRYPT_LANES_MAX).contains(&p) {
        return Err(cost("scrypt lanes", p, 1, SCRYPT_LANES_MAX));
    }
    let memory_kib = n.max(p).saturating_mul(r).saturating_add(7) / 8;
    if n < 2 || r < 1 || memory_kib > SCRYPT_MEMORY_KIB_MAX {
        return Err(cost("scrypt memory in KiB", memory_kib, 1, SCRYPT_MEMORY_KIB_MAX));
    }
    if !n.is_power_of_two() {
        return Err(DerivationFailed::Refused);
    }
    let params = u8::try_from(n.ilog2())
        .ok()
        .and_then(|log_n| scrypt::Params::new(log_n, r, p).ok())
        .ok_or(DerivationFailed::Refused)?;
    scrypt::scrypt(password, salt, &params, key).map_err(|_| DerivationFailed::Refused)
}

/// The cost of Argon2id. Only costs within the named limits can be made, so that a forged
/// header cannot ask for all memory or for hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Argon2Cost {
    /// RFC 9106 §4, second recommended option: 64 MiB, 3 passes, 4 lanes.
    pub const RECOMMENDED: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 4 };
    /// The least that the limits allow; for tests.
    pub const LEAST: Self = Self { memory_kib: Self::MEMORY_KIB_MIN, passes: 1, lanes: 1 };

    /// Least memory in KiB: 8 blocks (RFC 9106 §3.1).
    pub const MEMORY_KIB_MIN: u32 = 8;
    /// Most memory in KiB: 2 GiB, the first recommended option of RFC 9106 §4.
    pub const MEMORY_KIB_MAX: u32 = 2 * 1024 * 1024;
    /// Most passes.
    pub const PASSES_MAX: u32 = 64;
    /// Most lanes.
    pub const LANES_MAX: u32 = 64;

    /// A cost of `memory_kib` KiB, `passes` and `lanes`.
    ///
    /// # Errors
    /// [`DerivationFailed::Cost`] names the cost that is outside its limits. Memory is at least
    /// 8 KiB a lane.
    pub const fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, DerivationFailed> {
        if lanes < 1 || lanes > Self::LANES_MAX {
            return Err(cost("Argon2id lanes", lanes, 1, Self::LANES_MAX));
        }
        if passes < 1 || passes > Self::PASSES_MAX {
            return Err(cost("Argon2id passes", passes, 1, Self::PASSES_MAX));
        }
        let least = Self::MEMORY_KIB_MIN.saturating_mul(lanes);
        if memory_kib < least || memory_kib > Self::MEMORY_KIB_MAX {
            return Err(cost("Argon2id memory in KiB", memory_kib, least, Self::MEMORY_KIB_MAX));
        }
        Ok(Self { memory_kib, passes, lanes })
    }

    /// Memory in KiB.
    #[must_use]
    pub const fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// Passes over the memory.
    #[must_use]
    pub const fn passes(self) -> u32 {
        self.passes
    }

    /// Lanes that are filled in parallel.
    #[must_use]
    pub const fn lanes(self) -> u32 {
        self.lanes
    }
}

/// Argon2id version 0x13 (RFC 9106), without secret or associated data, into an array.
///
/// # Errors
/// [`DerivationFailed`] for a salt or password outside its limits, or too little memory.
pub fn argon2id<const N: usize>(
    password: &[u8],
    salt: &[u8],
    cost: Argon2Cost,
) -> Result<Zeroizing<[u8; N]>, DerivationFailed> {
    let mut key = Zeroizing::new([0; N]);
    argon2id_into(password, salt, cost, key.as_mut_slice())?;
    Ok(key)
}

/// Argon2id version 0x13 into a buffer of 4 bytes or more.
///
/// # Errors
/// As [`argon2id`].
pub fn argon2id_into(
    password: &[u8],
    salt: &[u8],
    cost: Argon2Cost,
    key: &mut [u8],
) -> Result<(), DerivationFailed> {
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(DerivationFailed::PasswordTooLong);
    }
    if salt.len() < 8 || salt.len() > PASSWORD_BYTES_MAX {
        return Err(DerivationFailed::Salt(salt.len()));
    }
    let Argon2Cost { memory_kib, passes, lanes } = cost;
    let params = argon2::Params::new(memory_kib, passes, lanes, Some(key.len()))
        .map_err(|_| DerivationFailed::Refused)?;
    argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
        .hash_password_into(password, salt, key)
        .map_err(|error| {
            if error == argon2::Error::OutOfMemory {
                DerivationFailed::OutOfMemory
            } else {
                DerivationFailed::Refused
            }
        })
}

const fn cost(name: &'static str, value: u32, least: u32, most: u32) -> DerivationFailed {
    DerivationFailed::Cost { name, value, least, most }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn hkdf_into(
    algorithm: hkdf::Algorithm,
    [salt, secret, info]: [&[u8]; 3],
    key: &mut [u8],
    most: usize,
) -> Result<(), DerivationFailed> {
    if key.len() > most {
        return Err(DerivationFailed::OutputTooLong { asked: key.len(), most });
    }
    hkdf::Salt::new(algorithm, salt)
        .extract(secret)
        .expand(&[info], Length(key.len()))
        .and_then(|output| output.fill(key))
        .map_err(|_| DerivationFailed::Refused)
}

fn pbkdf2_into(
    algorithm: pbkdf2::Algorithm,
    [password, salt]: [&[u8]; 2],
    rounds: u32,
    key: &mut [u8],
) -> Result<(), DerivationFailed> {
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(DerivationFailed::PasswordTooLong);
    }
    match NonZeroU32::new(rounds) {
        Some(rounds) if rounds.get() <= PBKDF2_ROUNDS_MAX => {
            pbkdf2::derive(algorithm, rounds, salt, password, key);
            Ok(())
        }
        _ => Err(cost("PBKDF2 rounds", rounds, 1, PBKDF2_ROUNDS_MAX)),
    }
}
