//! Rules about one key: made, promoted, retired, used, destroyed.

use alloc::sync::Arc;
use core::num::NonZeroU64;

use super::{
    Decision, could_sign, existing, may_sign, profile_of, revoke::ENDS_LAST, rotation, seated,
    wrong_status,
};
use crate::{
    algorithm::halves,
    canonical::INTEGER_MAX,
    command::{AdoptedKey, NewKey},
    event::Fact,
    id::{Fingerprint, KeyId},
    key::{Custody, KeyOrigin, KeyRecord, KeyTerms, Move, Revocation},
    profile::Profile,
    refusal::{Refusal, Warning},
    state::State,
    time::Timestamp,
};

/// A generated key signs at once where its profile has no signer, so that an emergency key
/// does; otherwise it is staged.
pub(super) fn generate(state: &State, new: &NewKey, now: Timestamp) -> Result<Decision, Refusal> {
    let (key, active) = register(state, new, now)?;
    let staged = staged(state, &key, now);
    let decision = Decision::fact(Fact::KeyGenerated { key, active });
    Ok(if active { decision } else { decision.warn(staged) })
}

pub(super) fn import(state: &State, new: &NewKey, now: Timestamp) -> Result<Decision, Refusal> {
    let (mut key, active) = register(state, new, now)?;
    // Exclusive means made here: whoever made it elsewhere may still have it.
    if key.custody == Custody::Exclusive {
        Arc::make_mut(&mut key.terms).custody = Custody::Shared;
    }
    let staged = (!active && key.custody != Custody::Foreign).then(|| staged(state, &key, now));
    let decision = Decision::fact(Fact::KeyImported { key, active });
    Ok(staged.into_iter().fold(decision, Decision::warn))
}

fn staged(state: &State, key: &KeyRecord, now: Timestamp) -> Warning {
    let signer = seated(state, (&key.profile, &key.purpose), now);
    let signer = signer.map(|signer| signer.record.key_id.clone());
    Warning::Staged { key_id: key.key_id.clone(), signer }
}

fn register(state: &State, new: &NewKey, now: Timestamp) -> Result<(KeyRecord, bool), Refusal> {
    let profile = profile_of(state, &new.profile)?;
    let mut key = record(state, profile, new)?;
    check_terms(new, now)?;
    let parent = new.parent.as_ref().and_then(|parent| state.key(parent));
    if let Some(parent) = parent
        && let Some(succession) = parent.succession()
        && succession.successor != new.key_id
    {
        let (key_id, successor) = (parent.record.key_id.clone(), succession.successor.clone());
        return Err(Refusal::SuccessorExists { key_id, successor });
    }
    key.version = parent.map_or(1, |parent| parent.record.version.saturating_add(1));
    let vacant = seated(state, (&new.profile, &new.purpose), now).is_none();
    let active = vacant && !new.staged && key.custody != Custody::Foreign;
    Ok((key, active))
}

/// Registers a key by its public part, on another store's word. It ends here no later than it
/// does there, so that nothing is believed more for having been carried over (LC-013).
pub(super) fn adopt(
    state: &State,
    adopted: &AdoptedKey,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    let AdoptedKey { new, version, not_after, revocation } = adopted;
    let fingerprint = Fingerprint::of_spki(&new.public_key);
    if state.key(&new.key_id).is_some_and(|key| key.record.fingerprint == fingerprint) {
        return Ok(Decision::nothing());
    }
    let profile = profile_of(state, &new.profile)?;
    let mut key = record(state, profile, new)?;
    key.version = *version;
    let terms = Arc::make_mut(&mut key.terms);
    (terms.custody, terms.max_usage) = (Custody::Foreign, None);
    let mut decision = Decision::fact(Fact::KeyImported { key, active: false });
    if let Some(not_after) = not_after {
        let (key_id, not_after) = (new.key_id.clone(), (*not_after).min(now));
        decision.facts.push(Fact::KeyRetired { key_id, not_after });
    }
    if let Some(revocation) = revocation {
        let Revocation { reason, effective_at, invalidity_date, scope } = *revocation;
        // A compromise takes effect at the latest now.
        let latest = if reason.is_compromise() { now } else { ENDS_LAST };
        decision.facts.push(Fact::KeyRevoked {
            key_id: new.key_id.clone(),
            anchor_id: None,
            reason,
            effective_at: effective_at.min(latest),
            invalidity_date,
            scope,
        });
    }
    Ok(decision)
}

