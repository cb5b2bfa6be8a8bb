//! What a record is called. The names come from the fold of the log, never from the row.

use core::{fmt, num::NonZeroU32, str::FromStr};

use keyward_lifecycle::id::KeyId;

use crate::{root::Epoch, share::ShareSetId};

/// What is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every kind")]
pub enum RecordKind {
    /// The private part of a signing key.
    PrivateKey,
    /// The private part of a key by which the system signs its own formats.
    SystemKey,
    /// A stored secret.
    Secret,
}

/// The kind as the format writes it: also what stands in epoch headers alone, which callers
/// cannot name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Identity,
    EpochKey,
    KeeperShares,
    Of(RecordKind),
}

/// Every kind, with its code (`docs/format/record.md` §1) and its word.
const KINDS: [(Kind, u8, &str); 6] = [
    (Kind::Identity, 1, "identity"),
    (Kind::Of(RecordKind::PrivateKey), 2, "private key"),
    (Kind::Of(RecordKind::SystemKey), 3, "system key"),
    (Kind::Of(RecordKind::Secret), 4, "secret"),
    (Kind::EpochKey, 5, "root key"),
    (Kind::KeeperShares, 6, "keeper shares"),
];

/// A record's id among those of its kind: 1 to 128 of `A-Z a-z 0-9 . _ -`, starting with a
/// letter or digit. Every [`KeyId`] is one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(Box<str>);

impl RecordId {
    /// Most bytes in one.
    pub const BYTES_MAX: usize = 128;

    /// Parses; nothing is trimmed, folded or repaired.
    ///
    /// # Errors
    /// [`MalformedRecordName`].
    pub fn parse(text: &str) -> Result<Self, MalformedRecordName> {
        let good = text.len() <= Self::BYTES_MAX
            && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if good {
            Ok(Self(text.into()))
        } else {
            Err(MalformedRecordName(
                "a record's id has 1 to 128 of A-Z a-z 0-9 . _ -, starting with a letter or digit",
            ))
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&KeyId> for RecordId {
    fn from(id: &KeyId) -> Self {
        Self(id.as_str().into())
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A record's version, from 1 on. Sealing anew in another epoch keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordVersion(NonZeroU32);

impl RecordVersion {
    /// The first version.
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
    pub const fn number(self) -> u32 {
        self.0.get()
    }
}

/// What a record is called: kind, id, version. With the root id and the epoch it is all that a
/// record is bound to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordName {
    kind: Kind,
    id: RecordId,
    version: RecordVersion,
}

impl RecordName {
    /// The record `id` of this kind, in this version.
    #[must_use]
    pub const fn new(kind: RecordKind, id: RecordId, version: RecordVersion) -> Self {
        Self { kind: Kind::Of(kind), id, version }
    }

    /// The private part of the store's identity.
    pub(crate) fn identity() -> Self {
        Self {
            kind: Kind::Identity,
            id: RecordId("identity".into()),
            version: RecordVersion::FIRST,
        }
    }

    /// The root key of an epoch, while records move from it to the next.
    pub(crate) fn epoch_key(epoch: Epoch) -> Self {
        Self {
            kind: Kind::EpochKey,
            id: RecordId(format!("epoch-{epoch}").into()),
            version: RecordVersion::FIRST,
        }
    }

    /// The keeper shares of a share set.
    pub(crate) fn keeper_shares(set: ShareSetId) -> Self {
        Self {
            kind: Kind::KeeperShares,
            id: RecordId(set.to_string().into()),
            version: RecordVersion::FIRST,
        }
    }

    /// From the parts of a row; `None` for a code that no kind has.
    pub(super) fn from_parts(code: u8, id: RecordId, version: RecordVersion) -> Option<Self> {
        let (kind, ..) = KINDS.into_iter().find(|(_, known, _)| *known == code)?;
        Some(Self { kind, id, version })
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> &RecordId {
        &self.id
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> RecordVersion {
        self.version
    }

    /// Kind, version and id as the format binds them (`docs/format/record.md` §2).
    pub(super) fn bytes(&self) -> Vec<u8> {
        let Self { kind: _, id, version } = self;
        let (code, _) = self.kind_row();
        // An id has at most 128 bytes.
        let length = u8::try_from(id.0.len()).unwrap_or(u8::MAX);
        [&[code][..], &version.number().to_be_bytes(), &[length], id.0.as_bytes()].concat()
    }

    fn kind_row(&self) -> (u8, &'static str) {
        KINDS
            .into_iter()
            .find(|(kind, ..)| *kind == self.kind)
            .map_or((0, "record"), |(_, code, word)| (code, word))
    }
}

impl fmt::Display for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, word) = self.kind_row();
        write!(f, "{word} `{}` version {}", self.id.0, self.version.number())
    }
}

impl FromStr for RecordName {
    type Err = MalformedRecordName;

    /// Reads what [`RecordName`]'s `Display` writes; system keys, private keys and secrets only,
    /// which are the records that lie on a shelf.
    fn from_str(text: &str) -> Result<Self, MalformedRecordName> {
        let malformed = || MalformedRecordName("a record is named \"KIND `ID` version NUMBER\"");
        let (word, rest) = text.split_once(" `").ok_or_else(malformed)?;
        let (id, number) = rest.split_once("` version ").ok_or_else(malformed)?;
        let version = number.parse().ok().and_then(RecordVersion::new).ok_or_else(malformed)?;
        let (kind, ..) = KINDS
            .into_iter()
            .find(|(kind, _, known)| matches!(kind, Kind::Of(_)) && *known == word)
            .ok_or_else(malformed)?;
        let name = Self { kind, id: RecordId::parse(id)?, version };
        // One writing for each name: no sign, no leading zero.
        if name.to_string() == text { Ok(name) } else { Err(malformed()) }
    }
}

impl fmt::Debug for RecordName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The name of a field of a record: 1 to 32 of `a-z 0-9 -`, starting with a letter.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldName(Box<str>);

impl FieldName {
    /// Most bytes in one.
    pub const BYTES_MAX: usize = 32;

    /// Parses; nothing is trimmed, folded or repaired.
    ///
    /// # Errors
    /// [`MalformedRecordName`].
    pub fn parse(text: &str) -> Result<Self, MalformedRecordName> {
        let good = text.len() <= Self::BYTES_MAX
            && text.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if good {
            Ok(Self(text.into()))
        } else {
            Err(MalformedRecordName(
                "a field's name has 1 to 32 of a-z 0-9 -, starting with a letter",
            ))
        }
    }

    /// The one field of a record that has but one: `value`.
    #[must_use]
    pub fn value() -> Self {
        Self("value".into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for FieldName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no name of a record or field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct MalformedRecordName(&'static str);
