//! Ed25519: the strict policy, deterministic signatures, public keys.

use keyward_crypto::{
    STANDARD,
    ed25519::{Key, verify_strictly},
    signing::PrivateKey,
    spki,
};
use keyward_lifecycle::algorithm::{Algorithm, BadSignature, PublicKey as _};

use super::{File, Tally, flipped, hex, shaped, tests, text};

pub(super) fn run(file: &File, tally: &mut Tally) -> bool {
    let json = &file.json;
    if shaped(json, &["key", "sig", "msg", "strict"]) {
        edge_cases(file, tally);
    } else if shaped(json, &["publicKey", "valid"]) {
        public_keys(file, tally);
    } else if json["algorithm"] == "Ed25519"
        && shaped(json, &["privateKey", "publicKey", "msg", "sig"])
    {
        deterministic(file, tally);
    } else {
        return false;
    }
    true
}

/// C2SP edge cases: our policy is the column `strict`, also behind the key checks.
fn edge_cases(file: &File, tally: &mut Tally) {
    for case in tests(&file.json) {
        let (key, signature) = (hex(case, "key"), hex(case, "sig"));
        let message = text(case, "msg").as_bytes();
        let strict = case["strict"].as_bool().unwrap();
        let verdict = verify_strictly(&key, message, &signature);
        assert_eq!(verdict.is_ok(), strict, "{case}");
        // A key that is not refused gets the same verdict; one that is refused is a bad key.
        match Key::from_raw(&key) {
            Ok(key) => assert_eq!(key.verify(message, &signature), verdict, "{case}"),
            Err(_) => {
                let flags = case["flags"].to_string();
                let bad = ["low_order_A", "low_order_component_A", "non_canonical_A"];
                assert!(bad.iter().any(|flag| flags.contains(flag)), "{case}");
            }
        }
        tally.run();
    }
}

fn public_keys(file: &File, tally: &mut Tally) {
    for case in tests(&file.json) {
        let valid = case["valid"].as_bool().unwrap();
        assert_eq!(Key::from_raw(&hex(case, "publicKey")).is_ok(), valid, "{case}");
        tally.run();
    }
}

fn deterministic(file: &File, tally: &mut Tally) {
    for case in tests(&file.json) {
        let (message, signature) = (hex(case, "msg"), hex(case, "sig"));
        let private = hex(case, "privateKey");
        let private = &private[..32];
        let key = PrivateKey::from_material(Algorithm::Ed25519, private).unwrap();
        let expected = spki::from_raw(Algorithm::Ed25519, &hex(case, "publicKey")).unwrap();
        assert_eq!(key.spki(), expected, "{case}");
        assert_eq!(key.sign(&message).unwrap(), signature, "{case}");
        let public = STANDARD.ed25519.unwrap().public_key(&expected).unwrap();
        assert_eq!(public.verify(&message, &signature), Ok(()), "{case}");
        assert_eq!(public.verify(&message, &flipped(&signature)), Err(BadSignature), "{case}");
        if !message.is_empty() {
            assert_eq!(public.verify(&flipped(&message), &signature), Err(BadSignature), "{case}");
        }
        tally.run();
    }
}
