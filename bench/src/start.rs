//! Starting: an empty store, and one whose snapshot holds a million keys.

use std::path::Path;

use keyward::{
    Keyward, Parts,
    storage::{Batch, Heads, Item, ItemChange, Shelf},
};
use keyward_barrier::{RecordId, RecordKind, RecordName, RecordVersion, RootId, Sealed};
use keyward_crypto::{secret::LockPolicy, secret::Password, signing::PrivateKey, spki};
use keyward_lifecycle::{
    algorithm::Algorithm,
    audit::{
        checkpoint::{Checkpoint, TreeHead},
        note::{
            Note, SignatureLine,
            vkey::{VerifierKey, cosigned_message},
        },
        tree::{Frontier, leaf_hash},
    },
    id::Digest,
    ledger::snapshot_line,
    state::State,
};

use crate::{
    Failure, machine, measure,
    population::{Population, WINDOWS},
    report::Row,
    section, store,
};

const KEYS: u32 = 1_000_000;
/// Bytes in a part of a snapshot, as `docs/format/snapshot.md` has it.
const PART_BYTES: usize = 16 << 20;
const STARTS: usize = 5;

/// Without words the whole section; with `open DIR KEYS` one start of the store there.
pub(crate) fn run(words: &[&str]) -> Result<(), Failure> {
    if let ["open", directory, keys] = words {
        return open(Path::new(directory), keys);
    }
    let empty = store::directory()?;
    drop(store::create(&store::parts(empty.path())?)?);
    let full = store::directory()?;
    let bytes = populate(full.path())?;
    for (directory, keys) in [(&empty, 0), (&full, KEYS)] {
        let path = directory.path().to_string_lossy();
        let rows = (0..STARTS).map(|_| {
            section::child(&["start", "open", &path, &keys.to_string()])?
                .pop()
                .ok_or_else(|| Failure::new("a start said nothing"))
        });
        let rows = rows.collect::<Result<Vec<Row>, Failure>>()?;
        summary(keys, bytes, &rows)?.into_iter().for_each(|row| row.send());
    }
    Ok(())
}

/// Seconds and resident bytes of each start, in the row's first two members.
fn summary(keys: u32, bytes: usize, rows: &[Row]) -> Result<Vec<Row>, Failure> {
    let figures = |of: fn(&Row) -> &str| -> Result<measure::Figures, Failure> {
        let read: Result<Vec<f64>, _> = rows.iter().map(|row| of(row).parse()).collect();
        Ok(measure::Figures::new(read?))
    };
    let (seconds, resident) = (figures(|row| &row.what)?, figures(|row| &row.measured)?);
    let (time, memory) = (seconds.middle(), resident.middle());
    if keys == 0 {
        let start = Row::new("start of an empty store, sealed", format!("{:.1} ms", time * 1e3))
            .spread(format!("{} ms", seconds.spread(1e-3, 1)))
            .target("≤ 50 ms", time <= 0.05);
        let memory = Row::new(
            "resident after it (the library in this program)",
            format!("{:.1} MB", memory / 1e6),
        )
        .target("≤ 30 MB", memory <= 30e6);
        return Ok(vec![start, memory]);
    }
    let each = memory / f64::from(keys);
    let target = 24.0f64.mul_add(f64::from(WINDOWS), 300.0);
    let size = measure::number(bytes) / 1e6;
    let start =
        Row::new("start with 1 M keys and 10 M windows from a snapshot", format!("{time:.2} s"))
            .ratio(format!("a snapshot of {size:.0} MB"))
            .spread(format!("{} s", seconds.spread(1.0, 2)))
            .target("≤ 1 s", time <= 1.0);
    let memory = Row::new(
        "resident after it, a key with 10 windows",
        format!("{each:.0} B ({:.0} MB in all)", memory / 1e6),
    )
    .ratio(format!("{:.2} × of 300 B and 24 B a window", each / target))
    .target("≤ 540 B", each <= target);
    Ok(vec![start, memory])
}

