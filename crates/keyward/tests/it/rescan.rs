//! What a revocation touches: judged again, reported, signed anew; and floods of refusals.

use keyward::{
    incident::ReportedProof,
    storage::{Batch, Item, ItemChange, Shelf, proof_name},
};
use keyward_lifecycle::{
    command::{Command, Revoke},
    event::Fact,
    key::{CompromiseScope, Reason},
    verify::{Outcome, Reason as Why},
};

use crate::{
    act::{id, time},
    store::{World, world},
};

fn signed(proofs: usize) -> (World, Vec<keyward::signing::Signed>) {
    let world = world("2025-01-15T00:00:00Z");
    world.generate("k1");
    world.anchor("pkg:cargo/*", &["k1"]);
    let signed = (0..proofs).map(|n| world.sign("k1", &n.to_string())).collect();
    world.clock.advance(60);
    (world, signed)
}

#[test]
fn a_revocation_queues_what_the_key_signed_and_the_worker_drains_it() {
    // SO-044
    let (world, _) = signed(25);
    assert_eq!(world.keyward.pending_rescans(None).expect("a count"), 0);
    world.revoke("k1", Reason::KeyCompromise);
    assert_eq!(world.keyward.pending_rescans(None).expect("a count"), 25);
    let pass = world.keyward.rescan(10).expect("a pass");
    assert_eq!((pass.judged.len(), pass.pending), (10, 15));
    let world = world.reopened();
    assert_eq!(world.keyward.pending_rescans(None).expect("a count"), 15);
    let pass = world.keyward.rescan(15).expect("a pass");
    assert_eq!((pass.judged.len(), pass.pending), (15, 0));
    let judged = pass.judged.iter().map(|verdict| (verdict.outcome, verdict.reason));
    assert!(judged.into_iter().all(|one| one == (Outcome::Indeterminate, Why::LoggedBySuspect)));
    assert_eq!(world.keyward.rescan(10).expect("a pass").judged.len(), 0);
    world.audit();
}

#[test]
fn a_proof_that_was_changed_from_outside_holds_up_no_other() {
    let (world, signed) = signed(3);
    let name = proof_name(&signed[1].proof);
    let item = Item { name, bytes: b"changed".to_vec() };
    let batch = Batch { items: vec![ItemChange::Put(Shelf::Proof, item)], ..Batch::default() };
    let heads = world.parts.storage.heads().expect("heads");
    world.parts.storage.append(heads, &batch).expect("an edit");
    world.revoke("k1", Reason::Superseded);
    let pass = world.keyward.rescan(10).expect("a pass");
    assert_eq!((pass.judged.len(), pass.pending), (2, 0));
    let error = world.keyward.envelope(&signed[1].proof).expect_err("changed");
    assert!(error.to_string().contains("was changed from outside"), "{error}");
}

#[test]
fn more_than_a_page_of_proofs_waits_and_is_drained() {
    let (world, _) = signed(0);
    world.buffer();
    for n in 0..10_050 {
        world.sign("k1", &n.to_string());
    }
    world.revoke("k1", Reason::Superseded);
    assert_eq!(world.keyward.pending_rescans(None).expect("a count"), 10_050);
    let pass = world.keyward.rescan(10_020).expect("a pass");
    assert!(pass.judged.len() >= 10_000, "{}", pass.judged.len());
    assert_eq!(pass.judged.len() as u64 + pass.pending, 10_050);
    let pass = world.keyward.rescan(10_020).expect("a pass");
    assert_eq!(pass.pending, 0);
}

