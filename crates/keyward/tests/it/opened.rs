//! Opened private keys: who wipes them, and what becomes of a signature under way.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use keyward::{
    Parts,
    keystore::{KeyStore, KeyStoreError, KeyStores, Made, Open, OpenedKey, SealedRecord},
    rotation::RotateMode,
    signing::{KeyChoice, SignRequest},
};
use keyward_barrier::Unsealed;
use keyward_keystore::Software;
use keyward_lifecycle::{
    algorithm::Algorithm,
    command::Command,
    event::Fact,
    id::KeyId,
    key::{KeyRecord, Reason, Status},
};
use keyward_testkit::clock::FakeClock;

use crate::{
    act::{content, default_profile, id},
    store::{PASSWORD, World, begin, parts},
};

/// The software store, whose opened keys are counted, and whose next opening can be held up.
#[derive(Default)]
struct Watched {
    inner: Software,
    open: Arc<AtomicUsize>,
    gate: Mutex<Option<Gate>>,
}

/// Says that an opening has come, and waits for leave to go on.
type Gate = (SyncSender<()>, Receiver<()>);

impl KeyStore for Watched {
    fn generate(
        &self,
        root: &Unsealed,
        key_id: &KeyId,
        algorithm: Algorithm,
    ) -> Result<Made, KeyStoreError> {
        self.inner.generate(root, key_id, algorithm)
    }

    fn sign(
        &self,
        root: &Unsealed,
        key: &KeyRecord,
        sealed: Option<SealedRecord<'_>>,
        message: &[u8],
    ) -> Result<Vec<u8>, KeyStoreError> {
        self.inner.sign(root, key, sealed, message)
    }

    fn opener(&self) -> Option<&dyn Open> {
        Some(self)
    }
}

impl Open for Watched {
    fn open(
        &self,
        root: &Unsealed,
        key: &KeyRecord,
        sealed: Option<SealedRecord<'_>>,
    ) -> Result<Arc<dyn OpenedKey>, KeyStoreError> {
        let key = self.inner.open(root, key, sealed)?;
        self.open.fetch_add(1, SeqCst);
        let gate = self.gate.lock().expect("no panic").take();
        if let Some((come, leave)) = gate {
            come.send(()).expect("somebody waits");
            leave.recv().expect("leave to go on");
        }
        Ok(Arc::new(Counted { key, open: self.open.clone() }))
    }
}

struct Counted {
    key: Arc<dyn OpenedKey>,
    open: Arc<AtomicUsize>,
}

impl OpenedKey for Counted {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyStoreError> {
        self.key.sign(message)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.open.fetch_sub(1, SeqCst);
    }
}

/// A store with the active key `k1`.
fn watched() -> (World, Arc<Watched>) {
    let clock = Arc::new(FakeClock::at("2025-01-15T00:00:00Z"));
    let store = Arc::new(Watched::default());
    let key_stores = KeyStores::default().with("software", store.clone());
    let world = begin(Parts { key_stores, ..parts(&clock) }, clock);
    world.generate("k1");
    world.anchor("pkg:cargo/*", &["k1"]);
    (world, store)
}

impl Watched {
    fn count(&self) -> usize {
        self.open.load(SeqCst)
    }

    /// Signs by `choice`, does `meanwhile` when the key is opened and nothing is signed yet, and
    /// says what came of the signature.
    fn during(
        &self,
        world: &World,
        choice: KeyChoice,
        meanwhile: impl FnOnce() + Send,
    ) -> Result<Vec<KeyId>, String> {
        let ((come, came), (go, leave)) = (sync_channel(1), sync_channel(1));
        *self.gate.lock().expect("no panic") = Some((come, leave));
        thread::scope(|scope| {
            let signer = scope.spawn(|| {
                let request = SignRequest { keys: vec![choice], content: content("a", None) };
                world.keyward.sign(&world.actor, &request)
            });
            came.recv().expect("the key is opened");
            // A revocation is published, and answers when the signature is through.
            let meanwhile = scope.spawn(meanwhile);
            let over = || {
                world.keyward.state().key(&id("k1")).is_none_or(|key| {
                    matches!(key.status(world.keyward.now()), Status::Revoked | Status::Compromised)
                })
            };
            while !meanwhile.is_finished() && !over() {
                thread::yield_now();
            }
            go.send(()).expect("the signer waits");
            let signed = signer.join().expect("no panic");
            signed.map(|signed| signed.key_ids).map_err(|error| error.to_string())
        })
    }
}

fn destroy(world: &World) {
    let retire = Command::RetireKey { key_id: id("k1") };
    world.keyward.execute(&world.actor, retire).expect("it signs no more");
    world.keyward.destroy_key(&world.actor, &id("k1")).expect("nobody needs it");
}

/// What makes an opened key go.
type End = fn(&World);
const ENDS: [(&str, End); 4] = [
    ("seal", |world| world.keyward.seal()),
    ("destroy", destroy),
    ("revoke", |world| world.revoke("k1", Reason::Superseded)),
    ("compromise", |world| world.revoke("k1", Reason::KeyCompromise)),
];

#[test]
fn sealing_destroying_and_compromising_wipe_an_opened_key() {
    for (name, end) in ENDS {
        let (world, store) = watched();
        world.sign("k1", "a");
        world.sign("k1", "b");
        assert_eq!(store.count(), 1, "{name}: it is kept");
        end(&world);
        assert_eq!(store.count(), 0, "{name}");
    }
}

#[test]
fn a_signature_under_way_does_not_keep_a_key_that_ends_meanwhile() {
    for (name, end) in ENDS {
        let (world, store) = watched();
        let signed = store.during(&world, KeyChoice::Id(id("k1")), || end(&world));
        assert!(signed.is_err(), "{name}: {signed:?}");
        assert_eq!(store.count(), 0, "{name}");
        if name == "seal" {
            world.keyward.unseal(PASSWORD.into()).expect("the password");
            world.sign("k1", "b");
            assert_eq!(store.count(), 1);
        }
    }
}

#[test]
fn a_signature_that_the_successor_makes_instead_leaves_no_refusal_in_the_log() {
    let (world, store) = watched();
    let choice = KeyChoice::Profile(default_profile());
    let signed = store.during(&world, choice, || {
        world.try_rotate("k1", Some("k2"), RotateMode::Go).expect("a rotation");
    });
    assert_eq!(signed, Ok(vec![id("k2")]));
    assert_eq!(world.facts("COMMAND_REFUSED"), []);
}

#[test]
fn a_signature_that_is_refused_for_good_is_logged_once() {
    let (world, store) = watched();
    let signed = store.during(&world, KeyChoice::Id(id("k1")), || destroy(&world));
    signed.expect_err("it is retired");
    let refused = Fact::CommandRefused {
        command: "sign".into(),
        refusal: "key-unusable".into(),
        key_id: Some(id("k1")),
        count: 1,
    };
    assert_eq!(world.facts("COMMAND_REFUSED"), [refused]);
}

#[test]
fn a_key_in_no_anchor_is_rotated_without_a_refusal_in_the_log() {
    let (world, _) = watched();
    world.try_rotate("k1", Some("k2"), RotateMode::Go).expect("a rotation");
    assert_eq!(world.facts("COMMAND_REFUSED"), []);
}
