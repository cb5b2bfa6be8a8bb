//! A rotation can be stopped after every step, and a usable signer exists all the way.

use keyward_lifecycle::{
    command::{Command, Force, NewKey},
    event::Fact,
    id::ContentId,
    key::Status,
    profile::Strictness,
    refusal::{Refusal, Unusable, Warning},
};

use crate::world::{
    World, abort, add, attest, begin, complete, create, day, destroy, generate, id, new_key,
    policy, profile, promote, retire, revoke,
};

/// `k1` signs and is believed in anchor 1; `k2`, of another lineage, waits and is believed
/// there too, since day 0.
fn ready() -> World {
    let mut world = World::begun();
    world.must(generate("k1"));
    world.must(generate("k2"));
    world.must(create(1, &["k1", "k2"]));
    world.at(day(20));
    world
}

fn missing(name: &str, missing: &'static str) -> Refusal {
    Refusal::RotationIncomplete { key_id: id(name), missing }
}

#[test]
fn the_name_flips_to_the_new_key_in_one_write() {
    // SO-040, SO-041, LC-002, LC-022, LC-023
    let mut world = ready();
    world.must(begin("k1", "k2"));
    assert_eq!(world.key("k1").status(world.now()), Status::Rotating);
    assert_eq!(world.signer(), Some("k1"));
    world.must(attest("k1", "k2"));
    assert_eq!(world.signer(), Some("k1"));
    let facts = world.run(complete("k1")).unwrap().facts;
    let expected = [
        Fact::KeyRetired { key_id: id("k1"), not_after: day(20) },
        Fact::KeyPromoted { key_id: id("k2") },
        Fact::RotationCompleted { key_id: id("k1"), successor: id("k2") },
    ];
    assert_eq!(facts, expected);
    assert_eq!(world.signer(), Some("k2"));
    assert_eq!(world.key("k1").status(world.now()), Status::Deprecated);
    // HC-07: what the old key signs from here on is not believed.
    assert_eq!(world.window("k1", 1).end(), Some(day(20)));
    assert_eq!(world.window("k2", 1).end(), None);
    assert_eq!(world.state.counts().rotations, 1);
}

#[test]
fn every_step_may_be_asked_for_again() {
    let mut world = ready();
    for step in [begin("k1", "k2"), attest("k1", "k2"), complete("k1")] {
        assert_ne!(world.run(step.clone()).unwrap().facts, []);
        assert_eq!(world.run(step.clone()).unwrap().facts, [], "{}", step.name());
    }
    for step in [begin("k1", "k2"), attest("k1", "k2"), complete("k1")] {
        assert_eq!(world.run(step.clone()).unwrap().facts, [], "{}", step.name());
    }
}

#[test]
fn a_step_waits_for_the_one_before() {
    let mut world = ready();
    assert_eq!(world.refused(attest("k1", "k2")), missing("k1", "it has not begun"));
    assert_eq!(world.refused(complete("k1")), missing("k1", "it has not begun"));
    world.must(begin("k1", "k2"));
    let refusal = world.refused(complete("k1"));
    assert_eq!(refusal, missing("k1", "the succession statement is not logged"));
    assert_eq!(refusal.code(), "rotation-incomplete");
}

#[test]
fn every_anchor_that_believes_the_old_key_believes_the_new_one_first() {
    // SO-032
    let mut world = ready();
    world.must(create(2, &["k1"]));
    world.must(begin("k1", "k2"));
    world.must(attest("k1", "k2"));
    let why = "an anchor that believes the old key does not believe the new one";
    assert_eq!(world.refused(complete("k1")), missing("k1", why));
    world.must(add(2, "k2"));
    // HA-31: verifiers that have not fetched it since refuse what it signs.
    assert_eq!(world.must(complete("k1")), [Warning::PromotedSoon { seconds: 0 }]);
}

#[test]
fn a_strict_profile_waits_until_verifiers_know_the_new_key() {
    // HA-31
    let mut world = ready();
    world.must(policy(Strictness::Strict));
    world.must(begin("k1", "k2"));
    world.must(attest("k1", "k2"));
    world.must(create(2, &["k1", "k2"]));
    let warning = Box::new(Warning::PromotedSoon { seconds: 0 });
    let strict = Refusal::Strict { profile: profile("default"), warning };
    assert_eq!(world.refused(complete("k1")), strict);
    assert_eq!(world.clone().at(day(21)).must(complete("k1")), []);
    let forced = Command::CompleteRotation { key_id: id("k1"), force: Force::Yes };
    assert_eq!(world.must(forced), [Warning::PromotedSoon { seconds: 0 }]);
}

