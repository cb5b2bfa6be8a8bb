//! ML-DSA-65: known answers, also through the interfaces that take a context and a nonce seed.

use keyward_crypto::{danger::ExpandedKey, mldsa::ContextKey, signing::PrivateKey, spki};
use keyward_lifecycle::algorithm::{Algorithm, BadSignature};
use serde_json::Value;
use shake::{ExtendableOutput as _, Shake128, Update as _, XofReader as _};

use super::{File, Tally, flipped, hex, number, shaped, tests};

pub(super) fn run(file: &File, tally: &mut Tally) -> bool {
    let json = &file.json;
    if shaped(json, &["seed", "pk", "message", "signature"]) {
        for case in tests(json) {
            known_answer(case);
            tally.run();
        }
    } else if json["algorithm"] == "ML-DSA-65" && shaped(json, &["iterations", "result"]) {
        for case in tests(json) {
            accumulated(number(case, "iterations"), &hex(case, "result"));
            tally.run();
        }
    } else {
        return false;
    }
    true
}

/// Key, signature and verdicts from a seed; without `rnd` the deterministic variant.
fn known_answer(case: &Value) {
    // SO-014
    let seed: [u8; 32] = hex(case, "seed").try_into().unwrap();
    let rnd: [u8; 32] = hex(case, "rnd").try_into().unwrap_or([0; 32]);
    let (message, context) = (hex(case, "message"), hex(case, "context"));
    let (public, signature) = (hex(case, "pk"), hex(case, "signature"));
    let key = ExpandedKey::from_seed(&seed);
    assert_eq!(key.public(), public, "{case}");
    if case.get("sk").is_some() {
        assert_eq!(key.expose().to_vec(), hex(case, "sk"), "{case}");
    }
    let kept = PrivateKey::from_material(Algorithm::MlDsa65, &seed).unwrap();
    assert_eq!(spki::raw(Algorithm::MlDsa65, kept.spki()), Ok(public.as_slice()), "{case}");
    assert_eq!(key.sign(&message, &context, &rnd), Ok(signature.clone()), "{case}");
    let verifier = ContextKey::from_raw(&public).unwrap();
    assert_eq!(verifier.verify(&message, &context, &signature), Ok(()), "{case}");
    let bad = Err(BadSignature);
    assert_eq!(verifier.verify(&message, &context, &flipped(&signature)), bad, "{case}");
    if !context.is_empty() {
        assert_eq!(verifier.verify(&message, &flipped(&context), &signature), bad, "{case}");
    }
    if !message.is_empty() {
        assert_eq!(verifier.verify(&flipped(&message), &context, &signature), bad, "{case}");
    }
}

/// C2SP accumulated vectors: many keys and signatures in one digest.
fn accumulated(iterations: u32, expected: &[u8]) {
    let mut seeds = Shake128::default().finalize_xof();
    let mut sum = Shake128::default();
    for _ in 0..iterations {
        let mut seed = [0; 32];
        seeds.read(&mut seed);
        let key = ExpandedKey::from_seed(&seed);
        let public = key.public();
        sum.update(&public);
        let signature = key.sign(b"", b"", &[0; 32]).unwrap();
        sum.update(&signature);
        assert_eq!(ContextKey::from_raw(&public).unwrap().verify(b"", b"", &signature), Ok(()));
    }
    let mut digest = [0; 32];
    sum.finalize_xof().read(&mut digest);
    assert_eq!(digest, expected);
}
