//! The library as one thing: a fold to read, a writer to change it, a root key to sign with.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicI64, Ordering},
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
};

use arc_swap::ArcSwap;
use keyward_barrier::{RootId, Unsealed};
use keyward_lifecycle::{
    algorithm::PublicKey,
    authority::Admitted,
    command::Command,
    id::{ActorId, Digest, Fingerprint},
    key::KeyRecord,
    state::State,
    time::Timestamp,
    verify::KeyRing,
};

use crate::{
    clock::Clock,
    counts::Counts,
    keystore::KeyStores,
    opened::Opened,
    pin::{PinStore, Pins, keeper::Keeper},
    secret::{self, Secrets},
    storage::{ItemChange, Storage},
    system::LogSigner,
    verification::remembered::Remembered,
    writer::{Execute, ExecuteError, Job, Over, Receipt, batch::NewCheckpoint, chain},
};

/// What the library is built from: the adapters, chosen by whoever wires them.
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "every builder chooses every part")]
pub struct Parts {
    /// Where bytes are kept.
    pub storage: Arc<dyn Storage>,
    /// What is kept outside the database.
    pub pins: Arc<dyn PinStore>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where private keys live.
    pub key_stores: KeyStores,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("key_stores", &self.key_stores).finish_non_exhaustive()
    }
}

/// A store at work. All of it may be used from many threads.
///
/// Dropping it appends what waits, closes buffered signing and stops the writer.
pub struct Keyward {
    pub(crate) shared: Arc<Shared>,
    /// The writer, whoever keeps its checkpoints outside the database, and whoever stands beside
    /// the secrets.
    threads: Mutex<[Option<JoinHandle<()>>; 3]>,
}

/// What the writer and the readers have in common.
pub(crate) struct Shared {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) key_stores: KeyStores,
    pub(crate) system_actor: ActorId,
    pub(crate) authority: Admitted,
    pub(crate) quarantine: Mutex<Option<Quarantine>>,
    pub(crate) counts: Counts,
    pub(crate) remembered: Remembered,
    jobs: SyncSender<Job>,
    state: ArcSwap<State>,
    root: RwLock<Option<Arc<Root>>>,
    /// Held for reading from the look at the state until a buffered signature is released;
    /// taken for writing after a revocation is published.
    pub(crate) leases: RwLock<()>,
    /// Held for reading from sealing a record until it is durable; taken for writing when a
    /// rotation of the root key begins or turns back.
    pub(crate) sealing: RwLock<()>,
    /// Held while a batch of records is sealed anew: one at a time.
    pub(crate) stepping: Mutex<()>,
    pub(crate) secrets: Secrets,
    pub(crate) pins: Arc<Keeper>,
    public_keys: RwLock<HashMap<Fingerprint, Arc<dyn PublicKey>>>,
    pub(crate) actors: Mutex<HashMap<String, ActorId>>,
    halted: AtomicBool,
    /// Whether buffered signing has ended for good.
    closing: AtomicBool,
    /// Whether released signatures wait for a batch that is written.
    behind: AtomicBool,
    /// The time of the last batch, in nanoseconds: the ledger's time does not decrease either.
    not_before: AtomicI64,
}

/// The root key in memory, and what it opened.
pub(crate) struct Root {
    pub(crate) unsealed: Unsealed,
    pub(crate) log: Arc<LogSigner>,
    pub(crate) opened: Arc<Opened>,
}

/// A log that is shorter than a checkpoint that was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what is reported")]
pub struct Quarantine {
    /// Leaves that the kept checkpoint counts.
    pub kept_size: u64,
    /// Its root.
    pub kept_root: Digest,
    /// Leaves that are here.
    pub found_size: u64,
}

/// Most public keys that are kept parsed between verifications.
const PUBLIC_KEYS_MAX: usize = 100_000;

impl Keyward {
    pub(crate) fn assemble(begun: Begun, parts: &Parts, pins: Pins) -> Self {
        let Begun { tip, authority, quarantine, root, queue, not_before } = begun;
        let (jobs, waiting) = sync_channel(queue);
        let pins = Arc::new(Keeper::new(parts.pins.clone(), pins));
        let shared = Arc::new(Shared {
            storage: parts.storage.clone(),
            clock: parts.clock.clone(),
            key_stores: parts.key_stores.clone(),
            system_actor: crate::actor::system(),
            authority,
            quarantine: Mutex::new(quarantine),
            counts: Counts::default(),
            remembered: Remembered::default(),
            jobs,
            state: ArcSwap::from_pointee(tip.state.clone()),
            root: RwLock::new(root.map(Arc::new)),
            leases: RwLock::new(()),
            sealing: RwLock::new(()),
            stepping: Mutex::new(()),
            secrets: Secrets::default(),
            pins: pins.clone(),
            public_keys: RwLock::new(HashMap::new()),
            actors: Mutex::new(HashMap::new()),
            halted: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            behind: AtomicBool::new(false),
            not_before: AtomicI64::new(not_before.nanos()),
        });
        let writer = crate::writer::Writer {
            shared: shared.clone(),
            tip,
            memory: crate::writer::memory::Memory::default(),
            behind: Vec::new(),
        };
        let thread = std::thread::Builder::new()
            .name("keyward-writer".to_owned())
            .spawn(move || writer.run(&waiting));
        let secrets = secret::load::start(&shared);
        Self { shared, threads: Mutex::new([thread.ok(), pins.start(), secrets]) }
    }

