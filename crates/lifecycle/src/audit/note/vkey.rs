//! Verifier keys of notes: name, key hash, algorithm and public key in one line
//! (c2sp.org/signed-note, "Verifier keys").

use alloc::{borrow::ToOwned as _, string::String, vec::Vec};
use core::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::{algorithm::MalformedKey, id::Digest};

/// Longest name of a key, in bytes.
pub const KEY_NAME_BYTES_MAX: usize = 256;

/// Longest public key, in bytes; the longest known one, ML-DSA-44, has 1312.
pub const KEY_BYTES_MAX: usize = 4096;

/// The kind of signature that a key makes on notes (c2sp.org/signed-note, "Signature types").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum NoteAlgorithm {
    /// `0x01`: Ed25519 over the text.
    Ed25519,
    /// `0x02`: ECDSA as older logs use it; read, never checked.
    Ecdsa,
    /// `0x04`: Ed25519 over the text with a time before it (`cosignature/v1`).
    CosignatureEd25519,
    /// `0x05`: an RFC 6962 signed tree head; read, never checked.
    TreeHead,
    /// `0x06`: ML-DSA-44 over a tree head with a time; read, never checked.
    CosignatureMlDsa44,
    /// `0xff`: an algorithm without an assigned number; read, never checked.
    Other,
}

impl NoteAlgorithm {
    const ALL: [Self; 6] = [
        Self::Ed25519,
        Self::Ecdsa,
        Self::CosignatureEd25519,
        Self::TreeHead,
        Self::CosignatureMlDsa44,
        Self::Other,
    ];

    const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Ecdsa => 0x02,
            Self::CosignatureEd25519 => 0x04,
            Self::TreeHead => 0x05,
            Self::CosignatureMlDsa44 => 0x06,
            Self::Other => 0xff,
        }
    }

    /// How long this algorithm's keys are, where it says so.
    const fn key_bytes(self) -> Option<usize> {
        match self {
            Self::Ed25519 | Self::CosignatureEd25519 | Self::TreeHead => Some(32),
            Self::CosignatureMlDsa44 => Some(1312),
            Self::Ecdsa | Self::Other => None,
        }
    }
}

/// What is needed to know a key of notes by its name and to check its signatures.
/// Shown and parsed as `name+hash+base64`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifierKey {
    name: String,
    algorithm: NoteAlgorithm,
    key: Vec<u8>,
}

impl VerifierKey {
    /// The key by which `name` signs texts with Ed25519 (`0x01`).
    ///
    /// # Errors
    /// [`MalformedVerifierKey`] when `name` is none: it is empty, longer than
    /// [`KEY_NAME_BYTES_MAX`], or has white space, a control character or a plus sign.
    pub fn ed25519(name: &str, key: &[u8; 32]) -> Result<Self, MalformedVerifierKey> {
        Self::new(name, NoteAlgorithm::Ed25519, key)
    }

    /// The key by which `name` cosigns with Ed25519 and a time (`0x04`).
    ///
    /// # Errors
    /// As [`Self::ed25519`].
    pub fn cosigner(name: &str, key: &[u8; 32]) -> Result<Self, MalformedVerifierKey> {
        Self::new(name, NoteAlgorithm::CosignatureEd25519, key)
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kind of its signatures.
    #[must_use]
    pub const fn algorithm(&self) -> NoteAlgorithm {
        self.algorithm
    }

    /// The four bytes by which signature lines name it: of SHA-256 over the name, a line feed,
    /// the algorithm's byte and the key; for `0x02`, over the key alone.
    #[must_use]
    pub fn key_hash(&self) -> [u8; 4] {
        let digest = if self.algorithm == NoteAlgorithm::Ecdsa {
            Digest::of(&self.key)
        } else {
            let head = [self.name.as_bytes(), b"\n", &[self.algorithm.byte()]].concat();
            Digest::of(&[head.as_slice(), &self.key].concat())
        };
        digest.as_bytes().first_chunk().copied().unwrap_or_default()
    }

    /// The key as DER `SubjectPublicKeyInfo` (RFC 8410 section 4).
    ///
    /// # Errors
    /// [`UnusableKey::Algorithm`] when it is not an Ed25519 key.
    pub fn ed25519_spki(&self) -> Result<Vec<u8>, UnusableKey> {
        match self.algorithm {
            NoteAlgorithm::Ed25519 | NoteAlgorithm::CosignatureEd25519 => {
                Ok([ED25519_SPKI_PREFIX.as_slice(), &self.key].concat())
            }
            NoteAlgorithm::Ecdsa
            | NoteAlgorithm::TreeHead
            | NoteAlgorithm::CosignatureMlDsa44
            | NoteAlgorithm::Other => Err(UnusableKey::Algorithm),
        }
    }

    fn new(name: &str, algorithm: NoteAlgorithm, key: &[u8]) -> Result<Self, MalformedVerifierKey> {
        if !is_key_name(name) {
            return Err(MalformedVerifierKey::Name);
        }
        let length = algorithm.key_bytes().unwrap_or(key.len());
        if key.is_empty() || key.len() > KEY_BYTES_MAX || key.len() != length {
            return Err(MalformedVerifierKey::Key);
        }
        Ok(Self { name: name.to_owned(), algorithm, key: key.to_vec() })
    }
}

/// The bytes that a cosigner signs at `seconds` since 1970 to vouch for `text`
/// (c2sp.org/tlog-cosignature, `cosignature/v1`).
#[must_use]
pub fn cosigned_message(text: &str, seconds: u64) -> Vec<u8> {
    alloc::format!("cosignature/v1\ntime {seconds}\n{text}").into_bytes()
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = hex::encode(self.key_hash());
        let key = BASE64_STANDARD.encode([&[self.algorithm.byte()], self.key.as_slice()].concat());
        write!(f, "{}+{hash}+{key}", self.name)
    }
}

