//! Events, and whether the log holds.

use super::{Document, fields, table};

/// Events, in the order of the answer.
pub(crate) fn events(answer: &Document) -> String {
    let row = |event: &Document| {
        let text = |member| event.text(member).unwrap_or_else(|| "-".to_owned());
        let actor = event.text("actorName").unwrap_or_else(|| text("actor"));
        [text("timestamp"), text("eventType"), text("keyId"), text("anchorId"), actor]
    };
    let rows = answer.list("events").iter().map(row).collect();
    table(["Time", "Event", "Key ID", "Anchor", "Actor"], rows)
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
        text.push_str(&super::plain(line));
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
}
