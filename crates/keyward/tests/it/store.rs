//! A store for tests: everything real but the clock, the medium and the pins.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use keyward::{Keyward, Parts, keystore::KeyStores, pin::PinStore, start::OpenFailed};
use keyward_barrier::{Cost, SlotLabel, Terms};
use keyward_crypto::secret::LockPolicy;
use keyward_keystore::Software;
use keyward_lifecycle::{id::ActorId, profile::Profile, time::Timestamp};
use keyward_storage::{
    durable::{self, Mode},
    memory::Memory,
    sqlite::{Sqlite, SqliteOptions},
};
use keyward_testkit::{clock::FakeClock, fault::Faulty, pins::MemoryPins};

pub(crate) const PASSWORD: &str = "correct horse battery staple";

pub(crate) struct World {
    pub(crate) parts: Parts,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) keyward: Keyward,
    pub(crate) actor: ActorId,
}

/// A `trust.json` in a file.
pub(crate) struct FilePins(PathBuf);

impl PinStore for FilePins {
    fn load(&self) -> io::Result<Option<Vec<u8>>> {
        match durable::read_limited(&self.0, keyward::pin::PINS_BYTES_MAX) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(_) if !self.0.exists() => Ok(None),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    fn save(&self, bytes: &[u8]) -> io::Result<()> {
        durable::write(&self.0, bytes, Mode::Private).map_err(io::Error::other)
    }
}

pub(crate) fn parts(clock: &Arc<FakeClock>) -> Parts {
    Parts {
        storage: Arc::new(Memory::new()),
        pins: Arc::new(MemoryPins::default()),
        clock: clock.clone(),
        key_stores: KeyStores::default().with("software", Arc::new(Software::default())),
        memory: LockPolicy::Strict,
    }
}

/// Over a SQLite file and a `trust.json` in `directory`.
pub(crate) fn parts_in(directory: &Path, clock: &Arc<FakeClock>) -> Parts {
    let storage = Sqlite::open_or_create(directory, SqliteOptions::default()).expect("a file");
    Parts {
        storage: Arc::new(storage),
        pins: Arc::new(FilePins(directory.join("trust.json"))),
        ..parts(clock)
    }
}

/// Over a memory whose appends can be made to fail.
pub(crate) fn faulty(at: &str) -> (Faulty<Memory>, Parts, Arc<FakeClock>) {
    let clock = Arc::new(FakeClock::at(at));
    let storage = Faulty::new(Memory::new());
    let parts = Parts { storage: Arc::new(storage.clone()), ..parts(&clock) };
    (storage, parts, clock)
}

pub(crate) fn terms() -> Terms {
    Terms {
        cost: Cost::new(Cost::MEMORY_KIB_MIN, 1, 1).expect("the least cost"),
        label: SlotLabel::parse("password").expect("a label"),
        memory: LockPolicy::Strict,
        now: Timestamp::EPOCH,
    }
}

pub(crate) fn world(at: &str) -> World {
    let clock = Arc::new(FakeClock::at(at));
    let parts = parts(&clock);
    begin(parts, clock)
}

pub(crate) fn world_in(directory: &Path, at: &str) -> World {
    let clock = Arc::new(FakeClock::at(at));
    let parts = parts_in(directory, &clock);
    begin(parts, clock)
}

pub(crate) fn begin(parts: Parts, clock: Arc<FakeClock>) -> World {
    let profiles = Profile::built_in().to_vec();
    let keyward = Keyward::create(&parts, PASSWORD.into(), terms(), profiles).expect("a new store");
    let actor = keyward.actor("local:0").expect("an actor");
    World { parts, clock, keyward, actor }
}

impl World {
    /// Stops, and starts again over the same medium, unsealed.
    pub(crate) fn reopened(self) -> Self {
        self.keyward.close();
        self.again().expect("the store again")
    }

    /// Ends without a word, as a process that is killed, and starts again, unsealed.
    pub(crate) fn crashed(self) -> Self {
        self.crashed_sealed().unsealed()
    }

    pub(crate) fn crashed_sealed(self) -> Self {
        let Self { parts, clock, keyward, actor } = self;
        // Its writer waits for ever: nothing of what it holds is written.
        std::mem::forget(keyward);
        let keyward = Keyward::open(&parts).expect("the store again");
        Self { parts, clock, keyward, actor }
    }

    pub(crate) fn again(self) -> Result<Self, OpenFailed> {
        let Self { parts, clock, keyward, actor } = self;
        drop(keyward);
        let keyward = Keyward::open(&parts)?;
        Ok(Self { parts, clock, keyward, actor }.unsealed())
    }

    pub(crate) fn unsealed(self) -> Self {
        self.keyward.unseal(PASSWORD.into()).expect("the password");
        self
    }
}
