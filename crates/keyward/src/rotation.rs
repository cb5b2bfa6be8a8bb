//! Rotation as a plan in the log: every step is an event, so going on after a crash and going
//! on at all are the same code.
//!
//! `GENERATED → ATTESTED → PUBLISHED → PROMOTED and RETIRED`: at every moment a usable key
//! exists, and the old one signs until the new one does.

use std::sync::PoisonError;

use keyward_lifecycle::{
    canonical,
    command::{Command, Force},
    envelope::{Candidate, Signature, pae, signers},
    id::{ActorId, AnchorId, ContentId, Digest, Fingerprint, KeyId},
    key::{Key, Status, due},
    refusal::{Refusal, Warning},
    state::State,
    time::Timestamp,
    verify::KeyRing,
};
use serde::Serialize;

use crate::{
    engine::Keyward,
    key::{KeyError, KeyRequest},
    signing::{assemble, proof_item},
    writer::{Enter, EntryPurpose, ExecuteError, Job, NewEntry, Receipt, Release},
};

/// The DSSE payload type of a succession statement.
pub const SUCCESSION_PAYLOAD_TYPE: &str = "application/vnd.keyward.succession+json";

/// A rotation that is asked for.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "made from a request, member by member")]
pub struct RotateRequest {
    /// The key to replace.
    pub key_id: KeyId,
    /// The key to replace it by: one that is staged, or the name of one to be made. `None`
    /// makes up a name.
    pub successor: Option<KeyId>,
    /// What to do.
    pub mode: RotateMode,
    /// Whether a strict profile's waiting time is overridden.
    pub force: Force,
}

/// What to do with a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every mode")]
pub enum RotateMode {
    /// Begin, or go on, to the end.
    Go,
    /// Go on with one that has begun.
    Resume,
    /// Call it off.
    Abort,
    /// Begin only if the key is due (LC-024).
    IfDue,
}

/// How far a rotation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every step")]
pub enum Step {
    /// Nothing was to be done.
    NotDue,
    /// The successor is made.
    Generated,
    /// Both keys have signed the succession statement.
    Attested,
    /// Every anchor of the old key believes the new one.
    Published,
    /// The new key signs, the old one only verifies.
    Retired,
    /// It was called off.
    Aborted,
}

impl Step {
    /// The public word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotDue => "NOT_DUE",
            Self::Generated => "GENERATED",
            Self::Attested => "ATTESTED",
            Self::Published => "PUBLISHED",
            Self::Retired => "RETIRED",
            Self::Aborted => "ABORTED",
        }
    }
}

/// Where a rotation stands.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RotateOutcome {
    /// The key that is replaced.
    pub key_id: KeyId,
    /// The key that replaces it.
    pub successor: Option<KeyId>,
    /// How far it has come.
    pub step: Step,
    /// The succession statement.
    pub statement: Option<ContentId>,
    /// The key that signs now.
    pub active: Option<KeyId>,
    /// The anchors that believe the successor.
    pub anchors: Vec<AnchorId>,
    /// What the caller is to be told.
    pub warnings: Vec<Warning>,
}

impl Keyward {
    /// Replaces a key: makes the successor, has both keys sign the succession statement, adds
    /// the successor to the old key's anchors, and flips the profile to it in one write.
    /// Killed anywhere, the same call goes on from where it stopped.
    ///
    /// # Errors
    /// [`KeyError`]; what was done until then stands, and a usable key exists.
    pub fn rotate_key(
        &self,
        actor: &ActorId,
        request: &RotateRequest,
    ) -> Result<RotateOutcome, KeyError> {
        let state = self.state();
        let old = existing(&state, &request.key_id)?;
        match request.mode {
            RotateMode::Abort => {
                let key_id = request.key_id.clone();
                let receipt = self.execute(actor, Command::AbortRotation { key_id })?;
                Ok(self.outcome(&request.key_id, Step::Aborted, receipt.warnings))
            }
            RotateMode::IfDue if old.succession().is_none() && !self.is_due(&state, old) => {
                Ok(self.outcome(&request.key_id, Step::NotDue, Vec::new()))
            }
            RotateMode::Resume if old.succession().is_none() => {
                let (key_id, missing) = (request.key_id.clone(), "it has not begun");
                Err(Refusal::RotationIncomplete { key_id, missing }.into())
            }
            RotateMode::Go | RotateMode::Resume | RotateMode::IfDue => self.go(actor, request),
        }
    }

