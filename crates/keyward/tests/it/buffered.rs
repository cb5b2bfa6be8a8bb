//! Signatures that are released before their entries are durable.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use keyward::{
    ExecuteError,
    keystore::{KeyStore, KeyStoreError, KeyStores, Made, SealedRecord},
};
use keyward_barrier::Unsealed;
use keyward_keystore::Software;
use keyward_lifecycle::{
    algorithm::Algorithm,
    id::{ContentId, KeyId},
    key::{KeyRecord, Reason},
    verify::{Finding, Outcome},
};
use keyward_testkit::fault::{Fault, Faulty};

use crate::{
    act::{Cause, id},
    store::{World, begin, faulty},
};

fn buffered() -> (Faulty<keyward_storage::memory::Memory>, World) {
    let (storage, parts, clock) = faulty("2025-01-15T00:00:00Z");
    let world = begin(parts, clock);
    world.generate("k1");
    world.anchor("pkg:cargo/*", &["k1"]);
    world.buffer();
    (storage, world)
}

fn proofs(world: &World) -> Vec<ContentId> {
    let entries = world.keyward.entries_of_key(&id("k1"), None, 10_000).expect("entries");
    entries.into_iter().map(|entry| entry.proof).collect()
}

#[test]
fn a_clean_stop_closes_the_ledger_whole() {
    let (_, world) = buffered();
    let signed: Vec<_> = (0..50).map(|n| world.sign("k1", &n.to_string()).proof).collect();
    let world = world.reopened();
    assert_eq!(proofs(&world), signed);
    assert_eq!(world.facts("LEDGER_OPENED").len(), 1);
    assert_eq!(world.facts("LEDGER_CLOSED").len(), 1);
    assert_eq!(world.facts("LEDGER_GAP").len(), 0);
    world.audit();
}

#[test]
fn an_unclean_stop_leaves_a_gap_over_which_nobody_is_accused() {
    let (storage, world) = buffered();
    world.sign("k1", "a");
    let elsewhere = {
        // Another store's history: the same signature is not in this ledger.
        let (_, other) = buffered();
        other.sign("k1", "a").envelope
    };
    // Released, and never written.
    (0..3).for_each(|skip| storage.arm(skip, Fault::LostBefore));
    let released = world.sign("k1", "b").envelope;
    assert_eq!(world.verify(&released).findings, []);
    let World { mut parts, clock, keyward, actor } = world;
    parts.storage = Arc::new(storage.store().clone());
    let world = World { parts, clock, keyward, actor }.crashed();
    assert_eq!(proofs(&world).len(), 1);
    assert_eq!(world.facts("LEDGER_GAP").len(), 1);
    assert_eq!(world.facts("LEDGER_CLOSED").len(), 0);
    let verdict = world.verify(&released);
    assert_eq!((verdict.outcome, verdict.findings), (Outcome::Valid, vec![]));
    assert_eq!(world.verify(&elsewhere).outcome, Outcome::Invalid);
    // The next run is whole again.
    world.sign("k1", "c");
    let world = world.reopened();
    assert_eq!(world.facts("LEDGER_GAP").len(), 1);
    assert_eq!(world.facts("LEDGER_CLOSED").len(), 1);
    world.audit();
}

#[test]
fn a_gap_that_could_not_be_logged_at_the_start_is_logged_at_the_stop() {
    let (storage, world) = buffered();
    world.sign("k1", "a");
    storage.arm(0, Fault::LostBefore);
    let world = world.crashed_sealed();
    assert_eq!(world.facts("LEDGER_GAP").len(), 0);
    let world = world.unsealed();
    world.sign("k1", "b");
    let world = world.reopened();
    assert_eq!(world.facts("LEDGER_GAP").len(), 1);
    assert_eq!(world.facts("LEDGER_CLOSED").len(), 0, "nobody knows that it was whole");
}

