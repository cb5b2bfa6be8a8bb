//! Keys and certificates as documents: PKCS#8 in all forms, SPKI, self-signed certificates,
//! encrypted keys.

use std::fs;

use keyward_crypto::{
    STANDARD,
    danger::ExpandedKey,
    pkcs8::{UnreadablePrivateKey, encrypted::UnreadableEncryptedKey},
    secret::Password,
    signing::PrivateKey,
    spki,
};
use keyward_lifecycle::algorithm::Algorithm;
use serde_json::Value;

use super::{File, Tally, files, shaped, tests, text};

pub(super) fn run(file: &File, tally: &mut Tally) -> bool {
    let json = &file.json;
    if shaped(json, &["pkcs8_pem", "valid"]) {
        for case in tests(json) {
            form(case, text(json, "spki_pem"));
            tally.run();
        }
    } else if shaped(json, &["encrypted_pem", "password", "spki_pem"]) {
        for case in tests(json) {
            encrypted(case);
            tally.run();
        }
    } else if shaped(json, &["file", "note"]) {
        for case in tests(json) {
            listed(file, case, tally);
        }
    } else if shaped(json, &["root_pem", "leaf_pem"]) {
        for _ in tests(json) {
            tally.pass_over("certificate chains are checked where TLS is");
        }
    } else if json.is_object() {
        return members(json, tally);
    } else {
        return alone(file, tally);
    }
    true
}

/// Documents in members of their own: `spki_pem` beside `pkcs8_…_pem`.
fn members(json: &Value, tally: &mut Tally) -> bool {
    let documents: Vec<_> = json
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| name.starts_with("pkcs8_") && name.ends_with("_pem"))
        .map(|(_, document)| document.as_str().unwrap())
        .collect();
    if documents.is_empty() {
        return false;
    }
    let valid = json.get("valid").and_then(Value::as_bool).unwrap_or(true);
    for document in documents {
        match PrivateKey::from_pkcs8_pem(document) {
            Ok(key) => {
                assert!(valid, "{document}");
                let expected = text(json, "spki_pem");
                assert_eq!(spki::from_pem(expected).as_deref(), Ok(key.spki()));
                signs(&key);
            }
            Err(error) => assert!(!valid, "{error}: {document}"),
        }
        tally.run();
    }
    if json.get("spki_pem").is_some() {
        tally.run();
    }
    true
}

/// The three forms of RFC 9881. The store keeps seeds, so that the expanded form is refused
/// by name there; what it holds is judged all the same.
fn form(case: &Value, expected: &str) {
    let expected = spki::from_pem(expected).unwrap();
    let valid = case["valid"].as_bool().unwrap();
    match PrivateKey::from_pkcs8_pem(text(case, "pkcs8_pem")) {
        Ok(key) => {
            assert!(valid, "{case}");
            assert_eq!(key.spki(), expected, "{case}");
        }
        Err(UnreadablePrivateKey::ExpandedOnly) => {
            let document = contents(text(case, "pkcs8_pem").as_bytes()).1;
            let key = expanded(&document);
            assert_eq!(key.is_some(), valid, "{case}");
            let raw = spki::raw(Algorithm::MlDsa65, &expected).unwrap();
            assert!(key.is_none_or(|key| key.public() == raw), "{case}");
        }
        Err(error) => assert!(!valid, "{error}: {case}"),
    }
}

fn encrypted(case: &Value) {
    let open = |password: &str| {
        let password = Password::new(password.into()).unwrap();
        PrivateKey::from_encrypted_pkcs8_pem(text(case, "encrypted_pem"), &password)
    };
    match open(text(case, "password")) {
        Ok(key) => {
            let expected = spki::from_pem(text(case, "spki_pem")).unwrap();
            assert_eq!(key.spki(), expected, "{case}");
            signs(&key);
            let wrong = open("not the password").map(|_| ());
            assert_eq!(wrong, Err(UnreadableEncryptedKey::WrongPassword), "{case}");
        }
        Err(error) => {
            assert_eq!(error, UnreadableEncryptedKey::Scheme, "{case}");
            assert_eq!(case["required"], false, "{case}");
        }
    }
    let plain = PrivateKey::from_pkcs8_pem(text(case, "encrypted_pem")).map(|_| ());
    assert_eq!(plain, Err(UnreadablePrivateKey::Encrypted));
}

/// A file named by an index, with the type that another tool read from it, if any. P-256 and
/// Ed25519 keys in PKCS#8 are read; SEC 1 documents are refused by name.
fn listed(index: &File, case: &Value, tally: &mut Tally) {
    let bytes = fs::read(index.path.with_file_name(text(case, "file"))).unwrap();
    let verdict = case
        .as_object()
        .unwrap()
        .iter()
        .find_map(|(name, verdict)| name.ends_with("_loads").then_some(verdict))
        .unwrap();
    let (label, document) = contents(&bytes);
    let read = match label.as_str() {
        "PRIVATE KEY" => PrivateKey::from_pkcs8_der(&document).map_err(UnreadableEncryptedKey::Key),
        "ENCRYPTED PRIVATE KEY" => {
            let password = verdict.as_str().and_then(|text| text.split_once("password="));
            let password = password.map_or("password", |(_, password)| password);
            let password = Password::new(password.into()).unwrap();
            PrivateKey::from_encrypted_pkcs8_der(&document, &password)
        }
        "PUBLIC KEY" => {
            assert_eq!(spki::algorithm_of_spki(&document).is_ok(), verdict.is_string(), "{case}");
            return tally.run();
        }
        _ => {
            let refused = PrivateKey::from_pkcs8_pem(std::str::from_utf8(&bytes).unwrap());
            let refused = refused.unwrap_err().to_string();
            assert!(refused.starts_with(&format!("PEM holds `{label}`")), "{refused}: {case}");
            return tally.run();
        }
    };
    match read {
        Ok(key) => {
            assert!(verdict.is_string(), "{case}");
            signs(&key);
        }
        Err(UnreadableEncryptedKey::Key(UnreadablePrivateKey::UnknownAlgorithm))
            if verdict.is_string() =>
        {
            return tally.pass_over("an algorithm or explicit curve that is not registered");
        }
        Err(error) => assert!(verdict.is_null(), "{error}: {case}"),
    }
    tally.run();
}

