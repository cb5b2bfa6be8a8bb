//! What is done without being asked: counts are written, proofs judged again, successors of due
//! keys staged (traps HA-24), histograms folded.

mod root;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
        mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use keyward::{
    Keyward,
    key::{KeyError, KeyRequest},
};
use keyward_lifecycle::{
    id::{ActorId, KeyId},
    key::{
        Key, Status,
        due::{Due, due},
    },
    state::State,
};
use tracing::{info, warn};

pub use self::root::RootWork;
use crate::root::RootCare;

/// How often the worker looks.
const BEAT: Duration = Duration::from_secs(1);
/// Beats between two writes of the counts.
const BEATS_PER_FLUSH: u32 = 10;
/// Beats between two looks at the ages of keys.
const BEATS_PER_SCHEDULE: u32 = 60;
/// Proofs judged again in one go; between two goes the worker can be stopped.
const RESCAN_LIMIT: u32 = 1000;
/// Who stages successors, in the log.
const SCHEDULER: &str = "system:scheduler";

/// What the worker saw last.
#[derive(Debug, Default)]
pub struct Standing {
    failed: AtomicU64,
    stopped: AtomicBool,
    unpinned: AtomicBool,
    driven: AtomicBool,
    unsound: AtomicBool,
    /// Most records that a rotation of the root key seals anew in a second; 0 for as the
    /// configuration says.
    rate: AtomicU32,
    /// Records that a rotation of the root key dealt with in the last second of its work.
    pace: AtomicU32,
}

impl Standing {
    /// Due keys whose successor could not be staged at the last try.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Whether a server drives what is open.
    pub(crate) fn is_driven(&self) -> bool {
        self.driven.load(Ordering::Relaxed)
    }

    /// Whether the root key in memory was found not to be the epoch's.
    pub(crate) fn is_unsound(&self) -> bool {
        self.unsound.load(Ordering::Relaxed)
    }

    /// Holds a rotation of the root key to so many records a second; `None` for as the
    /// configuration says.
    pub(crate) fn set_rate(&self, rate: Option<u32>) {
        self.rate.store(rate.unwrap_or(0), Ordering::Relaxed);
    }

    /// Records a second that a rotation deals with; `None` while none is on its way.
    pub(crate) fn pace(&self) -> Option<u32> {
        Some(self.pace.load(Ordering::Relaxed)).filter(|pace| *pace > 0)
    }

    /// Most records a second, if somebody has said.
    fn rate(&self) -> Option<u32> {
        Some(self.rate.load(Ordering::Relaxed)).filter(|rate| *rate > 0)
    }
}

/// The worker's threads; dropping it stops them and waits for them.
#[derive(Debug)]
pub struct Worker {
    standing: Arc<Standing>,
    threads: Vec<(SyncSender<()>, JoinHandle<()>)>,
}

impl Worker {
    /// Starts it: one thread for keys and proofs, and one for the root key, which may take long
    /// over a rotation. `tidy` is called at each beat.
    ///
    /// # Errors
    /// The operating system's, when there is no thread to be had.
    pub fn start(
        keyward: Arc<Keyward>,
        (standing, care): (Arc<Standing>, RootCare),
        tidy: impl Fn() + Send + 'static,
    ) -> Result<Self, std::io::Error> {
        let mut worker = Self { standing: standing.clone(), threads: Vec::new() };
        let (seen, store) = (standing.clone(), keyward.clone());
        let mut beat = 0_u32;
        worker.spawn("keyward-worker", move || {
            turn(&store, &seen, beat);
            tidy();
            beat = beat.wrapping_add(1);
            BEAT
        })?;
        let mut work = RootWork::default();
        standing.driven.store(true, Ordering::Relaxed);
        worker.spawn("keyward-root", move || work.turn(&keyward, &care, &standing))?;
        Ok(worker)
    }

    /// A thread that takes turn after turn, and waits between them as long as each says.
    fn spawn(
        &mut self,
        name: &str,
        mut turn: impl FnMut() -> Duration + Send + 'static,
    ) -> Result<(), std::io::Error> {
        let (stop, stopped) = sync_channel::<()>(1);
        let work = move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(turn()) {}
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
        self.threads.push((stop, thread));
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.standing.stopped.store(true, Ordering::Relaxed);
        self.standing.driven.store(false, Ordering::Relaxed);
        for (stop, thread) in self.threads.drain(..) {
            drop(stop);
            // A worker that panicked has said so on stderr.
            drop(thread.join());
        }
    }
}

