//! Events, and whether the log holds.

use super::{Document, fields, plain, table};

/// Events, in the order of the answer.
pub(crate) fn events(answer: &Document) -> String {
    let row = |event: &Document| {
        let text = |member| event.text(member).unwrap_or_else(|| "-".to_owned());
        let actor = event.text("actorName").unwrap_or_else(|| text("actor"));
        let (kind, details) = (text("eventType"), details(event));
        [text("timestamp"), kind, text("keyId"), text("anchorId"), actor, details]
    };
    let rows = answer.list("events").iter().map(row).collect();
    table(["Time", "Event", "Key ID", "Anchor", "Actor", "Details"], rows)
}

/// What happened to the root key, beside the names that have their own columns: what else an
/// event is about is told by its key and its anchor.
fn details(event: &Document) -> String {
    let is_root = event.text("eventType").is_some_and(|kind| kind.starts_with("ROOT_"));
    let Some(details) = event.inner("details").filter(|_| is_root) else { return "-".to_owned() };
    let part = |name: &String| match name.as_str() {
        // Its digest and its number tell people nothing.
        "header" => Some(format!("epoch={}", details.inner(name)?.text("epoch")?)),
        name => {
            let text = details.text(name).or_else(|| details.joined(name))?;
            Some(format!("{}={}", plain(name), text))
        }
    };
    let parts: Vec<String> = details.names().iter().filter_map(part).collect();
    if parts.is_empty() { "-".to_owned() } else { parts.join(" ") }
}

/// Whether the log holds; what does not, comes first.
pub(crate) fn verified(answer: &Document) -> String {
    let mut text: String =
        answer.texts("problems").iter().map(|problem| format!("PROBLEM {problem}\n")).collect();
    let verdict = if answer.is_true("ok") { "OK" } else { "FAILED" };
    text.push_str(&fields(&[
        ("Audit", Some(verdict.to_owned())),
        ("Log Size", answer.text("logSize")),
        ("Ledger Size", answer.text("ledgerSize")),
        ("Rows Compared", answer.text("rows")),
        ("Authority", answer.text("authority")),
        ("Checkpoint", answer.text("checkpointTime")),
    ]));
    text
}

/// A Merkle proof.
pub(crate) fn proof(answer: &Document) -> String {
    let mut text = fields(&[
        ("Index", answer.text("index")),
        ("From", answer.text("from")),
        ("Size", answer.text("size")),
        ("Root", answer.text("root")),
    ]);
    for hash in answer.texts("hashes") {
        text.push_str(&format!("Hash: {hash}\n"));
    }
    // A signed note has line ends of its own, and its blank line separates text and signatures.
    let note = answer.value().get("checkpoint").and_then(serde_json::Value::as_str);
    for line in note.unwrap_or_default().lines() {
        text.push_str(&plain(line));
        text.push('\n');
    }
    text
}

/// A snapshot that was made.
pub(crate) fn snapshot(answer: &Document) -> String {
    fields(&[("Size", answer.text("size")), ("Digest", answer.text("digest"))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_disagreement_is_the_first_line() {
        let answer = Document::from(json!({
            "ok": false, "logSize": 9, "ledgerSize": 2, "rows": 31,
            "problems": ["key_history row 3 disagrees", "another"],
        }));
        let expected = "PROBLEM key_history row 3 disagrees\n\
                        PROBLEM another\n\
                        Audit: FAILED\n\
                        Log Size: 9\n\
                        Ledger Size: 2\n\
                        Rows Compared: 31\n";
        assert_eq!(verified(&answer), expected);
    }

    /// What the last column shows of an event.
    #[track_caller]
    fn check(kind: &str, of: &serde_json::Value, expected: &str) {
        let event = Document::from(json!({"eventType": kind, "details": of}));
        assert_eq!(details(&event), expected);
    }

    #[test]
    fn what_happened_to_the_root_key_is_told_and_other_events_have_their_own_columns() {
        let header = json!({"epoch": 2, "counter": 3, "digest": "ab"});
        let begun = json!({"from": 1, "header": header, "kind": "ORDINARY", "records": 12});
        check("ROOT_ROTATION_BEGUN", &begun, "from=1 epoch=2 kind=ORDINARY records=12");
        let resealed = json!({"failed": ["key/a/1", "key/b/1"], "moved": 3, "settled": []});
        check("ROOT_RESEALED", &resealed, "failed=key/a/1, key/b/1 moved=3");
        let drilled = json!({"outcome": "GOOD", "records": 4});
        check("ROOT_DRILLED", &drilled, "outcome=GOOD records=4");
        let seen = json!({"keeper": "a\u{1b}", "seen": "WRONG"});
        check("ROOT_KEEPER_SEEN", &seen, "keeper=a\u{fffd} seen=WRONG");
        check("ROOT_SEALED", &json!({}), "-");
        check("KEY_GENERATED", &json!({"algorithm": "ED25519"}), "-");
    }
}
