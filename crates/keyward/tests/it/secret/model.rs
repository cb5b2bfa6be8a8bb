//! The rules of versions, against a model that is too simple to be wrong.

use std::collections::BTreeMap;

use keyward::secret::{Limit, MetadataChange};
use keyward_lifecycle::refusal::SecretRefusal;
use proptest::prelude::*;

use super::{START, path, refused};
use crate::store::{World, world};

/// What is done.
#[derive(Clone, Debug)]
enum Step {
    Put(Option<u32>),
    Delete(Vec<u32>),
    Undelete(Vec<u32>),
    Purge(Vec<u32>),
    Keep(u32),
    Restart,
}

/// One secret: its versions with their values and whether they are deleted.
#[derive(Default)]
struct Model {
    newest: u32,
    kept: BTreeMap<u32, (Vec<u8>, bool)>,
    limit: Option<usize>,
}

impl Model {
    fn current(&self) -> u32 {
        if self.kept.is_empty() { 0 } else { self.newest }
    }

    fn trim(&mut self) {
        while self.kept.len() > self.limit.unwrap_or(10) {
            self.kept.pop_first();
        }
    }

    /// The versions that are meant; why not, if one of them is not there.
    fn named(&self, numbers: &[u32]) -> Result<Vec<u32>, SecretRefusal> {
        if self.kept.is_empty() {
            return Err(SecretRefusal::NoSuchSecret);
        }
        let numbers = if numbers.is_empty() { vec![self.newest] } else { numbers.to_vec() };
        match numbers.iter().find(|number| !self.kept.contains_key(number)) {
            Some(number) => Err(SecretRefusal::NoSuchVersion(super::version(*number))),
            None => Ok(numbers),
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let numbers = || prop::collection::vec(1_u32..8, 0..3);
    prop_oneof![
        4 => prop::option::of(0_u32..8).prop_map(Step::Put),
        2 => Just(Step::Put(None)),
        1 => numbers().prop_map(Step::Delete),
        1 => numbers().prop_map(Step::Undelete),
        1 => numbers().prop_map(Step::Purge),
        1 => (1_u32..5).prop_map(Step::Keep),
        1 => Just(Step::Restart),
    ]
}

fn put(world: &World, model: &mut Model, number: usize, cas: Option<u32>) {
    let value = format!("value {number}").into_bytes();
    let current = model.current();
    match cas.filter(|cas| *cas != current) {
        Some(expected) => {
            let refusal = refused(world.try_put("model/it", &value, cas));
            assert_eq!(refusal, SecretRefusal::AnotherVersion { expected, current });
        }
        None => {
            let written = world.try_put("model/it", &value, cas).expect("written");
            model.newest += 1;
            model.kept.insert(model.newest, (value, false));
            model.trim();
            assert_eq!(written.version.get(), model.newest);
        }
    }
}

fn mark(world: &World, model: &mut Model, numbers: &[u32], deleted: bool) {
    let done = if deleted {
        world.delete("model/it", numbers)
    } else {
        world.undelete("model/it", numbers)
    };
    match model.named(numbers) {
        Err(expected) => assert_eq!(refused(done), expected),
        Ok(named) => {
            done.expect("done");
            for number in named {
                model.kept.get_mut(&number).expect("named").1 = deleted;
            }
        }
    }
}

fn purge(world: &World, model: &mut Model, numbers: &[u32]) {
    let done = world.purge("model/it", numbers);
    match model.named(numbers) {
        Err(SecretRefusal::NoSuchVersion(_)) if numbers.is_empty() => {
            done.expect("all of it");
            *model = Model { newest: model.newest, ..Model::default() };
        }
        Err(expected) => assert_eq!(refused(done), expected),
        Ok(_) if numbers.is_empty() => {
            assert!(done.expect("purged").whole);
            *model = Model { newest: model.newest, ..Model::default() };
        }
        Ok(named) => {
            for number in named {
                model.kept.remove(&number);
            }
            assert_eq!(done.expect("purged").whole, model.kept.is_empty());
            if model.kept.is_empty() {
                *model = Model { newest: model.newest, ..Model::default() };
            }
        }
    }
}

fn keep(world: &World, model: &mut Model, limit: u32) {
    let limit = std::num::NonZeroU32::new(limit).expect("not 0");
    let change = MetadataChange { texts: None, limit: Limit::Versions(limit), expected: None };
    let done = world.keyward.set_secret_metadata(&world.admin(), &path("model/it"), change);
    if model.kept.is_empty() {
        assert_eq!(refused(done), SecretRefusal::NoSuchSecret);
        return;
    }
    model.limit = Some(limit.get() as usize);
    model.trim();
    let metadata = done.expect("metadata");
    let versions = metadata.versions.expect("an admin may read");
    let numbers: Vec<u32> = versions.iter().map(|it| it.number.get()).collect();
    assert_eq!(numbers, model.kept.keys().copied().collect::<Vec<_>>());
}

fn compare(world: &World, model: &Model) {
    for number in 1..=model.newest + 1 {
        let read = world.get("model/it", Some(number));
        match model.kept.get(&number) {
            _ if model.kept.is_empty() => assert_eq!(refused(read), SecretRefusal::NoSuchSecret),
            None => {
                let expected = SecretRefusal::NoSuchVersion(super::version(number));
                assert_eq!(refused(read), expected);
            }
            Some((_, true)) => {
                assert_eq!(refused(read), SecretRefusal::Deleted(super::version(number)));
            }
            Some((value, false)) => assert_eq!(read.expect("a value").value.expose(), value),
        }
    }
    let listed = if model.kept.is_empty() { vec![] } else { vec!["model/it".to_owned()] };
    assert_eq!(world.listed("model"), listed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn versions_are_as_the_model_says(steps in prop::collection::vec(step(), 1..24)) {
        let (mut world, mut model) = (world(START), Model::default());
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Put(cas) => put(&world, &mut model, number, cas),
                Step::Delete(numbers) => mark(&world, &mut model, &numbers, true),
                Step::Undelete(numbers) => mark(&world, &mut model, &numbers, false),
                Step::Purge(numbers) => purge(&world, &mut model, &numbers),
                Step::Keep(limit) => keep(&world, &mut model, limit),
                Step::Restart => world = world.reopened(),
            }
            compare(&world, &model);
        }
        world.audit();
    }
}