/// A document alone in its file. Documents of one folder belong together, unless an index
/// there says what they are.
fn alone(file: &File, tally: &mut Tally) -> bool {
    let folder = file.path.parent().unwrap();
    if folder.join("index.json").is_file() {
        return true;
    }
    if !file.bytes.starts_with(b"-----BEGIN ") && file.bytes.first() != Some(&0x30) {
        return false;
    }
    let (label, document) = contents(&file.bytes);
    let publics: Vec<_> = files(folder)
        .iter()
        .filter(|path| path.parent() == Some(folder))
        .map(|path| fs::read(path).unwrap())
        .filter(|bytes| bytes.starts_with(b"-----BEGIN "))
        .map(|bytes| contents(&bytes))
        .filter_map(|(label, document)| (label == "PUBLIC KEY").then_some(document))
        .collect();
    let belongs = |spki: &[u8]| publics.is_empty() || publics.iter().any(|public| public == spki);
    match label.as_str() {
        "PUBLIC KEY" => {
            let written = spki::to_pem(&document);
            assert_eq!(written.as_bytes(), file.bytes, "{}", file.path.display());
        }
        "CERTIFICATE" => {
            let key = publics.first().map(Vec::as_slice);
            certificate(&document, key);
        }
        "PRIVATE KEY" => match PrivateKey::from_pkcs8_der(&document) {
            Ok(key) => {
                assert!(belongs(key.spki()), "{}", file.path.display());
                signs(&key);
            }
            Err(UnreadablePrivateKey::ExpandedOnly) => {
                let public = expanded(&document).unwrap().public();
                let spki = spki::from_raw(Algorithm::MlDsa65, &public).unwrap();
                assert!(belongs(&spki), "{}", file.path.display());
            }
            Err(error) => panic!("{error}: {}", file.path.display()),
        },
        _ => return false,
    }
    tally.run();
    true
}

/// Label and contents of a PEM document; DER is a private key.
fn contents(bytes: &[u8]) -> (String, Vec<u8>) {
    let Some(body) = bytes.strip_prefix(b"-----BEGIN ") else {
        return ("PRIVATE KEY".to_owned(), bytes.to_vec());
    };
    let body = std::str::from_utf8(body).unwrap();
    let (label, rest) = body.split_once("-----").unwrap();
    let (base64, _) = rest.split_once("-----END").unwrap();
    let base64: String = base64.split_whitespace().collect();
    let case = serde_json::json!({ "document": base64 });
    (label.to_owned(), super::base64(&case, "document"))
}

/// The expanded ML-DSA key that ends a PKCS#8 document, if it is one.
fn expanded(document: &[u8]) -> Option<ExpandedKey> {
    let start = document.windows(4).position(|window| window == [4, 0x82, 0x0f, 0xc0])?;
    ExpandedKey::parse(&document[start + 4..]).ok()
}

fn signs(key: &PrivateKey) {
    let verifier = STANDARD.get(key.algorithm()).unwrap().public_key(key.spki()).unwrap();
    assert_eq!(verifier.verify(b"message", &key.sign(b"message").unwrap()), Ok(()));
}

/// Checks the signature of a self-signed certificate (RFC 5280 §4.1), whose key is `expected`.
pub(super) fn certificate(document: &[u8], expected: Option<&[u8]>) {
    let (_, body, _) = element(document);
    let (signed, fields, rest) = element(body);
    let (_, _, rest) = element(rest);
    let (_, signature, _) = element(rest);
    // version, serial, algorithm, issuer, validity, subject; then the public key.
    let mut fields = fields;
    for _ in 0..6 {
        fields = element(fields).2;
    }
    let public = element(fields).0;
    assert!(expected.is_none_or(|expected| expected == public));
    let algorithm = spki::algorithm_of_spki(public).unwrap();
    let key = STANDARD.get(algorithm).unwrap().public_key(public).unwrap();
    assert_eq!(key.verify(signed, &signature[1..]), Ok(()));
}

/// A DER value whole, its contents, and what follows.
fn element(bytes: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let (header, length) = match bytes[1] {
        0x82 => (4, usize::from(u16::from_be_bytes([bytes[2], bytes[3]]))),
        0x81 => (3, usize::from(bytes[2])),
        short => (2, usize::from(short)),
    };
    let (whole, rest) = bytes.split_at(header + length);
    (whole, &whole[header..], rest)
}
