//! Rules of trust anchors: which keys come in, and where.

use alloc::vec::Vec;

use super::{Decision, existing, existing_anchor, seated, wrong_status};
use crate::{
    anchor::{Anchor, AnchorRecord},
    command::{Anchors, Universal},
    event::Fact,
    id::{AnchorId, KeyId},
    key::{Key, Status},
    pattern::Pattern,
    refusal::{Refusal, Warning},
    state::State,
    time::Timestamp,
};

/// The circumstances under which an anchor is made.
#[derive(Clone, Copy)]
pub(super) struct Terms {
    pub(super) universal: Universal,
    pub(super) origin: Origin,
    pub(super) now: Timestamp,
}

/// Where an anchor's description comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Given,
    Imported,
}

pub(super) fn create(
    state: &State,
    anchor: &AnchorRecord,
    keys: &[KeyId],
    terms: Terms,
) -> Result<Decision, Refusal> {
    if state.anchor(&anchor.anchor_id).is_some() {
        let name = alloc::string::ToString::to_string(&anchor.anchor_id).into();
        return Err(Refusal::NameTaken { what: "trust anchor", name });
    }
    check_pattern(state, anchor, terms.universal)?;
    if anchor.threshold == 0 || anchor.threshold > THRESHOLD_MAX {
        let (threshold, most) = (anchor.threshold, THRESHOLD_MAX);
        return Err(Refusal::BadThreshold { threshold, most });
    }
    let imported = terms.origin == Origin::Imported;
    let mut decision = Decision::fact(Fact::AnchorCreated { anchor: anchor.clone(), imported });
    if let Some(warning) = anchor.pattern.warning() {
        decision = decision.warn(Warning::Pattern(warning));
    }
    let mut added = Vec::new();
    for key_id in keys {
        if imported && state.key(key_id).is_none() {
            decision = decision.warn(Warning::Unregistered(key_id.clone()));
            continue;
        }
        let key = existing(state, key_id)?;
        check_addable(key, terms.now)?;
        if !added.contains(&key_id) {
            added.push(key_id);
            if is_over(key, terms.now) {
                decision = decision.warn(Warning::EmptyWindow(anchor.anchor_id));
            }
            let (anchor_id, key_id) = (anchor.anchor_id, key_id.clone());
            decision.facts.push(Fact::KeyAdded { anchor_id, key_id });
        }
    }
    Ok(decision)
}

fn check_pattern(
    state: &State,
    anchor: &AnchorRecord,
    universal: Universal,
) -> Result<(), Refusal> {
    if matches!(anchor.pattern, Pattern::Universal) && universal == Universal::Refused {
        return Err(Refusal::UniversalNotAllowed);
    }
    let taken = state.patterns().get(&anchor.pattern).and_then(|number| state.anchor_at(number));
    taken.map_or(Ok(()), |other| {
        let (pattern, anchor_id) = (anchor.pattern.clone(), other.record.anchor_id);
        Err(Refusal::PatternTaken { pattern, anchor_id })
    })
}

pub(super) fn deactivate(state: &State, anchor_id: AnchorId) -> Result<Decision, Refusal> {
    let (_, anchor) = existing_anchor(state, anchor_id)?;
    if anchor.is_active() {
        Ok(Decision::fact(Fact::AnchorDeactivated { anchor_id }))
    } else {
        Ok(Decision::nothing())
    }
}

/// Adds without removing. `ALL` adds to every active anchor at once, or to none.
pub(super) fn add_key(
    state: &State,
    to: &Anchors,
    key_id: &KeyId,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let key = existing(state, key_id)?;
    check_addable(key, now)?;
    let mut decision = Decision::default();
    for (number, anchor) in targets(state, to)? {
        if let Some(member) = key.membership(number) {
            match to {
                _ if member.ended_at == Timestamp::MAX => continue,
                Anchors::One(anchor_id) => {
                    let (key_id, anchor_id) = (key_id.clone(), *anchor_id);
                    let ended_at = member.ended_at;
                    return Err(Refusal::MembershipEnded { key_id, anchor_id, ended_at });
                }
                Anchors::Every | Anchors::AffectedBy(_) => continue,
            }
        }
        let anchor_id = anchor.record.anchor_id;
        decision.facts.push(Fact::KeyAdded { anchor_id, key_id: key_id.clone() });
        if is_over(key, now) {
            decision = decision.warn(Warning::EmptyWindow(anchor_id));
        }
    }
    if matches!(to, Anchors::Every) && !decision.facts.is_empty() {
        let anchors = decision.facts.len();
        decision = decision.warn(Warning::ScopeExpanded { anchors });
    }
    Ok(match key.status(now) {
        Status::Staged => {
            let signer = seated(state, (&key.record.profile, &key.record.purpose), now);
            let signer = signer.map(|signer| signer.record.key_id.clone());
            decision.warn(Warning::Staged { key_id: key_id.clone(), signer })
        }
        Status::Deprecated => decision.warn(Warning::NotSigning(key_id.clone())),
        Status::Active | Status::Rotating | Status::Revoked | Status::Compromised => decision,
    })
}

fn targets<'s>(state: &'s State, to: &Anchors) -> Result<Vec<(u32, &'s Anchor)>, Refusal> {
    let active = state.anchors().filter(|(_, anchor)| anchor.is_active());
    let found: Vec<_> = match to {
        Anchors::One(anchor_id) => {
            let (number, anchor) = existing_anchor(state, *anchor_id)?;
            if !anchor.is_active() {
                return Err(Refusal::AnchorInactive(*anchor_id));
            }
            return Ok([(number, anchor)].into());
        }
        Anchors::Every => active.collect(),
        Anchors::AffectedBy(lost) => {
            let lost = existing(state, lost)?;
            active.filter(|(number, _)| lost.membership(*number).is_some()).collect()
        }
    };
    if found.is_empty() { Err(Refusal::NoAnchors) } else { Ok(found) }
}

/// Whether a window that begins now is empty.
fn is_over(key: &Key, now: Timestamp) -> bool {
    [key.record.expires_at, key.not_after()].into_iter().flatten().any(|end| end <= now)
}

fn check_addable(key: &Key, now: Timestamp) -> Result<(), Refusal> {
    match key.revocation() {
        Some(revocation) if revocation.effective_at > now => {
            let wanted = "be added to a trust anchor, being about to be revoked";
            Err(wrong_status(key, wanted, now))
        }
        Some(_) => Err(wrong_status(key, "be added to a trust anchor", now)),
        None => Ok(()),
    }
}

/// Most lineages that an anchor can demand.
const THRESHOLD_MAX: u32 = 64;
