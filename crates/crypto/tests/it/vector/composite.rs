//! The composite signatures of the LAMPS draft, with and without a context.

use keyward_crypto::{
    STANDARD, composite,
    mldsa::{self, ContextKey},
    signing::PrivateKey,
    spki,
};
use keyward_lifecycle::algorithm::{Algorithm, BadSignature};
use serde_json::Value;

use super::{File, Tally, base64, document, flipped, shaped, tests, text};

pub(super) fn run(file: &File, tally: &mut Tally) -> bool {
    let json = &file.json;
    if !shaped(json, &["tcId", "pk", "x5c", "sk_pkcs8", "s", "sWithContext"]) {
        return false;
    }
    let (message, context) = (base64(json, "m"), base64(json, "ctx"));
    for case in tests(json) {
        match text(case, "tcId") {
            "id-MLDSA65-Ed25519-SHA512" => composite(case, &message, &context),
            "id-ML-DSA-65" => alone(case, &message, &context),
            _ => {
                tally.pass_over("a composite that is not in the registry");
                continue;
            }
        }
        tally.run();
    }
    true
}

fn private_key(case: &Value, algorithm: Algorithm) -> PrivateKey {
    let key = PrivateKey::from_pkcs8_der(&base64(case, "sk_pkcs8")).unwrap();
    assert_eq!(key.expose_material(), base64(case, "sk"));
    assert_eq!(key.to_pkcs8_der().to_vec(), base64(case, "sk_pkcs8"));
    assert_eq!(spki::raw(algorithm, key.spki()).unwrap(), base64(case, "pk"));
    document::certificate(&base64(case, "x5c"), Some(key.spki()));
    key
}

fn composite(case: &Value, message: &[u8], context: &[u8]) {
    let key = private_key(case, Algorithm::MlDsa65Ed25519);
    let (plain, bound) = (base64(case, "s"), base64(case, "sWithContext"));
    let behind_the_seam = STANDARD.ml_dsa_65_ed25519.unwrap().public_key(key.spki()).unwrap();
    assert_eq!(behind_the_seam.verify(message, &plain), Ok(()));
    assert_eq!(behind_the_seam.verify(message, &bound), Err(BadSignature));
    let public = composite::Key::from_spki(key.spki()).unwrap();
    assert_eq!(public.verify_with_context(message, context, &bound), Ok(()));
    assert_eq!(public.verify_with_context(message, context, &plain), Err(BadSignature));

    // Each half alone fails: under its own algorithm, and beside a spoilt other half.
    let (ml_dsa, ed25519) = plain.split_at(mldsa::SIGNATURE_BYTES);
    let (ml_dsa_key, ed25519_key) = (
        spki::from_raw(Algorithm::MlDsa65, &base64(case, "pk")[..mldsa::PUBLIC_BYTES]).unwrap(),
        spki::from_raw(Algorithm::Ed25519, &base64(case, "pk")[mldsa::PUBLIC_BYTES..]).unwrap(),
    );
    let ml_dsa_key = STANDARD.ml_dsa_65.unwrap().public_key(&ml_dsa_key).unwrap();
    let ed25519_key = STANDARD.ed25519.unwrap().public_key(&ed25519_key).unwrap();
    assert_eq!(ml_dsa_key.verify(message, ml_dsa), Err(BadSignature));
    assert_eq!(ed25519_key.verify(message, ed25519), Err(BadSignature));
    for spoilt in [
        [flipped(ml_dsa).as_slice(), ed25519].concat(),
        [ml_dsa, flipped(ed25519).as_slice()].concat(),
    ] {
        assert_eq!(behind_the_seam.verify(message, &spoilt), Err(BadSignature));
    }
    assert_eq!(behind_the_seam.verify(message, ml_dsa), Err(BadSignature));
    assert_eq!(behind_the_seam.verify(message, ed25519), Err(BadSignature));

    let ours = key.sign(message).unwrap();
    assert_eq!(behind_the_seam.verify(message, &ours), Ok(()));
    assert_eq!(ours.len(), composite::SIGNATURE_BYTES);
}

fn alone(case: &Value, message: &[u8], context: &[u8]) {
    let key = private_key(case, Algorithm::MlDsa65);
    let (plain, bound) = (base64(case, "s"), base64(case, "sWithContext"));
    let behind_the_seam = STANDARD.ml_dsa_65.unwrap().public_key(key.spki()).unwrap();
    assert_eq!(behind_the_seam.verify(message, &plain), Ok(()));
    assert_eq!(behind_the_seam.verify(message, &bound), Err(BadSignature));
    let public = ContextKey::from_raw(&base64(case, "pk")).unwrap();
    assert_eq!(public.verify(message, context, &bound), Ok(()));
}
