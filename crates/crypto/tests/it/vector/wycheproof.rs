//! Project Wycheproof: the type of a test group says which function.

use keyward_crypto::{
    STANDARD,
    danger::ExpandedKey,
    ed25519::verify_strictly,
    kdf, mac,
    mldsa::ContextKey,
    pkcs8::encrypted::{self, Cipher, Derivation},
    signing::PrivateKey,
    spki,
};
use keyward_lifecycle::algorithm::{Algorithm, BadSignature};
use serde_json::Value;

use super::{File, Tally, hex, kdf::gcm, number, p256::der_of, tests, text};

pub(super) fn run(file: &File, tally: &mut Tally) -> bool {
    let json = &file.json;
    if json.get("testGroups").is_none() || json.get("schema").is_none() {
        return false;
    }
    let algorithm = text(json, "algorithm");
    let mut known = true;
    for group in json["testGroups"].as_array().unwrap() {
        for case in tests(group) {
            known &= one(algorithm, group, case, tally);
        }
    }
    known
}

/// Runs a case of a known type; a type that is known for another algorithm is passed over.
fn one(algorithm: &str, group: &Value, case: &Value, tally: &mut Tally) -> bool {
    // `acceptable` may go either way in the vectors; here they are good.
    let valid = text(case, "result") != "invalid";
    let curve = group["publicKey"]["curve"].as_str().unwrap_or_default();
    let sha256 = group["sha"] == "SHA-256";
    match (text(group, "type"), algorithm) {
        ("AeadTest", "AES-GCM") => {
            gcm(case, valid, tally);
            return true;
        }
        ("EddsaVerify", "EDDSA") if curve == "edwards25519" => eddsa(group, case, valid),
        ("EcdsaVerify", "ECDSA") if curve == "secp256r1" && sha256 => ecdsa(group, case, valid),
        ("EcdsaP1363Verify", "ECDSA") if curve == "secp256r1" && sha256 => {
            ecdsa_p1363(group, case, valid);
        }
        ("MlDsaVerify", "ML-DSA-65") => ml_dsa_verify(group, case, valid),
        ("MlDsaSign", "ML-DSA-65") => ml_dsa_sign(group, case, valid),
        ("HkdfTest", "HKDF-SHA-256" | "HKDF-SHA-512") => hkdf(algorithm, case, valid),
        ("MacTest", "HMACSHA256" | "HMACSHA512") => hmac(algorithm, case, valid),
        ("PbkdfTest", "PBKDF2-HMACSHA256" | "PBKDF2-HMACSHA512") => pbkdf2(algorithm, case),
        ("PbeTest", "PbeWithHmacSha256AndAes_256") => pbes2(case, valid),
        (
            "AeadTest" | "EddsaVerify" | "EcdsaVerify" | "EcdsaP1363Verify" | "MlDsaVerify"
            | "MlDsaSign" | "HkdfTest" | "MacTest" | "PbkdfTest" | "PbeTest",
            _,
        ) => {
            tally.pass_over("another algorithm, curve, digest or parameter set");
            return true;
        }
        _ => return false,
    }
    tally.run();
    true
}

fn eddsa(group: &Value, case: &Value, valid: bool) {
    let public = hex(group, "publicKeyDer");
    let key = STANDARD.ed25519.unwrap().public_key(&public).unwrap();
    let (message, signature) = (hex(case, "msg"), hex(case, "sig"));
    let verdict = key.verify(&message, &signature);
    assert_eq!(verdict.is_ok(), valid, "{case}");
    let raw = spki::raw(Algorithm::Ed25519, &public).unwrap();
    assert_eq!(verify_strictly(raw, &message, &signature), verdict, "{case}");
}

fn ecdsa(group: &Value, case: &Value, valid: bool) {
    let key = STANDARD.ecdsa_p256.unwrap().public_key(&hex(group, "publicKeyDer")).unwrap();
    assert_eq!(key.verify(&hex(case, "msg"), &hex(case, "sig")).is_ok(), valid, "{case}");
}

/// Fixed-length signatures are refused as they are, and agree once they are DER.
fn ecdsa_p1363(group: &Value, case: &Value, valid: bool) {
    let key = STANDARD.ecdsa_p256.unwrap().public_key(&hex(group, "publicKeyDer")).unwrap();
    let (message, signature) = (hex(case, "msg"), hex(case, "sig"));
    assert_eq!(key.verify(&message, &signature), Err(BadSignature), "{case}");
    if signature.len() == 64 {
        let (r, s) = signature.split_at(32);
        assert_eq!(key.verify(&message, &der_of(r, s)).is_ok(), valid, "{case}");
    } else {
        assert!(!valid, "{case}");
    }
}