#[test]
fn a_rotation_that_is_called_off_leaves_the_old_key_signing() {
    let mut world = ready();
    assert_eq!(world.run(abort("k1")).unwrap().facts, []);
    world.must(begin("k1", "k2"));
    world.must(attest("k1", "k2"));
    world.must(abort("k1"));
    assert_eq!(world.run(abort("k1")).unwrap().facts, []);
    assert_eq!(world.key("k1").status(world.now()), Status::Active);
    assert_eq!(world.signer(), Some("k1"));
    assert_eq!(world.key("k2").status(world.now()), Status::Deprecated);
    assert_eq!(world.window("k2", 1).end(), Some(day(20)));
    // Another successor may be named then, and the one set aside is not.
    let aside = Refusal::WrongStatus {
        key_id: id("k2"),
        status: Status::Deprecated,
        wanted: "follow another key",
    };
    assert_eq!(world.refused(begin("k1", "k2")), aside);
    world.must(generate("k3"));
    world.must(begin("k1", "k3"));
}

#[test]
fn a_key_has_one_successor() {
    // HC-06
    let mut world = ready();
    world.must(generate("k3"));
    world.must(begin("k1", "k2"));
    let one = Refusal::SuccessorExists { key_id: id("k1"), successor: id("k2") };
    assert_eq!(world.refused(begin("k1", "k3")), one);
    assert_eq!(world.refused(attest("k1", "k3")), one);
    let child = NewKey { parent: Some(id("k1")), ..new_key("k4") };
    assert_eq!(world.refused(Command::GenerateKey(child)), one);
    // Signing the statement anew, after a crash, changes nothing.
    world.must(attest("k1", "k2"));
    let again = Command::LogSuccession {
        key_id: id("k1"),
        successor: id("k2"),
        statement: ContentId::of(b"signed anew"),
    };
    assert_eq!(world.run(again).unwrap().facts, []);
    let first = ContentId::of(b"k1 to k2");
    assert_eq!(world.key("k1").succession().unwrap().statement, Some(first));
}

#[test]
fn only_registered_keys_of_one_profile_and_purpose_follow_each_other() {
    // LC-022
    let mut world = ready();
    assert_eq!(world.refused(begin("k1", "k9")), Refusal::NoSuchKey(id("k9")));
    assert_eq!(world.refused(begin("k9", "k1")), Refusal::NoSuchKey(id("k9")));
    let seal = NewKey { purpose: "seal".into(), staged: true, ..new_key("k3") };
    world.must(Command::GenerateKey(seal));
    let other = |successor| Refusal::OtherSeat {
        key_id: id("k1"),
        successor: id(successor),
        profile: profile("default"),
        purpose: "sign".into(),
    };
    let refusal = world.refused(begin("k1", "k3"));
    assert_eq!((&refusal, refusal.code()), (&other("k3"), "other-seat"));
    let hint = refusal.hint().unwrap();
    assert!(hint.contains("--new-key-id") && !hint.contains("--resume"), "{hint}");
    let fips = NewKey { profile: profile("fips"), staged: true, ..new_key("k4") };
    world.must(Command::GenerateKey(fips));
    assert_eq!(world.refused(begin("k1", "k4")), other("k4"));
    let itself = Refusal::WrongStatus {
        key_id: id("k1"),
        status: Status::Active,
        wanted: "follow another key",
    };
    assert_eq!(world.refused(begin("k1", "k1")), itself);
    let staged =
        Refusal::WrongStatus { key_id: id("k2"), status: Status::Staged, wanted: "be rotated" };
    assert_eq!(world.refused(begin("k2", "k1")), staged);
}

#[test]
fn a_successor_that_could_not_sign_is_no_successor() {
    let mut world = ready();
    world.must(destroy("k2"));
    let gone = Refusal::Unusable { key_id: id("k2"), why: Unusable::Destroyed };
    assert_eq!(world.refused(begin("k1", "k2")), gone);
    let expires_at = Some(day(25));
    world.must(Command::GenerateKey(NewKey { expires_at, ..new_key("k3") }));
    world.must(add(1, "k3"));
    world.must(begin("k1", "k3"));
    world.must(attest("k1", "k3"));
    let expired = Refusal::Unusable { key_id: id("k3"), why: Unusable::ExpiredAt(day(25)) };
    assert_eq!(world.at(day(25)).refused(complete("k1")), expired);
    assert_eq!(world.signer(), Some("k1"));
    world.must(abort("k1"));
    assert_eq!(world.signer(), Some("k1"));
}

