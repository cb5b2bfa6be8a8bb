//! Making signatures: sign, enter into the ledger, release.

use std::sync::{Arc, PoisonError};

use keyward_lifecycle::{
    bundle::bundle_id,
    canonical::Uncanonical,
    command::{Command, LedgerNote},
    decide::may_sign,
    envelope::{Envelope, IN_TOTO_PAYLOAD_TYPE, MalformedEnvelope, Signature, pae},
    id::{ActorId, ContentId, Digest, KeyId, ProfileName},
    key::Key,
    profile::LedgerMode,
    purl::Purl,
    refusal::Refusal,
    state::State,
    statement::{MalformedStatement, PredicateType, Statement},
    time::Timestamp,
};
use serde_json::{Value, json};

use crate::{
    engine::Keyward,
    key::{KeyError, PURPOSE},
    storage::{Item, ItemChange, Shelf, proof_name},
    writer::{Enter, EntryPurpose, ExecuteError, Job, NewEntry, Release},
};

/// What is to be signed, and by whom.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "made from a request, member by member")]
pub struct SignRequest {
    /// The keys; each adds a signature. At least one.
    pub keys: Vec<KeyChoice>,
    /// What they sign.
    pub content: Content,
}

/// Which key signs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two ways to say it")]
pub enum KeyChoice {
    /// That one.
    Id(KeyId),
    /// The active key of a profile.
    Profile(ProfileName),
}

/// What is signed. Keyward signs envelopes, never bare bytes.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_enums, reason = "every kind is signed in its own way")]
pub enum Content {
    /// Bytes of a given type, wrapped.
    Payload {
        /// The DSSE payload type.
        payload_type: String,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// An in-toto statement about an artifact.
    Statement {
        /// The artifact's package URL.
        purl: Purl,
        /// Its SHA-256.
        digest: Digest,
        /// What kind of statement.
        predicate_type: PredicateType,
        /// The predicate; without one, a predicate with the time of signing.
        predicate: Option<Value>,
    },
    /// An envelope that others have signed.
    Envelope(Envelope),
}

/// A released signature.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Signed {
    /// The envelope.
    pub envelope: Envelope,
    /// The address of its proof bundle.
    pub proof: ContentId,
    /// Who signed, in the order of the request.
    pub key_ids: Vec<KeyId>,
}

/// The runbook's purpose and the one active key for it.
fn choose<'s>(state: &'s State, choice: &KeyChoice) -> Result<&'s Key, SignError> {
    match choice {
        KeyChoice::Id(id) => state.key(id).ok_or_else(|| Refusal::NoSuchKey(id.clone()).into()),
        KeyChoice::Profile(name) => {
            if state.profile(name).is_none() {
                return Err(Refusal::NoSuchProfile(name.clone()).into());
            }
            state.signer(name, PURPOSE).ok_or_else(|| SignError::NoSigner(name.clone()))
        }
    }
}

impl Keyward {
    /// Signs. By default the ledger has the signature for good before it is released; a key of
    /// a `buffered` profile releases it under a lease, and the entry follows.
    ///
    /// A rotation may replace a profile's key between the choice and the entry, which the writer
    /// then refuses; its successor is asked, so that rotating stops nobody.
    ///
    /// # Errors
    /// [`SignError`]; then no signature was released.
    pub fn sign(&self, actor: &ActorId, request: &SignRequest) -> Result<Signed, SignError> {
        match self.sign_or_successor(actor, request) {
            Err(SignError::Execute(ExecuteError::Refused(refusal))) => {
                Err(self.log_refused(actor, "sign", refusal).into())
            }
            outcome => outcome,
        }
    }

    fn sign_or_successor(
        &self,
        actor: &ActorId,
        request: &SignRequest,
    ) -> Result<Signed, SignError> {
        for _ in 0..SUCCESSORS_ASKED_MAX {
            match self.sign_once(actor, request) {
                Err(SignError::Execute(ExecuteError::Refused(Refusal::Unusable {
                    key_id,
                    ..
                }))) if self.is_replaced(request, &key_id) => {}
                outcome => return outcome,
            }
        }
        self.sign_once(actor, request)
    }

    /// Whether `key_id` signed for a profile that `request` names, and another key does now: the
    /// writer answers when the state in which it refused is published.
    fn is_replaced(&self, request: &SignRequest, key_id: &KeyId) -> bool {
        let state = self.state();
        let profile = state.key(key_id).map(|key| key.record.profile.clone());
        request.keys.iter().any(|choice| match choice {
            KeyChoice::Id(_) => false,
            KeyChoice::Profile(name) => {
                let signer = state.signer(name, PURPOSE);
                profile.as_ref() == Some(name)
                    && signer.is_some_and(|signer| signer.record.key_id != *key_id)
            }
        }) && !request.keys.iter().any(|choice| *choice == KeyChoice::Id(key_id.clone()))
    }

