//! Rules of a rotation: each step an event, each step possible once the step before is logged.

use alloc::vec;

use super::{Decision, could_sign, existing, profile_of, seated, unwise, wrong_status};
use crate::{
    command::Force,
    event::Fact,
    id::{ContentId, KeyId},
    key::{Key, Move, Status},
    refusal::{Refusal, Warning},
    state::State,
    time::Timestamp,
};

/// Both keys are registered; the old one signs on, and the new one is staged (LC-022).
pub(super) fn begin(
    state: &State,
    key_id: &KeyId,
    successor: &KeyId,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let old = existing(state, key_id)?;
    if let Some(succession) = old.succession() {
        if succession.successor == *successor {
            return Ok(Decision::nothing());
        }
        let (key_id, successor) = (key_id.clone(), succession.successor.clone());
        return Err(Refusal::SuccessorExists { key_id, successor });
    }
    let new = existing(state, successor)?;
    if old.status(now).after(Move::BeginRotation).is_none() {
        return Err(wrong_status(old, "be rotated", now));
    }
    if new.status(now).after(Move::Promote).is_none() {
        return Err(wrong_status(new, "follow another key", now));
    }
    could_sign(state, new, now)?;
    if old.record.profile != new.record.profile || old.record.purpose != new.record.purpose {
        return Err(Refusal::OtherSeat {
            key_id: key_id.clone(),
            successor: successor.clone(),
            profile: old.record.profile.clone(),
            purpose: old.record.purpose.clone(),
        });
    }
    check_seat(state, old, now)?;
    let (key_id, successor) = (key_id.clone(), successor.clone());
    Ok(Decision::fact(Fact::RotationBegun { key_id, successor }))
}

/// The statement that both keys signed; the first one logged stands.
pub(super) fn attest(
    state: &State,
    key_id: &KeyId,
    successor: &KeyId,
    (statement, now): (ContentId, Timestamp),
) -> Result<Decision, Refusal> {
    let old = existing(state, key_id)?;
    let new = existing(state, successor)?;
    match old.succession() {
        Some(succession) if succession.successor != *successor => {
            let (key_id, successor) = (key_id.clone(), succession.successor.clone());
            Err(Refusal::SuccessorExists { key_id, successor })
        }
        Some(succession) if succession.statement.is_some() => Ok(Decision::nothing()),
        // A thief of the old key appoints no successor (traps HC-06).
        Some(_) if old.status(now) != Status::Rotating => {
            Err(wrong_status(old, "be succeeded", now))
        }
        Some(_) if new.status(now) != Status::Staged => {
            Err(wrong_status(new, "follow another key", now))
        }
        Some(_) => {
            let (key_id, successor) = (key_id.clone(), successor.clone());
            Ok(Decision::fact(Fact::KeySucceeded { key_id, successor, statement }))
        }
        None => {
            let missing = "it has not begun";
            Err(Refusal::RotationIncomplete { key_id: key_id.clone(), missing })
        }
    }
}

/// The profile's name flips to the new key in one write, and the old key only verifies.
pub(super) fn complete(
    state: &State,
    key_id: &KeyId,
    force: Force,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let old = existing(state, key_id)?;
    let incomplete = |missing| Refusal::RotationIncomplete { key_id: key_id.clone(), missing };
    let succession = old.succession().ok_or_else(|| incomplete("it has not begun"))?;
    let new = existing(state, &succession.successor)?;
    if old.standing == Status::Deprecated {
        return Ok(Decision::nothing());
    }
    if succession.statement.is_none() {
        return Err(incomplete("the succession statement is not logged"));
    }
    if old.status(now).after(Move::CompleteRotation).is_none() {
        return Err(wrong_status(old, "complete its rotation", now));
    }
    if new.status(now).after(Move::Promote).is_none() {
        return Err(wrong_status(new, "become the signer", now));
    }
    could_sign(state, new, now)?;
    check_seat(state, old, now)?;
    if !believed_everywhere(state, old, new, now) {
        return Err(incomplete("an anchor that believes the old key does not believe the new one"));
    }
    let (key_id, successor) = (key_id.clone(), succession.successor.clone());
    let facts = vec![
        Fact::KeyRetired { key_id: key_id.clone(), not_after: now },
        Fact::KeyPromoted { key_id: successor.clone() },
        Fact::RotationCompleted { key_id, successor },
    ];
    let decision = Decision { facts, ..Decision::default() };
    let profile = profile_of(state, &old.record.profile)?;
    match soon(new, now) {
        Some(warning) => Ok(decision.warn(unwise(Some(profile), force, warning)?)),
        None => Ok(decision),
    }
}

/// The old key signs on, and the successor is set aside. Where no rotation is open it is so
/// already.
pub(super) fn abort(state: &State, key_id: &KeyId, now: Timestamp) -> Result<Decision, Refusal> {
    let old = existing(state, key_id)?;
    if old.status(now) == Status::Active {
        return Ok(Decision::nothing());
    }
    if old.status(now).after(Move::AbortRotation).is_none() || old.status(now) == Status::Staged {
        return Err(wrong_status(old, "abort a rotation", now));
    }
    let Some(succession) = old.succession() else {
        return Err(wrong_status(old, "abort a rotation", now));
    };
    let (key_id, successor) = (key_id.clone(), succession.successor.clone());
    Ok(Decision::fact(Fact::RotationAborted { key_id, successor }))
}

/// The seat of a profile and purpose goes from a key to its successor, and nobody sits there
/// beside them: an old key that expired may have been replaced already.
fn check_seat(state: &State, old: &Key, now: Timestamp) -> Result<(), Refusal> {
    match seated(state, (&old.record.profile, &old.record.purpose), now) {
        Some(signer) if signer.record.key_id != old.record.key_id => {
            let (profile, signer) = (old.record.profile.clone(), signer.record.key_id.clone());
            Err(Refusal::SignerExists { profile, signer })
        }
        Some(_) | None => Ok(()),
    }
}

/// Every active anchor that lists the old key lists the new one.
fn believed_everywhere(state: &State, old: &Key, new: &Key, now: Timestamp) -> bool {
    old.memberships()
        .filter(|member| old.is_listed(member, now))
        .filter(|member| {
            state.anchor_at(member.anchor).is_some_and(crate::anchor::Anchor::is_active)
        })
        .all(|member| {
            new.membership(member.anchor).is_some_and(|member| new.is_listed(&member, now))
        })
}

pub(super) fn soon(new: &Key, now: Timestamp) -> Option<Warning> {
    let added = new.memberships().map(|member| member.added_at).max()?;
    let seconds = now.seconds().saturating_sub(added.seconds());
    (seconds < PUBLICATION_SECONDS).then_some(Warning::PromotedSoon { seconds })
}

/// How long verifiers may hold an older list of keys: a key that signs sooner after it was
/// added is refused by some of them (traps HA-31).
const PUBLICATION_SECONDS: i64 = 86_400;
