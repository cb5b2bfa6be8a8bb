//! What nobody has signed: it cannot be taken back, and gives nothing.

use keyward::{ExecuteError, Keyward, key::KeyRequest};
use keyward_crypto::signing::PrivateKey;
use keyward_lifecycle::{
    algorithm::Algorithm,
    command::{Command, Force, Revoke},
    envelope::{Envelope, Signature},
    event::{Event, Fact},
    key::{CompromiseScope, Reason},
    refusal::Refusal,
    verify::{Outcome, Reason as Why},
};
use rusqlite::Connection;

use super::{
    compromise,
    database::{append_event, append_event_at, check_tampered, edit, tampered},
};
use crate::{
    act::{Cause, id, time},
    store::{World, parts_in, world, world_in},
};

fn stopped(world: World) -> impl FnOnce(&std::path::Path) -> World {
    let World { parts, clock, keyward, actor } = world;
    keyward.close();
    drop((parts, keyward));
    move |directory| {
        let parts = parts_in(directory, &clock);
        let keyward = Keyward::open(&parts).expect("the store again");
        World { parts, clock, keyward, actor }
    }
}

#[test]
fn a_revocation_that_a_sealed_store_logged_is_not_taken_back_by_an_older_database() {
    let directory = tempfile::tempdir().expect("a directory");
    let (file, copy) = (directory.path().join("keyward.db"), directory.path().join("copy"));
    let world = world_in(directory.path(), "2025-01-15T00:00:00Z");
    world.generate("k1");
    world.anchor("pkg:cargo/*", &["k1"]);
    let envelope = world.sign("k1", "a").envelope;
    let again = stopped(world);
    std::fs::copy(&file, &copy).expect("a copy");
    let world = again(directory.path());
    world.clock.advance(60);
    world.revoke("k1", Reason::KeyCompromise);
    let again = stopped(world);
    std::fs::copy(&copy, &file).expect("put back");
    let world = again(directory.path()).unsealed();
    let quarantine = world.keyward.status().expect("a status").quarantine.expect("noticed");
    assert!(quarantine.kept_size > quarantine.found_size, "{quarantine:?}");
    world.check(&envelope, Outcome::Indeterminate, Why::StaleView);
    let error = world.try_sign("k1", "b").expect_err("quarantined").cause();
    assert!(matches!(error, ExecuteError::Quarantined), "{error:?}");
    // Who did it on purpose says so, and that stands.
    world.keyward.accept_rollback(&world.actor).expect("accepted").expect("there was one");
    let world = world.reopened();
    assert_eq!(world.keyward.status().expect("a status").quarantine, None);
    world.audit();
}

#[test]
fn what_a_sealed_store_logged_is_signed_for_when_it_is_unsealed_and_stands() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = world_in(directory.path(), "2025-01-15T00:00:00Z");
    world.generate("k1");
    world.keyward.seal();
    world.revoke("k1", Reason::KeyCompromise);
    let pins = |world: &World| {
        let bytes = world.parts.pins.load().expect("pins").expect("pins");
        String::from_utf8(bytes).expect("JSON")
    };
    assert!(pins(&world).contains("\"unsigned\":{"), "kept at once");
    let world = stopped(world)(directory.path()).unsealed();
    assert_eq!(world.keyward.status().expect("a status").quarantine, None);
    world.generate("k2");
    let world = world.reopened();
    assert!(!pins(&world).contains("unsigned"), "a checkpoint is over it");
    world.audit();
}

#[test]
fn a_date_that_lets_more_pass_is_given_under_the_log_key_alone() {
    // HA-04
    let date = Fact::KeyRevoked {
        key_id: id("k1"),
        anchor_id: None,
        reason: Reason::KeyCompromise,
        effective_at: time("2025-03-01T00:00:00Z"),
        invalidity_date: Some(time("2025-03-01T00:00:00Z")),
        scope: CompromiseScope::Server,
    };
    let directory = tempfile::tempdir().expect("a directory");
    let opened = tampered(directory.path(), compromise, |connection, _, _| {
        append_event(connection, date);
    });
    check_tampered(opened, "is a KEY_REVOKED that no checkpoint signs");
    let directory = tempfile::tempdir().expect("a directory");
    let (world, _) = super::stolen(directory.path(), compromise);
    world.keyward.seal();
    let dated = Command::Revoke(Revoke {
        compromised_since: Some(time("2025-02-15T00:00:00Z")),
        ..World::revocation("k1", Reason::KeyCompromise)
    });
    let error = world.keyward.execute(&world.actor, dated.clone()).expect_err("sealed");
    assert!(matches!(error, ExecuteError::Sealed), "{error:?}");
    let world = world.unsealed();
    world.keyward.execute(&world.actor, dated).expect("the owner may");
}

