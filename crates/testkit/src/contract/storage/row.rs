//! Clauses about the projections.

use keyward::storage::{AnchorRow, AuditQuery, AuditRow, Batch, HistoryRow, Row, Storage, Table};
use keyward_lifecycle::{id::EventId, time::Timestamp};

use super::{Place, add, anchor, anchor_id, audit, digest, history, of_rows, second};

/// All columns of it, in each table.
pub fn a_row_is_put_over_the_row_of_its_key(place: &impl Place) {
    let store = place.open();
    add(
        &store,
        &of_rows([
            Row::Anchor(anchor(1)),
            Row::History(history(1, "k")),
            Row::Audit(audit(0, "KEY_GENERATED")),
        ]),
    );
    let new = [
        Row::Anchor(AnchorRow {
            id: anchor_id(1),
            purl_pattern: "pkg:npm/*".into(),
            allowed_predicate_types: "[\"slsa\"]".into(),
            policy_version: None,
            threshold: u32::MAX,
            status: "inactive",
            created_at: second(5),
        }),
        Row::History(HistoryRow {
            id: EventId::of_leaf(&digest("another")),
            anchor_id: anchor_id(1),
            key_id: "k".into(),
            public_key: "another key".into(),
            algorithm: "ML-DSA-65".into(),
            added_at: second(6),
            revoked_at: Some(second(7)),
            revoke_reason: Some("superseded".into()),
            metadata: "{\"a\":\"\\u0000 ' ä\"}".into(),
        }),
        Row::Audit(AuditRow {
            seq: 0,
            event_id: EventId::of_leaf(&digest("another")),
            event_type: "KEY_REVOKED".into(),
            key_id: Some("k".into()),
            anchor_id: Some(anchor_id(1)),
            actor: "a-1".into(),
            timestamp: second(8),
            details: "{\"reason\":\"' OR 1=1 --\"}".into(),
        }),
    ];
    // Twice: putting a row over itself changes nothing.
    for _ in 0..2 {
        add(&store, &of_rows(new.clone()));
        for row in &new {
            let found = store.rows(row.table(), None, 10).expect("rows");
            assert_eq!(found, std::slice::from_ref(row));
        }
    }
}

/// Each table by [`Row::key`], in pages that start after any text.
pub fn rows_come_in_the_order_of_their_keys(place: &impl Place) {
    let store = place.open();
    let rows: Vec<Row> = (0..3)
        .flat_map(|number| {
            let keys = ["key-b", "key", "key-a", "Key"];
            let keys = keys.map(|key| Row::History(history(number, key)));
            let audits =
                [20, 3, 100].map(|seq| audit(seq + u64::from(number), "X")).map(Row::Audit);
            keys.into_iter().chain(audits).chain([Row::Anchor(anchor(number))])
        })
        .collect();
    add(&store, &of_rows(rows.clone()));
    for table in [Table::TrustAnchors, Table::KeyHistory, Table::KeyAuditLog] {
        let mut expected: Vec<Row> =
            rows.iter().filter(|row| row.table() == table).cloned().collect();
        expected.sort_by_key(Row::key);
        for limit in [1, 2, 100] {
            let mut found = Vec::new();
            let mut after: Option<String> = None;
            loop {
                let page = store.rows(table, after.as_deref(), limit).expect("rows");
                assert!(page.len() <= limit as usize);
                let Some(last) = page.last() else { break };
                after = Some(last.key());
                found.extend(page);
            }
            assert_eq!(found, expected, "{table:?} by {limit}");
        }
    }
}

/// What is finer is cut, as everywhere in the log.
pub fn times_of_rows_are_whole_microseconds(place: &impl Place) {
    let store = place.open();
    let fine = Timestamp::from_nanos(1_735_689_600_123_456_789);
    let cut = Timestamp::from_nanos(1_735_689_600_123_456_000);
    let before_1970 = Timestamp::from_nanos(-1);
    let mut row = history(1, "k");
    (row.added_at, row.revoked_at) = (before_1970, Some(fine));
    let mut entry = audit(0, "KEY_GENERATED");
    entry.timestamp = fine;
    let mut scope = anchor(1);
    scope.created_at = fine;
    add(&store, &of_rows([Row::Anchor(scope), Row::History(row), Row::Audit(entry)]));
    match &store.rows(Table::KeyHistory, None, 1).expect("rows")[..] {
        [Row::History(row)] => {
            assert_eq!(row.added_at, Timestamp::from_nanos(-1_000));
            assert_eq!(row.revoked_at, Some(cut));
        }
        other => panic!("{other:?}"),
    }
    match &store.rows(Table::TrustAnchors, None, 1).expect("rows")[..] {
        [Row::Anchor(row)] => assert_eq!(row.created_at, cut),
        other => panic!("{other:?}"),
    }
    let found = |from, before| {
        let query = AuditQuery { from, before, limit: 9, ..AuditQuery::default() };
        store.audit_rows(&query).expect("rows").len()
    };
    let nano = |nanos| Some(Timestamp::from_nanos(cut.nanos() + nanos));
    assert_eq!((found(nano(0), None), found(nano(1), None)), (1, 0));
    assert_eq!((found(None, nano(0)), found(None, nano(1))), (0, 1));
}

