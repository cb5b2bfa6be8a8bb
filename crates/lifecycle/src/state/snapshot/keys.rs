//! The section of the keys: a row each, in the order in which they came.

use alloc::{boxed::Box, collections::BTreeMap, string::String, sync::Arc, vec::Vec};

use super::{
    SnapshotFailed, UnreadableSnapshot,
    bytes::{Reader, put_bytes, put_number, put_signed, put_small, put_time},
};
use crate::{
    id::{Digest, Fingerprint, KeyId},
    key::{Additions, Course, Key, KeyOrigin, KeyRecord, KeyTerms, Spki, Status},
    state::{Short, State, lookup::Gathering, short, short_name},
    time::Timestamp,
};

/// Which members a row has, and the key's standing in the upper half.
const EXPIRES: u8 = 1;
const ORIGIN: u8 = 2;
const PROMOTED: u8 = 4;
const COURSE: u8 = 8;
/// The fewest bytes of a row: ten of numbers and the fingerprint.
const ROW_BYTES_MIN: usize = 42;
/// The fewest bytes of an addition.
const ADDITION_BYTES_MIN: usize = 2;

const STANDINGS: [Status; 6] = [
    Status::Staged,
    Status::Active,
    Status::Rotating,
    Status::Deprecated,
    Status::Revoked,
    Status::Compromised,
];

/// Puts the terms in the order in which the keys name them first, then the keys.
pub(super) fn put(state: &State, out: &mut Vec<u8>) -> Result<(), SnapshotFailed> {
    let (mut terms, mut numbers) = (Vec::new(), BTreeMap::new());
    let mut rows = Vec::new();
    put_number(&mut rows, state.keys.len() as u64);
    let halves = halves_by_key(state);
    let (mut name, mut created_at) = (String::new(), Timestamp::EPOCH);
    for (number, key) in (0_i64..).zip(state.keys()) {
        let halves = u32::try_from(number).ok().and_then(|number| halves.get(&number));
        let next = terms.len() as u64;
        let term = *numbers.entry(&key.record.terms).or_insert_with(|| {
            terms.push(&key.record.terms);
            next
        });
        put_name(&mut rows, &mut name, &key.record.key_id);
        put_number(&mut rows, term);
        put_signed(&mut rows, number.wrapping_sub(i64::from(key.lineage)));
        put_time(&mut rows, created_at, key.created_at);
        created_at = key.created_at;
        put_rest(&mut rows, key, halves.map_or(&[], Vec::as_slice))?;
    }
    let terms: Vec<&KeyTerms> = terms.into_iter().map(|terms| &**terms).collect();
    put_small(out, &terms)?;
    out.append(&mut rows);
    Ok(())
}

/// The names of the halves of each composite key.
fn halves_by_key(state: &State) -> BTreeMap<u32, Vec<Short>> {
    let mut of: BTreeMap<u32, Vec<Short>> = BTreeMap::new();
    for (half, number) in &state.halves {
        of.entry(*number).or_default().push(*half);
    }
    of
}

/// Names that came together begin alike: the length of what this one shares with the one
/// before, and the rest.
fn put_name(out: &mut Vec<u8>, before: &mut String, id: &KeyId) {
    let name = id.as_str();
    let shared = before.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
    put_number(out, shared as u64);
    put_bytes(out, name.as_bytes().get(shared..).unwrap_or_default());
    before.clear();
    before.push_str(name);
}

fn put_rest(out: &mut Vec<u8>, key: &Key, halves: &[Short]) -> Result<(), SnapshotFailed> {
    let Key { additions, course, record, created_at, promoted_at, lineage: _, standing } = key;
    let KeyRecord { key_id: _, expires_at, terms: _, origin, fingerprint, public_key, version } =
        record;
    let has = |some: bool, flag: u8| if some { flag } else { 0 };
    let standing = (0_u8..).zip(STANDINGS).find(|(_, status)| status == standing);
    out.push(
        (standing.map_or(0, |(place, _)| place) << 4)
            | has(expires_at.is_some(), EXPIRES)
            | has(origin.is_some(), ORIGIN)
            | has(promoted_at.is_some(), PROMOTED)
            | has(course.is_some(), COURSE),
    );
    put_number(out, u64::from(*version));
    out.extend_from_slice(fingerprint.digest().as_bytes());
    put_public_key(out, public_key, halves);
    for time in [expires_at, promoted_at].into_iter().flatten() {
        put_time(out, *created_at, *time);
    }
    put_number(out, additions.len() as u64);
    let mut before = (0, *created_at);
    for (anchor, at) in additions.iter() {
        put_number(out, u64::from(anchor.saturating_sub(before.0)));
        put_time(out, before.1, at);
        before = (anchor, at);
    }
    if let Some(origin) = origin {
        put_small(out, origin)?;
    }
    if let Some(course) = course {
        put_small(out, course)?;
    }
    Ok(())
}