#[test]
fn a_proof_signed_anew_leaves_the_old_one_as_it_was() {
    // SO-001, SO-106
    let (world, signed) = signed(1);
    let storage = &world.parts.storage;
    let bytes = |proof| storage.item(Shelf::Proof, &proof_name(proof)).expect("an item");
    let old = bytes(&signed[0].proof);
    world.revoke("k1", Reason::KeyCompromise);
    world.generate("k2");
    let anchor = world.keyward.state().anchors().next().expect("an anchor").1.record.anchor_id;
    let to = keyward_lifecycle::command::Anchors::One(anchor);
    let add = Command::AddKey { to, key_id: id("k2") };
    world.keyward.execute(&world.actor, add).expect("added");
    let again =
        world.keyward.resign(&world.actor, &signed[0].proof, &id("k2"), Reason::KeyCompromise);
    let again = again.expect("signed anew");
    assert_eq!(bytes(&signed[0].proof), old);
    assert_ne!(again.new.proof, signed[0].proof);
    assert_eq!(world.facts("PROOF_RESIGNED").len(), 1);
    world.check(&again.new.envelope, Outcome::Valid, Why::InWindow);
    world.check(&signed[0].envelope, Outcome::Indeterminate, Why::LoggedBySuspect);
}

#[test]
fn an_incident_report_splits_by_what_is_known_of_when() {
    // SO-104, SO-105
    let (world, _) = signed(3);
    world.clock.set("2025-03-01T00:00:00Z");
    world.sign("k1", "late");
    world.clock.set("2025-04-01T00:00:00Z");
    let revoke = |scope, since| Revoke {
        compromised_since: since,
        scope,
        ..World::revocation("k1", Reason::KeyCompromise)
    };
    let since = Some(time("2025-02-01T00:00:00Z"));
    let command = Command::Revoke(revoke(CompromiseScope::Key, since));
    world.keyward.execute(&world.actor, command).expect("a revocation");
    let counts = world.keyward.incident_report(&id("k1")).expect("a report").counts;
    assert_eq!((counts.proven_before, counts.unproven, counts.after), (3, 0, 1));
    // The wider suspicion leaves the server's own word worth nothing.
    let command = Command::Revoke(revoke(CompromiseScope::Server, since));
    world.keyward.execute(&world.actor, command).expect("asked again");
    let report = world.keyward.incident_report(&id("k1")).expect("a report");
    let counts = report.counts;
    assert_eq!((counts.proven_before, counts.unproven, counts.after), (0, 3, 1));
    // Each is judged as everybody would be told now, and nothing of it is counted.
    let reason = |proof: &ReportedProof| proof.verdict.expect("a verdict").reason;
    let reasons: Vec<_> = report.unproven.iter().map(reason).collect();
    assert_eq!(reasons, ["LOGGED_BY_SUSPECT"; 3]);
    assert_eq!(reason(&report.after[0]), "REVOKED_NO_POE");
    assert_eq!(world.keyward.failures(), []);
    world.generate("k2");
    let (report, signed) =
        world.keyward.sign_incident_report(&world.actor, &id("k1"), None).expect("signed");
    assert_eq!(report.counts.after, 1);
    assert_eq!(signed.key_ids, [id("k2")]);
    assert_eq!(world.facts("INCIDENT_REPORTED").len(), 1);
}

#[test]
fn a_flood_of_refusals_is_one_event_a_minute() {
    let (world, _) = signed(0);
    world.revoke("k1", Reason::Superseded);
    let flood = || {
        for n in 0..100 {
            world.try_sign("k1", "x").expect_err("revoked");
            world.try_sign(&format!("nobody-{n}"), "x").expect_err("no such key");
            world.try_generate("k1").expect_err("taken");
        }
    };
    let counts = |world: &World| -> Vec<u64> {
        let facts = world.facts("COMMAND_REFUSED").into_iter();
        facts
            .map(|fact| match fact {
                Fact::CommandRefused { count, .. } => count,
                other => panic!("{other:?}"),
            })
            .collect()
    };
    flood();
    assert_eq!(counts(&world), [1, 1, 1]);
    world.clock.advance(61);
    flood();
    assert_eq!(counts(&world), [1, 1, 1, 100, 100, 100]);
    // None is forgotten at the stop.
    let world = world.reopened();
    assert_eq!(counts(&world).iter().sum::<u64>(), 600);
    assert_eq!(world.keyward.state().counts().refusals, 600);
}
