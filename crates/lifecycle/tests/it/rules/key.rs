//! Keys are made once, sign while they may, and say why when they may not.

use std::num::NonZeroU64;

use keyward_lifecycle::{
    algorithm::Algorithm,
    command::{Command, Effective, NewKey, Revoke},
    event::Fact,
    id::{Fingerprint, KeyId},
    key::{Custody, Status},
    profile::{GRACE_MONTHS, Profile, Strictness},
    refusal::{Refusal, Unusable, Warning},
    state::State,
};

use crate::world::{
    DAY, World, add, create, day, destroy, generate, id, limited, new_key, policy, profile,
    promote, retire, revocation, revoke,
};

#[track_caller]
fn unusable(world: &World, name: &str, expected: Unusable) {
    let refusal = Refusal::Unusable { key_id: id(name), why: expected };
    assert_eq!(world.may_sign(name), Err(refusal));
}

fn wrong_status(name: &str, status: Status, wanted: &'static str) -> Refusal {
    Refusal::WrongStatus { key_id: id(name), status, wanted }
}

#[test]
fn the_first_key_of_a_profile_signs_and_the_next_is_staged() {
    // SO-020, SO-040, HA-31
    let mut world = World::begun();
    assert_eq!(world.must(generate("k1")), []);
    let staged = Warning::Staged { key_id: id("k2"), signer: Some(id("k1")) };
    assert_eq!(world.must(generate("k2")), [staged]);
    assert_eq!(world.signer(), Some("k1"));
    assert_eq!(world.key("k2").status(world.now()), Status::Staged);
    unusable(&world, "k2", Unusable::Status(Status::Staged));
    // Another purpose has a signer of its own (LC-021).
    world.must(Command::GenerateKey(NewKey { purpose: "seal".into(), ..new_key("k3") }));
    assert_eq!(world.may_sign("k3"), Ok(()));
    assert_eq!(world.may_sign("k1"), Ok(()));
}

#[test]
fn a_name_and_a_public_key_are_bound_once_for_ever() {
    // SO-021, LC-002, HA-10
    let mut world = World::begun();
    world.must(generate("k1"));
    let taken = Refusal::NameTaken { what: "key", name: "k1".into() };
    let same_name = NewKey { key_id: id("k1"), ..new_key("other") };
    assert_eq!(world.refused(Command::GenerateKey(same_name)), taken);
    let fingerprint = world.key("k1").record.fingerprint;
    let taken = Refusal::PublicKeyTaken { fingerprint, key_id: id("k1") };
    let same_key = NewKey { key_id: id("k2"), ..new_key("k1") };
    assert_eq!(world.refused(Command::GenerateKey(same_key.clone())), taken);
    // A fingerprint that the caller made up hides nothing.
    let hidden = NewKey { fingerprint: Fingerprint::of_spki(b"x"), ..same_key };
    assert_eq!(world.refused(Command::ImportKey(hidden)), taken);
    // Not even after the material is gone.
    world.must(revoke("k1", "superseded"));
    world.must(destroy("k1"));
    assert_eq!(world.refused(generate("k1")).code(), "name-taken");
}

#[test]
fn the_halves_of_a_composite_key_are_no_keys_of_their_own() {
    // LC-061
    let ed25519 = |last: u8| {
        let head = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
        [&head[..], &[last; 32]].concat()
    };
    let composite = |last: u8| [&[7; 30][..], &[last; 1952], &[last; 32]].concat();
    let key = |name: &str, profile_name: &str, spki: Vec<u8>| {
        let profile = profile(profile_name);
        let fingerprint = Fingerprint::of_spki(&spki);
        let public_key = spki.into();
        Command::GenerateKey(NewKey { profile, fingerprint, public_key, ..new_key(name) })
    };
    let mut world = World::begun();
    world.must(key("both", "hybrid", composite(1)));
    let half = world.refused(key("half", "default", ed25519(1)));
    assert_eq!(half, Refusal::HalfOfComposite(id("both")));
    // A fold from a snapshot leaves the key in the log, and knows its halves.
    world.state = State::from_snapshot(&world.state.to_snapshot().unwrap()).unwrap();
    let held = &world.key("both").record.public_key;
    assert_eq!((held.leaf(), held.bytes()), (Some(world.state.size() - 1), None));
    let half = world.refused(key("half", "default", ed25519(1)));
    assert_eq!(half, Refusal::HalfOfComposite(id("both")));
    world.must(key("single", "default", ed25519(2)));
    let whole = world.refused(key("whole", "hybrid", composite(2)));
    assert_eq!(whole, Refusal::HalfOfComposite(id("single")));
}

