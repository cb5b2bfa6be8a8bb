//! Judging envelopes with everything that this store knows.

mod bulk;
mod gathered;
pub(crate) mod remembered;

use std::sync::Arc;

use keyward_lifecycle::{
    audit::{
        proof,
        tree::{Frontier, leaf_hash},
    },
    bundle::Carried,
    envelope::Envelope,
    event::Event,
    id::{Digest, Fingerprint},
    ledger::{Entry, LedgerProof, SignedHead, bound, evidence_of},
    purl::Purl,
    state::State,
    time::Timestamp,
    verify::{
        EvidenceSource, Freshness, Ground, KeyRing, Question, Verdict,
        judge::{Evidence, LedgerAnswer, TimePolicy},
        verify,
    },
};

use crate::{
    engine::{Keyward, Shared, unavailable},
    storage::{LedgerIndex, ReadError, Shelf, Tree},
    writer::{ExecuteError, Job},
};

pub use bulk::Rigour;

/// What is asked.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "made from a request, member by member")]
pub struct VerifyRequest {
    /// The envelope.
    pub envelope: Envelope,
    /// Evidence that came with it.
    pub carried: Vec<LedgerProof>,
    /// The artifact's SHA-256.
    pub artifact: Option<Digest>,
    /// The purl under which the artifact is wanted.
    pub purl: Option<Purl>,
    /// The time judged.
    pub at: Option<Timestamp>,
    /// What the log knew then. What is not proven to be as old is not called valid.
    pub as_of: Option<Timestamp>,
    /// What a claimed time is worth.
    pub time_policy: TimePolicy,
}

impl VerifyRequest {
    /// A question about `envelope` with nothing else said.
    #[must_use]
    pub const fn new(envelope: Envelope) -> Self {
        Self {
            envelope,
            carried: Vec::new(),
            artifact: None,
            purl: None,
            at: None,
            as_of: None,
            time_policy: TimePolicy::Evidence,
        }
    }
}

impl Keyward {
    /// Judges an envelope, with the evidence that came with it and that of this store.
    ///
    /// # Errors
    /// [`ExecuteError::Unavailable`] when the log cannot be read for `as_of`.
    pub fn verify(&self, request: &VerifyRequest) -> Result<Verdict, ExecuteError> {
        let state = match request.as_of {
            Some(then) => Arc::new(self.state_as_of(then)?),
            None => self.state(),
        };
        let now = request.as_of.map_or_else(|| self.now(), |then| state.now(then));
        let freshness = match self.freshness() {
            Freshness::Fresh if request.as_of.is_some_and(|then| then < self.now()) => {
                Freshness::Past
            }
            freshness @ (Freshness::Fresh | Freshness::Past | Freshness::Stale) => freshness,
        };
        let known = Known { shared: &self.shared, carried: &request.carried };
        let verdict = judge(request, (&*self.shared, &known), (&state, now, freshness));
        self.shared.counts.note(&verdict);
        if request.as_of.is_none() {
            // The ledger at hand is not that of an earlier day.
            self.shared.forgeries.note(&verdict);
        }
        Ok(verdict)
    }

    pub(crate) fn freshness(&self) -> Freshness {
        // A log that is shorter than one that was seen before lacks what came after.
        match self.shared.quarantined() {
            Some(_) => Freshness::Stale,
            // A change whose fate is not known may be in the log already.
            None if self.shared.is_halted() => Freshness::Stale,
            None => Freshness::Fresh,
        }
    }

    /// The fold of the events up to `then`, replayed from the log, whose leaves must be those
    /// that this process knows by their root.
    ///
    /// # Errors
    /// [`ExecuteError::Unavailable`].
    pub fn state_as_of(&self, then: Timestamp) -> Result<State, ExecuteError> {
        let head = self.shared.log_head();
        let (mut state, mut log, mut over) = (State::default(), Frontier::new(), false);
        while log.size() < head.size {
            let limit = head.size.saturating_sub(log.size()).min(u64::from(REPLAY_LEAVES));
            let limit = u32::try_from(limit).unwrap_or(REPLAY_LEAVES);
            let leaves = self.shared.storage.leaves(Tree::Log, log.size(), limit);
            let leaves = leaves.map_err(|error| unavailable(&error))?;
            if leaves.is_empty() {
                break;
            }
            for leaf in leaves {
                if !over {
                    let event = Event::from_leaf(log.size(), &leaf);
                    let event = event.map_err(|error| unavailable(&error))?;
                    over = event.time > then;
                    if !over {
                        state.apply(&event);
                    }
                }
                let added = log.append(leaf_hash(&leaf), &mut |_, _| {});
                added.map_err(|error| unavailable(&error))?;
            }
        }
        if (log.size(), log.root()) != (head.size, head.root) {
            let what = "the log in the storage is not the one that was read at the start; see \
                        `keyward audit verify`";
            return Err(ExecuteError::Unavailable(what.into()));
        }
        Ok(state)
    }
}

fn judge(
    request: &VerifyRequest,
    (keys, evidence): (&dyn KeyRing, &dyn EvidenceSource),
    (state, now, freshness): (&State, Timestamp, Freshness),
) -> Verdict {
    let question = Question {
        envelope: &request.envelope,
        artifact: request.artifact,
        purl: request.purl.as_ref(),
        at: request.at,
        time_policy: request.time_policy,
    };
    verify(&question, &Ground { state, now, freshness, keys, evidence })
}

