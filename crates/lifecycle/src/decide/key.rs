//! Rules about one key: made, promoted, retired, used, destroyed.

use core::num::NonZeroU64;

use super::{Decision, existing, may_sign, profile_of, wrong_status};
use crate::{
    algorithm::halves,
    command::NewKey,
    event::Fact,
    id::{Fingerprint, KeyId},
    key::{KeyRecord, Move},
    profile::Profile,
    refusal::{Refusal, Warning},
    state::State,
    time::Timestamp,
};

/// A generated key signs at once where its profile has no signer, so that an emergency key
/// does; otherwise it is staged.
pub(super) fn generate(state: &State, new: &NewKey, now: Timestamp) -> Result<Decision, Refusal> {
    let (key, active) = register(state, new, now)?;
    let signer = state.signer(&key.profile, &key.purpose).map(|key| key.record.key_id.clone());
    let key_id = key.key_id.clone();
    let decision = Decision::fact(Fact::KeyGenerated { key, active });
    Ok(if active { decision } else { decision.warn(Warning::Staged { key_id, signer }) })
}

pub(super) fn import(state: &State, new: &NewKey, now: Timestamp) -> Result<Decision, Refusal> {
    let (key, active) = register(state, new, now)?;
    let active = active && key.custody != crate::key::Custody::Foreign;
    Ok(Decision::fact(Fact::KeyImported { key, active }))
}

fn register(state: &State, new: &NewKey, now: Timestamp) -> Result<(KeyRecord, bool), Refusal> {
    let profile = profile_of(state, &new.profile)?;
    check_names(state, new)?;
    check_terms(profile, new, now)?;
    let parent = match &new.parent {
        Some(parent) => Some(existing(state, parent)?),
        None => None,
    };
    if let Some(parent) = parent
        && let Some(succession) = &parent.succession
        && succession.successor != new.key_id
    {
        let (key_id, successor) = (parent.record.key_id.clone(), succession.successor.clone());
        return Err(Refusal::SuccessorExists { key_id, successor });
    }
    let signer = state.signer(&new.profile, &new.purpose);
    let seated = signer.is_some_and(|key| may_sign(state, key, 0, now).is_ok());
    let key = KeyRecord {
        key_id: new.key_id.clone(),
        algorithm: profile.algorithm,
        profile: new.profile.clone(),
        purpose: new.purpose.clone(),
        store: profile.key_store.clone(),
        fingerprint: new.fingerprint,
        public_key: new.public_key.clone(),
        custody: new.custody,
        expires_at: new.expires_at,
        max_usage: new.max_usage,
        version: parent.map_or(1, |parent| parent.record.version.saturating_add(1)),
        parent: new.parent.clone(),
        derivation_path: None,
    };
    Ok((key, !seated && !new.staged))
}

/// A name is bound to one public key and a public key to one name, for ever (traps HA-10); the
/// halves of a composite key are not keys of their own.
fn check_names(state: &State, new: &NewKey) -> Result<(), Refusal> {
    if state.key(&new.key_id).is_some() {
        return Err(Refusal::NameTaken { what: "key", name: new.key_id.as_str().into() });
    }
    if let Some(key) = state.key_of(&new.fingerprint) {
        let (fingerprint, key_id) = (new.fingerprint, key.record.key_id.clone());
        return Err(Refusal::PublicKeyTaken { fingerprint, key_id });
    }
    if let Some(key) = state.composite_with_half(&new.fingerprint) {
        return Err(Refusal::HalfOfComposite(key.record.key_id.clone()));
    }
    let profile = profile_of(state, &new.profile)?;
    for half in halves(profile.algorithm, &new.public_key) {
        if let Some(key) = state.key_of(&Fingerprint::of_spki(&half)) {
            return Err(Refusal::HalfOfComposite(key.record.key_id.clone()));
        }
    }
    Ok(())
}

fn check_terms(profile: &Profile, new: &NewKey, now: Timestamp) -> Result<(), Refusal> {
    if let Some(asked) = new.algorithm
        && asked != profile.algorithm
    {
        let (profile, expected) = (profile.name.clone(), profile.algorithm);
        return Err(Refusal::WrongAlgorithm { profile, expected, asked });
    }
    if new.expires_at.is_some_and(|end| end <= now) {
        return Err(Refusal::EmptyLimit { what: "the key's expiry" });
    }
    Ok(())
}

/// Promotion where the profile has a signer is a rotation, which has steps of its own.
pub(super) fn promote(state: &State, key_id: &KeyId, now: Timestamp) -> Result<Decision, Refusal> {
    let key = existing(state, key_id)?;
    if key.status(now).signs() {
        return Ok(Decision::nothing());
    }
    if key.status(now).after(Move::Promote).is_none() {
        return Err(wrong_status(key, "be promoted", now));
    }
    if key.record.custody == crate::key::Custody::Foreign {
        let why = crate::refusal::Unusable::Foreign;
        return Err(Refusal::Unusable { key_id: key_id.clone(), why });
    }
    let signer = state.signer(&key.record.profile, &key.record.purpose);
    if let Some(signer) = signer.filter(|signer| may_sign(state, signer, 0, now).is_ok()) {
        let (profile, signer) = (key.record.profile.clone(), signer.record.key_id.clone());
        return Err(Refusal::SignerExists { profile, signer });
    }
    Ok(Decision::fact(Fact::KeyPromoted { key_id: key_id.clone() }))
}

pub(super) fn retire(state: &State, key_id: &KeyId, now: Timestamp) -> Result<Decision, Refusal> {
    let key = existing(state, key_id)?;
    let status = key.status(now);
    if status == crate::key::Status::Deprecated {
        return Ok(Decision::nothing());
    }
    if status.after(Move::Retire).is_none() {
        return Err(wrong_status(key, "be retired", now));
    }
    Ok(Decision::fact(Fact::KeyRetired { key_id: key_id.clone(), not_after: now }))
}

/// Material is destroyed only when asked, and not while a rotation needs it.
pub(super) fn destroy(state: &State, key_id: &KeyId, now: Timestamp) -> Result<Decision, Refusal> {
    let key = existing(state, key_id)?;
    let still_needed = |why| Err(Refusal::StillNeeded { key_id: key_id.clone(), why });
    if key.destroyed_at.is_some() {
        return Ok(Decision::nothing());
    }
    if key.status(now).signs() {
        return still_needed("it signs; retire, rotate or revoke it first");
    }
    let open = key.succession.as_ref().is_some_and(|succession| succession.statement.is_none());
    if open && key.revocation.is_none() {
        return still_needed("its succession statement is not logged yet");
    }
    if let Some(parent) = key.record.parent.as_ref().and_then(|parent| state.key(parent))
        && parent.status(now).signs()
        && parent.succession.as_ref().is_some_and(|succession| succession.successor == *key_id)
    {
        return still_needed("it is the successor in an open rotation; abort that first");
    }
    Ok(Decision::fact(Fact::KeyDestroyed { key_id: key_id.clone() }))
}

/// A block of uses, no larger than what is left.
pub(super) fn grant(
    state: &State,
    key_id: &KeyId,
    uses: NonZeroU64,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let key = existing(state, key_id)?;
    may_sign(state, key, key.usage_granted, now)?;
    let Some(most) = key.record.max_usage else { return Ok(Decision::nothing()) };
    let granted = key.usage_granted.saturating_add(uses.get()).min(most.get());
    Ok(Decision::fact(Fact::KeyUsageGranted { key_id: key_id.clone(), granted }))
}
