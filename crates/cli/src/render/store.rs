//! The store as a whole.

use super::{Document, fields};

/// A store that was made.
pub(crate) fn made(store: &Document) -> String {
    fields(&[
        ("Store", store.text("data")),
        ("Root ID", store.text("rootId")),
        ("Authority", store.text("authority")),
        ("Profiles", store.joined("profiles")),
    ])
}

/// How the store is doing.
pub(crate) fn status(answer: &Document) -> String {
    let quarantined = answer.is_true("quarantined").then(|| "yes".to_owned());
    let mut text = root(answer);
    text.push_str(&fields(&[
        ("Log Size", answer.text("logSize")),
        ("Ledger Size", answer.text("ledgerSize")),
        ("Quarantined", quarantined),
        ("Authority Expires", answer.text("authorityExpiresAt")),
    ]));
    for store in answer.list("unavailableStores") {
        let part = |member| store.text(member).unwrap_or_default();
        let (profile, address, why) = (part("profile"), part("store"), part("why"));
        text.push_str(&format!("Unavailable: profile {profile}, {address}: {why}\n"));
    }
    for stated in answer.list("moduleCertificates") {
        let part = |member| stated.text(member).unwrap_or_default();
        let (profile, standard, number) = (part("profile"), part("standard"), part("number"));
        let status = part("status");
        text.push_str(&format!(
            "Module Certificate: profile {profile}, {standard} {number}: {status}, says the operator\n"
        ));
    }
    text.push_str(&fields(&[("Version", answer.text("version"))]));
    text
}

/// The root key's state; a sealed store knows neither epoch nor memory.
fn root(answer: &Document) -> String {
    let known = |member| answer.text(member).or_else(|| Some("n/a".to_owned()));
    fields(&[
        ("Root ID", answer.text("rootId")),
        ("Epoch", known("epoch")),
        ("State", answer.text("state")),
        ("Memory", known("memory")),
    ])
}

/// What became of it.
pub(crate) fn state(answer: &Document) -> String {
    fields(&[("State", answer.text("state"))])
}

/// A backup that was made.
pub(crate) fn backup(made: &Document) -> String {
    fields(&[
        ("Backup", made.text("backup")),
        ("Trust", made.text("trust")),
        ("Log Size", made.text("logSize")),
        ("Ledger Size", made.text("ledgerSize")),
    ])
}

/// What was found and what is kept after a restore.
pub(crate) fn rollback(answer: &Document) -> String {
    fields(&[("Found", answer.text("found")), ("Kept", answer.text("kept"))])
}
