//! What slots are called.

use core::{fmt, str::FromStr};

use keyward_crypto::random::{self, NoRandomness};

use crate::share::{MalformedSetId, ShareSetId};

/// A slot's name: 16 random bytes, shown as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotId(pub(super) [u8; 16]);

impl SlotId {
    pub(super) fn random() -> Result<Self, NoRandomness> {
        random::bytes::<16>().map(|bytes| Self(*bytes))
    }

    /// The id of the set of its recovery shares.
    #[must_use]
    pub const fn share_set(self) -> ShareSetId {
        ShareSetId::from_bytes(self.0)
    }
}

impl FromStr for SlotId {
    type Err = MalformedSetId;

    fn from_str(text: &str) -> Result<Self, MalformedSetId> {
        text.parse().map(|set: ShareSetId| Self(set.bytes()))
    }
}

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Most characters of a [`SlotLabel`].
pub const LABEL_CHARS_MAX: usize = 64;

/// What somebody called a slot: 1 to [`LABEL_CHARS_MAX`] characters, none a control character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotLabel(Box<str>);

/// A text that is no slot label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a slot's label has 1 to {LABEL_CHARS_MAX} characters and no control character")]
#[non_exhaustive]
pub struct MalformedLabel;

impl SlotLabel {
    /// Parses; nothing is trimmed.
    ///
    /// # Errors
    /// [`MalformedLabel`].
    pub fn parse(text: &str) -> Result<Self, MalformedLabel> {
        let length = text.chars().count();
        if (1..=LABEL_CHARS_MAX).contains(&length) && !text.chars().any(char::is_control) {
            Ok(Self(text.into()))
        } else {
            Err(MalformedLabel)
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SlotLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
