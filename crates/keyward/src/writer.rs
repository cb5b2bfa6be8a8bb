//! The one writer: decide, append, apply, answer, in that order, in one place.
//!
//! Commands and ledger entries that wait together are appended together. A batch is decided on
//! a speculative copy of the fold; readers see it once it is durable.

pub(crate) mod batch;
mod entry;
pub(crate) mod memory;
mod refused;

use std::sync::{
    Arc,
    mpsc::{Receiver, SyncSender},
};

use keyward_lifecycle::{
    audit::checkpoint::TreeHead,
    audit::tree::Frontier,
    command::Command,
    event::Fact,
    id::{ActorId, ContentId, Digest, EventId, KeyId},
    refusal::{Refusal, Warning},
    state::State,
    time::Timestamp,
};

use crate::{
    engine::Shared,
    storage::{AppendError, Heads, ItemChange},
};
use batch::{Draft, Finish, Finished};
use memory::Memory;

/// Most jobs in one batch: what fits well below a second of work, so that one slow disk sync
/// serves all who wait and nobody waits for two.
const BATCH_JOBS_MAX: usize = 512;
/// How often the writer steps back for those who are expected to come again: microseconds, of
/// which a disk sync takes hundreds.
const MOMENTS_MAX: u32 = 32;
/// Most jobs that wait; beyond it callers wait to hand theirs in.
pub(crate) const QUEUE_JOBS_MAX: usize = 4096;

/// Work for the writer.
pub(crate) enum Job {
    /// Decide about commands, all or none, and log what follows.
    Execute(Execute),
    /// Enter signatures into the ledger.
    Enter(Enter),
    /// Change items only.
    Keep { items: Vec<ItemChange>, reply: Reply<()> },
    /// Take a snapshot.
    Snapshot { reply: Reply<(u64, Digest)> },
    /// The root key has become usable, or is gone: checkpoints resume, or stop.
    RootChanged { reply: Reply<()> },
    /// Append what waits and stop.
    Stop,
}

/// What comes of a job that the writer has.
pub(crate) struct Awaited<T>(Receiver<Result<T, ExecuteError>>);

impl<T> Awaited<T> {
    pub(crate) const fn new(answer: Receiver<Result<T, ExecuteError>>) -> Self {
        Self(answer)
    }

    /// Waits for it.
    pub(crate) fn get(self) -> Result<T, ExecuteError> {
        self.0.recv().map_err(|_| ExecuteError::Halted)?
    }
}

/// Commands that stand or fall together.
pub(crate) struct Execute {
    pub(crate) actor: ActorId,
    pub(crate) commands: Vec<Command>,
    /// Written in the same transaction, if the commands are accepted.
    pub(crate) items: Vec<ItemChange>,
    pub(crate) reply: Reply<Receipt>,
}

/// Signatures that were made and are to be released.
pub(crate) struct Enter {
    pub(crate) entries: Vec<NewEntry>,
    pub(crate) items: Vec<ItemChange>,
    pub(crate) release: Release,
}

/// When the signatures are released.
pub(crate) enum Release {
    /// When their entries are durable; the key is judged again on the state they join.
    Durable(Reply<()>),
    /// They are released already, under a lease on a state in which the key was usable.
    Leased,
}

/// A ledger entry before it has its place and time.
pub(crate) struct NewEntry {
    pub(crate) key_id: KeyId,
    pub(crate) actor: ActorId,
    pub(crate) pae: Digest,
    pub(crate) signature: Digest,
    pub(crate) subject: Digest,
    pub(crate) predicate_type: Arc<str>,
    pub(crate) proof: ContentId,
    /// A signature that a key makes in its own succession may be by a staged key.
    pub(crate) purpose: EntryPurpose,
}

/// What a signature is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryPurpose {
    /// Somebody's content.
    Content,
    /// The succession statement of a rotation, which staged and rotating keys sign.
    Succession,
}

/// Where an answer goes.
pub(crate) type Reply<T> = SyncSender<Result<T, ExecuteError>>;

/// What came of a command: it is durable.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Receipt {
    /// The events, in order; none if things stood so already.
    pub events: Vec<(EventId, Fact)>,
    /// What the caller is to be told.
    pub warnings: Vec<Warning>,
    /// Leaves of the log with them.
    pub position: u64,
    /// The time of the transaction.
    pub time: Timestamp,
}

/// A command came to nothing.
#[derive(Debug, Clone, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "the HTTP status of each is decided in one place")]
pub enum ExecuteError {
    /// A rule says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The root key is needed and sealed.
    #[error("the store is sealed")]
    Sealed,
    /// The log is shorter than a checkpoint kept from before.
    #[error("the store is quarantined: its log is older than what was seen of it before")]
    Quarantined,
    /// Nothing was written; the same call may succeed later.
    #[error("the store cannot be written: {0}")]
    Unavailable(Arc<str>),
    /// It is not known whether it was written: the next start finds out.
    #[error("it is not known whether the change was written; start again to find out")]
    Halted,
}

