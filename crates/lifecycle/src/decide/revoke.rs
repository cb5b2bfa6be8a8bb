//! Rules of revocation: times only move earlier, reasons only escalate, nothing un-revokes.

use super::{Decision, existing, existing_anchor, unwise};
use crate::{
    command::{Effective, Force, Revoke, RevokedAt},
    event::Fact,
    id::AnchorId,
    key::{CompromiseScope, Key, Membership, Revocation},
    refusal::{Refusal, Warning},
    state::State,
    time::Timestamp,
};

/// A compromise, given anywhere, is the key's everywhere.
pub(super) fn revoke(state: &State, revoke: &Revoke, now: Timestamp) -> Result<Decision, Refusal> {
    let key = existing(state, &revoke.key_id)?;
    match revoke.at {
        RevokedAt::Anchor(anchor_id) => {
            let (number, _) = existing_anchor(state, anchor_id)?;
            let not_member = || Refusal::NotMember { key_id: revoke.key_id.clone(), anchor_id };
            let member = key.membership(number).ok_or_else(not_member)?;
            if revoke.reason.is_compromise() {
                at_key(state, key, revoke, now)
            } else {
                at_anchor(state, (key, member, anchor_id), revoke, now)
            }
        }
        RevokedAt::Key => at_key(state, key, revoke, now),
    }
}

fn at_anchor(
    state: &State,
    (key, member, anchor_id): (&Key, &Membership, AnchorId),
    revoke: &Revoke,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let effective_at = effective(revoke, now, recorded_end(member));
    if let (Some(recorded), Some(reason)) = (recorded_end(member), member.reason) {
        if !reason.may_become(revoke.reason) {
            return Err(Refusal::OnlyEscalates { recorded: reason, asked: revoke.reason });
        }
        only_earlier("effective time", Some(recorded), Some(effective_at))?;
        if recorded == effective_at && reason == revoke.reason {
            return Ok(Decision::nothing());
        }
    }
    let mut decision = Decision::fact(Fact::KeyRevoked {
        key_id: revoke.key_id.clone(),
        anchor_id: Some(anchor_id),
        reason: revoke.reason,
        effective_at,
        invalidity_date: None,
        scope: CompromiseScope::Key,
    });
    let profile = state.profile(&key.record.profile);
    if let Some(warning) = transition(state, (key, member), effective_at) {
        let short = matches!(warning, Warning::TransitionShort { .. });
        let force = if short { revoke.force } else { Force::Yes };
        decision = decision.warn(unwise(profile, force, warning)?);
    }
    if effective_at <= member.added_at {
        decision = decision.warn(Warning::EmptyWindow(anchor_id));
    }
    Ok(decision)
}

fn at_key(state: &State, key: &Key, revoke: &Revoke, now: Timestamp) -> Result<Decision, Refusal> {
    let compromise = revoke.reason.is_compromise();
    let recorded = key.revocation.as_ref();
    let effective_at = effective(revoke, now, recorded.map(|recorded| recorded.effective_at));
    let since = revoke.compromised_since.filter(|_| compromise);
    let asked = Revocation {
        reason: revoke.reason,
        effective_at,
        invalidity_date: since.or_else(|| recorded.and_then(|recorded| recorded.invalidity_date)),
        scope: if compromise { revoke.scope } else { CompromiseScope::Key },
    };
    if let Some(recorded) = recorded {
        if !recorded.reason.may_become(asked.reason) {
            let (recorded, asked) = (recorded.reason, asked.reason);
            return Err(Refusal::OnlyEscalates { recorded, asked });
        }
        only_earlier("effective time", Some(recorded.effective_at), Some(asked.effective_at))?;
        only_earlier("invalidity date", recorded.invalidity_date, asked.invalidity_date)?;
        if *recorded == asked || narrows_scope(recorded, &asked) {
            return Ok(Decision::nothing());
        }
    }
    let decision = Decision::fact(Fact::KeyRevoked {
        key_id: revoke.key_id.clone(),
        anchor_id: None,
        reason: asked.reason,
        effective_at: asked.effective_at,
        invalidity_date: asked.invalidity_date,
        scope: asked.scope,
    });
    let decision = warn_orphans(state, key, asked.ends_at(), decision);
    Ok(match asked.invalidity_date {
        None if compromise => decision.warn(Warning::InvalidityUnknown),
        Some(_) | None => decision,
    })
}

/// `server` is the wider suspicion: once it stands it is not taken back.
fn narrows_scope(recorded: &Revocation, asked: &Revocation) -> bool {
    let wider = Revocation { scope: recorded.scope, ..*asked };
    recorded.scope == CompromiseScope::Server && *recorded == wider
}

/// A compromise takes effect at the latest now; asking for `NOW` again asks for what stands.
fn effective(revoke: &Revoke, now: Timestamp, recorded: Option<Timestamp>) -> Timestamp {
    match revoke.effective {
        Effective::At(at) if revoke.reason.is_compromise() => at.min(now),
        Effective::At(at) => at,
        Effective::Immediately => recorded.map_or(now, |recorded| recorded.min(now)),
    }
}

fn only_earlier(
    what: &'static str,
    recorded: Option<Timestamp>,
    asked: Option<Timestamp>,
) -> Result<(), Refusal> {
    match (recorded, asked) {
        (Some(recorded), Some(asked)) if asked > recorded => {
            Err(Refusal::OnlyEarlier { what, recorded, asked })
        }
        _ => Ok(()),
    }
}

fn recorded_end(member: &Membership) -> Option<Timestamp> {
    Some(member.ended_at).filter(|end| *end != Timestamp::MAX)
}

/// Two to four weeks after the newest other key came (SO-043), and never the last key unsaid.
fn transition(
    state: &State,
    (key, member): (&Key, &Membership),
    effective_at: Timestamp,
) -> Option<Warning> {
    let anchor = state.anchor_at(member.anchor)?;
    let newest = anchor
        .keys
        .iter()
        .filter_map(|number| state.key_at(*number))
        .filter(|other| other.record.key_id != key.record.key_id)
        .filter_map(|other| other.membership(member.anchor).map(|member| (other, member)))
        .filter(|(other, other_member)| other.is_listed(other_member, effective_at))
        .map(|(_, other_member)| other_member.added_at)
        .max();
    let Some(newest) = newest else {
        return Some(Warning::LastKey(anchor.record.anchor_id));
    };
    let days = effective_at.days_since(newest);
    match days {
        0..14 => Some(Warning::TransitionShort { days }),
        14..=28 => None,
        _ => Some(Warning::TransitionLong { days }),
    }
}

fn warn_orphans(state: &State, key: &Key, end: Timestamp, decision: Decision) -> Decision {
    let orphaned = |member: &&Membership| {
        state.anchor_at(member.anchor).is_some_and(|anchor| {
            anchor.is_active()
                && !anchor.keys.iter().filter_map(|number| state.key_at(*number)).any(|other| {
                    other.record.key_id != key.record.key_id
                        && other
                            .membership(member.anchor)
                            .is_some_and(|member| other.is_listed(member, end))
                })
        })
    };
    let ids = key.memberships.iter().filter(|member| key.is_listed(member, end)).filter(orphaned);
    ids.filter_map(|member| state.anchor_at(member.anchor))
        .fold(decision, |decision, anchor| decision.warn(Warning::LastKey(anchor.record.anchor_id)))
}
