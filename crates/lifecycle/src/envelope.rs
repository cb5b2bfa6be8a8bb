//! DSSE envelopes (github.com/secure-systems-lab/dsse, protocol.md and envelope.md, 1.0.2):
//! reading, writing, and the one judgement of who signed.

use alloc::{borrow::ToOwned as _, string::String, vec::Vec};
use core::fmt;

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE},
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    algorithm::PublicKey,
    canonical::{self, Integers, Limits, MalformedJson, Uncanonical},
    id::KeyId,
};

/// Longest envelope that is read, in bytes: room for a payload of some 12 MiB.
pub const ENVELOPE_BYTES_MAX: usize = 16 << 20;

/// Most signatures in an envelope. Each may cost one check for every candidate key.
pub const ENVELOPE_SIGNATURES_MAX: usize = 64;

/// Longest payload type, in bytes.
pub const PAYLOAD_TYPE_BYTES_MAX: usize = 1 << 10;

/// Longest key id in an envelope, in bytes. It is a hint of any form.
pub const KEY_ID_HINT_BYTES_MAX: usize = 1 << 10;

/// Longest signature, in bytes; the longest known algorithm (SLH-DSA) needs 49,856.
pub const SIGNATURE_BYTES_MAX: usize = 64 << 10;

/// The payload type of in-toto statements.
pub const IN_TOTO_PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// The bytes that are signed (protocol.md, "Signature Definition", PAE):
/// `DSSEv1 LEN(type) type LEN(payload) payload`, lengths in bytes, in decimal.
#[must_use]
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let (type_len, payload_len) = (payload_type.len(), payload.len());
    let head = alloc::format!("DSSEv1 {type_len} {payload_type} {payload_len} ");
    [head.as_bytes(), payload].concat()
}

/// A payload, its type, and signatures over both, none of them checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    signatures: Vec<Signature>,
}

/// One signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the members of the standard")]
pub struct Signature {
    /// The key that the signer says he used; a hint, which nothing vouches for.
    pub key_id: Option<String>,
    /// The signature as its algorithm encodes it.
    pub signature: Vec<u8>,
}

impl Envelope {
    /// An envelope of `payload` with its first signature, made over [`pae`].
    ///
    /// # Errors
    /// [`MalformedEnvelope`] when a member is beyond its limit.
    pub fn new(
        payload_type: &str,
        payload: Vec<u8>,
        first: Signature,
    ) -> Result<Self, MalformedEnvelope> {
        if payload_type.len() > PAYLOAD_TYPE_BYTES_MAX {
            return Err(MalformedEnvelope::Limit("payloadType"));
        }
        let mut envelope =
            Self { payload_type: payload_type.to_owned(), payload, signatures: Vec::new() };
        envelope.push(first)?;
        Ok(envelope)
    }

    /// Adds a signature after those there are.
    ///
    /// # Errors
    /// [`MalformedEnvelope::Limit`] when it or their number is beyond its limit.
    pub fn push(&mut self, signature: Signature) -> Result<(), MalformedEnvelope> {
        if self.signatures.len() >= ENVELOPE_SIGNATURES_MAX {
            return Err(MalformedEnvelope::Limit("signatures"));
        }
        if signature.key_id.as_ref().is_some_and(|id| id.len() > KEY_ID_HINT_BYTES_MAX) {
            return Err(MalformedEnvelope::Limit("keyid"));
        }
        if signature.signature.len() > SIGNATURE_BYTES_MAX {
            return Err(MalformedEnvelope::Limit("sig"));
        }
        self.signatures.push(signature);
        Ok(())
    }

    /// Reads the JSON form. Both alphabets of base64 are read, with padding; a member that
    /// occurs twice is refused; members that the standard does not name are passed over; an
    /// empty `keyid` is none.
    ///
    /// # Errors
    /// [`MalformedEnvelope`] says where.
    pub fn parse(json: &[u8]) -> Result<Self, MalformedEnvelope> {
        // The numbers of members that are passed over are nobody's concern.
        let document = canonical::read(json, LIMITS, Integers::AsDoubles)?;
        let members = object(&document, "envelope")?;
        let payload = bytes_of(members, "payload")?;
        let payload_type = text_of(members, "payloadType")?;
        let signatures = match members.get("signatures") {
            Some(Value::Array(signatures)) => signatures.iter(),
            Some(_) => return Err(MalformedEnvelope::Type("signatures")),
            None => return Err(MalformedEnvelope::Missing("signatures")),
        };
        let mut signatures = signatures.map(Signature::parse);
        let first = signatures.next().ok_or(MalformedEnvelope::NoSignature)??;
        let mut envelope = Self::new(payload_type, payload, first)?;
        signatures.try_for_each(|signature| envelope.push(signature?))?;
        Ok(envelope)
    }

    /// The JSON form, canonical (RFC 8785), in standard base64.
    ///
    /// # Errors
    /// None that text can cause; [`Uncanonical`] is the encoder's.
    pub fn to_json(&self) -> Result<Vec<u8>, Uncanonical> {
        let signatures = self.signatures.iter().map(|Signature { key_id, signature }| {
            let sig = BASE64_STANDARD.encode(signature);
            wire::Signature { keyid: key_id.as_deref(), sig }
        });
        canonical::to_bytes(&wire::Envelope {
            payload: BASE64_STANDARD.encode(&self.payload),
            payload_type: &self.payload_type,
            signatures: signatures.collect(),
        })
    }

