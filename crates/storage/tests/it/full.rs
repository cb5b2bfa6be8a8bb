//! No room: the append says so, nothing of it is there, and room brings the store back.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use keyward::storage::{AppendError, Storage as _};
use keyward_storage::sqlite::{BackupError, Existing, Sqlite, SqliteOptions};

use super::sample::{after, assert_batches, batch, fill, open};

/// Appends until there is no room; how many were acknowledged.
fn fill_up(store: &Sqlite) -> u64 {
    for number in 0..10_000 {
        match store.append(after(number), &batch(number)) {
            Ok(()) => {}
            Err(AppendError::Full(_)) => return number,
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("it is never full");
}

#[test]
fn beyond_the_most_pages_an_append_is_full_and_leaves_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut options = SqliteOptions::default();
    options.max_page_count = Some(80);
    let store = Sqlite::open_or_create(directory.path(), options).expect("a store");
    let count = fill_up(&store);
    assert!(count > 3);
    for _ in 0..3 {
        let again = store.append(after(count), &batch(count));
        assert!(matches!(again, Err(AppendError::Full(_))), "{again:?}");
    }
    assert_batches(&store, count);
    store.check().expect("a whole file");
    drop(store);
    let store = open(directory.path());
    assert_batches(&store, count);
    fill(&store, count, count + 3);
    assert_batches(&store, count + 3);
}

/// A file system of two megabytes, gone at the end of the test.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        let arguments = ["-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs"];
        let mounted = Command::new("mount").args(arguments).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let ended = Command::new("umount").arg(&self.0).status();
        assert!(ended.is_ok_and(|status| status.success()), "{} stays mounted", self.0.display());
    }
}

#[test]
fn on_a_full_disk_an_append_is_full_and_room_brings_the_store_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(disk) = SmallDisk::mount(directory.path()) else {
        let mut stdout = io::stdout();
        writeln!(stdout, "full disk: not tried, mounting a tmpfs needs root").expect("stdout");
        return;
    };
    let ballast = disk.0.join("ballast");
    keyward_storage::durable::write(
        &ballast,
        &vec![0; 600 << 10],
        keyward_storage::durable::Mode::Private,
    )
    .expect("room for the ballast");
    let store = open(&disk.0);
    let count = fill_up(&store);
    assert!(count > 3);
    for _ in 0..3 {
        let again = store.append(after(count), &batch(count));
        assert!(matches!(again, Err(AppendError::Full(_))), "{again:?}");
    }
    assert_batches(&store, count);
    let copy = disk.0.join("copy");
    let refused = store.backup_to(&copy, Existing::Keep);
    assert!(matches!(refused, Err(BackupError::Full { .. })), "{refused:?}");
    assert!(!copy.exists());
    let written = keyward_storage::durable::write(
        &ballast,
        &vec![1; 500 << 10],
        keyward_storage::durable::Mode::Private,
    );
    assert!(written.is_err());
    assert_eq!(fs::read(&ballast).expect("the ballast"), vec![0; 600 << 10]);
    fs::remove_file(&ballast).expect("the ballast gone");
    fill(&store, count, count + 3);
    assert_batches(&store, count + 3);
    store.check().expect("a whole file");
    drop(store);
    let store = open(&disk.0);
    assert_batches(&store, count + 3);
}
