//! Files, directories and the lock.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt as _, symlink},
    process,
};

use keyward_storage::durable::{
    DirectoryError, DirectoryLock, FileError, LOCK_NAME, LockError, Mode, check_directory,
    create_directory, read_limited, write,
};

use super::child;

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).expect("metadata").permissions().mode() & 0o777
}

#[test]
fn a_file_is_written_over_with_exactly_the_mode_that_is_asked_for() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("trust.json");
    for (bytes, kind, bits) in [
        (&b"one"[..], Mode::Public, 0o644),
        (b"", Mode::Private, 0o600),
        (b"3", Mode::Public, 0o644),
    ] {
        write(&path, bytes, kind).expect("a file");
        assert_eq!(read_limited(&path, 3).expect("the file"), bytes);
        assert_eq!(mode(&path), bits);
    }
    assert_eq!(fs::read_dir(directory.path()).expect("the directory").count(), 1);
}

#[test]
fn a_symlink_is_replaced_and_not_followed() {
    let directory = tempfile::tempdir().expect("a directory");
    let (target, link) = (directory.path().join("target"), directory.path().join("link"));
    write(&target, b"old", Mode::Private).expect("a file");
    symlink(&target, &link).expect("a link");
    write(&link, b"new", Mode::Private).expect("a file");
    assert_eq!(fs::read(&target).expect("the target"), b"old");
    assert_eq!(fs::read(&link).expect("the link"), b"new");
}

#[test]
fn a_write_that_fails_leaves_what_was_there() {
    let directory = tempfile::tempdir().expect("a directory");
    let taken = directory.path().join("taken");
    fs::create_dir_all(taken.join("full")).expect("a directory");
    for path in [taken, directory.path().join("absent/file"), "/".into()] {
        let error = write(&path, b"x", Mode::Private).expect_err("no file can be there");
        assert!(matches!(error, FileError::Unavailable { .. }), "{error:?}");
    }
    assert_eq!(fs::read_dir(directory.path()).expect("the directory").count(), 1);
}

#[test]
fn a_file_that_is_too_long_is_not_read() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("config.yaml");
    write(&path, b"12345", Mode::Private).expect("a file");
    assert_eq!(read_limited(&path, 5).expect("five bytes"), b"12345");
    let error = read_limited(&path, 4).expect_err("five bytes");
    assert!(matches!(error, FileError::TooLong { bytes_max: 4, .. }), "{error:?}");
    let error = read_limited(std::path::Path::new("/dev/zero"), 10).expect_err("no end");
    assert!(matches!(error, FileError::TooLong { .. }), "{error:?}");
    let error = read_limited(&directory.path().join("none"), 4).expect_err("no file");
    assert!(matches!(error, FileError::Absent { .. }), "{error:?}");
}

#[test]
fn a_data_directory_is_made_for_its_owner_alone_and_an_open_one_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("share/keyward");
    create_directory(&data).expect("a directory");
    assert_eq!(mode(&data), 0o700);
    create_directory(&data).expect("the same directory");
    fs::set_permissions(&data, Permissions::from_mode(0o750)).expect("another mode");
    let error = create_directory(&data).expect_err("open to the group");
    assert_eq!(
        error.to_string(),
        format!("{} is open to others (mode 0750): close it with `chmod 700`", data.display())
    );
    let error = check_directory(&directory.path().join("none")).expect_err("no directory");
    assert!(matches!(error, DirectoryError::Absent { .. }), "{error:?}");
    write(&directory.path().join("file"), b"", Mode::Private).expect("a file");
    let error = check_directory(&directory.path().join("file")).expect_err("a file");
    assert!(matches!(error, DirectoryError::NoDirectory { .. }), "{error:?}");
}

#[test]
fn a_second_process_is_told_which_one_has_the_directory() {
    let directory = tempfile::tempdir().expect("a directory");
    let lock = DirectoryLock::acquire(directory.path()).expect("the lock");
    assert_eq!(mode(&directory.path().join(LOCK_NAME)), 0o600);
    match DirectoryLock::acquire(directory.path()) {
        Err(LockError::Held { holder, .. }) => assert_eq!(holder.pid(), Some(process::id())),
        other => panic!("{other:?}"),
    }
    let ask = || {
        let mut child = child::start("lock", 0, directory.path(), ":");
        let lines: Vec<String> = child::lines(&mut child).collect();
        assert!(child.wait().expect("the child's end").success());
        lines
    };
    let held = format!(
        "{} is in use by process {}: stop it, or let it do the work (it listens on \
         keyward.sock there)",
        directory.path().display(),
        process::id()
    );
    assert_eq!(ask(), [held]);
    drop(lock);
    assert_eq!(ask(), ["locked"]);
    let lock = DirectoryLock::acquire(directory.path()).expect("the lock again");
    let text = fs::read_to_string(directory.path().join(LOCK_NAME)).expect("the number");
    assert_eq!(text, format!("{}\n", process::id()));
    drop(lock);
    let error = DirectoryLock::acquire(&directory.path().join("none")).expect_err("nowhere");
    assert!(matches!(error, LockError::Unavailable { .. }), "{error:?}");
}
