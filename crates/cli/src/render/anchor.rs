//! Trust anchors.

use serde_json::{Map, Value};

use super::{Document, anchors, fields, table};

/// An anchor.
pub(crate) fn whole(anchor: &Document) -> String {
    fields(&[
        ("Anchor", anchor.text("trustAnchorId")),
        ("Pattern", anchor.text("purlPattern")),
        ("Keys", anchor.joined("allowedKeyids")),
        ("Revoked Keys", anchor.joined("revokedKeys")),
        ("Predicate Types", anchor.joined("allowedPredicateTypes")),
        ("Policy Version", anchor.text("policyVersion")),
        ("Threshold", anchor.text("threshold")),
        ("Algorithms", anchor.joined("algorithms")),
        ("Status", anchor.text("status")),
        ("Created", anchor.text("createdAt")),
    ])
}

/// The anchors, with the runbook's columns (SO-073).
pub(crate) fn list(answer: &Document) -> String {
    let row = |anchor: &Document| {
        let text = |member| anchor.text(member).unwrap_or_else(|| "-".to_owned());
        let keys = anchor.texts("allowedKeyids").join(",");
        let keys = if keys.is_empty() { "-".to_owned() } else { keys };
        [text("trustAnchorId"), text("purlPattern"), keys, text("status")]
    };
    let rows = answer.list("anchors").iter().map(row).collect();
    table(["ID", "Pattern", "Keys", "Status"], rows)
}

/// How verification is going: exactly the runbook's four lines (SO-044).
pub(crate) fn status(answer: &Document) -> String {
    let rate = match answer.number("successRate") {
        Some(rate) => format!("{rate}%"),
        None => "n/a".to_owned(),
    };
    let keys = answer.texts("activeKeys").join(", ");
    let anchor = answer.text("anchorId").unwrap_or_default();
    let pending = answer.number("pendingRescans").unwrap_or_default();
    format!(
        "Anchor: {anchor}\nActive Keys: {keys}\nVerification Success Rate: {rate}\n\
         Pending Rescans: {pending}\n"
    )
}

/// Which anchors believe a key from now on.
pub(crate) fn added(answer: &Document) -> String {
    let promoted = answer.inner("promoted");
    let promoted = promoted.and_then(|key| key.text("status"));
    fields(&[("Key", answer.text("keyId"))]) + &anchors(answer) + &fields(&[("Status", promoted)])
}

/// Every key that the anchor ever believed.
pub(crate) fn history(answer: &Document) -> String {
    let row = |key: &Document| {
        ["keyid", "addedAt", "revokedAt", "revokeReason"]
            .map(|member| key.text(member).unwrap_or_else(|| "-".to_owned()))
    };
    let rows = answer.list("keyHistory").iter().map(row).collect();
    table(["Key ID", "Added", "Revoked", "Reason"], rows)
}

/// The runbook's document (SO-070), with a threshold and algorithms only where they say more
/// than their absence does; what is made from it is the same anchor.
pub(crate) fn export(anchor: &Document) -> Document {
    let mut members = Map::new();
    for (name, value) in anchor.value().as_object().into_iter().flatten() {
        let says_nothing = match name.as_str() {
            "status" | "createdAt" | "warnings" => true,
            "threshold" => value.as_u64() == Some(1),
            "algorithms" => value.as_array().is_some_and(Vec::is_empty),
            "policyVersion" => value.is_null(),
            _ => false,
        };
        if !says_nothing {
            members.insert(name.clone(), value.clone());
        }
    }
    Document::from(Value::Object(members))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_status_is_four_lines() {
        // SO-044
        let answer = |rate| {
            Document::from(json!({
                "anchorId": "550e8400-e29b-41d4-a716-446655440000",
                "activeKeys": ["key-2024-prod", "key-2025-prod"],
                "verifications": {"valid": 4, "invalid": 0, "indeterminate": 0, "windowDays": 30},
                "successRate": rate, "pendingRescans": 0, "failures": [],
            }))
        };
        let expected = "Anchor: 550e8400-e29b-41d4-a716-446655440000\n\
                        Active Keys: key-2024-prod, key-2025-prod\n\
                        Verification Success Rate: 100%\n\
                        Pending Rescans: 0\n";
        assert_eq!(status(&answer(json!(100))), expected);
        assert_eq!(status(&answer(json!(null))), expected.replace("100%", "n/a"));
    }

    #[test]
    fn anchors_are_listed_under_the_headers_of_the_runbook() {
        // SO-073
        let answer = Document::from(json!({"anchors": [
            {"trustAnchorId": "550e8400-e29b-41d4-a716-446655440000", "purlPattern": "pkg:npm/*",
             "allowedKeyids": ["key-2025-prod"], "status": "active"},
            {"trustAnchorId": "660f9500-f39c-51e5-b827-557766551111", "purlPattern": "pkg:maven/*",
             "allowedKeyids": ["key-2025-java", "b"], "status": "active"},
        ]}));
        let expected = "\
ID                                    Pattern      Keys             Status
550e8400-e29b-41d4-a716-446655440000  pkg:npm/*    key-2025-prod    active
660f9500-f39c-51e5-b827-557766551111  pkg:maven/*  key-2025-java,b  active
";
        assert_eq!(list(&answer), expected);
    }

    #[test]
    fn an_export_is_the_runbooks_document_and_no_more() {
        // SO-070
        let document = json!({
            "trustAnchorId": "550e8400-e29b-41d4-a716-446655440000", "purlPattern": "pkg:npm/*",
            "allowedKeyids": [], "allowedPredicateTypes": [], "policyVersion": "v2.3.1",
            "revokedKeys": [], "keyHistory": [],
        });
        let mut answer = document.clone();
        answer["status"] = json!("active");
        answer["createdAt"] = json!("2025-01-01T00:00:00Z");
        answer["threshold"] = json!(1);
        answer["algorithms"] = json!([]);
        assert_eq!(export(&Document::from(answer.clone())), Document::from(document));
        answer["threshold"] = json!(2);
        let exported = export(&Document::from(answer));
        assert_eq!(exported.number("threshold"), Some(2));
    }
}