#[test]
fn terms_that_no_key_can_keep_are_refused() {
    // SO-021, SO-022, LC-011
    let mut world = World::begun();
    let fips = NewKey { algorithm: Some(Algorithm::EcdsaP256), ..new_key("k1") };
    let wrong = Refusal::WrongAlgorithm {
        profile: profile("default"),
        expected: Algorithm::Ed25519,
        asked: Algorithm::EcdsaP256,
    };
    assert_eq!(world.refused(Command::GenerateKey(fips)), wrong);
    let over = NewKey { expires_at: Some(world.now()), ..new_key("k1") };
    let expiry = Refusal::EmptyLimit { what: "the key's expiry" };
    assert_eq!(world.refused(Command::GenerateKey(over)), expiry);
    let uses = Refusal::EmptyLimit { what: "the number of uses" };
    assert_eq!(world.refused(limited("k1", 1 << 53)), uses);
    world.must(limited("k1", (1 << 53) - 1));
    let unknown = NewKey { profile: profile("none"), ..new_key("k2") };
    let no_profile = Refusal::NoSuchProfile(profile("none"));
    assert_eq!(world.refused(Command::GenerateKey(unknown)), no_profile);
    let orphan = NewKey { parent: Some(id("nobody")), ..new_key("k2") };
    assert_eq!(world.refused(Command::GenerateKey(orphan)), Refusal::NoSuchKey(id("nobody")));
}

#[test]
fn an_imported_key_is_never_in_exclusive_custody() {
    let mut world = World::begun();
    world.must(Command::ImportKey(new_key("k1")));
    assert_eq!(world.key("k1").record.custody, Custody::Shared);
    let foreign = NewKey { custody: Custody::Foreign, ..new_key("theirs") };
    assert_eq!(world.must(Command::ImportKey(foreign)), []);
    assert_eq!(world.key("theirs").record.custody, Custody::Foreign);
    world.must(retire("k1"));
    let why = Refusal::Unusable { key_id: id("theirs"), why: Unusable::Foreign };
    assert_eq!(world.refused(promote("theirs")), why);
}

#[test]
fn a_key_stops_at_the_very_instant_of_its_expiry() {
    // LC-011
    let mut world = World::begun();
    let expires_at = Some(day(10));
    world.must(Command::GenerateKey(NewKey { expires_at, ..new_key("k1") }));
    let last = day(10).plus_seconds(-1);
    assert_eq!(world.at(last).may_sign("k1"), Ok(()));
    unusable(world.at(day(10)), "k1", Unusable::ExpiredAt(day(10)));
    // Its seat is free for good, so the next key signs at once.
    assert_eq!(world.must(generate("k2")), []);
    assert_eq!(world.signer(), Some("k2"));
}

#[test]
fn uses_are_handed_out_in_blocks_up_to_the_limit() {
    // LC-011, LC-012
    let mut world = World::begun();
    world.must(limited("k1", 5));
    let grant = |uses| {
        let uses = NonZeroU64::new(uses).unwrap();
        Command::GrantUsage { key_id: id("k1"), uses }
    };
    world.must(grant(3));
    assert_eq!(world.key("k1").usage_granted(), 3);
    let granted = Fact::KeyUsageGranted { key_id: id("k1"), granted: 5 };
    assert_eq!(world.run(grant(3)).unwrap().facts, [granted]);
    let used_up = Refusal::Unusable { key_id: id("k1"), why: Unusable::UsedUp };
    assert_eq!(world.refused(grant(1)), used_up);
    unusable(&world, "k1", Unusable::UsedUp);
}

#[test]
fn a_key_past_its_age_and_grace_rests_and_keeps_its_seat() {
    // HA-35
    let mut world = World::begun();
    world.must(generate("k1"));
    let months = 12 + i32::from(GRACE_MONTHS);
    let end = day(0).plus_months(months);
    assert_eq!(world.at(end.plus_seconds(-1)).may_sign("k1"), Ok(()));
    unusable(world.at(end), "k1", Unusable::TooOld);
    // It may sign again under a more patient profile: two signers are not made.
    let staged = Warning::Staged { key_id: id("k2"), signer: Some(id("k1")) };
    assert_eq!(world.must(generate("k2")), [staged]);
    let seated = Refusal::SignerExists { profile: profile("default"), signer: id("k1") };
    assert_eq!(world.refused(promote("k2")), seated);
    let [mut patient, ..] = Profile::built_in();
    patient.rotation.max_age_months = 600;
    world.must(Command::DefineProfile(patient));
    assert_eq!(world.may_sign("k1"), Ok(()));
}

