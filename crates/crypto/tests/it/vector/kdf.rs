//! Key derivation and AES-256-GCM outside Wycheproof.

use keyward_crypto::{
    aead::{self, DoesNotOpen},
    kdf::{self, Argon2Cost},
    mac,
};
use serde_json::Value;

use super::{File, Tally, hex, number, shaped, tests, text};

pub(super) fn run(file: &File, tally: &mut Tally) -> bool {
    let json = &file.json;
    if shaped(json, &["type", "memoryKiB", "password", "tag"]) {
        let more = json.as_object().unwrap().values().filter(|value| value.get("tag").is_some());
        for case in tests(json).iter().chain(more) {
            argon2id(case, (hex(case, "password"), hex(case, "salt")), tally);
        }
    } else if json["valid"][0].get("phc").is_some() {
        phc(json, tally);
    } else if shaped(json, &["hash", "ikm", "okm"]) {
        for case in tests(json) {
            hkdf(case, tally);
        }
    } else if shaped(json, &["prf", "iterations", "dk"]) {
        for case in tests(json) {
            pbkdf2(case, tally);
        }
    } else if shaped(json, &["key", "iv", "ct", "tag", "valid"]) {
        for case in tests(json) {
            gcm(case, case["valid"].as_bool().unwrap(), tally);
        }
    } else if json["algorithm"] == "AES-256-GCM" && json.get("testGroups").is_some() {
        let groups = json["testGroups"].as_array().unwrap();
        for case in groups.iter().flat_map(tests) {
            gcm(case, case.get("testPassed").and_then(Value::as_bool).unwrap_or(true), tally);
        }
    } else {
        return false;
    }
    true
}

fn argon2id(case: &Value, (password, salt): (Vec<u8>, Vec<u8>), tally: &mut Tally) {
    if !hex(case, "secret").is_empty() || !hex(case, "ad").is_empty() {
        return tally.pass_over("Argon2id with a secret or associated data");
    }
    if case["type"] != "argon2id" || number(case, "version") != 19 {
        return tally.pass_over("another variant or version of Argon2");
    }
    let cost =
        Argon2Cost::new(number(case, "memoryKiB"), number(case, "time"), number(case, "lanes"))
            .unwrap();
    let tag = hex(case, "tag");
    let mut key = vec![0; tag.len()];
    kdf::argon2id_into(&password, &salt, cost, &mut key).unwrap();
    assert_eq!(key, tag, "{case}");
    tally.run();
}

fn phc(json: &Value, tally: &mut Tally) {
    for case in json["valid"].as_array().unwrap() {
        let (password, salt) = (text(case, "password_text"), text(case, "salt_text"));
        argon2id(case, (password.into(), salt.into()), tally);
    }
    for _ in json["invalid"].as_array().into_iter().flatten() {
        tally.pass_over("PHC strings are not parsed: costs stand in our own headers");
    }
}

fn hkdf(case: &Value, tally: &mut Tally) {
    let (salt, secret, info) = (hex(case, "salt"), hex(case, "ikm"), hex(case, "info"));
    let mut key = vec![0; hex(case, "okm").len()];
    match text(case, "hash") {
        "SHA-256" => {
            kdf::hkdf_sha256_into(&salt, &secret, &info, &mut key).unwrap();
            if case.get("prk").is_some() {
                assert_eq!(mac::hmac_sha256(&salt, &secret).to_vec(), hex(case, "prk"), "{case}");
            }
        }
        "SHA-512" => kdf::hkdf_sha512_into(&salt, &secret, &info, &mut key).unwrap(),
        _ => return tally.pass_over("another digest"),
    }
    assert_eq!(key, hex(case, "okm"), "{case}");
    tally.run();
}

fn pbkdf2(case: &Value, tally: &mut Tally) {
    let (password, salt) = (text(case, "password_text").as_bytes(), hex(case, "salt"));
    let rounds = number(case, "iterations");
    let mut key = vec![0; hex(case, "dk").len()];
    match text(case, "prf") {
        "HMAC-SHA256" => kdf::pbkdf2_sha256(password, &salt, rounds, &mut key).unwrap(),
        "HMAC-SHA512" => kdf::pbkdf2_sha512(password, &salt, rounds, &mut key).unwrap(),
        _ => return tally.pass_over("another digest"),
    }
    assert_eq!(key, hex(case, "dk"), "{case}");
    tally.run();
}

/// AES-256-GCM with a 96-bit nonce and a whole tag, in the layout of our sealed boxes.
pub(super) fn gcm(case: &Value, valid: bool, tally: &mut Tally) {
    let (nonce, tag) = (hex(case, "iv"), hex(case, "tag"));
    let Ok(key) = <[u8; 32]>::try_from(hex(case, "key")) else {
        return tally.pass_over("AES with another key length");
    };
    if nonce.len() != aead::NONCE_BYTES || tag.len() != aead::TAG_BYTES {
        return tally.pass_over("nonce or tag of another length than we make");
    }
    let text = if case.get("pt").is_some() { hex(case, "pt") } else { hex(case, "msg") };
    let sealed = [nonce, hex(case, "ct"), tag].concat();
    let opened = aead::open(&key, &sealed, &hex(case, "aad"));
    let expected = if valid { Ok(text) } else { Err(DoesNotOpen) };
    assert_eq!(opened.map(|opened| opened.to_vec()), expected, "{case}");
    tally.run();
}
