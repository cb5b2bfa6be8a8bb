//! What comes to a key after its making; most keys of a large store have nothing of it.

use alloc::{boxed::Box, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{Reason, Revocation};
use crate::{
    id::{ContentId, KeyId},
    time::Timestamp,
};

/// What came to a key, apart from its standing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Course {
    pub(crate) not_after: Option<Timestamp>,
    pub(crate) revocation: Option<Revocation>,
    pub(crate) succession: Option<Box<Succession>>,
    pub(crate) destroyed_at: Option<Timestamp>,
    pub(crate) usage_granted: u64,
    /// The memberships that ended, by anchor number.
    pub(crate) ended: Vec<Ended>,
}

/// A key's successor, and how far the step from one to the other has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "a new member must be decided about everywhere")]
pub struct Succession {
    /// The key that follows.
    pub successor: KeyId,
    /// The statement that both keys signed, once it is logged.
    pub statement: Option<ContentId>,
    /// When the statement was logged.
    pub attested_at: Option<Timestamp>,
}

/// The end of an anchor's belief, given there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) anchor: u32,
    pub(crate) reason: Reason,
    pub(crate) at: Timestamp,
}

impl Course {
    /// The end that was given in `anchor`.
    pub(crate) fn ended(&self, anchor: u32) -> Option<&Ended> {
        let found = self.ended.binary_search_by_key(&anchor, |ended| ended.anchor).ok()?;
        self.ended.get(found)
    }

    /// Ends one membership, or gives it another end.
    pub(crate) fn end(&mut self, ended: Ended) {
        match self.ended.binary_search_by_key(&ended.anchor, |ended| ended.anchor) {
            Ok(place) => {
                if let Some(there) = self.ended.get_mut(place) {
                    *there = ended;
                }
            }
            Err(place) => self.ended.insert(place, ended),
        }
    }
}
