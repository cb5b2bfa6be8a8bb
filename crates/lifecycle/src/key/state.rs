//! The one table of key states (design: key states; LC-001, LC-002).

use core::fmt;

use serde::{Deserialize, Serialize};

/// Where a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every state")]
pub enum Status {
    /// Known to verifiers, not yet signing.
    Staged,
    /// Signs.
    Active,
    /// Signs, while its successor is prepared.
    Rotating,
    /// Verifies only.
    Deprecated,
    /// Refuses every new operation; what it signed before is judged by the verdict table.
    Revoked,
    /// As revoked, and what it signed needs evidence from before the compromise. Terminal.
    Compromised,
}

/// A step from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the table decides about every move")]
pub enum Move {
    /// STAGED becomes the signer.
    Promote,
    /// The signer's successor is being prepared.
    BeginRotation,
    /// The rotation is called off: ROTATING signs on; STAGED is set aside.
    AbortRotation,
    /// The successor signs now.
    CompleteRotation,
    /// It signs no more, without a successor.
    Retire,
    /// It is not to be used any more.
    Revoke,
    /// Somebody else may have it.
    Compromise,
}

impl Status {
    /// Where `step` leads from here; `None` when the table has no such move.
    #[must_use]
    pub const fn after(self, step: Move) -> Option<Self> {
        match (self, step) {
            (Self::Staged, Move::Promote) | (Self::Rotating, Move::AbortRotation) => {
                Some(Self::Active)
            }
            (Self::Active, Move::BeginRotation) => Some(Self::Rotating),
            (Self::Staged, Move::AbortRotation)
            | (Self::Active, Move::Retire)
            | (Self::Rotating, Move::CompleteRotation) => Some(Self::Deprecated),
            (Self::Staged | Self::Active | Self::Rotating | Self::Deprecated, Move::Revoke) => {
                Some(Self::Revoked)
            }
            (
                Self::Staged | Self::Active | Self::Rotating | Self::Deprecated | Self::Revoked,
                Move::Compromise,
            ) => Some(Self::Compromised),
            (
                Self::Staged
                | Self::Active
                | Self::Rotating
                | Self::Deprecated
                | Self::Revoked
                | Self::Compromised,
                _,
            ) => None,
        }
    }

    /// Whether a key in this state may make signatures.
    #[must_use]
    pub const fn signs(self) -> bool {
        match self {
            Self::Active | Self::Rotating => true,
            Self::Staged | Self::Deprecated | Self::Revoked | Self::Compromised => false,
        }
    }

    /// The public word, in capitals.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Staged => "STAGED",
            Self::Active => "ACTIVE",
            Self::Rotating => "ROTATING",
            Self::Deprecated => "DEPRECATED",
            Self::Revoked => "REVOKED",
            Self::Compromised => "COMPROMISED",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_compromised_and_only_two_states_sign() {
        // LC-002, LC-003
        let moves = [
            Move::Promote,
            Move::BeginRotation,
            Move::AbortRotation,
            Move::CompleteRotation,
            Move::Retire,
            Move::Revoke,
            Move::Compromise,
        ];
        assert!(moves.iter().all(|step| Status::Compromised.after(*step).is_none()));
        assert_eq!(Status::Revoked.after(Move::Compromise), Some(Status::Compromised));
        assert_eq!(Status::Revoked.after(Move::Promote), None);
        assert!(Status::Active.signs() && Status::Rotating.signs());
        assert!(!Status::Deprecated.signs() && !Status::Staged.signs());
    }
}
