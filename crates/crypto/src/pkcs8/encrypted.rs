//! Encrypted private keys (RFC 5958 §3) by PBES2 (RFC 8018 §6.2): PBKDF2 or scrypt
//! (RFC 7914 §7.1), and AES-CBC. Read, so that keys which other tools keep can be brought in;
//! never written, since CBC notices no change. PBES1 and DES are not read.

use aws_lc_rs::{
    cipher::{AES_128, AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey},
    iv::FixedLength,
};
use zeroize::Zeroizing;

use super::{DER_BYTES_MAX, ENCRYPTED_LABEL, UnreadablePrivateKey};
use crate::{
    der::{self, NotDer, Reader},
    kdf::{self, DerivationFailed},
    pem::{self, MalformedPem},
    secret::Password,
    signing::PrivateKey,
};

/// Why an encrypted private key was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnreadableEncryptedKey {
    /// The PEM is malformed.
    #[error(transparent)]
    Pem(#[from] MalformedPem),
    /// The structure is not that of RFC 5958 §3 and RFC 8018.
    #[error("encrypted private key is malformed")]
    Malformed,
    /// It is encrypted in a way that is not read.
    #[error(
        "private key is encrypted in a way that is not read; encrypt it anew by \
         `openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256`"
    )]
    Scheme,
    /// Its derivation asks for too much, or for nothing.
    #[error(transparent)]
    Derivation(#[from] DerivationFailed),
    /// The password is wrong, or the key was changed: CBC cannot tell.
    #[error("password is wrong, or the encrypted private key is damaged")]
    WrongPassword,
    /// It was decrypted, and the key in it is refused.
    #[error(transparent)]
    Key(#[from] UnreadablePrivateKey),
}

impl From<NotDer> for UnreadableEncryptedKey {
    fn from(NotDer: NotDer) -> Self {
        Self::Malformed
    }
}

impl PrivateKey {
    /// Reads an encrypted private key in PEM, labelled `ENCRYPTED PRIVATE KEY`.
    ///
    /// # Errors
    /// [`UnreadableEncryptedKey`].
    pub fn from_encrypted_pkcs8_pem(
        text: &str,
        password: &Password,
    ) -> Result<Self, UnreadableEncryptedKey> {
        Self::from_encrypted_pkcs8_der(&pem::decode(text.as_bytes(), ENCRYPTED_LABEL)?, password)
    }

    /// Reads an encrypted private key in DER.
    ///
    /// # Errors
    /// [`UnreadableEncryptedKey`].
    pub fn from_encrypted_pkcs8_der(
        document: &[u8],
        password: &Password,
    ) -> Result<Self, UnreadableEncryptedKey> {
        if document.len() > DER_BYTES_MAX {
            return Err(UnreadablePrivateKey::TooLong(document.len()).into());
        }
        let (derivation, cipher, ciphertext) = parse(document)?;
        let plaintext = decrypt(&derivation, &cipher, password.expose(), ciphertext)?;
        match Self::from_pkcs8_der(&plaintext) {
            // A wrong password leaves good padding once in some 256 tries, and then no DER.
            Err(UnreadablePrivateKey::Malformed(_) | UnreadablePrivateKey::Encrypted) => {
                Err(UnreadableEncryptedKey::WrongPassword)
            }
            read => read.map_err(UnreadableEncryptedKey::Key),
        }
    }
}

/// How the key is derived from the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these are the ones that are read")]
pub enum Derivation<'a> {
    /// PBKDF2 with HMAC-SHA1, the default of RFC 8018 appendix A.2; read, never chosen.
    Pbkdf2Sha1(&'a [u8], u32),
    /// PBKDF2 with HMAC-SHA256: salt and rounds.
    Pbkdf2Sha256(&'a [u8], u32),
    /// PBKDF2 with HMAC-SHA512: salt and rounds.
    Pbkdf2Sha512(&'a [u8], u32),
    /// scrypt: salt, N, r and p.
    Scrypt(&'a [u8], u32, u32, u32),
}

/// AES in CBC mode with PKCS #7 padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "these are the ones that are read")]
pub enum Cipher {
    /// AES-128-CBC with its initialization vector.
    Aes128([u8; 16]),
    /// AES-256-CBC with its initialization vector.
    Aes256([u8; 16]),
}

/// Decrypts by PBES2 (RFC 8018 §6.2.2). The result is not authenticated.
///
/// # Errors
/// [`UnreadableEncryptedKey::WrongPassword`] where the padding is not right, and
/// [`UnreadableEncryptedKey::Derivation`].
pub fn decrypt(
    derivation: &Derivation<'_>,
    cipher: &Cipher,
    password: &[u8],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, UnreadableEncryptedKey> {
    let (algorithm, length, vector) = match cipher {
        Cipher::Aes128(vector) => (&AES_128, 16, vector),
        Cipher::Aes256(vector) => (&AES_256, 32, vector),
    };
    let mut key = Zeroizing::new(vec![0; length]);
    match *derivation {
        Derivation::Pbkdf2Sha1(salt, rounds) => {
            kdf::pbkdf2_sha1(password, salt, rounds, &mut key)?;
        }
        Derivation::Pbkdf2Sha256(salt, rounds) => {
            kdf::pbkdf2_sha256(password, salt, rounds, &mut key)?;
        }
        Derivation::Pbkdf2Sha512(salt, rounds) => {
            kdf::pbkdf2_sha512(password, salt, rounds, &mut key)?;
        }
        Derivation::Scrypt(salt, n, r, p) => {
            kdf::scrypt(password, salt, [n, r, p], &mut key)?;
        }
    }
    let mut text = Zeroizing::new(ciphertext.to_vec());
    let opened = UnboundCipherKey::new(algorithm, &key)
        .and_then(PaddedBlockDecryptingKey::cbc_pkcs7)
        .and_then(|key| {
            let context = DecryptionContext::Iv128(FixedLength::from(vector));
            key.decrypt(&mut text, context).map(|text| text.len())
        })
        .map_err(|_| UnreadableEncryptedKey::WrongPassword)?;
    text.truncate(opened);
    Ok(text)
}

/// RFC 5958 §3 with RFC 8018 appendix A.4.
fn parse(document: &[u8]) -> Result<(Derivation<'_>, Cipher, &[u8]), UnreadableEncryptedKey> {
    let mut fields = Reader::new(der::sole(der::SEQUENCE, document)?);
    let mut scheme = Reader::new(fields.value(der::SEQUENCE)?);
    let ciphertext = fields.value(der::OCTET_STRING)?;
    fields.end()?;
    if scheme.value(der::OBJECT)? != PBES2 {
        return Err(UnreadableEncryptedKey::Scheme);
    }
    let mut parts = Reader::new(scheme.value(der::SEQUENCE)?);
    scheme.end()?;
    let derivation = derivation(parts.value(der::SEQUENCE)?)?;
    let cipher = cipher(parts.value(der::SEQUENCE)?)?;
    parts.end()?;
    Ok((derivation, cipher, ciphertext))
}

/// RFC 8018 appendix A.2, RFC 7914 §7.1.
fn derivation(function: &[u8]) -> Result<Derivation<'_>, UnreadableEncryptedKey> {
    let mut function = Reader::new(function);
    let name = function.value(der::OBJECT)?;
    let mut parts = Reader::new(function.value(der::SEQUENCE)?);
    function.end()?;
    let salt = parts.value(der::OCTET_STRING)?;
    let first = parts.unsigned()?;
    let derivation = if name == PBKDF2 {
        // The key's length may be named; the cipher knows it.
        parts.optional(der::INTEGER)?;
        match parts.optional(der::SEQUENCE)? {
            None | Some(HMAC_SHA1) => Derivation::Pbkdf2Sha1(salt, first),
            Some(HMAC_SHA256) => Derivation::Pbkdf2Sha256(salt, first),
            Some(HMAC_SHA512) => Derivation::Pbkdf2Sha512(salt, first),
            Some(_) => return Err(UnreadableEncryptedKey::Scheme),
        }
    } else if name == SCRYPT {
        let (r, p) = (parts.unsigned()?, parts.unsigned()?);
        parts.optional(der::INTEGER)?;
        Derivation::Scrypt(salt, first, r, p)
    } else {
        return Err(UnreadableEncryptedKey::Scheme);
    };
    parts.end()?;
    Ok(derivation)
}

fn cipher(scheme: &[u8]) -> Result<Cipher, UnreadableEncryptedKey> {
    let mut scheme = Reader::new(scheme);
    let name = scheme.value(der::OBJECT)?;
    if name != AES_128_CBC && name != AES_256_CBC {
        return Err(UnreadableEncryptedKey::Scheme);
    }
    let vector = scheme.value(der::OCTET_STRING)?;
    scheme.end()?;
    let vector = vector.try_into().map_err(|_| UnreadableEncryptedKey::Malformed)?;
    Ok(if name == AES_128_CBC { Cipher::Aes128(vector) } else { Cipher::Aes256(vector) })
}

/// 1.2.840.113549.1.5.13
const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d];
/// 1.2.840.113549.1.5.12
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c];
/// 1.3.6.1.4.1.11591.4.11
const SCRYPT: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x04, 0x0b];
/// 1.2.840.113549.2.7 with NULL
const HMAC_SHA1: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x07, 0x05, 0x00];
/// 1.2.840.113549.2.9 with NULL
const HMAC_SHA256: &[u8] =
    &[0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x09, 0x05, 0x00];
/// 1.2.840.113549.2.11 with NULL
const HMAC_SHA512: &[u8] =
    &[0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x0b, 0x05, 0x00];
/// 2.16.840.1.101.3.4.1.2
const AES_128_CBC: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x02];
/// 2.16.840.1.101.3.4.1.42
const AES_256_CBC: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2a];
