//! The rules: what a command leads to, or why it is refused.

mod anchor;
mod key;
mod revoke;
mod root;
mod rotation;
mod secret;

use alloc::{boxed::Box, vec, vec::Vec};

use crate::{
    canonical::INTEGER_MAX,
    command::{Command, Force, LedgerNote},
    event::Fact,
    id::{AnchorId, Digest, KeyId, ProfileName},
    key::{Custody, Key, Status, due},
    profile::{Profile, Strictness},
    refusal::{Refusal, Unusable, Warning},
    state::State,
    time::Timestamp,
};

/// What a command leads to. No facts: it was so already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
#[expect(clippy::exhaustive_structs, reason = "both parts must be decided about")]
pub struct Decision {
    /// What is to be logged, in this order, in one transaction.
    pub facts: Vec<Fact>,
    /// What the caller is to be told.
    pub warnings: Vec<Warning>,
}

impl Decision {
    fn fact(fact: Fact) -> Self {
        Self { facts: vec![fact], warnings: Vec::new() }
    }

    fn nothing() -> Self {
        Self::default()
    }

    fn warn(mut self, warning: Warning) -> Self {
        self.warnings.push(warning);
        self
    }
}

/// Decides about `command` as things stand, at `now` (which is [`State::now`] of the clock).
///
/// # Errors
/// [`Refusal`]; nothing is to be logged then, but that it was refused.
pub fn decide(state: &State, command: &Command, now: Timestamp) -> Result<Decision, Refusal> {
    match command {
        Command::GenerateKey(new) => key::generate(state, new, now),
        Command::ImportKey(new) => key::import(state, new, now),
        Command::AdoptKey(adopted) => key::adopt(state, adopted, now),
        Command::PromoteKey { key_id } => key::promote(state, key_id, now),
        Command::RetireKey { key_id } => key::retire(state, key_id, now),
        Command::DestroyKey { key_id } => key::destroy(state, key_id, now),
        Command::GrantUsage { key_id, uses } => key::grant(state, key_id, *uses, now),
        Command::BeginRotation { key_id, successor } => {
            rotation::begin(state, key_id, successor, now)
        }
        Command::LogSuccession { key_id, successor, statement } => {
            rotation::attest(state, key_id, successor, (*statement, now))
        }
        Command::CompleteRotation { key_id, force } => {
            rotation::complete(state, key_id, *force, now)
        }
        Command::AbortRotation { key_id } => rotation::abort(state, key_id, now),
        Command::Revoke(revoke) => revoke::revoke(state, revoke, now),
        Command::CreateAnchor { anchor, keys, universal, imported } => {
            let origin = if *imported { anchor::Origin::Imported } else { anchor::Origin::Given };
            anchor::create(
                state,
                anchor,
                keys,
                anchor::Terms { universal: *universal, origin, now },
            )
        }
        Command::DeactivateAnchor { anchor_id } => anchor::deactivate(state, *anchor_id),
        Command::AddKey { to, key_id } => anchor::add_key(state, to, key_id, now),
        Command::Root(command) => root::root(state, command),
        Command::Secret(command) => secret::secret(state, command),
        Command::CreateStore { .. }
        | Command::ReplaceAuthority { .. }
        | Command::RegisterActor { .. }
        | Command::ForgetActor { .. }
        | Command::DefineProfile(_)
        | Command::NoteLedger(_)
        | Command::CreateToken(_)
        | Command::RevokeToken { .. }
        | Command::NoteRefusals { .. }
        | Command::NoteResigned { .. }
        | Command::NoteIncident { .. }
        | Command::AcceptRollback { .. } => record(state, command, now),
    }
}