fn ml_dsa_verify(group: &Value, case: &Value, valid: bool) {
    let (message, context) = (hex(case, "msg"), hex(case, "ctx"));
    let signature = hex(case, "sig");
    let Ok(key) = ContextKey::from_raw(&hex(group, "publicKey")) else {
        return assert!(!valid, "{case}");
    };
    assert_eq!(key.verify(&message, &context, &signature).is_ok(), valid, "{case}");
    let spki = spki::from_raw(Algorithm::MlDsa65, &hex(group, "publicKey")).unwrap();
    if group.get("publicKeyDer").is_some() {
        assert_eq!(spki, hex(group, "publicKeyDer"), "{case}");
    }
    if context.is_empty() {
        let key = STANDARD.ml_dsa_65.unwrap().public_key(&spki).unwrap();
        assert_eq!(key.verify(&message, &signature).is_ok(), valid, "{case}");
    }
}

/// By seed or by expanded key; `rnd` if it is there, else zeros; with μ and without message
/// through the inner interface.
fn ml_dsa_sign(group: &Value, case: &Value, valid: bool) {
    let key = if group.get("privateSeed").is_some() {
        let seed = hex(group, "privateSeed");
        let kept = PrivateKey::from_material(Algorithm::MlDsa65, &seed);
        if let (Ok(kept), Some(_)) = (&kept, group.get("privateKeyPkcs8")) {
            assert_eq!(kept.to_pkcs8_der().to_vec(), hex(group, "privateKeyPkcs8"), "{case}");
        }
        let seed = <[u8; 32]>::try_from(seed).ok();
        assert_eq!(kept.is_ok(), seed.is_some(), "{case}");
        seed.map(|seed| ExpandedKey::from_seed(&seed))
    } else {
        ExpandedKey::parse(&hex(group, "privateKey")).ok()
    };
    let Some(key) = key else {
        return assert!(!valid, "{case}");
    };
    assert_eq!(key.public(), hex(group, "publicKey"), "{case}");
    let rnd: [u8; 32] = hex(case, "rnd").try_into().unwrap_or([0; 32]);
    let signature = if case.get("msg").is_some() {
        key.sign(&hex(case, "msg"), &hex(case, "ctx"), &rnd)
    } else {
        key.sign_mu(&hex(case, "mu").try_into().unwrap(), &rnd)
    };
    assert_eq!(signature.ok(), valid.then(|| hex(case, "sig")), "{case}");
}

fn hkdf(algorithm: &str, case: &Value, valid: bool) {
    let (salt, secret, info) = (hex(case, "salt"), hex(case, "ikm"), hex(case, "info"));
    let mut key = vec![0; usize::try_from(number(case, "size")).unwrap()];
    let derived = if algorithm == "HKDF-SHA-256" {
        kdf::hkdf_sha256_into(&salt, &secret, &info, &mut key)
    } else {
        kdf::hkdf_sha512_into(&salt, &secret, &info, &mut key)
    };
    assert_eq!(derived.is_ok(), valid, "{case}");
    if valid {
        assert_eq!(key, hex(case, "okm"), "{case}");
    }
}

/// Tags may be shortened in the vectors; ours are whole.
fn hmac(algorithm: &str, case: &Value, valid: bool) {
    let (key, message, tag) = (hex(case, "key"), hex(case, "msg"), hex(case, "tag"));
    let ours = if algorithm == "HMACSHA256" {
        mac::hmac_sha256(&key, &message).to_vec()
    } else {
        mac::hmac_sha512(&key, &message).to_vec()
    };
    assert_eq!(ours.starts_with(&tag), valid, "{case}");
    if algorithm == "HMACSHA256" {
        let whole = mac::verify_hmac_sha256(&key, &message, &tag);
        assert_eq!(whole.is_ok(), valid && tag.len() == 32, "{case}");
    }
}

fn pbkdf2(algorithm: &str, case: &Value) {
    let (password, salt) = (hex(case, "password"), hex(case, "salt"));
    let rounds = number(case, "iterationCount");
    let mut key = vec![0; usize::try_from(number(case, "dkLen")).unwrap()];
    if algorithm == "PBKDF2-HMACSHA256" {
        kdf::pbkdf2_sha256(&password, &salt, rounds, &mut key).unwrap();
    } else {
        kdf::pbkdf2_sha512(&password, &salt, rounds, &mut key).unwrap();
    }
    assert_eq!(key, hex(case, "dk"), "{case}");
}

fn pbes2(case: &Value, valid: bool) {
    let salt = hex(case, "salt");
    let derivation = Derivation::Pbkdf2Sha256(&salt, number(case, "iterationCount"));
    let cipher = Cipher::Aes256(hex(case, "iv").try_into().unwrap());
    let (password, ciphertext) = (hex(case, "password"), hex(case, "ct"));
    let text = encrypted::decrypt(&derivation, &cipher, &password, &ciphertext);
    let text = text.ok().map(|text| text.to_vec());
    assert_eq!(text, valid.then(|| hex(case, "msg")), "{case}");
}
