//! Trust anchors as the API writes them, and how a path names one.

use std::str::FromStr as _;

use keyward::{
    Receipt,
    anchor::{AnchorDocument as Document, HistoryItem, anchor_document},
};
use keyward_lifecycle::{
    anchor::Anchor, event::Fact, id::AnchorId, refusal::Refusal, state::State, time::Timestamp,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;

/// The runbook's trust anchor.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TrustAnchor)]
pub(crate) struct AnchorDocument {
    trust_anchor_id: String,
    purl_pattern: String,
    /// Keys that are listed now.
    allowed_keyids: Vec<String>,
    /// Empty lets every predicate type pass.
    allowed_predicate_types: Vec<String>,
    policy_version: Option<String>,
    /// Keys that ended.
    revoked_keys: Vec<String>,
    pub(crate) key_history: Vec<HistoryDocument>,
    /// Distinct lineages that must have signed.
    threshold: u32,
    /// Empty lets every algorithm pass.
    algorithms: Vec<&'static str>,
    /// `active` or `inactive`.
    status: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    /// What may not be what was meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// One key's stay in an anchor.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KeyHistoryItem)]
pub(crate) struct HistoryDocument {
    keyid: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    added_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    revoke_reason: Option<String>,
    /// When this log saw it added, where an import asserts another time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    recorded_added_at: Option<Timestamp>,
}

impl AnchorDocument {
    /// Its UUID.
    pub(crate) fn id(&self) -> &str {
        &self.trust_anchor_id
    }

    /// An anchor at `now`.
    pub(crate) fn of(
        state: &State,
        anchor: &Anchor,
        now: Timestamp,
        warnings: Vec<String>,
    ) -> Self {
        let Document {
            trust_anchor_id,
            purl_pattern,
            allowed_keyids,
            allowed_predicate_types,
            policy_version,
            revoked_keys,
            key_history,
            threshold,
            algorithms,
            status,
            created_at,
        } = anchor_document(state, anchor, now);
        let types = allowed_predicate_types.iter().map(|given| given.as_str().to_owned());
        Self {
            trust_anchor_id: trust_anchor_id.to_string(),
            purl_pattern: purl_pattern.to_string(),
            allowed_keyids,
            allowed_predicate_types: types.collect(),
            policy_version,
            revoked_keys,
            key_history: key_history.into_iter().map(HistoryDocument::of).collect(),
            threshold,
            algorithms: algorithms
                .into_iter()
                .map(keyward_lifecycle::algorithm::Algorithm::name)
                .collect(),
            status,
            created_at,
            warnings,
        }
    }
}

impl HistoryDocument {
    fn of(item: HistoryItem) -> Self {
        let HistoryItem { keyid, added_at, revoked_at, revoke_reason, recorded_added_at } = item;
        Self { keyid, added_at, revoked_at, revoke_reason, recorded_added_at }
    }
}

/// An anchor, in a list of those that something touched.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AnchorName)]
pub(crate) struct AnchorName {
    pub(crate) anchor_id: String,
    pub(crate) purl_pattern: String,
}

impl AnchorName {
    pub(crate) fn of(anchor: &Anchor) -> Self {
        Self {
            anchor_id: anchor.record.anchor_id.to_string(),
            purl_pattern: anchor.record.pattern.to_string(),
        }
    }
}

/// The anchors that believe a key since these events.
pub(crate) fn added(state: &State, receipt: &Receipt) -> Vec<AnchorName> {
    let added = receipt.events.iter().filter_map(|(_, fact)| {
        if let Fact::KeyAdded { anchor_id, .. } = fact { state.anchor(anchor_id) } else { None }
    });
    added.map(AnchorName::of).collect()
}

/// What a path says of anchors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// One.
    One(AnchorId),
    /// Every one (`ALL`).
    Every,
}

/// The word for every anchor.
const ALL: &str = "ALL";
/// Fewest hexadecimal digits of a prefix (SO-045).
const PREFIX_DIGITS_MIN: usize = 8;

/// Reads `ALL`, or the name of one anchor.
pub(crate) fn which(state: &State, text: &str) -> Result<Which, Problem> {
    if text == ALL { Ok(Which::Every) } else { one(state, text).map(Which::One) }
}

/// Reads the name of one anchor: its UUID, or the beginning of it, at least 8 digits long and
/// only one anchor's; dots at its end are passed over.
pub(crate) fn one(state: &State, text: &str) -> Result<AnchorId, Problem> {
    let prefix = text.trim_end_matches('.').to_ascii_lowercase();
    if let Ok(id) = AnchorId::from_str(&prefix) {
        return Ok(id);
    }
    let is_hex = prefix.chars().all(|letter| letter.is_ascii_hexdigit() || letter == '-');
    let digits = prefix.chars().filter(char::is_ascii_hexdigit).count();
    if !is_hex || digits < PREFIX_DIGITS_MIN {
        let expected = "expected a UUID, or at least its first 8 digits";
        return Err(Problem::malformed("anchor id", format!("`{text}`: {expected}")));
    }
    match state.anchors_with_prefix(&prefix).as_slice() {
        [] => {
            let detail = format!("there is no trust anchor that begins with `{prefix}`");
            Err(Problem::not_found("no-such-anchor", detail))
        }
        [id] => Ok(*id),
        _ => Err(Problem::ambiguous(&prefix)),
    }
}

/// The anchor of that name.
pub(crate) fn found(state: &State, id: AnchorId) -> Result<(u32, &Anchor), Problem> {
    let found = state.anchor_number(&id).zip(state.anchor(&id));
    found.ok_or_else(|| Refusal::NoSuchAnchor(id).into())
}
