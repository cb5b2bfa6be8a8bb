//! The stolen-key game: a thief has the private part, and then the database as well.

mod database;
mod unsigned;

use std::path::Path;

use keyward::{
    signing::{Content, KeyChoice, SignRequest},
    storage::Shelf,
    verification::VerifyRequest,
};
use keyward_barrier::{RecordId, RecordKind, RecordName, RecordVersion, Sealed};
use keyward_crypto::{
    secret::{LockPolicy, Password},
    signing::PrivateKey,
};
use keyward_lifecycle::{
    algorithm::Algorithm,
    command::{Command, Effective, Revoke},
    envelope::{Envelope, IN_TOTO_PAYLOAD_TYPE, Signature, pae},
    id::Digest,
    key::{CompromiseScope, Reason},
    ledger::Entry,
    purl::Purl,
    statement::Statement,
    time::Timestamp,
    verify::{Finding, Outcome, Reason as Why, Verdict, judge::TimePolicy},
};
use serde_json::json;

use crate::{
    act::{id, time},
    store::{PASSWORD, World, world_in},
};

/// How a key ends.
type End = fn(&World);

/// What a thief has.
pub(crate) struct Thief {
    key_id: String,
    private: PrivateKey,
}

impl Thief {
    /// Takes a key's private part, as one who knew the password for a moment.
    fn of(world: &World, key: &str) -> Self {
        let storage = &world.parts.storage;
        let header = storage.items(Shelf::Root, None, 1).expect("items").remove(0);
        let sealed = Sealed::read(&header.bytes, None).expect("a header");
        let password = Password::new(PASSWORD.into()).expect("a password");
        let root = sealed.unseal(&password, LockPolicy::Strict).expect("the root key");
        let key_id = RecordId::from(&id(key));
        let name = RecordName::new(RecordKind::PrivateKey, key_id, RecordVersion::FIRST);
        let record = storage.item(Shelf::Record, name.to_string().as_bytes());
        let record = record.expect("an item").expect("a record");
        let opened = root.open(&name, root.epoch(), &record).expect("the private part");
        let private = PrivateKey::from_material(Algorithm::Ed25519, opened.expose());
        Self { key_id: key.to_owned(), private: private.expect("a key") }
    }

    /// A statement that this store never signed, with a time that the thief likes.
    pub(crate) fn forge(&self, issued_at: Option<&str>) -> Envelope {
        let purl = Purl::parse("pkg:cargo/demo@1.0.0").expect("a purl");
        let predicate = issued_at.map_or(json!({}), |at| json!({ "issuedAt": at }));
        let kind = "evidence.stella/v1".parse().expect("a type");
        let digest = Digest::of(b"malware");
        let statement = Statement::of_artifact(purl.as_str(), digest, kind, predicate);
        let payload = statement.expect("a statement").to_bytes().expect("bytes");
        let signature = self.private.sign(&pae(IN_TOTO_PAYLOAD_TYPE, &payload)).expect("signed");
        let signature = Signature { key_id: Some(self.key_id.clone()), signature };
        Envelope::new(IN_TOTO_PAYLOAD_TYPE, payload, signature).expect("an envelope")
    }

    /// The ledger's entry for a forgery, as this store would have made it at that time.
    fn entry(&self, envelope: &Envelope, like: &Entry, seq: u64, at: Timestamp) -> Entry {
        Entry {
            seq,
            time: at,
            pae: Digest::of(&envelope.pae()),
            signature: Digest::of(&envelope.signatures()[0].signature),
            ..like.clone()
        }
    }
}

const CLAIMS: [Option<&str>; 4] = [
    None,
    Some("2025-02-01T00:00:00Z"),
    Some("2025-02-28T23:59:59.999999Z"),
    Some("2025-06-01T00:00:00Z"),
];

