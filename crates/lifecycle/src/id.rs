//! Names of things: each its own type, made only by parsing or hashing.

mod text;
mod wire;

use alloc::string::String;
use core::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256};
use text::Text;

/// SHA-256 of something, 32 bytes. Shown as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// SHA-256 (FIPS 180-4) of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// A digest that was computed elsewhere.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hex = [0; 64];
        hex::encode_to_slice(self.0, &mut hex).map_err(|_| fmt::Error)?;
        f.write_str(core::str::from_utf8(&hex).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let mut bytes = [0; 32];
        let lower = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) if lower => Ok(Self(bytes)),
            Ok(()) | Err(_) => Err(MalformedId::new("digest", text, "64 lower-case hex digits")),
        }
    }
}

/// SHA-256 of a key's canonical DER `SubjectPublicKeyInfo` (RFC 5280 section 4.1.2.7).
/// Shown and parsed as `sha256:` and 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(Digest);

impl Fingerprint {
    /// The fingerprint of the key whose canonical DER SPKI is `spki`.
    #[must_use]
    pub fn of_spki(spki: &[u8]) -> Self {
        Self(Digest::of(spki))
    }

    /// A fingerprint whose digest is known.
    #[must_use]
    pub const fn from_digest(digest: Digest) -> Self {
        Self(digest)
    }

    /// The digest alone.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.0
    }
}

/// The address of immutable content: `sha256:` and the digest of its RFC 8785 form without its
/// own id member (traps HA-30).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentId(Digest);

impl ContentId {
    /// The id of canonical bytes.
    #[must_use]
    pub fn of(canonical: &[u8]) -> Self {
        Self(Digest::of(canonical))
    }

    /// An id whose digest is known.
    #[must_use]
    pub const fn from_digest(digest: Digest) -> Self {
        Self(digest)
    }

    /// The digest alone.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.0
    }
}

macro_rules! prefixed_digest {
    ($name:ident, $what:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "sha256:{}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = MalformedId;

            fn from_str(text: &str) -> Result<Self, MalformedId> {
                text.strip_prefix("sha256:").and_then(|hex| hex.parse().ok()).map(Self).ok_or_else(
                    || MalformedId::new($what, text, "`sha256:` and 64 lower-case hex digits"),
                )
            }
        }
    };
}
prefixed_digest!(Fingerprint, "fingerprint");
prefixed_digest!(ContentId, "content id");

/// A key's name: 1 to 128 of `A-Z a-z 0-9 . _ -`, starting with a letter or digit.
/// Used once, for one public key, for ever.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Text);

/// A profile's name: 1 to 64 of `a-z 0-9 -`, starting with a letter.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfileName(Text);

/// Who acted, as it stands in the log: a pseudonym, `a-` and 32 hex digits, or one of the
/// fixed names of the system itself (`system`). The person behind it is in an erasable table.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorId(Text);

