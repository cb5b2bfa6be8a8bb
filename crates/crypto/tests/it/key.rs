//! Private and public keys of every algorithm.

use keyward_crypto::{
    STANDARD, composite,
    danger::ExpandedKey,
    mldsa,
    pkcs8::UnreadablePrivateKey,
    signing::{GenerationFailed, PrivateKey},
    spki,
};
use keyward_lifecycle::algorithm::{Algorithm, BadSignature, MalformedKey};
use proptest::prelude::*;

/// The algorithms that this crate runs.
const RUN: [Algorithm; 4] =
    [Algorithm::Ed25519, Algorithm::EcdsaP256, Algorithm::MlDsa65, Algorithm::MlDsa65Ed25519];

/// A point of the curve that is not in the group of prime order.
const TORSION: &str = "16a567fe7d4ef5482ab4012c369bf8c5f11e8d0c2559dcda50fde59708f8aee5";

#[test]
fn what_a_key_signs_verifies_under_its_public_key_alone() {
    for algorithm in RUN {
        let key = PrivateKey::generate(algorithm).unwrap();
        let other = PrivateKey::generate(algorithm).unwrap();
        let signature = key.sign(b"message").unwrap();
        let verifier = STANDARD.get(algorithm).unwrap();
        let verify = |key: &PrivateKey, message: &[u8]| {
            verifier.public_key(key.spki()).unwrap().verify(message, &signature)
        };
        assert_eq!(verify(&key, b"message"), Ok(()), "{algorithm}");
        assert_eq!(verify(&key, b"massage"), Err(BadSignature), "{algorithm}");
        assert_eq!(verify(&other, b"message"), Err(BadSignature), "{algorithm}");
    }
}

#[test]
fn signatures_have_the_sizes_and_encodings_that_the_registry_fixes() {
    let size = |algorithm| PrivateKey::generate(algorithm).unwrap().sign(b"message").unwrap().len();
    assert_eq!(size(Algorithm::Ed25519), 64);
    assert_eq!(size(Algorithm::MlDsa65), mldsa::SIGNATURE_BYTES);
    assert_eq!(size(Algorithm::MlDsa65Ed25519), composite::SIGNATURE_BYTES);
    let der = PrivateKey::generate(Algorithm::EcdsaP256).unwrap().sign(b"message").unwrap();
    assert_eq!(der[0], 0x30);
}

#[test]
fn ed25519_signs_the_same_twice_and_the_others_do_not() {
    for algorithm in RUN {
        let key = PrivateKey::generate(algorithm).unwrap();
        let same = key.sign(b"message").unwrap() == key.sign(b"message").unwrap();
        assert_eq!(same, algorithm == Algorithm::Ed25519, "{algorithm}");
    }
}

#[test]
fn a_key_comes_back_whole_from_its_material_and_from_both_documents() {
    for algorithm in RUN {
        let key = PrivateKey::generate(algorithm).unwrap();
        let copies = [
            PrivateKey::from_material(algorithm, key.expose_material()).unwrap(),
            PrivateKey::from_pkcs8_der(&key.to_pkcs8_der()).unwrap(),
            PrivateKey::from_pkcs8_pem(&key.to_pkcs8_pem()).unwrap(),
        ];
        for copy in copies {
            assert_eq!(copy.algorithm(), algorithm);
            assert_eq!(copy.spki(), key.spki(), "{algorithm}");
            assert_eq!(copy.expose_material(), key.expose_material(), "{algorithm}");
        }
        let pem = spki::to_pem(key.spki());
        assert_eq!(spki::from_pem(&pem).as_deref(), Ok(key.spki()));
        assert_eq!(spki::algorithm_of_spki(key.spki()), Ok(algorithm));
    }
}

#[test]
fn a_private_key_prints_nothing_of_itself() {
    let key = PrivateKey::generate(Algorithm::Ed25519).unwrap();
    assert_eq!(format!("{key:?}"), "PrivateKey(SHA256-ED25519, ..)");
}

