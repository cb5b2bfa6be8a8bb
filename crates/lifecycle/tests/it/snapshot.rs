//! The fold as bytes: equal folds give equal bytes, and read bytes give equal answers.

use keyward_lifecycle::{
    access::{Role, Token},
    command::{Command, LedgerNote, NewKey, PutSecret, SecretCommand, SecretVersions},
    id::{ActorId, Digest, Fingerprint},
    root::RotationKind,
    secret::{PolicyName, SecretId, SecretVersion},
    state::{
        State,
        snapshot::{UnreadableSnapshot, VERSION},
    },
};
use proptest::prelude::*;

use crate::{
    rules::invariant::a_snapshot_answers_alike,
    world::{
        World, abort, add, attest, begin, complete, create, day, destroy, generate, limited,
        new_key, profile, revoke, revoke_at,
    },
};

fn actor(name: &str) -> ActorId {
    ActorId::parse(name).unwrap()
}

/// Two versions of a secret, one of them deleted, a secret that was purged, and a policy.
fn secrets(world: &mut World) {
    let (one, two) = (SecretVersion::FIRST, SecretVersion::after(Some(SecretVersion::FIRST)));
    let put = |id, version, metadata_version| {
        let secret_id = SecretId::from_bytes([id; 16]);
        SecretCommand::Put(PutSecret { secret_id, version, metadata_version, expected: None })
    };
    let of = |id, versions| SecretVersions { secret_id: SecretId::from_bytes([id; 16]), versions };
    for command in [
        SecretCommand::Begin,
        put(2, one, Some(one)),
        put(2, two, None),
        SecretCommand::Delete(of(2, vec![one])),
        put(1, one, Some(one)),
        SecretCommand::Purge(of(1, Vec::new())),
        SecretCommand::SetPolicy { name: PolicyName::parse("ci").unwrap(), version: one },
    ] {
        world.must(Command::Secret(command));
    }
}

/// Something of everything that a fold can hold.
fn full() -> World {
    let digest = |text: &str| Digest::of(text.as_bytes());
    let mut world = World::begun();
    world.must(Command::CreateStore {
        root_id: Fingerprint::of_spki(b"root"),
        authority: digest("authority"),
        log_key: "log+1+key".into(),
    });
    world.must(Command::ReplaceAuthority { version: 2, digest: digest("next authority") });
    for name in ["b-2", "a-1"] {
        let (actor_id, commitment) = (actor(name), digest(name));
        world.must(Command::RegisterActor { actor_id, commitment });
    }
    world.must(Command::ForgetActor { actor_id: actor("b-2") });
    for token_id in ["t2", "t1", "t3"] {
        let (digest, role) = (digest(token_id), Role::Signer);
        let token_id = token_id.into();
        let expires_at = day(99);
        let token = Token { token_id, digest, role, scopes: Vec::new(), expires_at };
        world.must(Command::CreateToken(token));
    }
    world.must(Command::RevokeToken { token_id: "t2".into() });
    for command in [limited("k1", 9), generate("k2"), generate("k3"), generate("k4")] {
        world.must(command);
    }
    let (profile, spki) = (profile("hybrid"), [&[7; 30][..], &[1; 1952], &[1; 32]].concat());
    let fingerprint = Fingerprint::of_spki(&spki);
    let public_key = spki.into();
    world.must(Command::GenerateKey(NewKey {
        profile,
        fingerprint,
        public_key,
        ..new_key("long")
    }));
    secrets(&mut world);
    world.must(create(2, &["k1"]));
    world.must(create(1, &["k1", "k2", "k4"]));
    world.must(add(2, "k2"));
    world.at(day(10));
    for command in [begin("k1", "k2"), attest("k1", "k2"), complete("k1"), begin("k2", "k3")] {
        world.must(command);
    }
    for command in [abort("k2"), revoke_at(1, "k4", day(30)), revoke("k1", "compromise")] {
        world.must(command);
    }
    world.must(destroy("k1"));
    world.must(create(3, &[]));
    world.must(Command::DeactivateAnchor { anchor_id: crate::world::anchor_id(3) });
    crate::rules::root::begin(&mut world, RotationKind::Ordinary).unwrap();
    for note in [
        LedgerNote::Head { size: 4, root: digest("ledger") },
        LedgerNote::Gap { from: day(9) },
        LedgerNote::Open { size: 4 },
    ] {
        world.must(Command::NoteLedger(note));
    }
    world
}

