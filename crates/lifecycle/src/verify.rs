//! Who is believed, when: the one judgement of an envelope.
//!
//! An artifact's purl names the anchor; the anchor names the keys and their windows; evidence
//! bounds the time of each signature from above; the table in [`judge`] gives the verdict.

pub mod judge;
mod subject;
pub mod verdict;

use alloc::{sync::Arc, vec::Vec};

use crate::{
    algorithm::PublicKey,
    anchor::Anchor,
    envelope::{Candidate, Envelope, Signed, signers},
    id::{Digest, Fingerprint},
    key::{Custody, Key, KeyRecord},
    purl::Purl,
    state::State,
    statement::PredicateType,
    time::Timestamp,
};
use judge::{Evidence, Judged, TimePolicy};
pub use subject::CLAIM_MEMBERS;
pub use verdict::{ArtifactCheck, Finding, Outcome, Reason, Unentered, Verdict, View};

/// What is asked.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "made by every caller")]
pub struct Question<'q> {
    /// The envelope.
    pub envelope: &'q Envelope,
    /// The SHA-256 of the artifact at hand.
    pub artifact: Option<Digest>,
    /// The purl under which the artifact is wanted; it must agree with the statement's.
    pub purl: Option<&'q Purl>,
    /// The time judged, in place of the claimed one.
    pub at: Option<Timestamp>,
    /// Whether a claimed time may stand in for evidence.
    pub time_policy: TimePolicy,
}

impl core::fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Question").field("artifact", &self.artifact).finish_non_exhaustive()
    }
}

/// On what the verdict stands.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "made by every caller")]
pub struct Ground<'g> {
    /// What is known of keys and anchors.
    pub state: &'g State,
    /// The time that counts: [`State::now`] of the clock.
    pub now: Timestamp,
    /// Whether a newer state is known to exist, or may well.
    pub freshness: Freshness,
    /// The public keys.
    pub keys: &'g dyn KeyRing,
    /// What is known of when signatures were made.
    pub evidence: &'g dyn EvidenceSource,
}

impl core::fmt::Debug for Ground<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Ground").field("now", &self.now).finish_non_exhaustive()
    }
}

/// Whether the state judged on is the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum Freshness {
    /// It is, or is young enough.
    Fresh,
    /// It is that of an earlier instant, which somebody asked for: what is not proven to be as
    /// old may have been made since, with a key that the state does not know to have ended.
    Past,
    /// It is older than the verifier allows, or shorter than a checkpoint that was kept.
    Stale,
}

/// Where checked public keys come from; most callers keep them between calls.
pub trait KeyRing: Send + Sync {
    /// The checked public key of a record; `None` if its algorithm is not at hand.
    fn public_key(&self, record: &KeyRecord) -> Option<Arc<dyn PublicKey>>;
}

/// Where evidence of time comes from.
pub trait EvidenceSource: Send + Sync {
    /// What is known of when `signature` (its SHA-256) by the key of `fingerprint` over `pae`
    /// (its SHA-256) was made.
    fn evidence(&self, fingerprint: &Fingerprint, pae: &Digest, signature: &Digest) -> Evidence;
}

/// Judges. Whatever is wrong with the envelope's signatures, payload or subject is a verdict,
/// never an error.
pub fn verify(question: &Question<'_>, ground: &Ground<'_>) -> Verdict {
    let view = View { position: ground.state.size(), time: ground.now };
    let contents = match subject::contents(question) {
        Ok(contents) => contents,
        Err(reason) => return Verdict::refused(reason, view),
    };
    let artifact = contents.artifact;
    let mut judged: Vec<(u32, Verdict)> = Vec::new();
    for purl in &contents.purls {
        let Some((number, anchor)) = ground.state.anchor_for(purl) else {
            return Verdict::refused(Reason::Untrusted, view).with_artifact(artifact);
        };
        if judged.iter().any(|(known, _)| *known == number) {
            continue;
        }
        let claim = question.at.or(contents.claimed);
        let case = Case { question, ground, number, anchor, claim };
        judged.push((number, case.judge(contents.predicate_type.as_ref(), view)));
    }
    // Every subject must pass its own anchor, so the worst verdict is the verdict.
    let worst = judged.into_iter().map(|(_, verdict)| verdict).min_by_key(Verdict::rank);
    worst.unwrap_or_else(|| Verdict::refused(Reason::Untrusted, view)).with_artifact(artifact)
}