#[test]
fn algorithms_without_code_are_refused_by_name() {
    for algorithm in [Algorithm::Gost256, Algorithm::Sm2] {
        let refused = PrivateKey::generate(algorithm).map(|_| ()).unwrap_err();
        assert_eq!(refused, GenerationFailed::NotInThisBuild(algorithm));
        let refused = PrivateKey::from_material(algorithm, &[1; 32]).map(|_| ()).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "private key is refused: its algorithm is not in this build"
        );
        assert!(STANDARD.get(algorithm).is_none());
    }
}

#[test]
fn material_of_another_length_or_out_of_range_is_refused() {
    #[track_caller]
    fn check(algorithm: Algorithm, material: &[u8], expected: &str) {
        let refused = PrivateKey::from_material(algorithm, material).map(|_| ()).unwrap_err();
        assert_eq!(refused.to_string(), format!("private key is refused: {expected}"));
    }
    let range = "a P-256 private scalar is between 1 and n - 1";
    check(Algorithm::Ed25519, &[1; 31], "an Ed25519 seed has 32 bytes");
    check(Algorithm::Ed25519, &[1; 33], "an Ed25519 seed has 32 bytes");
    check(Algorithm::MlDsa65, &[1; 64], "an ML-DSA-65 seed has 32 bytes");
    check(Algorithm::EcdsaP256, &[1; 31], "a P-256 private scalar has 32 bytes");
    check(Algorithm::EcdsaP256, &[0; 32], range);
    check(Algorithm::EcdsaP256, &[0xff; 32], range);
    let two = "a composite private key has two seeds of 32 bytes";
    check(Algorithm::MlDsa65Ed25519, &[1; 63], two);
    check(Algorithm::MlDsa65Ed25519, &[1; 65], two);
}

#[test]
fn public_keys_that_would_accept_forgeries_are_refused() {
    #[track_caller]
    fn check(algorithm: Algorithm, raw: &str, expected: &'static str) {
        let spki = spki::from_raw(algorithm, &hex::decode(raw).unwrap()).unwrap();
        let refused = STANDARD.get(algorithm).unwrap().public_key(&spki).map(|_| ());
        assert_eq!(refused, Err(MalformedKey(expected)));
    }
    let small = "Ed25519 point of small order, which would accept forgeries";
    let identity = format!("01{}", "00".repeat(31));
    check(Algorithm::Ed25519, &identity, small);
    check(
        Algorithm::Ed25519,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        small,
    );
    let other_form = "Ed25519 point is not in its canonical encoding";
    check(Algorithm::Ed25519, &format!("ee{}7f", "ff".repeat(30)), other_form);
    check(
        Algorithm::Ed25519,
        &format!("02{}", "00".repeat(31)),
        "not a point of the Ed25519 curve",
    );
    // The public key of RFC 8032 §7.1 test 1, plus the point of order 2: (-x, -y).
    check(Algorithm::Ed25519, TORSION, "Ed25519 point with torsion, on which verifiers disagree");
    let compressed = format!("02{}", "11".repeat(64));
    check(Algorithm::EcdsaP256, &compressed, "P-256 point is not in uncompressed form");
    let off = format!("04{}", "11".repeat(64));
    check(Algorithm::EcdsaP256, &off, "not a point of the P-256 curve");
    let composite = format!("{}{identity}", "11".repeat(mldsa::PUBLIC_BYTES));
    check(Algorithm::MlDsa65Ed25519, &composite, small);
}

#[test]
fn an_spki_of_one_algorithm_is_no_key_of_another() {
    for algorithm in RUN {
        let key = PrivateKey::generate(algorithm).unwrap();
        for other in RUN.into_iter().filter(|other| *other != algorithm) {
            let refused = STANDARD.get(other).unwrap().public_key(key.spki()).map(|_| ());
            assert_eq!(refused, Err(MalformedKey("it is for another algorithm")));
        }
    }
}