/// Commands about the store itself, which become one fact each.
#[expect(clippy::wildcard_enum_match_arm, reason = "the caller sends the other commands elsewhere")]
fn record(state: &State, command: &Command, now: Timestamp) -> Result<Decision, Refusal> {
    let fact = match command {
        Command::CreateStore { root_id, authority, log_key } => {
            if state.store().is_some() {
                return Err(Refusal::StoreExists);
            }
            let (root_id, authority) = (*root_id, *authority);
            Fact::StoreCreated { root_id, authority, log_key: log_key.clone() }
        }
        Command::ReplaceAuthority { version, digest } => {
            replace_authority(state, *version, *digest)?
        }
        Command::RegisterActor { actor_id, commitment } => {
            if state.actor(actor_id).is_some() {
                return Ok(Decision::nothing());
            }
            Fact::ActorRegistered { actor_id: actor_id.clone(), commitment: *commitment }
        }
        Command::ForgetActor { actor_id } => match state.actor(actor_id) {
            None => {
                let name = actor_id.as_str().into();
                return Err(Refusal::NoSuchName { what: "actor", name });
            }
            Some(actor) if actor.forgotten => return Ok(Decision::nothing()),
            Some(_) => Fact::ActorForgotten { actor_id: actor_id.clone() },
        },
        Command::DefineProfile(profile) => {
            if state.profile(&profile.name) == Some(profile) {
                return Ok(Decision::nothing());
            }
            Fact::ProfileDefined { profile: profile.clone() }
        }
        Command::CreateToken(token) => {
            if state.token(&token.token_id).is_some() {
                let name = (&*token.token_id).into();
                return Err(Refusal::NameTaken { what: "token", name });
            }
            if token.expires_at <= now {
                return Err(Refusal::EmptyLimit { what: "the token's expiry" });
            }
            Fact::TokenCreated { token: token.clone() }
        }
        Command::RevokeToken { token_id } => {
            if state.token(token_id).is_none() {
                let name = token_id.clone();
                return Err(Refusal::NoSuchName { what: "token", name });
            }
            Fact::TokenRevoked { token_id: token_id.clone() }
        }
        Command::NoteRefusals { command, refusal, key_id, count } => Fact::CommandRefused {
            command: command.clone(),
            refusal: refusal.clone(),
            key_id: key_id.clone(),
            count: (*count).min(INTEGER_MAX),
        },
        Command::NoteResigned { old, new, key_id, reason } => {
            let (old, new, reason) = (*old, *new, *reason);
            Fact::ProofResigned { old, new, key_id: known(state, key_id)?, reason }
        }
        Command::NoteIncident { key_id, report } => {
            Fact::IncidentReported { key_id: known(state, key_id)?, report: *report }
        }
        Command::AcceptRollback { kept_size, kept_root } => Fact::RollbackAccepted {
            kept_size: *kept_size,
            kept_root: *kept_root,
            found_size: state.size(),
        },
        Command::NoteLedger(note) => return Ok(note_ledger(state, *note, now)),
        _ => return Ok(Decision::nothing()),
    };
    Ok(Decision::fact(fact))
}

fn note_ledger(state: &State, note: LedgerNote, now: Timestamp) -> Decision {
    let fact = match note {
        LedgerNote::Head { size, root } => Fact::LedgerHead { size, root },
        LedgerNote::Open { .. } if state.ledger().open_since.is_some() => {
            return Decision::nothing();
        }
        LedgerNote::Open { size } => Fact::LedgerOpened { size },
        LedgerNote::Close { .. } if state.ledger().open_since.is_none() => {
            return Decision::nothing();
        }
        LedgerNote::Close { size } => Fact::LedgerClosed { size },
        LedgerNote::Gap { from } => Fact::LedgerGap { from: from.min(now), to: now },
    };
    Decision::fact(fact)
}

