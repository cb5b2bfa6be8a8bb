//! Random walks: whatever is asked in whatever order, what must hold holds.

use std::{collections::BTreeSet, num::NonZeroU64};

use keyward_lifecycle::{
    command::{Anchors, Command, Effective, Force, NewKey, Revoke, RevokedAt},
    event::Fact,
    id::{ContentId, Fingerprint, KeyId},
    key::{CompromiseScope, Custody, Status},
    profile::{OnMaxAge, Profile, Strictness},
    time::Timestamp,
};
use proptest::{
    prelude::*,
    sample::select,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};

use super::invariant;
use crate::world::{
    DAY, HOUR, REASONS, World, anchor_id, begin, complete, create, generate, id, limited, new_key,
    profile, public_key,
};

/// One thing to ask; `clock` seconds after the one before, or earlier.
#[derive(Clone, Debug)]
struct Step {
    clock: i64,
    ask: Ask,
}

#[derive(Clone, Debug)]
enum Ask {
    Plain(Command),
    /// The next step of the signer's rotation, whatever that is.
    Rotate,
    /// A revocation; its times are seconds from now.
    Revoke {
        revoke: Revoke,
        effective: Option<i64>,
        since: Option<i64>,
    },
    /// A new key; its expiry is seconds from now.
    Make {
        new: NewKey,
        expires: Option<i64>,
        imported: bool,
    },
}

impl Ask {
    fn command(&self, world: &World) -> Command {
        let from_now = |seconds: i64| world.now().plus_seconds(seconds);
        match self {
            Self::Plain(command) => command.clone(),
            Self::Rotate => rotate(world),
            Self::Revoke { revoke, effective, since } => Command::Revoke(Revoke {
                effective: effective
                    .map_or(Effective::Immediately, |at| Effective::At(from_now(at))),
                compromised_since: since.map(from_now),
                ..revoke.clone()
            }),
            Self::Make { new, expires, imported } => {
                let new = NewKey { expires_at: expires.map(from_now), ..new.clone() };
                if *imported { Command::ImportKey(new) } else { Command::GenerateKey(new) }
            }
        }
    }
}

fn rotate(world: &World) -> Command {
    let Some(signer) = world.state.signer(&profile("default"), "sign") else {
        return create(0, &[]);
    };
    let signer_id = signer.record.key_id.as_str();
    let Some(succession) = signer.succession() else {
        let mut waiting = world.state.keys().filter(|key| {
            key.status(world.now()) == Status::Staged && key.record.purpose == signer.record.purpose
        });
        let successor = waiting.next().map_or("none", |key| key.record.key_id.as_str());
        return begin(signer_id, successor);
    };
    let successor = succession.successor.as_str();
    let listed = |key: &str, anchor: u32| {
        world.state.key(&id(key)).is_some_and(|key| key.membership(anchor).is_some())
    };
    let lacking = world.state.anchors().find(|(number, anchor)| {
        anchor.is_active() && listed(signer_id, *number) && !listed(successor, *number)
    });
    match (succession.statement, lacking) {
        (None, _) => {
            let statement = ContentId::of(successor.as_bytes());
            let (key_id, successor) = (id(signer_id), id(successor));
            Command::LogSuccession { key_id, successor, statement }
        }
        (Some(_), Some((_, anchor))) => {
            let to = Anchors::One(anchor.record.anchor_id);
            Command::AddKey { to, key_id: id(successor) }
        }
        (Some(_), None) => complete(signer_id),
    }
}

const SPANS: [i64; 9] = [-400 * DAY, -10 * DAY, -HOUR, 0, 1, HOUR, 10 * DAY, 60 * DAY, 500 * DAY];

fn key_id() -> impl Strategy<Value = KeyId> {
    (0..7_u8).prop_map(|number| id(&format!("k{number}")))
}

fn force() -> impl Strategy<Value = Force> {
    select(vec![Force::No, Force::Yes])
}

fn key() -> impl Strategy<Value = Ask> {
    let custody = select(vec![
        Custody::Exclusive,
        Custody::Exclusive,
        Custody::Exclusive,
        Custody::Shared,
        Custody::Foreign,
    ]);
    let rare = |strategy| prop::option::weighted(0.15, strategy);
    let names = (key_id(), 0..9_u8, prop::option::weighted(0.3, key_id()));
    let terms = (rare(select(SPANS.to_vec()).boxed()), rare((1..20_i64).boxed()), custody);
    let kind = (any::<bool>(), prop::bool::weighted(0.2), prop::bool::weighted(0.2));
    (names, terms, kind).prop_map(|(names, (expires, uses, custody), (staged, seal, imported))| {
        let (key_id, public, parent) = names;
        let public_key = public_key(&public.to_string());
        let new = NewKey {
            key_id,
            fingerprint: Fingerprint::of_spki(&public_key),
            public_key: public_key.into(),
            purpose: if seal { "seal" } else { "sign" }.into(),
            max_usage: uses.and_then(|uses| NonZeroU64::new(uses.unsigned_abs())),
            custody,
            parent,
            staged,
            ..new_key("x")
        };
        Ask::Make { new, expires, imported }
    })
}

fn revoke() -> impl Strategy<Value = Ask> {
    let place = prop_oneof![
        3 => (0..3_u8).prop_map(|anchor| RevokedAt::Anchor(anchor_id(anchor))),
        1 => Just(RevokedAt::Key),
    ];
    // Compromises are a sixth of the reasons and end most walks.
    let scope = select(vec![CompromiseScope::Key, CompromiseScope::Server]);
    let time = || prop::option::of(select(SPANS.to_vec()));
    (key_id(), place, select(REASONS.to_vec()), time(), time(), scope, force()).prop_map(
        |(key_id, at, reason, effective, since, scope, force)| {
            let (instant, compromised_since) = (Effective::Immediately, None);
            let revoke =
                Revoke { key_id, at, reason, effective: instant, compromised_since, scope, force };
            Ask::Revoke { revoke, effective, since }
        },
    )
}

