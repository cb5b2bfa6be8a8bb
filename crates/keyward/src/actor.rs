//! Who acts: pseudonyms in the log, names in the erasable side table.

use keyward_crypto::random;
use keyward_lifecycle::{
    command::Command,
    id::{ActorId, Digest},
    state::ActorFold,
};
use serde::{Deserialize, Serialize};
use std::sync::PoisonError;

use crate::{
    engine::{Keyward, unavailable},
    storage::{Item, ItemChange, Shelf},
    writer::ExecuteError,
};

/// Longest name of a person or service, in bytes.
pub const IDENTITY_BYTES_MAX: usize = 512;
/// Most pseudonyms remembered between calls.
const ACTORS_KNOWN_MAX: usize = 10_000;

/// A pseudonym with the name behind it, if that was not erased.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what is listed")]
pub struct KnownActor {
    /// The pseudonym in the log.
    pub actor_id: ActorId,
    /// The name; `None` when it was erased, or is not the one that the log's commitment binds.
    pub identity: Option<String>,
    /// Whether it was erased on purpose.
    pub forgotten: bool,
}

#[derive(Serialize, Deserialize)]
struct Side {
    identity: String,
    salt: String,
}

impl Keyward {
    /// The pseudonym of a person or service (`local:1000`, `token:ci`); the first time it is
    /// made up, and the name put into the side table.
    ///
    /// # Errors
    /// [`ExecuteError`].
    pub fn actor(&self, identity: &str) -> Result<ActorId, ExecuteError> {
        let identity: String = identity.chars().take(IDENTITY_BYTES_MAX / 4).collect();
        let mut known = self.shared.actors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(actor) = known.get(&identity) {
            return Ok(actor.clone());
        }
        let name = identity_name(&identity);
        let found = self.shared.storage.item(Shelf::Side, &name).map_err(|e| unavailable(&e))?;
        let parsed = found.and_then(|bytes| ActorId::parse(std::str::from_utf8(&bytes).ok()?).ok());
        // The side table is outside the log: a row that the log's commitment does not bind
        // would let one act under another's name.
        let bound = match parsed {
            Some(actor) if self.actor_identity(&actor)?.as_ref() == Some(&identity) => Some(actor),
            Some(_) | None => None,
        };
        let actor = match bound {
            Some(actor) => actor,
            None => self.introduce(&identity, name)?,
        };
        if known.len() >= ACTORS_KNOWN_MAX {
            known.clear();
        }
        known.insert(identity, actor.clone());
        Ok(actor)
    }

    fn introduce(&self, identity: &str, name: Vec<u8>) -> Result<ActorId, ExecuteError> {
        let random = random::bytes::<48>().map_err(|error| unavailable(&error))?;
        let (id, salt) = random.split_at(16);
        let text = format!("a-{}", hex::encode(id));
        let actor = ActorId::parse(&text).map_err(|error| unavailable(&error))?;
        let commitment = Digest::of(&[salt, identity.as_bytes()].concat());
        let side = Side { identity: identity.to_owned(), salt: hex::encode(salt) };
        let side = serde_json::to_vec(&side).map_err(|error| unavailable(&error))?;
        let items =
            vec![put(name, actor.as_str().as_bytes().to_vec()), put(actor_name(&actor), side)];
        let command = Command::RegisterActor { actor_id: actor.clone(), commitment };
        let _ = self.execute_with(&self.shared.system_actor, vec![command], items)?;
        Ok(actor)
    }

    /// Erases the name behind a pseudonym. The log keeps the pseudonym, and no proof breaks.
    ///
    /// # Errors
    /// [`ExecuteError::Refused`] when there is no such pseudonym, or another.
    pub fn forget_actor(&self, by: &ActorId, actor: &ActorId) -> Result<(), ExecuteError> {
        let mut items = vec![ItemChange::Remove(Shelf::Side, actor_name(actor))];
        // Held until the name is gone for good: nobody remembers it meanwhile.
        let mut known = self.shared.actors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(identity) = self.actor_identity(actor)? {
            items.push(ItemChange::Remove(Shelf::Side, identity_name(&identity)));
            known.remove(&identity);
        }
        let command = Command::ForgetActor { actor_id: actor.clone() };
        self.execute_with(by, vec![command], items).map(drop)
    }

    /// The name behind a pseudonym; `None` once it is erased, or if its text does not agree
    /// with the log's commitment.
    ///
    /// # Errors
    /// [`ExecuteError::Unavailable`].
    pub fn actor_identity(&self, actor: &ActorId) -> Result<Option<String>, ExecuteError> {
        let state = self.state();
        let Some(known) = state.actor(actor) else { return Ok(None) };
        let found = self.shared.storage.item(Shelf::Side, &actor_name(actor));
        let Some(bytes) = found.map_err(|error| unavailable(&error))? else { return Ok(None) };
        let side: Option<Side> = serde_json::from_slice(&bytes).ok();
        Ok(side.and_then(|side| {
            let salt = hex::decode(&side.salt).ok()?;
            let commitment = Digest::of(&[&salt, side.identity.as_bytes()].concat());
            (commitment == known.commitment).then_some(side.identity)
        }))
    }

    /// Every pseudonym of the log, with the name where it is still known.
    ///
    /// # Errors
    /// [`ExecuteError::Unavailable`].
    pub fn actors(&self) -> Result<Vec<KnownActor>, ExecuteError> {
        let known = |(actor_id, fold): (&ActorId, &ActorFold)| {
            let (actor_id, forgotten) = (actor_id.clone(), fold.forgotten);
            let identity = self.actor_identity(&actor_id)?;
            Ok(KnownActor { actor_id, identity, forgotten })
        };
        self.state().actors().map(known).collect()
    }
}

/// The system itself, in events that nobody asked for.
pub(crate) fn system() -> ActorId {
    // The literal is well formed; the other arm is not reached.
    ActorId::parse("system").unwrap_or_else(|_| system())
}

const ACTOR_PREFIX: &[u8] = b"actor/";

fn actor_name(actor: &ActorId) -> Vec<u8> {
    [ACTOR_PREFIX, actor.as_str().as_bytes()].concat()
}

fn identity_name(identity: &str) -> Vec<u8> {
    [b"identity/".as_slice(), identity.as_bytes()].concat()
}

fn put(name: Vec<u8>, bytes: Vec<u8>) -> ItemChange {
    ItemChange::Put(Shelf::Side, Item { name, bytes })
}
