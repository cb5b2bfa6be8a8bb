//! The storage adapters through their public seams.
#![expect(clippy::indexing_slicing, reason = "a place that is not there is a failed test")]
#![expect(clippy::arithmetic_side_effects, reason = "overflow is a failed test")]

use keyward_storage::{
    memory::Memory,
    sqlite::{Sqlite, SqliteOptions},
};
use keyward_testkit::{fault::Faulty, storage_contract};

mod agree;
mod backup;
mod child;
mod damage;
mod durable;
mod fault;
mod full;
mod kill;
mod open;
mod runbook;
mod sample;

// RK-063: one contract over every adapter.
storage_contract!(memory, || {
    let memory = Memory::new();
    move || memory.clone()
});

storage_contract!(without_fault, || {
    let faulty = Faulty::new(Memory::new());
    move || faulty.clone()
});

storage_contract!(sqlite, || {
    let directory = tempfile::tempdir().expect("a directory");
    move || Sqlite::open_or_create(directory.path(), SqliteOptions::default()).expect("a store")
});
