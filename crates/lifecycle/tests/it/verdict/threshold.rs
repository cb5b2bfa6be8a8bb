//! How many signers, which keys, and what else is seen of their signatures.

use keyward_lifecycle::{
    algorithm::Algorithm,
    anchor::AnchorRecord,
    command::{Command, LedgerNote, NewKey},
    envelope::{Envelope, IN_TOTO_PAYLOAD_TYPE, Signature, pae},
    key::Custody,
    verify::{
        Finding, Outcome, Reason,
        judge::{EvidenceClass, LedgerAnswer},
    },
};

use super::court::{Court, built, of_algorithm, private, real, signature, signed};
use crate::world::{
    anchor, attest, begin, complete, create, create_as, day, id, revoke, revoke_at,
};

/// Keys `a`, `b`, `c` of three lineages in anchor 1 with that threshold, since day 0; day 20.
fn court(threshold: u32) -> Court {
    let mut court = Court::new();
    court.key("a").key("b").key("c");
    let record = AnchorRecord { threshold, ..anchor(1, "pkg:npm/a1/*") };
    court.world.must(create_as(record, &["a", "b", "c"]));
    court.world.at(day(20));
    court
}

#[track_caller]
fn check(court: &mut Court, names: &[&str], expected: (Outcome, Reason)) {
    let verdict = court.judge(&signed(built(None), names));
    assert_eq!((verdict.outcome, verdict.reason), expected, "{names:?}");
}

const FEW: (Outcome, Reason) = (Outcome::Invalid, Reason::TooFewSigners);
const GOOD: (Outcome, Reason) = (Outcome::Valid, Reason::InWindow);

#[test]
fn distinct_signers_are_counted_and_not_signatures() {
    // SO-093, HA-15
    let mut court = court(2);
    check(&mut court, &["a"], FEW);
    check(&mut court, &["a", "a"], FEW);
    check(&mut court, &["a", "b"], GOOD);
    check(&mut court, &["x", "a", "y", "c"], GOOD);
    check(&mut court, &["x", "y"], (Outcome::Invalid, Reason::BadSignature));
}

#[test]
fn the_two_keys_of_a_rotation_are_one_signer() {
    let mut court = court(2);
    check(&mut court, &["a", "b"], GOOD);
    court.world.must(begin("a", "b"));
    check(&mut court, &["a", "b"], GOOD);
    court.world.must(attest("a", "b"));
    check(&mut court, &["a", "b"], FEW);
    check(&mut court, &["a", "c"], GOOD);
    court.world.must(complete("a"));
    check(&mut court, &["a", "b"], FEW);
    // The better of the two counts.
    check(&mut court, &["a", "b", "c"], GOOD);
    check(&mut court, &["a", "c"], (Outcome::Indeterminate, Reason::OutOfBoundsNoPoe));
}

#[test]
fn a_child_is_of_its_parent_s_lineage_from_the_start() {
    let mut court = court(2);
    court.key_as(NewKey { parent: Some(id("a")), ..real("d") });
    court.world.must(crate::world::add(1, "d"));
    check(&mut court, &["a", "d"], FEW);
    check(&mut court, &["b", "d"], GOOD);
}

#[test]
fn the_weakest_signer_that_is_needed_decides() {
    let ended = (Outcome::Indeterminate, Reason::OutOfBoundsNoPoe);
    let mut court = court(2);
    court.world.must(revoke_at(1, "b", day(20)));
    check(&mut court, &["a", "b"], ended);
    check(&mut court, &["a", "b", "c"], GOOD);
    court.world.must(revoke("c", "compromise"));
    check(&mut court, &["a", "c"], FEW);
    check(&mut court, &["a", "b", "c"], ended);
    check(&mut court, &["b", "c"], FEW);
    court.proven("b", EvidenceClass::Witnessed, day(10));
    check(&mut court, &["a", "b"], (Outcome::Valid, Reason::ProvenBeforeEnd));
}

