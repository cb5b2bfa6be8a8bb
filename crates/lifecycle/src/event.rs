//! What has happened: the leaves of the log, version 1 (`docs/format/event.md`).
//!
//! A leaf is the RFC 8785 form of an [`Event`]. Old versions are folded for ever; a type or a
//! version that is not known stops the start, because a fold that skips facts decides wrongly.

mod about;
mod define;
mod fact;
mod leaf;
mod root;
mod secret;

use serde::{Deserialize, Serialize};

pub use self::{fact::Fact, leaf::UnreadableLeaf, root::RootFact, secret::SecretFact};
use crate::{
    id::{ActorId, Digest},
    time::Timestamp,
};

/// One leaf: what happened, when, in which place of the log, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the leaf's format, version 1")]
pub struct Event {
    /// The format's version, 1.
    pub v: u8,
    /// The leaf's place in the log, from 0; so no two leaves are alike.
    pub seq: u64,
    /// When; never earlier than the leaf before.
    pub time: Timestamp,
    /// A pseudonym: the person behind it stands in the erasable side table.
    pub actor: ActorId,
    /// What.
    #[serde(flatten)]
    pub fact: Fact,
}

/// The format version that is written.
pub const VERSION: u8 = 1;
/// Longest leaf, in bytes; the longest that is written carries an ML-DSA-65 key (3 KB).
pub const LEAF_BYTES_MAX: usize = 1 << 20;

/// A commitment to free text or a person's name in the side table: SHA-256(salt ‖ text), with
/// a salt of 32 random bytes that is erased with the text.
pub type Commitment = Digest;
