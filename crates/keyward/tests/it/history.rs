//! What the log knew then.

use keyward::verification::VerifyRequest;
use keyward_lifecycle::{
    key::Reason,
    verify::{Outcome, Reason as Why},
};

use crate::{act::time, store::world};

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
