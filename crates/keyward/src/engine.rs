//! The library as one thing: a fold to read, a writer to change it, a root key to sign with.

mod shared;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, mpsc::sync_channel},
    thread::JoinHandle,
};

use keyward_crypto::secret::LockPolicy;
use keyward_lifecycle::{
    authority::Admitted,
    command::Command,
    id::{ActorId, Digest},
    state::State,
    time::Timestamp,
};

use crate::{
    clock::Clock,
    keystore::KeyStores,
    pin::{PinStore, Pins, saver::Saver},
    secret,
    storage::{ItemChange, Storage},
    writer::{Execute, ExecuteError, Job, Receipt, chain},
};
use shared::Ground;

pub(crate) use shared::{Root, Seals, Shared};

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
    /// What becomes of the root key where the system refuses to lock memory (RK-004).
    pub memory: LockPolicy,
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

impl Keyward {
    pub(crate) fn assemble(begun: Begun, parts: &Parts, pins: Pins) -> Self {
        let Begun { tip, authority, quarantine, root, queue, not_before } = begun;
        let state = Arc::new(tip.state.clone());
        let log_head = tip.head();
        let ground = Ground { state, log_head, authority, quarantine, root, not_before };
        let (jobs, waiting) = sync_channel(queue);
        let pins = Arc::new(Saver::new(parts.pins.clone(), pins));
        let shared = Arc::new(Shared::new(parts, ground, (jobs, pins.clone())));
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
        self.execute_beside(actor, commands, items, || ())
    }

    /// As [`Self::execute_all`], with items; `meanwhile` is done while the writer is at it.
    pub(crate) fn execute_beside(
        &self,
        actor: &ActorId,
        commands: Vec<Command>,
        items: Vec<ItemChange>,
        meanwhile: impl FnOnce(),
    ) -> Result<Receipt, ExecuteError> {
        self.shared.check_may_do(&commands)?;
        let actor = actor.clone();
        let job = |reply| Job::Execute(Execute { actor, commands, items, reply });
        let answer = self.shared.hand_over(job)?;
        meanwhile();
        answer.get().inspect(|receipt| self.shared.note_done(receipt))
    }

    /// Whether a buffered signature would wait for nobody now: the root key is in memory, and the
    /// writer keeps up. What is true now need not be a moment later.
    #[must_use]
    pub fn is_at_ease(&self) -> bool {
        self.shared.is_unsealed() && !self.shared.is_behind() && !self.shared.is_halted()
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

/// An error of the storage or another seam, as a message with its causes.
pub(crate) fn unavailable(error: &dyn std::error::Error) -> ExecuteError {
    ExecuteError::Unavailable(chain(error).into())
}
