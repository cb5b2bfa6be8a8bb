//! Encryption to an age recipient (age-encryption.org/v1, X25519), armored: how a share
//! reaches its holder without anybody else reading it.

use std::io::Write as _;

use age::{
    Encryptor, Recipient,
    armor::{ArmoredWriter, Format},
    x25519,
};

/// Longest recipient that is read; `age1…` has 62 characters.
pub const RECIPIENT_CHARS_MAX: usize = 128;
/// Longest plaintext: shares and short texts around them.
pub const PLAINTEXT_BYTES_MAX: usize = 64 * 1024;

/// Why nothing was encrypted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncryptFailed {
    /// Not an X25519 recipient.
    #[error(
        "`{given}` is no age recipient ({why}); one starts with `age1`, as `age-keygen` prints it"
    )]
    Recipient {
        /// What was given, shortened to [`RECIPIENT_CHARS_MAX`] characters.
        given: Box<str>,
        /// What is wrong with it.
        why: Box<str>,
    },
    /// More than [`PLAINTEXT_BYTES_MAX`].
    #[error("{0} bytes are too many to encrypt to a recipient; at most {PLAINTEXT_BYTES_MAX} are")]
    TooLong(usize),
    /// The library refused; nothing that a caller does leads here.
    #[error("age could not encrypt: {0}")]
    Refused(Box<str>),
}

/// Encrypts to one recipient (`age1…`), in age's armor.
///
/// # Errors
/// [`EncryptFailed`].
pub fn encrypt(recipient: &str, plaintext: &[u8]) -> Result<String, EncryptFailed> {
    if plaintext.len() > PLAINTEXT_BYTES_MAX {
        return Err(EncryptFailed::TooLong(plaintext.len()));
    }
    let refused = |why: &str| EncryptFailed::Recipient { given: shown(recipient), why: why.into() };
    if recipient.len() > RECIPIENT_CHARS_MAX {
        return Err(refused("it is too long"));
    }
    let recipient: x25519::Recipient = recipient.parse().map_err(refused)?;
    armored(&recipient, plaintext).map_err(|why| EncryptFailed::Refused(why.into()))
}

/// What an error shows of a recipient: nothing of a secret key that was given by mistake.
fn shown(recipient: &str) -> Box<str> {
    let start: String = recipient.chars().take(RECIPIENT_CHARS_MAX).collect();
    let known = start.to_ascii_lowercase();
    if known.contains("secret") { "a secret key".into() } else { start.into() }
}

fn armored(recipient: &dyn Recipient, plaintext: &[u8]) -> Result<String, String> {
    let said = |error: &dyn core::fmt::Display| error.to_string();
    let encryptor =
        Encryptor::with_recipients(core::iter::once(recipient)).map_err(|e| said(&e))?;
    let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor).map_err(|e| said(&e))?;
    let mut writer = encryptor.wrap_output(armor).map_err(|e| said(&e))?;
    writer.write_all(plaintext).map_err(|e| said(&e))?;
    let bytes = writer.finish().and_then(ArmoredWriter::finish).map_err(|e| said(&e))?;
    String::from_utf8(bytes).map_err(|e| said(&e))
}
