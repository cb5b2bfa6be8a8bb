//! Trust anchors as the runbook's document, out and in (SO-070, SO-071).

use std::collections::{HashMap, HashSet};

use keyward_crypto::random;
use keyward_lifecycle::{
    algorithm::Algorithm,
    anchor::{Anchor, AnchorRecord, AssertedKey},
    command::{Anchors, Command, Effective, Force, Revoke, RevokedAt, Universal},
    id::{ActorId, AnchorId, KeyId},
    key::{CompromiseScope, Key, Reason},
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
    for key in anchor.keys.iter().filter_map(|key| state.key_at(*key)) {
        let Some(member) = key.membership(number) else { continue };
        let id = key.record.key_id.to_string();
        let (revoked_at, reason) = end(key, &member);
        let mut stays = record.asserted.iter().filter(|stay| stay.key_id == id);
        let asserted_at = stays.clone().next().and_then(|stay| stay.added_at);
        // The document's own words stand for the end that it gave, and for no other.
        let words = stays.find(|stay| revoked_at.is_some() && stay.revoked_at == revoked_at);
        document.key_history.push(HistoryItem {
            keyid: id.clone(),
            added_at: asserted_at.or(Some(member.added_at)),
            revoked_at,
            revoke_reason: words.and_then(|stay| stay.revoke_reason.clone()).or(reason),
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
        self.execute_all(actor, document.commands(&self.state(), universal, self.now()))
    }
}

impl AnchorDocument {
    /// What the document asks for where things stand as in `state` at `now`. No key is believed
    /// here that is over there, nor for longer, and an anchor that judges nothing there judges
    /// nothing here.
    #[must_use]
    pub fn commands(self, state: &State, universal: Universal, now: Timestamp) -> Vec<Command> {
        let anchor_id = self.trust_anchor_id;
        let ends = Ends::of(&self);
        let listed = self.allowed_keyids.iter().filter(|id| ends.of_key(id) > now);
        let keys: Vec<KeyId> = listed.filter_map(|id| KeyId::parse(id).ok()).collect();
        let end = |key_id: &KeyId| {
            let end = ends.of_key(key_id.as_str());
            (end < Timestamp::MAX && state.key(key_id).is_some()).then(|| {
                Command::Revoke(Revoke {
                    key_id: key_id.clone(),
                    at: RevokedAt::Anchor(anchor_id),
                    reason: ends.reason(key_id.as_str()),
                    effective: Effective::At(end),
                    compromised_since: None,
                    scope: CompromiseScope::Key,
                    // It was decided there; a transition that is short now was not then.
                    force: Force::Yes,
                })
            })
        };
        let ended: Vec<Command> = keys.iter().filter_map(end).collect();
        let over = (self.status != active()).then_some(Command::DeactivateAnchor { anchor_id });
        let asserted = self.asserted();
        let anchor = AnchorRecord {
            anchor_id,
            pattern: self.purl_pattern,
            predicate_types: self.allowed_predicate_types,
            threshold: self.threshold,
            algorithms: self.algorithms,
            policy_version: self.policy_version.map(Into::into),
            asserted,
        };
        let made = Command::CreateAnchor { anchor, keys, universal, imported: true };
        [made].into_iter().chain(ended).chain(over).collect()
    }

    /// What it says of every key that it names.
    fn asserted(&self) -> Vec<AssertedKey> {
        let revoked: HashSet<&str> = self.revoked_keys.iter().map(|id| &**id).collect();
        let mut known: HashSet<&str> = self.key_history.iter().map(|it| &*it.keyid).collect();
        let mut asserted: Vec<AssertedKey> = self.key_history.iter().map(assert_key).collect();
        // A key that is said to be revoked is over, whatever else is said of it.
        for key in &mut asserted {
            if key.revoked_at.is_none() && revoked.contains(&*key.key_id) {
                key.revoked_at = Some(Timestamp::EPOCH);
            }
        }
        let named = self.revoked_keys.iter().map(|id| (id, true));
        for (id, revoked) in named.chain(self.allowed_keyids.iter().map(|id| (id, false))) {
            if known.insert(id) {
                asserted.push(AssertedKey {
                    key_id: id.clone(),
                    added_at: None,
                    revoked_at: revoked.then_some(Timestamp::EPOCH),
                    revoke_reason: None,
                });
            }
        }
        asserted
    }
}

/// Until when a document's keys are believed where it comes from; those that it has no end for
/// are not in it.
struct Ends<'d>(HashMap<&'d str, (Timestamp, Option<&'d str>)>);

impl<'d> Ends<'d> {
    fn of(document: &'d AnchorDocument) -> Self {
        let mut ends: HashMap<&str, (Timestamp, Option<&str>)> = HashMap::new();
        for HistoryItem { keyid, revoked_at, revoke_reason, .. } in &document.key_history {
            // Of several stays, the last to end counts.
            let end = (revoked_at.unwrap_or(Timestamp::MAX), revoke_reason.as_deref());
            let last = ends.entry(keyid).or_insert(end);
            *last = end.max(*last);
        }
        let over = document.revoked_keys.iter().map(|id| (&**id, (Timestamp::EPOCH, None)));
        ends.extend(over);
        Self(ends)
    }

    /// [`Timestamp::MAX`] for one that does not end.
    fn of_key(&self, id: &str) -> Timestamp {
        let (end, _) = self.0.get(id).copied().unwrap_or((Timestamp::MAX, None));
        // A compromise waits for no day, and a word that is none of ours may mean one (HA-32).
        let is_bad = match self.word(id) {
            Some(word) => word.parse().map_or(true, Reason::is_compromise),
            None => false,
        };
        if end < Timestamp::MAX && is_bad { Timestamp::EPOCH } else { end }
    }

    /// Why one ends that is believed until then.
    fn reason(&self, id: &str) -> Reason {
        self.word(id).and_then(|word| word.parse().ok()).unwrap_or(Reason::Unspecified)
    }

    fn word(&self, id: &str) -> Option<&'d str> {
        self.0.get(id).and_then(|(_, reason)| *reason)
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