#[test]
fn an_spki_has_one_encoding() {
    let key = PrivateKey::generate(Algorithm::Ed25519).unwrap();
    let spki = key.spki();
    let with_null = [&[0x30, 0x2c, 0x30, 0x07, 6, 3, 0x2b, 0x65, 0x70, 5, 0], &spki[9..]].concat();
    let long_form = [&[0x30, 0x81, 0x2a], &spki[2..]].concat();
    let unknown = "not the canonical SubjectPublicKeyInfo of Ed25519, ECDSA P-256 (named curve, \
                   uncompressed), ML-DSA-65 or their composite";
    for other in [with_null, long_form] {
        assert_eq!(spki::algorithm_of_spki(&other), Err(MalformedKey(unknown)));
    }
    let length = "its length is not that of its algorithm";
    let longer = [spki, &[0]].concat();
    assert_eq!(spki::algorithm_of_spki(&longer), Err(MalformedKey(length)));
    assert_eq!(spki::algorithm_of_spki(&spki[..40]), Err(MalformedKey(length)));
    let nothing = "not a DER SubjectPublicKeyInfo";
    assert_eq!(spki::algorithm_of_spki(b""), Err(MalformedKey(nothing)));
}

#[test]
fn a_private_key_document_that_contradicts_itself_is_refused() {
    let key = PrivateKey::generate(Algorithm::EcdsaP256).unwrap();
    let other = PrivateKey::generate(Algorithm::EcdsaP256).unwrap();
    let mut document = key.to_pkcs8_der().to_vec();
    let end = document.len();
    document[end - 65..].copy_from_slice(spki::raw(Algorithm::EcdsaP256, other.spki()).unwrap());
    let refused = PrivateKey::from_pkcs8_der(&document).map(|_| ()).unwrap_err();
    let expected = "the public key in it belongs to another private key";
    assert_eq!(refused, UnreadablePrivateKey::Inconsistent(expected));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_changed_bit_of_a_signature_or_message_is_noticed(
        message in proptest::collection::vec(any::<u8>(), 1..200),
        place in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        for algorithm in RUN {
            let key = PrivateKey::generate(algorithm).unwrap();
            let public = STANDARD.get(algorithm).unwrap().public_key(key.spki()).unwrap();
            let signature = key.sign(&message).unwrap();
            prop_assert_eq!(public.verify(&message, &signature), Ok(()));
            let mut changed = signature.clone();
            changed[place.index(signature.len())] ^= 1 << bit;
            prop_assert_eq!(public.verify(&message, &changed), Err(BadSignature));
            let mut changed = message.clone();
            changed[place.index(message.len())] ^= 1 << bit;
            prop_assert_eq!(public.verify(&changed, &signature), Err(BadSignature));
            prop_assert_eq!(public.verify(&message, &signature[1..]), Err(BadSignature));
        }
    }

    #[test]
    fn an_expanded_ml_dsa_key_that_was_changed_is_refused(
        seed in any::<[u8; 32]>(),
        place in 0_usize..mldsa::EXPANDED_BYTES,
        bit in 0_u8..8,
    ) {
        let good = ExpandedKey::from_seed(&seed).expose();
        prop_assert!(ExpandedKey::parse(&good).is_ok());
        let mut changed = good.to_vec();
        changed[place] ^= 1 << bit;
        // K (bytes 32 to 64) is random and bound to nothing.
        let refused = ExpandedKey::parse(&changed).is_err();
        prop_assert_ne!(refused, (32..64).contains(&place), "{}", place);
    }

    #[test]
    fn no_bytes_make_a_reader_of_keys_panic(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..80),
        valid in any::<bool>(),
        place in any::<prop::sample::Index>(),
    ) {
        if valid {
            // A good document with one byte changed reaches further than noise.
            let mut document =
                PrivateKey::generate(Algorithm::EcdsaP256).unwrap().to_pkcs8_der().to_vec();
            let at = place.index(document.len());
            document[at] = document[at].wrapping_add(1);
            bytes = document;
        }
        let _: Result<_, _> = PrivateKey::from_pkcs8_der(&bytes);
        let _: Result<_, _> = spki::algorithm_of_spki(&bytes);
        let text = String::from_utf8_lossy(&bytes);
        let _: Result<_, _> = PrivateKey::from_pkcs8_pem(&text);
        for algorithm in RUN {
            let _: Result<_, _> = PrivateKey::from_material(algorithm, &bytes);
            let _: Result<_, _> = STANDARD.get(algorithm).unwrap().public_key(&bytes).map(|_| ());
        }
    }
}
