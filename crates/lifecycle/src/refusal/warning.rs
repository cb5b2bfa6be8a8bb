//! What is allowed and may not be what was meant.

use core::fmt;

use crate::{
    id::{AnchorId, KeyId},
    pattern,
};

/// What was done is allowed, and may not be what was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum Warning {
    /// The old key ends less than two weeks after the new key came (SO-043).
    TransitionShort {
        /// Days between them.
        days: i64,
    },
    /// The old key ends more than four weeks after the new key came.
    TransitionLong {
        /// Days between them.
        days: i64,
    },
    /// The anchor is left with no key that is believed from now on.
    LastKey(AnchorId),
    /// The key is known and does not sign yet.
    Staged {
        /// The key.
        key_id: KeyId,
        /// The signer of its profile.
        signer: Option<KeyId>,
    },
    /// A key is believed in anchors where the key that it replaces never was.
    ScopeExpanded {
        /// In how many.
        anchors: usize,
    },
    /// The pattern may match more or less than it seems to.
    Pattern(pattern::Warning),
    /// The window is empty: the key is believed at no time.
    EmptyWindow(AnchorId),
    /// The successor was known to verifiers only for a short time before it signs (HA-31).
    PromotedSoon {
        /// Seconds since its last addition to an anchor.
        seconds: i64,
    },
    /// The key verifies only, so nothing that it signs from now on is believed.
    NotSigning(KeyId),
    /// Keys that an import names and nobody registered: they are shown and verify nothing.
    Unregistered(KeyId),
    /// No date since when the key leaked: nothing that it signed before is more than
    /// indeterminate.
    InvalidityUnknown,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TransitionShort { days } => write!(
                f,
                "the transition is {days} days; two to four weeks are recommended, so that \
                 verifiers know the new key"
            ),
            Self::TransitionLong { days } => {
                write!(f, "the transition is {days} days; two to four weeks are recommended")
            }
            Self::LastKey(anchor_id) => {
                write!(f, "trust anchor {anchor_id} has no key left that is believed from then on")
            }
            Self::Staged { key_id, signer: Some(signer) } => {
                write!(
                    f,
                    "`{key_id}` is staged: `{signer}` signs until `keyward key promote {key_id}`"
                )
            }
            Self::Staged { key_id, signer: None } => {
                write!(f, "`{key_id}` is staged: it signs after `keyward key promote {key_id}`")
            }
            Self::ScopeExpanded { anchors } => write!(
                f,
                "the key is now believed by every active anchor ({anchors} more); --affected-by KEY \
                 adds it only where that key was"
            ),
            Self::Pattern(warning) => fmt::Display::fmt(warning, f),
            Self::EmptyWindow(anchor_id) => {
                write!(f, "the key is believed at no time in trust anchor {anchor_id}")
            }
            Self::PromotedSoon { seconds } => write!(
                f,
                "verifiers have known the key for {seconds} s; those that have not fetched it \
                 since refuse what it signs"
            ),
            Self::NotSigning(key_id) => write!(f, "`{key_id}` does not sign any more"),
            Self::Unregistered(key_id) => {
                write!(f, "`{key_id}` is not registered here: it is shown and verifies nothing")
            }
            Self::InvalidityUnknown => f.write_str(
                "it is not known since when the key leaked: proofs from before are at best \
                 indeterminate; say --compromised-since when it is known",
            ),
        }
    }
}
