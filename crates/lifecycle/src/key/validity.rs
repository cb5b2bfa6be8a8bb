//! Whether a key is believed at an instant, no signature given (SO-095).

use super::{Key, Membership};
use crate::time::{Timestamp, Window};

/// Where an instant lies with respect to a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the runbook's four words")]
pub enum Validity {
    /// Inside.
    Valid,
    /// Before its beginning.
    NotYetValid,
    /// At or after an end that somebody gave.
    Revoked,
    /// At or after an end that came of itself: expiry, retirement, succession.
    Expired,
}

impl Validity {
    /// The runbook's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "Valid",
            Self::NotYetValid => "NotYetValid",
            Self::Revoked => "Revoked",
            Self::Expired => "Expired",
        }
    }
}

impl Key {
    /// Whether an anchor believes the key at `at`.
    #[must_use]
    pub fn validity_in(&self, membership: &Membership, at: Timestamp) -> Validity {
        self.place(self.window(membership), at)
    }

    /// Whether the key itself is good at `at`, whatever anchors say: from its making to its
    /// revocation, expiry or not-after.
    #[must_use]
    pub fn validity(&self, at: Timestamp) -> Validity {
        self.place(self.window_of_itself(), at)
    }

    /// The window of the key itself, whatever anchors say: from its making to its revocation,
    /// expiry or not-after.
    #[must_use]
    pub fn window_of_itself(&self) -> Window {
        let revoked = self.revocation().map(super::Revocation::ends_at);
        let end = [revoked, self.record.expires_at, self.not_after()].into_iter().flatten().min();
        Window::new(self.created_at, end)
    }

    fn place(&self, window: Window, at: Timestamp) -> Validity {
        if at < window.start() {
            return Validity::NotYetValid;
        }
        match window.end() {
            Some(end) if end <= at => {
                let of_itself =
                    self.record.expires_at == Some(end) || self.not_after() == Some(end);
                if of_itself { Validity::Expired } else { Validity::Revoked }
            }
            Some(_) | None => Validity::Valid,
        }
    }
}
