//! The authority document and its next versions (HA-08).

use std::{fs, path::Path, sync::Arc};

use keyward::{
    ExecuteError, Keyward,
    authority::{AuthorityError, Offered},
    start::OpenFailed,
    storage::{Batch, Item, ItemChange, Shelf},
};
use keyward_crypto::{STANDARD, signing::PrivateKey, spki};
use keyward_lifecycle::{
    algorithm::{Algorithm, PublicKey, Verify},
    authority::{AUTHORITY_PAYLOAD_TYPE, Authority, AuthorityKey, AuthorityRefused, ReadKey},
    envelope::{Envelope, Signature, pae},
    id::{ActorId, Digest, Fingerprint},
    refusal::Refusal,
    trust::{self, UntrustedBundle},
};

use keyward_testkit::clock::FakeClock;
use serde_json::Value;

use crate::{
    act::{id, time},
    store::{World, parts_in, world, world_in},
};

struct Reader;

impl ReadKey for Reader {
    fn ed25519_from_pem(&self, pem: &str) -> Option<(Fingerprint, Arc<dyn PublicKey>)> {
        let spki = spki::from_pem(pem).ok()?;
        Some((Fingerprint::of_spki(&spki), self.ed25519().public_key(&spki).ok()?))
    }

    fn ed25519(&self) -> &dyn Verify {
        STANDARD.ed25519.expect("Ed25519")
    }
}

/// A key that somebody keeps elsewhere.
fn away(seed: u8) -> PrivateKey {
    PrivateKey::from_material(Algorithm::Ed25519, &[seed; 32]).expect("a key")
}

fn listed(name: &str, key: &PrivateKey) -> AuthorityKey {
    AuthorityKey { key_id: id(name), public_key: spki::to_pem(key.spki()) }
}

/// The version after the newest one.
fn next(world: &World, change: impl FnOnce(&mut Authority)) -> Vec<u8> {
    let mut authority = world.keyward.authority().authority().clone();
    authority.version += 1;
    change(&mut authority);
    authority.to_payload().expect("a document")
}

fn signed(payload: Vec<u8>, keys: &[&PrivateKey]) -> Offered {
    let message = pae(AUTHORITY_PAYLOAD_TYPE, &payload);
    let sign = |key: &&PrivateKey| Signature {
        key_id: None,
        signature: key.sign(&message).expect("a signature"),
    };
    Offered { signatures: keys.iter().map(sign).collect(), payload }
}

pub(crate) fn try_replace(world: &World, offered: Offered) -> Result<u64, AuthorityError> {
    let replaced = world.keyward.replace_authority(&world.actor, offered);
    replaced.map(|admitted| admitted.authority().version)
}

/// Renews the document with the key that the store holds.
pub(crate) fn renew(world: &World) -> Result<u64, AuthorityError> {
    let payload =
        next(world, |authority| authority.expires_at = Some(time("2035-01-01T00:00:00Z")));
    try_replace(world, signed(payload, &[]))
}

/// Gives the authority to two keys that are kept elsewhere.
fn move_away(world: &World, one: &PrivateKey, two: &PrivateKey) {
    let payload = next(world, |authority| {
        authority.threshold = 2;
        authority.keys = vec![listed("one", one), listed("two", two)];
    });
    assert_eq!(try_replace(world, signed(payload, &[one, two])).expect("taken in"), 2);
}

fn version(world: &World) -> u64 {
    world.keyward.authority().authority().version
}

fn pins(world: &World) -> String {
    let bytes = world.parts.pins.load().expect("pins").expect("a trust.json");
    String::from_utf8(bytes).expect("JSON")
}

/// What a verifier makes of an export who pins that document.
fn export_for(world: &World, pinned: Digest) -> Result<u64, UntrustedBundle> {
    let mut bundle = Vec::new();
    world.keyward.export(&mut bundle).expect("an export");
    trust::read(&bundle, Some(&pinned), &Reader).map(|it| it.authority().authority().version)
}

#[test]
fn the_next_version_is_logged_pinned_and_followed_by_who_knew_the_one_before() {
    // HA-08
    let world = world("2025-01-15T00:00:00Z");
    let first = world.keyward.authority().digest();
    assert_eq!(renew(&world).expect("taken in"), 2);
    let second = world.keyward.authority().digest();
    assert!(pins(&world).contains(&second.to_string()), "pinned");
    let state = world.keyward.state();
    let store = state.store().expect("a store");
    assert_eq!((store.authority_version, store.authority), (2, second));
    assert!(world.keyward.holds_authority_key().expect("an answer"));
    world.audit();
    let world = world.reopened();
    assert_eq!(world.keyward.authority().digest(), second);
    for pinned in [first, second] {
        assert_eq!(export_for(&world, pinned), Ok(2));
    }
    let other = Digest::of(b"another");
    assert_eq!(export_for(&world, other), Err(UntrustedBundle::OtherAuthority));
    let versions = [Some(1), Some(2), None, Some(3)].map(|version| {
        let envelope = world.keyward.authority_envelope(version).expect("an answer");
        envelope.map(|envelope| Digest::of(envelope.payload()))
    });
    assert_eq!(versions, [Some(first), Some(second), Some(second), None]);
}