    /// Makes a staged key the signer: at once where the profile has none, else by rotating from
    /// the signer to it.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn promote_key(
        &self,
        actor: &ActorId,
        key_id: &KeyId,
        force: Force,
    ) -> Result<RotateOutcome, KeyError> {
        let state = self.state();
        let key = existing(&state, key_id)?;
        let signer = state.signer(&key.record.profile, &key.record.purpose);
        let signer = signer
            .filter(|signer| signer.record.key_id != *key_id && signer.status(self.now()).signs());
        match signer {
            Some(signer) if key.status(self.now()) == Status::Staged => {
                let request = RotateRequest {
                    key_id: signer.record.key_id.clone(),
                    successor: Some(key_id.clone()),
                    mode: RotateMode::Go,
                    force,
                };
                self.rotate_key(actor, &request)
            }
            Some(_) | None => {
                let command = Command::PromoteKey { key_id: key_id.clone() };
                let receipt = self.execute(actor, command)?;
                Ok(self.outcome(key_id, Step::Retired, receipt.warnings))
            }
        }
    }

    fn go(&self, actor: &ActorId, request: &RotateRequest) -> Result<RotateOutcome, KeyError> {
        let _alone = self.shared.rotating.lock().unwrap_or_else(PoisonError::into_inner);
        let old_id = &request.key_id;
        let mut warnings = Vec::new();
        // A rotation that is complete was asked for again.
        let state = self.state();
        let old = existing(&state, old_id)?;
        let successor = self.begin(actor, request)?;
        if old.status(self.now()) == Status::Deprecated && old.succession().is_some() {
            return Ok(self.outcome(old_id, Step::Retired, warnings));
        }
        self.attest(actor, old_id, &successor)?;
        warnings.extend(self.publish(actor, old_id, &successor)?.warnings);
        let command = Command::CompleteRotation { key_id: old_id.clone(), force: request.force };
        warnings.extend(self.execute(actor, command)?.warnings);
        // That the successor was staged on the way is not worth a word once it signs.
        warnings.retain(|warning| !matches!(warning, Warning::Staged { .. }));
        Ok(self.outcome(old_id, Step::Retired, warnings))
    }

    /// The successor is made under a staged name, and the rotation begins.
    fn begin(&self, actor: &ActorId, request: &RotateRequest) -> Result<KeyId, KeyError> {
        let state = self.state();
        let old = existing(&state, &request.key_id)?;
        if let Some(succession) = old.succession() {
            let asked = request.successor.as_ref().unwrap_or(&succession.successor);
            if *asked != succession.successor {
                // The first one logged wins: the writer refuses a second, and logs who asked.
                let (key_id, successor) = (request.key_id.clone(), asked.clone());
                let _ = self.execute(actor, Command::BeginRotation { key_id, successor })?;
            }
            return Ok(asked.clone());
        }
        let successor = match &request.successor {
            Some(id) => id.clone(),
            None => free_name(&state, old)?,
        };
        let (key_id, id) = (request.key_id.clone(), successor.clone());
        let begin = Command::BeginRotation { key_id, successor: id };
        if state.key(&successor).is_none() {
            let made = KeyRequest {
                purpose: Some(old.record.purpose.to_string()),
                parent: Some(request.key_id.clone()),
                staged: true,
                ..KeyRequest::new(successor.clone(), old.record.profile.clone())
            };
            // In one write: a successor without its rotation would be made once more when the
            // call is repeated.
            let _ = self.generate_and(actor, &made, vec![begin])?;
        } else {
            let _ = self.execute(actor, begin)?;
        }
        Ok(successor)
    }

    /// Both keys sign the succession statement: the old key names its heir, and the heir shows
    /// that it has its private part (traps HC-06). It is verified before it is logged.
    fn attest(&self, actor: &ActorId, old_id: &KeyId, new_id: &KeyId) -> Result<(), KeyError> {
        let state = self.state();
        let (old, new) = (existing(&state, old_id)?, existing(&state, new_id)?);
        if old.succession().is_some_and(|succession| succession.statement.is_some()) {
            return Ok(());
        }
        let payload = statement(old, new, self.now()).ok_or_else(|| unsigned(old_id))?;
        let message = pae(SUCCESSION_PAYLOAD_TYPE, &payload);
        let mut signatures = Vec::new();
        for key in [old, new] {
            let signature = self.sign_with(key, &message)?;
            signatures.push(Signature { key_id: Some(key.record.key_id.to_string()), signature });
        }
        let digests: Vec<Digest> =
            signatures.iter().map(|one| Digest::of(&one.signature)).collect();
        let envelope =
            assemble(SUCCESSION_PAYLOAD_TYPE, payload, signatures).map_err(|_| unsigned(old_id))?;
        let ring = [old, new].map(|key| (key, self.shared.public_key(&key.record)));
        let candidates: Vec<Candidate<'_>> = ring
            .iter()
            .filter_map(|(key, public)| {
                let public_key = &**public.as_ref()?;
                Some(Candidate { key_id: &key.record.key_id, public_key })
            })
            .collect();
        if signers(&envelope, &candidates).len() != 2 {
            return Err(unsigned(old_id));
        }
        let proof =
            keyward_lifecycle::bundle::bundle_id(&envelope).map_err(|_| unsigned(old_id))?;
        let entries = [old, new].into_iter().zip(digests).map(|(key, signature)| NewEntry {
            key_id: key.record.key_id.clone(),
            actor: actor.clone(),
            pae: Digest::of(&message),
            signature,
            subject: new.record.fingerprint.digest(),
            predicate_type: SUCCESSION_PAYLOAD_TYPE.into(),
            proof,
            purpose: EntryPurpose::Succession,
        });
        let (entries, items) =
            (entries.collect(), vec![proof_item(&envelope, &proof).map_err(|_| unsigned(old_id))?]);
        let release =
            |reply| Job::Enter(Enter { entries, items, release: Release::Durable(reply) });
        match self.shared.ask(release) {
            Err(ExecuteError::Refused(refusal)) => {
                return Err(self.log_refused(actor, "sign", refusal));
            }
            answer => answer?,
        }
        let (key_id, successor) = (old_id.clone(), new_id.clone());
        let command = Command::LogSuccession { key_id, successor, statement: proof };
        self.execute(actor, command)?;
        Ok(())
    }

    /// Every anchor that believes the old key believes the new one. A key in no anchor is
    /// rotated as well.
    fn publish(&self, actor: &ActorId, old: &KeyId, new: &KeyId) -> Result<Receipt, KeyError> {
        let (position, time) = (self.state().size(), self.now());
        let nothing = Receipt { events: Vec::new(), warnings: Vec::new(), position, time };
        Ok(self.add_beside(actor, old, new)?.unwrap_or(nothing))
    }

    fn outcome(&self, key_id: &KeyId, step: Step, warnings: Vec<Warning>) -> RotateOutcome {
        let state = self.state();
        let key = state.key(key_id);
        let succession = key.and_then(|key| key.succession());
        let successor = succession.map(|succession| succession.successor.clone());
        let believed = successor.as_ref().and_then(|id| state.key(id));
        let anchors = believed.into_iter().flat_map(Key::memberships);
        let anchors = anchors.filter_map(|member| state.anchor_at(member.anchor));
        RotateOutcome {
            key_id: key_id.clone(),
            statement: succession.and_then(|succession| succession.statement),
            anchors: anchors.map(|anchor| anchor.record.anchor_id).collect(),
            active: key
                .and_then(|key| state.signer(&key.record.profile, &key.record.purpose))
                .map(|signer| signer.record.key_id.clone()),
            successor,
            step,
            warnings,
        }
    }

    fn is_due(&self, state: &State, key: &Key) -> bool {
        let Some(profile) = state.profile(&key.record.profile) else { return false };
        due::due(key, &profile.rotation, self.now()) != due::Due::No
    }
}

