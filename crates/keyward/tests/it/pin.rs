//! What is kept outside the database, and when.

use std::{
    fs, io,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
};

use keyward::{Parts, pin::PinStore};
use keyward_lifecycle::key::Reason;
use keyward_testkit::{clock::FakeClock, pins::MemoryPins};

use crate::store::{World, begin, parts, parts_in};

/// Pins that tell of every save, and that can be kept from being saved.
struct Told {
    kept: MemoryPins,
    broken: AtomicBool,
    saves: Mutex<Sender<String>>,
}

impl PinStore for Told {
    fn load(&self) -> io::Result<Option<Vec<u8>>> {
        self.kept.load()
    }

    fn save(&self, bytes: &[u8]) -> io::Result<()> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(io::Error::other("read-only file system"));
        }
        self.kept.save(bytes)?;
        // Nobody may listen any more.
        drop(self.saves.lock().expect("a lock").send(text(bytes)));
        Ok(())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("JSON")
}

fn told() -> (Arc<Told>, Receiver<String>) {
    let (saves, saved) = channel();
    let (kept, broken) = (MemoryPins::default(), AtomicBool::new(false));
    (Arc::new(Told { kept, broken, saves: Mutex::new(saves) }), saved)
}

fn world(parts: impl FnOnce(&Arc<FakeClock>) -> Parts) -> (World, Arc<Told>, Receiver<String>) {
    let clock = Arc::new(FakeClock::at("2025-01-15T00:00:00Z"));
    let (pins, saved) = told();
    let parts = Parts { pins: pins.clone(), ..parts(&clock) };
    (begin(parts, clock), pins, saved)
}

/// The newest checkpoint in the storage.
fn newest(world: &World) -> String {
    let storage = &world.parts.storage;
    let item = storage.item_at_or_before(keyward::storage::Shelf::Checkpoint, &[0xff; 8]);
    text(&item.expect("items").expect("a checkpoint").bytes)
}

/// Whether saved pins hold that checkpoint.
fn holds(pins: &str, checkpoint: &str) -> bool {
    let pins: serde_json::Value = serde_json::from_str(pins).expect("JSON");
    pins["checkpoint"] == checkpoint
}

#[test]
fn what_narrows_trust_is_kept_outside_before_it_is_answered() {
    // RK-058
    let (world, pins, _) = world(parts);
    for round in 0..20 {
        let key = format!("k{round}");
        world.generate(&key);
        world.revoke(&key, Reason::KeyCompromise);
        let kept = text(&pins.load().expect("pins").expect("pins"));
        assert!(holds(&kept, &newest(&world)), "{round}");
    }
}

#[test]
fn any_other_change_and_signatures_alone_follow_by_themselves() {
    let (world, _, saved) = world(parts);
    world.generate("k1");
    while !holds(&saved.recv().expect("a save"), &newest(&world)) {}
    world.sign("k1", "a");
    while !holds(&saved.recv().expect("a save"), &newest(&world)) {}
}

#[test]
fn a_stop_and_a_sealing_keep_what_was_not_kept_yet() {
    let (world, pins, _) = world(parts);
    world.generate("k1");
    world.keyward.seal();
    assert!(holds(&text(&pins.load().expect("pins").expect("pins")), &newest(&world)));
    let world = world.unsealed();
    for round in 0..20 {
        world.sign("k1", &round.to_string());
    }
    world.keyward.close();
    assert!(holds(&text(&pins.load().expect("pins").expect("pins")), &newest(&world)));
}

#[test]
fn pins_that_cannot_be_saved_are_told_and_saved_as_soon_as_they_can_be() {
    let (world, pins, saved) = world(parts);
    world.generate("k1");
    pins.broken.store(true, Ordering::SeqCst);
    world.revoke("k1", Reason::KeyCompromise);
    let failure = world.keyward.status().expect("a status").pin_failure;
    assert_eq!(failure.as_deref(), Some("read-only file system"));
    let newest = newest(&world);
    pins.broken.store(false, Ordering::SeqCst);
    while !holds(&saved.recv().expect("a save"), &newest) {}
    world.keyward.close();
    assert_eq!(world.keyward.pin_failure(), None);
}

#[test]
fn a_copy_from_before_signatures_is_known_although_the_process_was_killed() {
    let directory = tempfile::tempdir().expect("a directory");
    let (world, pins, saved) = world(|clock| parts_in(directory.path(), clock));
    world.generate("k1");
    let World { parts, clock, keyward, actor } = world;
    keyward.close();
    drop((parts, keyward));
    let thiefs = tempfile::tempdir().expect("a directory");
    let (file, copy) = (directory.path().join("keyward.db"), thiefs.path().join("keyward.db"));
    fs::copy(&file, &copy).expect("a copy");
    let over = |at: &Path| Parts { pins: pins.clone(), ..parts_in(at, &clock) };
    let parts = over(directory.path());
    let keyward = keyward::Keyward::open(&parts).expect("the store");
    let world = World { parts, clock: clock.clone(), keyward, actor }.unsealed();
    world.sign("k1", "a");
    while !holds(&saved.recv().expect("a save"), &newest(&world)) {}
    // Killed: it closes nothing. The thief puts the copy in the place of the database.
    let World { keyward, parts, .. } = world;
    std::mem::forget((keyward, parts));
    let keyward = keyward::Keyward::open(&over(thiefs.path())).expect("the old copy");
    let status = keyward.status().expect("a status");
    assert_eq!(status.ledger_size, 0);
    assert!(status.quarantine.is_some());
}
