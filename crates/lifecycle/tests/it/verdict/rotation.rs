//! Proofs through a whole rotation, and after it.

use keyward_lifecycle::{
    command::Command,
    verify::{Outcome, Reason, judge::EvidenceClass},
};

use super::court::{Court, built, signed};
use crate::world::{add, attest, begin, complete, create, day, destroy, revoke, revoke_at};

#[test]
fn an_old_proof_stays_valid_through_a_rotation_and_a_new_one_becomes_so() {
    // SO-032, SO-041, SO-053, LC-026
    let mut court = Court::new();
    court.key("k1").key("k2");
    court.world.must(create(1, &["k1"]));
    let old = signed(built(Some(day(1))), &["k1"]);
    court.proven("k1", EvidenceClass::Logged, day(1));
    let steps: [(i64, Command, Reason); 7] = [
        (2, add(1, "k2"), Reason::InWindow),
        (3, begin("k1", "k2"), Reason::InWindow),
        (4, attest("k1", "k2"), Reason::InWindow),
        (20, complete("k1"), Reason::ProvenBeforeEnd),
        (25, revoke_at(1, "k1", day(30)), Reason::ProvenBeforeEnd),
        (31, destroy("k1"), Reason::ProvenBeforeEnd),
        (40, revoke("k1", "retired"), Reason::ProvenBeforeEnd),
    ];
    let new = signed(built(None), &["k2"]);
    assert_eq!(court.judge(&new).reason, Reason::BadSignature);
    for (at, command, expected) in steps {
        court.world.at(day(at));
        let name = command.name();
        court.world.must(command);
        let verdict = court.judge(&old);
        assert_eq!((verdict.outcome, verdict.reason), (Outcome::Valid, expected), "{name}");
        assert_eq!(court.judge(&new).outcome, Outcome::Valid, "{name}");
    }
}

#[test]
fn what_the_old_key_signs_after_the_rotation_is_not_believed() {
    // HC-07
    let mut court = Court::new();
    court.key("k1").key("k2");
    court.world.must(create(1, &["k1", "k2"]));
    court.world.at(day(5));
    for step in [begin("k1", "k2"), attest("k1", "k2"), complete("k1")] {
        court.world.must(step);
    }
    let verdict = court.judge(&signed(built(Some(day(5))), &["k1"]));
    assert_eq!((verdict.outcome, verdict.reason), (Outcome::Invalid, Reason::Expired));
    let verdict = court.judge(&signed(built(Some(day(4))), &["k1"]));
    assert_eq!(verdict.reason, Reason::OutOfBoundsNoPoe);
}
