//! Snapshots of the fold: written in parts, read back if a checkpoint binds them.

use std::sync::mpsc;

use keyward_lifecycle::{audit::tree::Frontier, id::Digest, ledger::SignedHead, state::State};
use sha2::{Digest as _, Sha256};

use super::OpenFailed;
use crate::{
    engine::Parts,
    storage::{Item, ReadError, Shelf},
    writer::Tip,
};

pub(super) type Snapshot = (State, Frontier, Option<(u64, Digest)>);

/// The fold of the snapshot that the newest checkpoint binds; the empty fold where there is
/// none, or where its bytes are not those that were bound.
pub(super) fn from_snapshot(
    parts: &Parts,
    newest: Option<&SignedHead>,
) -> Result<Snapshot, OpenFailed> {
    let empty = || (State::default(), Frontier::new(), None);
    let Some((size, digest)) = newest.and_then(SignedHead::snapshot) else { return Ok(empty()) };
    let length = length_of(parts, size)?;
    // Digested while it is read, and believed only if that is the digest that was bound.
    let (read, found) = std::thread::scope(|scope| -> Result<_, ReadError> {
        let (come, coming) = mpsc::channel::<Vec<u8>>();
        let found = scope.spawn(move || {
            let mut digest = Sha256::new();
            coming.iter().for_each(|part| digest.update(part));
            Digest::from_bytes(digest.finalize().into())
        });
        let mut bytes = Vec::with_capacity(length);
        for part in 0..SNAPSHOT_PARTS_MAX {
            let Some(part) = parts.storage.item(Shelf::Snapshot, &part_name(size, part))? else {
                break;
            };
            bytes.extend_from_slice(&part);
            // Should nobody listen, nothing was digested, and nothing is believed.
            drop(come.send(part));
        }
        drop(come);
        Ok((fold_of(&bytes, size), found.join().ok()))
    })?;
    let read = read.filter(|_| found == Some(digest));
    Ok(read.map_or_else(empty, |(state, log)| (state, log, Some((size, digest)))))
}

/// How many bytes it has in all, so that they are moved once: memory that grows is copied, and
/// wiped when it is given back.
fn length_of(parts: &Parts, size: u64) -> Result<usize, ReadError> {
    let last = part_name(size, SNAPSHOT_PARTS_MAX);
    let Some(last) = parts.storage.item_at_or_before(Shelf::Snapshot, &last)? else {
        return Ok(0);
    };
    let number = last.name.last_chunk::<4>().map_or(0, |number| u32::from_be_bytes(*number));
    let before = SNAPSHOT_PART_BYTES.saturating_mul(number.min(SNAPSHOT_PARTS_MAX) as usize);
    Ok(before.saturating_add(last.bytes.len()))
}

fn fold_of(bytes: &[u8], size: u64) -> Option<(State, Frontier)> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (frontier, state) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    let frontier = Frontier::from_bytes(frontier).ok()?;
    let state = State::from_snapshot(state).ok()?;
    (frontier.size() == size && state.size() == size).then_some((state, frontier))
}

/// The snapshot of a tip, with its digest, in parts that every store takes: the frontier's
/// length, the frontier, the fold.
pub(crate) fn snapshot_parts(tip: &Tip) -> Option<(Vec<Item>, Digest)> {
    let frontier = tip.log.to_bytes();
    let length = u32::try_from(frontier.len()).ok()?.to_be_bytes();
    let state = tip.state.to_snapshot().ok()?;
    let bytes = [length.as_slice(), &frontier, &state].concat();
    let digest = Digest::of(&bytes);
    let size = tip.log.size();
    let parts = (0..SNAPSHOT_PARTS_MAX).zip(bytes.chunks(SNAPSHOT_PART_BYTES));
    let parts =
        parts.map(|(part, bytes)| Item { name: part_name(size, part), bytes: bytes.to_vec() });
    Some((parts.collect(), digest))
}

/// The name of a part: the size of the log, then the part's number, both big-endian.
pub(crate) fn part_name(size: u64, part: u32) -> Vec<u8> {
    [size.to_be_bytes().as_slice(), &part.to_be_bytes()].concat()
}

/// Bytes in one part of a snapshot.
const SNAPSHOT_PART_BYTES: usize = 16 << 20;
/// Most parts of a snapshot: 4 GiB in all.
pub(crate) const SNAPSHOT_PARTS_MAX: u32 = 256;
