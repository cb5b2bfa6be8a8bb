//! What tests do with a store, in a line each.

use std::str::FromStr;

use keyward::{
    ExecuteError, Receipt,
    key::{KeyError, KeyRequest},
    rotation::{RotateMode, RotateOutcome, RotateRequest},
    signing::{Content, KeyChoice, SignError, SignRequest, Signed},
    verification::VerifyRequest,
};
use keyward_lifecycle::{
    anchor::AnchorRecord,
    command::{Command, Effective, Force, Revoke, RevokedAt, Universal},
    envelope::Envelope,
    event::Fact,
    id::{AnchorId, Digest, KeyId, ProfileName},
    key::{CompromiseScope, Reason},
    pattern::Pattern,
    profile::{LedgerMode, Profile},
    purl::Purl,
    refusal::Refusal,
    time::Timestamp,
    verify::{Outcome, Reason as Why, Verdict},
};
use serde_json::Value;

use crate::store::World;

pub(crate) fn id(text: &str) -> KeyId {
    KeyId::parse(text).expect("a key id")
}

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().expect("RFC 3339")
}

pub(crate) fn default_profile() -> ProfileName {
    ProfileName::from_str("default").expect("a profile")
}

/// A statement about one artifact.
pub(crate) fn content(artifact: &str, predicate: Option<Value>) -> Content {
    Content::Statement {
        purl: Purl::parse("pkg:cargo/demo@1.0.0").expect("a purl"),
        digest: Digest::of(artifact.as_bytes()),
        predicate_type: "evidence.stella/v1".parse().expect("a type"),
        predicate,
    }
}

/// The error of the writer within whatever wraps it.
pub(crate) trait Cause {
    fn cause(self) -> ExecuteError;
}

impl Cause for ExecuteError {
    fn cause(self) -> ExecuteError {
        self
    }
}

impl Cause for KeyError {
    fn cause(self) -> ExecuteError {
        match self {
            Self::Execute(error) => error,
            other => panic!("not the writer's: {other:?}"),
        }
    }
}

impl Cause for SignError {
    fn cause(self) -> ExecuteError {
        match self {
            Self::Execute(error) => error,
            Self::Key(error) => error.cause(),
            other => panic!("not the writer's: {other:?}"),
        }
    }
}

/// Why it was refused.
#[track_caller]
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, impl Cause>) -> Refusal {
    match result.map_err(Cause::cause) {
        Err(ExecuteError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

impl World {
    pub(crate) fn try_generate(&self, name: &str) -> Result<Receipt, KeyError> {
        let request = KeyRequest::new(id(name), default_profile());
        self.keyward.generate_key(&self.actor, &request)
    }

    pub(crate) fn generate(&self, name: &str) {
        self.try_generate(name).expect("a key");
    }

    pub(crate) fn try_anchor(
        &self,
        pattern: &str,
        keys: &[&str],
    ) -> Result<AnchorId, ExecuteError> {
        let anchor_id = self.keyward.new_anchor_id()?;
        let anchor = AnchorRecord {
            anchor_id,
            pattern: Pattern::parse(pattern).expect("a pattern"),
            predicate_types: vec![],
            threshold: 1,
            algorithms: vec![],
            policy_version: None,
            asserted: vec![],
        };
        let keys = keys.iter().map(|key| id(key)).collect();
        let universal = Universal::Refused;
        let command = Command::CreateAnchor { anchor, keys, universal, imported: false };
        self.keyward.execute(&self.actor, command).map(|_| anchor_id)
    }

    pub(crate) fn anchor(&self, pattern: &str, keys: &[&str]) -> AnchorId {
        self.try_anchor(pattern, keys).expect("an anchor")
    }

    pub(crate) fn try_sign(&self, key: &str, artifact: &str) -> Result<Signed, SignError> {
        let keys = vec![KeyChoice::Id(id(key))];
        let content = content(artifact, None);
        self.keyward.sign(&self.actor, &SignRequest { keys, content })
    }

    pub(crate) fn sign(&self, key: &str, artifact: &str) -> Signed {
        self.try_sign(key, artifact).expect("a signature")
    }

    pub(crate) fn try_rotate(
        &self,
        key: &str,
        successor: Option<&str>,
        mode: RotateMode,
    ) -> Result<RotateOutcome, KeyError> {
        let request =
            RotateRequest { key_id: id(key), successor: successor.map(id), mode, force: Force::No };
        self.keyward.rotate_key(&self.actor, &request)
    }

    pub(crate) fn revocation(key: &str, reason: Reason) -> Revoke {
        Revoke {
            key_id: id(key),
            at: RevokedAt::Key,
            reason,
            effective: Effective::Immediately,
            compromised_since: None,
            scope: CompromiseScope::Server,
            force: Force::No,
        }
    }

    pub(crate) fn try_revoke(&self, key: &str, reason: Reason) -> Result<Receipt, ExecuteError> {
        self.keyward.execute(&self.actor, Command::Revoke(Self::revocation(key, reason)))
    }

    pub(crate) fn revoke(&self, key: &str, reason: Reason) {
        self.try_revoke(key, reason).expect("a revocation");
    }

    /// Lets the default profile release signatures before their entries are durable.
    pub(crate) fn buffer(&self) {
        let state = self.keyward.state();
        let profile = state.profile(&default_profile()).expect("a profile").clone();
        let profile = Profile { ledger: LedgerMode::Buffered, ..profile };
        self.keyward
            .execute(&self.actor, Command::DefineProfile(profile))
            .expect("a changed profile");
    }

    pub(crate) fn verify(&self, envelope: &Envelope) -> Verdict {
        self.keyward.verify(&VerifyRequest::new(envelope.clone())).expect("a verdict")
    }

    #[track_caller]
    pub(crate) fn check(&self, envelope: &Envelope, outcome: Outcome, why: Why) {
        let verdict = self.verify(envelope);
        assert_eq!((verdict.outcome, verdict.reason), (outcome, why), "{verdict:?}");
    }

    /// The replay finds nothing wrong.
    #[track_caller]
    pub(crate) fn audit(&self) {
        let report = self.keyward.verify_audit(None).expect("a replay");
        assert_eq!(report.problems, Vec::<String>::new());
    }

    /// Every fact of that type in the log.
    pub(crate) fn facts(&self, kind: &str) -> Vec<Fact> {
        let mut facts = Vec::new();
        let mut from = 0;
        loop {
            let leaves = self.parts.storage.leaves(keyward::storage::Tree::Log, from, 1000);
            let leaves = leaves.expect("leaves");
            if leaves.is_empty() {
                return facts;
            }
            for leaf in leaves {
                let event =
                    keyward_lifecycle::event::Event::from_leaf(from, &leaf).expect("a leaf");
                from += 1;
                facts.extend(Some(event.fact).filter(|fact| fact.type_name() == kind));
            }
        }
    }

    /// Whether the default profile has a key that signs.
    pub(crate) fn has_signer(&self) -> bool {
        let state = self.keyward.state();
        let now = self.keyward.now();
        let signer = state.signer(&default_profile(), keyward::key::PURPOSE);
        signer.is_some_and(|key| keyward_lifecycle::decide::may_sign(&state, key, 0, now).is_ok())
    }
}