/// A store whose key `k1` came in January, signed, and ended on 1 March as `end` does it.
pub(crate) fn stolen(directory: &Path, end: impl FnOnce(&World)) -> (World, Thief) {
    let world = world_in(directory, "2025-01-15T00:00:00Z");
    world.generate("k1");
    world.anchor("pkg:cargo/*", &["k1"]);
    world.sign("k1", "a");
    world.sign("k1", "b");
    world.sign("k1", "c");
    let thief = Thief::of(&world, "k1");
    world.clock.set("2025-03-01T00:00:00Z");
    end(&world);
    world.clock.set("2025-06-15T00:00:00Z");
    (world, thief)
}

fn compromise(world: &World) {
    world.revoke("k1", Reason::KeyCompromise);
}

fn since_february(world: &World) {
    let revoke = Revoke {
        compromised_since: Some(time("2025-02-15T00:00:00Z")),
        scope: CompromiseScope::Key,
        ..World::revocation("k1", Reason::KeyCompromise)
    };
    world.keyward.execute(&world.actor, Command::Revoke(revoke)).expect("a revocation");
}

fn retire(world: &World) {
    world.try_rotate("k1", Some("k2"), keyward::rotation::RotateMode::Go).expect("a rotation");
}

fn ask(world: &World, envelope: Envelope, at: Option<Timestamp>, policy: TimePolicy) -> Verdict {
    let request = VerifyRequest { at, time_policy: policy, ..VerifyRequest::new(envelope) };
    world.keyward.verify(&request).expect("a verdict")
}

/// No claim, no time asked about: nothing makes the forgery valid.
#[track_caller]
fn check_never_valid(world: &World, thief: &Thief) {
    for claim in CLAIMS {
        for at in [None, Some("2025-02-01T00:00:00Z"), Some("2025-02-10T00:00:00Z")] {
            let forged = thief.forge(claim);
            let verdict = ask(world, forged, at.map(time), TimePolicy::Evidence);
            assert_ne!(verdict.outcome, Outcome::Valid, "{claim:?} {at:?}: {verdict:?}");
        }
    }
}

#[test]
fn after_the_end_of_a_key_no_claimed_time_makes_a_forgery_valid() {
    let ends: [(&str, End); 4] = [
        ("retired", retire),
        ("revoked", |world| world.revoke("k1", Reason::Superseded)),
        ("compromised", compromise),
        ("compromised since", since_february),
    ];
    for (name, end) in ends {
        let directory = tempfile::tempdir().expect("a directory");
        let (world, thief) = stolen(directory.path(), end);
        check_never_valid(&world, &thief);
        // The runbook's literal rule believes a claim where the end is benign, as it says; no
        // flag relaxes a compromise.
        let claim = time("2025-02-01T00:00:00Z");
        let verdict = ask(&world, thief.forge(None), Some(claim), TimePolicy::Claimed);
        let expected = match name {
            "retired" | "revoked" => (Outcome::Valid, Why::ClaimedTime),
            _ => (Outcome::Invalid, Why::RevokedNoPoe),
        };
        assert_eq!((verdict.outcome, verdict.reason), expected, "{name}");
        assert!(verdict.findings.contains(&Finding::NotInLedger), "{name}: {verdict:?}");
    }
}

#[test]
fn a_forgery_by_a_key_that_still_signs_shows_in_the_ledger() {
    let directory = tempfile::tempdir().expect("a directory");
    let (world, thief) = stolen(directory.path(), |_| ());
    let verdict = world.verify(&thief.forge(Some("2025-02-01T00:00:00Z")));
    // Row 2 of the table: nobody has said yet that the key is lost.
    assert_eq!((verdict.outcome, verdict.reason), (Outcome::Valid, Why::InWindow));
    assert_eq!(verdict.findings, [Finding::NotInLedger]);
    let own = world.sign("k1", "d").envelope;
    assert_eq!(world.verify(&own).findings, []);
}

