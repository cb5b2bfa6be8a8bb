//! The authority document.

use super::{Document, fields, table};

/// Who vouches for the log.
pub(crate) fn document(answer: &Document) -> String {
    let held = if answer.is_true("keyHeldHere") { "a key is in this store" } else { "elsewhere" };
    let mut text = proposal(answer);
    text.push_str(&fields(&[("Held", Some(held.to_owned())), ("Digest", answer.text("digest"))]));
    text
}

/// The same before anybody has taken it in.
pub(crate) fn proposal(answer: &Document) -> String {
    let keys = answer.list("keys");
    let threshold = answer.text("threshold").map(|k| format!("{k} of {}", keys.len()));
    let expires = answer
        .text("expiresAt")
        .map(|at| if answer.is_true("expired") { format!("{at} (expired)") } else { at });
    let mut text = fields(&[
        ("Version", answer.text("version")),
        ("Root ID", answer.text("rootId")),
        ("Threshold", threshold),
        ("Expires", expires.or_else(|| Some("never".to_owned()))),
    ]);
    let row = |key: &Document| {
        let part = |member| key.text(member).unwrap_or_else(|| "-".to_owned());
        [part("keyId"), part("fingerprint")]
    };
    text.push_str(&table(["Key", "Fingerprint"], keys.iter().map(row).collect()));
    text
}