#[test]
fn material_that_an_open_rotation_needs_is_kept() {
    let mut world = ready();
    world.must(begin("k1", "k2"));
    let open = Refusal::StillNeeded {
        key_id: id("k2"),
        why: "it is the successor in an open rotation; abort that first",
    };
    assert_eq!(world.refused(destroy("k2")), open);
    assert_eq!(world.refused(destroy("k1")).code(), "still-needed");
    world.must(attest("k1", "k2"));
    world.must(complete("k1"));
    world.must(destroy("k1"));
}

#[test]
fn a_stolen_key_appoints_no_successor() {
    // HC-06
    let mut world = ready();
    world.must(begin("k1", "k2"));
    world.must(revoke("k1", "compromise"));
    let status = Status::Compromised;
    let wrong = |wanted| Refusal::WrongStatus { key_id: id("k1"), status, wanted };
    assert_eq!(world.refused(attest("k1", "k2")), wrong("be succeeded"));
    assert_eq!(world.refused(abort("k1")), wrong("abort a rotation"));
    // The one that waited is promoted by hand.
    world.must(promote("k2"));
    assert_eq!(world.signer(), Some("k2"));
}

#[test]
fn a_rotation_does_not_seat_a_second_signer() {
    // LC-021
    let mut world = World::begun();
    let expires_at = Some(day(30));
    world.must(Command::GenerateKey(NewKey { expires_at, ..new_key("k1") }));
    world.must(generate("k2"));
    world.must(begin("k1", "k2"));
    world.must(attest("k1", "k2"));
    // The old key expires under way, and an emergency key takes the seat.
    world.at(day(30)).must(generate("k3"));
    assert_eq!(world.signer(), Some("k3"));
    let seated = Refusal::SignerExists { profile: profile("default"), signer: id("k3") };
    assert_eq!(world.refused(complete("k1")), seated);
    world.must(abort("k1"));
    assert_eq!(world.signer(), Some("k3"));
    // An expired key is not rotated beside the signer either.
    world.must(generate("k4"));
    assert_eq!(world.refused(begin("k1", "k4")), seated);
}

#[test]
fn a_rotation_called_off_late_does_not_end_a_successor_that_signs() {
    let mut world = World::begun();
    let expires_at = Some(day(30));
    world.must(Command::GenerateKey(NewKey { expires_at, ..new_key("k1") }));
    world.must(generate("k2"));
    world.must(create(1, &["k1", "k2"]));
    world.must(begin("k1", "k2"));
    world.at(day(30)).must(promote("k2"));
    world.must(abort("k1"));
    assert_eq!(world.signer(), Some("k2"));
    assert_eq!(world.window("k2", 1).end(), None);
}

#[test]
fn two_keys_that_signed_one_statement_are_one_lineage() {
    let mut world = ready();
    let child = NewKey { parent: Some(id("k2")), ..new_key("k3") };
    world.must(Command::GenerateKey(child));
    let lineages = |world: &World| ["k1", "k2", "k3"].map(|name| world.key(name).lineage);
    assert_eq!(lineages(&world), [0, 1, 1]);
    world.must(begin("k1", "k2"));
    assert_eq!(lineages(&world), [0, 1, 1]);
    world.must(attest("k1", "k2"));
    assert_eq!(lineages(&world), [0, 0, 0]);
    assert_eq!(world.key("k3").record.version, 2);
}

#[test]
fn a_successor_has_the_version_after_the_old_key_s() {
    // LC-010
    let mut world = ready();
    let versions = |world: &World| ["k1", "k2"].map(|name| world.key(name).record.version);
    assert_eq!(versions(&world), [1, 1]);
    // Made without its parent being named, it follows none until a rotation says so.
    world.must(begin("k1", "k2"));
    assert_eq!(versions(&world), [1, 2]);
    world.must(attest("k1", "k2"));
    world.must(complete("k1"));
    world.must(generate("k3"));
    world.must(begin("k2", "k3"));
    assert_eq!(world.key("k3").record.version, 3);
    world.must(abort("k2"));
    let child = NewKey { parent: Some(id("k2")), ..new_key("k4") };
    world.must(Command::GenerateKey(child));
    world.must(begin("k2", "k4"));
    assert_eq!(world.key("k4").record.version, 3);
}

#[test]
fn a_signer_without_successor_is_retired_and_a_rotating_one_is_not() {
    let mut world = ready();
    world.must(begin("k1", "k2"));
    let rotating =
        Refusal::WrongStatus { key_id: id("k1"), status: Status::Rotating, wanted: "be retired" };
    assert_eq!(world.refused(retire("k1")), rotating);
    world.must(abort("k1"));
    world.must(retire("k1"));
    assert_eq!(world.signer(), None);
    assert_eq!(world.window("k1", 1).end(), Some(day(20)));
}