#[test]
fn a_strict_profile_does_not_sign_with_a_key_about_to_be_revoked() {
    // SO-054
    let mut world = World::begun();
    world.must(generate("k1"));
    let effective = Effective::At(day(10));
    world.must(Command::Revoke(Revoke { effective, ..revocation("k1", "superseded") }));
    assert_eq!(world.may_sign("k1"), Ok(()));
    world.must(policy(Strictness::Strict));
    unusable(&world, "k1", Unusable::RevocationPending);
    world.must(policy(Strictness::Standard));
    unusable(world.at(day(10)), "k1", Unusable::RevokedSince(day(10)));
    assert_eq!(world.key("k1").status(day(10)), Status::Revoked);
    assert_eq!(world.key("k1").status(day(9)), Status::Active);
}

#[test]
fn promotion_is_for_staged_keys_where_nobody_signs() {
    // HA-31, LC-001, LC-002
    let mut world = World::begun();
    world.must(generate("k1"));
    world.must(generate("k2"));
    assert_eq!(world.run(promote("k1")).unwrap().facts, []);
    let seated = Refusal::SignerExists { profile: profile("default"), signer: id("k1") };
    assert_eq!(world.refused(promote("k2")), seated);
    world.must(create(1, &["k1"]));
    world.must(add(1, "k2"));
    world.must(retire("k1"));
    assert_eq!(world.run(retire("k1")).unwrap().facts, []);
    unusable(&world, "k1", Unusable::Status(Status::Deprecated));
    let soon = Warning::PromotedSoon { seconds: 0 };
    assert_eq!(world.must(promote("k2")), [soon]);
    assert_eq!(world.signer(), Some("k2"));
    let again = wrong_status("k1", Status::Deprecated, "be promoted");
    assert_eq!(world.refused(promote("k1")), again);
    assert_eq!(world.refused(promote("nobody")), Refusal::NoSuchKey(id("nobody")));
}

#[test]
fn material_is_destroyed_once_and_what_lacks_it_never_signs() {
    let mut world = World::begun();
    world.must(generate("k1"));
    world.must(generate("k2"));
    let signs = Refusal::StillNeeded {
        key_id: id("k1"),
        why: "it signs; retire, rotate or revoke it first",
    };
    assert_eq!(world.refused(destroy("k1")), signs);
    world.must(destroy("k2"));
    assert_eq!(world.run(destroy("k2")).unwrap().facts, []);
    world.must(retire("k1"));
    let gone = Refusal::Unusable { key_id: id("k2"), why: Unusable::Destroyed };
    assert_eq!(world.refused(promote("k2")), gone);
    assert_eq!(world.refused(generate("k2")).code(), "name-taken");
}

#[test]
fn a_clock_that_is_set_back_brings_nothing_back() {
    let mut world = World::begun();
    world.must(generate("k1"));
    world.at(day(20)).must(revoke("k1", "superseded"));
    world.at(day(1));
    assert_eq!(world.now(), day(20));
    unusable(&world, "k1", Unusable::RevokedSince(day(20)));
    world.must(generate("k2"));
    assert_eq!(world.key("k2").created_at, day(20));
    assert!(world.log.windows(2).all(|pair| pair[0].time <= pair[1].time));
}

#[test]
fn a_refusal_has_a_code_and_a_hint_that_names_the_next_command() {
    let mut world = World::begun();
    world.must(generate("k1"));
    world.must(generate("k2"));
    let refusal = world.may_sign("k2").unwrap_err();
    assert_eq!(refusal.code(), "key-unusable");
    assert_eq!(refusal.to_string(), "key `k2` is STAGED and cannot sign");
    let hint = "make it the signer with `keyward key promote k2`";
    assert_eq!(refusal.hint().as_deref(), Some(hint));
    assert_eq!(world.refused(generate("k1")).hint().as_deref(), Some("choose another name"));
}

#[test]
fn names_that_collide_in_nothing_but_length_stay_apart() {
    let mut world = World::begun();
    world.must(generate("k"));
    assert_eq!(world.state.key(&KeyId::parse("K").unwrap()), None);
    assert_eq!(world.clock.plus_seconds(DAY), day(1));
}
