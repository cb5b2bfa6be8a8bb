//! Both adapters give the same answers, whatever is done to them.

use keyward::storage::{
    AppendError, AuditQuery, AuditRow, Batch, Heads, Item, ItemChange, LedgerIndex, LedgerLeaf,
    Row, Shelf, Storage, Table, Tree,
};
use keyward_lifecycle::{
    audit::tree::NodeAt,
    id::{AnchorId, Digest, EventId, Fingerprint},
    time::Timestamp,
};
use keyward_storage::memory::Memory;
use proptest::prelude::*;

use super::sample::open;

fn digest(number: u8) -> Digest {
    Digest::from_bytes([number; 32])
}

fn change() -> impl Strategy<Value = ItemChange> {
    let shelf = prop_oneof![Just(Shelf::Side), Just(Shelf::Proof)];
    let name = prop::collection::vec(0_u8..3, 0..3);
    let bytes = prop::option::of(prop::collection::vec(any::<u8>(), 0..9));
    (shelf, name, bytes, any::<bool>()).prop_map(|(shelf, name, bytes, over)| match bytes {
        Some(bytes) if over => ItemChange::Replace(shelf, Item { name, bytes }),
        Some(bytes) => ItemChange::Put(shelf, Item { name, bytes }),
        None => ItemChange::Remove(shelf, name),
    })
}

fn row() -> impl Strategy<Value = Row> {
    let parts = (0_u64..8, any::<bool>(), 0_i64..4, prop::option::of(0_u8..3), "[A-B_]{1,3}");
    parts.prop_map(|(seq, keyed, micros, anchor, event_type)| {
        Row::Audit(AuditRow {
            seq,
            event_id: EventId::of_leaf(&Digest::of(&seq.to_be_bytes())),
            event_type,
            key_id: keyed.then(|| "k".into()),
            anchor_id: anchor.map(|anchor| AnchorId::from_bytes([anchor; 16])),
            actor: "system".into(),
            timestamp: Timestamp::from_nanos(micros * 1_000),
            details: "{}".into(),
        })
    })
}

fn batch() -> impl Strategy<Value = Batch> {
    let leaf = (0_u8..3, 0_u8..3).prop_map(|(key, pae)| LedgerLeaf {
        bytes: vec![key, pae],
        fingerprint: Fingerprint::from_digest(digest(key)),
        pae: digest(pae),
        signature: digest(9),
    });
    let node = (1_u8..3, 0_u64..12, any::<bool>()).prop_map(|(level, index, log)| {
        let tree = if log { Tree::Log } else { Tree::Ledger };
        (tree, NodeAt { level, index }, digest(level))
    });
    (
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), 0..3),
        prop::collection::vec(leaf, 0..3),
        prop::collection::vec(node, 0..2),
        prop::collection::vec(change(), 0..4),
        prop::collection::vec(row(), 0..4),
    )
        .prop_map(|(log, ledger, nodes, items, rows)| Batch {
            log,
            ledger,
            nodes,
            items,
            rows,
        })
}

fn query() -> impl Strategy<Value = AuditQuery> {
    let time = || prop::option::of((0_i64..5_000).prop_map(Timestamp::from_nanos));
    let anchor = prop::option::of((0_u8..3).prop_map(|anchor| AnchorId::from_bytes([anchor; 16])));
    let event_type = prop::option::of("[AB_*%]{0,3}");
    let before_seq = prop::option::of(0_u64..9);
    (event_type, any::<bool>(), anchor, time(), time(), before_seq, 0_u32..9).prop_map(
        |(event_type, keyed, anchor_id, from, before, before_seq, limit)| AuditQuery {
            event_type,
            key_id: keyed.then(|| "k".into()),
            anchor_id,
            from,
            before,
            before_seq,
            limit,
        },
    )
}

/// Ok, or the name of the error.
fn outcome(result: Result<(), AppendError>) -> String {
    match result {
        Ok(()) => "ok".into(),
        Err(AppendError::Conflict { expected, found }) => format!("{expected:?} {found:?}"),
        Err(AppendError::Refused { .. }) => "refused".into(),
        Err(error) => panic!("{error:?}"),
    }
}

fn everything(store: &impl Storage, queries: &[AuditQuery]) -> String {
    let mut text = format!("{:?}\n", store.heads().expect("heads"));
    for tree in [Tree::Log, Tree::Ledger] {
        text += &format!("{:?}\n", store.leaves(tree, 1, 5).expect("leaves"));
        for (level, index) in (1..3).flat_map(|level| (0..12).map(move |index| (level, index))) {
            let node = store.nodes(tree, &[NodeAt { level, index }]);
            text += &format!("{:?}\n", node.map_err(|error| error.to_string()));
        }
    }
    for shelf in [Shelf::Side, Shelf::Proof] {
        text += &format!("{:?}\n", store.items(shelf, Some(&[1]), 3).expect("items"));
        text += &format!("{:?}\n", store.items(shelf, None, 100).expect("items"));
        text += &format!("{:?}\n", store.item_at_or_before(shelf, &[1, 1]).expect("an item"));
        text += &format!("{:?}\n", store.item(shelf, &[1]).expect("an item"));
    }
    for key in (0..3).map(|key| Fingerprint::from_digest(digest(key))) {
        for find in [LedgerIndex::Key(key), LedgerIndex::Signed(key, digest(1))] {
            text += &format!("{:?}\n", store.ledger(find, Some(0), 5).expect("places"));
            text += &format!("{:?}\n", store.ledger(find, None, 5).expect("places"));
        }
    }
    text += &format!("{:?}\n", store.rows(Table::KeyAuditLog, None, 9).expect("rows"));
    for query in queries {
        text += &format!("{query:?} {:?}\n", store.audit_rows(query).expect("rows"));
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn memory_and_sqlite_agree(
        batches in prop::collection::vec((batch(), 0_u64..12), 1..8),
        queries in prop::collection::vec(query(), 8),
    ) {
        let directory = tempfile::tempdir().expect("a directory");
        let (memory, sqlite) = (Memory::new(), open(directory.path()));
        for (batch, late) in &batches {
            let mut after: Heads = memory.heads().expect("heads");
            after.log += u64::from(*late == 0);
            let results = (memory.append(after, batch), sqlite.append(after, batch));
            prop_assert_eq!(outcome(results.0), outcome(results.1));
        }
        let reopened = open(directory.path());
        prop_assert_eq!(everything(&memory, &queries), everything(&sqlite, &queries));
        prop_assert_eq!(everything(&memory, &queries), everything(&reopened, &queries));
    }
}
