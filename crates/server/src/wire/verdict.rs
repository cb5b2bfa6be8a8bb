//! Verdicts as the API writes them.

use keyward_lifecycle::{
    time::Timestamp,
    verify::{Verdict, verdict::View},
};
use serde::Serialize;
use utoipa::ToSchema;

/// A verdict. Members that say nothing are `null`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Verdict)]
pub struct VerdictDocument {
    /// `valid`, `invalid` or `indeterminate`.
    result: &'static str,
    /// Why, as a word in capitals.
    reason: &'static str,
    /// Who vouches for the time: `logged`, `held`, `witnessed` or `time-stamped`.
    evidence: Option<&'static str>,
    key_id: Option<String>,
    fingerprint: Option<String>,
    anchor_id: Option<String>,
    policy_version: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    claimed_time: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    proven_before: Option<Timestamp>,
    view: ViewDocument,
    /// `matched` or `not checked`.
    artifact: &'static str,
    /// What else was seen, as words in capitals.
    findings: Vec<&'static str>,
}

/// On what a verdict stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = View)]
struct ViewDocument {
    /// Leaves of the log.
    position: u64,
    /// The time that counted.
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
}

impl VerdictDocument {
    /// A verdict.
    #[must_use]
    pub fn of(verdict: Verdict) -> Self {
        let Verdict {
            outcome,
            reason,
            evidence,
            key_id,
            fingerprint,
            anchor_id,
            policy_version,
            claimed_time,
            proven_before,
            view: View { position, time },
            artifact,
            findings,
            // The incident report lists them.
            unentered: _,
        } = verdict;
        Self {
            result: outcome.name(),
            reason: reason.name(),
            evidence: evidence.map(keyward_lifecycle::verify::judge::EvidenceClass::name),
            key_id: key_id.map(|id| id.to_string()),
            fingerprint: fingerprint.map(|fingerprint| fingerprint.to_string()),
            anchor_id: anchor_id.map(|id| id.to_string()),
            policy_version: policy_version.as_deref().map(str::to_owned),
            claimed_time,
            proven_before,
            view: ViewDocument { position, time },
            artifact: artifact.name(),
            findings: findings
                .into_iter()
                .map(keyward_lifecycle::verify::verdict::Finding::name)
                .collect(),
        }
    }
}