    fn sign_once(&self, actor: &ActorId, request: &SignRequest) -> Result<Signed, SignError> {
        self.shared.check_may_do(&[Command::NoteLedger(LedgerNote::Open { size: 0 })])?;
        if request.keys.is_empty() || request.keys.len() > SIGNERS_MAX {
            return Err(SignError::SignerCount);
        }
        // From here until the release the lease is held: a revocation that is published
        // meanwhile waits for it, so nothing below may wait for the writer.
        let lease = self.shared.leases.read().unwrap_or_else(PoisonError::into_inner);
        let state = self.state();
        let keys = match usable(&state, &request.keys, self.now()) {
            Ok(keys) => keys,
            Err(SignError::Key(KeyError::Execute(ExecuteError::Refused(refusal)))) => {
                drop(lease);
                return Err(SignError::Key(self.log_refused(actor, "sign", refusal)));
            }
            Err(error) => return Err(error),
        };
        let buffered = is_buffered(&state, &keys);
        let drafted = self.draft(&request.content)?;
        let Made { entries, items, signed } = self.make(actor, &keys, drafted)?;
        if !buffered {
            drop(lease);
            return self.release_durable(entries, items, signed);
        }
        if state.ledger().open_since.is_none() {
            drop(lease);
            self.open_ledger()?;
            return self.release_durable(entries, items, signed);
        }
        let job = Job::Enter(Enter { entries, items, release: Release::Leased });
        match self.shared.offer(job)? {
            None => {
                drop(lease);
                Ok(signed)
            }
            // The writer is behind: this one waits for it like a durable one.
            Some(Job::Enter(Enter { entries, items, .. })) => {
                drop(lease);
                self.release_durable(entries, items, signed)
            }
            Some(_) => Err(ExecuteError::Halted.into()),
        }
    }

    fn release_durable(
        &self,
        entries: Vec<NewEntry>,
        items: Vec<ItemChange>,
        signed: Signed,
    ) -> Result<Signed, SignError> {
        self.shared
            .ask(|reply| Job::Enter(Enter { entries, items, release: Release::Durable(reply) }))?;
        Ok(signed)
    }

    /// The mark that an unclean stop from now on leaves a gap is durable before the first
    /// signature is released early.
    fn open_ledger(&self) -> Result<(), ExecuteError> {
        let size = self.shared.storage.heads().map_or(0, |heads| heads.ledger);
        let command = Command::NoteLedger(LedgerNote::Open { size });
        self.execute(&self.shared.system_actor, command).map(drop)
    }

    fn draft(&self, content: &Content) -> Result<Drafted, SignError> {
        match content {
            Content::Payload { payload_type, bytes } => Ok(Drafted {
                payload_type: payload_type.clone(),
                subject: Digest::of(bytes),
                predicate_type: payload_type.as_str().into(),
                payload: bytes.clone(),
                signed: Vec::new(),
            }),
            Content::Statement { purl, digest, predicate_type, predicate } => {
                let claimed = || json!({ "issuedAt": self.now() });
                let predicate = predicate.clone().unwrap_or_else(claimed);
                let resolved = predicate_type.resolved().as_ref().into();
                let kind = predicate_type.clone();
                let statement = Statement::of_artifact(purl.as_str(), *digest, kind, predicate)?;
                Ok(Drafted {
                    payload_type: IN_TOTO_PAYLOAD_TYPE.to_owned(),
                    payload: statement.to_bytes()?,
                    subject: *digest,
                    predicate_type: resolved,
                    signed: Vec::new(),
                })
            }
            Content::Envelope(envelope) => Ok(of_envelope(envelope)),
        }
    }

