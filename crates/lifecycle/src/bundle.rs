//! Proof bundles: an envelope with its evidence (`docs/format/proof-bundle.md`).
//!
//! A bundle's id is the content id of the envelope alone, so that evidence can be added later
//! and old envelopes never change (SO-001).

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    audit::note::NoteVerifier,
    canonical::{self, Limits, MalformedJson},
    envelope::{Envelope, MalformedEnvelope},
    id::{ContentId, Digest, Fingerprint},
    ledger::{LedgerProof, evidence_of},
    verify::{EvidenceSource, judge::Evidence},
};

/// Longest bundle that is read, in bytes.
pub const BUNDLE_BYTES_MAX: usize = 24 << 20;
/// Most pieces of evidence in one.
pub const EVIDENCE_MAX: usize = 64;

/// An envelope with its evidence.
#[derive(Clone, Debug)]
pub struct Bundle {
    id: ContentId,
    envelope: Envelope,
    ledger: Vec<LedgerProof>,
}

/// The id of the bundle of `envelope`: the content id of its RFC 8785 form.
///
/// # Errors
/// [`canonical::Uncanonical`].
pub fn bundle_id(envelope: &Envelope) -> Result<ContentId, canonical::Uncanonical> {
    envelope.to_json().map(|json| ContentId::of(&json))
}

impl Bundle {
    /// A bundle of parts.
    ///
    /// # Errors
    /// [`MalformedBundle`].
    pub fn new(envelope: Envelope, ledger: Vec<LedgerProof>) -> Result<Self, MalformedBundle> {
        let id = bundle_id(&envelope).map_err(|_| MalformedBundle::Shape)?;
        Ok(Self { id, envelope, ledger })
    }

    /// Reads a bundle, and recomputes its id.
    ///
    /// # Errors
    /// [`MalformedBundle`] says what is wrong.
    pub fn parse(json: &[u8]) -> Result<Self, MalformedBundle> {
        let limits = Limits::new(BUNDLE_BYTES_MAX, 64);
        let wire: Wire = canonical::from_slice_strict(json, limits)?;
        if wire.v != 1 || wire.evidence.len() > EVIDENCE_MAX {
            return Err(MalformedBundle::Shape);
        }
        let envelope = serde_json::to_vec(&wire.envelope).map_err(|_| MalformedBundle::Shape)?;
        let bundle = Self::new(Envelope::parse(&envelope)?, wire.evidence)?;
        if bundle.id != wire.id {
            return Err(MalformedBundle::Id { said: wire.id, found: bundle.id });
        }
        Ok(bundle)
    }

    /// The JSON form.
    ///
    /// # Errors
    /// [`canonical::Uncanonical`].
    pub fn to_json(&self) -> Result<Vec<u8>, canonical::Uncanonical> {
        let envelope = self.envelope.to_json()?;
        let envelope = serde_json::from_slice(&envelope).unwrap_or(Value::Null);
        let evidence = self.ledger.clone();
        canonical::to_bytes(&Wire { v: 1, id: self.id, envelope, evidence })
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> ContentId {
        self.id
    }

    /// The envelope.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The evidence, unchecked.
    #[must_use]
    pub fn ledger(&self) -> &[LedgerProof] {
        &self.ledger
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    v: u8,
    id: ContentId,
    envelope: Value,
    evidence: Vec<LedgerProof>,
}

/// The evidence of bundles, checked against a log as it is asked for.
#[derive(Debug)]
pub struct Carried<'c> {
    ledger: &'c [LedgerProof],
    origin: &'c str,
    verifiers: &'c [NoteVerifier],
}

impl<'c> Carried<'c> {
    /// The evidence of one bundle, to be checked with the keys of the log of that origin.
    #[must_use]
    pub const fn new(
        ledger: &'c [LedgerProof],
        origin: &'c str,
        verifiers: &'c [NoteVerifier],
    ) -> Self {
        Self { ledger, origin, verifiers }
    }
}

impl EvidenceSource for Carried<'_> {
    fn evidence(&self, fingerprint: &Fingerprint, pae: &Digest, signature: &Digest) -> Evidence {
        let matching = self.ledger.iter().filter(|proof| {
            proof.entry.fingerprint == *fingerprint
                && proof.entry.pae == *pae
                && proof.entry.signature == *signature
        });
        let checked = matching.filter_map(|proof| {
            let bound = proof.check(self.origin, self.verifiers)?;
            Some((proof.entry.seq, evidence_of(&proof.entry, bound)))
        });
        // As in the ledger itself, the first entry counts, wherever it stands in the bundle.
        let first = checked.min_by_key(|(seq, _)| *seq);
        first.map(|(_, evidence)| evidence).unwrap_or_default()
    }
}

/// Why bytes are not a bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum MalformedBundle {
    /// Not strict JSON, or not of this shape.
    #[error("proof bundle is not strict JSON of this format: {0}")]
    Json(#[from] MalformedJson),
    /// Its envelope is malformed.
    #[error("proof bundle: {0}")]
    Envelope(#[from] MalformedEnvelope),
    /// Another version, or too much evidence.
    #[error("proof bundle is of another version or too large")]
    Shape,
    /// It is not what its id says.
    #[error("proof bundle says that it is {said} and is {found}")]
    Id {
        /// As it says.
        said: ContentId,
        /// As computed.
        found: ContentId,
    },
}

/// Evidence of nothing, where there is no ledger.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has no parts")]
pub struct NoEvidence;

impl EvidenceSource for NoEvidence {
    fn evidence(&self, _: &Fingerprint, _: &Digest, _: &Digest) -> Evidence {
        Evidence::default()
    }
}
