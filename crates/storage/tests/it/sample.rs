//! Stores and batches for tests.

use std::path::Path;

use keyward::storage::{
    AnchorRow, AuditRow, Batch, Heads, HistoryRow, Item, ItemChange, LedgerLeaf, Row, Shelf,
    Storage, Tree,
};
use keyward_lifecycle::{
    audit::tree::NodeAt,
    id::{AnchorId, Digest, EventId, Fingerprint},
    time::Timestamp,
};
use keyward_storage::sqlite::{FILE_NAME, Sqlite, SqliteOptions};
use rusqlite::Connection;

/// Ledger leaves of a batch of [`batch`].
pub(crate) const LEDGER_LEAVES: u64 = 64;

pub(crate) fn open(directory: &Path) -> Sqlite {
    Sqlite::open_or_create(directory, SqliteOptions::default()).expect("a store")
}

/// The file, as a tool sees it that knows nothing of us.
pub(crate) fn attach(directory: &Path) -> Connection {
    let connection = Connection::open_in_memory().expect("memory");
    let path = directory.join(FILE_NAME);
    connection
        .execute("ATTACH ?1 AS signer", [path.to_str().expect("a plain path")])
        .expect("the file attached");
    connection
}

pub(crate) fn after(number: u64) -> Heads {
    Heads { log: number, ledger: number * LEDGER_LEAVES }
}

/// The `number`th of many batches with something of everything.
pub(crate) fn batch(number: u64) -> Batch {
    let text = number.to_string();
    let hash = Digest::of(text.as_bytes());
    let anchor = AnchorId::from_bytes([7; 16]);
    let time = Timestamp::from_seconds(1_735_689_600 + i64::try_from(number).expect("small"));
    let leaf = |index: u64| LedgerLeaf {
        bytes: format!("{number} {index}").into_bytes(),
        fingerprint: Fingerprint::of_spki(b"key"),
        pae: Digest::of(format!("{number} {index}").as_bytes()),
        signature: hash,
    };
    Batch {
        log: vec![text.clone().into_bytes()],
        ledger: (0..LEDGER_LEAVES).map(leaf).collect(),
        nodes: vec![(Tree::Log, NodeAt { level: 1, index: number }, hash)],
        items: vec![ItemChange::Put(
            Shelf::Side,
            Item { name: b"last".to_vec(), bytes: text.clone().into_bytes() },
        )],
        rows: vec![
            Row::Anchor(AnchorRow {
                id: anchor,
                purl_pattern: "pkg:cargo/*".into(),
                allowed_predicate_types: "[]".into(),
                policy_version: None,
                threshold: 1,
                status: "active",
                created_at: time,
            }),
            Row::History(HistoryRow {
                id: EventId::of_leaf(&hash),
                anchor_id: anchor,
                key_id: format!("key-{text}"),
                public_key: "-----BEGIN PUBLIC KEY-----".into(),
                algorithm: "SHA256-ED25519".into(),
                added_at: time,
                revoked_at: None,
                revoke_reason: None,
                metadata: "{}".into(),
            }),
            Row::Audit(AuditRow {
                seq: number,
                event_id: EventId::of_leaf(&hash),
                event_type: "KEY_GENERATED".into(),
                key_id: Some(format!("key-{text}")),
                anchor_id: Some(anchor),
                actor: "system".into(),
                timestamp: time,
                details: "{}".into(),
            }),
        ],
    }
}

/// Appends the batches from `from` up to `to`.
pub(crate) fn fill(store: &impl Storage, from: u64, to: u64) {
    for number in from..to {
        store.append(after(number), &batch(number)).expect("an append");
    }
}

/// Whether the first `count` batches are there whole, and nothing else.
#[track_caller]
pub(crate) fn assert_batches(store: &impl Storage, count: u64) {
    assert_eq!(store.heads().expect("heads"), after(count));
    for number in 0..count {
        let expected = batch(number);
        assert_eq!(store.leaves(Tree::Log, number, 1).expect("a leaf"), expected.log);
        let leaves = store.leaves(Tree::Ledger, number * LEDGER_LEAVES, 64).expect("leaves");
        assert!(leaves.iter().eq(expected.ledger.iter().map(|leaf| &leaf.bytes)));
        let (tree, at, hash) = expected.nodes[0];
        assert_eq!(store.nodes(tree, &[at]).expect("a node"), [hash]);
        let row = expected.rows[2].clone();
        let before = number.checked_sub(1).map(|number| format!("{number:020}"));
        let rows = store.rows(row.table(), before.as_deref(), 1).expect("a row");
        assert_eq!(rows, [row]);
    }
    let last = store.item(Shelf::Side, b"last").expect("an item");
    assert_eq!(last, count.checked_sub(1).map(|last| last.to_string().into_bytes()));
}