/// The payload of a succession statement.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Statement<'s> {
    v: u8,
    r#type: &'static str,
    profile: &'s str,
    predecessor: Named<'s>,
    successor: Named<'s>,
    time: Timestamp,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Named<'s> {
    key_id: &'s KeyId,
    fingerprint: Fingerprint,
    version: u32,
}

fn statement(old: &Key, new: &Key, time: Timestamp) -> Option<Vec<u8>> {
    let named = |key: &'_ Key| (key.record.fingerprint, key.record.version);
    let ((old_print, old_version), (new_print, new_version)) = (named(old), named(new));
    canonical::to_bytes(&Statement {
        v: 1,
        r#type: "succession",
        profile: old.record.profile.as_str(),
        predecessor: Named {
            key_id: &old.record.key_id,
            fingerprint: old_print,
            version: old_version,
        },
        successor: Named {
            key_id: &new.record.key_id,
            fingerprint: new_print,
            version: new_version,
        },
        time,
    })
    .ok()
}

fn existing<'s>(state: &'s State, id: &KeyId) -> Result<&'s Key, KeyError> {
    state.key(id).ok_or_else(|| Refusal::NoSuchKey(id.clone()).into())
}

fn unsigned(key_id: &KeyId) -> KeyError {
    let (key_id, missing) = (key_id.clone(), "the succession statement could not be signed");
    Refusal::RotationIncomplete { key_id, missing }.into()
}

/// A name for a successor: the old one with the version that follows, or the next free one.
fn free_name(state: &State, old: &Key) -> Result<KeyId, KeyError> {
    let base = old.record.key_id.as_str();
    let base = base.rsplit_once("-v").map_or(base, |(head, tail)| {
        if tail.bytes().all(|byte| byte.is_ascii_digit()) { head } else { base }
    });
    let first = old.record.version.saturating_add(1);
    (first..first.saturating_add(NAMES_TRIED))
        .filter_map(|version| KeyId::parse(&format!("{base}-v{version}")).ok())
        .find(|id| state.key(id).is_none())
        .ok_or_else(|| {
            let (what, name) = ("key", base.into());
            Refusal::NameTaken { what, name }.into()
        })
}

const NAMES_TRIED: u32 = 1000;
