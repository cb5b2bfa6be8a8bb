//! A reader in Python, written from `docs/format` alone, opens what Keyward sealed.

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use keyward_barrier::{Cost, FieldName, RecordKind, Terms, create};
use serde_json::{Value, json};

use crate::store::{self, PASSWORD, password};

/// The interpreter that `cargo xtask test` sets up, or the one named.
fn python() -> PathBuf {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let found = std::env::var_os("KEYWARD_TEST_PYTHON")
        .map_or_else(|| root.join("target/test-tools/venv/bin/python"), PathBuf::from);
    assert!(found.is_file(), "no Python at {}: run `cargo xtask test`", found.display());
    found
}

fn ask(question: &Value) -> Result<Value, String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/python/open_record.py");
    let mut child = Command::new(python())
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(question.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

#[test]
fn an_independent_reader_opens_a_header_and_a_record() {
    // Costs that differ from each other, so that none stands in for another.
    let terms = Terms { cost: Cost::new(9 * 1024, 2, 3).unwrap(), ..store::terms() };
    let created = create(&password(PASSWORD), terms).unwrap();
    let name = store::name(RecordKind::PrivateKey, "key-2025-prod", 7);
    let fields = [
        (FieldName::value(), &b"the seed"[..]),
        (FieldName::parse("chain").unwrap(), &b"certificates"[..]),
    ];
    let record = created.unsealed.seal_fields(&name, &fields).unwrap();
    let question = json!({
        "header": BASE64.encode(created.header.bytes()),
        "pinned": created.header.root_id().to_string(),
        "password": PASSWORD,
        "record": BASE64.encode(&record),
        "name": {"kind": 2, "id": "key-2025-prod", "version": 7},
    });
    let answer = ask(&question).unwrap();
    let expected = json!({
        "chain": BASE64.encode("certificates"),
        "value": BASE64.encode("the seed"),
    });
    assert_eq!(answer["fields"], expected);
    assert_eq!(answer["epoch"], 1);

    let mut wrong = question;
    wrong["password"] = "correct horse battery stapler".into();
    let refused = ask(&wrong).unwrap_err();
    assert!(refused.ends_with("wrong password"), "{refused}");
}
