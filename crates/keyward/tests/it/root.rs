//! The root key's life: rotated, turned back, restored, and reached in every way.

mod backup;
mod cut;
mod keepers;
mod rotation;
mod slot;
mod unseal;

use keyward::{
    root::{
        RootError,
        reseal::ResealStep,
        rotate::{Begin, Fresh, KeepersNext, Surroundings},
    },
    secret::{Asker, path::SecretPath, policy::Subject},
    start::UnsealFailed,
    storage::Shelf,
};
use keyward_barrier::{Cost, record_epoch};
use keyward_lifecycle::{
    command::AcceptLoss,
    refusal::{Refusal, RootRefusal},
};

use crate::{
    act::Cause,
    store::{World, terms, world},
};

impl Cause for RootError {
    fn cause(self) -> keyward::ExecuteError {
        match self {
            Self::Execute(error) => error,
            other => panic!("not the writer's: {other:?}"),
        }
    }
}

/// A store with keys, a secret, and a backup of its root key.
fn full() -> World {
    let world = world("2025-01-15T00:00:00Z");
    world.generate("k1");
    world.anchor("pkg:cargo/*", &["k1"]);
    for key in ["k2", "k3"] {
        world.generate(key);
    }
    world.put_text("app/db", "hunter2");
    world.back_up();
    world
}

fn cost() -> Cost {
    terms().cost
}

#[track_caller]
fn is_refused<T: std::fmt::Debug>(result: Result<T, RootError>, expected: RootRefusal) {
    assert_eq!(crate::act::refusal(result), Refusal::Root(expected));
}

#[track_caller]
fn is_wrong_password<T: std::fmt::Debug>(result: Result<T, RootError>) {
    let refused = matches!(result, Err(RootError::Unseal(UnsealFailed::WrongPassword)));
    assert!(refused, "{result:?}");
}

impl World {
    fn asker(&self) -> Asker {
        Asker { actor: self.actor.clone(), subject: Subject::Admin }
    }

    fn put_text(&self, path: &str, value: &str) {
        let path = SecretPath::parse(path).expect("a path");
        let put = self.keyward.put_secret(&self.asker(), &path, value.as_bytes(), None);
        let _ = put.expect("a secret");
    }

    #[track_caller]
    fn holds(&self, path: &str, value: &str) {
        let path = SecretPath::parse(path).expect("a path");
        let found = self.keyward.secret(&self.asker(), &path, None).expect("a secret");
        assert_eq!(found.value.expose(), value.as_bytes());
    }

    fn back_up(&self) -> Vec<u8> {
        let mut kept = Vec::new();
        let mut keep = |bytes: &[u8]| {
            kept = bytes.to_vec();
            Ok(kept.clone())
        };
        let view = self.keyward.backup_root(&self.actor, &mut keep).expect("a backup");
        assert!(view.is_current);
        kept
    }

    fn begin(&self) {
        self.try_begin(&Surroundings::default()).expect("a rotation");
    }

    fn try_begin(&self, around: &Surroundings) -> Result<(), RootError> {
        let begin = Begin::Ordinary { keepers: KeepersNext::AsBefore };
        let begun =
            self.keyward.begin_root_rotation(&self.actor, begin, around, &mut |_, _| Ok(()));
        begun.map(drop)
    }

    fn emergency(&self, password: &str) -> Result<(), RootError> {
        let fresh = Fresh {
            password: password.into(),
            cost: cost(),
            recovery: None,
            keepers: KeepersNext::Among { threshold: 0, names: Vec::new() },
        };
        let around = Surroundings::default();
        let begin = Begin::Emergency(fresh);
        let begun =
            self.keyward.begin_root_rotation(&self.actor, begin, &around, &mut |_, _| Ok(()));
        begun.map(drop)
    }

    fn step(&self, limit: u32) -> ResealStep {
        self.keyward.reseal_step(&self.actor, limit).expect("a step")
    }

    /// Steps until there is no more to do.
    fn reseal(&self) -> ResealStep {
        loop {
            let step = self.step(2);
            if step.complete {
                return step;
            }
        }
    }

    fn finalise(&self) {
        let _ = self.back_up();
        let done = self.keyward.finalise_root_rotation(&self.actor, AcceptLoss::No, None);
        let _ = done.expect("the end of the rotation");
    }

    /// The epochs of all records, by name.
    fn epochs(&self) -> Vec<(String, u32)> {
        let items = self.parts.storage.items(Shelf::Record, None, 10_000).expect("records");
        let epoch = |item: keyward::storage::Item| {
            let name = String::from_utf8(item.name).expect("a name");
            (name, record_epoch(&item.bytes).expect("a record").number())
        };
        items.into_iter().map(epoch).collect()
    }

    #[track_caller]
    fn all_in(&self, epoch: u32) {
        let epochs = self.epochs();
        assert!(epochs.iter().all(|(_, found)| *found == epoch), "{epochs:?}");
    }

    /// Everything that the root key is for still works: signing with a key that was made
    /// before, making one, reading and writing secrets.
    #[track_caller]
    fn serves(&self, tag: &str) {
        // Keys that were opened a minute ago are opened anew.
        self.clock.advance(61);
        let _ = self.sign("k1", tag);
        self.generate(&format!("made-{tag}"));
        self.holds("app/db", "hunter2");
        self.put_text(&format!("app/{tag}"), tag);
        self.holds(&format!("app/{tag}"), tag);
    }
}