#[test]
fn a_good_signature_under_a_wrong_key_id_counts_and_is_reported() {
    // SO-092
    let mut court = court(1);
    let payload = built(None);
    let signature = signature("a", IN_TOTO_PAYLOAD_TYPE, &payload);
    for (key_id, findings) in [
        (Some("a"), &[][..]),
        (None, &[]),
        (Some("b"), &[Finding::WrongKeyId]),
        (Some("nobody"), &[Finding::WrongKeyId]),
    ] {
        let key_id = key_id.map(str::to_owned);
        let named = Signature { key_id, ..signature.clone() };
        let envelope = Envelope::new(IN_TOTO_PAYLOAD_TYPE, payload.clone(), named).unwrap();
        let verdict = court.judge(&envelope);
        assert_eq!((verdict.outcome, verdict.reason), GOOD);
        assert_eq!(verdict.key_id, Some(id("a")));
        assert_eq!(verdict.findings, findings);
    }
}

#[test]
fn a_key_of_another_anchor_signs_nothing_here() {
    let mut court = court(1);
    court.key("stranger");
    court.world.must(create(2, &["stranger"]));
    check(&mut court, &["stranger"], (Outcome::Invalid, Reason::BadSignature));
}

#[test]
fn the_anchor_says_which_algorithms_pass_and_the_record_which_is_meant() {
    // HA-15
    let mut court = Court::new();
    court.key("a").key_as(of_algorithm("p", "fips", Algorithm::EcdsaP256));
    let only = |algorithms| AnchorRecord { algorithms, ..anchor(1, "pkg:npm/a1/*") };
    court.world.must(create_as(only(vec![Algorithm::EcdsaP256]), &["a", "p"]));
    check(&mut court, &["a"], (Outcome::Invalid, Reason::BadSignature));
    let payload = built(None);
    let message = pae(IN_TOTO_PAYLOAD_TYPE, &payload);
    let by_p256 = Signature {
        key_id: Some("a".to_owned()),
        signature: private("p", Algorithm::EcdsaP256).sign(&message).unwrap(),
    };
    let envelope = Envelope::new(IN_TOTO_PAYLOAD_TYPE, payload, by_p256).unwrap();
    let verdict = court.judge(&envelope);
    assert_eq!((verdict.outcome, verdict.reason, verdict.key_id), (GOOD.0, GOOD.1, Some(id("p"))));
    // A verifier that lacks the algorithm says so, and believes nothing.
    court.ring.without = Some(Algorithm::EcdsaP256);
    assert_eq!(court.judge(&envelope).reason, Reason::AlgorithmUnavailable);
}

fn watched(custody: Custody) -> Court {
    let mut court = Court::new();
    let new = NewKey { custody, ..real("a") };
    court.world.at(day(5));
    if custody == Custody::Exclusive {
        court.key_as(new);
    } else {
        court.world.must(Command::ImportKey(new));
    }
    court.world.must(create(1, &["a"]));
    court.in_ledger("a", LedgerAnswer::Absent);
    court
}

fn gap(court: &mut Court, from: i64, to: i64) {
    court.world.at(day(to));
    let gap = LedgerNote::Gap { from: day(from) };
    court.world.must(Command::NoteLedger(gap));
}

#[test]
fn a_signature_that_our_ledger_lacks_is_seen_where_it_must_be_there() {
    let found = |court: &mut Court| court.judge(&signed(built(None), &["a"])).findings;
    let mut court = watched(Custody::Exclusive);
    assert_eq!(found(&mut court), [Finding::NotInLedger]);
    court.in_ledger("a", LedgerAnswer::NotAtHand);
    assert_eq!(found(&mut court), []);
    court.in_ledger("a", LedgerAnswer::Entered(day(6)));
    assert_eq!(found(&mut court), []);
    // A gap since the key was made may have swallowed it.
    let mut court = watched(Custody::Exclusive);
    gap(&mut court, 8, 9);
    assert_eq!(found(&mut court), []);
    // A key that others hold signs elsewhere, too.
    assert_eq!(found(&mut watched(Custody::Shared)), []);
    assert_eq!(found(&mut watched(Custody::Foreign)), []);
}

#[test]
fn a_gap_from_before_the_key_hides_nothing() {
    let mut court = Court::new();
    gap(&mut court, 1, 2);
    court.world.at(day(5));
    court.key("a");
    court.world.must(create(1, &["a"]));
    court.in_ledger("a", LedgerAnswer::Absent);
    let verdict = court.judge(&signed(built(None), &["a"]));
    assert_eq!(verdict.findings, [Finding::NotInLedger]);
}
