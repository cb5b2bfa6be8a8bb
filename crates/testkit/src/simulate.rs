//! Random lives of a store: commands, clocks that step both ways, writes that fail, stops and
//! crashes, with the oracle asked after every step.
#![expect(clippy::expect_used, clippy::panic, reason = "what does not hold is a failed test")]

use std::{fmt::Debug, sync::Arc};

use keyward::{
    ExecuteError, Keyward, Parts, Receipt,
    key::{KeyError, KeyRequest},
    rotation::{RotateMode, RotateRequest},
    signing::{Content, KeyChoice, SignError, SignRequest},
    storage::{Storage, Tree},
};
use keyward_lifecycle::{
    anchor::AnchorRecord,
    command::{Anchors, Command, Effective, Force, Revoke, RevokedAt, Universal},
    event::Event,
    id::{ActorId, AnchorId, Digest, KeyId, ProfileName},
    key::{CompromiseScope, Reason},
    pattern::Pattern,
    profile::{LedgerMode, Profile},
    state::State,
};
use proptest::prelude::{Just, Strategy, any, prop_oneof};

use crate::{
    clock::FakeClock,
    fault::{Fault, Faulty},
    oracle::{self, Oracle, Released},
};

/// One step of a life. Keys and anchors are named by small numbers.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "tests make and match every one")]
pub enum Step {
    /// Makes a key.
    Generate(u8),
    /// Makes an anchor that believes a key.
    Anchor(u8, u8),
    /// Adds a key to every anchor.
    Add(u8),
    /// Signs with a key.
    Sign(u8),
    /// Rotates a key: on to the end, or to its end if it has begun.
    Rotate(u8),
    /// Calls a rotation off.
    Abort(u8),
    /// Ends a key.
    Revoke(u8, Reason),
    /// Retires a key.
    Retire(u8),
    /// Turns early release of signatures on or off.
    Ledger(LedgerMode),
    /// Takes a snapshot.
    Snapshot,
    /// Moves the clock, forward or back.
    Clock(i16),
    /// The append after so many others fails.
    Fault(u8, Fault),
    /// Forgets the root key, and gets it back.
    Seal,
    /// Stops and starts again.
    Reopen,
}

/// Steps, the usual ones more often.
pub fn step() -> impl Strategy<Value = Step> {
    let key = || 0..6_u8;
    let reason = prop_oneof![
        3 => Just(Reason::Superseded),
        1 => Just(Reason::CessationOfOperation),
        1 => Just(Reason::KeyCompromise),
    ];
    let fault = prop_oneof![Just(Fault::LostBefore), Just(Fault::LostAfter)];
    let mode = prop_oneof![Just(LedgerMode::Durable), Just(LedgerMode::Buffered)];
    prop_oneof![
        4 => key().prop_map(Step::Generate),
        2 => (0..4_u8, key()).prop_map(|(anchor, key)| Step::Anchor(anchor, key)),
        2 => key().prop_map(Step::Add),
        8 => key().prop_map(Step::Sign),
        3 => key().prop_map(Step::Rotate),
        1 => key().prop_map(Step::Abort),
        1 => (key(), reason).prop_map(|(key, reason)| Step::Revoke(key, reason)),
        1 => key().prop_map(Step::Retire),
        1 => mode.prop_map(Step::Ledger),
        1 => Just(Step::Snapshot),
        3 => any::<i16>().prop_map(Step::Clock),
        2 => (0..4_u8, fault).prop_map(|(skip, fault)| Step::Fault(skip, fault)),
        1 => Just(Step::Seal),
        1 => Just(Step::Reopen),
    ]
}

/// Steps of a life in which signatures are often released early, and writes often fail.
pub fn early_step() -> impl Strategy<Value = Step> {
    let key = || 0..2_u8;
    let fault = prop_oneof![Just(Fault::LostBefore), Just(Fault::LostAfter)];
    let mode = prop_oneof![1 => Just(LedgerMode::Durable), 2 => Just(LedgerMode::Buffered)];
    prop_oneof![
        2 => key().prop_map(Step::Generate),
        12 => key().prop_map(Step::Sign),
        1 => key().prop_map(Step::Rotate),
        3 => mode.prop_map(Step::Ledger),
        5 => (0..4_u8, fault).prop_map(|(skip, fault)| Step::Fault(skip, fault)),
        2 => Just(Step::Seal),
        3 => Just(Step::Reopen),
    ]
}

