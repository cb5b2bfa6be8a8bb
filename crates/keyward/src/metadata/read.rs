//! What a document asks for: every key checked, and parents before those that follow them.

use std::collections::HashMap;

use keyward_crypto::spki;
use keyward_lifecycle::{
    algorithm::Algorithm,
    command::{AdoptedKey, Command},
    id::{Fingerprint, KeyId, ProfileName},
    key::{CompromiseScope, Custody, Reason, Revocation, Status},
    state::State,
    time::Timestamp,
};

use super::{
    ImportMetadataError, KeyFault, KeyMetadata, METADATA_KEYS_MAX, METADATA_SCHEMA,
    MetadataDocument, RevocationMetadata,
};
use crate::key::KeyRequest;

/// What is to be done about a document.
#[derive(Debug)]
pub(super) struct Plan {
    /// One for each key that is not here.
    pub(super) commands: Vec<Command>,
    /// The keys that are here, with their status in the document.
    pub(super) known: Vec<(KeyId, Status)>,
}

/// Reads all of `document`, as things stand at `now`.
pub(super) fn plan(
    state: &State,
    document: &MetadataDocument,
    now: Timestamp,
) -> Result<Plan, ImportMetadataError> {
    let MetadataDocument { schema, exported_at: _, keys } = document;
    if schema != METADATA_SCHEMA {
        return Err(ImportMetadataError::Schema(schema.chars().take(SHOWN_CHARS_MAX).collect()));
    }
    if keys.len() > METADATA_KEYS_MAX {
        return Err(ImportMetadataError::TooManyKeys(keys.len()));
    }
    let mut plan = Plan { commands: Vec::new(), known: Vec::new() };
    let family = Family::of(keys)?;
    for (place, key) in family.in_order(state)? {
        let at_fault = |fault| fault_at(place, key, fault);
        let spki = public_key(key).map_err(at_fault)?;
        let here = state.key(&key.key_id);
        if here.is_some_and(|here| here.record.fingerprint == key.fingerprint) {
            plan.known.push((key.key_id.clone(), key.status));
            continue;
        }
        let adopted = adopted(state, key, &spki, now).map_err(at_fault)?;
        plan.commands.push(Command::AdoptKey(Box::new(adopted)));
    }
    Ok(plan)
}

/// How much has ended with a status.
pub(super) const fn severity(status: Status) -> u8 {
    match status {
        Status::Staged | Status::Active | Status::Rotating => 0,
        Status::Deprecated => 1,
        Status::Revoked => 2,
        Status::Compromised => 3,
    }
}

/// The canonical SPKI, which has the algorithm and the fingerprint that are stated.
fn public_key(key: &KeyMetadata) -> Result<Vec<u8>, KeyFault> {
    let unreadable = |_| KeyFault::PublicKey;
    let spki = spki::from_pem(&key.public_key).map_err(|_| KeyFault::PublicKey)?;
    let (stated, found) = (key.algorithm, spki::algorithm_of_spki(&spki).map_err(unreadable)?);
    if stated != found {
        return Err(KeyFault::Algorithm { stated, found });
    }
    let verify = keyward_crypto::STANDARD.get(found).ok_or(KeyFault::PublicKey)?;
    verify.public_key(&spki).map_err(unreadable)?;
    let fingerprint = Fingerprint::of_spki(&spki);
    if fingerprint != key.fingerprint {
        return Err(KeyFault::Fingerprint(fingerprint));
    }
    Ok(spki)
}

fn adopted(
    state: &State,
    key: &KeyMetadata,
    spki: &[u8],
    now: Timestamp,
) -> Result<AdoptedKey, KeyFault> {
    let profile = profile(state, key).ok_or(KeyFault::NoProfile(key.algorithm))?;
    let revocation = revocation(key, now)?;
    let not_after = match (key.status, key.retired_at) {
        (Status::Deprecated, None) => return Err(KeyFault::NoRetirement),
        (_, retired_at) => retired_at,
    };
    let request = KeyRequest {
        algorithm: Some(key.algorithm),
        purpose: Some(key.purpose.clone()),
        expires_at: expiry(key, revocation.as_ref()),
        parent: parent(key).cloned(),
        staged: true,
        ..KeyRequest::new(key.key_id.clone(), profile)
    };
    let new = request.new_key(spki, Custody::Foreign).map_err(|_| KeyFault::Purpose)?;
    Ok(AdoptedKey { new, version: key.version, not_after, revocation })
}

