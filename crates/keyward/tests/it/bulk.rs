//! Judging many at once comes to the same verdicts, and says how it got there.

use keyward::verification::{Rigour, VerifyRequest};
use keyward_lifecycle::{
    envelope::{Envelope, Signature},
    key::Reason,
    verify::{Finding, Outcome, Reason as Why, Verdict},
};

use crate::store::{World, world, world_in};

fn signed(world: &World, count: usize) -> Vec<Envelope> {
    world.generate("key-2024-prod");
    world.anchor("pkg:cargo/*", &["key-2024-prod"]);
    let sign = |number: usize| world.sign("key-2024-prod", &number.to_string()).envelope;
    (0..count).map(sign).collect()
}

fn judge(world: &World, envelopes: &[Envelope], rigour: Rigour) -> Vec<Verdict> {
    let requests: Vec<_> = envelopes.iter().cloned().map(VerifyRequest::new).collect();
    world.keyward.verify_batch_with(&requests, rigour)
}

fn without_note(verdicts: Vec<Verdict>) -> Vec<Verdict> {
    let strip = |mut verdict: Verdict| {
        verdict.findings.retain(|finding| *finding != Finding::BatchAccepted);
        verdict
    };
    verdicts.into_iter().map(strip).collect()
}

fn forged(envelope: &Envelope) -> Envelope {
    let Signature { key_id, mut signature } = envelope.signatures()[0].clone();
    signature[40] ^= 1;
    let payload = envelope.payload().to_vec();
    Envelope::new(envelope.payload_type(), payload, Signature { key_id, signature })
        .expect("an envelope")
}

#[test]
fn what_the_equation_accepted_is_told_and_strict_checks_each_alone() {
    let world = world("2024-01-15T00:00:00Z");
    let envelopes = signed(&world, 40);
    let batched = judge(&world, &envelopes, Rigour::Batched);
    let strict = judge(&world, &envelopes, Rigour::Strict);
    for verdict in &batched {
        assert_eq!((verdict.outcome, verdict.reason), (Outcome::Valid, Why::InWindow));
        assert_eq!(verdict.findings, [Finding::BatchAccepted]);
    }
    assert!(strict.iter().all(|verdict| verdict.findings.is_empty()));
    assert_eq!(without_note(batched), strict);
}

#[test]
fn one_forged_signature_among_many_is_found_and_hurts_no_other() {
    let world = world("2024-01-15T00:00:00Z");
    let mut envelopes = signed(&world, 40);
    envelopes[7] = forged(&envelopes[7]);
    let verdicts = judge(&world, &envelopes, Rigour::Batched);
    let bad: Vec<usize> =
        (0..40).filter(|number| verdicts[*number].outcome != Outcome::Valid).collect();
    assert_eq!(bad, [7]);
    assert_eq!(verdicts[7].reason, Why::BadSignature);
    assert_eq!(without_note(verdicts), judge(&world, &envelopes, Rigour::Strict));
}

#[test]
fn a_signature_under_a_wrong_key_id_is_judged_alone() {
    let world = world("2024-01-15T00:00:00Z");
    let mut envelopes = signed(&world, 40);
    let Signature { signature, .. } = envelopes[3].signatures()[0].clone();
    let renamed = Signature { key_id: Some("somebody".to_owned()), signature };
    let payload = envelopes[3].payload().to_vec();
    envelopes[3] =
        Envelope::new(envelopes[3].payload_type(), payload, renamed).expect("an envelope");
    let verdicts = judge(&world, &envelopes, Rigour::Batched);
    assert_eq!(verdicts[3].outcome, Outcome::Valid);
    assert_eq!(verdicts[3].findings, [Finding::WrongKeyId]);
}

/// As [`signed`], over many checkpoints, by a key that has ended since: only evidence of the
/// time makes anything valid.
fn signed_and_ended(world: &World) -> Vec<Envelope> {
    world.generate("key-2024-prod");
    world.anchor("pkg:cargo/*", &["key-2024-prod"]);
    let sign = |number: u64| {
        if number.is_multiple_of(7) {
            world.clock.advance(3);
        }
        world.sign("key-2024-prod", &number.to_string()).envelope
    };
    let envelopes = (0..60).map(sign).collect();
    world.clock.advance(60);
    world.revoke("key-2024-prod", Reason::Superseded);
    world.clock.advance(60);
    envelopes
}

#[test]
fn evidence_that_is_read_together_is_that_which_is_found_alone() {
    let world = world("2024-01-15T00:00:00Z");
    let mut envelopes = signed_and_ended(&world);
    envelopes.push(envelopes[5].clone());
    envelopes.swap(0, 40);
    envelopes.push(forged(&envelopes[9]));
    let alone: Vec<_> = envelopes.iter().map(|envelope| world.verify(envelope)).collect();
    assert_eq!(without_note(judge(&world, &envelopes, Rigour::Batched)), alone);
    assert_eq!(judge(&world, &envelopes, Rigour::Strict), alone);
    assert!(alone[..61].iter().all(|verdict| verdict.outcome == Outcome::Valid), "{alone:?}");
    assert_eq!(alone[61].outcome, Outcome::Invalid);
}

#[test]
fn an_entry_that_was_edited_in_the_database_proves_nothing_and_harms_no_other() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = world_in(directory.path(), "2024-01-15T00:00:00Z");
    let envelopes = signed_and_ended(&world);
    let file = rusqlite::Connection::open(directory.path().join("keyward.db")).expect("a file");
    // The entry of the 30th signature says that it was made a year earlier.
    file.execute_batch(
        "DROP TRIGGER ledger_stays;
         UPDATE ledger SET bytes = CAST(replace(CAST(bytes AS TEXT), '2024-', '2023-') AS BLOB)
         WHERE seq = 30;",
    )
    .expect("edited");
    let alone: Vec<_> = envelopes.iter().map(|envelope| world.verify(envelope)).collect();
    assert_eq!(without_note(judge(&world, &envelopes, Rigour::Batched)), alone);
    let bad: Vec<_> = (0..60).filter(|one| alone[*one].outcome != Outcome::Valid).collect();
    assert!(bad.contains(&30), "{bad:?}");
}
