//! What a statement says about its subject, by name (in-toto `TypeURI`).

use alloc::{
    borrow::{Cow, ToOwned as _},
    string::String,
};
use core::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Where the runbook's short names stand as absolute URIs.
pub const PREDICATE_PREFIX: &str = "https://keyward.dev/predicates/";

/// Longest predicate type, in bytes.
pub const PREDICATE_TYPE_BYTES_MAX: usize = 512;

/// The type of a predicate as it was given. Equal are those that were given alike; whether two
/// mean the same type, [`Self::is_same`] says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PredicateType(String);

impl PredicateType {
    /// Parses; nothing is trimmed, folded or repaired.
    ///
    /// # Errors
    /// [`MalformedPredicateType`] when `text` is empty, too long, or has white space or control
    /// characters.
    pub fn parse(text: &str) -> Result<Self, MalformedPredicateType> {
        let good = (1..=PREDICATE_TYPE_BYTES_MAX).contains(&text.len())
            && !text.contains(|c: char| c.is_whitespace() || c.is_control());
        if good { Ok(Self(text.to_owned())) } else { Err(MalformedPredicateType) }
    }

    /// What was given, for exports.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form to match on and to sign: a short name becomes a URI under
    /// [`PREDICATE_PREFIX`]; everything else is itself.
    #[must_use]
    pub fn resolved(&self) -> Cow<'_, str> {
        if SHORT_NAMES.contains(&self.as_str()) {
            Cow::Owned([PREDICATE_PREFIX, &self.0].concat())
        } else {
            Cow::Borrowed(&self.0)
        }
    }

    /// Whether both name one type.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.resolved() == other.resolved()
    }
}

impl fmt::Display for PredicateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PredicateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PredicateType {
    type Err = MalformedPredicateType;

    fn from_str(text: &str) -> Result<Self, MalformedPredicateType> {
        Self::parse(text)
    }
}

impl Serialize for PredicateType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PredicateType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A text that cannot be a predicate type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "predicate type is malformed: expected a URI or a short name, 1 to \
     {PREDICATE_TYPE_BYTES_MAX} bytes without white space"
)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing more to say")]
pub struct MalformedPredicateType;

/// The short names of the runbook, which are no URIs (traps HA-29).
const SHORT_NAMES: [&str; 5] = [
    "evidence.stella/v1",
    "reasoning.stella/v1",
    "cdx-vex.stella/v1",
    "proofspine.stella/v1",
    "verdict.stella/v1",
];
