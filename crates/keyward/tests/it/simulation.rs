//! Random lives, over memory and over SQLite, with the oracle after every step.

use std::{
    env,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io::{self, Write as _},
    sync::Arc,
};

use keyward::{Keyward, Parts, storage::Storage};
use keyward_lifecycle::profile::{LedgerMode, Profile};
use keyward_storage::{
    memory::Memory,
    sqlite::{Sqlite, SqliteOptions},
};
use keyward_testkit::{
    clock::FakeClock,
    fault::{Fault, Faulty},
    simulate::{Life, Step, early_step, seed_of, step},
};
use proptest::{
    collection::vec,
    strategy::Strategy,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use crate::store::{PASSWORD, parts, terms};

/// Makes the lives that were printed once again.
const SEED: &str = "KEYWARD_SEED";

fn seed() -> u64 {
    let given = env::var_os(SEED).and_then(|seed| seed.to_str()?.parse().ok());
    given.unwrap_or_else(|| RandomState::new().build_hasher().finish())
}

fn life<S: Storage + std::fmt::Debug + 'static>(store: S) -> Life<S> {
    let clock = Arc::new(FakeClock::at("2025-01-15T00:00:00Z"));
    let storage = Faulty::new(store);
    let parts = Parts { storage: Arc::new(storage.clone()), ..parts(&clock) };
    let profiles = Profile::built_in().to_vec();
    let keyward = Keyward::create(&parts, PASSWORD.into(), terms(), profiles);
    let keyward = keyward.expect("a new store");
    Life::new((storage, parts), clock, (keyward, PASSWORD))
}

fn simulate<S: Storage + std::fmt::Debug + 'static>(
    (name, cases, length): (&str, u32, usize),
    step: impl Strategy<Value = Step>,
    make: impl Fn() -> S,
) {
    let seed = seed();
    writeln!(io::stdout(), "simulation over {name}: {SEED}={seed}").expect("stdout");
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed_of(seed));
    let lived = TestRunner::new_with_rng(config, rng).run(&vec(step, 1..length), |steps| {
        life(make()).live(&steps);
        Ok(())
    });
    if let Err(error) = lived {
        panic!("{SEED}={seed}: {error}");
    }
}

#[test]
fn every_life_over_memory_satisfies_the_oracle() {
    simulate(("memory", 60, 60), step(), Memory::new);
}

#[test]
fn every_life_over_a_file_satisfies_the_oracle() {
    let directories = tempfile::tempdir().expect("a directory");
    simulate(("a file", 6, 40), step(), || {
        let directory = tempfile::tempdir_in(directories.path()).expect("a directory").keep();
        Sqlite::open_or_create(&directory, SqliteOptions::default()).expect("a file")
    });
}

#[test]
fn every_life_with_early_signatures_satisfies_the_oracle() {
    simulate(("memory, signatures released early", 15, 40), early_step(), Memory::new);
}

/// The change of the ledger's mode was written and its answer lost: what is released early from
/// then on may follow late, and is lost by no fault of one write.
#[test]
fn a_signature_released_early_follows_though_the_answer_that_allowed_it_was_lost() {
    life(Memory::new()).live(&[
        Step::Generate(0),
        Step::Sign(0),
        Step::Fault(0, Fault::LostAfter),
        Step::Ledger(LedgerMode::Buffered),
        Step::Sign(0),
        Step::Fault(0, Fault::LostBefore),
        Step::Sign(0),
        Step::Generate(1),
    ]);
}

#[test]
fn a_gap_that_neither_the_stop_nor_the_start_could_log_is_still_marked_open() {
    life(Memory::new()).live(&[
        Step::Generate(0),
        Step::Ledger(LedgerMode::Buffered),
        Step::Sign(0),
        Step::Seal,
        Step::Fault(0, Fault::LostBefore),
        Step::Fault(1, Fault::LostBefore),
        Step::Fault(2, Fault::LostBefore),
        Step::Sign(0),
        Step::Reopen,
        Step::Sign(0),
        Step::Reopen,
    ]);
}
