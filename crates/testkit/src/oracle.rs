//! What must hold of a store after every step, whatever was done to it: worked out from its
//! bytes alone, and from what was acknowledged.
#![expect(clippy::expect_used, reason = "what does not hold is a failed test")]

use std::collections::{BTreeMap, BTreeSet};

use keyward::storage::{Shelf, Storage, Tree};
use keyward_barrier::{RecordId, RecordKind, RecordName, RecordVersion, Sealed};
use keyward_crypto::secret::{LockPolicy, Password};
use keyward_lifecycle::{
    audit::tree::{Frontier, NodeAt, leaf_hash},
    event::Event,
    id::{ContentId, Digest, EventId, KeyId},
    ledger::Entry,
    time::Timestamp,
};

/// What a store has acknowledged so far.
#[derive(Debug, Default)]
pub struct Oracle {
    events: BTreeSet<String>,
    signatures: BTreeSet<String>,
    /// Released before their entries were durable, and not yet seen in the ledger.
    early: BTreeSet<String>,
    ended: BTreeSet<String>,
}

/// When a signature was released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two ways")]
pub enum Released {
    /// After its entry was durable: it is never lost.
    Durably,
    /// While the log said that buffered signing is open: it is lost only with a gap in the log.
    Early,
}

/// Leaves or items read at once.
const PAGE: u32 = 4096;

impl Oracle {
    /// The event was acknowledged: it is never lost.
    pub fn logged(&mut self, event: &EventId) {
        self.events.insert(event.to_string());
    }

    /// The key's revocation was answered: it signs nothing from now on.
    pub fn revoked(&mut self, key_id: &KeyId) {
        self.ended.insert(key_id.to_string());
    }

    /// A signature by the key was released: it comes before the key's end.
    ///
    /// # Panics
    /// When the key's revocation was answered before.
    pub fn signed(&mut self, key_id: &KeyId, proof: &ContentId, released: Released) {
        let ended = self.ended.contains(key_id.as_str());
        assert!(!ended, "{key_id} signed after its revocation was answered");
        let signatures = match released {
            Released::Durably => &mut self.signatures,
            Released::Early => &mut self.early,
        };
        signatures.insert(proof.to_string());
    }

    /// The log says that buffered signing was closed whole: nothing that was released early is
    /// lost.
    pub fn closed(&mut self) {
        self.signatures.append(&mut self.early);
    }

    /// The log says that there is a gap: what was released early and was never seen in the
    /// ledger may be lost.
    pub fn gap(&mut self) {
        self.early.clear();
    }

    /// Trees are unbroken, times do not decrease, and nothing acknowledged is lost. Entries may
    /// be appended meanwhile.
    ///
    /// # Panics
    /// When that does not hold.
    pub fn check(&mut self, storage: &dyn Storage) {
        let heads = storage.heads().expect("heads");
        let mut last = Timestamp::EPOCH;
        let mut events = BTreeSet::new();
        each_leaf(storage, (Tree::Log, heads.log), |place, leaf| {
            let event = Event::from_leaf(place, leaf).expect("a leaf of the log");
            assert!(event.time >= last, "leaf {place} is before its predecessor");
            last = event.time;
            events.insert(EventId::of_leaf(&leaf_hash(leaf)).to_string());
        });
        let lost: Vec<_> = self.events.difference(&events).collect();
        assert!(lost.is_empty(), "events were acknowledged and are lost: {lost:?}");
        let (mut last, mut proofs) = (Timestamp::EPOCH, BTreeSet::new());
        each_leaf(storage, (Tree::Ledger, heads.ledger), |place, leaf| {
            let entry = Entry::from_leaf(place, leaf).expect("a leaf of the ledger");
            assert!(entry.time >= last, "entry {place} is before its predecessor");
            last = entry.time;
            proofs.insert(entry.proof.to_string());
        });
        // What is in the ledger once stays there, however early it was released.
        self.signatures.extend(self.early.extract_if(.., |proof| proofs.contains(proof)));
        let lost: Vec<_> = self.signatures.difference(&proofs).collect();
        assert!(lost.is_empty(), "signatures were released and are lost: {lost:?}");
    }
}

/// Goes through a tree of `size` leaves, and checks that its stored nodes are those that its
/// leaves make.
fn each_leaf(storage: &dyn Storage, (tree, size): (Tree, u64), mut look: impl FnMut(u64, &[u8])) {
    let mut frontier = Frontier::new();
    let mut nodes: BTreeMap<(u8, u64), Digest> = BTreeMap::new();
    while frontier.size() < size {
        let left = u32::try_from(size.saturating_sub(frontier.size())).unwrap_or(PAGE);
        let leaves = storage.leaves(tree, frontier.size(), left.min(PAGE)).expect("leaves");
        assert!(!leaves.is_empty(), "{tree:?} has a hole");
        for leaf in leaves {
            look(frontier.size(), &leaf);
            let mut note = |at: NodeAt, hash| nodes.extend([((at.level, at.index), hash)]);
            frontier.append(leaf_hash(&leaf), &mut note).expect("room");
        }
    }
    let places: Vec<NodeAt> =
        nodes.keys().map(|(level, index)| NodeAt { level: *level, index: *index }).collect();
    let kept = storage.nodes(tree, &places).expect("every node");
    assert!(nodes.into_values().eq(kept), "a node of {tree:?} is not its leaves'");
}

/// No private part is in the storage in plain, found with the password that opens them all.
///
/// # Panics
/// When one is.
pub fn check_no_plaintext(storage: &dyn Storage, password: &str) {
    let header = storage.item_at_or_before(Shelf::Root, &[0xff; 4]).expect("an answer");
    let sealed = Sealed::read(&header.expect("a header").bytes, None).expect("a header");
    let password = Password::new(password.into()).expect("a password");
    let root = sealed.unseal(&password, LockPolicy::Strict).expect("the root key");
    let mut items = Vec::new();
    for shelf in Shelf::ALL {
        items.extend(
            storage
                .items(shelf, None, PAGE)
                .expect("items")
                .into_iter()
                .map(|item| (shelf, item.name, item.bytes)),
        );
    }
    let mut secrets: Vec<Vec<u8>> = Vec::new();
    for (_, name, bytes) in items.iter().filter(|(shelf, _, _)| *shelf == Shelf::Record) {
        let name = record_name(name).expect("a record's name");
        let opened = root.open(&name, root.epoch(), bytes).expect("a record");
        secrets.push(opened.expose().to_vec());
    }
    assert!(!secrets.is_empty(), "there is something to look for");
    let found = |bytes: &[u8]| {
        secrets.iter().any(|secret| bytes.windows(secret.len()).any(|window| window == secret))
    };
    for (shelf, name, bytes) in &items {
        assert!(!found(bytes) && !found(name), "a private part is in plain on {shelf:?}");
    }
    for tree in [Tree::Log, Tree::Ledger] {
        let leaves = storage.leaves(tree, 0, PAGE).expect("leaves");
        assert!(!leaves.iter().any(|leaf| found(leaf)), "a private part is in plain in {tree:?}");
    }
}

/// The name of the first version of a private or system key's record.
fn record_name(name: &[u8]) -> Option<RecordName> {
    let mut parts = std::str::from_utf8(name).ok()?.split('`');
    let kind = match parts.next()? {
        "private key " => RecordKind::PrivateKey,
        "system key " => RecordKind::SystemKey,
        _ => return None,
    };
    Some(RecordName::new(kind, RecordId::parse(parts.next()?).ok()?, RecordVersion::FIRST))
}
