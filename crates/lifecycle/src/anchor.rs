//! A trust anchor: which keys are believed for which packages, from when to when.

use alloc::{string::String, sync::Arc, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    algorithm::Algorithm, id::AnchorId, pattern::Pattern, statement::PredicateType, time::Timestamp,
};

/// What an anchor is made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "a new member must be decided about everywhere")]
pub struct AnchorRecord {
    /// Its name.
    pub anchor_id: AnchorId,
    /// Which packages it judges.
    pub pattern: Pattern,
    /// Which predicate types it lets pass; empty lets every type pass.
    pub predicate_types: Vec<PredicateType>,
    /// How many distinct lineages must have signed, at least 1.
    pub threshold: u32,
    /// Which algorithms it lets pass; empty lets every algorithm pass (traps HA-15).
    pub algorithms: Vec<Algorithm>,
    /// A version that its owner gives it, reported in verdicts.
    pub policy_version: Option<Arc<str>>,
    /// Membership times that an import asserted, beside those that this log recorded.
    pub asserted: Vec<AssertedKey>,
}

/// A line of an imported `keyHistory`: kept and shown, and never a ground of trust, because
/// nobody here saw it happen (traps HA-34).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "a wire document of the runbook")]
pub struct AssertedKey {
    /// The key id as the document has it.
    #[serde(rename = "keyid")]
    pub key_id: String,
    /// From when, if it says.
    pub added_at: Option<Timestamp>,
    /// Until when.
    pub revoked_at: Option<Timestamp>,
    /// Why, in the document's words.
    pub revoke_reason: Option<String>,
}

/// An anchor as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a new member must be decided about everywhere")]
pub struct Anchor {
    /// What it was made with, as last updated.
    pub record: AnchorRecord,
    /// When it was made.
    pub created_at: Timestamp,
    /// Since when it judges nothing.
    pub deactivated_at: Option<Timestamp>,
    /// The numbers of its keys in the order in which they were added, ended ones included.
    pub keys: Vec<u32>,
}

impl Anchor {
    /// Whether it judges.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.deactivated_at.is_none()
    }
}
