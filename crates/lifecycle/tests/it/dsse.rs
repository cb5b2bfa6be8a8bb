//! The conformance vectors of DSSE.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use keyward_crypto::{STANDARD, signing::PrivateKey, spki};
use keyward_lifecycle::{
    algorithm::PublicKey,
    envelope::{Candidate, Envelope, pae, signers},
    id::KeyId,
};
use serde_json::Value;

use crate::{part::Part, tlog::texts};

#[test]
fn dsse_vectors_are_judged_as_their_sources_say() {
    let mut part = Part::open("dsse");
    if !part.is_there() {
        return;
    }
    for path in part.entries() {
        if path.is_dir() {
            let mut files: Vec<_> =
                fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()).collect();
            files.sort();
            files.iter().for_each(|file| run_file(&mut part, file));
        } else {
            run_file(&mut part, &path);
        }
    }
    part.finish(&[(NO_CODE, 16), (LEGACY_LINK, 1), (RAW_P256, 1)]);
}

const NO_CODE: &str = "no code runs GOST and SM2 yet";
const LEGACY_LINK: &str = "in-toto links sign canonical JSON, not PAE; keyward signs envelopes";
const RAW_P256: &str = "P-256 signatures are DER here; r||s is refused (the DER form verifies)";

fn run_file(part: &mut Part, path: &Path) {
    if let Some(document) = Part::json(path) {
        run_document(part, path, &document);
        return;
    }
    let text = fs::read_to_string(path).unwrap();
    if text.contains("BEGIN PUBLIC KEY") {
        read_key(&text).unwrap();
        part.count(1);
    } else if text.contains("BEGIN PRIVATE KEY") {
        PrivateKey::from_pkcs8_pem(&text).unwrap();
        part.count(1);
    } else {
        part.unknown(path, "");
    }
}

fn run_document(part: &mut Part, path: &Path, document: &Value) {
    if document["keys"].is_object() && document["tests"].is_array() {
        let keys = read_keys(&document["keys"]);
        for case in document["tests"].as_array().unwrap() {
            run_envelope(part, case, &keys);
        }
    } else if document["pae"].is_array() && document["envelope"].is_object() {
        run_protocol_example(part, document);
    } else if let Some(tests) = document["tests"].as_array() {
        for case in tests {
            let algorithm = case["alg"].as_str().unwrap_or_default().to_lowercase();
            if algorithm.starts_with("gost") || algorithm.starts_with("sm2") {
                part.not_for_us(1, NO_CODE);
            } else {
                part.unknown(path, &case.to_string());
            }
        }
    } else if document["signed"]["_type"] == "link" {
        part.not_for_us(1, LEGACY_LINK);
    } else {
        part.unknown(path, "");
    }
}

/// A key of the vectors under the id that they give it.
struct Key {
    key_id: KeyId,
    public_key: Arc<dyn PublicKey>,
}

/// The keys that this build can read, by the name that the cases use.
fn read_keys(keys: &Value) -> BTreeMap<&str, Key> {
    let key = |key: &Value| {
        let key_id = KeyId::parse(key["keyid"].as_str()?).ok()?;
        Some(Key { key_id, public_key: read_key(key["spki_pem"].as_str()?)? })
    };
    let named = keys.as_object().unwrap().iter();
    named.filter_map(|(name, value)| Some((name.as_str(), key(value)?))).collect()
}

/// The public key in a PEM text, if code runs its algorithm.
fn read_key(pem: &str) -> Option<Arc<dyn PublicKey>> {
    let spki = spki::from_pem(pem).ok()?;
    let algorithm = spki::algorithm_of_spki(&spki).ok()?;
    STANDARD.get(algorithm)?.public_key(&spki).ok()
}

fn run_envelope(part: &mut Part, case: &Value, keys: &BTreeMap<&str, Key>) {
    let trusted = texts(&case["trusted"]);
    if trusted.iter().any(|name| !keys.contains_key(name.as_str())) {
        part.not_for_us(1, NO_CODE);
        return;
    }
    let candidates: Vec<_> = trusted
        .iter()
        .map(|name| &keys[name.as_str()])
        .map(|key| Candidate { key_id: &key.key_id, public_key: &*key.public_key })
        .collect();
    let envelope = &case["envelope"];
    let json = envelope.as_str().map_or_else(|| envelope.to_string(), str::to_owned);
    // Each key of the vectors is a lineage of its own.
    let accepted: BTreeSet<_> = Envelope::parse(json.as_bytes())
        .map(|envelope| signers(&envelope, &candidates))
        .unwrap_or_default()
        .iter()
        .map(|signed| trusted[signed.candidate].clone())
        .collect();
    let valid = accepted.len() as u64 >= case["threshold"].as_u64().unwrap();
    assert_eq!(case["valid"], valid, "{}", case["name"]);
    if valid && case.get("accepted").is_some() {
        assert_eq!(accepted, texts(&case["accepted"]).into_iter().collect(), "{}", case["name"]);
    }
    part.count(1);
}

fn run_protocol_example(part: &mut Part, document: &Value) {
    for case in document["pae"].as_array().unwrap() {
        let payload = hex::decode(case["payload_hex"].as_str().unwrap()).unwrap();
        let bytes = pae(case["type"].as_str().unwrap(), &payload);
        assert_eq!(case["pae_hex"], hex::encode(bytes));
        part.count(1);
    }
    let envelope = Envelope::parse(document["envelope"].to_string().as_bytes()).unwrap();
    assert_eq!(document["pae_text"].as_str().unwrap().as_bytes(), envelope.pae());
    let public_key = read_key(document["spki_pem"].as_str().unwrap()).unwrap();
    let key_id = KeyId::parse("example").unwrap();
    let candidates = [Candidate { key_id: &key_id, public_key: &*public_key }];
    assert_eq!(signers(&envelope, &candidates), []);
    let der = BASE64_STANDARD.decode(document["sig_der_base64"].as_str().unwrap()).unwrap();
    public_key.verify(&envelope.pae(), &der).unwrap();
    part.not_for_us(1, RAW_P256);
}
