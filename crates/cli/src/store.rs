//! A store wired from its parts: the data directory, SQLite, the pins, the software key store.
//! The one place that chooses adapters.

use std::{path::Path, sync::Arc, time::Duration};

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
    durable::{
        DirectoryError, DirectoryLock, LockError, check_directory, create_directory, remove_drafts,
    },
    pin::PinFile,
    sqlite::{OpenError, Sqlite, SqliteOptions},
};

use crate::exit::Failure;

/// What verifiers pin, outside the database.
pub(crate) const PINS_NAME: &str = "trust.json";

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

/// How long a command waits for another one that has the data directory: longer than what a
/// command takes that makes a key and derives the password's key for it.
const WAIT: Duration = Duration::from_secs(5);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(50);

/// Takes the lock of `data`; while another command has it, waits up to [`WAIT`]. Ends without it
/// as soon as `give_up` says so: a server that has come up meanwhile keeps it for good.
fn patient_lock(
    data: &Path,
    pause: &mut dyn FnMut(Duration),
    give_up: &dyn Fn() -> bool,
) -> Result<Option<DirectoryLock>, Failure> {
    let mut waited = Duration::ZERO;
    loop {
        if give_up() {
            return Ok(None);
        }
        match DirectoryLock::acquire(data) {
            Ok(lock) => {
                tidy_up(data);
                return Ok(Some(lock));
            }
            Err(LockError::Held { .. }) if waited < WAIT => pause(LOOK),
            Err(error) => return Err(Failure::of(&error)),
        }
        waited = waited.saturating_add(LOOK);
    }
}

/// Removes what a killed process has left of the pins it was writing; whoever calls has the lock.
fn tidy_up(data: &Path) {
    // What cannot be removed is a file under a passing name: harmless.
    drop(remove_drafts(&data.join(PINS_NAME)));
}

/// The right to a data directory that is there.
pub(crate) struct Taken(DirectoryLock);

impl Taken {
    /// Takes it for a command, which waits for another one; `None` when a server has it and
    /// answers.
    pub(crate) fn for_command(
        data: &Path,
        pause: &mut dyn FnMut(Duration),
        is_served: &dyn Fn() -> bool,
    ) -> Result<Option<Self>, Failure> {
        // A server is asked over its socket, whatever else the directory holds.
        if !is_served() {
            check(data)?;
        }
        Ok(patient_lock(data, pause, is_served)?.map(Self))
    }

    /// Takes it for a server, which waits for a command, and not for another server.
    pub(crate) fn for_server(
        data: &Path,
        pause: &mut dyn FnMut(Duration),
        is_served: &dyn Fn() -> bool,
    ) -> Result<Self, Failure> {
        check(data)?;
        if let Some(lock) = patient_lock(data, pause, is_served)? {
            return Ok(Self(lock));
        }
        let lock = DirectoryLock::acquire(data).map_err(|e| Failure::of(&e))?;
        tidy_up(data);
        Ok(Self(lock))
    }
}

fn check(data: &Path) -> Result<(), Failure> {
    if !data.exists() {
        return Err(absent(data));
    }
    check_directory(data).map_err(|e| directory(&e))
}

impl Store {
    /// Opens the store in `data`, sealed.
    pub(crate) fn open(
        data: &Path,
        taken: Taken,
        clock: Arc<dyn Clock>,
        memory: LockPolicy,
    ) -> Result<Self, Failure> {
        let Taken(lock) = taken;
        let sqlite = Sqlite::open(data, SqliteOptions::default()).map_err(|error| {
            if matches!(error, OpenError::Absent { .. }) {
                absent(data)
            } else {
                Failure::of(&error)
            }
        })?;
        let keyward = Keyward::open(&parts(data, sqlite, clock, memory));
        let keyward = keyward.map_err(|error| unopened(data, &error))?;
        Ok(Self { keyward: Arc::new(keyward), _lock: lock })
    }
}

impl Ground {
    /// Takes `data` for a new store; makes the directory if there is none.
    ///
    /// # Errors
    /// A refusal if a store is there.
    pub(crate) fn prepare(
        data: &Path,
        clock: Arc<dyn Clock>,
        memory: LockPolicy,
    ) -> Result<Self, Failure> {
        create_directory(data).map_err(|e| directory(&e))?;
        let lock = DirectoryLock::acquire(data).map_err(|e| Failure::of(&e))?;
        tidy_up(data);
        let options = SqliteOptions::default();
        let sqlite = Sqlite::open_or_create(data, options).map_err(|e| Failure::of(&e))?;
        let parts = parts(data, sqlite, clock, memory);
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
            memory: self.parts.memory,
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

fn parts(data: &Path, sqlite: Sqlite, clock: Arc<dyn Clock>, memory: LockPolicy) -> Parts {
    Parts {
        storage: Arc::new(sqlite),
        pins: Arc::new(PinFile::new(data.join(PINS_NAME))),
        clock,
        key_stores: KeyStores::default().with("software", Arc::new(Software::default())),
        memory,
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

pub(crate) fn absent(data: &Path) -> Failure {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_waited_for_so_long_and_then_the_one_who_has_it_is_named() {
        let directory = tempfile::tempdir().expect("a directory");
        let first = DirectoryLock::acquire(directory.path()).expect("the lock");
        let mut waited = Duration::ZERO;
        let refused = patient_lock(directory.path(), &mut |time| waited += time, &|| false);
        let expected = format!(
            "error: {} is in use by process {}: stop it, or let it do the work (it listens on \
             keyward.sock there)",
            directory.path().display(),
            std::process::id()
        );
        assert_eq!(refused.err().map(|failure| failure.to_string()), Some(expected));
        assert_eq!(waited, WAIT);
        let mut first = Some(first);
        let taken = patient_lock(directory.path(), &mut |_| drop(first.take()), &|| false);
        assert!(taken.expect("no failure").is_some(), "it was given back while we waited");
    }

    #[test]
    fn nobody_waits_for_a_server() {
        let directory = tempfile::tempdir().expect("a directory");
        let _first = DirectoryLock::acquire(directory.path()).expect("the lock");
        let mut pause = |_| panic!("waited");
        let none = patient_lock(directory.path(), &mut pause, &|| true).expect("no failure");
        assert!(none.is_none());
    }
}
