//! Clauses about leaves, nodes, items and the ledger's indexes.

use keyward::storage::{
    Batch, Item, ItemChange, LEAF_BYTES_MAX, LedgerIndex, PAGE_ROWS_MAX, READ_BYTES_MAX, ReadError,
    Shelf, Storage, Tree,
};

use super::{Place, add, at, digest, key, leaf, put, signed};

/// From any place, any number, in order, to the end.
pub fn leaves_come_in_pages(place: &impl Place) {
    let store = place.open();
    add(&store, &Batch { log: (0..10).map(leaf).collect(), ..Batch::default() });
    add(&store, &Batch { log: (10..15).map(leaf).collect(), ..Batch::default() });
    let read = |from, limit| store.leaves(Tree::Log, from, limit).expect("leaves");
    let leaves = |range: std::ops::Range<u64>| range.map(leaf).collect::<Vec<_>>();
    assert_eq!(read(0, 4), leaves(0..4));
    assert_eq!(read(8, 4), leaves(8..12));
    assert_eq!(read(12, 100), leaves(12..15));
    assert_eq!(read(14, 1), leaves(14..15));
    assert_eq!(read(15, 1), leaves(0..0));
    assert_eq!(read(0, 0), leaves(0..0));
    assert_eq!(read(0, u32::MAX), leaves(0..15));
    assert_eq!(store.leaves(Tree::Ledger, 0, 100).expect("leaves"), leaves(0..0));
    let more = Batch { log: vec![Vec::new(); PAGE_ROWS_MAX as usize], ..Batch::default() };
    add(&store, &more);
    assert_eq!(read(0, u32::MAX).len(), PAGE_ROWS_MAX as usize);
}

/// No answer is larger than [`READ_BYTES_MAX`], and paging gets past every leaf.
pub fn an_answer_of_leaves_is_bounded_in_bytes(place: &impl Place) {
    let store = place.open();
    let count = READ_BYTES_MAX / LEAF_BYTES_MAX + 2;
    for number in 0..count {
        let leaf = vec![u8::try_from(number).expect("few"); LEAF_BYTES_MAX];
        add(&store, &Batch { log: vec![leaf], ..Batch::default() });
    }
    let mut lengths = Vec::new();
    let mut from = 0;
    loop {
        let page = store.leaves(Tree::Log, from, 1000).expect("leaves");
        assert!(page.iter().map(Vec::len).sum::<usize>() <= READ_BYTES_MAX);
        for leaf in &page {
            assert_eq!(u64::from(leaf[0]), from);
            from += 1;
        }
        if page.is_empty() {
            break;
        }
        lengths.push(page.len());
    }
    assert_eq!(lengths, [count - 2, 2]);
}

/// Asked for several, the first that is missing is named.
pub fn a_node_that_was_never_written_is_named(place: &impl Place) {
    let store = place.open();
    let (one, two) = (digest("one"), digest("two"));
    let nodes = vec![(Tree::Log, at(1, 0), one), (Tree::Ledger, at(63, 5), two)];
    add(&store, &Batch { nodes, ..Batch::default() });
    assert_eq!(store.nodes(Tree::Log, &[at(1, 0)]).expect("a node"), [one]);
    assert_eq!(store.nodes(Tree::Ledger, &[at(63, 5)]).expect("a node"), [two]);
    for (tree, places, name) in [
        (Tree::Ledger, vec![at(63, 5), at(1, 0)], "node 1/0 of Ledger"),
        (Tree::Log, vec![at(1, 0), at(1, 1)], "node 1/1 of Log"),
        (Tree::Log, vec![at(2, u64::MAX)], "node 2/18446744073709551615 of Log"),
    ] {
        match store.nodes(tree, &places) {
            Err(ReadError::Missing { what }) => assert_eq!(what, name),
            other => panic!("{other:?}"),
        }
    }
}

/// Not even with the same hash: a place in a tree is filled once.
pub fn a_node_is_written_once(place: &impl Place) {
    let store = place.open();
    let node =
        |name: &str| Batch { nodes: vec![(Tree::Log, at(3, 4), digest(name))], ..Batch::default() };
    add(&store, &node("one"));
    for name in ["one", "two"] {
        let refused = store.append(super::heads(&store), &node(name));
        assert!(
            matches!(refused, Err(keyward::storage::AppendError::Refused { .. })),
            "{refused:?}"
        );
    }
    let order = [at(3, 4), at(3, 4)];
    assert_eq!(store.nodes(Tree::Log, &order).expect("nodes"), [digest("one"); 2]);
}

