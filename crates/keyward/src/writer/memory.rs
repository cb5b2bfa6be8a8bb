//! What the writer remembers between batches, and may lose.

use std::{collections::HashMap, sync::Arc};

use keyward_lifecycle::{id::KeyId, time::Timestamp};

/// A kind of refusal: which command, why, about which key.
pub(crate) type Kind = (Arc<str>, Arc<str>, Option<KeyId>);

/// Uses consumed, and uses granted to this process.
type Uses = (u64, u64);
/// When the last refusal of a kind was logged, and how many came since.
type Refusals = (Timestamp, u64);

/// What the writer remembers between batches. What a batch changes here is taken back if the
/// batch is not written.
#[derive(Default)]
pub(crate) struct Memory {
    uses: HashMap<KeyId, Uses>,
    uses_before: Vec<(KeyId, Option<Uses>)>,
    refusals: HashMap<Kind, Refusals>,
    refusals_before: Vec<(Kind, Option<Refusals>)>,
    /// Whether this process opened buffered signing, and has lost nothing of it: only then is
    /// it closed as whole.
    pub(super) ledger_whole: bool,
}

/// Most kinds of refusal remembered between two entries of the log.
const REFUSAL_KINDS_MAX: usize = 10_000;

impl Memory {
    /// Before a batch.
    pub(super) fn begin(&mut self) {
        self.uses_before.clear();
        self.refusals_before.clear();
    }

    /// After a batch that was not written.
    pub(super) fn take_back(&mut self) {
        for (key_id, before) in self.uses_before.drain(..).rev() {
            match before {
                Some(uses) => drop(self.uses.insert(key_id, uses)),
                None => drop(self.uses.remove(&key_id)),
            }
        }
        for (kind, before) in self.refusals_before.drain(..).rev() {
            match before {
                Some(refusals) => drop(self.refusals.insert(kind, refusals)),
                None => drop(self.refusals.remove(&kind)),
            }
        }
    }

    pub(super) fn uses(&self, key_id: &KeyId) -> Option<Uses> {
        self.uses.get(key_id).copied()
    }

    pub(super) fn set_uses(&mut self, key_id: &KeyId, uses: Uses) {
        let before = self.uses.insert(key_id.clone(), uses);
        self.uses_before.push((key_id.clone(), before));
    }

    /// What is left of every block that this process was granted.
    pub(super) fn unused(&mut self) -> Vec<(KeyId, u64)> {
        let left = std::mem::take(&mut self.uses).into_iter();
        left.filter(|(_, (used, granted))| used < granted)
            .map(|(id, (used, _))| (id, used))
            .collect()
    }

    pub(super) fn refusals(&self, kind: &Kind) -> Option<Refusals> {
        self.refusals.get(kind).copied()
    }

    pub(super) fn set_refusals(&mut self, kind: Kind, refusals: Refusals) {
        if self.refusals.len() >= REFUSAL_KINDS_MAX && !self.refusals.contains_key(&kind) {
            self.refusals.clear();
            self.refusals_before.clear();
        }
        let before = self.refusals.insert(kind.clone(), refusals);
        self.refusals_before.push((kind, before));
    }

    /// Refusals that were counted and not logged.
    pub(super) fn unlogged(&mut self) -> Vec<(Kind, u64)> {
        let waiting = std::mem::take(&mut self.refusals).into_iter();
        waiting
            .filter(|(_, (_, count))| *count > 0)
            .map(|(kind, (_, count))| (kind, count))
            .collect()
    }
}