/// A key and its checked public part.
type Known<'k> = (&'k Key, Arc<dyn PublicKey>);

/// One envelope before one anchor.
struct Case<'c> {
    question: &'c Question<'c>,
    ground: &'c Ground<'c>,
    number: u32,
    anchor: &'c Anchor,
    claim: Option<Timestamp>,
}

impl Case<'_> {
    fn judge(&self, predicate_type: Option<&PredicateType>, view: View) -> Verdict {
        let allowed = &self.anchor.record.predicate_types;
        let authorised = allowed.is_empty()
            || predicate_type.is_some_and(|given| allowed.iter().any(|one| one.is_same(given)));
        if !authorised {
            return Verdict::refused(Reason::PredicateNotAuthorised, view).by(self.anchor);
        }
        // Key ids only narrow the search: with every signature good under a key that it names,
        // an anchor's other keys need not be looked at.
        let (mut keys, mut missing) = self.candidates(&|key| self.is_named(key));
        let mut signed = self.signed(&keys);
        if signed.len() < self.question.envelope.signatures().len() {
            (keys, missing) = self.candidates(&|_| true);
            signed = self.signed(&keys);
        }
        if signed.is_empty() {
            let reason = if missing { Reason::AlgorithmUnavailable } else { Reason::BadSignature };
            return Verdict::refused(reason, view).by(self.anchor);
        }
        let pae = Digest::of(&self.question.envelope.pae());
        let opinions: Vec<Opinion<'_>> =
            signed.iter().filter_map(|signed| self.opinion(&keys, signed, &pae)).collect();
        self.count(&opinions, view)
    }

    fn signed(&self, keys: &[Known<'_>]) -> Vec<Signed> {
        let candidates: Vec<Candidate<'_>> = keys
            .iter()
            .map(|(key, public)| Candidate { key_id: &key.record.key_id, public_key: &**public })
            .collect();
        signers(self.question.envelope, &candidates)
    }

    fn is_named(&self, key: &Key) -> bool {
        let id = Some(key.record.key_id.as_str());
        self.question.envelope.signatures().iter().any(|one| one.key_id.as_deref() == id)
    }

    /// The anchor's keys that are wanted, of algorithms that it lets pass, and whether some
    /// could not be had.
    fn candidates(&self, wanted: &dyn Fn(&Key) -> bool) -> (Vec<Known<'_>>, bool) {
        let algorithms = &self.anchor.record.algorithms;
        let members = self.anchor.keys.iter().filter_map(|key| self.ground.state.key_at(*key));
        let members = members
            .filter(|key| algorithms.is_empty() || algorithms.contains(&key.record.algorithm))
            .filter(|key| wanted(key));
        let mut missing = false;
        let found = members
            .filter_map(|key| {
                let public = self.ground.keys.public_key(&key.record);
                missing |= public.is_none();
                public.map(|public| (key, public))
            })
            .collect();
        (found, missing)
    }

    fn opinion<'k>(
        &self,
        keys: &[Known<'k>],
        signed: &Signed,
        pae: &Digest,
    ) -> Option<Opinion<'k>> {
        let (key, _) = keys.get(signed.candidate)?;
        let member = key.membership(self.number)?;
        let signature = self.question.envelope.signatures().get(signed.signature)?;
        let digest = Digest::of(&signature.signature);
        let evidence = self.ground.evidence.evidence(&key.record.fingerprint, pae, &digest);
        let judged = judge::judge(&judge::Matter {
            key,
            window: key.window(&member),
            claim: self.claim,
            evidence: &evidence,
            policy: self.question.time_policy,
            now: self.ground.now,
        });
        let mut findings = Vec::new();
        if signed.under_wrong_key_id {
            findings.push(Finding::WrongKeyId);
        }
        if self.claim.zip(judged.proven_before).is_some_and(|(claim, before)| claim > before) {
            findings.push(Finding::ClaimContradictsEvidence);
        }
        let missing = evidence.is_missing_from_ledger() && self.is_watched(key);
        let unentered = missing.then(|| {
            findings.push(Finding::NotInLedger);
            Unentered { fingerprint: key.record.fingerprint, pae: *pae, signature: digest }
        });
        Some(Opinion { key, judged, findings, unentered })
    }

    /// Whether every signature of `key` must be in our ledger.
    fn is_watched(&self, key: &Key) -> bool {
        let gap_since = |made| self.ground.state.ledger().gaps.iter().any(|(_, to)| *to >= made);
        key.record.custody == Custody::Exclusive && !gap_since(key.created_at)
    }

    /// Whether the state is too old to call a signature valid.
    fn is_stale(&self, judged: &Judged) -> bool {
        match self.ground.freshness {
            Freshness::Fresh => false,
            Freshness::Past => judged.proven_before.is_none_or(|before| before > self.ground.now),
            Freshness::Stale => true,
        }
    }

    /// Counts lineages against the threshold: the one place that decides whether a set of
    /// signatures is enough.
    fn count(&self, opinions: &[Opinion<'_>], view: View) -> Verdict {
        let mut best: Vec<&Opinion<'_>> = Vec::new();
        for opinion in opinions {
            match best.iter_mut().find(|known| known.key.lineage == opinion.key.lineage) {
                Some(known) if known.judged.rank() < opinion.judged.rank() => *known = opinion,
                Some(_) => {}
                None => best.push(opinion),
            }
        }
        best.sort_by_key(|opinion| core::cmp::Reverse(opinion.judged.rank()));
        let needed = usize::try_from(self.anchor.record.threshold).unwrap_or(usize::MAX).max(1);
        // The weakest of the signatures that are needed decides.
        let (deciding, enough) = match best.get(needed.saturating_sub(1)) {
            Some(opinion) => (Some(*opinion), true),
            None => (best.first().copied(), false),
        };
        let Some(opinion) = deciding else {
            return Verdict::refused(Reason::BadSignature, view).by(self.anchor);
        };
        let (outcome, reason) = match (enough, opinion.judged.outcome) {
            (false, _) => (Outcome::Invalid, Reason::TooFewSigners),
            (true, Outcome::Invalid) if needed > 1 && opinions.len() > 1 => {
                (Outcome::Invalid, Reason::TooFewSigners)
            }
            (true, Outcome::Valid) if self.is_stale(&opinion.judged) => {
                (Outcome::Indeterminate, Reason::StaleView)
            }
            (true, outcome) => (outcome, opinion.judged.reason),
        };
        let mut findings: Vec<Finding> = Vec::new();
        for finding in opinions.iter().flat_map(|opinion| &opinion.findings) {
            if !findings.contains(finding) {
                findings.push(*finding);
            }
        }
        let verdict = Verdict::refused(reason, view).by(self.anchor);
        Verdict {
            outcome,
            evidence: opinion.judged.evidence,
            key_id: Some(opinion.key.record.key_id.clone()),
            fingerprint: Some(opinion.key.record.fingerprint),
            claimed_time: self.claim,
            proven_before: opinion.judged.proven_before,
            findings,
            unentered: opinions.iter().filter_map(|opinion| opinion.unentered).collect(),
            ..verdict
        }
    }
}

/// What is held of one good signature.
struct Opinion<'k> {
    key: &'k Key,
    judged: Judged,
    findings: Vec<Finding>,
    unentered: Option<Unentered>,
}