/// What is fixed of a new key whose names are free and whose algorithm is its profile's.
fn record(state: &State, profile: &Profile, new: &NewKey) -> Result<KeyRecord, Refusal> {
    let fingerprint = Fingerprint::of_spki(&new.public_key);
    check_names(state, profile, new, &fingerprint)?;
    if let Some(asked) = new.algorithm
        && asked != profile.algorithm
    {
        let (profile, expected) = (profile.name.clone(), profile.algorithm);
        return Err(Refusal::WrongAlgorithm { profile, expected, asked });
    }
    if let Some(parent) = &new.parent {
        existing(state, parent)?;
    }
    Ok(KeyRecord {
        key_id: new.key_id.clone(),
        expires_at: new.expires_at,
        terms: Arc::new(KeyTerms {
            algorithm: profile.algorithm,
            profile: new.profile.clone(),
            purpose: new.purpose.clone(),
            store: profile.key_store.clone(),
            custody: new.custody,
            max_usage: new.max_usage,
        }),
        origin: KeyOrigin::of(new.parent.clone(), None),
        fingerprint,
        public_key: (*new.public_key).into(),
        version: 1,
    })
}

/// A name is bound to one public key and a public key to one name, for ever (traps HA-10); the
/// halves of a composite key are not keys of their own.
fn check_names(
    state: &State,
    profile: &Profile,
    new: &NewKey,
    fingerprint: &Fingerprint,
) -> Result<(), Refusal> {
    if state.key(&new.key_id).is_some() {
        return Err(Refusal::NameTaken { what: "key", name: new.key_id.as_str().into() });
    }
    if let Some(key) = state.key_of(fingerprint) {
        let (fingerprint, key_id) = (*fingerprint, key.record.key_id.clone());
        return Err(Refusal::PublicKeyTaken { fingerprint, key_id });
    }
    if let Some(key) = state.composite_with_half(fingerprint) {
        return Err(Refusal::HalfOfComposite(key.record.key_id.clone()));
    }
    for half in halves(profile.algorithm, &new.public_key) {
        if let Some(key) = state.key_of(&Fingerprint::of_spki(&half)) {
            return Err(Refusal::HalfOfComposite(key.record.key_id.clone()));
        }
    }
    Ok(())
}

fn check_terms(new: &NewKey, now: Timestamp) -> Result<(), Refusal> {
    if new.expires_at.is_some_and(|end| end <= now) {
        return Err(Refusal::EmptyLimit { what: "the key's expiry" });
    }
    if new.max_usage.is_some_and(|most| most.get() > INTEGER_MAX) {
        return Err(Refusal::EmptyLimit { what: "the number of uses" });
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
    could_sign(state, key, now)?;
    if let Some(signer) = seated(state, (&key.record.profile, &key.record.purpose), now) {
        let (profile, signer) = (key.record.profile.clone(), signer.record.key_id.clone());
        return Err(Refusal::SignerExists { profile, signer });
    }
    let decision = Decision::fact(Fact::KeyPromoted { key_id: key_id.clone() });
    // Nothing else signs, so even a strict profile only warns.
    Ok(rotation::soon(key, now).into_iter().fold(decision, Decision::warn))
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
    if key.destroyed_at().is_some() {
        return Ok(Decision::nothing());
    }
    if key.status(now).signs() {
        return still_needed("it signs; retire, rotate or revoke it first");
    }
    if let Some(signer) = state.signer(&key.record.profile, &key.record.purpose)
        && signer.status(now).signs()
        && signer.succession().is_some_and(|succession| succession.successor == *key_id)
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
    may_sign(state, key, key.usage_granted(), now)?;
    let Some(most) = key.record.max_usage else { return Ok(Decision::nothing()) };
    let granted = key.usage_granted().saturating_add(uses.get()).min(most.get());
    Ok(Decision::fact(Fact::KeyUsageGranted { key_id: key_id.clone(), granted }))
}
