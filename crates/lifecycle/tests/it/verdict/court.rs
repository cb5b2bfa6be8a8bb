//! Signed statements, and all that is needed to judge them.

use std::{collections::BTreeMap, sync::Arc};

use keyward_crypto::{STANDARD, signing::PrivateKey};
use keyward_lifecycle::{
    algorithm::{Algorithm, PublicKey},
    command::{Command, NewKey},
    envelope::{Envelope, IN_TOTO_PAYLOAD_TYPE, Signature, pae},
    id::{Digest, Fingerprint},
    key::KeyRecord,
    purl::Purl,
    time::Timestamp,
    verify::{
        EvidenceSource, Freshness, Ground, KeyRing, Question, Verdict,
        judge::{Bound, Evidence, EvidenceClass, LedgerAnswer, TimePolicy},
        verify,
    },
};
use serde_json::{Value, json};

use crate::world::{World, new_key, profile};

/// The artifact that the statements speak of.
pub(super) const ARTIFACT: &[u8] = b"lodash";
pub(super) const PURL: &str = "pkg:npm/a1/lodash@4.17.21";
pub(super) const PREDICATE_TYPE: &str = "https://example.org/built/v1";

/// The keys that a verifier has.
pub(super) struct Ring {
    /// An algorithm that it lacks.
    pub(super) without: Option<Algorithm>,
}

impl KeyRing for Ring {
    fn public_key(&self, record: &KeyRecord) -> Option<Arc<dyn PublicKey>> {
        let algorithm = Some(record.algorithm).filter(|one| Some(*one) != self.without)?;
        STANDARD.get(algorithm)?.public_key(record.public_key.bytes()?).ok()
    }
}

/// Evidence by key; it also checks what it is asked about.
#[derive(Default)]
pub(super) struct File {
    pub(super) of: BTreeMap<Fingerprint, Evidence>,
    /// The PAE and the signatures of the envelope that is judged.
    expected: Option<(Digest, Vec<Digest>)>,
}

impl EvidenceSource for File {
    fn evidence(&self, fingerprint: &Fingerprint, asked: &Digest, signature: &Digest) -> Evidence {
        let (pae, signatures) = self.expected.as_ref().unwrap();
        assert!(asked == pae && signatures.contains(signature));
        self.of.get(fingerprint).cloned().unwrap_or_default()
    }
}

/// The world, and what the verifier knows beside it.
pub(super) struct Court {
    pub(super) world: World,
    pub(super) ring: Ring,
    pub(super) file: File,
    pub(super) freshness: Freshness,
    pub(super) artifact: Option<Digest>,
    pub(super) purl: Option<Purl>,
    pub(super) at: Option<Timestamp>,
    pub(super) policy: TimePolicy,
}

impl Court {
    pub(super) fn new() -> Self {
        Self {
            world: World::begun(),
            ring: Ring { without: None },
            file: File::default(),
            freshness: Freshness::Fresh,
            artifact: None,
            purl: None,
            at: None,
            policy: TimePolicy::Evidence,
        }
    }

    /// Registers an Ed25519 key that exists.
    #[track_caller]
    pub(super) fn key(&mut self, name: &str) -> &mut Self {
        self.key_as(real(name))
    }

    #[track_caller]
    pub(super) fn key_as(&mut self, new: NewKey) -> &mut Self {
        self.world.must(Command::GenerateKey(new));
        self
    }

    /// Says of the key's signatures that they were made before then.
    pub(super) fn proven(&mut self, name: &str, class: EvidenceClass, before: Timestamp) {
        self.evidence(name).bounds.push(Bound { before, class });
    }

    pub(super) fn in_ledger(&mut self, name: &str, answer: LedgerAnswer) {
        self.evidence(name).ledger = answer;
    }

    fn evidence(&mut self, name: &str) -> &mut Evidence {
        let fingerprint = self.world.key(name).record.fingerprint;
        self.file.of.entry(fingerprint).or_default()
    }

    pub(super) fn judge(&mut self, envelope: &Envelope) -> Verdict {
        let signatures = envelope.signatures().iter();
        let signatures = signatures.map(|one| Digest::of(&one.signature)).collect();
        self.file.expected = Some((Digest::of(&envelope.pae()), signatures));
        let question = Question {
            envelope,
            artifact: self.artifact,
            purl: self.purl.as_ref(),
            at: self.at,
            time_policy: self.policy,
        };
        let ground = Ground {
            state: &self.world.state,
            now: self.world.now(),
            freshness: self.freshness,
            keys: &self.ring,
            evidence: &self.file,
        };
        verify(&question, &ground)
    }
}

/// The private key of that name.
pub(super) fn private(name: &str, algorithm: Algorithm) -> PrivateKey {
    let seed = *Digest::of(name.as_bytes()).as_bytes();
    PrivateKey::from_material(algorithm, &seed).unwrap()
}

/// That key, to be registered under profile `default`.
pub(super) fn real(name: &str) -> NewKey {
    of_algorithm(name, "default", Algorithm::Ed25519)
}

pub(super) fn of_algorithm(name: &str, of_profile: &str, algorithm: Algorithm) -> NewKey {
    let spki = private(name, algorithm).spki().to_vec();
    NewKey {
        fingerprint: Fingerprint::of_spki(&spki),
        public_key: spki.into(),
        profile: profile(of_profile),
        ..new_key(name)
    }
}

pub(super) fn subject(purl: &str, artifact: &[u8]) -> Value {
    json!({"name": purl, "digest": {"sha256": Digest::of(artifact).to_string()}})
}

/// A statement about these subjects that claims to be made at `claim`.
pub(super) fn statement(subjects: &[Value], claim: Option<Timestamp>) -> Vec<u8> {
    let predicate = match claim {
        Some(claim) => json!({"issuedAt": claim}),
        None => json!({}),
    };
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate,
    });
    serde_json::to_vec(&statement).unwrap()
}

/// The statement about the artifact.
pub(super) fn built(claim: Option<Timestamp>) -> Vec<u8> {
    statement(&[subject(PURL, ARTIFACT)], claim)
}

/// A signature by the key of that name, under that name.
pub(super) fn signature(name: &str, payload_type: &str, payload: &[u8]) -> Signature {
    let signature = private(name, Algorithm::Ed25519).sign(&pae(payload_type, payload)).unwrap();
    Signature { key_id: Some(name.to_owned()), signature }
}

/// An envelope of a statement, signed by each of these keys.
pub(super) fn signed(payload: Vec<u8>, names: &[&str]) -> Envelope {
    let sign = |name: &&str| signature(name, IN_TOTO_PAYLOAD_TYPE, &payload);
    let mut signatures = names.iter().map(sign);
    let first = signatures.next().unwrap();
    let mut envelope = Envelope::new(IN_TOTO_PAYLOAD_TYPE, payload.clone(), first).unwrap();
    signatures.for_each(|signature| envelope.push(signature).unwrap());
    envelope
}
