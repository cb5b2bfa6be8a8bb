//! Writes that fail, before and after: at every append of everything that is done.

use keyward::{
    ExecuteError, Keyward,
    authority::AuthorityError,
    incident::IncidentRequest,
    key::KeyRequest,
    rotation::RotateMode,
    secret::policy::Policy,
    start::{CreateFailed, OpenFailed},
    storage::{AppendError, AuditQuery, Storage as _},
};
use keyward_crypto::signing::PrivateKey;
use keyward_lifecycle::{
    access::Role,
    algorithm::Algorithm,
    command::{Command, Force},
    key::{CompromiseScope, Reason},
    profile::Profile,
    refusal::Refusal,
    secret::PolicyName,
    verify::{Outcome, Reason as Why},
};
use keyward_storage::memory::Memory;
use keyward_testkit::fault::{Fault, Faulty, LOST};

use crate::{
    act::{Cause, default_profile, id, time},
    store::{PASSWORD, World, begin, faulty, terms},
};

type Act = fn(&World) -> Result<(), ExecuteError>;

/// A life, in the order in which it is lived.
const ACTS: [(&str, Act); 14] = [
    ("generate", |world| world.try_generate("k1").map(drop).map_err(Cause::cause)),
    ("anchor", |world| world.try_anchor("pkg:cargo/*", &["k1"]).map(drop)),
    ("sign", |world| world.try_sign("k1", "a").map(drop).map_err(Cause::cause)),
    ("rotate", |world| {
        world.try_rotate("k1", None, RotateMode::Go).map(drop).map_err(Cause::cause)
    }),
    ("revoke", |world| world.try_revoke("k1", Reason::Superseded).map(drop)),
    ("incident", |world| {
        let request = IncidentRequest {
            key_id: id("k1-v2"),
            new_key_id: None,
            compromised_since: None,
            scope: CompromiseScope::Server,
        };
        world.keyward.incident_rotate(&world.actor, &request).map(drop).map_err(Cause::cause)
    }),
    ("import", |world| {
        let pem = PrivateKey::generate(Algorithm::Ed25519).expect("a key").to_pkcs8_pem();
        let request = KeyRequest::new(id("k3"), default_profile());
        world.keyward.import_key(&world.actor, &request, &pem).map(drop).map_err(Cause::cause)
    }),
    ("retire", |world| {
        let emergency = world.keyward.state().keys().nth(2).map(|key| key.record.key_id.clone());
        let command = Command::RetireKey { key_id: emergency.expect("the third key") };
        world.keyward.execute(&world.actor, command).map(drop)
    }),
    ("promote", |world| {
        let promoted = world.keyward.promote_key(&world.actor, &id("k3"), Force::No);
        promoted.map(drop).map_err(Cause::cause)
    }),
    ("destroy", |world| {
        world.keyward.destroy_key(&world.actor, &id("k1")).map(drop).map_err(Cause::cause)
    }),
    ("deactivate", |world| {
        let anchor_id = world.keyward.state().anchors().next().expect("one").1.record.anchor_id;
        world.keyward.execute(&world.actor, Command::DeactivateAnchor { anchor_id }).map(drop)
    }),
    ("token", |world| {
        let end = time("2026-01-15T00:00:00Z");
        world.keyward.create_token(&world.actor, "t", Role::Viewer, vec![], end).map(drop)
    }),
    ("policy", |world| {
        let (name, policy) = (PolicyName::parse("p").expect("a name"), Policy::parse(RULES));
        let policy = policy.expect("a policy");
        world.keyward.set_policy(&world.actor, &name, policy).map(drop).map_err(Cause::cause)
    }),
    ("authority", |world| match crate::authority::renew(world) {
        Ok(_) => Ok(()),
        Err(AuthorityError::Execute(error)) => Err(error),
        Err(other) => panic!("not the writer's: {other:?}"),
    }),
];

const RULES: &[u8] = br#"{"rules":[{"who":["token:t"],"may":["read"],"under":["app"]}]}"#;

/// What each of them adds to the audit trail; a signature is in the ledger.
const ADDED: [(&str, &[&str]); 14] = [
    ("generate", &["KEY_GENERATED"]),
    ("anchor", &["ANCHOR_CREATED", "KEY_ADDED"]),
    ("sign", &[]),
    (
        "rotate",
        &[
            "LEDGER_HEAD",
            "KEY_GENERATED",
            "ROTATION_BEGUN",
            "LEDGER_HEAD",
            "KEY_SUCCEEDED",
            "KEY_ADDED",
            "KEY_RETIRED",
            "KEY_PROMOTED",
            "ROTATION_COMPLETED",
        ],
    ),
    ("revoke", &["KEY_REVOKED"]),
    ("incident", &["KEY_REVOKED", "KEY_GENERATED", "KEY_ADDED"]),
    ("import", &["KEY_IMPORTED"]),
    ("retire", &["KEY_RETIRED"]),
    ("promote", &["KEY_PROMOTED"]),
    ("destroy", &["KEY_DESTROYED"]),
    ("deactivate", &["ANCHOR_DEACTIVATED"]),
    ("token", &["TOKEN_CREATED"]),
    ("policy", &["SECRET_POLICY_SET"]),
    ("authority", &["AUTHORITY_REPLACED"]),
];