#[test]
fn a_compromise_is_not_dated_in_the_future() {
    // HA-04
    let directory = tempfile::tempdir().expect("a directory");
    let (world, _) = super::stolen(directory.path(), |_| ());
    let later = Command::Revoke(Revoke {
        compromised_since: Some(time("2040-01-01T00:00:00Z")),
        ..World::revocation("k1", Reason::KeyCompromise)
    });
    let error = world.keyward.execute(&world.actor, later).expect_err("a slip");
    let ExecuteError::Refused(Refusal::InFuture { asked, .. }) = error else {
        panic!("{error:?}");
    };
    assert_eq!(asked, time("2040-01-01T00:00:00Z"));
}

#[test]
fn a_leaf_that_nobody_signed_does_not_date_the_log_into_the_future() {
    let revoked = |key: &str| Fact::CommandRefused {
        command: "key.revoke".into(),
        refusal: "no-such-key".into(),
        key_id: Some(id(key)),
        count: 1,
    };
    let directory = tempfile::tempdir().expect("a directory");
    let opened = tampered(directory.path(), compromise, |connection, _, _| {
        append_event_at(connection, revoked("k1"), Some(time("2099-01-01T00:00:00Z")));
    });
    check_tampered(opened, "is of 2099-01-01T00:00:00Z: see to the clock");
}

#[test]
fn a_log_that_is_edited_under_a_running_store_answers_nothing_about_the_past() {
    let directory = tempfile::tempdir().expect("a directory");
    let (world, _) = super::stolen(directory.path(), compromise);
    world.keyward.state_as_of(time("2025-06-15T00:00:00Z")).expect("the log as it is");
    edit(directory.path(), redirect);
    let error = world.keyward.state_as_of(time("2025-06-15T00:00:00Z")).expect_err("edited");
    let ExecuteError::Unavailable(why) = error else { panic!("{error:?}") };
    assert!(why.starts_with("the log in the storage is not the one"), "{why}");
}

/// Makes the revocation another key's.
fn redirect(connection: &Connection) {
    let size: i64 =
        connection.query_row("SELECT count(*) FROM log", [], |row| row.get(0)).expect("a size");
    for seq in 0..size {
        let sql = "SELECT bytes FROM log WHERE seq = ?";
        let leaf: Vec<u8> = connection.query_row(sql, [seq], |row| row.get(0)).expect("a leaf");
        let place = u64::try_from(seq).expect("a place");
        let event = Event::from_leaf(place, &leaf).expect("an event");
        if event.fact.type_name() == "KEY_REVOKED" {
            let text = String::from_utf8(leaf).expect("JSON").replace("\"k1\"", "\"kX\"");
            let changed = connection
                .execute("UPDATE log SET bytes = ? WHERE seq = ?", (text.into_bytes(), seq))
                .expect("an edit");
            assert_eq!(changed, 1);
        }
    }
}

#[test]
fn another_signature_over_what_the_key_has_signed_is_no_forgery() {
    // Anybody can write an ECDSA signature in two ways, and makers of ML-DSA ones sign anew.
    let world = world("2025-01-15T00:00:00Z");
    let key = PrivateKey::generate(Algorithm::MlDsa65).expect("a key");
    let request = KeyRequest::new(id("p"), "pqc".parse().expect("a profile"));
    world.keyward.import_key(&world.actor, &request, &key.to_pkcs8_pem()).expect("a key");
    world.keyward.promote_key(&world.actor, &id("p"), Force::No).expect("the signer");
    world.anchor("pkg:cargo/*", &["p"]);
    let own = world.sign("p", "a").envelope;
    let signature = key.sign(&own.pae()).expect("a signature");
    assert_ne!(signature, own.signatures()[0].signature);
    let first = Signature { key_id: Some("p".to_owned()), signature };
    let payload = own.payload().to_vec();
    let twin = Envelope::new(own.payload_type(), payload, first).expect("an envelope");
    let verdict = world.verify(&twin);
    assert_eq!((verdict.outcome, verdict.findings), (Outcome::Valid, vec![]));
}
