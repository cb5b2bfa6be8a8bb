//! The storage adapters through their public seams.

use keyward_storage::{
    memory::Memory,
    sqlite::{Sqlite, SqliteOptions},
};
use keyward_testkit::storage_contract;

storage_contract!(memory, || {
    let memory = Memory::new();
    move || memory.clone()
});

storage_contract!(sqlite, || {
    let directory = tempfile::tempdir().expect("a directory");
    move || Sqlite::open_or_create(directory.path(), SqliteOptions::default()).expect("a store")
});
