//! What every storage does, as tests: `storage_contract!(name, make)` makes a module of them.

use keyward::storage::{
    AnchorRow, AuditRow, Batch, Heads, HistoryRow, Item, ItemChange, LedgerLeaf, Row, Shelf,
    Storage, Table, Tree,
};
use keyward_lifecycle::{
    audit::tree::NodeAt,
    id::{AnchorId, Digest, EventId, Fingerprint},
    time::Timestamp,
};

mod append;
mod read;
mod row;

pub use append::*;
pub use read::*;
pub use row::*;

/// A place where a store is: it can be opened again and again, also while it is open.
pub trait Place: Sync {
    /// The adapter.
    type Store: Storage;

    /// Opens what is there; the first time, something empty.
    fn open(&self) -> Self::Store;
}

impl<S: Storage, F: Fn() -> S + Sync> Place for F {
    type Store = S;

    fn open(&self) -> S {
        self()
    }
}

/// Makes the module `$name` with a test for each clause of the contract. `$make` is called for
/// each and gives a fresh [`Place`], of which a closure that opens a store is one.
#[macro_export]
macro_rules! storage_contract {
    ($name:ident, $make:expr) => {
        $crate::storage_contract!(@tests $name, $make,
            an_empty_store_answers_with_nothing
            a_batch_is_there_whole_once_it_is_acknowledged
            an_append_after_other_heads_is_a_conflict_and_writes_nothing
            of_two_appends_at_once_exactly_one_wins
            a_batch_that_breaks_a_rule_leaves_nothing
            an_empty_batch_only_compares_the_heads
            what_was_acknowledged_is_there_after_reopening
            what_is_beyond_a_limit_is_refused_and_what_is_at_it_is_kept
            a_reader_beside_appends_sees_whole_batches
            leaves_come_in_pages
            an_answer_of_leaves_is_bounded_in_bytes
            a_node_that_was_never_written_is_named
            a_node_is_written_once
            items_are_ordered_bytewise_and_shelves_are_apart
            items_are_put_over_and_removed
            an_item_is_replaced_only_where_one_is
            an_answer_of_items_is_bounded_in_bytes
            the_item_at_or_before_a_name_is_found
            the_ledger_is_found_by_key_and_by_what_was_signed
            entries_are_found_for_many_signatures_at_once
            a_row_is_put_over_the_row_of_its_key
            rows_come_in_the_order_of_their_keys
            times_of_rows_are_whole_microseconds
            audit_rows_come_newest_first_and_in_pages
            every_condition_of_an_audit_query_counts
        );
    };
    (@tests $name:ident, $make:expr, $($test:ident)*) => {
        mod $name {
            #[expect(unused_imports, reason = "what `make` names")]
            use super::*;
            $(
                #[test]
                fn $test() {
                    $crate::contract::storage::$test(&($make)());
                }
            )*
        }
    };
}

/// The heads of a store that must be readable.
fn heads(store: &impl Storage) -> Heads {
    store.heads().expect("heads")
}

/// Appends after whatever is there.
#[track_caller]
fn add(store: &impl Storage, batch: &Batch) {
    store.append(heads(store), batch).expect("an append");
}

fn leaf(number: u64) -> Vec<u8> {
    format!("leaf {number}").into_bytes()
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

fn key(name: &str) -> Fingerprint {
    Fingerprint::from_digest(digest(name))
}

fn signed(bytes: &str, by: &str, over: &str) -> LedgerLeaf {
    LedgerLeaf {
        bytes: bytes.into(),
        fingerprint: key(by),
        pae: digest(over),
        signature: digest(bytes),
    }
}

fn put(shelf: Shelf, name: &[u8], bytes: &[u8]) -> ItemChange {
    ItemChange::Put(shelf, Item { name: name.to_vec(), bytes: bytes.to_vec() })
}

fn at(level: u8, index: u64) -> NodeAt {
    NodeAt { level, index }
}

fn second(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_735_689_600).plus_seconds(seconds)
}

fn anchor_id(number: u8) -> AnchorId {
    AnchorId::from_bytes([number; 16])
}

fn anchor(number: u8) -> AnchorRow {
    AnchorRow {
        id: anchor_id(number),
        purl_pattern: "pkg:cargo/*".into(),
        allowed_predicate_types: "[]".into(),
        policy_version: Some("v1".into()),
        threshold: 1,
        status: "active",
        created_at: second(0),
    }
}

fn history(anchor: u8, key: &str) -> HistoryRow {
    HistoryRow {
        id: EventId::of_leaf(&digest(&format!("{anchor} {key}"))),
        anchor_id: anchor_id(anchor),
        key_id: key.into(),
        public_key: "-----BEGIN PUBLIC KEY-----\n".into(),
        algorithm: "SHA256-ED25519".into(),
        added_at: second(1),
        revoked_at: None,
        revoke_reason: None,
        metadata: "{}".into(),
    }
}

fn audit(seq: u64, event_type: &str) -> AuditRow {
    AuditRow {
        seq,
        event_id: EventId::of_leaf(&digest(&seq.to_string())),
        event_type: event_type.into(),
        key_id: None,
        anchor_id: None,
        actor: "system".into(),
        timestamp: second(i64::try_from(seq).expect("a small place")),
        details: "{}".into(),
    }
}

fn of_rows(rows: impl IntoIterator<Item = Row>) -> Batch {
    Batch { rows: rows.into_iter().collect(), ..Batch::default() }
}

/// A batch with something of everything, as the `number`th of its kind.
fn full(number: u64) -> Batch {
    let name = format!("item {number:04}");
    Batch {
        log: vec![leaf(number), Vec::new()],
        ledger: vec![signed(&format!("entry {number}"), "k", &number.to_string())],
        nodes: vec![(Tree::Log, at(1, number), digest(&name))],
        items: vec![put(Shelf::Proof, name.as_bytes(), &leaf(number))],
        rows: vec![
            // Before its anchor: the order of rows within a batch is free.
            Row::History(history(1, &format!("key-{number:04}"))),
            Row::Anchor(anchor(1)),
            Row::Audit(audit(number, "KEY_GENERATED")),
        ],
    }
}

/// Whether everything of `full(number)` is there, and its leaves where they belong.
#[track_caller]
fn assert_full(store: &impl Storage, number: u64) {
    let Batch { log, ledger, nodes, items: _, rows: _ } = full(number);
    let found = store.leaves(Tree::Log, number * 2, 2).expect("leaves");
    assert_eq!(found, log);
    let found = store.leaves(Tree::Ledger, number, 1).expect("leaves");
    assert_eq!(found, [ledger[0].bytes.clone()]);
    let (tree, at, hash) = nodes[0];
    assert_eq!(store.nodes(tree, &[at]).expect("a node"), [hash]);
    let name = format!("item {number:04}");
    let found = store.item(Shelf::Proof, name.as_bytes()).expect("an item");
    assert_eq!(found, Some(leaf(number)));
    let before = number.checked_sub(1).map(|before| format!("{before:020}"));
    let found = store.rows(Table::KeyAuditLog, before.as_deref(), 1).expect("rows");
    assert_eq!(found, [Row::Audit(audit(number, "KEY_GENERATED"))]);
    let history = Row::History(history(1, &format!("key-{number:04}")));
    let found = store.rows(Table::KeyHistory, None, 1000).expect("rows");
    assert!(found.contains(&history), "{found:?}");
}
