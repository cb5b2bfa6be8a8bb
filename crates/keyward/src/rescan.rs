//! Proofs that a revocation touches are judged again (SO-044).
//!
//! A revocation queues its key in the transaction that logs it; a worker goes through what the
//! key signed until then, some at a time, and keeps the verdict beside each proof.

use keyward_lifecycle::{
    event::Event,
    id::{AnchorId, KeyId},
    state::State,
};
use serde::{Deserialize, Serialize};

use crate::storage::{Item, ItemChange, Shelf};

/// What is left to do for one revocation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Task {
    pub(crate) key_id: KeyId,
    pub(crate) anchor_id: Option<AnchorId>,
    /// The last place of the ledger that is done.
    pub(crate) done: Option<u64>,
    /// Leaves of the log, the revocation included.
    pub(crate) position: u64,
}

/// The change that queues a revocation.
pub(crate) fn queue(
    state: &State,
    key_id: &KeyId,
    anchor_id: Option<AnchorId>,
    event: &Event,
) -> Option<ItemChange> {
    let key_id = state.key(key_id)?.record.key_id.clone();
    let position = event.seq.saturating_add(1);
    let task = Task { key_id, anchor_id, done: None, position };
    let bytes = serde_json::to_vec(&task).ok()?;
    let name = event.seq.to_be_bytes().to_vec();
    Some(ItemChange::Put(Shelf::Rescan, Item { name, bytes }))
}
