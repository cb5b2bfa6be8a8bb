//! The ledger's evidence for many signatures at once: their entries are read together, and those
//! that one checkpoint contains are proven together, by one computation of its root.
//!
//! It only spares work: what is not found proven here is looked for one by one.

use std::collections::{BTreeSet, HashMap};

use keyward_lifecycle::{
    audit::tree::{NodeAt, leaf_hash},
    id::{Digest, Fingerprint},
    ledger::{Entry, SignedHead, bound_together, evidence_of},
    verify::{EvidenceSource, judge::Evidence},
};

use super::{CHECKPOINTS_TRIED, ENTRIES_TRIED, Known};
use crate::{
    engine::Shared,
    storage::{ReadError, Shelf, Tree},
    tree::hash_in,
};

/// Whose signature it is, over what (SHA-256 of the PAE), and its SHA-256.
pub(super) type Asked = (Fingerprint, Digest, Digest);

/// Evidence that was found, of signatures that were asked for.
#[derive(Default)]
pub(super) struct Gathered(HashMap<Asked, Evidence>);

/// What was gathered, then what is known else.
pub(super) struct Gathering<'g> {
    pub(super) gathered: &'g Gathered,
    pub(super) known: Known<'g>,
}

impl EvidenceSource for Gathering<'_> {
    fn evidence(&self, fingerprint: &Fingerprint, pae: &Digest, signature: &Digest) -> Evidence {
        match self.gathered.0.get(&(*fingerprint, *pae, *signature)) {
            Some(evidence) => evidence.clone(),
            None => self.known.evidence(fingerprint, pae, signature),
        }
    }
}

/// An entry that was asked for, and the hash of its leaf.
struct Found {
    entry: Entry,
    hash: Digest,
}

impl Gathered {
    /// Gathers evidence for those signatures. What cannot be read is left out.
    pub(super) fn of(shared: &Shared, asked: &[Asked]) -> Self {
        let mut gathered = Self::default();
        let Ok(found) = find(shared, asked) else { return gathered };
        let Ok(groups) = by_checkpoint(shared, found) else { return gathered };
        for (head, group) in groups {
            let leaves: Vec<_> = group.iter().map(|found| (found.entry.seq, found.hash)).collect();
            let Ok(nodes) = nodes_beside(shared, &leaves, &head) else { continue };
            let mut fetch = |at: NodeAt| nodes.get(&at).copied().ok_or(());
            let Ok(Some(bound)) = bound_together(&leaves, &head, &mut fetch) else { continue };
            for Found { entry, hash: _ } in group {
                let evidence = evidence_of(&entry, bound);
                gathered.0.insert((entry.fingerprint, entry.pae, entry.signature), evidence);
            }
        }
        gathered
    }
}

/// The entries of those signatures, in the order of their places, each once.
fn find(shared: &Shared, asked: &[Asked]) -> Result<Vec<Found>, ReadError> {
    let pairs: Vec<_> = asked.iter().map(|(key, pae, _)| (*key, *pae)).collect();
    let wanted: std::collections::HashSet<&Asked> = asked.iter().collect();
    let mut leaves = shared.storage.signed(&pairs, ENTRIES_TRIED)?;
    leaves.sort_unstable_by_key(|(place, _)| *place);
    leaves.dedup_by_key(|(place, _)| *place);
    let mut seen = std::collections::HashSet::new();
    let found = leaves.into_iter().filter_map(|(place, leaf)| {
        let entry = Entry::from_leaf(place, &leaf)?;
        let name = (entry.fingerprint, entry.pae, entry.signature);
        // Of two entries for one signature the first counts, as when it is looked for alone.
        let counts = wanted.contains(&name) && seen.insert(name);
        counts.then(|| Found { hash: leaf_hash(&leaf), entry })
    });
    Ok(found.collect())
}

/// Every entry with the earliest checkpoint that contains it; without one it is left out.
fn by_checkpoint(
    shared: &Shared,
    found: Vec<Found>,
) -> Result<Vec<(SignedHead, Vec<Found>)>, ReadError> {
    let mut groups: Vec<(SignedHead, Vec<Found>)> = Vec::new();
    let (mut second, mut heads) = (None, Vec::new());
    let authority = shared.authority();
    for one in found {
        let made = u64::try_from(one.entry.time.seconds()).unwrap_or(0);
        if second != Some(made) {
            second = Some(made);
            let after = made.saturating_sub(1).to_be_bytes();
            let items = shared.storage.items(Shelf::Checkpoint, Some(&after), CHECKPOINTS_TRIED)?;
            let open = |bytes: &[u8]| shared.remembered.open(bytes, &authority);
            heads = items.iter().filter_map(|item| open(&item.bytes)).collect();
        }
        let Some(head) = heads.iter().find(|head| head.ledger().size > one.entry.seq) else {
            continue;
        };
        match groups.last_mut() {
            Some((last, group)) if last == head => group.push(one),
            Some(_) | None => groups.push((head.clone(), vec![one])),
        }
    }
    Ok(groups)
}

/// The hashes that lead from those leaves to the root: asked for in a trial, then read.
fn nodes_beside(
    shared: &Shared,
    leaves: &[(u64, Digest)],
    head: &SignedHead,
) -> Result<HashMap<NodeAt, Digest>, ReadError> {
    let mut wanted = BTreeSet::new();
    let mut note = |at: NodeAt| -> Result<Digest, ReadError> {
        wanted.insert(at);
        Ok(Digest::from_bytes([0; 32]))
    };
    // What the trial comes to is nothing: only the places count.
    drop(bound_together(leaves, head, &mut note));
    let (below, inner): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|at| at.level == 0);
    let hashes = shared.storage.nodes(Tree::Ledger, &inner)?;
    let mut nodes: HashMap<NodeAt, Digest> = inner.into_iter().zip(hashes).collect();
    for at in below {
        nodes.insert(at, hash_in(&*shared.storage, Tree::Ledger, at)?);
    }
    Ok(nodes)
}