#[test]
fn a_released_signature_whose_write_failed_is_entered_by_the_next() {
    let (storage, world) = buffered();
    world.sign("k1", "opens");
    storage.arm(0, Fault::LostBefore);
    let released = world.sign("k1", "a");
    // Whatever comes next waits until it is durable, or says that it is not.
    let mut signed = vec![released.proof];
    for n in 0..5 {
        match world.try_sign("k1", &n.to_string()) {
            Ok(one) => signed.push(one.proof),
            Err(error) => {
                let error = error.cause();
                assert!(matches!(error, ExecuteError::Unavailable(_)), "{error:?}");
            }
        }
    }
    assert_eq!(world.verify(&released.envelope).findings, []);
    let world = world.reopened();
    let found = proofs(&world);
    assert!(signed.iter().all(|proof| found.contains(proof)), "{signed:?} {found:?}");
    assert_eq!(world.facts("LEDGER_GAP").len(), 0);
    assert_eq!(world.facts("LEDGER_CLOSED").len(), 1);
    world.audit();
}

#[test]
fn a_released_signature_that_a_sealed_store_cannot_enter_waits_for_the_root_key() {
    let (_, world) = buffered();
    world.sign("k1", "opens");
    world.sign("k1", "a");
    world.keyward.seal();
    world.revoke("k1", Reason::Superseded);
    let world = world.unsealed().reopened();
    assert_eq!(proofs(&world).len(), 2);
    assert_eq!(world.facts("LEDGER_GAP").len(), 0);
    world.audit();
}

#[test]
fn a_stop_that_cannot_enter_what_was_released_leaves_the_gap_to_the_next_start() {
    let (storage, world) = buffered();
    world.sign("k1", "opens");
    world.sign("k1", "a");
    // The flush of either batch fails, and so does the stop.
    for skip in 0..4 {
        storage.arm(skip, Fault::LostBefore);
    }
    world.keyward.close();
    let world = world.again().expect("the store again");
    let (gaps, closed) = (world.facts("LEDGER_GAP").len(), world.facts("LEDGER_CLOSED").len());
    assert!((gaps, closed) == (1, 0) || world.keyward.state().ledger().open_since.is_some());
    let world = world.reopened();
    assert_eq!(world.facts("LEDGER_GAP").len(), 1);
    assert_eq!(world.facts("LEDGER_CLOSED").len(), 0);
}

/// Runs in a thread of its own, and fails instead of waiting for ever.
fn within(seconds: u64, run: impl FnOnce() + Send + 'static) {
    let (done, waiting) = mpsc::channel();
    let thread = thread::spawn(move || {
        run();
        done.send(()).expect("somebody waits");
    });
    match waiting.recv_timeout(Duration::from_secs(seconds)) {
        Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => thread.join().expect("no panic"),
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("a deadlock"),
    }
}

/// A key store whose signatures wait until they are let go.
struct Gate {
    arrived: mpsc::SyncSender<()>,
    open: Mutex<mpsc::Receiver<()>>,
}

impl KeyStore for Gate {
    fn generate(
        &self,
        root: &Unsealed,
        key_id: &KeyId,
        algorithm: Algorithm,
    ) -> Result<Made, KeyStoreError> {
        Software::default().generate(root, key_id, algorithm)
    }

    fn sign(
        &self,
        root: &Unsealed,
        key: &KeyRecord,
        sealed: Option<SealedRecord<'_>>,
        message: &[u8],
    ) -> Result<Vec<u8>, KeyStoreError> {
        self.arrived.send(()).expect("somebody waits");
        self.open.lock().expect("the gate").recv().expect("let go");
        Software::default().sign(root, key, sealed, message)
    }
}