#[test]
fn what_a_thief_signed_is_in_the_report_of_the_key_from_when_it_was_first_shown() {
    // SO-105
    let directory = tempfile::tempdir().expect("a directory");
    let (world, thief) = stolen(directory.path(), |_| ());
    let listed = |world: &World| {
        let report = world.keyward.incident_report(&id("k1")).expect("a report");
        let shown = report.not_in_ledger.iter().map(|forged| (forged.first_shown, forged.pae));
        assert_eq!(report.counts.not_in_ledger, report.not_in_ledger.len());
        shown.collect::<Vec<_>>()
    };
    assert_eq!(listed(&world), []);
    let (one, other) = (thief.forge(None), thief.forge(Some("2025-02-01T00:00:00Z")));
    let pae = |forged: &Envelope| Digest::of(&forged.pae());
    let _ = world.verify(&one);
    let first = time("2025-06-15T00:00:00Z");
    assert_eq!(listed(&world), [(first, pae(&one))]);
    world.keyward.flush_counts();
    assert_eq!(world.keyward.forgeries_shown(), [(id("k1"), 1)]);
    // Shown again, in a batch and beside another, after a restart: once in the list.
    let world = world.reopened();
    world.clock.set("2025-06-16T00:00:00Z");
    let requests = [&one, &other, &other].map(|forged| VerifyRequest::new(forged.clone()));
    let _ = world.keyward.verify_batch(&requests);
    let expected = [(first, pae(&one)), (time("2025-06-16T00:00:00Z"), pae(&other))];
    assert_eq!(listed(&world), expected);
    assert_eq!(world.keyward.forgeries_shown(), [(id("k1"), 3)]);
    assert_eq!(listed(&world.reopened()), expected);
}

#[test]
fn a_clock_that_is_set_back_makes_no_forgery_valid() {
    let directory = tempfile::tempdir().expect("a directory");
    let (world, thief) = stolen(directory.path(), compromise);
    world.clock.set("2025-02-01T00:00:00Z");
    check_never_valid(&world, &thief);
    let world = world.reopened();
    check_never_valid(&world, &thief);
    // Whatever is written now is written at the time that was reached.
    world.generate("k3");
    let now = world.keyward.state().last_time().expect("an event");
    assert!(now >= time("2025-03-01T00:00:00Z"), "{now}");
    world.audit();
}

#[test]
fn signatures_after_a_clock_was_set_back_are_not_dated_before_those_that_were_made_earlier() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = world_in(directory.path(), "2025-01-15T00:00:00Z");
    world.generate("k1");
    world.anchor("pkg:cargo/*", &["k1"]);
    world.clock.set("2025-05-01T00:00:00Z");
    world.sign("k1", "a");
    world.clock.set("2025-02-01T00:00:00Z");
    world.sign("k1", "b");
    let entries = world.keyward.entries_of_key(&id("k1"), None, 10).expect("entries");
    assert!(entries[1].time >= entries[0].time, "{entries:?}");
    // And the newest checkpoint is still the newest: the store opens.
    let world = world.reopened();
    world.sign("k1", "c");
    let entries = world.keyward.entries_of_key(&id("k1"), None, 10).expect("entries");
    assert!(entries[2].time >= time("2025-05-01T00:00:00Z"), "{entries:?}");
    world.audit();
}

#[test]
fn a_revocation_for_later_is_not_signed_past_by_setting_the_clock_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let (world, thief) = stolen(directory.path(), |world| {
        let revoke = Revoke {
            effective: Effective::At(time("2025-04-01T00:00:00Z")),
            ..World::revocation("k1", Reason::Superseded)
        };
        world.keyward.execute(&world.actor, Command::Revoke(revoke)).expect("a revocation");
    });
    // The end has been reached: another key has signed after it.
    world.generate("k2");
    world.clock.set("2025-02-01T00:00:00Z");
    world.try_sign("k1", "x").expect_err("the end stands");
    check_never_valid(&world, &thief);
    let keys = vec![KeyChoice::Id(id("k1"))];
    let content = Content::Envelope(thief.forge(Some("2025-02-01T00:00:00Z")));
    world.keyward.sign(&world.actor, &SignRequest { keys, content }).expect_err("the end stands");
}
