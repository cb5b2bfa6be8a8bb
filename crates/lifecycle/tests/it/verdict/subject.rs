//! What an envelope speaks of: the signer never chooses who judges him.

use keyward_lifecycle::{
    anchor::AnchorRecord,
    envelope::Envelope,
    id::Digest,
    statement::PredicateType,
    verify::{ArtifactCheck, Outcome, Reason},
};

use super::court::{
    ARTIFACT, Court, PREDICATE_TYPE, PURL, built, signature, signed, statement, subject,
};
use crate::world::{anchor, anchor_id, create, create_as, day, revoke_at};

/// Anchor 1 believes `k1`, anchor 2 believes `k2`.
fn court() -> Court {
    let mut court = Court::new();
    court.key("k1").key("k2");
    court.world.must(create(1, &["k1"]));
    court.world.must(create(2, &["k2"]));
    court
}

#[track_caller]
fn check(court: &mut Court, envelope: &Envelope, reason: Reason) {
    let verdict = court.judge(envelope);
    assert_eq!(verdict.reason, reason);
    let good = reason == Reason::InWindow;
    assert_eq!(verdict.outcome, if good { Outcome::Valid } else { Outcome::Invalid });
}

#[test]
fn a_package_that_no_anchor_judges_is_untrusted() {
    // SO-090
    let mut court = court();
    check(&mut court, &signed(built(None), &["k1"]), Reason::InWindow);
    let other = statement(&[subject("pkg:cargo/serde@1.0.0", ARTIFACT)], None);
    check(&mut court, &signed(other, &["k1"]), Reason::Untrusted);
    let nameless = statement(&[subject("lodash.tgz", ARTIFACT)], None);
    check(&mut court, &signed(nameless, &["k1"]), Reason::Untrusted);
    let malformed = statement(&[subject("pkg:npm", ARTIFACT)], None);
    check(&mut court, &signed(malformed, &["k1"]), Reason::Untrusted);
}

#[test]
fn a_narrower_anchor_that_rejects_is_final() {
    // HA-12
    let mut court = court();
    court.world.must(create_as(anchor(3, "pkg:npm/a1/lodash"), &["k2"]));
    let verdict = court.judge(&signed(built(None), &["k1"]));
    assert_eq!(verdict.reason, Reason::BadSignature);
    assert_eq!(verdict.anchor_id, Some(anchor_id(3)));
    let off = keyward_lifecycle::command::Command::DeactivateAnchor { anchor_id: anchor_id(3) };
    court.world.must(off);
    check(&mut court, &signed(built(None), &["k1"]), Reason::InWindow);
}

#[test]
fn a_predicate_that_the_anchor_does_not_name_is_not_authorised() {
    // SO-074, HA-29
    let allowed = |types: &[&str]| {
        let mut court = Court::new();
        court.key("k1");
        let types = types.iter().map(|name| PredicateType::parse(name).unwrap());
        let record = AnchorRecord { predicate_types: types.collect(), ..anchor(1, "pkg:npm/*") };
        court.world.must(create_as(record, &["k1"]));
        court
    };
    let envelope = signed(built(None), &["k1"]);
    check(&mut allowed(&[]), &envelope, Reason::InWindow);
    check(&mut allowed(&["x", PREDICATE_TYPE]), &envelope, Reason::InWindow);
    let not = Reason::PredicateNotAuthorised;
    check(&mut allowed(&["evidence.stella/v1"]), &envelope, not);
    // A payload without a predicate has none that is named.
    let mut court = allowed(&[PREDICATE_TYPE]);
    court.purl = Some(PURL.parse().unwrap());
    let plain = Envelope::new("text/plain", b"x".to_vec(), signature("k1", "text/plain", b"x"));
    check(&mut court, &plain.unwrap(), not);
}

#[test]
fn the_artifact_must_be_a_subject() {
    let mut court = court();
    let envelope = signed(built(None), &["k1"]);
    assert_eq!(court.judge(&envelope).artifact, ArtifactCheck::NotChecked);
    court.artifact = Some(Digest::of(ARTIFACT));
    assert_eq!(court.judge(&envelope).artifact, ArtifactCheck::Matched);
    check(&mut court, &envelope, Reason::InWindow);
    court.artifact = Some(Digest::of(b"another"));
    check(&mut court, &envelope, Reason::ArtifactMismatch);
}

#[test]
fn the_purl_asked_for_must_be_the_subject_s() {
    let mut court = court();
    let envelope = signed(built(None), &["k1"]);
    for (purl, reason) in [
        (PURL, Reason::InWindow),
        ("pkg:npm/a1/lodash", Reason::InWindow),
        ("pkg:NPM/a1/lodash", Reason::InWindow),
        ("pkg:npm/a1/lodash@4.17.20", Reason::PurlMismatch),
        ("pkg:npm/a1/lodash-es", Reason::PurlMismatch),
        ("pkg:npm/a2/lodash", Reason::PurlMismatch),
    ] {
        court.purl = Some(purl.parse().unwrap());
        check(&mut court, &envelope, reason);
    }
}

