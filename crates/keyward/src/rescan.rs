//! Proofs that a revocation touches are judged again (SO-044).
//!
//! A revocation queues its key in the transaction that logs it; a worker goes through what the
//! key signed until then, some at a time, and keeps the verdict beside each proof.

use keyward_lifecycle::{
    event::Event,
    id::{AnchorId, KeyId},
    state::State,
    verify::Verdict,
};
use serde::{Deserialize, Serialize};

use crate::{
    engine::{Keyward, unavailable},
    storage::{Item, ItemChange, LedgerIndex, PAGE_ROWS_MAX, Shelf},
    verification::VerifyRequest,
    writer::ExecuteError,
};

/// What a pass of the worker did.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Rescanned {
    /// Proofs judged again, with their verdicts.
    pub judged: Vec<Verdict>,
    /// Proofs that still wait.
    pub pending: u64,
}

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

impl Keyward {
    /// Judges up to `limit` of the proofs that wait.
    ///
    /// # Errors
    /// [`ExecuteError`]; what was judged until then is done.
    pub fn rescan(&self, limit: u32) -> Result<Rescanned, ExecuteError> {
        let mut done = Rescanned::default();
        let mut left = limit;
        for (name, task) in self.tasks()? {
            if left == 0 {
                break;
            }
            let places = self.waiting(&task, task.done, left)?;
            for place in &places {
                done.judged.extend(self.judge_again(*place)?);
            }
            left = left.saturating_sub(u32::try_from(places.len()).unwrap_or(u32::MAX));
            let last = places.last().copied().or(task.done);
            // Fewer than were asked for is not the end; none is.
            let change = if self.waiting(&task, last, 1)?.is_empty() {
                ItemChange::Remove(Shelf::Rescan, name)
            } else {
                let task = Task { done: last, ..task };
                let bytes = serde_json::to_vec(&task).map_err(|error| unavailable(&error))?;
                ItemChange::Put(Shelf::Rescan, Item { name, bytes })
            };
            self.keep(vec![change])?;
        }
        done.pending = self.pending_rescans(None)?;
        Ok(done)
    }

    /// How many proofs wait to be judged again: all, or those that touch one anchor.
    ///
    /// # Errors
    /// [`ExecuteError::Unavailable`].
    pub fn pending_rescans(&self, anchor: Option<AnchorId>) -> Result<u64, ExecuteError> {
        let state = self.state();
        let touches = |task: &Task| {
            let Some(anchor) = anchor else { return true };
            let member = state.anchor_number(&anchor).zip(state.key(&task.key_id));
            let member = member.is_some_and(|(number, key)| key.membership(number).is_some());
            member && task.anchor_id.is_none_or(|only| only == anchor)
        };
        let mut pending = 0_u64;
        for (_, task) in self.tasks()?.into_iter().filter(|(_, task)| touches(task)) {
            let mut after = task.done;
            loop {
                let places = self.waiting(&task, after, PAGE_ROWS_MAX)?;
                let Some(last) = places.last() else { break };
                after = Some(*last);
                pending = pending.saturating_add(places.len() as u64);
            }
        }
        Ok(pending)
    }

    fn tasks(&self) -> Result<Vec<(Vec<u8>, Task)>, ExecuteError> {
        let mut tasks = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let items = self.shared.storage.items(Shelf::Rescan, after.as_deref(), PAGE_ROWS_MAX);
            let items = items.map_err(|error| unavailable(&error))?;
            let Some(last) = items.last() else { return Ok(tasks) };
            after = Some(last.name.clone());
            let read = |item: Item| Some((item.name, serde_json::from_slice(&item.bytes).ok()?));
            tasks.extend(items.into_iter().filter_map(read));
        }
    }

    fn waiting(
        &self,
        task: &Task,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<u64>, ExecuteError> {
        let state = self.state();
        let Some(key) = state.key(&task.key_id) else { return Ok(Vec::new()) };
        let find = LedgerIndex::Key(key.record.fingerprint);
        let places = self.shared.storage.ledger(find, after, limit);
        places.map_err(|error| unavailable(&error))
    }

    fn judge_again(&self, place: u64) -> Result<Option<Verdict>, ExecuteError> {
        let entry = self.shared.entry(place).map_err(|error| unavailable(&error))?;
        let Some(entry) = entry else { return Ok(None) };
        // A proof whose bytes are not its own any more has no verdict, and holds up no other.
        let Some(envelope) = self.intact_envelope(&entry.proof)? else { return Ok(None) };
        self.verify(&VerifyRequest::new(envelope)).map(Some)
    }
}
