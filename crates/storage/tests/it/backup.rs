//! A copy of the store while it is written.

use std::{fs, os::unix::fs::PermissionsExt as _, thread};

use keyward::storage::Storage as _;
use keyward_storage::sqlite::{BackupError, Existing, FILE_NAME, Sqlite, SqliteOptions};

use super::sample::{assert_batches, fill, open};

#[test]
fn a_backup_is_one_state_of_the_store_and_opens_as_one() {
    let [from, to] = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
    let store = open(from.path());
    fill(&store, 0, 20);
    thread::scope(|scope| {
        let writer = scope.spawn(|| fill(&store, 20, 80));
        for number in 0..5 {
            let folder = to.path().join(number.to_string());
            fs::create_dir(&folder).expect("a directory");
            store.backup_to(&folder.join(FILE_NAME), Existing::Keep).expect("a backup");
            let names: Vec<_> = fs::read_dir(&folder).expect("the directory").collect();
            assert_eq!(names.len(), 1, "one file and nothing beside it: {names:?}");
            let copy = Sqlite::open(&folder, SqliteOptions::default()).expect("the copy");
            let count = copy.heads().expect("heads").log;
            assert!((20..=80).contains(&count));
            assert_batches(&copy, count);
            copy.check().expect("a whole copy");
            fill(&copy, count, count + 1);
            drop(copy);
        }
        writer.join().expect("the writer");
    });
    assert_batches(&store, 80);
    let folder = to.path().join("last");
    fs::create_dir(&folder).expect("a directory");
    let last = folder.join(FILE_NAME);
    store.backup_to(&last, Existing::Keep).expect("a backup");
    let copy = Sqlite::open_read_only(&folder, SqliteOptions::default()).expect("the copy");
    assert_batches(&copy, 80);
    assert_eq!(fs::read_dir(&folder).expect("the directory").count(), 1);
    let mode = fs::metadata(&last).expect("metadata").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_backup_overwrites_nothing_and_a_failed_one_leaves_nothing() {
    let [from, to] = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
    let store = open(from.path());
    let path = to.path().join("copy");
    store.backup_to(&path, Existing::Keep).expect("a backup");
    let before = fs::read(&path).expect("the copy");
    fill(&store, 0, 1);
    let refused = store.backup_to(&path, Existing::Keep);
    assert!(matches!(&refused, Err(BackupError::Exists { path: named }) if *named == path));
    assert_eq!(fs::read(&path).expect("the copy"), before);
    let nowhere = store.backup_to(&to.path().join("absent/copy"), Existing::Keep);
    assert!(matches!(nowhere, Err(BackupError::Unavailable { .. })), "{nowhere:?}");
    assert_eq!(fs::read_dir(to.path()).expect("the directory").count(), 1);
}

#[test]
fn a_backup_takes_the_place_of_another_when_that_is_meant_and_counts_what_it_holds() {
    let [from, to] = [(); 2].map(|()| tempfile::tempdir().expect("a directory"));
    let store = open(from.path());
    fill(&store, 0, 3);
    let path = to.path().join(FILE_NAME);
    assert_eq!(store.backup_to(&path, Existing::Replace).expect("a backup").log, 3);
    fill(&store, 3, 5);
    assert_eq!(store.backup_to(&path, Existing::Replace).expect("a backup").log, 5);
    let copy = Sqlite::open_read_only(to.path(), SqliteOptions::default()).expect("the copy");
    assert_batches(&copy, 5);
    assert_eq!(fs::read_dir(to.path()).expect("the directory").count(), 1);
}
