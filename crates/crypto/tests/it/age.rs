//! Encryption to a holder's age recipient; read back by another implementation (pyrage).

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use keyward_crypto::age::{EncryptFailed, PLAINTEXT_BYTES_MAX, encrypt};
use serde_json::{Value, json};

const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

fn pyrage(question: &Value) -> Value {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let python = std::env::var_os("KEYWARD_TEST_PYTHON")
        .map_or_else(|| root.join("target/test-tools/venv/bin/python"), PathBuf::from);
    assert!(python.is_file(), "no Python at {}: run `cargo xtask test`", python.display());
    let mut child = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/python/age.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(question.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_holder_alone_reads_what_was_encrypted_to_him() {
    let holders = pyrage(&json!({"make": 2}));
    let armored = encrypt(holders[0]["recipient"].as_str().unwrap(), b"KWR1-SHARE").unwrap();
    assert!(armored.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
    let open = |holder: &Value| pyrage(&json!({"open": armored, "identity": holder["identity"]}));
    assert_eq!(open(&holders[0]), json!({"text": "KWR1-SHARE"}));
    assert_eq!(open(&holders[1]), json!({"refused": true}));
}

#[test]
fn what_is_no_recipient_is_refused_by_name() {
    let long = "age1".repeat(100);
    for given in ["", "age1", "someone@example.org", &RECIPIENT[..61], long.as_str()] {
        let refused = encrypt(given, b"x").unwrap_err();
        assert!(matches!(refused, EncryptFailed::Recipient { .. }), "{given}: {refused:?}");
    }
    // A secret key given by mistake is refused; it stands in no message.
    let secret = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
    assert!(matches!(encrypt(secret, b"x").unwrap_err(), EncryptFailed::Recipient { .. }));
    assert!(!encrypt(secret, b"x").unwrap_err().to_string().contains("GQ9778"));
}

#[test]
fn what_is_encrypted_has_a_limit() {
    let long = vec![0; PLAINTEXT_BYTES_MAX + 1];
    assert_eq!(encrypt(RECIPIENT, &long).unwrap_err(), EncryptFailed::TooLong(long.len()));
    assert!(encrypt(RECIPIENT, &long[1..]).is_ok());
}
