//! Why and from when a key, or an anchor's belief in it, ends.

use alloc::string::String;
use core::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::time::Timestamp;

/// A revocation given at the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "a new member must be decided about everywhere")]
pub struct Revocation {
    /// Why.
    pub reason: Reason,
    /// From when the key is not to be used.
    pub effective_at: Timestamp,
    /// For a compromise: since when somebody else may have had it (RFC 5280 section 5.3.2);
    /// `None` when that is not known.
    pub invalidity_date: Option<Timestamp>,
    /// For a compromise: what leaked.
    pub scope: CompromiseScope,
}

impl Revocation {
    /// The end of the key's windows: the effective time, and for a compromise the earlier of
    /// it and the invalidity date.
    #[must_use]
    pub fn ends_at(&self) -> Timestamp {
        let invalid = self.invalidity_date.filter(|_| self.reason.is_compromise());
        invalid.map_or(self.effective_at, |date| date.min(self.effective_at))
    }
}

/// What a compromise reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum CompromiseScope {
    /// The key alone: this server's own log still counts as evidence.
    Key,
    /// The server with it: times that only this server vouches for prove nothing.
    Server,
}

/// A reason from the closed list (RFC 5280 section 5.3.1), each with the runbook's words as
/// aliases. Free text would decide about security (traps HA-32).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum Reason {
    /// Not said, and not a compromise.
    Unspecified,
    /// Replaced by another key: `superseded`, `annual-rotation`, `rotation`.
    Superseded,
    /// No longer needed: `cessationOfOperation`, `retired`.
    CessationOfOperation,
    /// Its holder changed: `affiliationChanged`.
    AffiliationChanged,
    /// Its permission was withdrawn: `privilegeWithdrawn`.
    PrivilegeWithdrawn,
    /// Somebody else may have it: `keyCompromise`, `compromise`.
    KeyCompromise,
}

impl Reason {
    /// The closed list.
    pub const ALL: [Self; 6] = [
        Self::Unspecified,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::AffiliationChanged,
        Self::PrivilegeWithdrawn,
        Self::KeyCompromise,
    ];

    /// The RFC 5280 word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
            Self::AffiliationChanged => "affiliationChanged",
            Self::PrivilegeWithdrawn => "privilegeWithdrawn",
            Self::KeyCompromise => "keyCompromise",
        }
    }

    /// Other words that are read for it.
    #[must_use]
    pub const fn aliases(self) -> &'static [&'static str] {
        match self {
            Self::Unspecified | Self::AffiliationChanged | Self::PrivilegeWithdrawn => &[],
            Self::Superseded => &["annual-rotation", "rotation", "scheduled-rotation"],
            Self::CessationOfOperation => &["cessation-of-operation", "retired", "operator_action"],
            Self::KeyCompromise => &["compromise", "compromised", "key-compromise"],
        }
    }

    /// Whether what the key signed before is in doubt as well.
    #[must_use]
    pub const fn is_compromise(self) -> bool {
        match self {
            Self::KeyCompromise => true,
            Self::Unspecified
            | Self::Superseded
            | Self::CessationOfOperation
            | Self::AffiliationChanged
            | Self::PrivilegeWithdrawn => false,
        }
    }

    /// Whether `later` may follow this reason: reasons only escalate.
    #[must_use]
    pub const fn may_become(self, later: Self) -> bool {
        later.is_compromise() || !self.is_compromise()
    }

    /// The reason of an imported document: a word that is not known is read as a compromise,
    /// the reading that trusts least.
    #[must_use]
    pub fn imported(text: &str) -> Self {
        text.parse().unwrap_or(Self::KeyCompromise)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, UnknownReason> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.name() == text || reason.aliases().contains(&text))
            .ok_or_else(|| UnknownReason(text.chars().take(64).collect()))
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A word that is not in the closed list: refused, because a typo must not kill a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "reason `{0}` is unknown: expected superseded (annual-rotation), cessationOfOperation \
     (retired), affiliationChanged, privilegeWithdrawn, keyCompromise (compromise) or unspecified"
)]
pub struct UnknownReason(String);
