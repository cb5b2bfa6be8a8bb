//! The fold as bytes, so that a start need not replay the whole log
//! (`docs/format/snapshot.md`).
//!
//! The bytes are believed only if their digest stands in a signed checkpoint; otherwise the
//! log is replayed.

use alloc::{sync::Arc, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{ActorFold, Counts, LedgerFold, State, Store, apply::halves, short, short_name};
use crate::{
    access::Token,
    anchor::Anchor,
    audit::checkpoint::TreeHead,
    id::{ActorId, Digest, Fingerprint, ProfileName},
    key::Key,
    profile::Profile,
    time::Timestamp,
};

/// The snapshot format that is written; another one is passed over and the log replayed.
pub const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Snapshot {
    version: u8,
    size: u64,
    last_time: Option<Timestamp>,
    store: Option<(Fingerprint, Digest, Arc<str>, Timestamp)>,
    profiles: Vec<Arc<Profile>>,
    keys: Vec<Arc<Key>>,
    signers: Vec<(ProfileName, Arc<str>, u32)>,
    anchors: Vec<Arc<Anchor>>,
    tokens: Vec<Arc<Token>>,
    actors: Vec<(ActorId, Digest, bool)>,
    ledger_head: Option<(u64, Digest)>,
    ledger_open_since: Option<Timestamp>,
    ledger_gaps: Vec<(Timestamp, Timestamp)>,
    counts: (u64, u64, u64),
}

impl State {
    /// The fold as bytes: equal folds give equal bytes.
    ///
    /// # Errors
    /// [`SnapshotFailed`] when memory for the bytes cannot be had.
    pub fn to_snapshot(&self) -> Result<Vec<u8>, SnapshotFailed> {
        let snapshot = Snapshot {
            version: VERSION,
            size: self.size,
            last_time: self.last_time,
            store: self.store.as_ref().map(|store| {
                (store.root_id, store.authority, store.log_key.clone(), store.created_at)
            }),
            profiles: self.profiles.values().cloned().collect(),
            keys: self.keys.iter().cloned().collect(),
            signers: self
                .signers
                .iter()
                .map(|((profile, purpose), key)| (profile.clone(), purpose.clone(), *key))
                .collect(),
            anchors: self.anchors.iter().cloned().collect(),
            tokens: self.tokens.values().cloned().collect(),
            actors: self
                .actors
                .iter()
                .map(|(id, actor)| (id.clone(), actor.commitment, actor.forgotten))
                .collect(),
            ledger_head: self.ledger.head.map(|head| (head.size, head.root)),
            ledger_open_since: self.ledger.open_since,
            ledger_gaps: self.ledger.gaps.iter().copied().collect(),
            counts: (self.counts.keys_revoked, self.counts.rotations, self.counts.refusals),
        };
        postcard::to_allocvec(&snapshot).map_err(|_| SnapshotFailed)
    }

    /// Reads what [`State::to_snapshot`] wrote.
    ///
    /// # Errors
    /// [`UnreadableSnapshot`] for anything else, or another version.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, UnreadableSnapshot> {
        if bytes.first() != Some(&VERSION) {
            return Err(UnreadableSnapshot);
        }
        let (snapshot, rest): (Snapshot, &[u8]) =
            postcard::take_from_bytes(bytes).map_err(|_| UnreadableSnapshot)?;
        if !rest.is_empty() {
            return Err(UnreadableSnapshot);
        }
        let mut state = Self {
            size: snapshot.size,
            last_time: snapshot.last_time,
            store: snapshot.store.map(|(root_id, authority, log_key, created_at)| {
                Arc::new(Store { root_id, authority, log_key, created_at })
            }),
            signers: snapshot
                .signers
                .into_iter()
                .map(|(profile, purpose, key)| ((profile, purpose), key))
                .collect(),
            ledger: LedgerFold {
                head: snapshot.ledger_head.map(|(size, root)| TreeHead { size, root }),
                open_since: snapshot.ledger_open_since,
                gaps: snapshot.ledger_gaps.into_iter().collect(),
            },
            counts: Counts {
                keys_revoked: snapshot.counts.0,
                rotations: snapshot.counts.1,
                refusals: snapshot.counts.2,
            },
            ..Self::default()
        };
        for profile in snapshot.profiles {
            state.profiles.insert(profile.name.clone(), profile);
        }
        for token in snapshot.tokens {
            state.token_by_digest.insert(token.digest, token.token_id.clone());
            state.tokens.insert(token.token_id.clone(), token);
        }
        for (id, commitment, forgotten) in snapshot.actors {
            state.actors.insert(id, ActorFold { commitment, forgotten });
        }
        state.index_keys(snapshot.keys)?;
        state.index_anchors(snapshot.anchors)?;
        Ok(state)
    }

    fn index_keys(&mut self, mut keys: Vec<Arc<Key>>) -> Result<(), UnreadableSnapshot> {
        let (mut names, mut prints) = (Vec::new(), Vec::new());
        let mut last: Option<&Key> = None;
        for (number, key) in keys.iter_mut().enumerate() {
            let number = u32::try_from(number).map_err(|_| UnreadableSnapshot)?;
            names.push((short_name(&key.record.key_id), number));
            prints.push((short(key.record.fingerprint.digest()), number));
            if let (Some(last), Some(key)) = (last, Arc::get_mut(key)) {
                last.record.share_with(&mut key.record);
            }
            last = Some(key);
            for half in halves(&key.record) {
                self.halves.insert(short(half.digest()), number);
            }
        }
        self.key_by_id = names.into_iter().collect();
        self.key_by_fingerprint = prints.into_iter().collect();
        self.keys = keys.into_iter().collect();
        Ok(())
    }

    fn index_anchors(&mut self, anchors: Vec<Arc<Anchor>>) -> Result<(), UnreadableSnapshot> {
        for (number, anchor) in anchors.iter().enumerate() {
            let number = u32::try_from(number).map_err(|_| UnreadableSnapshot)?;
            self.anchor_by_id.insert(anchor.record.anchor_id, number);
            if anchor.is_active() {
                self.patterns.insert(&anchor.record.pattern, number);
            }
        }
        self.anchors = anchors.into_iter().collect();
        Ok(())
    }
}

/// Memory for the snapshot cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the snapshot cannot be made: too little memory")]
#[non_exhaustive]
pub struct SnapshotFailed;

/// Not a snapshot of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the snapshot is of another version, or damaged")]
#[non_exhaustive]
pub struct UnreadableSnapshot;