fn turn(keyward: &Keyward, standing: &Standing, beat: u32) {
    if beat.is_multiple_of(BEATS_PER_FLUSH) {
        keyward.flush_counts();
    }
    let failure = keyward.pin_failure();
    if standing.unpinned.swap(failure.is_some(), Ordering::Relaxed) != failure.is_some() {
        match failure {
            Some(why) => warn!(%why, "the newest checkpoint cannot be kept in trust.json"),
            None => info!("the newest checkpoint is kept in trust.json again"),
        }
    }
    if beat.is_multiple_of(BEATS_PER_SCHEDULE) {
        let failed = stage_successors(keyward);
        if standing.failed.swap(failed, Ordering::Relaxed) != failed && failed > 0 {
            warn!(failed, "keys are due and have no successor; is the store sealed?");
        }
    }
    while !standing.stopped.load(Ordering::Relaxed) {
        match keyward.rescan(RESCAN_LIMIT) {
            Ok(done) if done.judged.is_empty() => break,
            Ok(done) => {
                let (judged, pending) = (done.judged.len(), done.pending);
                info!(judged, pending, "judged proofs again");
                if pending == 0 {
                    break;
                }
            }
            Err(error) => {
                warn!(%error, "proofs that wait for a rescan were not judged");
                break;
            }
        }
    }
}

/// Stages a successor of every key that is due and has none, where its profile's rotation is
/// enabled. It signs only after somebody promotes it. Gives the number of keys that have none
/// after it.
pub fn stage_successors(keyward: &Keyward) -> u64 {
    let state = keyward.state();
    let wanting = wanting(keyward, &state);
    if wanting.is_empty() {
        return 0;
    }
    if !keyward.status().is_ok_and(|status| status.unsealed) {
        return wanting.len() as u64;
    }
    let mut failed = 0_u64;
    for key in wanting {
        let key_id = &key.record.key_id;
        match stage(keyward, &state, key) {
            Ok(successor) => warn!(
                %key_id,
                %successor,
                "the key is due: a successor is staged; promote it with `keyward key promote`"
            ),
            Err(error) => {
                failed = failed.saturating_add(1);
                warn!(%key_id, %error, "the key is due and no successor could be staged");
            }
        }
    }
    failed
}

/// Keys that are due, whose profile rotates, and that nothing is staged for.
fn wanting<'s>(keyward: &Keyward, state: &'s State) -> Vec<&'s Key> {
    let now = keyward.now();
    let waits = |key: &Key| key.status(now) == Status::Active && key.succession().is_none();
    let is_due = |key: &Key| {
        let profile = state.profile(&key.record.profile);
        let policy = profile.map(|profile| &profile.rotation).filter(|policy| policy.enabled);
        policy.is_some_and(|policy| due(key, policy, now) != Due::No)
    };
    let has_staged = |key: &Key| {
        state.keys().any(|other| {
            other.status(now) == Status::Staged
                && other.record.profile == key.record.profile
                && other.record.purpose == key.record.purpose
        })
    };
    state.keys().filter(|key| waits(key) && is_due(key) && !has_staged(key)).collect()
}

fn stage(keyward: &Keyward, state: &State, key: &Key) -> Result<KeyId, KeyError> {
    let actor: ActorId = keyward.actor(SCHEDULER)?;
    let successor = free_name(state, key)?;
    let request = KeyRequest {
        purpose: Some(key.record.purpose.to_string()),
        parent: Some(key.record.key_id.clone()),
        staged: true,
        ..KeyRequest::new(successor.clone(), key.record.profile.clone())
    };
    let _ = keyward.generate_key(&actor, &request)?;
    Ok(successor)
}

/// `KEY-next`, with a number behind it when that name is taken.
fn free_name(state: &State, key: &Key) -> Result<KeyId, KeyError> {
    let base = &key.record.key_id;
    let names = std::iter::once(format!("{base}-next"))
        .chain((2..1000).map(|number| format!("{base}-next-{number}")));
    let free = names.filter_map(|name| KeyId::parse(&name).ok()).find(|id| state.key(id).is_none());
    free.ok_or_else(|| {
        let (what, name) = ("key", format!("{base}-next").into());
        keyward_lifecycle::refusal::Refusal::NameTaken { what, name }.into()
    })
}