/// A store that has lived its first `acts` acts.
fn lived(acts: usize) -> (Faulty<Memory>, World) {
    let (storage, parts, clock) = faulty("2025-01-15T00:00:00Z");
    let world = begin(parts, clock);
    for (name, act) in &ACTS[..acts] {
        act(&world).expect(name);
        world.clock.advance(60);
    }
    (storage, world)
}

fn appends_of(acts: usize) -> u64 {
    let (storage, world) = lived(acts);
    let before = storage.appends();
    ACTS[acts].1(&world).expect("no fault");
    storage.appends() - before
}

/// Done, or found to be done already.
#[track_caller]
fn settle(world: &World, act: Act) {
    match act(world) {
        Ok(())
        | Err(ExecuteError::Refused(Refusal::NameTaken { .. } | Refusal::PatternTaken { .. })) => {}
        Err(error) => panic!("{error:?}"),
    }
}

/// What must hold once all acts up to `acts` are done.
#[track_caller]
fn check_lived(world: &World, name: &str) {
    world.audit();
    let state = world.keyward.state();
    assert_eq!(world.has_signer(), name != "retire", "{name}");
    if name == "incident" {
        let lost = state.key(&id("k1-v2")).expect("the lost key");
        let anchor =
            state.anchor_at(lost.memberships().next().expect("one").anchor).expect("its anchor");
        let believed = anchor.keys.iter().filter_map(|number| state.key_at(*number));
        let believed: Vec<_> =
            believed.filter(|key| key.status(world.keyward.now()).signs()).collect();
        assert_eq!(believed.len(), 1, "the anchor believes the key that signs");
        assert_eq!(state.keys().count(), 3, "one emergency key, however often it is asked for");
    }
    if name == "rotate" {
        assert_eq!(state.keys().count(), 2, "one successor, however often it is asked for");
        assert_eq!(state.counts().rotations, 1);
    }
}

/// The types in the audit trail, oldest first.
fn trail(world: &World) -> Vec<String> {
    let query = AuditQuery { limit: 1000, ..AuditQuery::default() };
    let rows = world.parts.storage.audit_rows(&query).expect("rows");
    rows.into_iter().rev().map(|row| row.event_type).collect()
}

#[test]
fn every_act_is_in_the_audit_trail() {
    // SO-004
    let (_, world) = lived(0);
    for ((name, act), (named, added)) in ACTS.into_iter().zip(ADDED) {
        assert_eq!(name, named);
        let before = trail(&world);
        act(&world).expect(name);
        let after = trail(&world);
        assert_eq!(after[..before.len()], before);
        assert_eq!(after[before.len()..], *added, "{name}");
        world.audit();
        world.clock.advance(60);
    }
}

#[test]
fn a_write_that_failed_before_changes_nothing_and_the_engine_goes_on() {
    for (acts, (name, act)) in ACTS.into_iter().enumerate() {
        for skip in 0..appends_of(acts) {
            let (storage, world) = lived(acts);
            let before = world.keyward.state().to_snapshot().expect("a snapshot");
            storage.arm(skip, Fault::LostBefore);
            let error = act(&world).expect_err("the fault");
            assert!(matches!(error, ExecuteError::Unavailable(_)), "{name} {skip}: {error:?}");
            if skip == 0 {
                assert_eq!(world.keyward.state().to_snapshot().expect("a snapshot"), before);
            }
            assert!(world.has_signer() || name != "rotate", "{name} {skip}");
            settle(&world, act);
            check_lived(&world, name);
            check_lived(&world.reopened(), name);
        }
    }
}

#[test]
fn a_write_of_unknown_fate_halts_and_the_next_start_finds_out() {
    for (acts, (name, act)) in ACTS.into_iter().enumerate() {
        for skip in 0..appends_of(acts) {
            let (storage, world) = lived(acts);
            storage.arm(skip, Fault::LostAfter);
            let error = act(&world).expect_err("the fault");
            assert!(matches!(error, ExecuteError::Halted), "{name} {skip}: {error:?}");
            let again = world.try_revoke("k1", Reason::KeyCompromise).expect_err("halted");
            assert!(matches!(again, ExecuteError::Halted), "{name} {skip}: {again:?}");
            let heads = storage.heads().expect("heads");
            storage.reopen();
            let world = world.again().expect("the store again");
            assert!(storage.heads().expect("heads").log >= heads.log, "{name} {skip}");
            assert!(world.has_signer() || name != "rotate", "{name} {skip}");
            settle(&world, act);
            check_lived(&world, name);
        }
    }
}

