//! Opening: what is there, what is not, and what is somebody else's.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use keyward::storage::{AppendError, Storage as _};
use keyward_storage::sqlite::{FILE_NAME, OpenError, Sqlite, SqliteOptions};

use super::sample::{after, assert_batches, attach, batch, fill, open};

type Opening = fn(&Path, SqliteOptions) -> Result<Sqlite, OpenError>;
const OPENINGS: [Opening; 2] = [Sqlite::open, Sqlite::open_read_only];
const EVERY_OPENING: [Opening; 3] = [Sqlite::open, Sqlite::open_read_only, Sqlite::open_or_create];

#[test]
fn opening_what_is_absent_makes_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    for opening in OPENINGS {
        let error = opening(directory.path(), SqliteOptions::default()).expect_err("no store");
        assert_eq!(
            error.to_string(),
            format!(
                "there is no store at {}: make one with `keyward init`, or name another \
                 directory with --data",
                directory.path().join(FILE_NAME).display()
            )
        );
        assert_eq!(fs::read_dir(directory.path()).expect("the directory").count(), 0);
    }
}

#[test]
fn a_making_that_was_interrupted_is_no_store_and_can_be_finished() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::File::create(directory.path().join(FILE_NAME)).expect("an empty file");
    for opening in OPENINGS {
        let error = opening(directory.path(), SqliteOptions::default()).expect_err("no store");
        assert!(matches!(error, OpenError::Absent { .. }), "{error:?}");
    }
    fill(&open(directory.path()), 0, 1);
}

#[test]
fn every_file_of_a_store_is_for_its_owner_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    fill(&store, 0, 1);
    let files: Vec<_> = fs::read_dir(directory.path()).expect("the directory").collect();
    assert_eq!(files.len(), 3);
    for file in files {
        let file = file.expect("a file");
        let mode = file.metadata().expect("metadata").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", file.path());
    }
}

#[test]
fn a_store_that_is_closed_is_one_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path());
    fill(&store, 0, 2);
    assert_batches(&store, 2);
    drop(store);
    let names: Vec<_> = fs::read_dir(directory.path()).expect("the directory").collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn a_path_with_any_bytes_is_opened() {
    let directory = tempfile::tempdir().expect("a directory");
    let odd = directory.path().join("a b%20?mode=ro#ä'\"");
    fs::create_dir(&odd).expect("a directory");
    fill(&open(&odd), 0, 1);
    assert!(odd.join(FILE_NAME).is_file());
    let again = Sqlite::open(&odd, SqliteOptions::default()).expect("a store");
    assert_batches(&again, 1);
}

#[test]
fn a_newer_schema_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    drop(open(directory.path()));
    attach(directory.path())
        .execute("UPDATE signer.meta SET value = '2' WHERE name = 'schema_version'", [])
        .expect("a newer schema");
    for opening in EVERY_OPENING {
        let error = opening(directory.path(), SqliteOptions::default()).expect_err("newer");
        assert!(matches!(error, OpenError::Newer { found: 2, known: 1, .. }), "{error:?}");
        assert!(
            error.to_string().ends_with(
                "has schema 2, and this program knows up to 1: use the newer keyward that made it"
            ),
            "{error}"
        );
    }
}

#[test]
fn a_schema_of_other_steps_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    drop(open(directory.path()));
    let tool = attach(directory.path());
    tool.execute("UPDATE signer.migration SET sha256 = 'x'", []).expect("another step");
    for opening in EVERY_OPENING {
        let error = opening(directory.path(), SqliteOptions::default()).expect_err("altered");
        assert!(matches!(error, OpenError::Altered { version: 1, .. }), "{error:?}");
    }
    tool.execute("DELETE FROM signer.migration", []).expect("no step");
    for opening in EVERY_OPENING {
        let error = opening(directory.path(), SqliteOptions::default()).expect_err("damaged");
        assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    }
}

#[test]
fn a_file_of_something_else_is_left_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let tool = attach(directory.path());
    tool.execute_batch("CREATE TABLE signer.log (seq INTEGER PRIMARY KEY, bytes BLOB)")
        .expect("a table");
    drop(tool);
    let before = fs::read(directory.path().join(FILE_NAME)).expect("the file");
    for opening in EVERY_OPENING {
        let error = opening(directory.path(), SqliteOptions::default()).expect_err("foreign");
        assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
    }
    assert_eq!(fs::read(directory.path().join(FILE_NAME)).expect("the file"), before);
}

#[test]
fn a_file_that_is_no_database_is_said_to_be_none() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(FILE_NAME);
    let text = "no database at all\n".repeat(1000);
    keyward_storage::durable::write(
        &path,
        text.as_bytes(),
        keyward_storage::durable::Mode::Private,
    )
    .expect("a file");
    for opening in EVERY_OPENING {
        match opening(directory.path(), SqliteOptions::default()) {
            Err(OpenError::Damaged { what, .. }) => assert_eq!(what, "file is not a database"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_is_open_for_reading_follows_the_writer_and_writes_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let writer = open(directory.path());
    fill(&writer, 0, 1);
    let reader = Sqlite::open_read_only(directory.path(), SqliteOptions::default()).expect("open");
    assert_batches(&reader, 1);
    fill(&writer, 1, 2);
    assert_batches(&reader, 2);
    let refused = reader.append(after(2), &batch(2));
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    drop(writer);
    assert_batches(&reader, 2);
}

#[test]
fn a_writer_that_never_ends_is_waited_for_and_then_named_unavailable() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut options = SqliteOptions::default();
    options.wait = std::time::Duration::from_millis(50);
    let store = Sqlite::open_or_create(directory.path(), options).expect("a store");
    let other = attach(directory.path());
    other.execute_batch("BEGIN IMMEDIATE; DELETE FROM signer.item").expect("a transaction");
    let refused = store.append(after(0), &batch(0));
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    assert_eq!(store.heads().expect("heads"), after(0));
    other.execute_batch("ROLLBACK").expect("its end");
    fill(&store, 0, 1);
}