fn redefinition() -> impl Strategy<Value = Command> {
    let policies = select(vec![Strictness::Standard, Strictness::Strict]);
    (policies, 1..30_u16, any::<bool>()).prop_map(|(policy, max_age_months, lax)| {
        let [mut default, ..] = Profile::built_in();
        default.policy = policy;
        default.rotation.max_age_months = max_age_months;
        default.rotation.on_max_age = if lax { OnMaxAge::Warn } else { OnMaxAge::RefuseSign };
        Command::DefineProfile(default)
    })
}

fn of_anchors() -> impl Strategy<Value = Command> {
    let to = prop_oneof![
        2 => (0..3_u8).prop_map(|number| Anchors::One(anchor_id(number))),
        2 => Just(Anchors::Every),
        1 => key_id().prop_map(Anchors::AffectedBy),
    ];
    prop_oneof![
        6 => (to, key_id()).prop_map(|(to, key_id)| Command::AddKey { to, key_id }),
        3 => (0..3_u8, prop::collection::vec(key_id(), 0..3)).prop_map(|(number, keys)| {
            create(number, &keys.iter().map(KeyId::as_str).collect::<Vec<_>>())
        }),
        1 => (0..3_u8).prop_map(|number| Command::DeactivateAnchor { anchor_id: anchor_id(number) }),
    ]
}

fn of_keys() -> impl Strategy<Value = Command> {
    let statement = any::<u8>().prop_map(|byte| ContentId::of(&[byte]));
    let uses = (1..10_u64).prop_map(|uses| NonZeroU64::new(uses).unwrap());
    prop_oneof![
        3 => key_id().prop_map(|key_id| Command::PromoteKey { key_id }),
        1 => key_id().prop_map(|key_id| Command::RetireKey { key_id }),
        3 => (key_id(), key_id())
            .prop_map(|(key_id, successor)| Command::BeginRotation { key_id, successor }),
        3 => (key_id(), key_id(), statement).prop_map(|(key_id, successor, statement)| {
            Command::LogSuccession { key_id, successor, statement }
        }),
        3 => (key_id(), force())
            .prop_map(|(key_id, force)| Command::CompleteRotation { key_id, force }),
        2 => key_id().prop_map(|key_id| Command::AbortRotation { key_id }),
        1 => key_id().prop_map(|key_id| Command::DestroyKey { key_id }),
        2 => (key_id(), uses).prop_map(|(key_id, uses)| Command::GrantUsage { key_id, uses }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let ask = prop_oneof![
        5 => key(),
        6 => Just(Ask::Rotate),
        3 => revoke(),
        6 => of_keys().prop_map(Ask::Plain),
        4 => of_anchors().prop_map(Ask::Plain),
        1 => redefinition().prop_map(Ask::Plain),
    ];
    let clock = select(vec![-DAY, 0, 0, 0, 1, HOUR, DAY, 15 * DAY, 120 * DAY]);
    (clock, ask).prop_map(|(clock, ask)| Step { clock, ask })
}

/// From nothing, or from three keys of one profile in two anchors.
fn walk() -> impl Strategy<Value = Vec<Step>> {
    let made = [limited("k0", 12), generate("k1"), generate("k2")];
    let settled: Vec<Step> = made
        .into_iter()
        .chain([create(0, &["k0", "k1"]), create(1, &["k0"])])
        .map(|command| Step { clock: 0, ask: Ask::Plain(command) })
        .collect();
    let start = select(vec![Vec::new(), settled]);
    (start, prop::collection::vec(step(), 1..60)).prop_map(|(start, steps)| [start, steps].concat())
}

/// Walks, checking after every step.
fn walked(steps: &[Step]) -> World {
    let mut world = World::begun();
    let mut seen: Vec<(Timestamp, Vec<u8>)> = Vec::new();
    for Step { clock, ask } in steps {
        let clock = world.clock.plus_seconds(*clock);
        world.at(clock);
        let command = ask.command(&world);
        let before = world.clone();
        match world.run(command.clone()) {
            Ok(decision) => invariant::after(&before, &world, &command, &decision),
            Err(refusal) => assert!(!refusal.to_string().is_empty()),
        }
        seen.push((world.state.last_time().unwrap(), world.state.to_snapshot().unwrap()));
    }
    invariant::at_the_end(&world, &seen);
    world
}

proptest! {
    #![proptest_config(Config { cases: 400, failure_persistence: None, ..Config::default() })]

    #[test]
    fn what_must_hold_holds_after_every_step(steps in walk()) {
        // LC-001, LC-002, LC-003, LC-021, SO-002, SO-005, HA-06, HA-10
        walked(&steps);
    }
}

#[test]
fn the_walks_reach_every_fact_about_keys_and_anchors() {
    let mut runner = TestRunner::deterministic();
    let mut reached = BTreeSet::new();
    let mut reasons = BTreeSet::new();
    for _ in 0..100 {
        let steps = walk().new_tree(&mut runner).unwrap().current();
        for event in walked(&steps).log {
            reached.insert(event.fact.type_name());
            if let Fact::KeyRevoked { reason, .. } = event.fact {
                reasons.insert(reason);
            }
        }
    }
    let about = |name: &&str| {
        ["KEY_", "ROTATION_", "ANCHOR_", "PROFILE_"].iter().any(|start| name.starts_with(start))
    };
    let expected: BTreeSet<_> = Fact::TYPES.iter().copied().filter(about).collect();
    assert_eq!(reached, expected);
    assert_eq!(reasons.len(), REASONS.len());
}
