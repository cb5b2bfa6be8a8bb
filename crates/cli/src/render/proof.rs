//! Proofs and incidents.

use super::{Document, anchors, fields, table};

/// The proofs that were made here.
pub(crate) fn list(answer: &Document) -> String {
    let row = |proof: &Document| {
        ["id", "keyId", "time", "subject", "predicateType"]
            .map(|member| proof.text(member).unwrap_or_else(|| "-".to_owned()))
    };
    let rows = answer.list("proofs").iter().map(row).collect();
    table(["Proof", "Key ID", "Time", "Subject", "Predicate Type"], rows)
}

/// What was judged again.
pub(crate) fn rescan(answer: &Document) -> String {
    fields(&[("Judged", answer.text("judged")), ("Pending", answer.text("pending"))])
}

/// A signature made in place of another.
pub(crate) fn resigned(answer: &Document) -> String {
    fields(&[
        ("Old", answer.text("old")),
        ("New", answer.text("new")),
        ("Statement", answer.text("statement")),
    ])
}

/// What a compromised key signed, by what is known of the time (SO-104, SO-105).
pub(crate) fn report(report: &Document) -> String {
    let revocation = report.inner("revocation");
    let of_revocation = |member| revocation.as_ref().and_then(|revocation| revocation.text(member));
    let mut text = fields(&[
        ("Key", report.text("keyId")),
        ("Fingerprint", report.text("fingerprint")),
        ("Status", report.text("status")),
        ("Reason", of_revocation("reason")),
        ("Effective", of_revocation("effectiveAt")),
        ("Compromised Since", of_revocation("invalidityDate")),
        ("Generated", report.text("generatedAt")),
    ]);
    for (label, member) in PARTS {
        let proofs = report.list(member);
        text.push_str(&format!("{label}: {}\n", proofs.len()));
        if !proofs.is_empty() {
            text.push_str(&table(
                ["Proof", "Time", "Evidence", "Proven Before", "Subject", "Verdict"],
                proofs.iter().map(row).collect(),
            ));
        }
    }
    let forged = report.list("notInLedger");
    text.push_str(&format!("Not In Ledger: {}\n", forged.len()));
    if !forged.is_empty() {
        let row =
            |forged: &Document| ["firstShown", "signature", "pae"].map(|it| shown(forged, it));
        text.push_str(&table(
            ["First Shown", "Signature SHA-256", "PAE SHA-256"],
            forged.iter().map(row).collect(),
        ));
    }
    text
}

/// What an emergency rotation did.
pub(crate) fn rotated(answer: &Document) -> String {
    let generated = answer.inner("generated");
    let of_new = |member| generated.as_ref().and_then(|key| key.text(member));
    let revoked = answer.inner("revoked");
    let revoked = revoked.and_then(|key| key.text("keyId")).or_else(|| answer.text("revoked"));
    fields(&[
        ("Revoked", revoked),
        ("Generated", of_new("keyId")),
        ("Fingerprint", of_new("fingerprint")),
        ("Status", of_new("status")),
    ]) + &anchors(answer)
}

const PARTS: [(&str, &str); 3] =
    [("Proven Before", "provenBefore"), ("Unproven", "unproven"), ("After", "after")];

fn row(proof: &Document) -> [String; 6] {
    let [proof_id, time, class, before, subject] =
        ["proof", "time", "class", "provenBefore", "subject"].map(|member| shown(proof, member));
    let verdict = proof.inner("verdict").map(|verdict| {
        let result = shown(&verdict, "result").to_uppercase();
        format!("{result} {}", shown(&verdict, "reason"))
    });
    // Its envelope is gone, or is not the one that was signed.
    [proof_id, time, class, before, subject, verdict.unwrap_or_else(|| "-".to_owned())]
}

fn shown(document: &Document, member: &str) -> String {
    document.text(member).unwrap_or_else(|| "-".to_owned())
}