/// Leaves read at once while replaying.
const REPLAY_LEAVES: u32 = 4096;
/// Checkpoints looked at for one that contains an entry.
const CHECKPOINTS_TRIED: u32 = 8;
/// Entries of one key over one content that are looked at: so many at once, so often.
const ENTRIES_TRIED: u32 = 64;
const ENTRY_PAGES_TRIED: u32 = 64;

/// Evidence that came along, then that of the ledger at hand.
pub(crate) struct Known<'k> {
    pub(crate) shared: &'k Shared,
    pub(crate) carried: &'k [LedgerProof],
}

impl EvidenceSource for Known<'_> {
    fn evidence(&self, fingerprint: &Fingerprint, pae: &Digest, signature: &Digest) -> Evidence {
        let own = self.shared.own_proof(fingerprint, pae, signature);
        match own {
            Ok(Found::Proven(proof, head)) => {
                let bound = bound(&proof.entry, &proof.inclusion, &head);
                bound.map_or_else(Evidence::default, |bound| evidence_of(&proof.entry, bound))
            }
            // An entry that no checkpoint contains yet says when, and proves nothing.
            Ok(Found::Unproven) | Err(_) => self.carried(fingerprint, pae, signature),
            Ok(Found::Absent) => {
                let carried = self.carried(fingerprint, pae, signature);
                if carried.bounds.is_empty() {
                    return Evidence { ledger: LedgerAnswer::Absent, ..carried };
                }
                carried
            }
        }
    }
}

impl Known<'_> {
    fn carried(&self, fingerprint: &Fingerprint, pae: &Digest, signature: &Digest) -> Evidence {
        let authority = self.shared.authority();
        let origin = &authority.authority().origin;
        Carried::new(self.carried, origin, authority.log_verifiers()).evidence(
            fingerprint,
            pae,
            signature,
        )
    }
}

/// What the ledger has of a signature.
pub(crate) enum Found {
    /// An entry that a signed checkpoint contains.
    Proven(Box<LedgerProof>, SignedHead),
    /// An entry that no checkpoint contains yet: made while sealed.
    Unproven,
    /// No entry of that key over that content.
    Absent,
}

impl Shared {
    /// As [`Self::ledger_proof`], but what is missing from a ledger that is not complete is not
    /// called absent: one that was rolled back, or whose last entries are on their way.
    fn own_proof(
        &self,
        fingerprint: &Fingerprint,
        pae: &Digest,
        signature: &Digest,
    ) -> Result<Found, ReadError> {
        let found = self.ledger_proof(fingerprint, pae, signature)?;
        if !matches!(found, Found::Absent) {
            return Ok(found);
        }
        if self.quarantined().is_some() || self.is_halted() {
            return Ok(Found::Unproven);
        }
        if self.state().ledger().open_since.is_none() {
            return Ok(found);
        }
        // What was released before is in the writer's queue before this.
        let waited = self.ask(|reply| Job::Keep { items: Vec::new(), reply });
        if waited.is_err() || self.is_behind() {
            return Ok(Found::Unproven);
        }
        self.ledger_proof(fingerprint, pae, signature)
    }

    /// The ledger's entry for a signature, with its proof.
    pub(crate) fn ledger_proof(
        &self,
        fingerprint: &Fingerprint,
        pae: &Digest,
        signature: &Digest,
    ) -> Result<Found, ReadError> {
        let find = LedgerIndex::Signed(*fingerprint, *pae);
        let (mut after, mut signed_that) = (None, false);
        for _ in 0..ENTRY_PAGES_TRIED {
            let places = self.storage.ledger(find, after, ENTRIES_TRIED)?;
            let Some(last) = places.last() else {
                // Another signature of the key over the same content: of one that anybody can
                // write in two ways, or whose maker signed twice.
                return Ok(if signed_that { Found::Unproven } else { Found::Absent });
            };
            after = Some(*last);
            for place in places {
                let Some(entry) = self.entry(place)? else { continue };
                let same = entry.fingerprint == *fingerprint && entry.pae == *pae;
                if same && entry.signature == *signature {
                    return self.prove(entry);
                }
                signed_that |= same;
            }
        }
        // Not all was looked at, so nothing is said of what is missing.
        Ok(Found::Unproven)
    }

    pub(crate) fn entry(&self, place: u64) -> Result<Option<Entry>, ReadError> {
        let leaf = self.storage.leaves(Tree::Ledger, place, 1)?.into_iter().next();
        Ok(leaf.and_then(|leaf| Entry::from_leaf(place, &leaf)))
    }

    /// The earliest checkpoint that contains the entry, and the path to it.
    fn prove(&self, entry: Entry) -> Result<Found, ReadError> {
        let second = u64::try_from(entry.time.seconds()).unwrap_or(0);
        let after = second.saturating_sub(1).to_be_bytes();
        let items = self.storage.items(Shelf::Checkpoint, Some(&after), CHECKPOINTS_TRIED)?;
        let authority = self.authority();
        for item in items {
            let Some(head) = self.remembered.open(&item.bytes, &authority) else { continue };
            if head.ledger().size <= entry.seq {
                continue;
            }
            let mut fetch = |at| self.remembered.node(&*self.storage, at);
            let Ok(inclusion) = proof::inclusion(entry.seq, head.ledger().size, &mut fetch) else {
                continue;
            };
            let Ok(checkpoint) = String::from_utf8(item.bytes) else { continue };
            let proof = LedgerProof { entry, inclusion, checkpoint };
            return Ok(Found::Proven(Box::new(proof), head));
        }
        Ok(Found::Unproven)
    }
}
