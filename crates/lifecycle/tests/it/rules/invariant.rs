//! What holds after every step, whatever was asked.

use std::collections::{BTreeMap, BTreeSet};

use keyward_lifecycle::{
    command::Command,
    decide::{Decision, may_sign},
    event::{Event, Fact},
    id::Fingerprint,
    key::{CompromiseScope, Key, KeyRecord, Revocation, Status},
    state::State,
    time::Timestamp,
};

use super::oracle::{Story, story};
use crate::world::World;

/// Checks a step that was allowed.
pub(super) fn after(before: &World, world: &World, command: &Command, decision: &Decision) {
    nothing_is_taken_back(before, world);
    no_name_and_no_public_key_is_there_twice(world);
    nobody_signs_who_may_not(world);
    one_signer_for_each_seat(world);
    a_rotation_never_loses_the_signer(before, world, command);
    a_tombstone_keeps_a_key_out(world);
    the_signer_is_found_by_its_seat(world);
    a_snapshot_answers_alike(&world.state);
    every_event_is_a_leaf(&world.log[before.log.len()..]);
    the_same_again_changes_nothing(world, command);
    assert_eq!(world.log.len() - before.log.len(), decision.facts.len());
    assert!(world.log.windows(2).all(|pair| pair[0].time <= pair[1].time));
}

/// Checks the whole log once: folds of it agree, at every time that was seen.
pub(super) fn at_the_end(world: &World, seen: &[(Timestamp, Vec<u8>)]) {
    let leaves = world.log.iter().map(|event| event.to_leaf().unwrap());
    let mut replayed = State::default();
    for (seq, leaf) in (0..).zip(leaves) {
        replayed.apply(&Event::from_leaf(seq, &leaf).unwrap());
    }
    assert_eq!(replayed.to_snapshot().unwrap(), world.state.to_snapshot().unwrap());
    // The last snapshot that was taken at an instant is the history at that instant.
    let at_instant: BTreeMap<_, _> = seen.iter().cloned().collect();
    for (time, snapshot) in at_instant.iter().rev().take(4) {
        let then = world.replayed_to(*time);
        assert_eq!(then.to_snapshot().unwrap(), *snapshot, "at {time}");
        for key in then.keys() {
            windows_shrink(key, world.state.key(&key.record.key_id).unwrap());
        }
    }
}

fn nothing_is_taken_back(before: &World, world: &World) {
    for old in before.state.keys() {
        let new = world.state.key(&old.record.key_id).unwrap();
        // A rotation that begins says which version its successor is (LC-010).
        let version = old.record.version;
        assert_eq!(old.record, KeyRecord { version, ..new.record.clone() });
        // A clock that was set back since the last event shows an earlier instant.
        let instant = before.now().max(world.now());
        let (then, now) = (old.status(instant), new.status(instant));
        if then == Status::Compromised {
            assert_eq!(now, Status::Compromised);
        }
        if then == Status::Revoked {
            assert!(matches!(now, Status::Revoked | Status::Compromised), "{now}");
        }
        if then == Status::Deprecated {
            assert!(!now.signs() && now != Status::Staged, "{now}");
        }
        if let Some(old) = old.revocation() {
            revocation_escalates(old, new.revocation().unwrap());
        }
        windows_shrink(old, new);
    }
}

fn revocation_escalates(old: &Revocation, new: &Revocation) {
    assert!(new.effective_at <= old.effective_at);
    assert!(old.reason.may_become(new.reason));
    if let Some(date) = old.invalidity_date {
        assert!(new.invalidity_date.unwrap() <= date);
    }
    if old.scope == CompromiseScope::Server {
        assert_eq!(new.scope, CompromiseScope::Server);
    }
}

fn windows_shrink(old: &Key, new: &Key) {
    for member in old.memberships() {
        let later = new.membership(member.anchor).unwrap();
        assert_eq!(member.added_at, later.added_at);
        assert!(later.ended_at <= member.ended_at);
        let (then, now) = (old.window(&member), new.window(&later));
        assert_eq!(then.start(), now.start());
        assert!(now.end().unwrap_or(Timestamp::MAX) <= then.end().unwrap_or(Timestamp::MAX));
    }
}

fn no_name_and_no_public_key_is_there_twice(world: &World) {
    let (mut names, mut keys) = (BTreeSet::new(), BTreeSet::new());
    for event in &world.log {
        if let Fact::KeyGenerated { key, .. } | Fact::KeyImported { key, .. } = &event.fact {
            assert_eq!(key.fingerprint, Fingerprint::of_spki(key.public_key.bytes().unwrap()));
            assert!(
                names.insert(&key.key_id) && keys.insert(key.public_key.bytes().unwrap()),
                "{}",
                key.key_id
            );
        }
    }
}