/// A long one stays in its leaf, which the bytes of no key say; so do the halves of a composite
/// one, whose names go with it.
fn put_public_key(out: &mut Vec<u8>, public_key: &Spki, halves: &[Short]) {
    let Some(leaf) = public_key.leaf() else {
        return put_bytes(out, public_key.bytes().unwrap_or_default());
    };
    put_bytes(out, &[]);
    put_number(out, leaf);
    put_number(out, halves.len() as u64);
    out.extend(halves.iter().flatten());
}

fn public_key(
    reader: &mut Reader<'_>,
    number: u32,
    state: &mut State,
) -> Result<Spki, UnreadableSnapshot> {
    let bytes = reader.bytes()?;
    if !bytes.is_empty() {
        return Ok(bytes.into());
    }
    let leaf = reader.number()?;
    for _ in 0..reader.count(size_of::<Short>())? {
        state.halves.insert(reader.array()?, number);
    }
    Ok(Spki::in_leaf(leaf))
}

/// Reads what [`put`] wrote, into the fold and its indexes.
pub(super) fn read(reader: &mut Reader<'_>, state: &mut State) -> Result<(), UnreadableSnapshot> {
    let terms: Vec<KeyTerms> = reader.small()?;
    let terms: Vec<Arc<KeyTerms>> = terms.into_iter().map(Arc::new).collect();
    let count = reader.count(ROW_BYTES_MIN)?;
    let (mut names, mut prints) =
        (Gathering::with_capacity(count), Gathering::with_capacity(count));
    let mut name: Vec<u8> = Vec::new();
    let mut created_at = Timestamp::EPOCH;
    for number in 0..u32::try_from(count).map_err(|_| UnreadableSnapshot)? {
        let key_id = name_after(reader, &mut name)?;
        let place = reader.small_number()? as usize;
        let shared = terms.get(place).ok_or(UnreadableSnapshot)?.clone();
        let lineage = i64::from(number).wrapping_sub(reader.signed()?);
        let lineage = u32::try_from(lineage).map_err(|_| UnreadableSnapshot)?;
        created_at = reader.time(created_at)?;
        let key = rest(reader, (key_id, shared), (number, lineage), created_at, state)?;
        names.push(&short_name(&key.record.key_id), number);
        prints.push(&short(key.record.fingerprint.digest()), number);
        state.keys.push_back(Arc::new(key));
    }
    state.terms = terms.into_iter().collect();
    state.key_by_id = names.finish();
    state.key_by_fingerprint = prints.finish();
    Ok(())
}

fn name_after(reader: &mut Reader<'_>, name: &mut Vec<u8>) -> Result<KeyId, UnreadableSnapshot> {
    let shared = reader.small_number()? as usize;
    if shared > name.len() {
        return Err(UnreadableSnapshot);
    }
    name.truncate(shared);
    name.extend_from_slice(reader.bytes()?);
    let text = core::str::from_utf8(name).map_err(|_| UnreadableSnapshot)?;
    KeyId::parse(text).map_err(|_| UnreadableSnapshot)
}

fn rest(
    reader: &mut Reader<'_>,
    (key_id, terms): (KeyId, Arc<KeyTerms>),
    (number, lineage): (u32, u32),
    created_at: Timestamp,
    state: &mut State,
) -> Result<Key, UnreadableSnapshot> {
    let flags = reader.byte()?;
    let standing = STANDINGS.get(usize::from(flags >> 4)).ok_or(UnreadableSnapshot)?;
    let has = |flag: u8| flags & flag != 0;
    let version = reader.small_number()?;
    let fingerprint = Fingerprint::from_digest(Digest::from_bytes(reader.array()?));
    let public_key = public_key(reader, number, state)?;
    let expires_at = if has(EXPIRES) { Some(reader.time(created_at)?) } else { None };
    let promoted_at = if has(PROMOTED) { Some(reader.time(created_at)?) } else { None };
    let additions = additions(reader, created_at)?;
    let origin: Option<Box<KeyOrigin>> = if has(ORIGIN) { Some(reader.small()?) } else { None };
    let course: Option<Box<Course>> = if has(COURSE) { Some(reader.small()?) } else { None };
    let record = KeyRecord { key_id, expires_at, terms, origin, fingerprint, public_key, version };
    let standing = *standing;
    Ok(Key { additions, course, record, created_at, promoted_at, lineage, standing })
}

fn additions(
    reader: &mut Reader<'_>,
    created_at: Timestamp,
) -> Result<Additions, UnreadableSnapshot> {
    let count = reader.count(ADDITION_BYTES_MIN)?;
    let mut additions = Additions::with_capacity(count);
    let (mut anchor, mut at) = (0_u32, created_at);
    for _ in 0..count {
        anchor = anchor.checked_add(reader.small_number()?).ok_or(UnreadableSnapshot)?;
        at = reader.time(at)?;
        additions.push(anchor, at);
    }
    Ok(additions)
}
