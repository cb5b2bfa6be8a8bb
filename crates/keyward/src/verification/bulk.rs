//! Judging many envelopes: all cores, and the cheap equation for many Ed25519 signatures.
//!
//! The equation only spares work: what it accepts is handed to the one judgement as keys that
//! know those signatures to be good, and every verdict that rests on it says so. A batch that
//! does not pass is judged signature by signature.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use keyward_crypto::{
    batch::{self, BATCH_MAX, BatchVerdict},
    ed25519::{self, SIGNATURE_BYTES},
};
use keyward_lifecycle::{
    algorithm::{Algorithm, BadSignature, PublicKey},
    id::{Digest, Fingerprint, KeyId},
    key::KeyRecord,
    state::State,
    time::Timestamp,
    verify::{Finding, Freshness, KeyRing, Verdict},
};

use super::{
    Known, VerifyRequest,
    gathered::{Asked, Gathered, Gathering},
    judge,
};
use crate::engine::{Keyward, Shared};

/// How the signatures of many envelopes are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "two names for two values")]
pub enum Rigour {
    /// Many at once where that is possible; verdicts that rest on it carry
    /// [`Finding::BatchAccepted`].
    #[default]
    Batched,
    /// Each alone, as by [`Keyward::verify`].
    Strict,
}

/// Fewer signatures than this are checked one by one.
const BATCH_MIN: usize = 8;

impl Keyward {
    /// Judges many envelopes on all cores, in order, by [`Rigour::Batched`].
    #[must_use]
    pub fn verify_batch(&self, requests: &[VerifyRequest]) -> Vec<Verdict> {
        self.verify_batch_with(requests, Rigour::Batched)
    }

    /// Judges many envelopes on all cores, in order. Each is judged as by [`Self::verify`], on
    /// one view; `as_of` of a request is passed over.
    #[must_use]
    pub fn verify_batch_with(&self, requests: &[VerifyRequest], rigour: Rigour) -> Vec<Verdict> {
        let verdicts = self.judge_many(requests, rigour);
        for verdict in &verdicts {
            self.shared.counts.note(verdict);
            self.shared.forgeries.note(verdict);
        }
        verdicts
    }

    /// As [`Self::verify_batch_with`], but nothing is counted.
    pub(crate) fn judge_many(&self, requests: &[VerifyRequest], rigour: Rigour) -> Vec<Verdict> {
        let (state, now) = (self.state(), self.now());
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let size = requests.len().div_ceil(cores).max(1);
        let judge = |part: &[VerifyRequest]| self.judge_part(part, rigour, (&state, now));
        std::thread::scope(|scope| {
            let parts: Vec<_> =
                requests.chunks(size).map(|part| scope.spawn(|| judge(part))).collect();
            // A part whose thread panicked is judged again here, where the panic is seen.
            parts
                .into_iter()
                .zip(requests.chunks(size))
                .flat_map(|(part, requests)| part.join().unwrap_or_else(|_| judge(requests)))
                .collect()
        })
    }

    fn judge_part(
        &self,
        requests: &[VerifyRequest],
        rigour: Rigour,
        (state, now): (&State, Timestamp),
    ) -> Vec<Verdict> {
        let mut points = HashMap::new();
        let judge_some = |some: &[VerifyRequest]| -> Vec<Verdict> {
            let accepted = match rigour {
                Rigour::Batched => accept(some, state, &mut points),
                Rigour::Strict => Accepted::default(),
            };
            let ring = Ring { shared: &self.shared, accepted: Arc::new(accepted) };
            let gathered = Gathered::of(&self.shared, &asked(some, state));
            let freshness = self.freshness();
            let sources = (&ring, &gathered);
            some.iter().map(|one| self.judge_with(one, sources, (state, now, freshness))).collect()
        };
        requests.chunks(BATCH_MAX).flat_map(judge_some).collect()
    }

