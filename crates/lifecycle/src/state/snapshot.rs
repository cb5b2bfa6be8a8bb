//! The fold as bytes, so that a start need not replay the whole log
//! (`docs/format/snapshot.md`).
//!
//! The bytes are believed only if their digest stands in a signed checkpoint; otherwise the
//! log is replayed. Each part of the fold has a section of its own: a part that is added gets
//! a line in `SECTIONS` and two functions.

mod anchors;
mod bytes;
mod keys;
mod secrets;

use alloc::{sync::Arc, vec, vec::Vec};

use super::{ActorFold, Counts, LedgerFold, State, Store};
use crate::{
    access::Token,
    audit::checkpoint::TreeHead,
    id::{ActorId, Digest, Fingerprint, ProfileName},
    profile::Profile,
    root::RootFold,
    time::Timestamp,
};
use bytes::{Reader, put_small};

/// The snapshot format that is written; another one is passed over and the log replayed.
pub const VERSION: u8 = 3;

/// One part of the fold: its tag, how it is written, and how it is read.
struct Section {
    tag: u8,
    put: fn(&State, &mut Vec<u8>) -> Result<(), SnapshotFailed>,
    read: fn(&mut Reader<'_>, &mut State) -> Result<(), UnreadableSnapshot>,
}

/// Every section, in the order in which they stand in a snapshot.
const SECTIONS: [Section; 10] = [
    Section { tag: 1, put: put_whole, read: read_whole },
    Section { tag: 2, put: put_profiles, read: read_profiles },
    Section { tag: 3, put: put_tokens, read: read_tokens },
    Section { tag: 4, put: put_actors, read: read_actors },
    Section { tag: 5, put: put_ledger, read: read_ledger },
    Section { tag: 6, put: keys::put, read: keys::read },
    Section { tag: 7, put: put_signers, read: read_signers },
    Section { tag: 8, put: anchors::put, read: anchors::read },
    Section { tag: 9, put: put_root, read: read_root },
    Section { tag: 10, put: secrets::put, read: secrets::read },
];

impl State {
    /// The fold as bytes: equal folds give equal bytes.
    ///
    /// # Errors
    /// [`SnapshotFailed`] when memory for the bytes cannot be had.
    pub fn to_snapshot(&self) -> Result<Vec<u8>, SnapshotFailed> {
        let mut out = vec![VERSION];
        for section in SECTIONS {
            out.push(section.tag);
            let length = out.len();
            out.extend_from_slice(&[0; LENGTH_BYTES]);
            let start = out.len();
            (section.put)(self, &mut out)?;
            let written = (out.len().saturating_sub(start) as u64).to_le_bytes();
            out.get_mut(length..start).ok_or(SnapshotFailed)?.copy_from_slice(&written);
        }
        Ok(out)
    }

    /// Reads what [`State::to_snapshot`] wrote.
    ///
    /// # Errors
    /// [`UnreadableSnapshot`] for anything else, or another version.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, UnreadableSnapshot> {
        let mut all = Reader(bytes);
        if all.byte()? != VERSION {
            return Err(UnreadableSnapshot);
        }
        let mut state = Self::default();
        for section in SECTIONS {
            if all.byte()? != section.tag {
                return Err(UnreadableSnapshot);
            }
            let length = u64::from_le_bytes(all.array()?);
            let length = usize::try_from(length).map_err(|_| UnreadableSnapshot)?;
            let mut reader = Reader(all.take(length)?);
            (section.read)(&mut reader, &mut state)?;
            reader.end()?;
        }
        all.end()?;
        Ok(state)
    }
}

/// The length of a section: 64 bits, the lowest byte first.
const LENGTH_BYTES: usize = 8;

fn put_whole(state: &State, out: &mut Vec<u8>) -> Result<(), SnapshotFailed> {
    let State { size, last_time, store, counts, .. } = state;
    let Counts { keys_revoked, rotations, refusals } = counts;
    let store = store.as_ref().map(|store| {
        let Store { root_id, authority, authority_version, log_key, created_at } = &**store;
        (root_id, (authority_version, authority), log_key, created_at)
    });
    put_small(out, &(size, last_time, store, (keys_revoked, rotations, refusals)))
}

