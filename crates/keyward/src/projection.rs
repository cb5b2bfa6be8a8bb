//! The rows that people and tools read, made from events as they are folded. No decision ever
//! reads one.

use keyward_crypto::spki;
use keyward_lifecycle::{
    anchor::Anchor,
    audit::tree::leaf_hash,
    event::{Event, Fact},
    id::{AnchorId, Digest, EventId, KeyId},
    key::{Key, KeyRecord, Membership},
    state::State,
    time::Timestamp,
};

use crate::storage::{AnchorRow, AuditRow, HistoryRow, Row};

/// Where the public keys are that the fold does not hold.
pub(crate) type PublicKeys<'k> = &'k dyn Fn(&KeyRecord) -> Option<String>;

/// The key whose rows `fact` changes, if it changes any.
pub(crate) const fn shows(fact: &Fact) -> Option<&KeyId> {
    if let Fact::KeyAdded { key_id, .. }
    | Fact::KeyRevoked { key_id, .. }
    | Fact::RotationBegun { successor: key_id, .. } = fact
    {
        Some(key_id)
    } else {
        None
    }
}

/// The public key in PEM, where it is at hand.
pub(crate) fn at_hand(record: &KeyRecord) -> Option<String> {
    record.public_key.bytes().map(spki::to_pem)
}

/// The rows that `event` changes, as `state`, which has just folded it, has them.
pub(crate) fn rows(
    state: &State,
    event: &Event,
    leaf: &[u8],
    public_keys: PublicKeys<'_>,
) -> Vec<Row> {
    let history_row = |anchor_id, key_id| history_row(state, anchor_id, key_id, public_keys);
    let mut rows = vec![Row::Audit(audit_row(event, leaf))];
    match &event.fact {
        Fact::AnchorCreated { anchor, .. } => rows.extend(anchor_row(state, anchor.anchor_id)),
        Fact::AnchorDeactivated { anchor_id } => rows.extend(anchor_row(state, *anchor_id)),
        Fact::KeyAdded { anchor_id, key_id } => {
            rows.extend(history_row(*anchor_id, key_id));
        }
        Fact::KeyRevoked { key_id, anchor_id: Some(anchor_id), .. } => {
            rows.extend(history_row(*anchor_id, key_id));
        }
        // The one ends everywhere, the other has its version from now on.
        Fact::KeyRevoked { key_id, anchor_id: None, .. }
        | Fact::RotationBegun { successor: key_id, .. } => {
            let members = state.key(key_id).into_iter().flat_map(Key::memberships);
            let anchors = members.filter_map(|member| state.anchor_at(member.anchor));
            rows.extend(anchors.filter_map(|anchor| history_row(anchor.record.anchor_id, key_id)));
        }
        Fact::StoreCreated { .. }
        | Fact::AuthorityReplaced { .. }
        | Fact::ActorRegistered { .. }
        | Fact::ActorForgotten { .. }
        | Fact::ProfileDefined { .. }
        | Fact::KeyGenerated { .. }
        | Fact::KeyImported { .. }
        | Fact::KeyPromoted { .. }
        | Fact::KeyRetired { .. }
        | Fact::KeySucceeded { .. }
        | Fact::RotationCompleted { .. }
        | Fact::RotationAborted { .. }
        | Fact::KeyDestroyed { .. }
        | Fact::KeyUsageGranted { .. }
        | Fact::LedgerHead { .. }
        | Fact::LedgerOpened { .. }
        | Fact::LedgerClosed { .. }
        | Fact::LedgerGap { .. }
        | Fact::TokenCreated { .. }
        | Fact::TokenRevoked { .. }
        | Fact::CommandRefused { .. }
        | Fact::ProofResigned { .. }
        | Fact::IncidentReported { .. }
        | Fact::RollbackAccepted { .. }
        | Fact::Root(_)
        | Fact::Secret(_) => {}
    }
    rows
}

/// The audit row of an event, which is a view of its leaf.
pub(crate) fn audit_row(event: &Event, leaf: &[u8]) -> AuditRow {
    let Event { v: _, seq, time, actor, fact } = event;
    let details = serde_json::to_value(fact)
        .ok()
        .and_then(|mut value| value.get_mut("details").map(serde_json::Value::take))
        .unwrap_or_default();
    AuditRow {
        seq: *seq,
        event_id: EventId::of_leaf(&leaf_hash(leaf)),
        event_type: fact.type_name().to_owned(),
        key_id: fact.key_id().map(ToString::to_string),
        anchor_id: fact.anchor_id(),
        actor: actor.to_string(),
        timestamp: *time,
        details: details.to_string(),
    }
}

/// An anchor's row.
pub(crate) fn anchor_row(state: &State, id: AnchorId) -> Option<Row> {
    let Anchor { record, created_at, deactivated_at, keys: _ } = state.anchor(&id)?;
    let types: Vec<&str> = record.predicate_types.iter().map(|kind| kind.as_str()).collect();
    Some(Row::Anchor(AnchorRow {
        id,
        purl_pattern: record.pattern.to_string(),
        allowed_predicate_types: serde_json::json!(types).to_string(),
        policy_version: record.policy_version.as_deref().map(str::to_owned),
        threshold: record.threshold,
        status: if deactivated_at.is_none() { "active" } else { "inactive" },
        created_at: *created_at,
    }))
}

/// The one row of an anchor and a key.
pub(crate) fn history_row(
    state: &State,
    anchor_id: AnchorId,
    key_id: &KeyId,
    public_keys: PublicKeys<'_>,
) -> Option<Row> {
    let key = state.key(key_id)?;
    let member = key.membership(state.anchor_number(&anchor_id)?)?;
    let (revoked_at, reason) = end(key, &member);
    let metadata = serde_json::json!({
        "fingerprint": key.record.fingerprint,
        "profile": key.record.profile,
        "version": key.record.version,
    });
    Some(Row::History(HistoryRow {
        id: row_id(anchor_id, key_id),
        anchor_id,
        key_id: key_id.to_string(),
        public_key: public_keys(&key.record)?,
        algorithm: key.record.algorithm.to_string(),
        added_at: member.added_at,
        revoked_at,
        revoke_reason: reason,
        metadata: metadata.to_string(),
    }))
}

/// When and why the anchor's belief in the key ends by revocation, there or at the key.
pub(crate) fn end(key: &Key, member: &Membership) -> (Option<Timestamp>, Option<String>) {
    let there = (member.ended_at != Timestamp::MAX)
        .then(|| (member.ended_at, member.reason.map(|reason| reason.to_string())));
    let at_key = key
        .revocation()
        .map(|revocation| (revocation.effective_at, Some(revocation.reason.to_string())));
    // What ends first is shown; a compromise is shown whenever there is one.
    let compromised = key.revocation().is_some_and(|it| it.reason.is_compromise());
    let first = match (there, at_key) {
        (Some(there), Some(at_key)) if !compromised && there.0 <= at_key.0 => Some(there),
        (_, Some(at_key)) => Some(at_key),
        (there, None) => there,
    };
    first.map_or((None, None), |(at, reason)| (Some(at), reason))
}

/// A row that stands for a pair, of which there is one, ever, is named by the pair.
fn row_id(anchor_id: AnchorId, key_id: &KeyId) -> EventId {
    let pair = [anchor_id.as_bytes(), key_id.as_str().as_bytes()].concat();
    EventId::of_leaf(&Digest::of(&pair))
}
