//! The verdict table, row by row, with every boundary.

use keyward_lifecycle::{
    time::Timestamp,
    verify::{
        Finding, Freshness, Outcome, Reason, Verdict,
        judge::{
            EvidenceClass::{self, Held, Logged, TimeStamped, Witnessed},
            LedgerAnswer, TimePolicy,
        },
    },
};

use super::{
    court::{built, signed},
    end::{ALL_ENDS, End, KEY, SERVER, court},
};
use crate::world::{anchor_id, day};
use End::{
    Ahead, AtKey, Empty, Expired, InAnchor, Leaked, LeakedAfter, LeakedBefore, LeakedSometime, Now,
    Open, Retired,
};
use Outcome::{Indeterminate, Invalid, Valid};

/// What is claimed and known of one signature.
#[derive(Clone, Debug, Default)]
struct Case {
    claim: Option<Timestamp>,
    bounds: Vec<(EvidenceClass, Timestamp)>,
    ledger: LedgerAnswer,
    policy: TimePolicy,
}

const fn nothing() -> Case {
    Case {
        claim: None,
        bounds: Vec::new(),
        ledger: LedgerAnswer::NotAtHand,
        policy: TimePolicy::Evidence,
    }
}

fn claimed(claim: Timestamp) -> Case {
    Case { claim: Some(claim), ..nothing() }
}

fn proven(class: EvidenceClass, before: Timestamp) -> Case {
    nothing().and(class, before)
}

fn entered(at: Timestamp) -> Case {
    Case { ledger: LedgerAnswer::Entered(at), ..nothing() }
}

impl Case {
    fn and(mut self, class: EvidenceClass, before: Timestamp) -> Self {
        self.bounds.push((class, before));
        self
    }

    fn claiming(self, claim: Timestamp) -> Self {
        Self { claim: Some(claim), ..self }
    }

    /// Under the runbook's literal rule.
    fn taken_at_its_word(self) -> Self {
        Self { policy: TimePolicy::Claimed, ..self }
    }
}

fn judged(end: End, case: &Case) -> Verdict {
    let mut court = court(end);
    for (class, before) in &case.bounds {
        court.proven("k1", *class, *before);
    }
    court.in_ledger("k1", case.ledger);
    court.policy = case.policy;
    court.judge(&signed(built(case.claim), &["k1"]))
}

#[track_caller]
fn check(end: End, case: &Case, expected: (Outcome, Reason)) {
    let _ = seen(end, case, expected);
}

/// The verdict, which must be the expected one.
#[track_caller]
fn seen(end: End, case: &Case, expected: (Outcome, Reason)) -> Verdict {
    let verdict = judged(end, case);
    assert_eq!((verdict.outcome, verdict.reason), expected, "{end:?}, {case:?}");
    verdict
}

/// The last instant before.
fn before(time: Timestamp) -> Timestamp {
    Timestamp::from_nanos(time.nanos() - 1)
}

const CLASSES: [EvidenceClass; 4] = [Logged, Held, Witnessed, TimeStamped];

#[test]
fn a_time_claimed_before_the_addition_is_not_yet_valid_whatever_else_is_known() {
    // SO-091, SO-095
    let early = before(day(10));
    for end in ALL_ENDS {
        let expected = (Invalid, Reason::NotYetValid);
        check(end, &claimed(early), expected);
        check(end, &claimed(early).taken_at_its_word(), expected);
        check(end, &proven(TimeStamped, day(11)).claiming(early), expected);
    }
    check(Open, &claimed(day(10)), (Valid, Reason::InWindow));
}

#[test]
fn an_open_window_believes() {
    let valid = (Valid, Reason::InWindow);
    check(Open, &nothing(), valid);
    check(Open, &claimed(day(29)), valid);
    check(Open, &claimed(day(99)), valid);
    check(Open, &entered(day(29)), valid);
    for class in CLASSES {
        let verdict = seen(Open, &proven(class, day(15)), valid);
        assert_eq!((verdict.evidence, verdict.proven_before), (Some(class), Some(day(15))));
    }
}

#[test]
fn an_end_ahead_does_not_matter_until_a_claim_reaches_it() {
    // SO-054, HA-09
    check(Ahead, &nothing(), (Valid, Reason::InWindow));
    check(Ahead, &claimed(before(day(40))), (Valid, Reason::InWindow));
    check(Ahead, &claimed(day(40)), (Invalid, Reason::Revoked));
    check(Ahead, &claimed(day(40)).taken_at_its_word(), (Invalid, Reason::Revoked));
    let contradicted = proven(Logged, day(29)).claiming(day(40));
    check(Ahead, &contradicted, (Valid, Reason::ProvenBeforeEnd));
    // `e > now` is strict.
    check(Now, &nothing(), (Indeterminate, Reason::OutOfBoundsNoPoe));
    check(Now, &claimed(before(day(30))), (Indeterminate, Reason::OutOfBoundsNoPoe));
}