#[test]
fn an_authority_that_moved_away_is_signed_for_elsewhere_alone() {
    // HA-08
    let world = world("2025-01-15T00:00:00Z");
    let (one, two) = (away(1), away(2));
    let payload = next(&world, |authority| {
        authority.threshold = 2;
        authority.keys = vec![listed("one", &one), listed("two", &two)];
    });
    for signers in [&[&one][..], &[&one, &one], &[]] {
        let refused = try_replace(&world, signed(payload.clone(), signers)).expect_err("too few");
        let expected = AuthorityRefused::TooFewSigners;
        assert!(matches!(refused, AuthorityError::Refused(why) if why == expected), "{refused}");
        assert!(world.keyward.holds_authority_key().expect("an answer"), "nothing has changed");
    }
    move_away(&world, &one, &two);
    assert!(!world.keyward.holds_authority_key().expect("an answer"), "nobody here signs for it");
    let world = world.reopened();
    let refused = renew(&world).expect_err("nobody has signed it");
    assert!(matches!(refused, AuthorityError::Refused(AuthorityRefused::TooFewSigners)));
    let payload = next(&world, |authority| authority.threshold = 1);
    assert_eq!(try_replace(&world, signed(payload, &[&two, &one])).expect("taken in"), 3);
    world.generate("k1");
    world.anchor("pkg:cargo/*", &["k1"]);
    world.sign("k1", "a");
    world.audit();
}

#[test]
fn what_does_not_follow_has_expired_or_comes_to_a_sealed_store_changes_nothing() {
    // HA-08
    let world = world("2025-01-15T00:00:00Z");
    let skips = next(&world, |authority| authority.version = 3);
    let refused = try_replace(&world, signed(skips, &[])).expect_err("version 2 is missing");
    assert_eq!(
        refused.to_string(),
        "the authority document does not follow the one that is pinned, which is version 1"
    );
    let other = next(&world, |authority| authority.log_keys.clear());
    let refused = try_replace(&world, signed(other, &[])).expect_err("no log key");
    assert!(matches!(refused, AuthorityError::Refused(AuthorityRefused::OtherLog)));
    let past = next(&world, |authority| authority.expires_at = Some(world.keyward.now()));
    let refused = try_replace(&world, signed(past, &[])).expect_err("it is past");
    assert!(matches!(refused, AuthorityError::Expired));
    world.keyward.seal();
    let refused = renew(&world).expect_err("sealed");
    assert!(matches!(refused, AuthorityError::Execute(ExecuteError::Sealed)));
    assert_eq!(version(&world), 1);
    assert!(world.keyward.state().store().is_some_and(|store| store.authority_version == 1));
}

#[test]
fn of_two_next_versions_at_once_one_is_taken_in() {
    // HA-08
    let world = world("2025-01-15T00:00:00Z");
    let offers = [1, 2].map(|month| {
        let expires_at = Some(time(&format!("2035-0{month}-01T00:00:00Z")));
        signed(next(&world, |authority| authority.expires_at = expires_at), &[])
    });
    let taken = std::thread::scope(|scope| {
        let running = offers.map(|offer| scope.spawn(|| try_replace(&world, offer)));
        running.map(|thread| thread.join().expect("a thread"))
    });
    assert_eq!(taken.iter().filter(|it| it.is_ok()).count(), 1, "{taken:?}");
    let refused = taken.into_iter().find_map(Result::err).expect("the other");
    let late = matches!(
        refused,
        AuthorityError::Refused(AuthorityRefused::NotNext { pinned: 2 })
            | AuthorityError::Execute(ExecuteError::Refused(Refusal::AuthorityMovedOn))
    );
    assert!(late, "{refused}");
    let state = world.keyward.state();
    let logged = state.store().expect("a store").authority;
    assert_eq!(logged, world.keyward.authority().digest());
    assert_eq!(version(&world.reopened()), 2);
}

#[test]
fn older_pins_follow_the_log_to_its_version() {
    // HA-08
    let world = world("2025-01-15T00:00:00Z");
    let old = pins(&world);
    renew(&world).expect("taken in");
    renew(&world).expect("taken in");
    world.keyward.close();
    world.parts.pins.save(old.as_bytes()).expect("the older copy");
    let world = world.again().expect("the store again");
    assert_eq!(version(&world), 3);
    let digest = world.keyward.authority().digest().to_string();
    assert!(pins(&world).contains(&digest), "and are pinned anew");
}

