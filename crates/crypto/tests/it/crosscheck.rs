//! A second implementation judges what we make, and we judge what it makes: Python's
//! `cryptography` for every algorithm, `openssl` for those that version 3.0 knows.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use keyward_crypto::{STANDARD, hpke, secret::Password, signing::PrivateKey, spki};
use keyward_lifecycle::algorithm::Algorithm;
use serde_json::{Value, json};

const MESSAGE: &[u8] = b"the message that both sign";
const INFO: &[u8] = b"keyward crosscheck";

/// The interpreter that has `cryptography`.
fn python() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = std::env::var_os("KEYWARD_TEST_PYTHON")
        .map_or_else(|| root.join("target/test-tools/venv/bin/python"), PathBuf::from);
    assert!(python.is_file(), "no Python with cryptography; run: cargo xtask test");
    python
}

fn ask(document: &Value) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/python/crosscheck.py");
    let mut child = Command::new(python())
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(document.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

#[track_caller]
fn check(spki: &[u8], signature: &[u8]) {
    let algorithm = spki::algorithm_of_spki(spki).unwrap();
    let key = STANDARD.get(algorithm).unwrap().public_key(spki).unwrap();
    assert_eq!(key.verify(MESSAGE, signature), Ok(()), "{algorithm}");
}

#[test]
fn python_and_we_agree_on_keys_and_signatures_of_every_algorithm() {
    let keys =
        [Algorithm::Ed25519, Algorithm::EcdsaP256, Algorithm::MlDsa65, Algorithm::MlDsa65Ed25519]
            .map(|algorithm| PrivateKey::generate(algorithm).unwrap());
    let cases: Vec<_> = keys
        .iter()
        .map(|key| {
            json!({
                "algorithm": key.algorithm().name(),
                "pkcs8": key.to_pkcs8_pem().as_str(),
                "spki": hex::encode(key.spki()),
                "spki_pem": spki::to_pem(key.spki()),
                "material": hex::encode(key.expose_material()),
                "message": hex::encode(MESSAGE),
                "signature": hex::encode(key.sign(MESSAGE).unwrap()),
            })
        })
        .collect();
    let answer = ask(&json!({
        "cases": cases,
        "message": hex::encode(MESSAGE),
        "info": hex::encode(INFO),
    }));
    let judged = answer["judged"].as_array().unwrap();
    assert_eq!(judged.len(), keys.len());
    for (key, judged) in keys.iter().zip(judged) {
        check(key.spki(), &bytes(&judged["signature"]));
    }
    let made = answer["made"].as_array().unwrap();
    assert_eq!(made.len(), 3);
    for made in made {
        let key = PrivateKey::from_pkcs8_pem(made["pkcs8"].as_str().unwrap()).unwrap();
        assert_eq!(key.algorithm().name(), made["algorithm"]);
        assert_eq!(key.spki(), bytes(&made["spki"]));
        check(key.spki(), &bytes(&made["signature"]));
        let password = Password::new(b"password".to_vec()).unwrap();
        let encrypted = made["encrypted"].as_str().unwrap();
        let same = PrivateKey::from_encrypted_pkcs8_pem(encrypted, &password).unwrap();
        assert_eq!(same.expose_material(), key.expose_material());
    }
}

#[test]
fn python_and_we_open_what_the_other_wrapped() {
    let pair = hpke::WrapKeyPair::derive(&[42; 32]);
    let question = json!({
        "cases": [],
        "message": hex::encode(MESSAGE),
        "info": hex::encode(INFO),
        "public": hex::encode(pair.public()),
    });
    let answer = ask(&question);
    let opened = pair.unwrap(&bytes(&answer["wrapped"]), INFO, b"").unwrap();
    assert_eq!(opened.as_slice(), MESSAGE);

    let wrapped = hpke::wrap(&bytes(&answer["public"]), MESSAGE, INFO, b"").unwrap();
    let mut question = question;
    question["wrapped"] = hex::encode(wrapped).into();
    assert_eq!(bytes(&ask(&question)["unwrapped"]), MESSAGE);
}

/// OpenSSL 3.0 knows Ed25519 and P-256.
#[test]
fn openssl_and_we_agree_on_ed25519_and_p256() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let keep = |name: &str, bytes: &[u8]| {
        fs::File::create(path(name)).unwrap().write_all(bytes).unwrap();
    };
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    keep("message", MESSAGE);
    for (algorithm, kind) in [
        (Algorithm::Ed25519, &["-algorithm", "ed25519"][..]),
        (Algorithm::EcdsaP256, &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
    ] {
        let key = PrivateKey::generate(algorithm).unwrap();
        keep("ours.pub", spki::to_pem(key.spki()).as_bytes());
        keep("ours.key", key.to_pkcs8_pem().as_bytes());
        keep("ours.sig", &key.sign(MESSAGE).unwrap());
        let [message, signature] = [path("message"), path("ours.sig")];
        let [private, public] = [path("ours.key"), path("ours.pub")];
        let input = ["-rawin", "-in", &message];
        openssl(
            &[
                &["pkeyutl", "-verify", "-pubin", "-inkey", &public, "-sigfile", &signature],
                &input[..],
            ]
            .concat(),
        );
        openssl(
            &[&["pkeyutl", "-sign", "-inkey", &private, "-out", &signature], &input[..]].concat(),
        );
        check(key.spki(), &fs::read(path("ours.sig")).unwrap());

        let [private, public] = [path("theirs.key"), path("theirs.pub")];
        openssl(&[&["genpkey", "-out", &private], kind].concat());
        openssl(&["pkey", "-in", &private, "-pubout", "-out", &public]);
        openssl(
            &[&["pkeyutl", "-sign", "-inkey", &private, "-out", &signature], &input[..]].concat(),
        );
        let theirs = fs::read_to_string(path("theirs.key")).unwrap();
        let theirs = PrivateKey::from_pkcs8_pem(&theirs).unwrap();
        let expected = spki::from_pem(&fs::read_to_string(path("theirs.pub")).unwrap()).unwrap();
        assert_eq!(theirs.spki(), expected);
        check(&expected, &fs::read(path("ours.sig")).unwrap());
    }
}
