//! A log that grows by commands, and the fold of it: what the library does, without storage.

use std::num::NonZeroU64;

use keyward_lifecycle::{
    algorithm::Algorithm,
    anchor::AnchorRecord,
    command::{Anchors, Command, Effective, Force, NewKey, Revoke, RevokedAt, Universal},
    decide::{Decision, decide, may_sign},
    event::{Event, VERSION},
    id::{ActorId, AnchorId, ContentId, Fingerprint, KeyId, ProfileName},
    key::{CompromiseScope, Custody, Key, Membership, Reason},
    profile::{Profile, Strictness},
    refusal::{Refusal, Warning},
    state::State,
    time::{Timestamp, Window},
};

pub(crate) const HOUR: i64 = 3_600;
pub(crate) const DAY: i64 = 24 * HOUR;

/// The log, its fold, and the clock.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) log: Vec<Event>,
    pub(crate) state: State,
    pub(crate) clock: Timestamp,
}

impl World {
    /// A store with the built-in profiles, at day 0.
    pub(crate) fn begun() -> Self {
        let mut world = Self { log: Vec::new(), state: State::default(), clock: day(0) };
        for profile in Profile::built_in() {
            world.must(Command::DefineProfile(profile));
        }
        world
    }

    /// The time that counts.
    pub(crate) fn now(&self) -> Timestamp {
        self.state.now(self.clock)
    }

    pub(crate) fn at(&mut self, clock: Timestamp) -> &mut Self {
        self.clock = clock;
        self
    }

    /// Decides, appends and folds.
    pub(crate) fn run(&mut self, command: Command) -> Result<Decision, Refusal> {
        let time = self.now();
        let decision = decide(&self.state, &command, time)?;
        for fact in decision.facts.iter().cloned() {
            let actor = ActorId::parse("system").unwrap();
            let event = Event { v: VERSION, seq: self.state.size(), time, actor, fact };
            self.state.apply(&event);
            self.log.push(event);
        }
        Ok(decision)
    }

    /// Runs what must be allowed; the warnings.
    #[track_caller]
    pub(crate) fn must(&mut self, command: Command) -> Vec<Warning> {
        let name = command.name();
        self.run(command).unwrap_or_else(|refusal| panic!("{name}: {refusal}")).warnings
    }

    /// Runs what must be refused; why.
    #[track_caller]
    pub(crate) fn refused(&mut self, command: Command) -> Refusal {
        let name = command.name();
        match self.run(command) {
            Err(refusal) => refusal,
            Ok(decision) => panic!("{name}: {:?}", decision.facts),
        }
    }

    pub(crate) fn key(&self, name: &str) -> &Key {
        self.state.key(&id(name)).unwrap()
    }

    pub(crate) fn member(&self, name: &str, anchor: u8) -> Membership {
        let number = self.state.anchor_number(&anchor_id(anchor)).unwrap();
        self.key(name).membership(number).unwrap()
    }

    /// In which window the anchor believes the key.
    pub(crate) fn window(&self, name: &str, anchor: u8) -> Window {
        self.key(name).window(&self.member(name, anchor))
    }

    pub(crate) fn may_sign(&self, name: &str) -> Result<(), Refusal> {
        let key = self.key(name);
        may_sign(&self.state, key, key.usage_granted(), self.now())
    }

    /// The signer of profile `default`, if it may sign.
    pub(crate) fn signer(&self) -> Option<&str> {
        let key = self.state.signer(&profile("default"), "sign")?;
        may_sign(&self.state, key, key.usage_granted(), self.now()).ok()?;
        Some(key.record.key_id.as_str())
    }

    /// The fold of the events up to `time`.
    pub(crate) fn replayed_to(&self, time: Timestamp) -> State {
        let mut state = State::default();
        self.log.iter().filter(|event| event.time <= time).for_each(|event| state.apply(event));
        state
    }
}

pub(crate) fn day(day: i64) -> Timestamp {
    // 2025-01-01T00:00:00Z
    Timestamp::from_seconds(1_735_689_600 + day * DAY)
}

pub(crate) fn id(name: &str) -> KeyId {
    KeyId::parse(name).unwrap()
}

pub(crate) fn profile(name: &str) -> ProfileName {
    ProfileName::parse(name).unwrap()
}

pub(crate) fn anchor_id(number: u8) -> AnchorId {
    AnchorId::from_bytes([number; 16])
}