/// The writer's own view: what is durable.
pub(crate) struct Tip {
    pub(crate) state: State,
    pub(crate) log: Frontier,
    pub(crate) ledger: Frontier,
    pub(crate) snapshot: Option<(u64, Digest)>,
}

impl Tip {
    pub(crate) fn heads(&self) -> Heads {
        Heads { log: self.log.size(), ledger: self.ledger.size() }
    }

    /// The end of the log.
    pub(crate) fn head(&self) -> TreeHead {
        TreeHead { size: self.log.size(), root: self.log.root() }
    }
}

/// Owned by the writer's thread alone.
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) tip: Tip,
    pub(crate) memory: Memory,
    /// Signatures that are released and whose batch was not written: the next one has them, and
    /// until then none is released early.
    pub(crate) behind: Vec<Enter>,
}

impl Writer {
    /// Works until it is told to stop or cannot know what is on the disk.
    pub(crate) fn run(mut self, jobs: &Receiver<Job>) {
        let mut expected = 1;
        while let Ok(first) = jobs.recv() {
            let waiting = gather(first, jobs, expected);
            expected = waiting.len();
            let stop = waiting.iter().any(|job| matches!(job, Job::Stop));
            if self.commit(waiting, stop) == Fate::Halt {
                return;
            }
            if stop {
                return;
            }
        }
    }

    fn commit(&mut self, jobs: Vec<Job>, stop: bool) -> Fate {
        let mut draft = Draft::new(&self.shared, &self.tip, &mut self.memory);
        std::mem::take(&mut self.behind).into_iter().for_each(|enter| draft.enter_leased(enter));
        let mut answers: Vec<Answer> = Vec::with_capacity(jobs.len());
        for job in jobs {
            answers.extend(draft.take(job));
        }
        if stop {
            draft.close();
        }
        let (fate, outcome) = match draft.finish() {
            Finish::Batch(finished) => self.append(*finished),
            Finish::Nothing(leased) => {
                self.behind = leased;
                (Fate::GoOn, Ok(()))
            }
            Finish::Unsigned(leased) => {
                self.behind = leased;
                (Fate::GoOn, Err(ExecuteError::Sealed))
            }
        };
        if outcome.is_err() {
            self.memory.take_back();
        }
        self.shared.set_behind(!self.behind.is_empty());
        // Whoever is answered sees a store that has halted.
        if fate == Fate::Halt {
            self.shared.halt();
        }
        answers.into_iter().for_each(|answer| answer(outcome.clone()));
        fate
    }

    fn append(&mut self, finished: Finished) -> (Fate, Result<(), ExecuteError>) {
        let Finished { batch, tip, kept, revoked, leased, time } = finished;
        match self.shared.storage.append(self.tip.heads(), &batch) {
            Ok(()) => {
                self.tip = tip;
                // Memory follows the disk. From here on a crash is harmless: replay sees this.
                self.shared.publish(&self.tip, kept, time);
                if revoked {
                    self.shared.wait_for_leases();
                }
                if batch.ledger.is_empty() {
                    self.behind = leased;
                }
                (Fate::GoOn, Ok(()))
            }
            Err(error) => {
                let why = ExecuteError::Unavailable(chain(&error).into());
                match &error {
                    AppendError::Unavailable(_) | AppendError::Full(_) => {
                        self.behind = leased;
                        (Fate::GoOn, Err(why))
                    }
                    AppendError::Refused { .. } => {
                        // The same entries would be refused again, and hold up all others.
                        self.memory.ledger_whole &= leased.is_empty();
                        (Fate::GoOn, Err(why))
                    }
                    // Somebody else wrote, or nobody knows: what this process believes of the
                    // log is void.
                    AppendError::Conflict { .. }
                    | AppendError::Damaged { .. }
                    | AppendError::Unknown(_) => (Fate::Halt, Err(ExecuteError::Halted)),
                }
            }
        }
    }
}

/// What waits. Where the last batch had several jobs, those whom it answered get a moment to
/// come again, so that they go into this one together and not all but the first into the next.
fn gather(first: Job, jobs: &Receiver<Job>, expected: usize) -> Vec<Job> {
    let mut waiting = vec![first];
    let mut moments = 0;
    while waiting.len() < BATCH_JOBS_MAX {
        match jobs.try_recv() {
            Ok(job) => waiting.push(job),
            Err(_) if waiting.len() >= expected || moments >= MOMENTS_MAX => break,
            Err(_) => {
                moments = moments.saturating_add(1);
                std::thread::yield_now();
            }
        }
    }
    waiting
}

/// Whether the writer can go on.
#[derive(PartialEq, Eq)]
enum Fate {
    GoOn,
    Halt,
}

/// Tells a caller what came of the batch.
type Answer = Box<dyn FnOnce(Result<(), ExecuteError>)>;

/// An error with its causes, for a message.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
