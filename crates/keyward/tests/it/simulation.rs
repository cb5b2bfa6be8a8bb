//! Random lives, over memory and over SQLite, with the oracle after every step.

use std::{
    env,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io::{self, Write as _},
    sync::Arc,
};

use keyward::{Keyward, Parts, storage::Storage};
use keyward_lifecycle::profile::Profile;
use keyward_storage::{
    memory::Memory,
    sqlite::{Sqlite, SqliteOptions},
};
use keyward_testkit::{
    clock::FakeClock,
    fault::Faulty,
    simulate::{Life, seed_of, step},
};
use proptest::{
    collection::vec,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::store::{PASSWORD, parts, terms};

/// Makes the lives that were printed once again.
const SEED: &str = "KEYWARD_SEED";

fn seed() -> u64 {
    let given = env::var_os(SEED).and_then(|seed| seed.to_str()?.parse().ok());
    given.unwrap_or_else(|| RandomState::new().build_hasher().finish())
}

fn simulate<S: Storage + std::fmt::Debug + 'static>(
    (name, cases, length): (&str, u32, usize),
    make: impl Fn() -> S,
) {
    let seed = seed();
    writeln!(io::stdout(), "simulation over {name}: {SEED}={seed}").expect("stdout");
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed_of(seed));
    let lived = TestRunner::new_with_rng(config, rng).run(&vec(step(), 1..length), |steps| {
        let clock = Arc::new(FakeClock::at("2025-01-15T00:00:00Z"));
        let storage = Faulty::new(make());
        let parts = Parts { storage: Arc::new(storage.clone()), ..parts(&clock) };
        let profiles = Profile::built_in().to_vec();
        let keyward = Keyward::create(&parts, PASSWORD.into(), terms(), profiles);
        let keyward = keyward.expect("a new store");
        Life::new((storage, parts), clock, (keyward, PASSWORD)).live(&steps);
        Ok(())
    });
    if let Err(error) = lived {
        panic!("{SEED}={seed}: {error}");
    }
}

#[test]
fn every_life_over_memory_satisfies_the_oracle() {
    simulate(("memory", 60, 60), Memory::new);
}

#[test]
fn every_life_over_a_file_satisfies_the_oracle() {
    let directories = tempfile::tempdir().expect("a directory");
    simulate(("a file", 6, 40), || {
        let directory = tempfile::tempdir_in(directories.path()).expect("a directory").keep();
        Sqlite::open_or_create(&directory, SqliteOptions::default()).expect("a file")
    });
}
