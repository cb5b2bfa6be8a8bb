//! The software store through its public seam.
#![expect(clippy::expect_used, reason = "tests")]

use std::sync::Arc;

use keyward::keystore::{KeyStore, KeyStoreError, Made, SealedRecord};
use keyward_barrier::{Cost, Epoch, SlotLabel, Terms, Unsealed, create};
use keyward_crypto::{
    STANDARD,
    secret::{LockPolicy, Password},
    signing::PrivateKey,
};
use keyward_keystore::Software;
use keyward_lifecycle::{
    algorithm::Algorithm,
    id::{Fingerprint, KeyId, ProfileName},
    key::{Custody, KeyRecord, KeyTerms},
    profile::StoreAddress,
    time::Timestamp,
};

const ALGORITHMS: [Algorithm; 4] =
    [Algorithm::Ed25519, Algorithm::EcdsaP256, Algorithm::MlDsa65, Algorithm::MlDsa65Ed25519];

fn root() -> Unsealed {
    let terms = Terms {
        cost: Cost::new(Cost::MEMORY_KIB_MIN, 1, 1).expect("the least cost"),
        label: SlotLabel::parse("password").expect("a label"),
        memory: LockPolicy::Strict,
        now: Timestamp::EPOCH,
    };
    let password = Password::new(b"correct horse battery staple".to_vec()).expect("a password");
    create(&password, terms).expect("a root key").unsealed
}

fn record(key_id: &str, algorithm: Algorithm, made: &Made) -> KeyRecord {
    KeyRecord {
        key_id: KeyId::parse(key_id).expect("a key id"),
        expires_at: None,
        terms: Arc::new(KeyTerms {
            algorithm,
            profile: ProfileName::parse("default").expect("a profile"),
            purpose: "signing".into(),
            store: StoreAddress::software(),
            custody: Custody::Exclusive,
            max_usage: None,
        }),
        origin: None,
        fingerprint: Fingerprint::of_spki(&made.public_key),
        public_key: made.public_key.clone().into(),
        version: 1,
    }
}

fn generate(root: &Unsealed, key_id: &str, algorithm: Algorithm) -> (KeyRecord, Vec<u8>) {
    let id = KeyId::parse(key_id).expect("a key id");
    let made = Software::default().generate(root, &id, algorithm).expect("a key");
    let record = record(key_id, algorithm, &made);
    (record, made.sealed.expect("a sealed record"))
}

/// A record as the log expects it: in the first epoch.
const fn row(bytes: &[u8]) -> SealedRecord<'_> {
    SealedRecord { bytes, epoch: Epoch::FIRST }
}

#[track_caller]
fn check_refused(result: Result<Vec<u8>, KeyStoreError>, expected: &str) {
    match result {
        Err(KeyStoreError::Material { why, .. }) => assert!(why.contains(expected), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_of_every_algorithm_signs_what_its_public_part_verifies() {
    let root = root();
    for algorithm in ALGORITHMS {
        let (record, sealed) = generate(&root, "k1", algorithm);
        let signature = Software::default().sign(&root, &record, Some(row(&sealed)), b"message");
        let verify = STANDARD.get(algorithm).expect("built in");
        let public =
            verify.public_key(record.public_key.bytes().expect("bytes")).expect("a public key");
        public.verify(b"message", &signature.expect("a signature")).expect("good");
    }
}

#[test]
fn no_two_keys_are_alike_and_no_sealed_record_has_the_public_part() {
    let root = root();
    let (one, sealed) = generate(&root, "k1", Algorithm::Ed25519);
    let (other, again) = generate(&root, "k1", Algorithm::Ed25519);
    assert_ne!(one.fingerprint, other.fingerprint);
    assert_ne!(sealed, again);
}

#[test]
fn a_record_that_is_missing_damaged_or_anothers_signs_nothing() {
    let root = root();
    let store = Software::default();
    let (one, sealed) = generate(&root, "k1", Algorithm::Ed25519);
    let (other, foreign) = generate(&root, "k2", Algorithm::Ed25519);
    check_refused(store.sign(&root, &one, None, b"m"), "missing");
    for place in 0..sealed.len() {
        let mut damaged = sealed.clone();
        if let Some(byte) = damaged.get_mut(place) {
            *byte ^= 1;
        }
        store.sign(&root, &one, Some(row(&damaged)), b"m").expect_err("damaged");
    }
    store.sign(&root, &one, Some(row(&foreign)), b"m").expect_err("another key's record");
    // The same name with another public part: the log says which key it is.
    let (renewed, _) = generate(&root, "k1", Algorithm::Ed25519);
    check_refused(store.sign(&root, &renewed, Some(row(&sealed)), b"m"), "not the private part");
    store.sign(&root, &other, Some(row(&foreign)), b"m").expect("its own");
}

#[test]
fn another_root_key_opens_nothing() {
    let (one, other) = (root(), root());
    let (record, sealed) = generate(&one, "k1", Algorithm::Ed25519);
    Software::default().sign(&other, &record, Some(row(&sealed)), b"m").expect_err("another root");
}

#[test]
fn a_key_that_was_made_elsewhere_is_taken_in_and_signs() {
    let root = root();
    let store = Software::default();
    let private = PrivateKey::generate(Algorithm::EcdsaP256).expect("a key");
    let id = KeyId::parse("k1").expect("a key id");
    let made = store.importer().expect("the power").import(&root, &id, &private).expect("taken in");
    assert_eq!(made.public_key, Arc::from(private.spki()));
    let record = record("k1", Algorithm::EcdsaP256, &made);
    let sealed = made.sealed.expect("a sealed record");
    assert!(!sealed.windows(32).any(|window| window == private.expose_material()));
    store.sign(&root, &record, Some(row(&sealed)), b"m").expect("a signature");
}
