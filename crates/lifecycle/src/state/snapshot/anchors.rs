//! The section of the anchors: a row each, in the order in which they came.

use alloc::{sync::Arc, vec::Vec};

use super::{
    SnapshotFailed, UnreadableSnapshot,
    bytes::{Reader, put_bytes, put_number, put_signed, put_small},
};
use crate::{
    anchor::{Anchor, AnchorRecord},
    id::AnchorId,
    pattern::Pattern,
    state::State,
};

/// The fewest bytes of a row: the id and eight more.
const ROW_BYTES_MIN: usize = 24;

pub(super) fn put(state: &State, out: &mut Vec<u8>) -> Result<(), SnapshotFailed> {
    put_number(out, state.anchors.len() as u64);
    for (_, anchor) in state.anchors() {
        let Anchor { record, created_at, deactivated_at, keys } = anchor;
        let AnchorRecord { anchor_id, pattern, predicate_types, .. } = record;
        let AnchorRecord { threshold, algorithms, policy_version, asserted, .. } = record;
        out.extend_from_slice(anchor_id.as_bytes());
        out.push(u8::from(pattern.is_exact()));
        put_bytes(out, pattern.literal().as_bytes());
        put_small(out, &(predicate_types, threshold, algorithms, policy_version, asserted))?;
        put_small(out, &(created_at, deactivated_at))?;
        put_number(out, keys.len() as u64);
        let mut before = 0;
        for key in keys {
            put_signed(out, i64::from(*key).wrapping_sub(before));
            before = i64::from(*key);
        }
    }
    Ok(())
}

/// Reads what [`put`] wrote, into the fold and its indexes.
pub(super) fn read(reader: &mut Reader<'_>, state: &mut State) -> Result<(), UnreadableSnapshot> {
    let count = reader.count(ROW_BYTES_MIN)?;
    for number in 0..u32::try_from(count).map_err(|_| UnreadableSnapshot)? {
        let anchor = anchor(reader)?;
        state.anchor_by_id.insert(anchor.record.anchor_id, number);
        if anchor.is_active() {
            state.patterns.insert(&anchor.record.pattern, number);
        }
        state.anchors.push_back(Arc::new(anchor));
    }
    Ok(())
}

fn anchor(reader: &mut Reader<'_>) -> Result<Anchor, UnreadableSnapshot> {
    let anchor_id = AnchorId::from_bytes(reader.array()?);
    let exact = reader.byte()? != 0;
    let pattern = Pattern::known(exact, reader.text()?);
    let (predicate_types, threshold, algorithms, policy_version, asserted) = reader.small()?;
    let (created_at, deactivated_at) = reader.small()?;
    let count = reader.count(1)?;
    let mut keys = Vec::with_capacity(count);
    let mut before = 0_i64;
    for _ in 0..count {
        before = before.wrapping_add(reader.signed()?);
        keys.push(u32::try_from(before).map_err(|_| UnreadableSnapshot)?);
    }
    let record = AnchorRecord {
        anchor_id,
        pattern,
        predicate_types,
        threshold,
        algorithms,
        policy_version,
        asserted,
    };
    Ok(Anchor { record, created_at, deactivated_at, keys })
}