#[test]
fn a_document_that_somebody_put_into_the_database_is_not_followed() {
    // HA-08
    let world = world("2025-01-15T00:00:00Z");
    let old = pins(&world);
    renew(&world).expect("taken in");
    let thief = away(9);
    let payload = next(&world, |authority| {
        authority.version = 2;
        authority.keys = vec![listed("thief", &thief)];
    });
    let message = pae(AUTHORITY_PAYLOAD_TYPE, &payload);
    let first = Signature { key_id: None, signature: thief.sign(&message).expect("a signature") };
    let forged = Envelope::new(AUTHORITY_PAYLOAD_TYPE, payload, first).expect("an envelope");
    let bytes = forged.to_json().expect("JSON");
    let item = Item { name: 2_u64.to_be_bytes().to_vec(), bytes };
    let items = vec![ItemChange::Put(Shelf::Authority, item)];
    let heads = world.parts.storage.heads().expect("heads");
    world.parts.storage.append(heads, &Batch { items, ..Batch::default() }).expect("an edit");
    // Who has pinned the second version does not ask the database for it.
    let world = world.reopened();
    assert_eq!(version(&world), 2);
    world.keyward.close();
    world.parts.pins.save(old.as_bytes()).expect("the older copy");
    let refused = Keyward::open(&world.parts).expect_err("forged");
    check_tampered(&refused, "version 2 of the authority document is not good");
}

/// Stops it for good, so that its files can be copied.
fn stopped(world: World) -> (Arc<FakeClock>, ActorId) {
    let World { parts, clock, keyward, actor } = world;
    keyward.close();
    drop((parts, keyward));
    (clock, actor)
}

fn opened(directory: &Path, (clock, actor): (Arc<FakeClock>, ActorId)) -> World {
    let parts = parts_in(directory, &clock);
    let keyward = Keyward::open(&parts).expect("the store again");
    World { parts, clock, keyward, actor }.unsealed()
}

#[test]
fn pins_of_another_branch_of_the_authority_are_not_followed() {
    // HA-08
    let [mine, other] = [0; 2].map(|_| tempfile::tempdir().expect("a directory"));
    let held = stopped(world_in(mine.path(), "2025-01-15T00:00:00Z"));
    for file in ["keyward.db", "trust.json"] {
        fs::copy(mine.path().join(file), other.path().join(file)).expect("a copy");
    }
    let world = opened(mine.path(), held);
    renew(&world).expect("taken in");
    let kept: Value = serde_json::from_str(&pins(&world)).expect("JSON");
    let held = stopped(world);
    // Somebody with a copy and the password makes a second version of his own.
    let world = opened(other.path(), held);
    let end = Some(time("2040-01-01T00:00:00Z"));
    let payload = next(&world, |authority| authority.expires_at = end);
    try_replace(&world, signed(payload, &[])).expect("taken in there");
    let mut forked: Value = serde_json::from_str(&pins(&world)).expect("JSON");
    forked["checkpoint"] = kept["checkpoint"].clone();
    let parts = parts_in(mine.path(), &world.clock);
    parts.pins.save(forked.to_string().as_bytes()).expect("the other branch");
    let refused = Keyward::open(&parts).expect_err("another branch");
    check_tampered(&refused, "its log names another authority document than trust.json");
}

#[track_caller]
fn check_tampered(refused: &OpenFailed, why: &str) {
    assert!(matches!(refused, OpenFailed::Tampered { what } if &**what == why), "{refused:?}");
}

#[test]
fn a_rollback_does_not_bring_an_older_authority_back() {
    // HA-08
    let directory = tempfile::tempdir().expect("a directory");
    let world = world_in(directory.path(), "2025-01-15T00:00:00Z");
    let first = world.keyward.authority().digest();
    let held = stopped(world);
    let (file, copy) = (directory.path().join("keyward.db"), directory.path().join("copy"));
    fs::copy(&file, &copy).expect("a copy");
    let world = opened(directory.path(), held);
    renew(&world).expect("taken in");
    let second = world.keyward.authority().digest();
    let held = stopped(world);
    fs::copy(&copy, &file).expect("restored");
    let world = opened(directory.path(), held);
    world.keyward.accept_rollback(&world.actor).expect("accepted").expect("there was one");
    let world = world.reopened();
    assert_eq!(world.keyward.authority().digest(), second);
    assert_eq!(renew(&world).expect("taken in"), 3);
    for pinned in [first, second, world.keyward.authority().digest()] {
        assert_eq!(export_for(&world, pinned), Ok(3));
    }
    world.audit();
    assert_eq!(version(&world.reopened()), 3);
}
