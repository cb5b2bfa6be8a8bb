//! Trust anchors as the runbook's document, out and in (SO-070, SO-071).

use keyward_crypto::random;
use keyward_lifecycle::{
    algorithm::Algorithm,
    anchor::{Anchor, AnchorRecord, AssertedKey},
    command::{Anchors, Command, Universal},
    id::{ActorId, AnchorId, KeyId},
    key::Key,
    pattern::Pattern,
    refusal::Refusal,
    state::State,
    statement::PredicateType,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{
    engine::{Keyward, unavailable},
    projection::end,
    writer::{ExecuteError, Receipt},
};

/// The runbook's trust anchor document. Views of now (`allowedKeyids`, `revokedKeys`) are
/// computed from windows; `keyHistory` is complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the runbook's document")]
pub struct AnchorDocument {
    /// Its UUID.
    pub trust_anchor_id: AnchorId,
    /// Which packages.
    pub purl_pattern: Pattern,
    /// Keys that are listed now.
    pub allowed_keyids: Vec<String>,
    /// Predicate types that pass; empty for all.
    pub allowed_predicate_types: Vec<PredicateType>,
    /// The owner's version.
    #[serde(default)]
    pub policy_version: Option<String>,
    /// Keys that ended.
    #[serde(default)]
    pub revoked_keys: Vec<String>,
    /// Every key that was ever in it.
    #[serde(default)]
    pub key_history: Vec<HistoryItem>,
    /// Distinct lineages that must have signed.
    #[serde(default = "one")]
    pub threshold: u32,
    /// Algorithms that pass; empty for all.
    #[serde(default)]
    pub algorithms: Vec<Algorithm>,
    /// `active` or `inactive`.
    #[serde(default = "active")]
    pub status: String,
    /// When it was made here.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
}

/// One key's stay in an anchor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the runbook's document")]
pub struct HistoryItem {
    /// The key's name.
    pub keyid: String,
    /// From when; asserted by an import, or recorded here.
    pub added_at: Option<Timestamp>,
    /// Until when; `null` while it is not ended.
    pub revoked_at: Option<Timestamp>,
    /// Why it ended.
    pub revoke_reason: Option<String>,
    /// When this log saw it added, where an import asserts another time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded_added_at: Option<Timestamp>,
}

fn one() -> u32 {
    1
}

fn active() -> String {
    "active".to_owned()
}

/// The document of an anchor at `now`.
#[must_use]
pub fn anchor_document(state: &State, anchor: &Anchor, now: Timestamp) -> AnchorDocument {
    let record = &anchor.record;
    let mut document = AnchorDocument {
        trust_anchor_id: record.anchor_id,
        purl_pattern: record.pattern.clone(),
        allowed_keyids: Vec::new(),
        allowed_predicate_types: record.predicate_types.clone(),
        policy_version: record.policy_version.as_deref().map(str::to_owned),
        revoked_keys: Vec::new(),
        key_history: Vec::new(),
        threshold: record.threshold,
        algorithms: record.algorithms.clone(),
        status: if anchor.is_active() { "active" } else { "inactive" }.to_owned(),
        created_at: Some(anchor.created_at),
    };
    let Some(number) = state.anchor_number(&record.anchor_id) else { return document };
    let asserted = |id: &str| record.asserted.iter().find(|key| key.key_id == id);
    for key in anchor.keys.iter().filter_map(|key| state.key_at(*key)) {
        let Some(member) = key.membership(number) else { continue };
        let id = key.record.key_id.to_string();
        let (revoked_at, reason) = end(key, &member);
        let before = asserted(&id);
        let asserted_at = before.and_then(|key| key.added_at);
        document.key_history.push(HistoryItem {
            keyid: id.clone(),
            added_at: asserted_at.or(Some(member.added_at)),
            revoked_at: revoked_at.or_else(|| before.and_then(|key| key.revoked_at)),
            revoke_reason: before.and_then(|key| key.revoke_reason.clone()).or(reason),
            recorded_added_at: asserted_at.map(|_| member.added_at),
        });
        let list = if key.is_listed(&member, now) {
            &mut document.allowed_keyids
        } else {
            &mut document.revoked_keys
        };
        list.push(id);
    }
    for key in &record.asserted {
        if document.key_history.iter().any(|item| item.keyid == key.key_id) {
            continue;
        }
        let ended = key.revoked_at.is_some();
        let list = if ended { &mut document.revoked_keys } else { &mut document.allowed_keyids };
        list.push(key.key_id.clone());
        document.key_history.push(HistoryItem {
            keyid: key.key_id.clone(),
            added_at: key.added_at,
            revoked_at: key.revoked_at,
            revoke_reason: key.revoke_reason.clone(),
            recorded_added_at: None,
        });
    }
    document.key_history.sort_by_key(|item| item.added_at);
    document
}

impl Keyward {
    /// Adds a key to the anchors that another is in; `None` if it is in none, which is not
    /// asked of the writer: that would log a refusal of what nobody was refused.
    pub(crate) fn add_beside(
        &self,
        actor: &ActorId,
        other: &KeyId,
        key_id: &KeyId,
    ) -> Result<Option<Receipt>, ExecuteError> {
        let state = self.state();
        let members = state.key(other).into_iter().flat_map(Key::memberships);
        let mut anchors = members.filter_map(|member| state.anchor_at(member.anchor));
        if !anchors.any(Anchor::is_active) {
            return Ok(None);
        }
        let (to, key_id) = (Anchors::AffectedBy(other.clone()), key_id.clone());
        match self.execute(actor, Command::AddKey { to, key_id }) {
            // The last of them was deactivated meanwhile.
            Err(ExecuteError::Refused(Refusal::NoAnchors)) => Ok(None),
            receipt => receipt.map(Some),
        }
    }

    /// A new anchor's name.
    ///
    /// # Errors
    /// [`ExecuteError::Unavailable`] without randomness.
    pub fn new_anchor_id(&self) -> Result<AnchorId, ExecuteError> {
        let random = random::bytes::<16>().map_err(|error| unavailable(&error))?;
        Ok(AnchorId::from_random(*random))
    }

    /// Makes an anchor of a document. Its times are kept beside those that this log records;
    /// keys that nobody registered here are shown and verify nothing.
    ///
    /// # Errors
    /// [`ExecuteError`].
    pub fn import_anchor(
        &self,
        actor: &ActorId,
        document: AnchorDocument,
        universal: Universal,
    ) -> Result<Receipt, ExecuteError> {
        let mut asserted: Vec<AssertedKey> = document.key_history.iter().map(assert_key).collect();
        let named = document.allowed_keyids.iter().map(|id| (id, false));
        let named = named.chain(document.revoked_keys.iter().map(|id| (id, true)));
        for (id, revoked) in named {
            if !asserted.iter().any(|key| key.key_id == *id) {
                asserted.push(AssertedKey {
                    key_id: id.clone(),
                    added_at: None,
                    revoked_at: revoked.then_some(Timestamp::EPOCH),
                    revoke_reason: None,
                });
            }
        }
        let keys = document.allowed_keyids.iter().filter_map(|id| KeyId::parse(id).ok()).collect();
        let anchor = AnchorRecord {
            anchor_id: document.trust_anchor_id,
            pattern: document.purl_pattern,
            predicate_types: document.allowed_predicate_types,
            threshold: document.threshold,
            algorithms: document.algorithms,
            policy_version: document.policy_version.map(Into::into),
            asserted,
        };
        self.execute(actor, Command::CreateAnchor { anchor, keys, universal, imported: true })
    }
}

fn assert_key(item: &HistoryItem) -> AssertedKey {
    AssertedKey {
        key_id: item.keyid.clone(),
        added_at: item.added_at,
        revoked_at: item.revoked_at,
        revoke_reason: item.revoke_reason.clone(),
    }
}
