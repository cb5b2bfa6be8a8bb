//! Keys.

use super::{Document, Signs, anchors, fields, table};

/// What a new key is, in short.
pub(crate) fn made(key: &Document) -> String {
    fields(&[
        ("Key", key.text("keyId")),
        ("Profile", key.text("profile")),
        ("Algorithm", key.text("algorithm")),
        ("Fingerprint", key.text("fingerprint")),
        ("Status", key.text("status")),
    ])
}

/// All that is known of a key.
pub(crate) fn whole(key: &Document) -> String {
    let revocation = key.inner("revocation");
    let of_revocation = |member| revocation.as_ref().and_then(|revocation| revocation.text(member));
    let mut text = made(key);
    text.push_str(&fields(&[
        ("Purpose", key.text("purpose")),
        ("Key Store", key.text("store")),
        ("Custody", key.text("custody")),
        ("Created", key.text("createdAt")),
        ("Promoted", key.text("promotedAt")),
        ("Expires", key.text("expiresAt")),
        ("Retired", key.text("retiredAt")),
        ("Not After", key.text("notAfter")),
        ("Usage", usage(key)),
        ("Version", key.text("version")),
        ("Lineage", key.text("lineage")),
        ("Parent", key.text("parentId")),
        ("Successor", key.text("successor")),
        ("Derivation Path", key.text("derivationPath")),
        ("Destroyed", key.text("destroyedAt")),
        ("Revocation Reason", of_revocation("reason")),
        ("Revocation Effective", of_revocation("effectiveAt")),
        ("Compromised Since", of_revocation("invalidityDate")),
        ("Compromise Scope", of_revocation("scope")),
        ("Anchors", key.joined("anchors")),
    ]));
    // PEM has line ends of its own.
    let pem = key.value().get("publicKey").and_then(serde_json::Value::as_str).unwrap_or_default();
    for line in pem.lines() {
        text.push_str(&super::plain(line));
        text.push('\n');
    }
    text
}

fn usage(key: &Document) -> Option<String> {
    let used = key.text("usageCount")?;
    Some(match key.text("maxUsage") {
        Some(most) => format!("{used} of {most}"),
        None => used,
    })
}

/// The keys.
pub(crate) fn list(keys: &Document) -> String {
    let row = |key: &Document| {
        let anchors = key.texts("anchors").len().to_string();
        let [id, profile, algorithm, status, created] =
            ["keyId", "profile", "algorithm", "status", "createdAt"].map(|m| cell(key, m));
        [id, profile, algorithm, status, created, anchors]
    };
    table(
        ["Key ID", "Profile", "Algorithm", "Status", "Created", "Anchors"],
        keys.list("keys").iter().map(row).collect(),
    )
}

/// Which keys are due, with the runbook's columns and signs (SO-111).
pub(crate) fn warnings(keys: &Document, signs: Signs) -> String {
    let row = |key: &Document| {
        let months = |member| key.text(member).map_or_else(|| "-".to_owned(), |n| format!("{n}mo"));
        let is_ok = key.text("due").as_deref() == Some("ok");
        let warning = key.text("warning").filter(|text| !text.is_empty());
        let warning = warning.unwrap_or_else(|| "OK".to_owned());
        let warning = match (is_ok, signs) {
            (true, Signs::Unicode) => format!("✓ {warning}"),
            (true, Signs::Ascii) => warning,
            (false, Signs::Unicode) => format!("⚠️ {warning}"),
            (false, Signs::Ascii) => format!("WARN {warning}"),
        };
        let age = months("ageMonths");
        [cell(key, "keyId"), cell(key, "profile"), age, months("maxAgeMonths"), warning]
    };
    table(
        ["Key ID", "Profile", "Age", "Max Age", "Warning"],
        keys.list("keys").iter().map(row).collect(),
    )
}

/// Whether a key is good: overall, then in each anchor (SO-095).
pub(crate) fn validity(answer: &Document) -> String {
    let mut text = fields(&[
        ("Key", answer.text("keyId")),
        ("Time", answer.text("at")),
        ("Key Status", answer.text("keyStatus")),
        ("Overall", answer.text("status")),
    ]);
    let row = |anchor: &Document| {
        ["anchorId", "purlPattern", "status", "addedAt", "endedAt"].map(|m| cell(anchor, m))
    };
    let anchors = answer.list("anchors");
    if !anchors.is_empty() {
        let headers = ["Anchor", "Pattern", "Status", "Added", "Ended"];
        text.push_str(&table(headers, anchors.iter().map(row).collect()));
    }
    text
}

/// Whether a key is good in one anchor.
pub(crate) fn membership(answer: &Document) -> String {
    fields(&[
        ("Key", answer.text("keyId")),
        ("Anchor", answer.text("anchorId")),
        ("Time", answer.text("at")),
        ("Status", answer.text("status")),
        ("Added", answer.text("addedAt")),
        ("Ended", answer.text("endedAt")),
    ])
}