#[test]
fn a_rotation_is_resumed_from_every_point_at_which_it_was_cut_off() {
    for skip in 0..appends_of(3) {
        for fault in LOST {
            let (storage, world) = lived(3);
            storage.arm(skip, fault);
            world.try_rotate("k1", None, RotateMode::Go).expect_err("the fault");
            storage.reopen();
            let world = world.again().expect("the store again");
            let begun = world.keyward.state().key(&id("k1")).expect("a key").succession().is_some();
            let resumed = world.try_rotate("k1", None, RotateMode::Resume);
            match (begun, resumed) {
                (true, Ok(outcome)) => assert_eq!(outcome.active, Some(id("k1-v2")), "{skip}"),
                (false, Err(error)) => {
                    let missing = crate::act::refusal(Err::<(), _>(error));
                    assert!(matches!(missing, Refusal::RotationIncomplete { .. }), "{missing:?}");
                    assert_eq!(skip, 0, "only the first write begins it");
                    continue;
                }
                other => panic!("{skip} {fault:?}: {other:?}"),
            }
            check_lived(&world, "rotate");
            world.sign("k1-v2", "b");
        }
    }
}

#[test]
fn a_rotation_is_called_off_at_every_point_before_its_end() {
    let appends = appends_of(3);
    for skip in 1..appends {
        let (storage, world) = lived(3);
        storage.arm(skip, Fault::LostBefore);
        world.try_rotate("k1", None, RotateMode::Go).expect_err("the fault");
        let outcome = world.try_rotate("k1", None, RotateMode::Abort).expect("called off");
        assert_eq!(outcome.active, Some(id("k1")), "{skip}");
        world.sign("k1", "b");
        world.audit();
    }
}

#[test]
fn a_creation_that_was_cut_off_is_begun_anew_or_found_complete() {
    for fault in LOST {
        let (storage, parts, clock) = faulty("2025-01-15T00:00:00Z");
        storage.arm(0, fault);
        let profiles = || Profile::built_in().to_vec();
        let create = || Keyward::create(&parts, PASSWORD.into(), terms(), profiles());
        let error = create().expect_err("the fault");
        match fault {
            Fault::LostBefore => {
                assert!(matches!(error, CreateFailed::Append(AppendError::Unavailable(_))));
                assert!(!Keyward::exists(&parts).expect("an answer"));
                let error = Keyward::open(&parts).expect_err("nothing there");
                assert!(matches!(error, OpenFailed::NoStore), "{error:?}");
                let world = begin(parts, clock);
                world.generate("k1");
                world.audit();
            }
            _ => {
                assert!(matches!(error, CreateFailed::Append(AppendError::Unknown(_))));
                storage.reopen();
                let error = create().expect_err("it is there");
                assert!(matches!(error, CreateFailed::Exists), "{error:?}");
                let keyward = Keyward::open(&parts).expect("the store");
                keyward.unseal(PASSWORD.into()).expect("the password");
                let actor = keyward.actor("local:0").expect("an actor");
                let world = World { parts, clock, keyward, actor };
                world.generate("k1");
                world.audit();
            }
        }
    }
}

#[test]
fn a_store_that_halted_says_valid_no_more() {
    let (storage, world) = lived(3);
    let old = world.sign("k1", "b").envelope;
    world.check(&old, Outcome::Valid, Why::InWindow);
    world.clock.advance(60);
    storage.arm(0, Fault::LostAfter);
    world.try_revoke("k1", Reason::KeyCompromise).expect_err("the fault");
    // The revocation is durable, and this process does not know.
    world.check(&old, Outcome::Indeterminate, Why::StaleView);
    assert!(world.keyward.status().expect("a status").halted);
    storage.reopen();
    let world = world.again().expect("the store again");
    world.check(&old, Outcome::Indeterminate, Why::LoggedBySuspect);
}

#[test]
fn a_refusal_is_logged_although_the_write_before_it_failed() {
    let (storage, world) = lived(1);
    storage.arm(0, Fault::LostBefore);
    let error = world.try_generate("k1").expect_err("taken, and not logged");
    // The answer is the rule's, whether or not it could be logged.
    assert!(matches!(error.cause(), ExecuteError::Refused(Refusal::NameTaken { .. })));
    assert_eq!(world.facts("COMMAND_REFUSED").len(), 0);
    world.try_generate("k1").expect_err("taken");
    assert_eq!(world.facts("COMMAND_REFUSED").len(), 1);
}
