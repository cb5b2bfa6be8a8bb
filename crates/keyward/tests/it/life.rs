//! A key's whole life.

use std::{
    str::FromStr as _,
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use keyward::{
    Keyward,
    key::KeyRequest,
    rotation::{RotateMode, RotateRequest, Step},
    signing::{KeyChoice, SignRequest},
    verification::VerifyRequest,
};
use keyward_lifecycle::{
    command::{Command, Effective, Force, Revoke, RevokedAt},
    envelope::Envelope,
    event::Fact,
    id::{KeyId, ProfileName},
    key::{CompromiseScope, Reason},
    refusal::Refusal,
    verify::{Outcome, Reason as Why},
};

use crate::{
    act::{content, default_profile, refusal},
    store::{PASSWORD, World, world},
};

fn id(text: &str) -> KeyId {
    KeyId::parse(text).expect("a key id")
}

fn generate(world: &World, name: &str) {
    world.generate(name);
}

fn anchor(world: &World, pattern: &str, keys: &[&str]) {
    world.anchor(pattern, keys);
}

fn sign(world: &World, key: &str) -> Envelope {
    world.sign(key, "artifact").envelope
}

#[track_caller]
fn check(keyward: &Keyward, envelope: &Envelope, outcome: Outcome, why: Why) {
    let verdict = keyward.verify(&VerifyRequest::new(envelope.clone())).expect("a verdict");
    assert_eq!((verdict.outcome, verdict.reason), (outcome, why), "{verdict:?}");
}

#[test]
fn a_key_is_made_trusted_used_rotated_and_compromised() {
    let world = world("2024-01-15T00:00:00Z");
    generate(&world, "key-2024-prod");
    anchor(&world, "pkg:cargo/*", &["key-2024-prod"]);
    world.clock.advance(60);
    let old = sign(&world, "key-2024-prod");
    check(&world.keyward, &old, Outcome::Valid, Why::InWindow);

    world.clock.set("2025-01-10T00:00:00Z");
    let request = RotateRequest {
        key_id: id("key-2024-prod"),
        successor: Some(id("key-2025-prod")),
        mode: RotateMode::Go,
        force: Force::No,
    };
    let outcome = world.keyward.rotate_key(&world.actor, &request).expect("a rotation");
    assert_eq!((outcome.step, outcome.active), (Step::Retired, Some(id("key-2025-prod"))));
    check(&world.keyward, &old, Outcome::Valid, Why::ProvenBeforeEnd);
    let new = sign(&world, "key-2025-prod");
    check(&world.keyward, &new, Outcome::Valid, Why::InWindow);

    let revoke = Revoke {
        key_id: id("key-2025-prod"),
        at: RevokedAt::Key,
        reason: Reason::KeyCompromise,
        effective: Effective::Immediately,
        compromised_since: None,
        scope: CompromiseScope::Server,
        force: Force::No,
    };
    world.clock.advance(60);
    world.keyward.execute(&world.actor, Command::Revoke(revoke)).expect("a revocation");
    check(&world.keyward, &new, Outcome::Indeterminate, Why::LoggedBySuspect);
    let report = world.keyward.verify_audit(None).expect("a replay");
    assert_eq!(report.problems, Vec::<String>::new());
    assert!(report.rows > 0 && report.ledger_size == 4, "{report:?}");
}

#[test]
fn a_store_is_opened_again_as_it_was() {
    let World { parts, keyward, actor, clock } = world("2024-01-15T00:00:00Z");
    let world = World { parts: parts.clone(), keyward, actor, clock };
    generate(&world, "key-2024-prod");
    anchor(&world, "pkg:cargo/*", &["key-2024-prod"]);
    let old = sign(&world, "key-2024-prod");
    world.keyward.close();
    let before = world.keyward.state().to_snapshot().expect("a snapshot");
    drop(world);
    let keyward = Keyward::open(&parts).expect("the store again");
    assert_eq!(keyward.state().to_snapshot().expect("a snapshot"), before);
    check(&keyward, &old, Outcome::Valid, Why::InWindow);
    keyward.unseal(PASSWORD.into()).expect("the password");
    assert_eq!(keyward.status().expect("a status").quarantine, None);
}

#[test]
fn a_key_has_one_successor_and_a_second_is_refused_and_logged() {
    // HC-06: the first one logged wins.
    let world = world("2025-01-10T00:00:00Z");
    generate(&world, "k1");
    generate(&world, "k2");
    let begin = Command::BeginRotation { key_id: id("k1"), successor: id("k2") };
    world.keyward.execute(&world.actor, begin).expect("an open rotation");
    generate(&world, "k3");
    let second = || Refusal::SuccessorExists { key_id: id("k1"), successor: id("k2") };
    for mode in [RotateMode::Go, RotateMode::Resume, RotateMode::IfDue] {
        for other in ["k3", "not-made-yet"] {
            assert_eq!(refusal(world.try_rotate("k1", Some(other), mode)), second());
        }
    }
    let promoted = world.keyward.promote_key(&world.actor, &id("k3"), Force::No);
    assert_eq!(refusal(promoted), second());
    assert_eq!(world.keyward.state().key(&id("not-made-yet")), None);
    let alarm = |fact: &Fact| {
        matches!(fact, Fact::CommandRefused { refusal, key_id, .. }
            if &**refusal == "successor-exists" && *key_id == Some(id("k1")))
    };
    assert!(world.facts("COMMAND_REFUSED").iter().any(alarm));
    let outcome = world.try_rotate("k1", None, RotateMode::Go).expect("the open one");
    assert_eq!((outcome.step, outcome.successor), (Step::Retired, Some(id("k2"))));
    // Neither does one that is complete answer for another.
    assert_eq!(refusal(world.try_rotate("k1", Some("k3"), RotateMode::Go)), second());
    world.try_rotate("k1", Some("k2"), RotateMode::Go).expect("the same again");
    world.audit();
}

#[test]
fn a_staged_key_that_is_rotated_in_counts_on_from_the_old_one() {
    // LC-010
    let world = world("2025-01-10T00:00:00Z");
    generate(&world, "k1");
    generate(&world, "k2");
    anchor(&world, "pkg:cargo/*", &["k1", "k2"]);
    let outcome = world.try_rotate("k1", Some("k2"), RotateMode::Go).expect("a rotation");
    let version = |name| world.keyward.state().key(&id(name)).expect("a key").record.version;
    assert_eq!((version("k1"), version("k2")), (1, 2));
    // The statement that both keys signed says so, and so does the row that people read.
    let statement = outcome.statement.expect("a statement");
    let statement = world.keyward.envelope(&statement).expect("it").expect("kept");
    let statement = String::from_utf8_lossy(statement.payload()).into_owned();
    assert!(statement.contains(r#""version":2"#), "{statement}");
    world.audit();
    world.reopened().audit();
}

#[test]
fn a_key_that_is_due_is_rotated_once_however_often_and_by_how_many_it_is_asked_for() {
    // LC-024
    let due = || {
        let world = world("2024-01-15T00:00:00Z");
        generate(&world, "k1");
        anchor(&world, "pkg:cargo/*", &["k1"]);
        world
    };
    let rotate = |world: &World| {
        let outcome = world.try_rotate("k1", None, RotateMode::IfDue).expect("an answer");
        (outcome.step, outcome.active)
    };
    let check_once = |world: &World| {
        let state = world.keyward.state();
        assert_eq!((state.keys().count(), state.counts().rotations), (2, 1));
        world.audit();
    };
    let alone = due();
    alone.clock.set("2024-11-14T23:59:59Z");
    assert_eq!(rotate(&alone), (Step::NotDue, Some(id("k1"))));
    alone.clock.set("2024-11-15T00:00:00Z");
    for _ in 0..3 {
        assert_eq!(rotate(&alone), (Step::Retired, Some(id("k1-v2"))));
    }
    check_once(&alone);

    let shared = due();
    shared.clock.set("2025-01-15T00:00:00Z");
    let start = Barrier::new(8);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    rotate(&shared).1
                })
            })
            .collect();
        for thread in threads {
            assert_eq!(thread.join().expect("no refusal"), Some(id("k1-v2")));
        }
    });
    check_once(&shared);
}