#[test]
fn evidence_from_before_a_benign_end_believes() {
    // SO-053, SO-091
    for end in [InAnchor, AtKey, Retired, Expired] {
        for class in CLASSES {
            let last = before(day(20));
            let verdict = seen(end, &proven(class, last), (Valid, Reason::ProvenBeforeEnd));
            assert_eq!((verdict.evidence, verdict.proven_before), (Some(class), Some(last)));
            let unproven = (Indeterminate, Reason::OutOfBoundsNoPoe);
            check(end, &proven(class, day(20)), unproven);
            // A time stamp that was made later never makes a signature worse.
            let archived = proven(class, day(15)).and(TimeStamped, day(29));
            check(end, &archived, (Valid, Reason::ProvenBeforeEnd));
        }
    }
}

#[test]
fn evidence_beats_a_claim_that_contradicts_it_and_the_verdict_says_so() {
    // HA-02
    let case = proven(Witnessed, day(15)).claiming(day(25));
    let verdict = seen(InAnchor, &case, (Valid, Reason::ProvenBeforeEnd));
    assert_eq!(verdict.findings, [Finding::ClaimContradictsEvidence]);
    assert_eq!(verdict.claimed_time, Some(day(25)));
    // A bound says "not after": the same instant contradicts nothing.
    let case = proven(Witnessed, day(15)).claiming(day(15));
    assert_eq!(seen(Open, &case, (Valid, Reason::InWindow)).findings, []);
    let case = proven(Witnessed, before(day(15))).claiming(day(15));
    let findings = seen(Open, &case, (Valid, Reason::InWindow)).findings;
    assert_eq!(findings, [Finding::ClaimContradictsEvidence]);
}

#[test]
fn what_is_claimed_or_was_entered_at_a_benign_end_is_over() {
    let ends = [
        (InAnchor, Reason::Revoked),
        (AtKey, Reason::Revoked),
        (Retired, Reason::Expired),
        (Expired, Reason::Expired),
    ];
    for (end, reason) in ends {
        let over = (Invalid, reason);
        check(end, &claimed(day(20)), over);
        check(end, &claimed(day(20)).taken_at_its_word(), over);
        check(end, &proven(Logged, day(20)).claiming(day(20)), over);
        check(end, &entered(day(20)), over);
        check(end, &entered(day(20)).claiming(day(15)).taken_at_its_word(), over);
        // The row's own time proves nothing.
        let unproven = (Indeterminate, Reason::OutOfBoundsNoPoe);
        check(end, &entered(before(day(20))), unproven);
    }
}

#[test]
fn a_claim_in_the_window_does_only_under_the_literal_rule() {
    // HA-05
    for end in [InAnchor, AtKey, Retired, Expired] {
        for claim in [day(10), day(15), before(day(20))] {
            let word = (Valid, Reason::ClaimedTime);
            check(end, &claimed(claim).taken_at_its_word(), word);
            check(end, &claimed(claim), (Indeterminate, Reason::OutOfBoundsNoPoe));
            // Later evidence is no contradiction: it can have been made at any time.
            check(end, &proven(Logged, day(29)).claiming(claim).taken_at_its_word(), word);
        }
        let unproven = (Indeterminate, Reason::OutOfBoundsNoPoe);
        check(end, &nothing(), unproven);
        check(end, &nothing().taken_at_its_word(), unproven);
    }
}

#[test]
fn an_empty_window_believes_nothing() {
    check(Empty, &nothing(), (Invalid, Reason::Revoked));
    check(Empty, &proven(TimeStamped, day(1)), (Invalid, Reason::Revoked));
    check(Empty, &claimed(day(15)).taken_at_its_word(), (Invalid, Reason::Revoked));
    check(LeakedBefore, &proven(TimeStamped, day(1)), (Invalid, Reason::RevokedNoPoe));
}

#[test]
fn after_a_compromise_only_evidence_from_before_it_believes() {
    // HA-03
    for scope in [SERVER, KEY] {
        for class in [Held, Witnessed, TimeStamped] {
            let last = before(day(20));
            let proof = proven(class, last);
            let verdict = seen(Leaked(scope), &proof, (Valid, Reason::ProvenBeforeCompromise));
            assert_eq!((verdict.evidence, verdict.proven_before), (Some(class), Some(last)));
            let invalid = (Invalid, Reason::RevokedNoPoe);
            // Between the theft and its discovery.
            check(Leaked(scope), &proven(class, day(20)), invalid);
            check(Leaked(scope), &proven(class, day(24)), invalid);
            let contradicted = proven(class, day(15)).claiming(day(26));
            check(Leaked(scope), &contradicted, (Valid, Reason::ProvenBeforeCompromise));
        }
    }
    // An earlier end of the window stands.
    let proof = proven(TimeStamped, before(day(20)));
    check(LeakedAfter, &proof, (Valid, Reason::ProvenBeforeCompromise));
    check(LeakedAfter, &proven(TimeStamped, day(20)), (Invalid, Reason::RevokedNoPoe));
}

