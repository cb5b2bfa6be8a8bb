//! Which passwords are taken, and passwords that are made for the user.

use keyward_crypto::{
    random::{self, NoRandomness},
    secret::{Password, PasswordRefused},
};
use zeroize::Zeroizing;

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

/// Fewest guesses, as a power of ten, that a password must be expected to stand: thirty
/// machine-years at a hundred guesses a second.
pub const GUESSES_LOG10_MIN: f64 = 11.0;
/// Most characters of a password that are estimated; what is beyond only makes it better.
pub const ESTIMATED_CHARS_MAX: usize = 100;

/// The password is too easy to guess.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WeakPassword {
    /// It has fewer than [`CHARS_MIN`] characters.
    #[error(
        "password has {found} characters and needs at least {CHARS_MIN}, since whoever copies \
         the store can guess without limit: take several random words, or let one be generated"
    )]
    TooShort {
        /// Characters that it has (bytes, if it is not UTF-8).
        found: usize,
    },
    /// It is long enough, and made of what is guessed first.
    #[error(
        "password falls after some 10^{guesses_log10} guesses and has to stand 10^11: {reasons} \
         Take several random words, or let one be generated"
    )]
    Guessable {
        /// The power of ten of the guesses that are expected to find it.
        guesses_log10: u8,
        /// Why, and what would help, in sentences.
        reasons: Box<str>,
    },
}

/// Refuses a password below [`CHARS_MIN`] characters, or that is expected to fall before
/// 10^[`GUESSES_LOG10_MIN`] guesses (RK-010). For passwords that are made or changed, never
/// for those that unseal. The estimator keeps copies of the password in ordinary memory while
/// it works.
///
/// # Errors
/// [`WeakPassword`].
pub fn admit(password: &Password) -> Result<(), WeakPassword> {
    let bytes = password.expose();
    let text = core::str::from_utf8(bytes);
    let found = text.map_or(bytes.len(), |text| text.chars().count());
    if found < CHARS_MIN {
        return Err(WeakPassword::TooShort { found });
    }
    // Bytes that are no text are estimated as if each were a character.
    let mut estimated = Zeroizing::new(String::with_capacity(ESTIMATED_CHARS_MAX * 4));
    match text {
        Ok(text) => estimated.extend(text.chars().take(ESTIMATED_CHARS_MAX)),
        Err(_) => {
            estimated.extend(bytes.iter().take(ESTIMATED_CHARS_MAX).map(|b| char::from(*b)));
        }
    }
    let entropy = zxcvbn::zxcvbn(&estimated, &["keyward"]);
    let guesses = entropy.guesses_log10();
    if guesses >= GUESSES_LOG10_MIN {
        return Ok(());
    }
    Err(WeakPassword::Guessable { guesses_log10: whole(guesses), reasons: reasons(&entropy) })
}

/// What the estimator says, as sentences.
fn reasons(entropy: &zxcvbn::Entropy) -> Box<str> {
    let said = entropy.feedback().into_iter().flat_map(|feedback| {
        let warning = feedback.warning().map(|warning| warning.to_string());
        warning.into_iter().chain(feedback.suggestions().iter().map(ToString::to_string))
    });
    let sentences: Vec<String> = said.collect();
    if sentences.is_empty() { "It is predictable.".into() } else { sentences.join(" ").into() }
}

/// The whole powers of ten.
fn whole(guesses_log10: f64) -> u8 {
    (0..u8::MAX).take_while(|power| f64::from(*power) <= guesses_log10).last().unwrap_or(0)
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