#[test]
fn one_content_has_one_payload_and_each_signature_of_it_is_another() {
    // HA-25
    let world = world("2025-01-10T00:00:00Z");
    let fips = ProfileName::from_str("fips").expect("a profile");
    let request = KeyRequest::new(id("k1"), fips);
    world.keyward.generate_key(&world.actor, &request).expect("a key");
    anchor(&world, "pkg:cargo/*", &["k1"]);
    let [one, other] = [sign(&world, "k1"), sign(&world, "k1")];
    assert_eq!(one.payload(), other.payload());
    assert_eq!(one.payload_type(), other.payload_type());
    assert_eq!((one.signatures().len(), other.signatures().len()), (1, 1));
    assert_ne!(one.signatures(), other.signatures());
    for envelope in [&one, &other] {
        check(&world.keyward, envelope, Outcome::Valid, Why::InWindow);
    }
}

#[test]
fn whoever_signs_or_verifies_notices_no_rotation() {
    // LC-026
    let world = world("2025-01-10T00:00:00Z");
    generate(&world, "key-0");
    anchor(&world, "pkg:cargo/*", &["key-0"]);
    let old = sign(&world, "key-0");
    // Evidence is in whole seconds.
    world.clock.advance(60);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let signers: Vec<_> = (0..3)
            .map(|n| {
                let (world, over) = (&world, &over);
                scope.spawn(move || {
                    while !over.load(Relaxed) {
                        let keys = vec![KeyChoice::Profile(default_profile())];
                        let request = SignRequest { keys, content: content(&format!("{n}"), None) };
                        world.keyward.sign(&world.actor, &request).expect("a signer");
                    }
                })
            })
            .collect();
        let verifier = scope.spawn(|| {
            loop {
                let last = over.load(Relaxed);
                let verdict = world.verify(&old);
                assert_eq!(verdict.outcome, Outcome::Valid, "{verdict:?}");
                if last {
                    return verdict.reason;
                }
            }
        });
        for count in 0..20 {
            let (old, new) = (format!("key-{count}"), format!("key-{}", count + 1));
            world.try_rotate(&old, Some(&new), RotateMode::Go).expect("a rotation");
        }
        over.store(true, Relaxed);
        signers.into_iter().for_each(|signer| signer.join().expect("no refusal"));
        assert_eq!(verifier.join().expect("no doubt"), Why::ProvenBeforeEnd);
    });
    let new = sign(&world, "key-20");
    check(&world.keyward, &new, Outcome::Valid, Why::InWindow);
    world.audit();
}