#[test]
fn a_snapshot_holds_everything_that_the_fold_does() {
    let world = full();
    a_snapshot_answers_alike(&world.state);
    let read = State::from_snapshot(&world.state.to_snapshot().unwrap()).unwrap();
    for name in ["a-1", "b-2", "c-3"] {
        assert_eq!(read.actor(&actor(name)), world.state.actor(&actor(name)));
    }
    for name in ["t1", "t2", "t3"] {
        let digest = Digest::of(name.as_bytes());
        assert_eq!(read.token_of(&digest), world.state.token_of(&digest));
    }
    let purl = "pkg:npm/a2/x".parse().unwrap();
    assert_eq!(read.anchor_for(&purl), world.state.anchor_for(&purl));
    a_snapshot_answers_alike(&State::default());
}

#[test]
fn a_start_from_a_snapshot_and_its_tail_is_the_whole_replay() {
    let world = full();
    let whole = world.state.to_snapshot().unwrap();
    for cut in 0..=world.log.len() {
        let mut state = State::default();
        world.log[..cut].iter().for_each(|event| state.apply(event));
        let mut resumed = State::from_snapshot(&state.to_snapshot().unwrap()).unwrap();
        world.log[cut..].iter().for_each(|event| resumed.apply(event));
        assert_eq!(resumed.to_snapshot().unwrap(), whole, "cut at {cut}");
    }
}

#[test]
fn the_bytes_of_version_3_are_fixed() {
    // A change here means another version, since stores keep such bytes.
    assert_eq!(VERSION, 3);
    let bytes = full().state.to_snapshot().unwrap();
    assert_eq!(Digest::of(&bytes).to_string(), GOLDEN);
}

const GOLDEN: &str = "96aa1fbddfeff0a703f2b03b7763525344fd907948cbef9df0fad1481f51f83c";

#[test]
fn a_copy_of_the_fold_is_its_own() {
    let mut world = full();
    let (held, before) = (world.state.clone(), world.state.to_snapshot().unwrap());
    world.must(revoke("k2", "compromise"));
    world.must(generate("k5"));
    assert_eq!(held.to_snapshot().unwrap(), before);
    assert_ne!(world.state.to_snapshot().unwrap(), before);
}

fn unreadable(bytes: &[u8]) {
    let error = State::from_snapshot(bytes).unwrap_err();
    assert_eq!(error, State::from_snapshot(&[]).unwrap_err());
    assert_eq!(error.to_string(), "the snapshot is of another version, or damaged");
}

#[test]
fn another_version_a_part_or_more_is_no_snapshot() {
    let bytes = full().state.to_snapshot().unwrap();
    unreadable(&[]);
    for cut in 0..bytes.len() {
        unreadable(&bytes[..cut]);
    }
    unreadable(&[&bytes[..], &[0]].concat());
    let mut newer = bytes;
    newer[0] = VERSION + 1;
    unreadable(&newer);
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_judged_without_panic(bytes in any::<Vec<u8>>()) {
        let bytes = [&[VERSION][..], &bytes].concat();
        let read: Result<State, UnreadableSnapshot> = State::from_snapshot(&bytes);
        if let Ok(state) = read {
            prop_assert!(state.to_snapshot().is_ok());
        }
    }

    #[test]
    fn damaged_bytes_are_judged_without_panic(place in any::<usize>(), flip in 1..=255_u8) {
        let mut bytes = full().state.to_snapshot().unwrap();
        let place = place % bytes.len();
        bytes[place] ^= flip;
        if let Ok(state) = State::from_snapshot(&bytes) {
            // Whoever believes unchecked bytes gets answers, not a crash.
            let _ = state.keys().filter(|key| state.signer(&key.record.profile, "sign").is_some());
            for (number, _) in state.anchors() {
                let _ = state.keys().filter_map(|key| key.membership(number)).count();
            }
        }
    }
}