fn stories(world: &World) -> impl Iterator<Item = (&Key, Story<'_>)> {
    world.state.keys().map(|key| (key, story(&world.log, &key.record.key_id)))
}

fn nobody_signs_who_may_not(world: &World) {
    for now in [world.now(), world.now().plus_months(3), world.now().plus_months(30)] {
        for (key, story) in stories(world) {
            let answer = may_sign(&world.state, key, key.usage_granted(), now);
            let expected = story.may_sign(&world.log, now);
            assert_eq!(answer.is_ok(), expected, "{} at {now}: {answer:?}", key.record.key_id);
        }
    }
}

fn one_signer_for_each_seat(world: &World) {
    for now in [world.now(), world.now().plus_months(3)] {
        let mut seats = BTreeSet::new();
        for (key, story) in stories(world).filter(|(_, story)| story.holds_its_seat(now)) {
            let seat =
                story.seat().map(|(profile, purpose)| (profile.to_owned(), purpose.to_owned()));
            assert!(seats.insert(seat), "{} is a second signer", key.record.key_id);
        }
    }
}

fn the_signer_is_found_by_its_seat(world: &World) {
    for (key, _) in stories(world).filter(|(_, story)| story.holds_its_seat(world.now())) {
        let signer = world.state.signer(&key.record.profile, &key.record.purpose);
        assert_eq!(signer, Some(key));
    }
}

fn signers(world: &World) -> BTreeSet<(String, String)> {
    let signing = stories(world).filter(|(_, story)| story.may_sign(&world.log, world.now()));
    signing
        .filter_map(|(_, story)| story.seat().map(|(a, b)| (a.to_owned(), b.to_owned())))
        .collect()
}

fn a_rotation_never_loses_the_signer(before: &World, world: &World, command: &Command) {
    let step = matches!(
        command,
        Command::BeginRotation { .. }
            | Command::LogSuccession { .. }
            | Command::CompleteRotation { .. }
            | Command::AbortRotation { .. }
    );
    if step {
        // The clock did not move between the two.
        assert!(signers(before).is_subset(&signers(world)), "{}", command.name());
    }
}

fn a_tombstone_keeps_a_key_out(world: &World) {
    let mut ended = BTreeSet::new();
    for event in &world.log {
        if let Fact::KeyRevoked { key_id, anchor_id: None, .. } = &event.fact {
            ended.insert(key_id);
        }
        if let Fact::KeyAdded { key_id, .. } = &event.fact {
            assert!(!ended.contains(key_id), "{key_id}");
        }
    }
}

/// The same keys, anchors and answers, and the same bytes.
pub(crate) fn a_snapshot_answers_alike(state: &State) {
    let bytes = state.to_snapshot().unwrap();
    let read = State::from_snapshot(&bytes).unwrap();
    assert_eq!(read.to_snapshot().unwrap(), bytes);
    assert!(state.keys().eq(read.keys()) && state.anchors().eq(read.anchors()));
    assert!(state.profiles().eq(read.profiles()) && state.tokens().eq(read.tokens()));
    assert_eq!((state.size(), state.last_time()), (read.size(), read.last_time()));
    assert_eq!((state.store(), state.ledger()), (read.store(), read.ledger()));
    assert_eq!(state.counts(), read.counts());
    for key in state.keys() {
        assert_eq!(read.key(&key.record.key_id), Some(key));
        assert_eq!(read.key_of(&key.record.fingerprint), Some(key));
        let seat = (&key.record.profile, &*key.record.purpose);
        assert_eq!(read.signer(seat.0, seat.1), state.signer(seat.0, seat.1));
    }
    for (number, anchor) in state.anchors() {
        assert_eq!(read.anchor_number(&anchor.record.anchor_id), Some(number));
        let judge = |state: &State| state.patterns().get(&anchor.record.pattern);
        assert_eq!(judge(&read), judge(state));
    }
}

fn every_event_is_a_leaf(events: &[Event]) {
    for event in events {
        let leaf = event.to_leaf().unwrap();
        assert_eq!(Event::from_leaf(event.seq, &leaf).as_ref(), Ok(event));
    }
}

/// Every verb can be repeated when its answer was lost.
fn the_same_again_changes_nothing(world: &World, command: &Command) {
    let once = matches!(
        command,
        Command::GenerateKey(_)
            | Command::ImportKey(_)
            | Command::CreateAnchor { .. }
            | Command::GrantUsage { .. }
    );
    if !once {
        let again = world.clone().run(command.clone()).map(|decision| decision.facts);
        assert_eq!(again, Ok(Vec::new()), "{command:?}");
    }
}
