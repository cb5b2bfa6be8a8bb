//! Who read what: noted at each read, logged at most once a second.

use std::{
    collections::HashMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use keyward_lifecycle::{
    command::{Command, SecretCommand, SecretReads},
    id::ActorId,
    secret::{SecretId, SecretVersion},
};

use crate::{
    engine::{Keyward, Shared},
    writer::{Awaited, Execute, ExecuteError, Job},
};

/// Reads are logged at most once in this time.
pub(super) const READS_EVERY: Duration = Duration::from_secs(1);
/// Most kinds of read (who, which secret, which version) that are noted between two entries of
/// the log; whoever makes one more logs them all first.
const READ_KINDS_MAX: usize = 4_096;

/// Reads that are not logged yet, and what the thread beside the secrets waits for.
#[derive(Default)]
pub(crate) struct Desk {
    noted: Mutex<Noted>,
    woken: Condvar,
    /// Held while reads are logged, so that none is logged twice or late.
    logging: Mutex<()>,
}

#[derive(Default)]
struct Noted {
    reads: HashMap<(ActorId, SecretId, SecretVersion), u64>,
    unsealed: bool,
    stopped: bool,
    left: bool,
}

/// What there is to do beside the secrets.
pub(super) enum Errand {
    /// Load what a store that was unsealed holds in memory.
    Load,
    /// Log reads.
    Log,
    /// Nothing more.
    Stop,
}

impl Desk {
    /// The store was unsealed.
    pub(crate) fn unsealed(&self) {
        self.noted().unsealed = true;
        self.woken.notify_all();
    }

    /// No more errands.
    pub(crate) fn stop(&self) {
        self.noted().stopped = true;
        self.woken.notify_all();
    }

    /// Nobody is here to run errands, unless the store is closed.
    pub(super) fn leave(&self) {
        self.noted().left = true;
    }

    pub(super) fn is_left(&self) -> bool {
        self.noted().left
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.noted().stopped
    }

    /// Waits for something to do.
    pub(super) fn next(&self) -> Errand {
        let mut noted = self.noted();
        loop {
            if noted.stopped {
                return Errand::Stop;
            }
            if std::mem::take(&mut noted.unsealed) {
                return Errand::Load;
            }
            if !noted.reads.is_empty() {
                break;
            }
            noted = self.woken.wait(noted).unwrap_or_else(PoisonError::into_inner);
        }
        // Reads of the same second become one entry each.
        let early = |noted: &mut Noted| !noted.stopped && !noted.unsealed;
        let waited = self.woken.wait_timeout_while(noted, READS_EVERY, early);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        Errand::Log
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Notes a read before it is answered. Without room for it the reads before are logged, and
    /// where that cannot be, nothing is read.
    pub(super) fn note_read(
        &self,
        actor: &ActorId,
        id: SecretId,
        version: SecretVersion,
    ) -> Result<(), ExecuteError> {
        let kind = (actor.clone(), id, version);
        let mut noted = self.secrets.desk.noted();
        if noted.reads.len() >= READ_KINDS_MAX && !noted.reads.contains_key(&kind) {
            drop(noted);
            self.log_reads()?;
            noted = self.secrets.desk.noted();
        }
        let was_empty = noted.reads.is_empty();
        let count = noted.reads.entry(kind).or_default();
        *count = count.saturating_add(1);
        drop(noted);
        if was_empty {
            self.secrets.desk.woken.notify_all();
        }
        Ok(())
    }

    /// Logs what was noted; what cannot be logged stays noted.
    pub(crate) fn log_reads(&self) -> Result<(), ExecuteError> {
        let _logging = self.secrets.desk.logging.lock().unwrap_or_else(PoisonError::into_inner);
        let reads = std::mem::take(&mut self.secrets.desk.noted().reads);
        let mut by_actor: HashMap<ActorId, Vec<SecretReads>> = HashMap::new();
        for ((actor, secret_id, version), count) in reads {
            by_actor.entry(actor).or_default().push(SecretReads { secret_id, version, count });
        }
        // Handed over together, so that they become one batch.
        let mut waiting = Vec::with_capacity(by_actor.len());
        for (actor, reads) in by_actor {
            let commands = vec![Command::Secret(SecretCommand::NoteReads(reads.clone()))];
            let (actor_too, items) = (actor.clone(), Vec::new());
            let job = |reply| Job::Execute(Execute { actor: actor_too, commands, items, reply });
            waiting.push((actor, reads, self.hand_over(job)));
        }
        let mut outcome = Ok(());
        for (actor, reads, sent) in waiting {
            if let Err(error) = sent.and_then(Awaited::get) {
                self.note_again(&actor, reads);
                outcome = Err(error);
            }
        }
        outcome
    }

    fn note_again(&self, actor: &ActorId, reads: Vec<SecretReads>) {
        let mut noted = self.secrets.desk.noted();
        for SecretReads { secret_id, version, count } in reads {
            let before = noted.reads.entry((actor.clone(), secret_id, version)).or_default();
            *before = before.saturating_add(count);
        }
    }
}

impl Keyward {
    /// Logs the reads of secrets that were noted since the last time; else that is done once a
    /// second, and at the end.
    ///
    /// # Errors
    /// [`ExecuteError`]; then they stay noted.
    pub fn flush_secret_reads(&self) -> Result<(), ExecuteError> {
        self.shared.log_reads()
    }
}
