//! Leaves: the bytes of an event, written and read.

use alloc::{sync::Arc, vec::Vec};

use serde::Deserialize;

use super::{Event, Fact, LEAF_BYTES_MAX, VERSION};
use crate::canonical;

impl Event {
    /// The leaf: RFC 8785 bytes.
    ///
    /// # Errors
    /// [`canonical::Uncanonical`] for a count beyond 2^53 − 1.
    pub fn to_leaf(&self) -> Result<Vec<u8>, canonical::Uncanonical> {
        canonical::to_bytes(self)
    }

    /// Reads a leaf, and demands that it is the very form that [`Event::to_leaf`] writes.
    ///
    /// # Errors
    /// [`UnreadableLeaf`] says whether it is newer than this program or damaged.
    pub fn from_leaf(seq: u64, leaf: &[u8]) -> Result<Self, UnreadableLeaf> {
        let damaged = || UnreadableLeaf::Damaged { seq };
        if leaf.len() > LEAF_BYTES_MAX {
            return Err(damaged());
        }
        let head: LeafHead = serde_json::from_slice(leaf).map_err(|_| damaged())?;
        if head.v != VERSION || !Fact::TYPES.contains(&&*head.r#type) {
            return Err(UnreadableLeaf::Newer { seq, version: head.v, type_name: head.r#type });
        }
        let event: Self = serde_json::from_slice(leaf).map_err(|_| damaged())?;
        let same = event.to_leaf().is_ok_and(|written| written == leaf);
        if same && event.seq == seq { Ok(event) } else { Err(damaged()) }
    }
}

#[derive(Deserialize)]
struct LeafHead {
    v: u8,
    r#type: Arc<str>,
}

/// A leaf that cannot be folded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "the two cases ask for different acts")]
pub enum UnreadableLeaf {
    /// Written by a newer program.
    #[error(
        "leaf {seq} is of type {type_name}, version {version}, which this program does not know; \
         run the program that wrote it, or a newer one"
    )]
    Newer {
        /// Its place.
        seq: u64,
        /// Its version.
        version: u8,
        /// Its type.
        type_name: Arc<str>,
    },
    /// Not a leaf that any version wrote.
    #[error("leaf {seq} is damaged; restore the store from a backup")]
    Damaged {
        /// Its place.
        seq: u64,
    },
}
