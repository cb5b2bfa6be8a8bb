//! How verifications went, by anchor and day: what the success rate and the metrics show.
//!
//! Counts are gathered in memory and written now and then; no decision rests on them.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use keyward_lifecycle::{
    event::{Fact, RootFact},
    id::{AnchorId, KeyId},
    verify::{Outcome, Verdict},
};
use serde::{Deserialize, Serialize};

use crate::{
    engine::{Keyward, Shared, unavailable},
    storage::{Item, ItemChange, Shelf},
    writer::{ExecuteError, Receipt},
};

/// Days that a success rate looks back on, today included.
pub const WINDOW_DAYS: i64 = 28;
/// Most distinct failures counted between two writes.
const FAILURES_MAX: usize = 10_000;

/// Counts since the last write, and totals since the start.
#[derive(Default)]
pub(crate) struct Counts {
    pending: Mutex<HashMap<(AnchorId, i64), Day>>,
    failures: Mutex<HashMap<Failure, u64>>,
    lookups: AtomicU64,
    rotations_refused: AtomicU64,
    accesses_refused: AtomicU64,
}

/// One anchor's day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "what is counted")]
pub struct Day {
    /// Verdicts valid.
    pub valid: u64,
    /// Verdicts invalid.
    pub invalid: u64,
    /// Verdicts indeterminate.
    pub indeterminate: u64,
}

/// A verification that did not end valid (SO-042).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(clippy::exhaustive_structs, reason = "the metric's labels")]
pub struct Failure {
    /// Before which anchor, if one was found.
    pub anchor_id: Option<AnchorId>,
    /// By which key, if one was.
    pub key_id: Option<KeyId>,
    /// Why.
    pub reason: &'static str,
}

impl Counts {
    pub(crate) fn note(&self, verdict: &Verdict) {
        if verdict.key_id.is_some() {
            self.lookups.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(anchor) = verdict.anchor_id {
            let day = verdict.view.time.seconds().div_euclid(86_400);
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            let count = pending.entry((anchor, day)).or_default();
            let slot = match verdict.outcome {
                Outcome::Valid => &mut count.valid,
                Outcome::Invalid => &mut count.invalid,
                Outcome::Indeterminate => &mut count.indeterminate,
            };
            *slot = slot.saturating_add(1);
        }
        if verdict.outcome != Outcome::Valid {
            let failure = Failure {
                anchor_id: verdict.anchor_id,
                key_id: verdict.key_id.clone(),
                reason: verdict.reason.name(),
            };
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            if failures.len() < FAILURES_MAX || failures.contains_key(&failure) {
                let count = failures.entry(failure).or_default();
                *count = count.saturating_add(1);
            }
        }
    }
}

impl Shared {
    /// Counts what was refused about the root key.
    pub(crate) fn count_refused(&self, receipt: &Receipt) {
        for (_, fact) in &receipt.events {
            if let Fact::Root(RootFact::RotationRefused { .. }) = fact {
                self.counts.rotations_refused.fetch_add(1, Ordering::Relaxed);
            }
            if let Fact::Root(RootFact::AccessRefused { count, .. }) = fact {
                self.counts.accesses_refused.fetch_add(*count, Ordering::Relaxed);
            }
        }
    }
}

impl Keyward {
    /// Rotations of the root key that were refused or failed, and attempts to unseal that failed,
    /// since the start (RK-042).
    #[must_use]
    pub fn root_refused(&self) -> (u64, u64) {
        let Counts { rotations_refused, accesses_refused, .. } = &self.shared.counts;
        (rotations_refused.load(Ordering::Relaxed), accesses_refused.load(Ordering::Relaxed))
    }

    /// Counts a look at a key's windows that no verification made.
    pub fn count_lookup(&self) {
        self.shared.counts.lookups.fetch_add(1, Ordering::Relaxed);
    }

    /// How many times a key's windows were looked at since the start, by verifications and by
    /// those who asked about the key (SO-144).
    #[must_use]
    pub fn lookups(&self) -> u64 {
        self.shared.counts.lookups.load(Ordering::Relaxed)
    }

    /// Failed verifications since the start.
    #[must_use]
    pub fn failures(&self) -> Vec<(Failure, u64)> {
        let failures = self.shared.counts.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = failures.iter().map(|(key, count)| (key.clone(), *count)).collect();
        all.sort();
        all
    }

    /// An anchor's verdicts over the last [`WINDOW_DAYS`] days.
    ///
    /// # Errors
    /// [`ExecuteError::Unavailable`].
    pub fn verifications(&self, anchor: AnchorId) -> Result<Day, ExecuteError> {
        let today = self.now().seconds().div_euclid(86_400);
        let mut total = Day::default();
        let first = today.saturating_sub(WINDOW_DAYS).saturating_add(1);
        for day in first..=today {
            total.add(self.stored(anchor, day)?);
            let pending = self.shared.counts.pending.lock().unwrap_or_else(PoisonError::into_inner);
            total.add(pending.get(&(anchor, day)).copied().unwrap_or_default());
        }
        Ok(total)
    }

    /// Writes what waits of counts and forgeries. Failing to costs nothing but the counts.
    pub fn flush_counts(&self) {
        self.flush_forgeries();
        let pending = {
            let mut pending =
                self.shared.counts.pending.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *pending)
        };
        if pending.is_empty() || self.shared.is_halted() {
            return;
        }
        let mut items = Vec::new();
        for ((anchor, day), count) in pending {
            let Ok(mut total) = self.stored(anchor, day) else { continue };
            total.add(count);
            if let Ok(bytes) = serde_json::to_vec(&total) {
                let name = count_name(anchor, day);
                items.push(ItemChange::Put(Shelf::Count, Item { name, bytes }));
            }
        }
        drop(self.keep(items));
    }

    fn stored(&self, anchor: AnchorId, day: i64) -> Result<Day, ExecuteError> {
        let found = self.shared.storage.item(Shelf::Count, &count_name(anchor, day));
        let bytes = found.map_err(|error| unavailable(&error))?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
    }
}

impl Day {
    fn add(&mut self, other: Self) {
        self.valid = self.valid.saturating_add(other.valid);
        self.invalid = self.invalid.saturating_add(other.invalid);
        self.indeterminate = self.indeterminate.saturating_add(other.indeterminate);
    }

    /// All verdicts.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.valid.saturating_add(self.invalid).saturating_add(self.indeterminate)
    }

    /// Valid ones among them as a whole percentage, rounded down; `None` if there are none.
    #[must_use]
    pub const fn success_percent(self) -> Option<u64> {
        self.valid.saturating_mul(100).checked_div(self.total())
    }
}

fn count_name(anchor: AnchorId, day: i64) -> Vec<u8> {
    [anchor.as_bytes().as_slice(), &day.to_be_bytes()].concat()
}
