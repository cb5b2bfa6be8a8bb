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
                at_anchor(state, (key, &member, anchor_id), revoke, now)
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
    let decision = Decision::fact(Fact::KeyRevoked {
        key_id: revoke.key_id.clone(),
        anchor_id: Some(anchor_id),
        reason: revoke.reason,
        effective_at,
        invalidity_date: None,
        scope: CompromiseScope::Key,
    });
    warned(state, (key, revoke), (member, effective_at), decision)
}

fn at_key(state: &State, key: &Key, revoke: &Revoke, now: Timestamp) -> Result<Decision, Refusal> {
    let compromise = revoke.reason.is_compromise();
    let recorded = key.revocation();
    let effective_at = effective(revoke, now, recorded.map(|recorded| recorded.effective_at));
    let since = revoke.compromised_since.filter(|_| compromise);
    if let Some(asked) = since.filter(|since| *since > now) {
        return Err(Refusal::InFuture { what: "the invalidity date", asked, now });
    }
    let asked = Revocation {
        reason: revoke.reason,
        effective_at,
        invalidity_date: since.or_else(|| recorded.and_then(|recorded| recorded.invalidity_date)),
        scope: match recorded {
            // The wider suspicion is not taken back.
            Some(recorded) if recorded.scope == CompromiseScope::Server => recorded.scope,
            Some(_) | None if compromise => revoke.scope,
            Some(_) | None => CompromiseScope::Key,
        },
    };
    if let Some(recorded) = recorded {
        if !recorded.reason.may_become(asked.reason) {
            let (recorded, asked) = (recorded.reason, asked.reason);
            return Err(Refusal::OnlyEscalates { recorded, asked });
        }
        only_earlier("effective time", Some(recorded.effective_at), Some(asked.effective_at))?;
        only_earlier("invalidity date", recorded.invalidity_date, asked.invalidity_date)?;
        if *recorded == asked {
            return Ok(Decision::nothing());
        }
    }
    let mut decision = Decision::fact(Fact::KeyRevoked {
        key_id: revoke.key_id.clone(),
        anchor_id: None,
        reason: asked.reason,
        effective_at: asked.effective_at,
        invalidity_date: asked.invalidity_date,
        scope: asked.scope,
    });
    let end = asked.ends_at();
    for member in key.memberships().filter(|member| is_believed(key, member, end)) {
        decision = warned(state, (key, revoke), (&member, end), decision)?;
    }
    Ok(match asked.invalidity_date {
        None if compromise => decision.warn(Warning::InvalidityUnknown),
        Some(_) | None => decision,
    })
}

/// The latest end there is: the last instant of all means "not ended" in a membership.
pub(super) const ENDS_LAST: Timestamp = Timestamp::from_nanos(i64::MAX - 1);

/// A compromise takes effect at the latest now; asking for `NOW` again asks for what stands.
fn effective(revoke: &Revoke, now: Timestamp, recorded: Option<Timestamp>) -> Timestamp {
    match revoke.effective {
        Effective::At(at) if revoke.reason.is_compromise() => at.min(now),
        Effective::At(at) => at.min(ENDS_LAST),
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

/// Adds what is unwise about the end of one membership at `end`; a `strict` profile refuses a
/// short transition unless it is forced. An emergency is never short of time (SO-043).
fn warned(
    state: &State,
    (key, revoke): (&Key, &Revoke),
    (member, end): (&Membership, Timestamp),
    mut decision: Decision,
) -> Result<Decision, Refusal> {
    let Some(anchor) = state.anchor_at(member.anchor).filter(|anchor| anchor.is_active()) else {
        return Ok(decision);
    };
    let warning = match newest_other(state, (key, member), end) {
        None => Some(Warning::LastKey(anchor.record.anchor_id)),
        Some(_) if revoke.reason.is_compromise() => None,
        Some(newest) => transition(newest, end),
    };
    if let Some(warning) = warning {
        let short = matches!(warning, Warning::TransitionShort { .. });
        let force = if short { revoke.force } else { Force::Yes };
        let warning = unwise(state.profile(&key.record.profile), force, warning)?;
        if !decision.warnings.contains(&warning) {
            decision = decision.warn(warning);
        }
    }
    if end <= member.added_at && !key.window(member).is_empty() {
        decision = decision.warn(Warning::EmptyWindow(anchor.record.anchor_id));
    }
    Ok(decision)
}

/// When the newest other key came that the anchor still believes at `end`.
fn newest_other(
    state: &State,
    (key, member): (&Key, &Membership),
    end: Timestamp,
) -> Option<Timestamp> {
    let keys = state.anchor_at(member.anchor)?.keys.iter();
    keys.filter_map(|number| state.key_at(*number))
        .filter(|other| other.record.key_id != key.record.key_id)
        .filter_map(|other| other.membership(member.anchor).map(|member| (other, member)))
        .filter(|(other, member)| is_believed(other, member, end))
        .map(|(_, member)| member.added_at)
        .max()
}

fn transition(newest: Timestamp, end: Timestamp) -> Option<Warning> {
    let days = end.days_since(newest);
    match days {
        ..14 => Some(Warning::TransitionShort { days }),
        14..=28 => None,
        29.. => Some(Warning::TransitionLong { days }),
    }
}

/// Whether the anchor believes signatures made at `at` or later.
fn is_believed(key: &Key, member: &Membership, at: Timestamp) -> bool {
    key.window(member).end().is_none_or(|end| end > at)
}
