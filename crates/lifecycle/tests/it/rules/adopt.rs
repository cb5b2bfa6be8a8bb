//! Keys that another store vouches for: they verify, never sign, and are as ended as there.

use std::num::NonZeroU64;

use keyward_lifecycle::{
    command::{AdoptedKey, Command, NewKey},
    event::Fact,
    id::{Fingerprint, KeyId},
    key::{CompromiseScope, Custody, Reason, Revocation, Status},
    refusal::{Refusal, Unusable},
};

use crate::world::{World, create, day, generate, id, new_key, promote};

fn theirs(name: &str) -> AdoptedKey {
    let uses = NonZeroU64::new(1);
    let new = NewKey { max_usage: uses, ..new_key(name) };
    AdoptedKey { new, version: 3, not_after: None, revocation: None }
}

fn adopt(key: AdoptedKey) -> Command {
    Command::AdoptKey(Box::new(key))
}

fn revoked(reason: Reason, at: i64) -> Option<Revocation> {
    let (effective_at, scope) = (day(at), CompromiseScope::Key);
    Some(Revocation { reason, effective_at, invalidity_date: None, scope })
}

#[test]
fn an_adopted_key_verifies_and_never_signs() {
    // LC-013
    let mut world = World::begun();
    assert_eq!(world.must(adopt(theirs("k1"))), []);
    let key = world.key("k1");
    assert_eq!(key.status(world.now()), Status::Staged);
    assert_eq!((key.record.custody, key.record.max_usage), (Custody::Foreign, None));
    assert_eq!(key.record.version, 3);
    let foreign = Refusal::Unusable { key_id: id("k1"), why: Unusable::Foreign };
    assert_eq!(world.refused(promote("k1")), foreign);
    // Nothing believes it until somebody says so.
    assert_eq!(world.key("k1").memberships().count(), 0);
    world.must(create(1, &["k1"]));
    assert_eq!(world.key("k1").memberships().count(), 1);
    // And the seat is free for a key that does sign.
    world.must(generate("k2"));
    assert_eq!(world.signer(), Some("k2"));
}

/// The key, adopted at day 40, has that status and that end.
#[track_caller]
fn check(key: AdoptedKey, status: Status, end: Option<i64>) {
    let mut world = World::begun();
    world.at(day(40)).must(adopt(key));
    assert_eq!(world.key("k1").status(world.now()), status);
    assert_eq!(world.key("k1").window_of_itself().end(), end.map(day));
}

#[test]
fn an_adopted_key_is_as_ended_as_it_is_where_it_comes_from() {
    // LC-013
    check(theirs("k1"), Status::Staged, None);
    check(AdoptedKey { not_after: Some(day(10)), ..theirs("k1") }, Status::Deprecated, Some(10));
    // Nobody retires in the future.
    check(AdoptedKey { not_after: Some(day(50)), ..theirs("k1") }, Status::Deprecated, Some(40));
    let ended = |reason, at| AdoptedKey { revocation: revoked(reason, at), ..theirs("k1") };
    check(ended(Reason::Superseded, 20), Status::Revoked, Some(20));
    check(ended(Reason::Superseded, 60), Status::Staged, Some(60));
    check(ended(Reason::KeyCompromise, 20), Status::Compromised, Some(20));
    check(ended(Reason::KeyCompromise, 60), Status::Compromised, Some(40));
    let both = AdoptedKey { not_after: Some(day(10)), ..ended(Reason::KeyCompromise, 20) };
    check(both, Status::Compromised, Some(10));
    let new = |at| NewKey { expires_at: Some(day(at)), ..new_key("k1") };
    check(AdoptedKey { new: new(30), ..theirs("k1") }, Status::Staged, Some(30));
}

#[test]
fn a_key_that_is_here_is_left_alone_and_a_name_is_bound_once() {
    // LC-013, HA-10
    let mut world = World::begun();
    world.must(generate("k1"));
    let before = world.key("k1").clone();
    let ended = AdoptedKey { revocation: revoked(Reason::KeyCompromise, 0), ..theirs("k1") };
    let again = world.run(adopt(ended)).map(|decision| decision.facts);
    assert_eq!(again, Ok(Vec::<Fact>::new()));
    assert_eq!(world.key("k1"), &before);

    let other = NewKey { key_id: id("k1"), ..new_key("other") };
    let taken = Refusal::NameTaken { what: "key", name: "k1".into() };
    assert_eq!(world.refused(adopt(AdoptedKey { new: other, ..theirs("k1") })), taken);
    let fingerprint: Fingerprint = before.record.fingerprint;
    let renamed = NewKey { key_id: id("k2"), ..new_key("k1") };
    let taken = Refusal::PublicKeyTaken { fingerprint, key_id: id("k1") };
    assert_eq!(world.refused(adopt(AdoptedKey { new: renamed, ..theirs("k2") })), taken);
    let orphan = NewKey { parent: Some(id("nobody")), ..new_key("k3") };
    let missing: KeyId = id("nobody");
    let refused = world.refused(adopt(AdoptedKey { new: orphan, ..theirs("k3") }));
    assert_eq!(refused, Refusal::NoSuchKey(missing));
}
