//! ECDSA P-256: NIST CAVP, RFC 6979 (verified; we do not sign deterministically), PKCS#8 made
//! by others.

use keyward_crypto::{STANDARD, signing::PrivateKey, spki};
use keyward_lifecycle::algorithm::{Algorithm, BadSignature, MalformedKey};
use serde_json::Value;

use super::{File, Tally, base64, flipped, hex, shaped, tests, text};

pub(super) fn run(file: &File, tally: &mut Tally) -> bool {
    let json = &file.json;
    let cavp = ["sigver", "siggen", "public_key_validation"];
    if cavp.iter().any(|member| json.get(member).is_some()) {
        for case in cavp.iter().filter_map(|member| json[*member].as_array()).flatten() {
            nist(case);
            tally.run();
        }
    } else if shaped(json, &["curve", "hash", "privateKey", "sig_der"]) {
        for case in tests(json) {
            rfc6979(case, tally);
        }
    } else if shaped(json, &["curve", "private_key_pkcs8"]) {
        for case in tests(json) {
            key_of_others(case, tally);
        }
    } else {
        return false;
    }
    true
}

/// A signature `r‖s` as DER.
pub(super) fn der_of(r: &[u8], s: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| {
        let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1);
        let mut contents = bytes[start..].to_vec();
        if contents[0] >= 0x80 {
            contents.insert(0, 0);
        }
        [&[2, u8::try_from(contents.len()).unwrap()], contents.as_slice()].concat()
    };
    let body = [integer(r), integer(s)].concat();
    [&[0x30, u8::try_from(body.len()).unwrap()], body.as_slice()].concat()
}

/// Coordinates of 32 bytes; a longer or shorter number is not one.
fn point(case: &Value) -> Option<Vec<u8>> {
    let coordinate = |member| {
        let digits = text(case, member);
        (digits.len() <= 64).then(|| ::hex::decode(format!("{digits:0>64}")).unwrap())
    };
    Some([&[4], coordinate("Qx")?.as_slice(), coordinate("Qy")?.as_slice()].concat())
}

fn nist(case: &Value) {
    let verdict = case.get("Result").and_then(Value::as_str).unwrap_or("P");
    let key = point(case).map(|point| {
        let spki = spki::from_raw(Algorithm::EcdsaP256, &point).unwrap();
        STANDARD.ecdsa_p256.unwrap().public_key(&spki)
    });
    if case.get("Msg").is_none() {
        let good = matches!(key, Some(Ok(_)));
        assert_eq!(good, verdict.starts_with('P'), "{case}");
        if let Some(Err(error)) = key {
            assert_eq!(error, MalformedKey("not a point of the P-256 curve"));
        }
        return;
    }
    let key = key.unwrap().unwrap();
    let (message, signature) = (hex(case, "Msg"), der_of(&hex(case, "R"), &hex(case, "S")));
    assert_eq!(key.verify(&message, &signature).is_ok(), verdict.starts_with('P'), "{case}");
    if case.get("d").is_some() {
        let private = PrivateKey::from_material(Algorithm::EcdsaP256, &hex(case, "d")).unwrap();
        let expected = spki::from_raw(Algorithm::EcdsaP256, &point(case).unwrap()).unwrap();
        assert_eq!(private.spki(), expected, "{case}");
    }
}

fn rfc6979(case: &Value, tally: &mut Tally) {
    if text(case, "curve") != "P-256" || text(case, "hash") != "SHA-256" {
        return tally.pass_over("another curve or digest");
    }
    let scalar = hex(case, "privateKey");
    let key = PrivateKey::from_material(Algorithm::EcdsaP256, &scalar).unwrap();
    let raw = spki::raw(Algorithm::EcdsaP256, key.spki()).unwrap();
    if case.get("publicKey_uncompressed").is_some() {
        assert_eq!(raw, hex(case, "publicKey_uncompressed"), "{case}");
    }
    let public = STANDARD.ecdsa_p256.unwrap().public_key(key.spki()).unwrap();
    let (message, signature) = (hex(case, "msg"), hex(case, "sig_der"));
    assert_eq!(public.verify(&message, &signature), Ok(()), "{case}");
    assert_eq!(public.verify(&message, &hex(case, "sig_p1363")), Err(BadSignature), "{case}");
    assert_eq!(public.verify(&message, &flipped(&signature)), Err(BadSignature), "{case}");
    tally.run();
}

fn key_of_others(case: &Value, tally: &mut Tally) {
    if !["secp256r1", "P-256"].contains(&text(case, "curve")) {
        return tally.pass_over("another curve or digest");
    }
    let key = PrivateKey::from_pkcs8_der(&base64(case, "private_key_pkcs8")).unwrap();
    let public = STANDARD.ecdsa_p256.unwrap().public_key(key.spki()).unwrap();
    let signature = key.sign(b"message").unwrap();
    assert_eq!(public.verify(b"message", &signature), Ok(()));
    tally.run();
}