/// One start in this process.
fn open(directory: &Path, keys: &str) -> Result<(), Failure> {
    let before = machine::resident("self")?;
    let (opened, took) = measure::timed(|| -> Result<(Parts, Keyward), Failure> {
        let parts = store::parts(directory)?;
        let keyward = Keyward::open(&parts)?;
        Ok((parts, keyward))
    });
    let (_, keyward) = opened?;
    let found = keyward.state().keys().count();
    if found.to_string() != keys {
        return Err(Failure::new(format!("the store has {found} keys, not {keys}")));
    }
    let resident = machine::resident("self")?;
    // Of the full store the growth counts, of the empty one all of it.
    let counted = if found == 0 { resident } else { resident - before };
    Row::new(took.as_secs_f64().to_string(), counted.to_string()).send();
    Ok(())
}

/// Makes a store whose snapshot is the fold of many more events than its log has: what a start
/// does is the same, and the log need not be written. Gives back the snapshot's size.
fn populate(directory: &Path) -> Result<usize, Failure> {
    let parts = store::parts(directory)?;
    let (keyward, _) = store::create(&parts)?;
    let state = State::clone(&keyward.state());
    drop(keyward);
    let mut population = Population::on(state)?;
    population.grow(KEYS)?;
    let heads = parts.storage.heads()?;
    let mut log = Frontier::new();
    let leaves = parts.storage.leaves(keyward::storage::Tree::Log, 0, 1_000)?;
    leaves.iter().try_for_each(|leaf| log.append(leaf_hash(leaf), &mut |_, _| {}))?;
    let frontier = log.to_bytes();
    let length = u32::try_from(frontier.len())?.to_be_bytes();
    let bytes = [length.as_slice(), &frontier, &population.state.to_snapshot()?].concat();
    let put = |shelf, name: Vec<u8>, bytes: Vec<u8>| ItemChange::Put(shelf, Item { name, bytes });
    for (number, part) in (0u32..).zip(bytes.chunks(PART_BYTES)) {
        let name = [heads.log.to_be_bytes().as_slice(), &number.to_be_bytes()].concat();
        let items = vec![put(Shelf::Snapshot, name, part.to_vec())];
        parts.storage.append(heads, &Batch { items, ..Batch::default() })?;
    }
    let head = TreeHead { size: log.size(), root: log.root() };
    let note = checkpoint(&parts, heads, head, &Digest::of(&bytes))?;
    // Later than any that the store itself has signed.
    let name = u64::from(u32::MAX).to_be_bytes().to_vec();
    let items = vec![put(Shelf::Checkpoint, name, note.to_string().into_bytes())];
    parts.storage.append(heads, &Batch { items, ..Batch::default() })?;
    Ok(bytes.len())
}

/// The checkpoint that binds the snapshot, signed by the store's own log key.
fn checkpoint(
    parts: &Parts,
    heads: Heads,
    log: TreeHead,
    snapshot: &Digest,
) -> Result<Note, Failure> {
    let missing = || Failure::new("the store lacks its log key");
    let header = parts.storage.item_at_or_before(Shelf::Root, &[0xff; 4])?.ok_or_else(missing)?;
    let sealed = Sealed::read(&header.bytes, None::<&RootId>)?;
    let password = Password::new(store::PASSWORD.into())?;
    let root = sealed.unseal(&password, LockPolicy::Strict)?;
    let record =
        RecordName::new(RecordKind::SystemKey, RecordId::parse("log")?, RecordVersion::FIRST);
    let name = record.to_string().into_bytes();
    let row = parts.storage.item(Shelf::Record, &name)?.ok_or_else(missing)?;
    let key = root.open(&record, root.epoch(), &row)?;
    let key = PrivateKey::from_material(Algorithm::Ed25519, key.expose())?;
    let raw: &[u8; 32] = spki::raw(Algorithm::Ed25519, key.spki())?.try_into()?;
    let origin = format!("keyward/{}", root.root_id().fingerprint().digest());
    let (log_key, cosigner) =
        (VerifierKey::ed25519(&origin, raw)?, VerifierKey::cosigner(&origin, raw)?);
    let ledger = TreeHead { size: heads.ledger, root: Frontier::new().root() };
    let text = Checkpoint::new(&origin, log, Some(ledger))?
        .with_line(snapshot_line(log.size, snapshot))?
        .to_string();
    let seconds = u64::from(u32::MAX);
    let signature = key.sign(text.as_bytes())?;
    let cosignature = key.sign(&cosigned_message(&text, seconds))?;
    let mut note = Note::new(text, SignatureLine::of(&log_key, &signature))?;
    note.push(SignatureLine::of_cosigner(&cosigner, seconds, &cosignature))?;
    Ok(note)
}
