//! Stored secrets as the log tells of them: which there are, in which versions, and which path
//! policies stand (RK-065).
//!
//! No value is here, no path and no rule of a policy: those are in sealed records, whose names
//! follow from what is here.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::{fmt, num::NonZeroU32, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::time::Timestamp;

/// How many versions of a secret are kept unless its metadata says otherwise.
pub const VERSIONS_KEPT: u32 = 10;
/// Most versions of a secret that its metadata may ask for: what one leaf can list.
pub const VERSIONS_KEPT_MAX: u32 = 1_000;
/// Most path policies at one time: all of them are held in memory.
pub const POLICIES_MAX: usize = 10_000;

/// Which secret: the head of a keyed digest of its path, so that the log names secrets and
/// tells no paths. Shown and parsed as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretId([u8; 16]);

impl SecretId {
    /// From the first 16 bytes of the keyed digest.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 32];
        hex::encode_to_slice(self.0, &mut text).map_err(|_| fmt::Error)?;
        f.write_str(core::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for SecretId {
    type Err = MalformedSecretName;

    fn from_str(text: &str) -> Result<Self, MalformedSecretName> {
        let mut bytes = [0; 16];
        let lower = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) if lower => Ok(Self(bytes)),
            Ok(()) | Err(_) => {
                Err(MalformedSecretName("a secret's id has 32 lower-case hex digits"))
            }
        }
    }
}

/// The number of a version, of a secret's value, of its metadata or of a policy: from 1 on. A
/// number is used once, also after everything was purged, so that no old record is taken for a
/// new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretVersion(NonZeroU32);

impl SecretVersion {
    /// The first.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// The version with this number; 0 is none.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Its number, at least 1.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }

    /// The one after `last`; saturates after 2^32 - 2 versions, and then nothing more is written.
    #[must_use]
    pub const fn after(last: Option<Self>) -> Self {
        match last {
            Some(last) => Self(last.0.saturating_add(1)),
            None => Self::FIRST,
        }
    }
}

impl fmt::Display for SecretVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The name of a path policy: 1 to 64 of `a-z 0-9 -`, starting with a letter. It stands in the
/// log in plain text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PolicyName(Arc<str>);

impl PolicyName {
    /// Most bytes in one.
    pub const BYTES_MAX: usize = 64;

    /// Parses; nothing is trimmed, folded or repaired.
    ///
    /// # Errors
    /// [`MalformedSecretName`] says what is expected.
    pub fn parse(text: &str) -> Result<Self, MalformedSecretName> {
        let good = text.len() <= Self::BYTES_MAX
            && text.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if good {
            Ok(Self(text.into()))
        } else {
            Err(MalformedSecretName(
                "a policy's name has 1 to 64 of a-z 0-9 -, starting with a letter",
            ))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PolicyName {
    type Err = MalformedSecretName;

    fn from_str(text: &str) -> Result<Self, MalformedSecretName> {
        Self::parse(text)
    }
}

/// A text that is no name of a secret or policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MalformedSecretName(&'static str);

/// What is known of a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a view of the fold")]
pub struct Secret {
    /// The greatest version that was ever written.
    pub newest: Option<SecretVersion>,
    /// The versions that are kept, oldest first, those marked as deleted included. None when
    /// the secret was purged as a whole: only its numbers are remembered.
    pub versions: Vec<VersionFold>,
    /// The newest version of its metadata record.
    pub metadata: Option<SecretVersion>,
    /// How many versions are kept, if not [`VERSIONS_KEPT`].
    pub versions_max: Option<NonZeroU32>,
}

/// What is known of one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a view of the fold")]
pub struct VersionFold {
    /// Its number.
    pub number: SecretVersion,
    /// When it was written.
    pub written_at: Timestamp,
    /// Since when it is marked as deleted, if it is.
    pub deleted_at: Option<Timestamp>,
}

impl Secret {
    /// Whether there is anything to read or bring back.
    #[must_use]
    pub const fn exists(&self) -> bool {
        !self.versions.is_empty()
    }

    /// What compare-and-set compares: the newest version, or 0 for a secret that is not there.
    #[must_use]
    pub fn current(&self) -> u32 {
        self.newest.filter(|_| self.exists()).map_or(0, SecretVersion::get)
    }

    /// A version that is kept.
    #[must_use]
    pub fn version(&self, number: SecretVersion) -> Option<&VersionFold> {
        let place = self.versions.binary_search_by_key(&number, |version| version.number).ok()?;
        self.versions.get(place)
    }

    /// How many versions are kept at the most.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.versions_max.map_or(VERSIONS_KEPT, NonZeroU32::get) as usize
    }

    /// The oldest versions beyond `limit`, were there `more` of them.
    pub(crate) fn beyond(&self, limit: usize, more: usize) -> Vec<SecretVersion> {
        let many = self.versions.len().saturating_add(more).saturating_sub(limit);
        self.versions.iter().take(many).map(|version| version.number).collect()
    }
}

/// What is known of a path policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "a view of the fold")]
pub struct PolicyFold {
    /// Its newest version.
    pub version: SecretVersion,
    /// Whether it was removed: then it grants nothing, and only its number is remembered.
    pub removed: bool,
}

impl Serialize for SecretId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_str(self);
        }
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SecretId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return String::deserialize(deserializer)?.parse().map_err(de::Error::custom);
        }
        <[u8; 16]>::deserialize(deserializer).map(Self)
    }
}

impl Serialize for PolicyName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PolicyName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString as _;

    use super::*;

    #[test]
    fn an_id_is_32_lower_case_hex_digits() {
        let id = SecretId::from_bytes([0xab; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("AB".repeat(16).parse::<SecretId>().is_err());
        assert!("ab".repeat(15).parse::<SecretId>().is_err());
    }

    #[test]
    fn the_oldest_versions_are_those_beyond_the_limit() {
        let number = |number| SecretVersion::new(number).expect("not 0");
        let version =
            |it| VersionFold { number: number(it), written_at: Timestamp::EPOCH, deleted_at: None };
        let secret = Secret {
            newest: Some(number(7)),
            versions: [2, 5, 7].map(version).to_vec(),
            ..Secret::default()
        };
        assert_eq!(secret.beyond(3, 0), []);
        assert_eq!(secret.beyond(3, 1), [number(2)]);
        assert_eq!(secret.beyond(1, 0), [number(2), number(5)]);
        assert_eq!(secret.current(), 7);
        assert!(secret.version(number(5)).is_some() && secret.version(number(6)).is_none());
        assert_eq!(Secret { versions: Vec::new(), ..secret }.current(), 0);
    }
}
