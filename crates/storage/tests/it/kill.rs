//! The process ends while it writes: what was acknowledged is there, and nothing is there by
//! halves.

use std::os::unix::process::ExitStatusExt as _;

use keyward::storage::Storage as _;

use super::{
    child,
    sample::{after, assert_batches, fill, open},
};

#[test]
fn killed_before_an_append_nothing_of_it_is_there_and_killed_after_it_all_is() {
    for (role, written) in [("kill before", 0), ("kill after", 1)] {
        for skip in [0, 1, 7] {
            let directory = tempfile::tempdir().expect("a directory");
            let mut child = child::start(role, skip, directory.path(), ":");
            let acknowledged = child::lines(&mut child).count() as u64;
            let status = child.wait().expect("the child's end");
            assert_eq!(status.signal(), Some(9), "{role} {skip}");
            assert_eq!(acknowledged, skip);
            let store = open(directory.path());
            assert_batches(&store, skip + written);
            store.check().expect("a whole file");
            fill(&store, skip + written, skip + written + 2);
        }
    }
}

#[test]
fn killed_at_any_moment_all_that_was_acknowledged_is_there() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut acknowledged = 0;
    for round in 0..12 {
        let mut child = child::start("append", 0, directory.path(), ":");
        let mut lines = child::lines(&mut child);
        for line in lines.by_ref().take(1 + round * 5) {
            assert_eq!(line, format!("acknowledged {acknowledged}"));
            acknowledged += 1;
        }
        child.kill().expect("a living child");
        child.wait().expect("the child's end");
        // Those it said between the last line read and its end.
        acknowledged += lines.filter(|line| line.starts_with("acknowledged")).count() as u64;
        let store = open(directory.path());
        let found = store.heads().expect("heads").log;
        assert!(
            (acknowledged..=acknowledged + 1).contains(&found),
            "{acknowledged} were acknowledged, {found} are there"
        );
        assert_batches(&store, found);
        store.check().expect("a whole file");
        acknowledged = found;
    }
}

#[test]
fn a_commit_whose_fate_is_unknown_halts_appends_until_the_next_opening() {
    let directory = tempfile::tempdir().expect("a directory");
    drop(open(directory.path()));
    // Files of a megabyte or two at most, and an error (EFBIG) instead of a signal beyond.
    let limit = "trap '' XFSZ; ulimit -f 2048";
    let mut child = child::start("append", 0, directory.path(), limit);
    let mut lines: Vec<String> = child::lines(&mut child).collect();
    assert!(child.wait().expect("the child's end").success());
    let [error, again, heads] = lines.split_off(lines.len() - 3).try_into().expect("three");
    let acknowledged = lines.len() as u64;
    assert!(acknowledged > 3, "{lines:?}");
    assert!(error.starts_with("Unknown("), "{error}");
    assert_eq!(again, "Err(Unavailable(Halted))");
    assert_eq!(heads, format!("{:?}", Ok::<_, ()>(after(acknowledged))));
    let store = open(directory.path());
    let found = store.heads().expect("heads").log;
    assert!((acknowledged..=acknowledged + 1).contains(&found), "{acknowledged} {found}");
    assert_batches(&store, found);
    store.check().expect("a whole file");
    fill(&store, found, found + 100);
}
