//! Verdicts.

use keyward_lifecycle::verify::Outcome;

use super::{Document, fields};
use crate::exit::Exit;

/// Outcome and reason, then what they stand on.
pub(crate) fn whole(verdict: &Document) -> String {
    let view = verdict.inner("view").and_then(|view| {
        Some(format!("log position {}, {}", view.text("position")?, view.text("time")?))
    });
    let head = head(verdict);
    let rest = fields(&[
        ("Key", verdict.text("keyId")),
        ("Fingerprint", verdict.text("fingerprint")),
        ("Anchor", verdict.text("anchorId")),
        ("Policy Version", verdict.text("policyVersion")),
        ("Evidence", verdict.text("evidence")),
        ("Proven Before", verdict.text("provenBefore")),
        ("Claimed Time", verdict.text("claimedTime")),
        ("Artifact", verdict.text("artifact")),
        ("View", view),
        ("Findings", verdict.joined("findings")),
    ]);
    format!("{head}\n{rest}")
}

/// One of many, on one line: outcome, reason, key, which one it is, and what was found beside.
pub(crate) fn line(verdict: &Document, name: &str) -> String {
    let name = super::plain(name);
    match verdict.text("error") {
        Some(error) => format!("ERROR {error} {name}\n"),
        None => {
            let key = verdict.text("keyId").unwrap_or_else(|| "-".to_owned());
            let findings = verdict.joined("findings");
            let findings = findings.map_or_else(String::new, |all| format!(" ({all})"));
            format!("{} {key} {name}{findings}\n", head(verdict))
        }
    }
}

/// What an answer means for the exit code.
pub(crate) fn exit(verdict: &Document) -> Exit {
    let outcome = [Outcome::Valid, Outcome::Invalid, Outcome::Indeterminate]
        .into_iter()
        .find(|outcome| verdict.text("result").as_deref() == Some(outcome.name()));
    outcome.map_or(Exit::Error, Exit::from)
}

/// What to do about a verdict that is not valid, where there is something.
pub(crate) fn hint(verdict: &Document) -> Option<&'static str> {
    Some(match verdict.text("reason")?.as_str() {
        "UNTRUSTED" => {
            "no trust anchor judges that package: `keyward anchor list` shows the patterns, \
             --purl names the package of a payload that does not name it itself"
        }
        "OUT_OF_BOUNDS_NO_POE" => {
            "nothing proves that the signature is older than the key's end: verify the proof \
             bundle, which carries evidence, or say --time-policy claimed to believe the signer"
        }
        "COMPROMISE_DATE_UNKNOWN" => {
            "say since when the key was compromised: `keyward key revoke --compromised-since TIME`"
        }
        "STALE_VIEW" => {
            "the view is too old to say valid: with --trust, get a newer bundle by `keyward audit \
             export`, or say --max-view-age; with --as-of, only what is proven to be as old \
             stands; else see whether `keyward status` says quarantined"
        }
        "PREDICATE_NOT_AUTHORISED" => {
            "`keyward anchor show` lists the predicate types that the anchor lets pass"
        }
        "ARTIFACT_MISMATCH" => "the file is not the one that was signed",
        _ => return None,
    })
}

fn head(verdict: &Document) -> String {
    let result = verdict.text("result").unwrap_or_default().to_uppercase();
    format!("{result} {}", verdict.text("reason").unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_line_is_the_verdict() {
        let verdict = Document::from(json!({
            "result": "indeterminate", "reason": "STALE_VIEW", "keyId": "k", "evidence": null,
            "view": {"position": 4, "time": "2025-01-01T00:00:00Z"}, "artifact": "not checked",
            "findings": ["WRONG_KEY_ID", "NOT_IN_LEDGER"],
        }));
        let expected = "INDETERMINATE STALE_VIEW\n\
                        Key: k\n\
                        Artifact: not checked\n\
                        View: log position 4, 2025-01-01T00:00:00Z\n\
                        Findings: WRONG_KEY_ID, NOT_IN_LEDGER\n";
        assert_eq!(whole(&verdict), expected);
        let expected = "INDETERMINATE STALE_VIEW k a.json (WRONG_KEY_ID, NOT_IN_LEDGER)\n";
        assert_eq!(line(&verdict, "a.json"), expected);
        assert_eq!(exit(&verdict), Exit::No);
        assert_eq!(exit(&Document::from(json!({"result": "valid"}))), Exit::Done);
        assert_eq!(exit(&Document::from(json!({"error": "no JSON"}))), Exit::Error);
    }
}