/// A store that lives.
#[derive(Debug)]
pub struct Life<S> {
    storage: Faulty<S>,
    parts: Parts,
    clock: Arc<FakeClock>,
    password: &'static str,
    keyward: Option<Keyward>,
    actor: ActorId,
    oracle: Oracle,
}

impl<S: Storage + Debug + 'static> Life<S> {
    /// A life that begins with a store that was just made over `storage`, and its actor.
    ///
    /// # Panics
    /// When the store takes no actor.
    pub fn new(
        (storage, parts): (Faulty<S>, Parts),
        clock: Arc<FakeClock>,
        (keyward, password): (Keyward, &'static str),
    ) -> Self {
        let actor = keyward.actor("local:0").expect("an actor");
        let keyward = Some(keyward);
        let oracle = Oracle::default();
        Self { storage, parts, clock, password, keyward, actor, oracle }
    }

    /// Takes every step, with the oracle after each, and looks for plaintext at the end.
    ///
    /// # Panics
    /// When the oracle does.
    pub fn live(mut self, steps: &[Step]) {
        for step in steps {
            self.take(step);
            if self.keyward().status().is_ok_and(|status| status.halted) {
                self.reopen();
            }
            self.look();
        }
        self.reopen();
        self.look();
        let report = self.keyward().verify_audit(None).expect("a replay");
        assert!(report.problems.is_empty(), "{report:?}");
        oracle::check_no_plaintext(self.storage.store(), self.password);
    }

    fn keyward(&self) -> &Keyward {
        self.keyward.as_ref().expect("a store between two starts")
    }

    /// What decides is a pure replay of the log, and the oracle agrees.
    fn look(&mut self) {
        let deciding = self.keyward().state();
        let mut state = State::default();
        while state.size() < deciding.size() {
            let leaves = self.storage.store().leaves(Tree::Log, state.size(), 1000);
            for leaf in leaves.expect("leaves") {
                if state.size() < deciding.size() {
                    state.apply(&Event::from_leaf(state.size(), &leaf).expect("an event"));
                }
            }
        }
        let (deciding, replayed) = (deciding.to_snapshot(), state.to_snapshot());
        assert_eq!(deciding.expect("a snapshot"), replayed.expect("a snapshot"));
        self.oracle.check(self.storage.store());
    }

    fn reopen(&mut self) {
        let gaps = self.keyward().state().ledger().gaps.len();
        drop(self.keyward.take());
        self.storage.reopen();
        let mut tried = Keyward::open(&self.parts).expect("the store again");
        for _ in 0..FAULTS_AT_START {
            tried.unseal(self.password.into()).expect("the password");
            if !tried.status().is_ok_and(|status| status.halted) {
                break;
            }
            drop(tried);
            self.storage.reopen();
            tried = Keyward::open(&self.parts).expect("the store again");
        }
        // The log alone says what became of the signatures that were released early.
        let ledger = tried.state().ledger().clone();
        if ledger.gaps.len() > gaps {
            self.oracle.gap();
        } else if ledger.open_since.is_none() {
            self.oracle.closed();
        }
        self.keyward = Some(tried);
        self.oracle.check(self.storage.store());
    }

    fn note(&mut self, receipt: Result<Receipt, ExecuteError>) -> bool {
        let receipt = match receipt {
            Ok(receipt) => receipt,
            Err(ExecuteError::Quarantined) => panic!("nothing was rolled back"),
            Err(
                ExecuteError::Refused(_)
                | ExecuteError::Sealed
                | ExecuteError::Unavailable(_)
                | ExecuteError::Halted,
            ) => return false,
        };
        receipt.events.iter().for_each(|(id, _)| self.oracle.logged(id));
        true
    }

    fn execute(&mut self, command: Command) -> bool {
        let receipt = self.keyward().execute(&self.actor, command);
        self.note(receipt)
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Generate(key) => {
                let request = KeyRequest::new(key_id(*key), profile());
                let made = self.keyward().generate_key(&self.actor, &request);
                self.note(made.map_err(of_key));
            }
            Step::Anchor(anchor, key) => {
                self.execute(anchor_of(*anchor, *key));
            }
            Step::Add(key) => {
                self.execute(Command::AddKey { to: Anchors::Every, key_id: key_id(*key) });
            }
            Step::Sign(key) => self.sign(&key_id(*key)),
            Step::Rotate(key) => {
                self.rotate(*key, RotateMode::Go);
            }
            Step::Abort(key) => {
                self.rotate(*key, RotateMode::Abort);
            }
            Step::Revoke(key, reason) => self.revoke(&key_id(*key), *reason),
            Step::Retire(key) => {
                self.execute(Command::RetireKey { key_id: key_id(*key) });
            }
            Step::Ledger(mode) => self.set_mode(*mode),
            Step::Snapshot => drop(self.keyward().snapshot()),
            Step::Clock(seconds) => self.clock.advance(i64::from(*seconds)),
            Step::Fault(skip, fault) => self.storage.arm(u64::from(*skip), *fault),
            Step::Seal => {
                self.keyward().seal();
                self.sign(&key_id(0));
                self.keyward().unseal(self.password.into()).expect("the password");
            }
            Step::Reopen => self.reopen(),
        }
    }

    fn rotate(&self, key: u8, mode: RotateMode) {
        let (key_id, successor) = (key_id(key), Some(key_id(key.saturating_add(1))));
        let request = RotateRequest { key_id, successor, mode, force: Force::No };
        let had = self.keyward().state().signer(&profile(), keyward::key::PURPOSE).is_some();
        let rotated = self.keyward().rotate_key(&self.actor, &request);
        let still = self.keyward().state().signer(&profile(), keyward::key::PURPOSE).is_some();
        assert!(!had || still, "a rotation took the signer away: {rotated:?}");
    }

    fn sign(&mut self, key: &KeyId) {
        let content = Content::Payload {
            payload_type: "text/plain".to_owned(),
            bytes: self.storage.appends().to_be_bytes().to_vec(),
        };
        let request = SignRequest { keys: vec![KeyChoice::Id(key.clone())], content };
        // The mark in the log comes before the first signature that is released early.
        let early = self.keyward().state().ledger().open_since.is_some() && self.is_buffered();
        let released = if early { Released::Early } else { Released::Durably };
        match self.keyward().sign(&self.actor, &request) {
            Ok(signed) => self.oracle.signed(key, &signed.proof, released),
            Err(SignError::Key(error)) => drop(of_key(error)),
            Err(SignError::Execute(ExecuteError::Quarantined)) => panic!("nothing rolled back"),
            Err(_) => {}
        }
    }

    fn revoke(&mut self, key: &KeyId, reason: Reason) {
        let revoke = Revoke {
            key_id: key.clone(),
            at: RevokedAt::Key,
            reason,
            effective: Effective::Immediately,
            compromised_since: None,
            scope: CompromiseScope::Server,
            force: Force::Yes,
        };
        if self.execute(Command::Revoke(revoke)) {
            self.oracle.revoked(key);
        }
    }

    fn set_mode(&mut self, ledger: LedgerMode) {
        let state = self.keyward().state();
        let Some(profile) = state.profile(&profile()) else { return };
        let profile = Profile { ledger, ..profile.clone() };
        self.execute(Command::DefineProfile(profile));
    }

    fn is_buffered(&self) -> bool {
        let state = self.keyward().state();
        state.profile(&profile()).is_some_and(|profile| profile.ledger == LedgerMode::Buffered)
    }
}

/// Faults that can be armed for one start.
const FAULTS_AT_START: u32 = 100;

fn of_key(error: KeyError) -> ExecuteError {
    if let KeyError::Execute(error) = error { error } else { panic!("no step leads to {error:?}") }
}

fn anchor_of(anchor: u8, key: u8) -> Command {
    let anchor = AnchorRecord {
        anchor_id: AnchorId::from_random([anchor; 16]),
        pattern: Pattern::parse(&format!("pkg:cargo/p{anchor}")).expect("a pattern"),
        predicate_types: vec![],
        threshold: 1,
        algorithms: vec![],
        policy_version: None,
        asserted: vec![],
    };
    let universal = Universal::Refused;
    Command::CreateAnchor { anchor, keys: vec![key_id(key)], universal, imported: false }
}

fn key_id(number: u8) -> KeyId {
    KeyId::parse(&format!("k{number}")).expect("a key id")
}

fn profile() -> ProfileName {
    ProfileName::parse("default").expect("a profile")
}

/// What a seed is made of, so that a printed one can be given again.
#[must_use]
pub fn seed_of(number: u64) -> [u8; 32] {
    *Digest::of(&number.to_be_bytes()).as_bytes()
}