#[test]
fn a_revocation_is_answered_only_when_what_was_begun_before_is_released() {
    within(60, || {
        let (arrived, arrivals) = mpsc::sync_channel(16);
        let (opener, open) = mpsc::channel();
        let (_, mut parts, clock) = faulty("2025-01-15T00:00:00Z");
        let gate = Gate { arrived, open: Mutex::new(open) };
        parts.key_stores = KeyStores::default().with("software", Arc::new(gate));
        let world = begin(parts, clock);
        world.generate("k1");
        world.buffer();
        opener.send(()).expect("a gate");
        world.sign("k1", "opens");
        arrivals.recv().expect("the first");
        let (order, ends) = mpsc::channel();
        thread::scope(|scope| {
            let (signed, revoked) = (order.clone(), order);
            let world = &world;
            scope.spawn(move || {
                world.sign("k1", "begun before");
                signed.send("released").expect("somebody waits");
            });
            arrivals.recv().expect("it signs, under its lease");
            scope.spawn(move || {
                world.revoke("k1", Reason::KeyCompromise);
                revoked.send("answered").expect("somebody waits");
            });
            while world.keyward.state().key(&id("k1")).expect("a key").revocation().is_none() {
                thread::yield_now();
            }
            // It is durable and seen, and not answered yet.
            let early = ends.recv_timeout(Duration::from_millis(100));
            assert_eq!(early, Err(mpsc::RecvTimeoutError::Timeout));
            opener.send(()).expect("a gate");
        });
        let mut both: Vec<_> = ends.iter().collect();
        both.sort_unstable();
        assert_eq!(both, ["answered", "released"]);
        world.try_sign("k1", "after").expect_err("it has ended");
        assert_eq!(proofs(&world.reopened()).len(), 2);
    });
}

#[test]
fn after_a_revocation_is_answered_no_signature_is_released() {
    within(60, || {
        let (_, world) = buffered();
        world.sign("k1", "opens");
        let world = Arc::new(world);
        let answered = Arc::new(AtomicBool::new(false));
        let released = Arc::new(Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for signer in 0..6 {
                let (world, answered, released) = (&world, &answered, &released);
                scope.spawn(move || {
                    for n in 0..100_000 {
                        // Asked before: one that is released after the answer came too late.
                        let late = answered.load(Ordering::SeqCst);
                        match world.try_sign("k1", &format!("{signer} {n}")) {
                            Ok(signed) => {
                                assert!(!late, "released after the answer");
                                released.lock().expect("the list").push(signed.proof);
                            }
                            Err(error) => {
                                let error = error.cause();
                                assert!(matches!(error, ExecuteError::Refused(_)), "{error:?}");
                                return;
                            }
                        }
                    }
                });
            }
            while released.lock().expect("the list").len() < 200 {
                thread::yield_now();
            }
            world.revoke("k1", Reason::KeyCompromise);
            answered.store(true, Ordering::SeqCst);
        });
        let world = Arc::into_inner(world).expect("the last").reopened();
        let found = proofs(&world);
        let released = released.lock().expect("the list");
        assert!(released.iter().all(|proof| found.contains(proof)));
        assert_eq!(found.len(), released.len() + 1);
        world.audit();
    });
}

#[test]
fn what_is_released_while_the_store_stops_is_entered() {
    within(60, || {
        for _ in 0..10 {
            let (_, world) = buffered();
            world.sign("k1", "opens");
            let released = Mutex::new(Vec::new());
            thread::scope(|scope| {
                for signer in 0..4 {
                    let (world, released) = (&world, &released);
                    scope.spawn(move || {
                        for n in 0..10_000 {
                            match world.try_sign("k1", &format!("{signer} {n}")) {
                                Ok(signed) => released.lock().expect("the list").push(signed.proof),
                                Err(_) => return,
                            }
                        }
                    });
                }
                while released.lock().expect("the list").len() < 20 {
                    thread::yield_now();
                }
                world.keyward.close();
            });
            let world = world.again().expect("the store again");
            let found = proofs(&world);
            assert!(released.lock().expect("the list").iter().all(|one| found.contains(one)));
            assert_eq!(world.facts("LEDGER_GAP").len(), 0);
        }
    });
}

#[test]
fn a_signature_that_was_just_released_is_not_called_missing() {
    let (_, world) = buffered();
    world.sign("k1", "opens");
    for n in 0..200 {
        let signed = world.sign("k1", &n.to_string());
        let findings = world.verify(&signed.envelope).findings;
        assert!(!findings.contains(&Finding::NotInLedger), "{n}");
    }
}