/// By time, then by place; a page goes on where the last one ended.
pub fn audit_rows_come_newest_first_and_in_pages(place: &impl Place) {
    let store = place.open();
    let rows = (0..20_u64).map(|seq| {
        let mut row = audit(seq, "KEY_GENERATED");
        // Four events at each instant.
        row.timestamp = second(i64::try_from(seq / 4).expect("small"));
        Row::Audit(row)
    });
    add(&store, &of_rows(rows));
    for limit in [1, 3, 20, 100] {
        let mut places = Vec::new();
        let mut before_seq = None;
        loop {
            let query = AuditQuery { before_seq, limit, ..AuditQuery::default() };
            let page = store.audit_rows(&query).expect("rows");
            assert!(page.len() <= limit as usize);
            let Some(last) = page.last() else { break };
            before_seq = Some(last.seq);
            places.extend(page.iter().map(|row| row.seq));
        }
        assert_eq!(places, (0..20).rev().collect::<Vec<_>>(), "by {limit}");
    }
    let absent = AuditQuery { before_seq: Some(500), limit: 1, ..AuditQuery::default() };
    assert_eq!(store.audit_rows(&absent).expect("rows")[0].seq, 19);
}

/// All of them together, and a pattern in which only the star is special.
pub fn every_condition_of_an_audit_query_counts(place: &impl Place) {
    // HA-22
    let store = place.open();
    let row = |seq: u64, event_type: &str, key: Option<&str>, anchor: Option<u8>| {
        let mut row = audit(seq, event_type);
        row.key_id = key.map(str::to_owned);
        row.anchor_id = anchor.map(anchor_id);
        Row::Audit(row)
    };
    add(
        &store,
        &Batch {
            rows: vec![
                row(0, "KEY_GENERATED", Some("a"), None),
                row(1, "KEY_ADDED", Some("a"), Some(1)),
                row(2, "KEYS_LISTED", None, None),
                row(3, "ANCHOR_CREATED", None, Some(2)),
                row(4, "KEY_REVOKED", Some("b"), Some(1)),
                row(5, "KEY_REVOKED", Some("a"), Some(2)),
            ],
            ..Batch::default()
        },
    );
    let check = |query: AuditQuery, expected: &[u64]| {
        let found = store.audit_rows(&query).expect("rows");
        let places: Vec<u64> = found.iter().map(|row| row.seq).collect();
        assert_eq!(places, expected, "{query:?}");
    };
    let all = || AuditQuery { limit: 100, ..AuditQuery::default() };
    let of_type = |pattern: &str| AuditQuery { event_type: Some(pattern.into()), ..all() };
    check(all(), &[5, 4, 3, 2, 1, 0]);
    check(of_type("KEY_*"), &[5, 4, 1, 0]);
    check(of_type("*ED"), &[5, 4, 3, 2, 1, 0]);
    check(of_type("KEY_REVOKED"), &[5, 4]);
    check(of_type("key_*"), &[]);
    check(of_type("KEY_%"), &[]);
    check(of_type("KEY?REVOKED"), &[]);
    check(of_type(""), &[]);
    check(of_type(&"*".repeat(100_000)), &[]);
    check(AuditQuery { key_id: Some("a".into()), ..all() }, &[5, 1, 0]);
    check(AuditQuery { anchor_id: Some(anchor_id(1)), ..all() }, &[4, 1]);
    check(AuditQuery { from: Some(second(2)), before: Some(second(4)), ..all() }, &[3, 2]);
    check(AuditQuery { before: Some(Timestamp::EPOCH), ..all() }, &[]);
    let several = AuditQuery {
        key_id: Some("a".into()),
        anchor_id: Some(anchor_id(2)),
        from: Some(second(5)),
        before: Some(second(6)),
        ..of_type("KEY_*")
    };
    check(several.clone(), &[5]);
    check(AuditQuery { key_id: Some("b".into()), ..several.clone() }, &[]);
    check(AuditQuery { limit: 0, ..several }, &[]);
    check(AuditQuery { before_seq: Some(4), ..of_type("KEY_*") }, &[1, 0]);
}