    /// What the log adds up to, as of the last durable batch. Holding it holds nothing up.
    #[must_use]
    pub fn state(&self) -> Arc<State> {
        self.shared.state()
    }

    /// The time that counts: the later of the clock and the newest event.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.now()
    }

    /// Decides about `command` and logs what follows: the only way to change anything.
    ///
    /// # Errors
    /// [`ExecuteError`].
    pub fn execute(&self, actor: &ActorId, command: Command) -> Result<Receipt, ExecuteError> {
        self.execute_with(actor, vec![command], Vec::new())
    }

    /// As [`Self::execute`], for commands that stand or fall together, in one transaction.
    ///
    /// # Errors
    /// [`ExecuteError`]; then none of them happened.
    pub fn execute_all(
        &self,
        actor: &ActorId,
        commands: Vec<Command>,
    ) -> Result<Receipt, ExecuteError> {
        self.execute_with(actor, commands, Vec::new())
    }

    pub(crate) fn execute_with(
        &self,
        actor: &ActorId,
        commands: Vec<Command>,
        items: Vec<ItemChange>,
    ) -> Result<Receipt, ExecuteError> {
        self.shared.check_may_do(&commands)?;
        let (actor, over) = (actor.clone(), Over::Anything);
        let job = |reply| Job::Execute(Execute { actor, commands, items, over, reply });
        self.shared.ask(job).inspect(|receipt| self.shared.note_done(receipt))
    }

    /// As [`Self::execute`], with items that are written only over items that are still there.
    pub(crate) fn execute_over(
        &self,
        actor: &ActorId,
        command: Command,
        items: Vec<ItemChange>,
    ) -> Result<Receipt, ExecuteError> {
        let commands = vec![command];
        self.shared.check_may_do(&commands)?;
        let (actor, over) = (actor.clone(), Over::Present);
        let job = |reply| Job::Execute(Execute { actor, commands, items, over, reply });
        self.shared.ask(job).inspect(|receipt| self.shared.note_done(receipt))
    }

    /// Writes items that no decision rests on.
    pub(crate) fn keep(&self, items: Vec<ItemChange>) -> Result<(), ExecuteError> {
        self.shared.ask(|reply| Job::Keep { items, reply })
    }

    /// Takes a snapshot of the fold, bound into the next checkpoint.
    ///
    /// # Errors
    /// [`ExecuteError::Sealed`] without the root key, or another.
    pub fn snapshot(&self) -> Result<(u64, Digest), ExecuteError> {
        self.shared.ask(|reply| Job::Snapshot { reply })
    }

    /// Stops: what waits is appended, buffered signing is closed, the newest checkpoint is kept.
    pub fn close(&self) {
        let threads = &mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let [writer, pins, secrets] = std::mem::take(threads);
        if let Some(secrets) = secrets {
            self.shared.secrets.desk.stop();
            drop(secrets.join());
            // Should it fail, the halted store has said so.
            drop(self.shared.log_reads());
        }
        if let Some(writer) = writer {
            self.flush_counts();
            self.shared.end_leases();
            if self.shared.send(Job::Stop).is_ok() {
                // A writer that panicked has said so; the next start finds out what it wrote.
                drop(writer.join());
            }
        }
        if let Some(pins) = pins {
            self.shared.pins.stop();
            drop(pins.join());
            self.shared.pins.flush();
        }
    }
}

impl Drop for Keyward {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Keyward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyward").field("size", &self.state().size()).finish_non_exhaustive()
    }
}

/// What a start found or made.
pub(crate) struct Begun {
    pub(crate) tip: crate::writer::Tip,
    pub(crate) authority: Admitted,
    pub(crate) quarantine: Option<Quarantine>,
    pub(crate) root: Option<Root>,
    pub(crate) queue: usize,
    /// The last time that was signed for.
    pub(crate) not_before: Timestamp,
}

impl Shared {
    pub(crate) fn state(&self) -> Arc<State> {
        self.state.load_full()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now_after(&self.state.load())
    }

    /// The latest of the clock, the newest event and the last batch: a clock that is set back
    /// brings nothing back, and dates no signature before one that was made earlier.
    pub(crate) fn now_after(&self, state: &State) -> Timestamp {
        let not_before = Timestamp::from_nanos(self.not_before.load(Ordering::Acquire));
        state.now(self.clock.now().cut_to_micros()).max(not_before)
    }

