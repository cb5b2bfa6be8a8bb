//! Anchors: which keys come in, where, and from when.

use keyward_lifecycle::{
    anchor::{AnchorRecord, AssertedKey},
    command::{Anchors, Command, NewKey, Universal},
    event::Fact,
    refusal::{Refusal, Warning},
};

use crate::world::{
    World, add, anchor, anchor_id, create, create_as, day, generate, id, new_key, retire, revoke_at,
};

fn universal(universal: Universal) -> Command {
    let anchor = anchor(1, "*");
    Command::CreateAnchor { anchor, keys: Vec::new(), universal, imported: false }
}

#[test]
fn an_anchor_is_made_with_its_keys_in_one_write() {
    // SO-072
    let mut world = World::begun();
    world.must(generate("k1"));
    assert_eq!(world.refused(create(1, &["k1", "k2"])), Refusal::NoSuchKey(id("k2")));
    assert_eq!(world.state.anchors().count(), 0);
    let facts = world.run(create(1, &["k1", "k1"])).unwrap().facts;
    let record = anchor(1, "pkg:npm/a1/*");
    let created = Fact::AnchorCreated { anchor: record, imported: false };
    let added = Fact::KeyAdded { anchor_id: anchor_id(1), key_id: id("k1") };
    assert_eq!(facts, [created, added]);
    let taken = Refusal::NameTaken { what: "trust anchor", name: anchor_id(1).to_string().into() };
    assert_eq!(world.refused(create_as(anchor(1, "pkg:npm/b"), &[])), taken);
}

#[test]
fn a_pattern_is_one_anchor_s_until_that_is_deactivated() {
    // HA-12
    let mut world = World::begun();
    world.must(create_as(anchor(1, "pkg:npm/*"), &[]));
    let again = create_as(anchor(2, "pkg:npm/*"), &[]);
    let pattern = "pkg:npm/*".parse().unwrap();
    let taken = Refusal::PatternTaken { pattern, anchor_id: anchor_id(1) };
    assert_eq!(world.refused(again.clone()), taken);
    let off = Command::DeactivateAnchor { anchor_id: anchor_id(1) };
    world.must(off.clone());
    assert_eq!(world.run(off).unwrap().facts, []);
    world.must(again);
    let purl = "pkg:npm/lodash@4".parse().unwrap();
    let (_, judge) = world.state.anchor_for(&purl).unwrap();
    assert_eq!(judge.record.anchor_id, anchor_id(2));
}

#[test]
fn an_anchor_that_is_deactivated_takes_no_keys() {
    let mut world = World::begun();
    world.must(generate("k1"));
    world.must(create(1, &["k1"]));
    world.must(create(2, &[]));
    world.must(generate("k2"));
    world.must(Command::DeactivateAnchor { anchor_id: anchor_id(1) });
    let inactive = Refusal::AnchorInactive(anchor_id(1));
    assert_eq!(world.refused(add(1, "k2")), inactive);
    assert_eq!(world.refused(add(1, "k1")), inactive);
    assert_eq!(inactive.code(), "anchor-inactive");
    // `ALL` passes it over, and what it believed can still be ended there.
    let every = Command::AddKey { to: Anchors::Every, key_id: id("k2") };
    let added = Fact::KeyAdded { anchor_id: anchor_id(2), key_id: id("k2") };
    assert_eq!(world.run(every).unwrap().facts, [added]);
    world.must(revoke_at(1, "k1", day(1)));
}

#[test]
fn the_universal_pattern_is_asked_for_by_name() {
    // HA-13, SO-083
    let mut world = World::begun();
    assert_eq!(world.refused(universal(Universal::Refused)), Refusal::UniversalNotAllowed);
    world.must(universal(Universal::Allowed));
    let purl = "pkg:cargo/serde".parse().unwrap();
    assert!(world.state.anchor_for(&purl).is_some());
}

#[test]
fn a_pattern_that_leaves_out_its_own_root_is_warned_about() {
    // HA-12
    let mut world = World::begun();
    let warnings = world.must(create_as(anchor(1, "pkg:maven/org.apache.*"), &[]));
    assert!(matches!(warnings[..], [Warning::Pattern(_)]), "{warnings:?}");
}