#[test]
fn the_suspect_server_s_own_word_proves_nothing() {
    let logged = proven(Logged, day(15));
    check(Leaked(KEY), &logged, (Valid, Reason::ProvenBeforeCompromise));
    check(Leaked(SERVER), &logged, (Indeterminate, Reason::LoggedBySuspect));
    check(LeakedSometime(KEY), &logged, (Indeterminate, Reason::CompromiseDateUnknown));
    check(LeakedSometime(SERVER), &logged, (Indeterminate, Reason::LoggedBySuspect));
    for scope in [SERVER, KEY] {
        check(Leaked(scope), &proven(Logged, day(20)), (Invalid, Reason::RevokedNoPoe));
    }
    // Beside evidence that counts it is not what decides.
    let both = proven(Logged, day(11)).and(Witnessed, day(15));
    let verdict = seen(Leaked(SERVER), &both, (Valid, Reason::ProvenBeforeCompromise));
    assert_eq!((verdict.evidence, verdict.proven_before), (Some(Witnessed), Some(day(15))));
    let late = proven(Logged, day(11)).and(Witnessed, day(22));
    let verdict = seen(Leaked(SERVER), &late, (Indeterminate, Reason::LoggedBySuspect));
    assert_eq!(verdict.evidence, Some(Logged));
}

#[test]
fn a_compromise_without_a_date_makes_nothing_valid() {
    // HA-04
    for scope in [SERVER, KEY] {
        for class in [Held, Witnessed, TimeStamped] {
            let unknown = (Indeterminate, Reason::CompromiseDateUnknown);
            check(LeakedSometime(scope), &proven(class, before(day(20))), unknown);
            let invalid = (Invalid, Reason::RevokedNoPoe);
            check(LeakedSometime(scope), &proven(class, day(20)), invalid);
        }
    }
}

#[test]
fn no_flag_relaxes_a_compromise() {
    let ends = [Leaked(SERVER), Leaked(KEY), LeakedSometime(SERVER), LeakedSometime(KEY)];
    for end in ends {
        for case in [nothing(), claimed(day(15)), entered(day(15)), claimed(day(25))] {
            let invalid = (Invalid, Reason::RevokedNoPoe);
            check(end, &case, invalid);
            check(end, &case.taken_at_its_word(), invalid);
        }
    }
}

#[test]
fn the_time_asked_about_takes_the_place_of_the_claim() {
    // HA-05, SO-094
    let mut court = court(InAnchor);
    court.policy = TimePolicy::Claimed;
    let envelope = signed(built(Some(day(25))), &["k1"]);
    assert_eq!(court.judge(&envelope).reason, Reason::Revoked);
    court.at = Some(day(15));
    let verdict = court.judge(&envelope);
    assert_eq!((verdict.reason, verdict.claimed_time), (Reason::ClaimedTime, Some(day(15))));
    court.at = Some(day(9));
    assert_eq!(court.judge(&envelope).reason, Reason::NotYetValid);
}

#[test]
fn an_old_view_says_valid_to_nothing() {
    let stale = |end, case: &Case| {
        let mut court = court(end);
        court.freshness = Freshness::Stale;
        let verdict = court.judge(&signed(built(case.claim), &["k1"]));
        (verdict.outcome, verdict.reason)
    };
    assert_eq!(stale(Open, &nothing()), (Indeterminate, Reason::StaleView));
    assert_eq!(stale(Open, &claimed(day(1))), (Invalid, Reason::NotYetValid));
    assert_eq!(stale(InAnchor, &nothing()), (Indeterminate, Reason::OutOfBoundsNoPoe));
    assert_eq!(stale(Leaked(KEY), &nothing()), (Invalid, Reason::RevokedNoPoe));
}

#[test]
fn a_view_of_the_past_says_valid_to_what_is_proven_to_be_as_old_alone() {
    let past = |case: &Case| {
        let mut court = court(Open);
        court.freshness = Freshness::Past;
        for (class, before) in &case.bounds {
            court.proven("k1", *class, *before);
        }
        let verdict = court.judge(&signed(built(case.claim), &["k1"]));
        (verdict.outcome, verdict.reason)
    };
    let now = court(Open).world.now();
    let after = Timestamp::from_nanos(now.nanos() + 1);
    assert_eq!(past(&nothing()), (Indeterminate, Reason::StaleView));
    assert_eq!(past(&claimed(day(12))), (Indeterminate, Reason::StaleView));
    assert_eq!(past(&proven(Logged, after)), (Indeterminate, Reason::StaleView));
    assert_eq!(past(&proven(Logged, now)), (Valid, Reason::InWindow));
    assert_eq!(past(&claimed(day(1))), (Invalid, Reason::NotYetValid));
}

#[test]
fn a_verdict_names_the_key_the_anchor_and_the_view() {
    let mut court = court(Open);
    let verdict = court.judge(&signed(built(None), &["k1"]));
    let key = &court.world.key("k1").record;
    assert_eq!(verdict.key_id.as_ref(), Some(&key.key_id));
    assert_eq!(verdict.fingerprint, Some(key.fingerprint));
    assert_eq!(verdict.anchor_id, Some(anchor_id(1)));
    assert_eq!(verdict.view.position, court.world.state.size());
    assert_eq!(verdict.view.time, day(30));
}