    fn make(&self, actor: &ActorId, keys: &[&Key], drafted: Drafted) -> Result<Made, SignError> {
        let message = pae(&drafted.payload_type, &drafted.payload);
        let pae = Digest::of(&message);
        let mut signatures = drafted.signed;
        let mut made = Vec::with_capacity(keys.len());
        for key in keys {
            let signature = self.sign_with(key, &message)?;
            made.push((key.record.key_id.clone(), Digest::of(&signature)));
            let key_id = Some(key.record.key_id.to_string());
            signatures.push(Signature { key_id, signature });
        }
        let envelope = assemble(&drafted.payload_type, drafted.payload, signatures)?;
        let proof = bundle_id(&envelope)?;
        let entries = made.iter().map(|(key_id, signature)| NewEntry {
            key_id: key_id.clone(),
            actor: actor.clone(),
            pae,
            signature: *signature,
            subject: drafted.subject,
            predicate_type: drafted.predicate_type.clone(),
            proof,
            purpose: EntryPurpose::Content,
        });
        let entries = entries.collect();
        let items = vec![proof_item(&envelope, &proof)?];
        let key_ids = made.into_iter().map(|(key_id, _)| key_id).collect();
        Ok(Made { entries, items, signed: Signed { envelope, proof, key_ids } })
    }
}

fn usable<'s>(
    state: &'s State,
    choices: &[KeyChoice],
    now: Timestamp,
) -> Result<Vec<&'s Key>, SignError> {
    choices
        .iter()
        .map(|choice| {
            let key = choose(state, choice)?;
            may_sign(state, key, 0, now)?;
            Ok(key)
        })
        .collect()
}

/// Whether every key's profile lets signatures go before their entries are durable. A key
/// whose uses are counted never does.
fn is_buffered(state: &State, keys: &[&Key]) -> bool {
    keys.iter().all(|key| {
        let mode = state.profile(&key.record.profile).map(|profile| profile.ledger);
        mode == Some(LedgerMode::Buffered) && key.record.max_usage.is_none()
    })
}

/// An envelope before it is signed.
struct Drafted {
    payload_type: String,
    payload: Vec<u8>,
    subject: Digest,
    predicate_type: Arc<str>,
    signed: Vec<Signature>,
}

/// Signatures that are made and not released.
struct Made {
    entries: Vec<NewEntry>,
    items: Vec<ItemChange>,
    signed: Signed,
}

fn of_envelope(envelope: &Envelope) -> Drafted {
    let statement = if envelope.payload_type() == IN_TOTO_PAYLOAD_TYPE {
        Statement::parse(envelope.payload()).ok()
    } else {
        None
    };
    let subject = statement.as_ref().and_then(|it| it.subjects().first()?.sha256());
    let kind = statement.as_ref().map(|it| it.predicate_type().resolved().into_owned());
    Drafted {
        payload_type: envelope.payload_type().to_owned(),
        payload: envelope.payload().to_vec(),
        subject: subject.unwrap_or_else(|| Digest::of(envelope.payload())),
        predicate_type: kind.unwrap_or_else(|| envelope.payload_type().to_owned()).into(),
        signed: envelope.signatures().to_vec(),
    }
}

/// An envelope of a payload and its signatures.
pub(crate) fn assemble(
    payload_type: &str,
    payload: Vec<u8>,
    signatures: Vec<Signature>,
) -> Result<Envelope, MalformedEnvelope> {
    let mut signatures = signatures.into_iter();
    let first = signatures.next().ok_or(MalformedEnvelope::NoSignature)?;
    let mut envelope = Envelope::new(payload_type, payload, first)?;
    signatures.try_for_each(|signature| envelope.push(signature))?;
    Ok(envelope)
}

/// The envelope on its shelf, under its proof's address.
pub(crate) fn proof_item(envelope: &Envelope, id: &ContentId) -> Result<ItemChange, Uncanonical> {
    let item = Item { name: proof_name(id), bytes: envelope.to_json()? };
    Ok(ItemChange::Put(Shelf::Proof, item))
}

/// Most keys that sign one envelope at once.
pub const SIGNERS_MAX: usize = 16;

/// How many successors of a profile's key are asked when each is replaced in its turn.
const SUCCESSORS_ASKED_MAX: usize = 3;

/// Nothing was signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The key cannot sign.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The signature was not released: it could not be entered into the ledger.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// The profile has no active key.
    #[error("profile `{0}` has no active key")]
    NoSigner(ProfileName),
    /// No key was named, or too many.
    #[error("name from 1 to {SIGNERS_MAX} keys to sign with")]
    SignerCount,
    /// The statement cannot be made.
    #[error(transparent)]
    Statement(#[from] MalformedStatement),
    /// The envelope cannot be made.
    #[error(transparent)]
    Envelope(#[from] MalformedEnvelope),
    /// The predicate has numbers that readers would round.
    #[error(transparent)]
    Uncanonical(#[from] Uncanonical),
    /// The proof that is to be signed anew is not here.
    #[error("there is no proof {0}")]
    NoSuchProof(ContentId),
}

impl From<Refusal> for SignError {
    fn from(refusal: Refusal) -> Self {
        Self::Key(refusal.into())
    }
}
