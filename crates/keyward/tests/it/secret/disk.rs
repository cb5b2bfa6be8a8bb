//! What is on disk: no path, no value, nothing beyond the limit; and rows that are put in each
//! other's place are refused.

use std::{fs, path::Path};

use keyward::{
    secret::SecretError,
    storage::{Batch, Item, ItemChange, Shelf},
};

use super::START;
use crate::store::{World, world, world_in};

const PATH: &str = "finance-department/payroll-database";
const VALUE: &str = "correct-cattle-cell-clip";

/// Every item of the shelf of sealed records that is a secret's value.
fn values(world: &World) -> Vec<Item> {
    let items = world.parts.storage.items(Shelf::Record, None, 10_000).expect("items");
    let is_value = |item: &Item| {
        let name = String::from_utf8_lossy(&item.name);
        name.starts_with("secret `") && !name.contains(".meta`") && !name.contains("`policy.")
    };
    items.into_iter().filter(is_value).collect()
}

#[track_caller]
fn check_absent(directory: &Path, words: &[&str]) {
    let mut files = 0;
    for entry in fs::read_dir(directory).expect("a directory") {
        let file = entry.expect("an entry").path();
        if !file.is_file() {
            continue;
        }
        files += 1;
        let bytes = fs::read(&file).expect("a file");
        for word in words {
            let found = bytes.windows(word.len()).any(|window| window == word.as_bytes());
            assert!(!found, "{word} is in {}", file.display());
        }
    }
    assert!(files >= 2, "the database and trust.json at least");
}

#[test]
fn neither_path_nor_value_is_in_the_database_its_log_ahead_or_the_audit() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = world_in(directory.path(), START);
    world.try_put(PATH, VALUE.as_bytes(), None).expect("written");
    assert_eq!(world.value(PATH), VALUE.as_bytes());
    world.keyward.flush_secret_reads().expect("logged");
    world.delete(PATH, &[]).expect("deleted");
    world.keyward.snapshot().expect("a snapshot");
    let words = [PATH, "finance-department", "payroll-database", VALUE];
    check_absent(directory.path(), &words);
    let rows = world.parts.storage.audit_rows(&keyward::storage::AuditQuery {
        limit: 1000,
        ..keyward::storage::AuditQuery::default()
    });
    for row in rows.expect("rows") {
        assert!(words.iter().all(|word| !row.details.contains(word)), "{}", row.details);
    }
    world.keyward.close();
    drop(world);
    check_absent(directory.path(), &words);
}

#[test]
fn versions_beyond_the_limit_are_gone_from_disk() {
    let world = world(START);
    for number in 1..=13 {
        world.try_put("app/db", format!("value {number}").as_bytes(), None).expect("written");
    }
    let items = values(&world);
    assert_eq!(items.len(), 10);
    let numbers: Vec<u32> = items
        .iter()
        .map(|item| {
            let name = String::from_utf8(item.name.clone()).expect("text");
            name.rsplit(' ').next().expect("a version").parse().expect("a number")
        })
        .collect();
    assert!(numbers.iter().all(|number| *number > 3), "{numbers:?}");
    world.purge("app/db", &[13]).expect("purged");
    assert_eq!(values(&world).len(), 9);
    world.purge("app/db", &[]).expect("purged");
    let left = world.parts.storage.items(Shelf::Record, None, 10_000).expect("items");
    let secret = |item: &&Item| String::from_utf8_lossy(&item.name).starts_with("secret `");
    assert_eq!(left.iter().filter(secret).count(), 0, "path and metadata went too");
}

#[test]
fn a_purged_record_is_overwritten_in_the_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let world = world_in(directory.path(), START);
    world.try_put("app/db", VALUE.as_bytes(), None).expect("written");
    let item = values(&world).pop().expect("the record");
    // The end of the sealed value: random bytes that are nowhere else.
    let mark = item.bytes[item.bytes.len() - 24..].to_vec();
    world.purge("app/db", &[]).expect("purged");
    world.keyward.close();
    drop(world);
    // The last connection has copied the log ahead back into the file, and removed it.
    let bytes = fs::read(directory.path().join("keyward.db")).expect("the database");
    assert!(!bytes.windows(mark.len()).any(|window| window == mark));
}

