//! NIST ACVP files for ML-DSA: `mode` says which function.

use keyward_crypto::{danger::ExpandedKey, mldsa::ContextKey, signing::PrivateKey, spki};
use keyward_lifecycle::algorithm::Algorithm;
use serde_json::Value;

use super::{File, Tally, hex, tests, text};

pub(super) fn run(file: &File, tally: &mut Tally) -> bool {
    let Some(mode) = file.json.get("mode").and_then(Value::as_str) else {
        return false;
    };
    if file.json["algorithm"] != "ML-DSA" {
        return false;
    }
    let case: fn(&Value, &Value, &mut Tally) = match mode {
        "keyGen" => key_generation,
        "sigGen" => signing,
        "sigVer" => verification,
        _ => return false,
    };
    for group in file.json["testGroups"].as_array().unwrap() {
        for test in tests(group) {
            if group["parameterSet"] != "ML-DSA-65" {
                tally.pass_over("another parameter set");
            } else if group.get("preHash").is_some_and(|kind| kind == "preHash") {
                tally.pass_over("HashML-DSA is another algorithm");
            } else {
                case(group, test, tally);
                tally.run();
            }
        }
    }
    true
}

/// The seed alone is kept, and gives the rest.
fn key_generation(_: &Value, test: &Value, _: &mut Tally) {
    // SO-014
    let seed: [u8; 32] = hex(test, "seed").try_into().unwrap();
    let key = ExpandedKey::from_seed(&seed);
    assert_eq!(key.public(), hex(test, "pk"), "{}", test["tcId"]);
    assert_eq!(key.expose().to_vec(), hex(test, "sk"), "{}", test["tcId"]);
    let kept = PrivateKey::from_material(Algorithm::MlDsa65, &seed).unwrap();
    assert_eq!(spki::raw(Algorithm::MlDsa65, kept.spki()).unwrap(), hex(test, "pk"));
}

/// Members of a test, else of its group.
fn member(group: &Value, test: &Value, name: &str) -> Vec<u8> {
    if test.get(name).is_some() { hex(test, name) } else { hex(group, name) }
}

fn signing(group: &Value, test: &Value, _: &mut Tally) {
    // SO-014
    let key = ExpandedKey::parse(&member(group, test, "sk")).unwrap();
    let rnd: [u8; 32] = hex(test, "rnd").try_into().unwrap_or([0; 32]);
    let message = hex(test, "message");
    let signature = if group["externalMu"] == true {
        key.sign_mu(&hex(test, "mu").try_into().unwrap(), &rnd)
    } else if text(group, "signatureInterface") == "internal" {
        key.sign_internal(&message, &rnd)
    } else {
        key.sign(&message, &hex(test, "context"), &rnd)
    };
    assert_eq!(signature, Ok(hex(test, "signature")), "{}", test["tcId"]);
}

fn verification(group: &Value, test: &Value, _: &mut Tally) {
    // SO-014
    let key = ContextKey::from_raw(&member(group, test, "pk")).unwrap();
    let (message, signature) = (hex(test, "message"), hex(test, "signature"));
    let verdict = if group["externalMu"] == true {
        key.verify_mu(&hex(test, "mu").try_into().unwrap(), &signature)
    } else if text(group, "signatureInterface") == "internal" {
        key.verify_internal(&message, &signature)
    } else {
        key.verify(&message, &hex(test, "context"), &signature)
    };
    assert_eq!(verdict.is_ok(), test["testPassed"].as_bool().unwrap(), "{}", test["tcId"]);
}
