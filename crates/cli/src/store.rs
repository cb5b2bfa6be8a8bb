//! A store wired from its parts: the data directory, SQLite, the pins, the software key store.
//! The one place that chooses adapters.

use std::{path::Path, sync::Arc};

use keyward::{
    Keyward, Parts,
    clock::Clock,
    keystore::KeyStores,
    start::{CreateFailed, OpenFailed},
};
use keyward_barrier::{Cost, SlotLabel, Terms};
use keyward_crypto::secret::{LockPolicy, Password};
use keyward_keystore::Software;
use keyward_lifecycle::profile::Profile;
use keyward_storage::{
    durable::{DirectoryError, DirectoryLock, LockError, check_directory, create_directory},
    pin::PinFile,
    sqlite::{OpenError, Sqlite, SqliteOptions},
};

use crate::exit::Failure;

/// What verifiers pin, outside the database.
const PINS_NAME: &str = "trust.json";

/// An open store, and the right to write it. The lock is given back last.
pub(crate) struct Store {
    pub(crate) keyward: Arc<Keyward>,
    _lock: DirectoryLock,
}

/// A data directory that is ours and locked, with no store in it yet.
pub(crate) struct Ground {
    parts: Parts,
    lock: DirectoryLock,
}

impl Store {
    /// Opens the store in `data`, sealed.
    pub(crate) fn open(data: &Path, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        if !data.exists() {
            return Err(absent(data));
        }
        check_directory(data).map_err(|e| directory(&e))?;
        let lock = DirectoryLock::acquire(data).map_err(|e| held(&e))?;
        let sqlite = Sqlite::open(data, SqliteOptions::default()).map_err(|error| {
            if matches!(error, OpenError::Absent { .. }) {
                absent(data)
            } else {
                Failure::of(&error)
            }
        })?;
        let keyward =
            Keyward::open(&parts(data, sqlite, clock)).map_err(|error| unopened(data, &error))?;
        Ok(Self { keyward: Arc::new(keyward), _lock: lock })
    }
}

impl Ground {
    /// Takes `data` for a new store; makes the directory if there is none.
    ///
    /// # Errors
    /// A refusal if a store is there.
    pub(crate) fn prepare(data: &Path, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        create_directory(data).map_err(|e| directory(&e))?;
        let lock = DirectoryLock::acquire(data).map_err(|e| held(&e))?;
        let options = SqliteOptions::default();
        let sqlite = Sqlite::open_or_create(data, options).map_err(|e| Failure::of(&e))?;
        let parts = parts(data, sqlite, clock);
        if Keyward::exists(&parts).map_err(|e| Failure::of(&e))? {
            return Err(exists(data));
        }
        Ok(Self { parts, lock })
    }

    /// Begins the store.
    pub(crate) fn create(
        self,
        data: &Path,
        password: &Password,
        profiles: Vec<Profile>,
    ) -> Result<Store, Failure> {
        let terms = Terms {
            cost: Cost::STANDARD,
            label: SlotLabel::parse("password").map_err(|e| Failure::of(&e))?,
            memory: LockPolicy::Strict,
            now: self.parts.clock.now(),
        };
        let secret = password.expose().to_vec();
        let keyward = Keyward::create(&self.parts, secret, terms, profiles);
        let keyward = keyward.map_err(|error| {
            if matches!(error, CreateFailed::Exists) { exists(data) } else { Failure::of(&error) }
        })?;
        Ok(Store { keyward: Arc::new(keyward), _lock: self.lock })
    }
}

/// Refuses a directory that holds a store, as far as its files show.
pub(crate) fn refuse_existing(data: &Path) -> Result<(), Failure> {
    if data.join(PINS_NAME).exists() { Err(exists(data)) } else { Ok(()) }
}

fn parts(data: &Path, sqlite: Sqlite, clock: Arc<dyn Clock>) -> Parts {
    Parts {
        storage: Arc::new(sqlite),
        pins: Arc::new(PinFile::new(data.join(PINS_NAME))),
        clock,
        key_stores: KeyStores::default().with("software", Arc::new(Software::default())),
    }
}

fn unopened(data: &Path, error: &OpenFailed) -> Failure {
    let failure = Failure::of(error);
    match error {
        OpenFailed::NoStore => absent(data),
        OpenFailed::Tampered { .. } | OpenFailed::Leaf(_) => failure
            .hint("put back a copy of keyward.db from before the change, and leave trust.json"),
        OpenFailed::NoPins | OpenFailed::MalformedPins(_) => {
            failure.hint(format!("put the copy of trust.json back into {}", data.display()))
        }
        OpenFailed::Read(_) | OpenFailed::Pins(_) | _ => failure,
    }
}

fn absent(data: &Path) -> Failure {
    Failure::error(format!("there is no store in {}", data.display()))
        .hint("make one with `keyward init`, or name another directory with --data")
}

fn exists(data: &Path) -> Failure {
    Failure::refused(format!("there is a store in {} already", data.display()))
        .hint("use it, or name another directory with --data")
}

fn directory(error: &DirectoryError) -> Failure {
    Failure::of(error)
}

/// The lock is held and nobody answers on the socket: a command at work, or a server that is
/// starting or stopping.
fn held(error: &LockError) -> Failure {
    Failure::of(error)
}
