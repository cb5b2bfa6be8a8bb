//! What the log knew then.

use keyward::{rotation::RotateMode, verification::VerifyRequest};
use keyward_lifecycle::{
    envelope::Envelope,
    key::Reason,
    state::State,
    time::Timestamp,
    verify::{Outcome, Reason as Why, Verdict},
};

use crate::{
    act::time,
    store::{World, world},
    theft::stolen,
};

#[test]
fn a_verdict_as_of_a_time_is_the_one_that_was_given_then() {
    let world = world("2025-01-15T00:00:00Z");
    world.generate("k1");
    world.clock.set("2025-02-01T00:00:00Z");
    world.anchor("pkg:cargo/*", &["k1"]);
    let proof = world.sign("k1", "a").envelope;
    let mut seen = Vec::new();
    let mut look = |at: &str| {
        world.clock.set(at);
        let verdict = world.verify(&proof);
        seen.push((at.to_owned(), verdict.outcome, verdict.reason, verdict.view.position));
    };
    look("2025-02-15T00:00:00Z");
    world.clock.set("2025-03-01T00:00:00Z");
    world.revoke("k1", Reason::Superseded);
    look("2025-03-15T00:00:00Z");
    world.clock.set("2025-04-01T00:00:00Z");
    world.revoke("k1", Reason::KeyCompromise);
    look("2025-04-15T00:00:00Z");
    let reasons: Vec<_> = seen.iter().map(|(_, outcome, why, _)| (*outcome, *why)).collect();
    assert_eq!(
        reasons,
        [
            (Outcome::Valid, Why::InWindow),
            (Outcome::Valid, Why::ProvenBeforeEnd),
            (Outcome::Indeterminate, Why::LoggedBySuspect),
        ]
    );
    world.clock.set("2025-09-01T00:00:00Z");
    let world = world.reopened();
    for (at, outcome, reason, position) in seen {
        let as_of = Some(time(&at));
        let request = VerifyRequest { as_of, ..VerifyRequest::new(proof.clone()) };
        let verdict = world.keyward.verify(&request).expect("a verdict");
        let found = (verdict.outcome, verdict.reason, verdict.view.position);
        assert_eq!(found, (outcome, reason, position), "{at}");
    }
    let as_of = Some(time("2025-01-20T00:00:00Z"));
    let request = VerifyRequest { as_of, ..VerifyRequest::new(proof) };
    let verdict = world.keyward.verify(&request).expect("a verdict");
    assert_eq!((verdict.outcome, verdict.reason), (Outcome::Invalid, Why::Untrusted));
}

fn snapshot(state: &State) -> Vec<u8> {
    state.to_snapshot().expect("a snapshot")
}

#[track_caller]
fn check_seen(world: &World, seen: &[(Timestamp, Vec<u8>)]) {
    for (at, there) in seen {
        let then = world.keyward.state_as_of(*at).expect("a replay");
        assert_eq!(snapshot(&then), *there, "{at}");
    }
}

#[test]
fn the_state_as_of_an_instant_is_the_one_that_was_there() {
    // SO-005
    let world = world("2025-01-15T00:00:00Z");
    let mut seen = Vec::new();
    let mut look = |at: &str, act: &dyn Fn()| {
        let (now, there) = (time(at), || snapshot(&world.keyward.state()));
        // What was there until the act, and what is there from it on.
        seen.push((Timestamp::from_nanos(now.nanos() - 1_000), there()));
        world.clock.set(at);
        act();
        seen.push((now, there()));
    };
    look("2025-01-20T00:00:00Z", &|| world.generate("k1"));
    look("2025-02-01T00:00:00Z", &|| {
        let _ = world.anchor("pkg:cargo/*", &["k1"]);
    });
    look("2025-02-15T00:00:00Z", &|| drop(world.sign("k1", "a")));
    look("2025-03-01T00:00:00Z", &|| {
        drop(world.try_rotate("k1", Some("k2"), RotateMode::Go).expect("a rotation"));
    });
    look("2025-04-01T00:00:00Z", &|| world.revoke("k1", Reason::Superseded));
    look("2025-05-01T00:00:00Z", &|| world.revoke("k2", Reason::KeyCompromise));
    world.clock.set("2025-09-01T00:00:00Z");
    check_seen(&world, &seen);
    world.keyward.snapshot().expect("a snapshot");
    check_seen(&world.reopened(), &seen);
}

/// Asks about `forged` as of a time, at a time, and both.
fn forged_verdict(
    world: &World,
    forged: &Envelope,
    (as_of, at): (Option<&str>, Option<&str>),
) -> Verdict {
    let (as_of, at) = (as_of.map(time), at.map(time));
    let request = VerifyRequest { as_of, at, ..VerifyRequest::new(forged.clone()) };
    world.keyward.verify(&request).expect("a verdict")
}

#[test]
fn no_instant_that_is_asked_about_makes_a_forgery_valid_once_the_key_has_ended() {
    // HA-01: what the log knew before the end is no evidence of when a signature was made.
    for reason in [Reason::Superseded, Reason::KeyCompromise] {
        let directory = tempfile::tempdir().expect("a directory");
        let (world, thief) = stolen(directory.path(), |world| world.revoke("k1", reason));
        let claims = [None, Some("2025-02-01T00:00:00Z")];
        // After the addition, just before the end, at it, after it, and when nothing is past.
        let instants = [
            None,
            Some("2025-01-15T00:00:00Z"),
            Some("2025-02-01T00:00:00Z"),
            Some("2025-02-28T23:59:59.999999Z"),
            Some("2025-03-01T00:00:00Z"),
            Some("2025-06-14T23:59:59.999999Z"),
            Some("2025-06-15T00:00:00Z"),
            Some("2026-01-01T00:00:00Z"),
        ];
        for claim in claims {
            let forged = thief.forge(claim);
            for as_of in instants {
                for at in instants {
                    let verdict = forged_verdict(&world, &forged, (as_of, at));
                    let asked = format!("{reason} claim {claim:?} as of {as_of:?} at {at:?}");
                    assert_ne!(verdict.outcome, Outcome::Valid, "{asked}: {verdict:?}");
                }
            }
        }
        // A view of the past in which the key was good says only that it is past.
        let before = Some("2025-02-01T00:00:00Z");
        let verdict = forged_verdict(&world, &thief.forge(None), (before, before));
        let expected = (Outcome::Indeterminate, Why::StaleView);
        assert_eq!((verdict.outcome, verdict.reason), expected, "{reason}");
    }
}