/// Rewrites items behind the store's back.
fn plant(world: &World, items: Vec<Item>) {
    let puts = items.into_iter().map(|item| ItemChange::Put(Shelf::Record, item)).collect();
    let heads = world.parts.storage.heads().expect("heads");
    let batch = Batch { items: puts, ..Batch::default() };
    world.parts.storage.append(heads, &batch).expect("written");
}

/// Rewrites items so that none of them opens.
fn spoil(world: &World, mut items: Vec<Item>) {
    for item in &mut items {
        *item.bytes.last_mut().expect("not empty") ^= 1;
    }
    plant(world, items);
}

#[track_caller]
fn check_damaged(world: &World, at: &str, what: &str) {
    match world.get(at, None) {
        Err(SecretError::Damaged { what: found }) => assert!(found.contains(what), "{found}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn rows_of_two_paths_that_are_swapped_are_refused() {
    let world = world(START);
    world.try_put("app/a", b"of a", None).expect("written");
    world.try_put("app/b", b"of b", None).expect("written");
    let [one, other] = &values(&world)[..] else { panic!("two records") };
    let (mut first, mut second) = (one.clone(), other.clone());
    std::mem::swap(&mut first.bytes, &mut second.bytes);
    world.keyward.flush_secret_reads().expect("logged");
    plant(&world, vec![first, second]);
    let world = world.reopened();
    check_damaged(&world, "app/a", "is another one");
    check_damaged(&world, "app/b", "is another one");
}

#[test]
fn an_old_version_in_the_place_of_the_new_one_is_refused() {
    let world = world(START);
    world.try_put("app/a", b"old", None).expect("written");
    let old = values(&world).pop().expect("a record");
    world.try_put("app/a", b"new", None).expect("written");
    let new = values(&world).into_iter().find(|item| item.name != old.name).expect("the new one");
    plant(&world, vec![Item { name: new.name, bytes: old.bytes }]);
    let world = world.reopened();
    check_damaged(&world, "app/a", "is another one");
    assert_eq!(world.get("app/a", Some(1)).expect("the old one").value.expose(), b"old");
}

#[test]
fn a_purged_record_that_is_put_back_is_not_read() {
    let world = world(START);
    world.try_put("app/a", b"old", None).expect("written");
    let before = world.parts.storage.items(Shelf::Record, None, 100).expect("items");
    world.purge("app/a", &[]).expect("purged");
    plant(&world, before);
    let world = world.reopened();
    let refusal = super::refused(world.get("app/a", None));
    assert_eq!(refusal, keyward_lifecycle::refusal::SecretRefusal::NoSuchSecret);
    assert_eq!(world.listed(""), Vec::<String>::new());
}

#[test]
fn a_list_and_the_read_of_one_version_open_no_other_value() {
    // RK-061: what a read costs grows with neither versions nor secrets nor policies.
    let world = world(START);
    let paths = ["app/a", "app/b", "app/c"];
    for at in paths {
        world.try_put(at, b"one", None).expect("written");
    }
    let before = values(&world);
    world.try_put("app/b", b"two", None).expect("written");
    let kept = values(&world).into_iter().find(|item| !before.contains(item)).expect("its value");
    for at in ["app/a", "app/a", "app/b", "app/c", "app/c"] {
        world.try_put(at, b"more", None).expect("written");
    }
    let (others, same): (Vec<_>, Vec<_>) =
        values(&world).into_iter().partition(|item| *item != kept);
    assert_eq!((others.len(), same.len()), (8, 1));
    spoil(&world, others);
    let world = world.reopened();
    assert_eq!(world.listed(""), paths);
    assert_eq!(world.get("app/b", Some(2)).expect("it is whole").value.expose(), b"two");
    for at in paths {
        check_damaged(&world, at, "does not open");
    }
}