type StoreBytes = (Fingerprint, (u64, Digest), Arc<str>, Timestamp);

fn read_whole(reader: &mut Reader<'_>, state: &mut State) -> Result<(), UnreadableSnapshot> {
    let store: Option<StoreBytes>;
    let (keys_revoked, rotations, refusals);
    (state.size, state.last_time, store, (keys_revoked, rotations, refusals)) = reader.small()?;
    state.store = store.map(|(root_id, (authority_version, authority), log_key, created_at)| {
        Arc::new(Store { root_id, authority, authority_version, log_key, created_at })
    });
    state.counts = Counts { keys_revoked, rotations, refusals };
    Ok(())
}

fn put_profiles(state: &State, out: &mut Vec<u8>) -> Result<(), SnapshotFailed> {
    put_small(out, &state.profiles().collect::<Vec<_>>())
}

fn read_profiles(reader: &mut Reader<'_>, state: &mut State) -> Result<(), UnreadableSnapshot> {
    for profile in reader.small::<Vec<Profile>>()? {
        state.profiles.insert(profile.name.clone(), Arc::new(profile));
    }
    Ok(())
}

fn put_tokens(state: &State, out: &mut Vec<u8>) -> Result<(), SnapshotFailed> {
    put_small(out, &state.tokens().collect::<Vec<_>>())
}

fn read_tokens(reader: &mut Reader<'_>, state: &mut State) -> Result<(), UnreadableSnapshot> {
    for token in reader.small::<Vec<Token>>()? {
        state.token_by_digest.insert(token.digest, token.token_id.clone());
        state.tokens.insert(token.token_id.clone(), Arc::new(token));
    }
    Ok(())
}

fn put_root(state: &State, out: &mut Vec<u8>) -> Result<(), SnapshotFailed> {
    put_small(out, state.root())
}

fn read_root(reader: &mut Reader<'_>, state: &mut State) -> Result<(), UnreadableSnapshot> {
    state.root = Arc::new(reader.small::<RootFold>()?);
    Ok(())
}

fn put_actors(state: &State, out: &mut Vec<u8>) -> Result<(), SnapshotFailed> {
    let actors = state.actors.iter().map(|(id, it)| (id, it.commitment, it.forgotten));
    put_small(out, &actors.collect::<Vec<_>>())
}

fn read_actors(reader: &mut Reader<'_>, state: &mut State) -> Result<(), UnreadableSnapshot> {
    for (id, commitment, forgotten) in reader.small::<Vec<(ActorId, Digest, bool)>>()? {
        state.actors.insert(id, ActorFold { commitment, forgotten });
    }
    Ok(())
}

fn put_ledger(state: &State, out: &mut Vec<u8>) -> Result<(), SnapshotFailed> {
    let LedgerFold { head, open_since, gaps } = &state.ledger;
    let head = head.map(|head| (head.size, head.root));
    put_small(out, &(head, open_since, gaps.iter().collect::<Vec<_>>()))
}

fn read_ledger(reader: &mut Reader<'_>, state: &mut State) -> Result<(), UnreadableSnapshot> {
    let head: Option<(u64, Digest)>;
    let gaps: Vec<(Timestamp, Timestamp)>;
    (head, state.ledger.open_since, gaps) = reader.small()?;
    state.ledger.head = head.map(|(size, root)| TreeHead { size, root });
    state.ledger.gaps = gaps.into_iter().collect();
    Ok(())
}

fn put_signers(state: &State, out: &mut Vec<u8>) -> Result<(), SnapshotFailed> {
    let signers = state.signers.iter().map(|((profile, purpose), key)| (profile, purpose, key));
    put_small(out, &signers.collect::<Vec<_>>())
}

fn read_signers(reader: &mut Reader<'_>, state: &mut State) -> Result<(), UnreadableSnapshot> {
    for (profile, purpose, key) in reader.small::<Vec<(ProfileName, Arc<str>, u32)>>()? {
        state.signers.insert((profile, purpose), key);
    }
    Ok(())
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
