//! Proof bundles of this store: kept, found, signed anew.

use keyward_lifecycle::{
    bundle::Bundle,
    canonical,
    command::Command,
    envelope::{Envelope, IN_TOTO_PAYLOAD_TYPE},
    id::{ActorId, ContentId, Digest, KeyId},
    key::Reason,
    ledger::Entry,
    statement::STATEMENT_BYTES_MAX,
    verify::CLAIM_MEMBERS,
};
use serde::Serialize;

use crate::{
    engine::{Keyward, unavailable},
    signing::{Content, KeyChoice, SignError, SignRequest, Signed},
    storage::{LedgerIndex, Shelf, proof_name},
    verification::Found,
    writer::ExecuteError,
};

/// The DSSE payload type of a re-signing statement.
pub const RESIGNING_PAYLOAD_TYPE: &str = "application/vnd.keyward.re-signing+json";

/// A proof that was signed anew: the old one stands as it was.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Resigned {
    /// The new proof, the same content under the new key.
    pub new: Signed,
    /// The statement that binds old and new.
    pub statement: Signed,
}

impl Keyward {
    /// The envelope of a proof, as it was when it was kept: its bytes are checked against its
    /// address.
    ///
    /// # Errors
    /// [`ExecuteError::Unavailable`], also for a proof whose bytes are not its own any more.
    pub fn envelope(&self, id: &ContentId) -> Result<Option<Envelope>, ExecuteError> {
        let Some(bytes) = self.kept_bytes(id)? else { return Ok(None) };
        if ContentId::of(&bytes) != *id {
            let text = format!("proof {id} was changed from outside; restore the database");
            return Err(ExecuteError::Unavailable(text.into()));
        }
        Envelope::parse(&bytes).map(Some).map_err(|error| unavailable(&error))
    }

    /// As [`Self::envelope`], but `None` also for bytes that are not the proof's own.
    pub(crate) fn intact_envelope(&self, id: &ContentId) -> Result<Option<Envelope>, ExecuteError> {
        let bytes = self.kept_bytes(id)?.filter(|bytes| ContentId::of(bytes) == *id);
        Ok(bytes.and_then(|bytes| Envelope::parse(&bytes).ok()))
    }

    fn kept_bytes(&self, id: &ContentId) -> Result<Option<Vec<u8>>, ExecuteError> {
        let found = self.shared.storage.item(Shelf::Proof, &proof_name(id));
        found.map_err(|error| unavailable(&error))
    }

    /// A proof with its evidence, fit to travel.
    ///
    /// # Errors
    /// [`ExecuteError::Unavailable`].
    pub fn bundle(&self, id: &ContentId) -> Result<Option<Bundle>, ExecuteError> {
        let Some(envelope) = self.envelope(id)? else { return Ok(None) };
        let pae = Digest::of(&envelope.pae());
        let state = self.state();
        let mut evidence = Vec::new();
        for signature in envelope.signatures() {
            let digest = Digest::of(&signature.signature);
            let id = signature.key_id.as_deref().and_then(|id| KeyId::parse(id).ok());
            let Some(key) = id.and_then(|id| state.key(&id)) else { continue };
            let found = self.shared.ledger_proof(&key.record.fingerprint, &pae, &digest);
            if let Found::Proven(proof, _) = found.map_err(|error| unavailable(&error))? {
                evidence.push(*proof);
            }
        }
        Bundle::new(envelope, evidence).map(Some).map_err(|error| unavailable(&error))
    }

    /// The ledger's entries of a key, in the order in which they were made.
    ///
    /// # Errors
    /// [`ExecuteError`].
    pub fn entries_of_key(
        &self,
        key_id: &KeyId,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<Entry>, ExecuteError> {
        let state = self.state();
        let no_key = || keyward_lifecycle::refusal::Refusal::NoSuchKey(key_id.clone());
        let key = state.key(key_id).ok_or_else(no_key)?;
        let find = LedgerIndex::Key(key.record.fingerprint);
        let places = self.shared.storage.ledger(find, after, limit.min(ENTRIES_PAGE_MAX));
        let places = places.map_err(|error| unavailable(&error))?;
        let entries = places.into_iter().filter_map(|place| self.shared.entry(place).transpose());
        entries.collect::<Result<_, _>>().map_err(|error| unavailable(&error))
    }

    /// Signs a proof's content anew with another key, and a statement that says so. The old
    /// proof is not touched (SO-001, SO-106). A statement that claims a time of signing claims
    /// that of the new signature: the old time may be before the new key was believed.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn resign(
        &self,
        actor: &ActorId,
        old: &ContentId,
        key_id: &KeyId,
        reason: Reason,
    ) -> Result<Resigned, SignError> {
        let envelope = self.envelope(old)?.ok_or(SignError::NoSuchProof(*old))?;
        let bytes = self.claimed_now(&envelope)?;
        let payload_type = envelope.payload_type().to_owned();
        let keys = vec![KeyChoice::Id(key_id.clone())];
        let content = Content::Payload { payload_type, bytes };
        let new = self.sign(actor, &SignRequest { keys: keys.clone(), content })?;
        let old_keys = envelope.signatures().iter().filter_map(|one| one.key_id.clone());
        let statement = ResigningStatement {
            v: 1,
            old: *old,
            new: new.proof,
            old_key_ids: old_keys.collect(),
            new_key_id: key_id,
            reason,
            time: self.now(),
        };
        let bytes = canonical::to_bytes(&statement)?;
        let payload_type = RESIGNING_PAYLOAD_TYPE.to_owned();
        let content = Content::Payload { payload_type, bytes };
        let statement = self.sign(actor, &SignRequest { keys, content })?;
        let (old, key_id) = (*old, key_id.clone());
        let command = Command::NoteResigned { old, new: new.proof, key_id, reason };
        let _ = self.execute(actor, command)?;
        Ok(Resigned { new, statement })
    }

    fn claimed_now(&self, envelope: &Envelope) -> Result<Vec<u8>, SignError> {
        let same = || Ok(envelope.payload().to_vec());
        if envelope.payload_type() != IN_TOTO_PAYLOAD_TYPE {
            return same();
        }
        let limits = canonical::Limits::new(STATEMENT_BYTES_MAX, 64);
        let Ok(mut statement) = canonical::read_strict(envelope.payload(), limits) else {
            return same();
        };
        let predicate = statement.get_mut("predicate").and_then(serde_json::Value::as_object_mut);
        let claims = predicate.into_iter().flat_map(|predicate| {
            predicate.iter_mut().filter(|(name, _)| CLAIM_MEMBERS.contains(&name.as_str()))
        });
        let now = self.now().to_string();
        let mut changed = false;
        for (_, claim) in claims {
            *claim = serde_json::Value::String(now.clone());
            changed = true;
        }
        if changed { Ok(canonical::to_bytes(&statement)?) } else { same() }
    }
}

/// Most entries in one answer.
pub const ENTRIES_PAGE_MAX: u32 = 10_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResigningStatement<'s> {
    v: u8,
    old: ContentId,
    new: ContentId,
    old_key_ids: Vec<String>,
    new_key_id: &'s KeyId,
    reason: Reason,
    time: keyward_lifecycle::time::Timestamp,
}