    fn judge_with(
        &self,
        request: &VerifyRequest,
        (ring, gathered): (&Ring<'_>, &Gathered),
        view: (&State, Timestamp, Freshness),
    ) -> Verdict {
        ring.accepted.relied_on.store(false, Ordering::Relaxed);
        let known = Known { shared: &self.shared, carried: &request.carried };
        let mut verdict = judge(request, (ring, &Gathering { gathered, known }), view);
        if ring.accepted.relied_on.load(Ordering::Relaxed) {
            verdict.findings.push(Finding::BatchAccepted);
        }
        verdict
    }
}

/// Signatures that the equation accepted: whose, and over what. Used by one thread.
#[derive(Default)]
struct Accepted {
    messages: HashMap<(Fingerprint, [u8; SIGNATURE_BYTES]), Vec<u8>>,
    relied_on: AtomicBool,
}

/// The keys of the store, some of which know signatures to be good.
struct Ring<'r> {
    shared: &'r Shared,
    accepted: Arc<Accepted>,
}

impl KeyRing for Ring<'_> {
    fn public_key(&self, record: &KeyRecord) -> Option<Arc<dyn PublicKey>> {
        let key = self.shared.public_key(record)?;
        if self.accepted.messages.is_empty() || record.algorithm != Algorithm::Ed25519 {
            return Some(key);
        }
        let (fingerprint, accepted) = (record.fingerprint, self.accepted.clone());
        Some(Arc::new(Knowing { key, fingerprint, accepted }))
    }
}

struct Knowing {
    key: Arc<dyn PublicKey>,
    fingerprint: Fingerprint,
    accepted: Arc<Accepted>,
}

impl PublicKey for Knowing {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        let known = <[u8; SIGNATURE_BYTES]>::try_from(signature)
            .ok()
            .and_then(|signature| self.accepted.messages.get(&(self.fingerprint, signature)));
        if known.is_some_and(|known| known == message) {
            self.accepted.relied_on.store(true, Ordering::Relaxed);
            return Ok(());
        }
        self.key.verify(message, signature)
    }
}

type Points = HashMap<Fingerprint, Option<ed25519::Key>>;

/// Puts every Ed25519 signature under the id of a key that is known to the equation. What is
/// left out is judged alone.
fn accept(requests: &[VerifyRequest], state: &State, points: &mut Points) -> Accepted {
    let mut claims: Vec<Claim> = Vec::new();
    for request in requests {
        let named = request.envelope.signatures().iter().filter_map(|signature| {
            let key_id = KeyId::parse(signature.key_id.as_deref()?).ok()?;
            let key = state.key(&key_id).filter(|it| it.record.algorithm == Algorithm::Ed25519)?;
            Some((&key.record, <[u8; SIGNATURE_BYTES]>::try_from(&*signature.signature).ok()?))
        });
        for (record, signature) in named {
            let point = points.entry(record.fingerprint);
            let key =
                *point.or_insert_with(|| ed25519::Key::from_spki(record.public_key.bytes()?).ok());
            if let Some(key) = key
                && claims.len() < BATCH_MAX
            {
                let (fingerprint, message) = (record.fingerprint, request.envelope.pae());
                claims.push(Claim { key, fingerprint, message, signature });
            }
        }
    }
    let entries: Vec<batch::Entry<'_>> = claims.iter().map(Claim::entry).collect();
    if entries.len() < BATCH_MIN || batch::verify_batch(&entries) != BatchVerdict::Passed {
        return Accepted::default();
    }
    let known =
        claims.into_iter().map(|claim| ((claim.fingerprint, claim.signature), claim.message));
    Accepted { messages: known.collect(), relied_on: AtomicBool::new(false) }
}

/// The signatures under the id of a known key.
fn asked(requests: &[VerifyRequest], state: &State) -> Vec<Asked> {
    let of_one = |request: &VerifyRequest| {
        let pae = Digest::of(&request.envelope.pae());
        let signatures = request.envelope.signatures().iter();
        let named = signatures.filter_map(move |one| {
            let key = state.key(&KeyId::parse(one.key_id.as_deref()?).ok()?)?;
            Some((key.record.fingerprint, pae, Digest::of(&one.signature)))
        });
        named.collect::<Vec<_>>()
    };
    requests.iter().flat_map(of_one).collect()
}

/// A signature, whose it is said to be, and over what.
struct Claim {
    key: ed25519::Key,
    fingerprint: Fingerprint,
    message: Vec<u8>,
    signature: [u8; SIGNATURE_BYTES],
}

impl Claim {
    fn entry(&self) -> batch::Entry<'_> {
        batch::Entry { key: &self.key, message: &self.message, signature: &self.signature }
    }
}