/// By the bytes of their names, the empty one first; what is on one shelf is on no other.
pub fn items_are_ordered_bytewise_and_shelves_are_apart(place: &impl Place) {
    let store = place.open();
    let names: [&[u8]; 7] = [b"", b"\0", b"A", b"a", b"aa", b"b", b"\xff\0"];
    for (number, shelf) in Shelf::ALL.into_iter().enumerate() {
        let bytes = [u8::try_from(number).expect("few")];
        let items = names.iter().rev().map(|name| put(shelf, name, &bytes)).collect();
        add(&store, &Batch { items, ..Batch::default() });
    }
    for (number, shelf) in Shelf::ALL.into_iter().enumerate() {
        let items = store.items(shelf, None, 100).expect("items");
        assert_eq!(items.iter().map(|item| &item.name[..]).collect::<Vec<_>>(), names);
        assert!(items.iter().all(|item| usize::from(item.bytes[0]) == number), "{shelf:?}");
        let page = |after: &[u8], limit| -> Vec<Vec<u8>> {
            let items = store.items(shelf, Some(after), limit).expect("items");
            items.into_iter().map(|item| item.name).collect()
        };
        assert_eq!(page(b"", 2), [&b"\0"[..], b"A"]);
        assert_eq!(page(b"a", 9), [&b"aa"[..], b"b", b"\xff\0"]);
        assert_eq!(page(b"a\0", 1), [b"aa"]);
        assert_eq!(page(b"\xff\0", 9), Vec::<Vec<u8>>::new());
        assert_eq!(page(b"", 0), Vec::<Vec<u8>>::new());
    }
}

/// In the order of the batch; removing what is absent is no error.
pub fn items_are_put_over_and_removed(place: &impl Place) {
    let store = place.open();
    let remove = |name: &[u8]| ItemChange::Remove(Shelf::Side, name.to_vec());
    let write = |items| add(&store, &Batch { items, ..Batch::default() });
    let read = |name: &[u8]| store.item(Shelf::Side, name).expect("an item");
    write(vec![put(Shelf::Side, b"a", b"1"), put(Shelf::Side, b"a", b"2"), remove(b"none")]);
    assert_eq!(read(b"a"), Some(b"2".to_vec()));
    write(vec![put(Shelf::Side, b"a", b""), put(Shelf::Side, b"b", b"3")]);
    assert_eq!((read(b"a"), read(b"b")), (Some(Vec::new()), Some(b"3".to_vec())));
    write(vec![remove(b"a"), remove(b"b"), put(Shelf::Side, b"b", b"4")]);
    assert_eq!((read(b"a"), read(b"b")), (None, Some(b"4".to_vec())));
    assert_eq!(store.items(Shelf::Side, None, 9).expect("items").len(), 1);
}

/// What was removed, before or in the same batch, does not come back.
pub fn an_item_is_replaced_only_where_one_is(place: &impl Place) {
    let store = place.open();
    let remove = |name: &[u8]| ItemChange::Remove(Shelf::Side, name.to_vec());
    let replace = |name: &[u8], bytes: &[u8]| {
        ItemChange::Replace(Shelf::Side, Item { name: name.to_vec(), bytes: bytes.to_vec() })
    };
    let write = |items| add(&store, &Batch { items, ..Batch::default() });
    let read = |name: &[u8]| store.item(Shelf::Side, name).expect("an item");
    write(vec![put(Shelf::Side, b"a", b"1"), put(Shelf::Proof, b"c", b"of another shelf")]);
    write(vec![replace(b"a", b"2"), replace(b"b", b"3"), replace(b"c", b"4")]);
    assert_eq!((read(b"a"), read(b"b"), read(b"c")), (Some(b"2".to_vec()), None, None));
    write(vec![remove(b"a"), replace(b"a", b"5"), put(Shelf::Side, b"b", b"6")]);
    write(vec![put(Shelf::Side, b"c", b"7"), replace(b"c", b"8"), replace(b"b", b"")]);
    assert_eq!((read(b"a"), read(b"b"), read(b"c")), (None, Some(vec![]), Some(b"8".to_vec())));
}

/// No answer of several items is larger than [`READ_BYTES_MAX`]; one item alone may be.
pub fn an_answer_of_items_is_bounded_in_bytes(place: &impl Place) {
    let store = place.open();
    let lengths = [READ_BYTES_MAX / 2, READ_BYTES_MAX / 2, 1, READ_BYTES_MAX + 1, 5];
    let items = lengths.iter().zip(*b"abcde");
    let items = items.map(|(length, name)| put(Shelf::Snapshot, &[name], &vec![7; *length]));
    add(&store, &Batch { items: items.collect(), ..Batch::default() });
    let page = |after: Option<&[u8]>| -> Vec<u8> {
        let items = store.items(Shelf::Snapshot, after, 100).expect("items");
        items.iter().map(|item| item.name[0]).collect()
    };
    assert_eq!(page(None), b"ab");
    assert_eq!(page(Some(b"b")), b"c");
    assert_eq!(page(Some(b"c")), b"d");
    assert_eq!(page(Some(b"d")), b"e");
}