/// The profile of that name, if its keys are of that algorithm; else the first whose are.
fn profile(state: &State, key: &KeyMetadata) -> Option<ProfileName> {
    let fits = |algorithm: Algorithm| algorithm == key.algorithm;
    let named = state.profile(&key.profile).filter(|profile| fits(profile.algorithm));
    let found = named.or_else(|| state.profiles().find(|profile| fits(profile.algorithm)));
    found.map(|profile| profile.name.clone())
}

/// The revocation, no better than the status says.
fn revocation(key: &KeyMetadata, now: Timestamp) -> Result<Option<Revocation>, KeyFault> {
    let over = matches!(key.status, Status::Revoked | Status::Compromised);
    let Some(RevocationMetadata { reason, effective_at, invalidity_date, scope }) = &key.revocation
    else {
        return if over { Err(KeyFault::NoRevocation(key.status)) } else { Ok(None) };
    };
    let compromised = key.status == Status::Compromised;
    Ok(Some(Revocation {
        reason: if compromised { Reason::KeyCompromise } else { Reason::imported(reason) },
        effective_at: if over { (*effective_at).min(now) } else { *effective_at },
        invalidity_date: *invalidity_date,
        scope: if scope == "key" { CompromiseScope::Key } else { CompromiseScope::Server },
    }))
}

/// When it expires; a last good instant before every other end is an expiry too.
fn expiry(key: &KeyMetadata, revocation: Option<&Revocation>) -> Option<Timestamp> {
    let last = key.not_after.map(|last| Timestamp::from_nanos(last.nanos().saturating_add(1)));
    let ends = [key.expires_at, key.retired_at, revocation.map(Revocation::ends_at)];
    let end = ends.into_iter().flatten().min();
    match last {
        Some(last) if end.is_none_or(|end| last < end) => Some(last),
        Some(_) | None => key.expires_at,
    }
}

/// The key that it follows, or else the first of its lineage.
fn parent(key: &KeyMetadata) -> Option<&KeyId> {
    key.parent_id.as_ref().or_else(|| Some(&key.lineage).filter(|first| **first != key.key_id))
}

fn fault_at(place: usize, key: &KeyMetadata, fault: KeyFault) -> ImportMetadataError {
    ImportMetadataError::Key { place, key_id: key.key_id.clone(), fault }
}

/// The keys of a document, to be found by name.
struct Family<'d> {
    keys: &'d [KeyMetadata],
    places: HashMap<&'d KeyId, usize>,
}

/// How far a key has come in the order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Waiting,
    Underway,
    Placed,
}

impl<'d> Family<'d> {
    fn of(keys: &'d [KeyMetadata]) -> Result<Self, ImportMetadataError> {
        let mut places = HashMap::new();
        for (place, key) in keys.iter().enumerate() {
            if places.insert(&key.key_id, place).is_some() {
                return Err(fault_at(place, key, KeyFault::Twice));
            }
        }
        Ok(Self { keys, places })
    }

    /// The keys with their places, each after the one that it follows.
    fn in_order(
        &self,
        state: &State,
    ) -> Result<Vec<(usize, &'d KeyMetadata)>, ImportMetadataError> {
        let mut marks = vec![Mark::Waiting; self.keys.len()];
        let mut order = Vec::with_capacity(self.keys.len());
        for first in 0..self.keys.len() {
            let mut chain = Vec::new();
            let mut next = Some(first);
            while let Some((place, key)) = next.and_then(|at| Some((at, self.keys.get(at)?))) {
                let Some(mark) = marks.get_mut(place) else { break };
                match mark {
                    Mark::Placed => break,
                    Mark::Underway => return Err(fault_at(place, key, KeyFault::Loop)),
                    Mark::Waiting => *mark = Mark::Underway,
                }
                chain.push((place, key));
                next = self.before(state, key).map_err(|fault| fault_at(place, key, fault))?;
            }
            for (place, key) in chain.into_iter().rev() {
                if let Some(mark) = marks.get_mut(place) {
                    *mark = Mark::Placed;
                }
                order.push((place, key));
            }
        }
        Ok(order)
    }

    /// The place of the key that `key` follows, if the document has it.
    fn before(&self, state: &State, key: &KeyMetadata) -> Result<Option<usize>, KeyFault> {
        let Some(parent) = parent(key) else { return Ok(None) };
        let Some(place) = self.places.get(parent) else {
            let is_here = state.key(parent).is_some() || state.key(&key.key_id).is_some();
            return if is_here { Ok(None) } else { Err(KeyFault::NoParent(parent.clone())) };
        };
        match self.keys.get(*place) {
            Some(before) if before.lineage != key.lineage => Err(KeyFault::Lineage(parent.clone())),
            Some(_) | None => Ok(Some(*place)),
        }
    }
}

/// How much of a foreign word is shown, in characters.
const SHOWN_CHARS_MAX: usize = 64;