impl FromStr for VerifierKey {
    type Err = MalformedVerifierKey;

    fn from_str(text: &str) -> Result<Self, MalformedVerifierKey> {
        if text.len() > VKEY_BYTES_MAX {
            return Err(MalformedVerifierKey::Shape);
        }
        // A name has no plus sign; base64 may.
        let (name, rest) = text.split_once('+').ok_or(MalformedVerifierKey::Shape)?;
        let (hash, encoded) = rest.split_once('+').ok_or(MalformedVerifierKey::Shape)?;
        let bytes = BASE64_STANDARD.decode(encoded).map_err(|_| MalformedVerifierKey::Key)?;
        let (byte, key) = bytes.split_first().ok_or(MalformedVerifierKey::Key)?;
        let algorithm = NoteAlgorithm::ALL
            .into_iter()
            .find(|algorithm| algorithm.byte() == *byte)
            .ok_or(MalformedVerifierKey::Algorithm)?;
        let parsed = Self::new(name, algorithm, key)?;
        if hex::encode(parsed.key_hash()) != hash {
            return Err(MalformedVerifierKey::Hash);
        }
        Ok(parsed)
    }
}

/// Why a text is not a verifier key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum MalformedVerifierKey {
    /// It has not three parts.
    #[error("verifier key is malformed: expected `name+hash+base64`")]
    Shape,
    /// The name cannot be a key's.
    #[error(
        "name of a verifier key is malformed: expected 1 to {KEY_NAME_BYTES_MAX} bytes without \
         white space, control characters and `+`"
    )]
    Name,
    /// The part after the second plus sign is no key of its algorithm.
    #[error("verifier key holds no key: expected base64 of the algorithm byte and the key")]
    Key,
    /// The first byte of the key is no algorithm that C2SP assigned.
    #[error("verifier key is of an unknown algorithm")]
    Algorithm,
    /// Name or key were altered.
    #[error("verifier key does not match its hash: copy it again from its publisher")]
    Hash,
}

/// Why signatures by a verifier key cannot be checked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum UnusableKey {
    /// Only Ed25519, with and without a time, is checked.
    #[error("verifier key is not an Ed25519 key: ask its publisher for one")]
    Algorithm,
    /// The bytes are not a key that may be trusted.
    #[error(transparent)]
    Malformed(#[from] MalformedKey),
}

/// Whether a note's key can be called `name`.
pub(super) fn is_key_name(name: &str) -> bool {
    (1..=KEY_NAME_BYTES_MAX).contains(&name.len())
        && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

/// What precedes 32 bytes of Ed25519 key in a `SubjectPublicKeyInfo` (RFC 8410 section 10.1).
const ED25519_SPKI_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Longest text of a verifier key: name, hash, two plus signs and the key in base64.
const VKEY_BYTES_MAX: usize = KEY_NAME_BYTES_MAX + 10 + (KEY_BYTES_MAX + 3) / 3 * 4 + 4;
