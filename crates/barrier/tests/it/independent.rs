//! A reader in Python, written from `docs/format` alone, opens what Keyward sealed.

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use keyward_barrier::{
    Backup, Cost, Epoch, FieldName, KeeperShare, NextKeepers, RecordKind, RecoveryShare, Sharing,
    Terms, create,
};
use serde_json::{Value, json};

use crate::store::{self, PASSWORD, keepers, label, now, own, password};

/// The interpreter that `cargo xtask test` sets up, or the one named.
fn python() -> PathBuf {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let found = std::env::var_os("KEYWARD_TEST_PYTHON")
        .map_or_else(|| root.join("target/test-tools/venv/bin/python"), PathBuf::from);
    assert!(found.is_file(), "no Python at {}: run `cargo xtask test`", found.display());
    found
}

fn ask(script: &str, question: &Value) -> Result<Value, String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/python");
    let mut child = Command::new(python())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(PathBuf::from(folder).join(script))
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
    let answer = ask("open_record.py", &question).unwrap();
    let expected = json!({
        "chain": BASE64.encode("certificates"),
        "value": BASE64.encode("the seed"),
    });
    assert_eq!(answer["fields"], expected);
    assert_eq!(answer["epoch"], 1);

    let mut wrong = question;
    wrong["password"] = "correct horse battery stapler".into();
    let refused = ask("open_record.py", &wrong).unwrap_err();
    assert!(refused.ends_with("wrong password"), "{refused}");
}

/// A backup made while a rotation is open, a record of either epoch, and shares of both kinds.
struct Kept {
    question: Value,
    paper: Vec<RecoveryShare>,
    held: Vec<KeeperShare>,
}

fn kept() -> Kept {
    let store = own();
    let added = store.add_recovery(Sharing::new(3, 5).unwrap(), label("paper"), now()).unwrap();
    let store = added.unsealed.set_keepers(2, &keepers(&["a", "b", "c"])).unwrap().unsealed;
    let name = store::name(RecordKind::Secret, "s", 2);
    let old = store.seal(&name, b"old").unwrap();
    let next = store.begin_rotation(NextKeepers::AsBefore, now()).unwrap();
    let new = next.unsealed.seal(&name, b"new").unwrap();
    let backup = Backup::of(next.unsealed.header(), now()).unwrap();
    let record = |epoch: Epoch, row: &[u8]| {
        let name = json!({"kind": 4, "id": "s", "version": 2});
        json!({"name": name, "epoch": epoch.number(), "row": BASE64.encode(row)})
    };
    let question = json!({
        "backup": BASE64.encode(backup.bytes()),
        "pinned": store.root_id().to_string(),
        "records": [record(store.epoch(), &old), record(next.unsealed.epoch(), &new)],
    });
    Kept { question, paper: added.shares, held: next.keeper_shares }
}

/// Asks with `way` added to the question.
fn open_backup(kept: &Kept, member: &str, way: Value) -> Result<Value, String> {
    let mut question = kept.question.clone();
    question[member] = way;
    ask("open_backup.py", &question)
}

#[test]
fn an_independent_reader_opens_a_backup_by_every_way_that_people_have() {
    // RK-011, RK-030
    let kept = kept();
    let expected = json!({
        "epochs": [1, 2],
        "records": [{"value": BASE64.encode("old")}, {"value": BASE64.encode("new")}],
    });
    assert_eq!(open_backup(&kept, "password", PASSWORD.into()).unwrap(), expected);
    let paper = |places: &[usize]| -> Value {
        places.iter().map(|at| kept.paper[*at].to_text().as_str().to_owned()).collect()
    };
    assert_eq!(open_backup(&kept, "shares", paper(&[4, 0, 2])).unwrap(), expected);
    let held: Value = [2, 1].map(|at| kept.held[at].to_text().as_str().to_owned()).into();
    assert_eq!(open_backup(&kept, "shares", held).unwrap(), expected);

    for (shares, why) in [(paper(&[0, 1]), "too few"), (paper(&[0, 1, 0]), "given twice")] {
        let refused = open_backup(&kept, "shares", shares).unwrap_err();
        assert!(refused.ends_with(why), "{refused}");
    }
    let refused = open_backup(&kept, "password", "wrong password".into()).unwrap_err();
    assert!(refused.ends_with("wrong password"), "{refused}");
}