#[test]
fn a_threshold_is_from_1_to_64() {
    // HA-15
    for (threshold, good) in [(0, false), (1, true), (64, true), (65, false)] {
        let mut world = World::begun();
        let record = AnchorRecord { threshold, ..anchor(1, "pkg:npm/*") };
        let expected = Refusal::BadThreshold { threshold, most: 64 };
        let result = world.run(create_as(record, &[]));
        assert_eq!(result.err(), (!good).then_some(expected));
    }
}

#[test]
fn a_key_joins_without_removing_any_and_from_now_on() {
    // SO-030, SO-033, HA-34
    let mut world = World::begun();
    world.must(generate("k1"));
    world.must(generate("k2"));
    world.must(create(1, &["k1"]));
    let warnings = world.at(day(5)).must(add(1, "k2"));
    let staged = Warning::Staged { key_id: id("k2"), signer: Some(id("k1")) };
    assert_eq!(warnings, [staged]);
    assert_eq!(world.run(add(1, "k2")).unwrap().facts, []);
    assert_eq!(world.window("k1", 1).start(), day(0));
    assert_eq!(world.window("k2", 1).start(), day(5));
    assert_eq!(world.refused(add(9, "k1")), Refusal::NoSuchAnchor(anchor_id(9)));
    assert_eq!(world.refused(add(1, "k9")), Refusal::NoSuchKey(id("k9")));
}

#[test]
fn all_means_every_active_anchor_at_once() {
    // SO-034, SO-102, HA-20
    let mut world = World::begun();
    world.must(generate("k1"));
    world.must(generate("k2"));
    let all = |name| Command::AddKey { to: Anchors::Every, key_id: id(name) };
    assert_eq!(world.refused(all("k1")), Refusal::NoAnchors);
    for number in 1..=4 {
        world.must(create(number, &[]));
    }
    world.must(Command::DeactivateAnchor { anchor_id: anchor_id(4) });
    world.must(add(3, "k1"));
    world.must(revoke_at(3, "k1", day(0)));
    let decision = world.run(all("k1")).unwrap();
    let added = |number| Fact::KeyAdded { anchor_id: anchor_id(number), key_id: id("k1") };
    assert_eq!(decision.facts, [added(1), added(2)]);
    assert_eq!(decision.warnings, [Warning::ScopeExpanded { anchors: 2 }]);
    // Only where the lost key was, its ended membership counted.
    let affected = Command::AddKey { to: Anchors::AffectedBy(id("k1")), key_id: id("k2") };
    assert_eq!(world.run(affected).unwrap().facts.len(), 3);
    let nowhere = Command::AddKey { to: Anchors::AffectedBy(id("k3")), key_id: id("k2") };
    assert_eq!(world.refused(nowhere.clone()), Refusal::NoSuchKey(id("k3")));
    world.must(generate("k3"));
    assert_eq!(world.refused(nowhere), Refusal::NoAnchors);
}

#[test]
fn a_window_that_is_empty_from_the_start_is_said() {
    let mut world = World::begun();
    let expires_at = Some(day(10));
    world.must(Command::GenerateKey(NewKey { expires_at, ..new_key("k1") }));
    world.at(day(10));
    let empty = Warning::EmptyWindow(anchor_id(1));
    assert_eq!(world.must(create(1, &["k1"])), std::slice::from_ref(&empty));
    world.must(generate("k2"));
    world.must(retire("k2"));
    assert_eq!(world.must(add(1, "k2")), [empty, Warning::NotSigning(id("k2"))]);
    assert!(world.window("k2", 1).is_empty());
}

#[test]
fn what_an_import_asserts_is_kept_and_believed_by_nobody() {
    // SO-070, HA-34
    let mut world = World::begun();
    world.must(generate("k1"));
    let asserted = vec![AssertedKey {
        key_id: "k1".into(),
        added_at: Some(day(-900)),
        revoked_at: None,
        revoke_reason: None,
    }];
    let record = AnchorRecord { asserted, ..anchor(1, "pkg:npm/*") };
    let keys = vec![id("k1"), id("lost")];
    let universal = Universal::Refused;
    let import = Command::CreateAnchor { anchor: record.clone(), keys, universal, imported: true };
    assert_eq!(world.must(import), [Warning::Unregistered(id("lost"))]);
    assert_eq!(world.window("k1", 1).start(), day(0));
    assert_eq!(world.state.anchor(&anchor_id(1)).unwrap().record, record);
}