#[test]
fn without_an_artifact_every_subject_passes_its_own_anchor() {
    let mut court = court();
    let other = subject("pkg:npm/a2/left-pad@1.3.0", b"left-pad");
    let both = statement(&[subject(PURL, ARTIFACT), other], None);
    check(&mut court, &signed(both.clone(), &["k1"]), Reason::BadSignature);
    check(&mut court, &signed(both.clone(), &["k2"]), Reason::BadSignature);
    check(&mut court, &signed(both.clone(), &["k1", "k2"]), Reason::InWindow);
    // Asking for one of them spares the other nothing.
    court.purl = Some(PURL.parse().unwrap());
    check(&mut court, &signed(both.clone(), &["k1"]), Reason::BadSignature);
    court.purl = None;
    // The artifact picks its subject, and with it the judge.
    court.artifact = Some(Digest::of(ARTIFACT));
    check(&mut court, &signed(both.clone(), &["k1"]), Reason::InWindow);
    check(&mut court, &signed(both.clone(), &["k2"]), Reason::BadSignature);
    court.artifact = Some(Digest::of(b"left-pad"));
    check(&mut court, &signed(both.clone(), &["k1"]), Reason::BadSignature);
    court.purl = Some(PURL.parse().unwrap());
    check(&mut court, &signed(both, &["k2"]), Reason::PurlMismatch);
    // One subject that nobody judges spoils the statement.
    court.artifact = None;
    court.purl = None;
    let stray = statement(&[subject(PURL, ARTIFACT), subject("pkg:cargo/x", b"x")], None);
    check(&mut court, &signed(stray, &["k1"]), Reason::Untrusted);
}

#[test]
fn the_worst_of_several_subjects_is_the_verdict() {
    let mut court = court();
    let other = subject("pkg:npm/a2/left-pad@1.3.0", b"left-pad");
    let both = statement(&[subject(PURL, ARTIFACT), other], None);
    let envelope = signed(both, &["k1", "k2"]);
    court.world.at(day(5));
    court.world.must(revoke_at(2, "k2", day(5)));
    let verdict = court.judge(&envelope);
    assert_eq!(verdict.outcome, Outcome::Indeterminate);
    assert_eq!(verdict.reason, Reason::OutOfBoundsNoPoe);
    assert_eq!(verdict.anchor_id, Some(anchor_id(2)));
}

#[test]
fn two_names_of_one_artifact_are_told_apart_by_the_purl() {
    let mut court = court();
    let second = subject("pkg:npm/a2/lodash@4.17.21", ARTIFACT);
    let twice = signed(statement(&[subject(PURL, ARTIFACT), second], None), &["k1"]);
    court.artifact = Some(Digest::of(ARTIFACT));
    check(&mut court, &twice, Reason::BadSignature);
    court.purl = Some(PURL.parse().unwrap());
    check(&mut court, &twice, Reason::InWindow);
    court.purl = Some("pkg:npm/a2/lodash".parse().unwrap());
    check(&mut court, &twice, Reason::BadSignature);
}

#[test]
fn a_payload_that_is_no_statement_is_judged_under_the_purl_given() {
    let payload = b"release notes".to_vec();
    let signature = signature("k1", "text/plain", &payload);
    let envelope = Envelope::new("text/plain", payload.clone(), signature).unwrap();
    let mut court = court();
    check(&mut court, &envelope, Reason::Untrusted);
    court.purl = Some(PURL.parse().unwrap());
    check(&mut court, &envelope, Reason::InWindow);
    court.artifact = Some(Digest::of(&payload));
    check(&mut court, &envelope, Reason::InWindow);
    court.artifact = Some(Digest::of(b"others"));
    check(&mut court, &envelope, Reason::ArtifactMismatch);
}

#[test]
fn a_payload_that_is_not_what_its_type_says_is_malformed() {
    let mut court = court();
    check(&mut court, &signed(b"{}".to_vec(), &["k1"]), Reason::MalformedStatement);
    check(&mut court, &signed(b"pkg:".to_vec(), &["k1"]), Reason::MalformedStatement);
}

#[test]
fn a_changed_payload_or_type_is_signed_by_nobody() {
    let mut court = court();
    let good = signed(built(None), &["k1"]);
    let moved =
        Envelope::new(good.payload_type(), built(Some(day(0))), good.signatures()[0].clone());
    check(&mut court, &moved.unwrap(), Reason::BadSignature);
}
