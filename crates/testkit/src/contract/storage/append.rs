//! Clauses about writing: all or nothing, once, and for good.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use keyward::storage::{
    AppendError, AuditQuery, Batch, Heads, ITEM_BYTES_MAX, ITEM_NAME_BYTES_MAX, LEAF_BYTES_MAX,
    LedgerIndex, ROW_TEXT_BYTES_MAX, Row, Shelf, Storage, Table, Tree,
};

use super::{
    Place, add, anchor, assert_full, at, audit, digest, full, heads, history, key, leaf, of_rows,
    put, signed,
};

/// Nothing is there, and asking for it is no error.
pub fn an_empty_store_answers_with_nothing(place: &impl Place) {
    assert_empty(&place.open());
}

#[track_caller]
fn assert_empty(store: &impl Storage) {
    assert_eq!(heads(store), Heads::default());
    for tree in [Tree::Log, Tree::Ledger] {
        assert_eq!(store.leaves(tree, 0, 10).expect("leaves"), Vec::<Vec<u8>>::new());
        assert_eq!(store.leaves(tree, u64::MAX, 10).expect("leaves"), Vec::<Vec<u8>>::new());
        assert_eq!(store.nodes(tree, &[]).expect("nodes"), []);
    }
    assert_eq!(store.item(Shelf::Root, b"").expect("an item"), None);
    assert_eq!(store.items(Shelf::Proof, None, 10).expect("items"), []);
    assert_eq!(store.item_at_or_before(Shelf::Checkpoint, b"z").expect("an item"), None);
    assert_eq!(store.ledger(LedgerIndex::Key(key("k")), None, 10).expect("places"), [0_u64; 0]);
    let query = AuditQuery { limit: 10, ..AuditQuery::default() };
    assert_eq!(store.audit_rows(&query).expect("rows"), []);
    for table in [Table::TrustAnchors, Table::KeyHistory, Table::KeyAuditLog] {
        assert_eq!(store.rows(table, None, 10).expect("rows"), []);
    }
}

/// Every part of a batch is there when `append` returns.
pub fn a_batch_is_there_whole_once_it_is_acknowledged(place: &impl Place) {
    let store = place.open();
    for number in 0..3 {
        add(&store, &full(number));
        assert_eq!(heads(&store), Heads { log: number * 2 + 2, ledger: number + 1 });
        assert_full(&store, number);
    }
}

/// The heads are compared, both of them, and the error says what is there.
pub fn an_append_after_other_heads_is_a_conflict_and_writes_nothing(place: &impl Place) {
    let store = place.open();
    add(&store, &full(0));
    let found = heads(&store);
    for (log, ledger) in [(0, 0), (1, 1), (2, 0), (2, 2), (3, 1), (u64::MAX, 1), (2, u64::MAX)] {
        let expected = Heads { log, ledger };
        match store.append(expected, &full(1)) {
            Err(AppendError::Conflict { expected: said, found: there }) => {
                assert_eq!((said, there), (expected, found));
            }
            other => panic!("{expected:?}: {other:?}"),
        }
    }
    assert_eq!(heads(&store), found);
    assert_eq!(store.item(Shelf::Proof, b"item 0001").expect("an item"), None);
    add(&store, &full(1));
    assert_full(&store, 1);
}

/// Two openings, two threads, the same heads: one is in, one is told of it.
pub fn of_two_appends_at_once_exactly_one_wins(place: &impl Place) {
    let (one, two) = (place.open(), place.open());
    for round in 0..50 {
        let after = heads(&one);
        let start = Barrier::new(2);
        let race = |store: &_, name: &str| {
            let batch = Batch {
                log: vec![name.into()],
                items: vec![put(Shelf::Side, name.as_bytes(), &leaf(round))],
                ..Batch::default()
            };
            start.wait();
            Storage::append(store, after, &batch)
        };
        let results = thread::scope(|scope| {
            let first = scope.spawn(|| race(&one, "one"));
            let second = scope.spawn(|| race(&two, "two"));
            [("one", first.join().expect("one")), ("two", second.join().expect("two"))]
        });
        let winners: Vec<&str> =
            results.iter().filter(|(_, result)| result.is_ok()).map(|(name, _)| *name).collect();
        let [winner] = winners[..] else { panic!("{results:?}") };
        let next = Heads { log: after.log + 1, ..after };
        let told = results.iter().any(|(_, result)| {
            matches!(result, Err(AppendError::Conflict { expected, found })
                if *expected == after && *found == next)
        });
        assert!(told, "{results:?}");
        for store in [&one, &two] {
            assert_eq!(heads(store), next);
            assert_eq!(store.leaves(Tree::Log, round, 9).expect("leaves"), [winner.as_bytes()]);
            let item = store.item(Shelf::Side, winner.as_bytes()).expect("an item");
            assert_eq!(item, Some(leaf(round)));
        }
    }
}

