//! `keyward audit proof`, checked by a program that shares no code with ours, and snapshots.

use std::{path::Path, process::Command};

use crate::both::{Desk, both_ways};

/// Judges the answers in a directory.
fn judge(desk: &Desk, part: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/python/tree.py");
    let output = Command::new("python3")
        .arg(script)
        .arg(part)
        .current_dir(desk.world.home.path())
        .output()
        .expect("Python runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{part}: {said}");
}

/// What a line prints as JSON, kept in a file.
fn keep(desk: &Desk, line: &str, name: &str) -> serde_json::Value {
    let answer = desk.json(line);
    desk.world.file(name, answer.to_string());
    answer
}

#[test]
fn inclusion_and_consistency_proofs_convince_a_judge_who_shares_no_code_with_us() {
    // RFC 9162 sections 2.1.3.2 and 2.1.4.2
    both_ways(|desk| {
        for number in 0..4 {
            desk.done(&format!("key generate --stage --key-id k{number}"));
        }
        desk.done("audit export --out trust.jsonl");
        let size = desk.status()["logSize"].as_u64().expect("a size");
        for index in 0..size {
            let name = format!("inclusion-{index}.json");
            let proof = keep(desk, &format!("audit proof --index {index}"), &name);
            assert_eq!(proof["size"], size);
        }
        for from in 1..=size {
            for to in [Some(size), Some(from), Some((from + size) / 2), None] {
                let to = to.map_or(String::new(), |to| format!(" --to {to}"));
                let name = format!("consistency-{from}-{}.json", to.len());
                let proof = keep(desk, &format!("audit proof --from {from}{to}"), &name);
                let is_newest = proof["size"] == size;
                assert_eq!(proof["checkpoint"].is_string(), is_newest, "{proof}");
            }
        }
        judge(desk, "inclusion");
        judge(desk, "consistency");
        let beyond = size + 1;
        desk.run(&format!("audit proof --index {size}")).ended(1);
        desk.run(&format!("audit proof --from 1 --to {beyond}")).ended(1);
        let back = desk.run("audit proof --from 3 --to 2").ended(2);
        assert_eq!(back.stderr, "error: to: is smaller than `from`\n");
    });
}