    /// Hands a job to the writer and waits for what comes of it.
    pub(crate) fn ask<T>(
        &self,
        job: impl FnOnce(SyncSender<Result<T, ExecuteError>>) -> Job,
    ) -> Result<T, ExecuteError> {
        let (reply, answer) = sync_channel(1);
        self.send(job(reply))?;
        answer.recv().map_err(|_| ExecuteError::Halted)?
    }

    pub(crate) fn send(&self, job: Job) -> Result<(), ExecuteError> {
        if self.halted.load(Ordering::Acquire) {
            return Err(ExecuteError::Halted);
        }
        self.jobs.send(job).map_err(|_| ExecuteError::Halted)
    }

    /// Hands a job over without waiting; gives it back when the writer is behind.
    pub(crate) fn offer(&self, job: Job) -> Result<Option<Job>, ExecuteError> {
        if self.halted.load(Ordering::Acquire) || self.closing.load(Ordering::Acquire) {
            return Err(ExecuteError::Halted);
        }
        if self.behind.load(Ordering::Acquire) {
            return Ok(Some(job));
        }
        match self.jobs.try_send(job) {
            Ok(()) => Ok(None),
            Err(TrySendError::Full(job)) => Ok(Some(job)),
            Err(TrySendError::Disconnected(_)) => Err(ExecuteError::Halted),
        }
    }

    /// Lets readers see a durable batch, and keeps its checkpoint outside the database.
    pub(crate) fn publish(
        &self,
        state: &State,
        checkpoint: Option<NewCheckpoint>,
        time: Timestamp,
    ) {
        self.not_before.fetch_max(time.nanos(), Ordering::AcqRel);
        self.state.store(Arc::new(state.clone()));
        if let Some(NewCheckpoint { note, pin }) = checkpoint {
            self.pins.note(note, pin);
        }
    }

    /// Whether signatures that were released are not in the ledger yet.
    pub(crate) fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Acquire)
    }

    pub(crate) fn set_behind(&self, behind: bool) {
        self.behind.store(behind, Ordering::Release);
    }

    /// Lets no signature be released early from now on: what was is in the writer's queue.
    fn end_leases(&self) {
        let leases = self.leases.write().unwrap_or_else(PoisonError::into_inner);
        self.closing.store(true, Ordering::Release);
        drop(leases);
    }

    pub(crate) fn halt(&self) {
        self.halted.store(true, Ordering::Release);
    }

    /// Whether the writer has stopped because it cannot know what is on the disk.
    pub(crate) fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Acquire)
    }

    pub(crate) fn wait_for_leases(&self) {
        drop(self.leases.write().unwrap_or_else(PoisonError::into_inner));
    }

    pub(crate) fn root(&self) -> Option<Arc<Root>> {
        self.root.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_root(&self, root: Option<Root>) {
        let root = root.map(Arc::new);
        let opened = root.as_ref().map(|root| root.opened.clone());
        let before = std::mem::replace(
            &mut *self.root.write().unwrap_or_else(PoisonError::into_inner),
            root,
        );
        before.iter().for_each(|before| before.opened.close_all());
        self.secrets.changed(before.as_deref(), opened.as_ref());
    }

    /// The root id that is pinned outside the database.
    pub(crate) fn pinned_root(&self) -> RootId {
        RootId::from_fingerprint(self.authority.authority().root_id)
    }

    pub(crate) fn is_unsealed(&self) -> bool {
        self.root().is_some()
    }

    /// Who signs checkpoints: nobody while sealed, and nobody while the log is not the newest.
    pub(crate) fn checkpoint_signer(&self) -> Option<Arc<Root>> {
        self.root().filter(|_| self.quarantined().is_none())
    }

    pub(crate) fn quarantined(&self) -> Option<Quarantine> {
        *self.quarantine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn end_quarantine(&self) {
        *self.quarantine.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl KeyRing for Shared {
    fn public_key(&self, record: &KeyRecord) -> Option<Arc<dyn PublicKey>> {
        let known = self.public_keys.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = known.get(&record.fingerprint) {
            return Some(key.clone());
        }
        drop(known);
        let algorithm = keyward_crypto::STANDARD.get(record.algorithm)?;
        let key = algorithm.public_key(&record.public_key).ok()?;
        let mut known = self.public_keys.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= PUBLIC_KEYS_MAX {
            known.clear();
        }
        known.insert(record.fingerprint, key.clone());
        Some(key)
    }
}

/// An error of the storage or another seam, as a message with its causes.
pub(crate) fn unavailable(error: &dyn std::error::Error) -> ExecuteError {
    ExecuteError::Unavailable(chain(error).into())
}