/// Whatever part is at fault, and wherever it stands in the batch.
pub fn a_batch_that_breaks_a_rule_leaves_nothing(place: &impl Place) {
    let store = place.open();
    let mut twice = full(0);
    twice.nodes.push(twice.nodes[0]);
    let mut orphan = full(0);
    orphan.rows.push(Row::History(history(9, "key-of-nobody")));
    let mut low = full(0);
    low.nodes.push((Tree::Ledger, at(0, 0), digest("a leaf hash")));
    let mut odd = full(0);
    odd.rows.push(Row::Anchor(keyward::storage::AnchorRow { status: "odd", ..anchor(2) }));
    for batch in [twice, orphan, low, odd] {
        let refused = store.append(Heads::default(), &batch);
        assert!(matches!(refused, Err(AppendError::Refused { .. })), "{refused:?}");
        assert_empty(&store);
    }
    add(&store, &full(0));
    assert_full(&store, 0);
}

/// A way to ask whether one is still the last.
pub fn an_empty_batch_only_compares_the_heads(place: &impl Place) {
    let store = place.open();
    add(&store, &full(0));
    let now = heads(&store);
    store.append(now, &Batch::default()).expect("the same heads");
    assert_eq!(heads(&store), now);
    let old = store.append(Heads::default(), &Batch::default());
    assert!(matches!(old, Err(AppendError::Conflict { .. })), "{old:?}");
}

/// Also when the opening that wrote is still there, and when it is gone.
pub fn what_was_acknowledged_is_there_after_reopening(place: &impl Place) {
    let first = place.open();
    add(&first, &full(0));
    let second = place.open();
    add(&second, &full(1));
    assert_full(&first, 1);
    drop((first, second));
    let third = place.open();
    assert_eq!(heads(&third), Heads { log: 4, ledger: 2 });
    assert_full(&third, 0);
    assert_full(&third, 1);
    add(&third, &full(2));
    assert_full(&third, 2);
}

/// Every limit, from both sides.
pub fn what_is_beyond_a_limit_is_refused_and_what_is_at_it_is_kept(place: &impl Place) {
    let store = place.open();
    let batch = |leaf: usize, name: usize, item: usize, text: usize| {
        let mut row = audit(0, "KEY_GENERATED");
        row.details = "x".repeat(text);
        let mut entry = signed("", "k", "p");
        entry.bytes = vec![1; leaf];
        Batch {
            log: vec![vec![2; leaf]],
            ledger: vec![entry],
            items: vec![put(Shelf::Snapshot, &vec![3; name], &vec![4; item])],
            ..of_rows([Row::Audit(row)])
        }
    };
    let (leaf, name) = (LEAF_BYTES_MAX, ITEM_NAME_BYTES_MAX);
    let (item, text) = (ITEM_BYTES_MAX, ROW_TEXT_BYTES_MAX);
    for too_much in [
        batch(leaf + 1, 1, 1, 1),
        batch(1, name + 1, 1, 1),
        batch(1, 1, item + 1, 1),
        batch(1, 1, 1, text + 1),
    ] {
        let refused = store.append(Heads::default(), &too_much);
        assert!(matches!(refused, Err(AppendError::Refused { .. })), "not refused");
    }
    assert_empty(&store);
    add(&store, &batch(leaf, name, item, text));
    assert!(store.leaves(Tree::Log, 0, 1).expect("a leaf") == [vec![2; leaf]]);
    assert!(store.leaves(Tree::Ledger, 0, 1).expect("a leaf") == [vec![1; leaf]]);
    let found = store.item(Shelf::Snapshot, &vec![3; name]).expect("an item");
    assert!(found == Some(vec![4; item]));
    let rows = store.rows(Table::KeyAuditLog, None, 1).expect("a row");
    let [Row::Audit(row)] = &rows[..] else { panic!("no row") };
    assert_eq!(row.details.len(), text);
}

/// A reader never sees the leaves of a batch without its items, or some of its leaves.
pub fn a_reader_beside_appends_sees_whole_batches(place: &impl Place) {
    const BATCHES: u64 = 60;
    const LEAVES: u64 = 7;
    let (writer, reader) = (place.open(), place.open());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let looks = scope.spawn(|| {
            let mut looks = 0_u64;
            let mut last = 0;
            loop {
                let stop = done.load(Ordering::Acquire);
                let seen = heads(&reader);
                assert_eq!((seen.log % LEAVES, seen.ledger * LEAVES), (0, seen.log));
                assert!(seen.log >= last, "the store went back");
                last = seen.log;
                let leaves = reader.leaves(Tree::Log, 0, 10_000).expect("leaves");
                assert_eq!(leaves.len() as u64 % LEAVES, 0, "a part of a batch");
                assert!(leaves.len() as u64 >= seen.log, "what was there is not");
                let count = reader.item(Shelf::Side, b"count").expect("an item");
                let count = count.map_or(0, |bytes| bytes.len() as u64);
                assert!(count * LEAVES >= leaves.len() as u64, "leaves without their item");
                looks += 1;
                if stop {
                    return looks;
                }
            }
        });
        for number in 1..=BATCHES {
            let batch = Batch {
                log: (0..LEAVES).map(leaf).collect(),
                ledger: vec![signed("entry", "k", "p")],
                items: vec![put(Shelf::Side, b"count", &vec![0; number as usize])],
                ..Batch::default()
            };
            add(&writer, &batch);
        }
        done.store(true, Ordering::Release);
        assert!(looks.join().expect("the reader") > 0);
    });
    assert_eq!(heads(&reader), Heads { log: BATCHES * LEAVES, ledger: BATCHES });
}
