//! The verdict table (design: time and verdicts): one good signature, one window, the
//! evidence of its time. Rows are tried in order.

use alloc::vec::Vec;

use super::verdict::{Outcome, Reason};
use crate::{
    key::{CompromiseScope, Key, Revocation},
    time::{Timestamp, Window},
};

/// How evidence bounds the making of a signature from above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "an instant and who vouches for it")]
pub struct Bound {
    /// The signature was not made after this instant. Evidence in whole seconds counts as one
    /// second later.
    pub before: Timestamp,
    /// Who vouches for it.
    pub class: EvidenceClass,
}

/// Who vouches for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "the table decides about every class")]
pub enum EvidenceClass {
    /// This log's keeper, by the log key's cosignature.
    Logged,
    /// This verifier, who held the checkpoint then.
    Held,
    /// A quorum of witnesses.
    Witnessed,
    /// A time-stamping authority (RFC 3161).
    TimeStamped,
}

impl EvidenceClass {
    /// The public word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Logged => "logged",
            Self::Held => "held",
            Self::Witnessed => "witnessed",
            Self::TimeStamped => "time-stamped",
        }
    }
}

/// What is known of when one signature was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made by every source of evidence")]
pub struct Evidence {
    /// Upper bounds.
    pub bounds: Vec<Bound>,
    /// What our own ledger says.
    pub ledger: LedgerAnswer,
}

/// Whether our ledger has a signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the table decides about every answer")]
pub enum LedgerAnswer {
    /// No complete ledger is at hand.
    #[default]
    NotAtHand,
    /// It is in, entered at that time, which is when it was made.
    Entered(Timestamp),
    /// The ledger is complete and has no signature of that key over that content.
    Absent,
}

impl Evidence {
    /// Whether a complete ledger lacks the signature.
    #[must_use]
    pub const fn is_missing_from_ledger(&self) -> bool {
        matches!(self.ledger, LedgerAnswer::Absent)
    }

    const fn entered(&self) -> Option<Timestamp> {
        match self.ledger {
            LedgerAnswer::Entered(at) => Some(at),
            LedgerAnswer::NotAtHand | LedgerAnswer::Absent => None,
        }
    }

    fn best(&self, counts: impl Fn(EvidenceClass) -> bool) -> Option<Bound> {
        self.bounds.iter().copied().filter(|bound| counts(bound.class)).min_by_key(|b| b.before)
    }
}

/// Whether a claimed time may stand in for evidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "two names for two values")]
pub enum TimePolicy {
    /// It may not.
    #[default]
    Evidence,
    /// It may, where the key's end is benign: the runbook's literal rule.
    Claimed,
}

/// What is judged.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "made by every caller")]
pub struct Matter<'m> {
    /// The key whose signature is good.
    pub key: &'m Key,
    /// When the anchor believes it.
    pub window: Window,
    /// The time that is claimed or asked about.
    pub claim: Option<Timestamp>,
    /// What is known of the time.
    pub evidence: &'m Evidence,
    /// What a claim is worth.
    pub policy: TimePolicy,
    /// The time that counts.
    pub now: Timestamp,
}

/// The verdict on one signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a row of the table")]
pub struct Judged {
    /// The outcome.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// Who vouches for the time that decided, or the best there is.
    pub evidence: Option<EvidenceClass>,
    /// The best upper bound.
    pub proven_before: Option<Timestamp>,
}

impl Judged {
    /// Better outcomes rank higher.
    #[must_use]
    pub const fn rank(&self) -> u8 {
        self.outcome.rank()
    }
}

/// Judges one good signature.
#[must_use]
pub fn judge(matter: &Matter<'_>) -> Judged {
    let best = matter.evidence.best(|_| true);
    let ((outcome, reason), deciding) = row(matter, best);
    Judged {
        outcome,
        reason,
        evidence: deciding.map(|bound| bound.class),
        proven_before: deciding.map(|bound| bound.before),
    }
}

type Row = (Outcome, Reason);

/// The row, and the bound that decided or else the best there is.
fn row(matter: &Matter<'_>, best: Option<Bound>) -> (Row, Option<Bound>) {
    let Matter { key, window, claim, evidence: _, policy: _, now } = *matter;
    if claim.is_some_and(|claim| claim < window.start()) {
        return ((Outcome::Invalid, Reason::NotYetValid), best);
    }
    let compromised = key.revocation().filter(|revocation| revocation.reason.is_compromise());
    match (compromised, window.end()) {
        (Some(revocation), _) => row_compromised(matter, revocation, best),
        // An end that is yet to come: only a time claimed beyond it brings it to bear.
        (None, Some(end)) if end > now && claim.is_none_or(|claim| claim < end) => {
            ((Outcome::Valid, Reason::InWindow), best)
        }
        (None, None) => ((Outcome::Valid, Reason::InWindow), best),
        (None, Some(end)) => (row_ended(matter, end, best), best),
    }
}

fn row_ended(matter: &Matter<'_>, end: Timestamp, best: Option<Bound>) -> Row {
    let Matter { key, window, claim, evidence, policy, now: _ } = *matter;
    let expired = key.record.expires_at == Some(end) || key.not_after() == Some(end);
    let over = (Outcome::Invalid, if expired { Reason::Expired } else { Reason::Revoked });
    if window.is_empty() {
        return over;
    }
    if best.is_some_and(|bound| bound.before < end) {
        return (Outcome::Valid, Reason::ProvenBeforeEnd);
    }
    let late = |time: Option<Timestamp>| time.is_some_and(|time| time >= end);
    if late(claim) || late(evidence.entered()) {
        return over;
    }
    if policy == TimePolicy::Claimed && claim.is_some() {
        return (Outcome::Valid, Reason::ClaimedTime);
    }
    (Outcome::Indeterminate, Reason::OutOfBoundsNoPoe)
}

fn row_compromised(
    matter: &Matter<'_>,
    revocation: &Revocation,
    best: Option<Bound>,
) -> (Row, Option<Bound>) {
    let end = matter.window.end().unwrap_or(revocation.effective_at);
    let before_end = |bound: &Bound| !matter.window.is_empty() && bound.before < end;
    let counted = matter.evidence.best(|class| counts(class, revocation.scope));
    if let Some(bound) = counted.filter(before_end) {
        let row = match revocation.invalidity_date {
            Some(_) => (Outcome::Valid, Reason::ProvenBeforeCompromise),
            None => (Outcome::Indeterminate, Reason::CompromiseDateUnknown),
        };
        return (row, Some(bound));
    }
    let logged = matter.evidence.best(|class| class == EvidenceClass::Logged);
    match logged.filter(before_end) {
        Some(bound) => ((Outcome::Indeterminate, Reason::LoggedBySuspect), Some(bound)),
        None => ((Outcome::Invalid, Reason::RevokedNoPoe), best),
    }
}

/// Whether evidence counts after a compromise. The server that held the key is suspect with it,
/// unless the incident says otherwise: times for which it alone vouches then count for nothing.
const fn counts(class: EvidenceClass, scope: CompromiseScope) -> bool {
    match (class, scope) {
        (EvidenceClass::Logged, CompromiseScope::Server) => false,
        (EvidenceClass::Logged, CompromiseScope::Key)
        | (EvidenceClass::Held | EvidenceClass::Witnessed | EvidenceClass::TimeStamped, _) => true,
    }
}
