//! Which passwords are taken, and passwords that are made for the user.

use keyward_crypto::{
    random::{self, NoRandomness},
    secret::{Password, PasswordRefused},
};

/// Fewest characters of a password that somebody chose.
///
/// The header that it protects can be copied, and guessing on a copy has no rate limit but the
/// cost of Argon2id. At a hundred guesses a second and machine (64 MiB, 3 passes), twelve
/// lower-case letters drawn at random take thirty million machine-years; eight take sixty-six.
pub const CHARS_MIN: usize = 12;

/// Symbols of a generated password: digits and lower-case letters without `i`, `l`, `o`, `u`,
/// which are misread. There are 32, so that a random byte picks without bias.
pub const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Symbols in a generated password, hyphens not counted: 28 × 5 = 140 bits.
pub const GENERATED_SYMBOLS: usize = 28;
/// Symbols between two hyphens.
pub const GROUP_SYMBOLS: usize = 7;

/// The password is too easy to guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "password has {found} characters and needs at least {CHARS_MIN}, since whoever copies the \
     store can guess without limit: take several random words, or let one be generated"
)]
#[non_exhaustive]
pub struct PasswordTooShort {
    /// Characters that it has (bytes, if it is not UTF-8).
    pub found: usize,
}

/// Refuses a password below [`CHARS_MIN`] characters.
pub(crate) fn admit(password: &Password) -> Result<(), PasswordTooShort> {
    let bytes = password.expose();
    let found = core::str::from_utf8(bytes).map_or(bytes.len(), |text| text.chars().count());
    if found < CHARS_MIN { Err(PasswordTooShort { found }) } else { Ok(()) }
}

/// A password of 140 random bits: 28 symbols of [`ALPHABET`] in four groups joined by hyphens.
/// To be shown once, through [`Password::expose`].
///
/// # Errors
/// [`GenerationFailed`], when the system gives no randomness.
pub fn generate_password() -> Result<Password, GenerationFailed> {
    let random = random::bytes::<GENERATED_SYMBOLS>()?;
    // Room for the hyphens from the start: a vector that grows leaves copies behind.
    let mut text = Vec::with_capacity(GENERATED_SYMBOLS.saturating_mul(2));
    for (place, byte) in random.iter().enumerate() {
        if place > 0 && place.is_multiple_of(GROUP_SYMBOLS) {
            text.push(b'-');
        }
        text.extend(ALPHABET.get(usize::from(byte & 0x1f)));
    }
    Ok(Password::new(text)?)
}

/// Why no password was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GenerationFailed {
    /// See [`NoRandomness`].
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// What was made is no password; nothing that a caller does leads here.
    #[error(transparent)]
    Refused(#[from] PasswordRefused),
}