/// How far a rotation is.
pub(crate) fn rotation(answer: &Document) -> String {
    fields(&[
        ("Key", answer.text("keyId")),
        ("Successor", answer.text("successor")),
        ("Step", answer.text("step")),
        ("Statement", answer.text("statement")),
        ("Due", answer.text("due")),
        ("Anchors", answer.joined("anchors")),
        ("Active", answer.text("active")),
    ])
}

/// What a revocation did.
pub(crate) fn revocation(answer: &Document) -> String {
    let mut text = fields(&[
        ("Key", answer.text("keyId")),
        ("Reason", answer.text("reason")),
        ("Effective", answer.text("effectiveAt")),
        ("Compromised Since", answer.text("invalidityDate")),
        ("Status", answer.text("status")),
    ]);
    text.push_str(&anchors(answer));
    text.push_str(&fields(&[
        ("Anchor Set Version", answer.text("anchorSetVersion")),
        ("Pending Rescans", answer.text("pendingRescans")),
    ]));
    text
}

/// Which keys of another store were taken in.
pub(crate) fn taken_in(answer: &Document) -> String {
    let adopted = answer.texts("adopted");
    let mut text = fields(&[
        ("Taken In", Some(adopted.len().to_string())),
        ("Already Here", answer.text("known")),
    ]);
    for key in adopted {
        text.push_str(&super::plain(&key));
        text.push('\n');
    }
    text
}

/// The profiles.
pub(crate) fn profiles(profiles: &Document) -> String {
    let row = |profile: &Document| {
        let rotation =
            profile.inner("rotation").unwrap_or_else(|| Document::from(serde_json::Value::Null));
        let months = |member| match rotation.number(member) {
            Some(months) => format!("{months}mo"),
            None => "-".to_owned(),
        };
        let signer = profile.text("signer").unwrap_or_else(|| "-".to_owned());
        let available = if profile.is_true("available") { "available" } else { "unavailable" };
        let [name, algorithm, store] = ["name", "algorithm", "keyStore"].map(|m| cell(profile, m));
        let (most, warning) = (months("maxAgeMonths"), months("warningMonths"));
        [name, algorithm, store, most, warning, signer, available.to_owned()]
    };
    let profiles = profiles.list("profiles");
    let mut text = table(
        ["Profile", "Algorithm", "Key Store", "Max Age", "Warning", "Signer", "Status"],
        profiles.iter().map(row).collect(),
    );
    let stated = profiles.iter().filter_map(|profile| {
        let certificate = profile.inner("moduleCertificate")?;
        let [standard, number, status, sunset] =
            ["standard", "number", "status", "sunset"].map(|m| cell(&certificate, m));
        Some([cell(profile, "name"), standard, number, status, sunset])
    });
    let stated: Vec<_> = stated.collect();
    if !stated.is_empty() {
        text.push_str("Module certificates, as the operator states them:\n");
        text.push_str(&table(["Profile", "Standard", "Number", "Status", "Sunset"], stated));
    }
    text
}

fn cell(document: &Document, member: &str) -> String {
    document.text(member).unwrap_or_else(|| "-".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn runbook() -> Document {
        Document::from(json!({"keys": [
            {"keyId": "key-2024-prod", "profile": "default", "ageMonths": 10, "maxAgeMonths": 12,
             "due": "soon", "warning": "Rotation due in 2 months"},
            {"keyId": "key-2024-java", "profile": "fips", "ageMonths": 6, "maxAgeMonths": 12,
             "due": "ok", "warning": "OK"},
        ]}))
    }

    #[test]
    fn warnings_are_printed_as_the_runbook_prints_them() {
        // SO-111
        let expected = "\
Key ID         Profile  Age   Max Age  Warning
key-2024-prod  default  10mo  12mo     ⚠️ Rotation due in 2 months
key-2024-java  fips     6mo   12mo     ✓ OK
";
        assert_eq!(warnings(&runbook(), Signs::Unicode), expected);
        let expected = "\
Key ID         Profile  Age   Max Age  Warning
key-2024-prod  default  10mo  12mo     WARN Rotation due in 2 months
key-2024-java  fips     6mo   12mo     OK
";
        assert_eq!(warnings(&runbook(), Signs::Ascii), expected);
    }

    #[test]
    fn a_key_without_a_limit_shows_its_uses_alone() {
        let key = |max| Document::from(json!({"usageCount": 3, "maxUsage": max}));
        assert_eq!(usage(&key(json!(9))), Some("3 of 9".to_owned()));
        assert_eq!(usage(&key(json!(null))), Some("3".to_owned()));
    }
}