/// The public key of that name; nothing verifies under it.
pub(crate) fn public_key(name: &str) -> Vec<u8> {
    format!("SPKI of {name}").into_bytes()
}

/// A key of profile `default`, as its store has just made it.
pub(crate) fn new_key(name: &str) -> NewKey {
    let public_key = public_key(name);
    NewKey {
        key_id: id(name),
        profile: profile("default"),
        algorithm: None,
        purpose: "sign".into(),
        fingerprint: Fingerprint::of_spki(&public_key),
        public_key: public_key.into(),
        custody: Custody::Exclusive,
        expires_at: None,
        max_usage: None,
        parent: None,
        staged: false,
    }
}

pub(crate) fn generate(name: &str) -> Command {
    Command::GenerateKey(new_key(name))
}

pub(crate) fn limited(name: &str, uses: u64) -> Command {
    Command::GenerateKey(NewKey { max_usage: NonZeroU64::new(uses), ..new_key(name) })
}

pub(crate) fn anchor(number: u8, pattern: &str) -> AnchorRecord {
    AnchorRecord {
        anchor_id: anchor_id(number),
        pattern: pattern.parse().unwrap(),
        predicate_types: Vec::new(),
        threshold: 1,
        algorithms: Vec::new(),
        policy_version: None,
        asserted: Vec::new(),
    }
}

/// An anchor for `pkg:npm/a<number>/*`.
pub(crate) fn create(number: u8, keys: &[&str]) -> Command {
    create_as(anchor(number, &format!("pkg:npm/a{number}/*")), keys)
}

pub(crate) fn create_as(anchor: AnchorRecord, keys: &[&str]) -> Command {
    let keys = keys.iter().map(|name| id(name)).collect();
    Command::CreateAnchor { anchor, keys, universal: Universal::Refused, imported: false }
}

pub(crate) fn add(number: u8, name: &str) -> Command {
    Command::AddKey { to: Anchors::One(anchor_id(number)), key_id: id(name) }
}

pub(crate) fn promote(name: &str) -> Command {
    Command::PromoteKey { key_id: id(name) }
}

pub(crate) fn retire(name: &str) -> Command {
    Command::RetireKey { key_id: id(name) }
}

pub(crate) fn destroy(name: &str) -> Command {
    Command::DestroyKey { key_id: id(name) }
}

pub(crate) fn begin(old: &str, new: &str) -> Command {
    Command::BeginRotation { key_id: id(old), successor: id(new) }
}

pub(crate) fn attest(old: &str, new: &str) -> Command {
    let statement = ContentId::of(format!("{old} to {new}").as_bytes());
    Command::LogSuccession { key_id: id(old), successor: id(new), statement }
}

pub(crate) fn complete(old: &str) -> Command {
    Command::CompleteRotation { key_id: id(old), force: Force::No }
}

pub(crate) fn abort(old: &str) -> Command {
    Command::AbortRotation { key_id: id(old) }
}

/// A revocation at the key, for `reason`, from now.
pub(crate) fn revocation(name: &str, reason: &str) -> Revoke {
    Revoke {
        key_id: id(name),
        at: RevokedAt::Key,
        reason: reason.parse().unwrap(),
        effective: Effective::Immediately,
        compromised_since: None,
        scope: CompromiseScope::Server,
        force: Force::No,
    }
}

/// A revocation in one anchor, for `annual-rotation`, from `time`.
pub(crate) fn revocation_at(number: u8, name: &str, time: Timestamp) -> Revoke {
    Revoke {
        at: RevokedAt::Anchor(anchor_id(number)),
        effective: Effective::At(time),
        ..revocation(name, "annual-rotation")
    }
}

pub(crate) fn revoke(name: &str, reason: &str) -> Command {
    Command::Revoke(revocation(name, reason))
}

pub(crate) fn revoke_at(number: u8, name: &str, time: Timestamp) -> Command {
    Command::Revoke(revocation_at(number, name, time))
}

/// Profile `default` under another policy.
pub(crate) fn policy(policy: Strictness) -> Command {
    let [default, ..] = Profile::built_in();
    assert_eq!(default.algorithm, Algorithm::Ed25519);
    Command::DefineProfile(Profile { policy, ..default })
}

/// All reasons of the closed list.
pub(crate) const REASONS: [Reason; 6] = Reason::ALL;