    /// The payload's type.
    #[must_use]
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The payload, decoded. Nobody is known to have signed it.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The signatures, in the order of the envelope; at least one.
    #[must_use]
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The bytes that the signatures are over.
    #[must_use]
    pub fn pae(&self) -> Vec<u8> {
        pae(&self.payload_type, &self.payload)
    }
}

impl Signature {
    fn parse(value: &Value) -> Result<Self, MalformedEnvelope> {
        let members = object(value, "signatures")?;
        let key_id = match members.get("keyid") {
            Some(_) => Some(text_of(members, "keyid")?).filter(|id| !id.is_empty()),
            None => None,
        };
        let signature = bytes_of(members, "sig")?;
        Ok(Self { key_id: key_id.map(str::to_owned), signature })
    }
}

/// A key whose signature would count.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "made by the caller")]
pub struct Candidate<'k> {
    /// The key's id, which only narrows the search.
    pub key_id: &'k KeyId,
    /// The key; its algorithm comes with it, from the key record.
    pub public_key: &'k dyn PublicKey,
}

impl fmt::Debug for Candidate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Candidate").field(self.key_id).finish()
    }
}

/// A signature that is good, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what the judgement found")]
pub struct Signed {
    /// Number of the signature in [`Envelope::signatures`].
    pub signature: usize,
    /// Number of the key among the candidates.
    pub candidate: usize,
    /// Whether the envelope names another key for this signature: to be reported, no fault.
    pub under_wrong_key_id: bool,
}

/// Which signatures of `envelope` are good, and by which of `candidates`: the one place that
/// decides it. In the order of the envelope; a signature is there at most once, a candidate once
/// for each signature of its own, so **who counts signers counts distinct lineages**, not rows.
///
/// A key id never decides: candidates of that id are tried first, then all others. That costs
/// at most [`ENVELOPE_SIGNATURES_MAX`] checks for each candidate.
#[must_use]
pub fn signers(envelope: &Envelope, candidates: &[Candidate<'_>]) -> Vec<Signed> {
    let message = envelope.pae();
    let judge = |(number, signature): (usize, &Signature)| {
        let hint = signature.key_id.as_deref();
        let is_named = |candidate: &Candidate<'_>| hint == Some(candidate.key_id.as_str());
        let good = |(_, candidate): &(usize, &Candidate<'_>)| {
            candidate.public_key.verify(&message, &signature.signature).is_ok()
        };
        let numbered = || candidates.iter().enumerate();
        let mut named = numbered().filter(|(_, candidate)| is_named(candidate));
        let mut others = numbered().filter(|(_, candidate)| !is_named(candidate));
        let (candidate, key) = named.find(good).or_else(|| others.find(good))?;
        let under_wrong_key_id = hint.is_some() && !is_named(key);
        Some(Signed { signature: number, candidate, under_wrong_key_id })
    };
    envelope.signatures.iter().enumerate().filter_map(judge).collect()
}

/// Why bytes are not an envelope. Whoever made it must act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum MalformedEnvelope {
    /// Not JSON that every reader reads alike, or too long.
    #[error("envelope is not strict JSON: {0}")]
    Json(#[from] MalformedJson),
    /// A member that the standard requires is not there.
    #[error("envelope is malformed: `{0}` is missing")]
    Missing(&'static str),
    /// A member is of another JSON type.
    #[error("envelope is malformed: `{0}` is of the wrong type")]
    Type(&'static str),
    /// A member is not base64 (RFC 4648 section 4 or 5, with padding).
    #[error("envelope is malformed: `{0}` is not base64 with padding")]
    Base64(&'static str),
    /// A member is longer than its limit, or there are too many.
    #[error("envelope is too large: `{0}` is beyond its limit")]
    Limit(&'static str),
    /// The list of signatures is empty.
    #[error("envelope has no signature: sign it first")]
    NoSignature,
}

/// The JSON form (envelope.md).
mod wire {
    use super::{Serialize, String, Vec};

    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Envelope<'e> {
        pub(super) payload: String,
        pub(super) payload_type: &'e str,
        pub(super) signatures: Vec<Signature<'e>>,
    }

    #[derive(Serialize)]
    pub(super) struct Signature<'e> {
        #[serde(skip_serializing_if = "Option::is_none")]
        pub(super) keyid: Option<&'e str>,
        pub(super) sig: String,
    }
}

fn object<'v>(
    value: &'v Value,
    name: &'static str,
) -> Result<&'v Map<String, Value>, MalformedEnvelope> {
    value.as_object().ok_or(MalformedEnvelope::Type(name))
}

fn text_of<'v>(
    members: &'v Map<String, Value>,
    name: &'static str,
) -> Result<&'v str, MalformedEnvelope> {
    let value = members.get(name).ok_or(MalformedEnvelope::Missing(name))?;
    value.as_str().ok_or(MalformedEnvelope::Type(name))
}

fn bytes_of(
    members: &Map<String, Value>,
    name: &'static str,
) -> Result<Vec<u8>, MalformedEnvelope> {
    let text = text_of(members, name)?;
    // protocol.md: verifiers accept either alphabet; a mixture is none.
    let url_safe = text.contains(['-', '_']);
    let decoded =
        if url_safe { BASE64_URL_SAFE.decode(text) } else { BASE64_STANDARD.decode(text) };
    decoded.map_err(|_| MalformedEnvelope::Base64(name))
}

/// Depth: of members that are passed over.
const LIMITS: Limits = Limits::new(ENVELOPE_BYTES_MAX, 32);
