//! Good signatures that this store never made: what shows that somebody else has a key.
//!
//! Each is kept once, with when it was first shown, for the report of its key. No decision rests
//! on them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
};

use keyward_lifecycle::{
    id::{Digest, Fingerprint, KeyId},
    time::Timestamp,
    verify::{Unentered, Verdict},
};
use serde::{Deserialize, Serialize};

use crate::{
    engine::{Keyward, unavailable},
    storage::{Item, ItemChange, Shelf},
    writer::ExecuteError,
};

/// Most of one key's that are kept.
pub const FORGERIES_MAX: u32 = 10_000;
/// Most that wait to be kept.
const PENDING_MAX: usize = 10_000;

/// What was shown since the last write, and how often whose since the start.
#[derive(Default)]
pub(crate) struct Forgeries {
    pending: Mutex<HashMap<Name, Seen>>,
    shown: Mutex<BTreeMap<Fingerprint, u64>>,
}

/// Whose signature, and its SHA-256.
type Name = (Fingerprint, Digest);

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Seen {
    pae: Digest,
    first_shown: Timestamp,
}

/// A signature by a key that the ledger lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Forgery {
    /// SHA-256 of the signature.
    pub signature: Digest,
    /// Over what: SHA-256 of the PAE.
    pub pae: Digest,
    /// When it was shown to this store first.
    pub first_shown: Timestamp,
}

impl Forgeries {
    pub(crate) fn note(&self, verdict: &Verdict) {
        for Unentered { fingerprint, pae, signature } in &verdict.unentered {
            let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
            let count = shown.entry(*fingerprint).or_default();
            *count = count.saturating_add(1);
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            let name = (*fingerprint, *signature);
            if pending.len() < PENDING_MAX {
                let seen = Seen { pae: *pae, first_shown: verdict.view.time };
                let known = pending.entry(name).or_insert(seen);
                known.first_shown = known.first_shown.min(seen.first_shown);
            }
        }
    }

    fn pending(&self) -> HashMap<Name, Seen> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn forget(&self, kept: &HashMap<Name, Seen>) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.retain(|name, _| !kept.contains_key(name));
    }
}

impl Keyward {
    /// How often good signatures that the ledger lacks were shown since the start, by key.
    #[must_use]
    pub fn forgeries_shown(&self) -> Vec<(KeyId, u64)> {
        let shown = self.shared.forgeries.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.state();
        let named = |(fingerprint, count): (&Fingerprint, &u64)| {
            Some((state.key_of(fingerprint)?.record.key_id.clone(), *count))
        };
        shown.iter().filter_map(named).collect()
    }

    /// The signatures by a key that the ledger lacks, at most [`FORGERIES_MAX`], the first shown
    /// first.
    ///
    /// # Errors
    /// [`ExecuteError::Unavailable`].
    pub fn forgeries(&self, fingerprint: &Fingerprint) -> Result<Vec<Forgery>, ExecuteError> {
        let pending = self.shared.forgeries.pending();
        let own = pending.into_iter().filter(|((whose, _), _)| whose == fingerprint);
        let mut all: HashMap<Digest, Seen> =
            own.map(|((_, signature), seen)| (signature, seen)).collect();
        // What is kept already was shown before.
        all.extend(self.kept_forgeries(fingerprint)?);
        let forgery =
            |(signature, Seen { pae, first_shown })| Forgery { signature, pae, first_shown };
        let mut all: Vec<Forgery> = all.into_iter().map(forgery).collect();
        all.sort_by_key(|one| (one.first_shown, one.signature));
        all.truncate(usize::try_from(FORGERIES_MAX).unwrap_or(usize::MAX));
        Ok(all)
    }

    /// Keeps those that wait. Should it fail, they wait on.
    pub(crate) fn flush_forgeries(&self) {
        let pending = self.shared.forgeries.pending();
        if pending.is_empty() || self.shared.is_halted() {
            return;
        }
        if let Ok(items) = self.new_forgeries(&pending)
            && (items.is_empty() || self.keep(items).is_ok())
        {
            self.shared.forgeries.forget(&pending);
        }
    }

    fn new_forgeries(
        &self,
        pending: &HashMap<Name, Seen>,
    ) -> Result<Vec<ItemChange>, ExecuteError> {
        let mut by_key: BTreeMap<Fingerprint, Vec<(Digest, Seen)>> = BTreeMap::new();
        for ((fingerprint, signature), seen) in pending {
            by_key.entry(*fingerprint).or_default().push((*signature, *seen));
        }
        let mut items = Vec::new();
        for (fingerprint, shown) in by_key {
            let kept: HashMap<Digest, Seen> = self.kept_forgeries(&fingerprint)?.collect();
            let most = usize::try_from(FORGERIES_MAX).unwrap_or(usize::MAX);
            let new = shown.into_iter().filter(|(signature, _)| !kept.contains_key(signature));
            for (signature, seen) in new.take(most.saturating_sub(kept.len())) {
                let name =
                    [fingerprint.digest().as_bytes().as_slice(), signature.as_bytes()].concat();
                let bytes = serde_json::to_vec(&seen).map_err(|error| unavailable(&error))?;
                items.push(ItemChange::Put(Shelf::Forgery, Item { name, bytes }));
            }
        }
        Ok(items)
    }

    fn kept_forgeries(
        &self,
        fingerprint: &Fingerprint,
    ) -> Result<impl Iterator<Item = (Digest, Seen)>, ExecuteError> {
        let prefix = fingerprint.digest().as_bytes().to_vec();
        let items = self.shared.storage.items(Shelf::Forgery, Some(&prefix), FORGERIES_MAX);
        let items = items.map_err(|error| unavailable(&error))?;
        Ok(items.into_iter().filter_map(move |item| {
            let signature = item.name.strip_prefix(prefix.as_slice())?.try_into().ok()?;
            Some((Digest::from_bytes(signature), serde_json::from_slice(&item.bytes).ok()?))
        }))
    }
}