/// Whether `key` may make a signature at `now`: the one such judgement, made where the
/// signature is made and again where its ledger entry is appended (LC-003, LC-011).
///
/// `used` is how many uses are already spoken for; it counts only for a key with `max_usage`.
///
/// # Errors
/// [`Refusal::Unusable`] says why not.
pub fn may_sign(state: &State, key: &Key, used: u64, now: Timestamp) -> Result<(), Refusal> {
    let profile = state.profile(&key.record.profile);
    let strict = profile.is_some_and(|profile| profile.policy == Strictness::Strict);
    let why = match (key.revocation(), key.record.expires_at) {
        (Some(revocation), _) if revocation.reason.is_compromise() => {
            Some(Unusable::Status(key.status(now)))
        }
        (Some(revocation), _) if revocation.effective_at <= now => {
            Some(Unusable::RevokedSince(revocation.effective_at))
        }
        (Some(_), _) if strict => Some(Unusable::RevocationPending),
        (_, Some(end)) if end <= now => Some(Unusable::ExpiredAt(end)),
        _ if !key.status(now).signs() => Some(Unusable::Status(key.status(now))),
        _ if key.destroyed_at().is_some() => Some(Unusable::Destroyed),
        _ if key.record.custody == Custody::Foreign => Some(Unusable::Foreign),
        _ if key.record.max_usage.is_some_and(|most| used >= most.get()) => Some(Unusable::UsedUp),
        _ if profile.is_some_and(|profile| due::too_old_to_sign(key, &profile.rotation, now)) => {
            Some(Unusable::TooOld)
        }
        _ => None,
    };
    let refusal = |why| Refusal::Unusable { key_id: key.record.key_id.clone(), why };
    why.map_or(Ok(()), |why| Err(refusal(why)))
}

/// Whether `key` could sign at `now` if it were the signer: asked before it becomes one.
fn could_sign(state: &State, key: &Key, now: Timestamp) -> Result<(), Refusal> {
    let seated = Key { standing: Status::Active, ..key.clone() };
    may_sign(state, &seated, key.usage_granted(), now)
}

/// The key that holds the seat of a profile and purpose: ACTIVE or ROTATING, and not over for
/// good. A key that only rests (too old for its profile, or about to be revoked under a strict
/// one) holds it too: a second signer beside it could not be taken back.
fn seated<'s>(
    state: &'s State,
    (profile, purpose): (&ProfileName, &str),
    now: Timestamp,
) -> Option<&'s Key> {
    let over = |key: &Key| key.record.expires_at.is_some_and(|end| end <= now);
    state.signer(profile, purpose).filter(|key| key.status(now).signs() && !over(key))
}

fn known(state: &State, key_id: &KeyId) -> Result<KeyId, Refusal> {
    existing(state, key_id).map(|key| key.record.key_id.clone())
}

fn existing<'s>(state: &'s State, key_id: &KeyId) -> Result<&'s Key, Refusal> {
    state.key(key_id).ok_or_else(|| Refusal::NoSuchKey(key_id.clone()))
}

fn profile_of<'s>(state: &'s State, name: &ProfileName) -> Result<&'s Profile, Refusal> {
    state.profile(name).ok_or_else(|| Refusal::NoSuchProfile(name.clone()))
}

fn existing_anchor(state: &State, id: AnchorId) -> Result<(u32, &crate::anchor::Anchor), Refusal> {
    let number = state.anchor_number(&id).ok_or(Refusal::NoSuchAnchor(id))?;
    let anchor = state.anchor_at(number).ok_or(Refusal::NoSuchAnchor(id))?;
    Ok((number, anchor))
}

fn wrong_status(key: &Key, wanted: &'static str, now: Timestamp) -> Refusal {
    Refusal::WrongStatus { key_id: key.record.key_id.clone(), status: key.status(now), wanted }
}

/// Under a strict profile what is unwise is refused, unless it is forced.
fn unwise(profile: Option<&Profile>, force: Force, warning: Warning) -> Result<Warning, Refusal> {
    match (profile, force) {
        (Some(profile), Force::No) if profile.policy == Strictness::Strict => {
            Err(Refusal::Strict { profile: profile.name.clone(), warning: Box::new(warning) })
        }
        (Some(_) | None, Force::No | Force::Yes) => Ok(warning),
    }
}

/// Versions only go up. After a rollback was accepted, some that verifiers have seen are missing.
fn replace_authority(state: &State, version: u64, digest: Digest) -> Result<Fact, Refusal> {
    if state.store().is_none_or(|store| version <= store.authority_version) {
        return Err(Refusal::AuthorityMovedOn);
    }
    Ok(Fact::AuthorityReplaced { version, digest })
}
