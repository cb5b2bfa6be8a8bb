//! Why something with a secret is refused. No path is named: whoever asks knows it, and the
//! answer may be kept.

use crate::secret::{PolicyName, SecretVersion, VERSIONS_KEPT_MAX};

/// A rule about secrets says no. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "the HTTP status of each is decided in one place")]
pub enum SecretRefusal {
    /// No policy grants it.
    #[error("no policy lets you {action} that path")]
    NotPermitted {
        /// What was to be done: `read`, `write`, `list` or `delete`.
        action: &'static str,
    },
    /// Nothing is at that path.
    #[error("there is no secret at that path")]
    NoSuchSecret,
    /// The secret has no such version: it was never written, or it is gone for good.
    #[error("the secret has no version {0}")]
    NoSuchVersion(SecretVersion),
    /// The version is marked as deleted.
    #[error("version {0} of the secret is deleted")]
    Deleted(SecretVersion),
    /// The newest version is gone for good, and an older one is not given in its place.
    #[error("version {0} of the secret, its newest, was purged")]
    NewestPurged(SecretVersion),
    /// The current version is another one.
    #[error("the secret's current version is {current}, not {expected}")]
    AnotherVersion {
        /// As asked for; 0 for a secret that must not be there.
        expected: u32,
        /// As it is; 0 for a secret that is not there.
        current: u32,
    },
    /// Somebody else was faster.
    #[error("the secret was changed at the same time")]
    MovedOn,
    /// A limit that no secret may have.
    #[error("{0} versions cannot be kept; from 1 to {VERSIONS_KEPT_MAX} can")]
    BadLimit(u32),
    /// There is no such policy.
    #[error("there is no policy `{0}`")]
    NoSuchPolicy(PolicyName),
    /// There are as many policies as can be held in memory.
    #[error("there are {0} policies already")]
    TooManyPolicies(usize),
}

impl SecretRefusal {
    /// A short word that programs can rely on.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotPermitted { .. } => "not-permitted",
            Self::NoSuchSecret => "no-such-secret",
            Self::NoSuchVersion(_) => "no-such-secret-version",
            Self::Deleted(_) => "secret-deleted",
            Self::NewestPurged(_) => "secret-purged",
            Self::AnotherVersion { .. } => "another-secret-version",
            Self::MovedOn => "secret-moved-on",
            Self::BadLimit(_) => "bad-secret-limit",
            Self::NoSuchPolicy(_) => "no-such-policy",
            Self::TooManyPolicies(_) => "too-many-policies",
        }
    }

    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotPermitted { .. } => Some(
                "an admin grants it with `keyward policy set`; without a policy only admins may",
            ),
            Self::NoSuchSecret => Some("`keyward secret list` shows the paths"),
            Self::NoSuchVersion(_) => Some("`keyward secret metadata` shows the versions"),
            Self::Deleted(_) => Some("bring it back with `keyward secret undelete`"),
            Self::NewestPurged(_) => {
                Some("name an older one with --version; `keyward secret metadata` shows them")
            }
            Self::AnotherVersion { .. } => Some("read it again, and say --cas with its version"),
            Self::MovedOn => Some("try again"),
            Self::NoSuchPolicy(_) => Some("`keyward policy list` shows the policies"),
            Self::TooManyPolicies(_) => Some("put several rules into one policy"),
            Self::BadLimit(_) => None,
        }
    }
}