macro_rules! text_id {
    ($name:ident, $what:literal, $max:literal, $expected:literal, $first:expr, $rest:expr) => {
        impl $name {
            /// Most characters in one.
            pub const CHARS_MAX: usize = $max;

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Parses; nothing is trimmed, folded or repaired.
            ///
            /// # Errors
            /// [`MalformedId`] names the text and what is expected.
            pub fn parse(text: &str) -> Result<Self, MalformedId> {
                let first: fn(u8) -> bool = $first;
                let rest: fn(u8) -> bool = $rest;
                let good = text.len() <= $max
                    && text.bytes().next().is_some_and(first)
                    && text.bytes().all(rest);
                if good {
                    Ok(Self(text.into()))
                } else {
                    Err(MalformedId::new($what, text, $expected))
                }
            }
        }

        impl FromStr for $name {
            type Err = MalformedId;

            fn from_str(text: &str) -> Result<Self, MalformedId> {
                Self::parse(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
text_id!(
    KeyId,
    "key id",
    128,
    "1 to 128 of A-Z a-z 0-9 . _ -, starting with a letter or digit",
    |b| b.is_ascii_alphanumeric(),
    |b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')
);
text_id!(
    ProfileName,
    "profile name",
    64,
    "1 to 64 of a-z 0-9 -, starting with a letter",
    |b| b.is_ascii_lowercase(),
    |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'
);
text_id!(
    ActorId,
    "actor",
    64,
    "1 to 64 of a-z 0-9 -, starting with a letter",
    |b| b.is_ascii_lowercase(),
    |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'
);

/// A trust anchor's name, a UUID (RFC 9562), shown in lower case with hyphens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnchorId(uuid::Uuid);

/// An event's or a row's name, a version 8 UUID (RFC 9562 section 5.8) derived from its leaf
/// hash, so that the log alone gives it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(uuid::Uuid);

impl EventId {
    /// The id of the event whose RFC 6962 leaf hash is `leaf`: its first 16 bytes, with the
    /// version and variant bits set.
    #[must_use]
    pub fn of_leaf(leaf: &Digest) -> Self {
        let (head, _) = leaf.0.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
        Self(uuid::Builder::from_custom_bytes(*head).into_uuid())
    }
}

macro_rules! uuid_id {
    ($name:ident, $what:literal) => {
        impl $name {
            /// From 16 bytes handed in.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(uuid::Uuid::from_bytes(bytes))
            }

            /// The 16 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = MalformedId;

            fn from_str(text: &str) -> Result<Self, MalformedId> {
                match uuid::Uuid::try_parse(text) {
                    Ok(id) if text.len() == 36 => Ok(Self(id)),
                    Ok(_) | Err(_) => {
                        Err(MalformedId::new($what, text, "a UUID with hyphens, 36 characters"))
                    }
                }
            }
        }
    };
}
uuid_id!(AnchorId, "anchor id");
uuid_id!(EventId, "event id");

impl AnchorId {
    /// A random (version 4) id from 16 random bytes handed in.
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }
}

/// A text that is not the name it was meant to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} `{text}` is malformed: expected {expected}")]
pub struct MalformedId {
    what: &'static str,
    text: String,
    expected: &'static str,
}

impl MalformedId {
    fn new(what: &'static str, text: &str, expected: &'static str) -> Self {
        Self { what, text: text.chars().take(TEXT_SHOWN_CHARS_MAX).collect(), expected }
    }
}

/// How much of a malformed text an error repeats.
const TEXT_SHOWN_CHARS_MAX: usize = 80;

#[cfg(test)]
mod tests {
    use std::string::ToString as _;

    use super::*;

    #[track_caller]
    fn check_key_id(text: &str, good: bool) {
        assert_eq!(KeyId::parse(text).is_ok(), good, "{text}");
    }

    #[test]
    fn a_key_id_is_plain_text_of_bounded_length() {
        check_key_id("key-2025-prod", true);
        check_key_id("emergency-key-20250101", true);
        check_key_id("", false);
        check_key_id("-dash", false);
        check_key_id("a b", false);
        check_key_id("a/b", false);
        check_key_id(&"a".repeat(128), true);
        check_key_id(&"a".repeat(129), false);
    }

    #[test]
    fn an_event_id_is_the_head_of_its_leaf_hash() {
        let id = EventId::of_leaf(&Digest::from_bytes([0xff; 32]));
        assert_eq!(id.to_string(), "ffffffff-ffff-8fff-bfff-ffffffffffff");
    }

    #[test]
    fn a_fingerprint_takes_lower_case_hex_only() {
        let text = Fingerprint::of_spki(b"x").to_string();
        assert_eq!(text.parse(), Ok(Fingerprint::of_spki(b"x")));
        let error = text.to_uppercase().parse::<Fingerprint>().expect_err("upper case");
        assert!(error.to_string().starts_with("fingerprint `SHA256:"), "{error}");
    }
}