/// The greatest name that is not beyond the one asked for, on that shelf alone.
pub fn the_item_at_or_before_a_name_is_found(place: &impl Place) {
    let store = place.open();
    let name = |second: u64| second.to_be_bytes();
    let checkpoint = |second: u64| put(Shelf::Checkpoint, &name(second), &leaf(second));
    let items = vec![
        put(Shelf::Side, &name(0), b"of another shelf"),
        checkpoint(300),
        checkpoint(100),
        checkpoint(200),
        put(Shelf::Snapshot, &name(250), b"of another shelf"),
    ];
    add(&store, &Batch { items, ..Batch::default() });
    let find = |second| {
        let found = store.item_at_or_before(Shelf::Checkpoint, &name(second)).expect("an item");
        found.map(|Item { name, bytes }| (name, bytes))
    };
    let expect = |second: u64| Some((name(second).to_vec(), leaf(second)));
    assert_eq!(find(99), None);
    assert_eq!(find(100), expect(100));
    assert_eq!(find(299), expect(200));
    assert_eq!(find(300), expect(300));
    assert_eq!(find(u64::MAX), expect(300));
}

/// Ascending, paged, and never another key's.
pub fn the_ledger_is_found_by_key_and_by_what_was_signed(place: &impl Place) {
    let store = place.open();
    let entry = |number: u64| {
        let by = if number.is_multiple_of(2) { "even" } else { "odd" };
        signed(&number.to_string(), by, &(number % 3).to_string())
    };
    for range in [0..1, 1..7, 7..12] {
        add(&store, &Batch { ledger: range.map(entry).collect(), ..Batch::default() });
    }
    let find = |find, after, limit| store.ledger(find, after, limit).expect("places");
    let even = LedgerIndex::Key(key("even"));
    assert_eq!(find(even, None, 100), [0, 2, 4, 6, 8, 10]);
    assert_eq!(find(even, None, 2), [0, 2]);
    assert_eq!(find(even, Some(0), 2), [2, 4]);
    assert_eq!(find(even, Some(3), 2), [4, 6]);
    assert_eq!(find(even, Some(10), 2), [0_u64; 0]);
    assert_eq!(find(even, Some(u64::MAX), 2), [0_u64; 0]);
    assert_eq!(find(even, None, 0), [0_u64; 0]);
    let signed = |by: &str, over: &str| LedgerIndex::Signed(key(by), digest(over));
    assert_eq!(find(signed("even", "0"), None, 100), [0, 6]);
    assert_eq!(find(signed("odd", "0"), None, 100), [3, 9]);
    assert_eq!(find(signed("odd", "0"), Some(3), 100), [9]);
    assert_eq!(find(signed("odd", "3"), None, 100), [0_u64; 0]);
    assert_eq!(find(LedgerIndex::Key(key("nobody")), None, 100), [0_u64; 0]);
    let leaves = store.leaves(Tree::Ledger, 6, 1).expect("a leaf");
    assert_eq!(leaves, [b"6"]);
}

/// Many pairs at once, each entry with its place, and no other's.
pub fn entries_are_found_for_many_signatures_at_once(place: &impl Place) {
    let store = place.open();
    let entry = |number: u64| {
        let by = if number.is_multiple_of(2) { "even" } else { "odd" };
        signed(&number.to_string(), by, &(number % 3).to_string())
    };
    add(&store, &Batch { ledger: (0..12).map(entry).collect(), ..Batch::default() });
    let find = |pairs: &[(&str, &str)], each| {
        let pairs: Vec<_> = pairs.iter().map(|(by, over)| (key(by), digest(over))).collect();
        let mut found = store.signed(&pairs, each).expect("entries");
        found.sort_unstable();
        found
    };
    let leaf = |place: u64| (place, place.to_string().into_bytes());
    assert_eq!(find(&[], 100), []);
    assert_eq!(find(&[("even", "0"), ("odd", "3"), ("nobody", "0")], 100), [leaf(0), leaf(6)]);
    assert_eq!(find(&[("odd", "0"), ("even", "1")], 100), [leaf(3), leaf(4), leaf(9), leaf(10)]);
    assert_eq!(find(&[("odd", "0"), ("even", "1")], 1), [leaf(3), leaf(4)]);
}
