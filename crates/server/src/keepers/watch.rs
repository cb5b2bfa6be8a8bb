//! The thread that looks after the keepers of a running server.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use keyward::{
    Keyward,
    keeper::{Backoff, Member, TooFew},
    root::{
        RootError,
        keepers::{Found, KeepersFailed, Proof},
    },
    start::UnsealFailed,
};
use keyward_lifecycle::{
    id::ActorId,
    root::{HeaderMark, KeeperSeen},
};
use tracing::{info, warn};

use super::Keepers;

/// How often is looked whether something is to be done.
const BEAT: Duration = Duration::from_secs(1);
/// Beats between two times that every keeper has to give its share: an hour.
const BEATS_PER_PROOF: u32 = 3600;
/// Who looks after keepers, in the log.
const ACTOR: &str = "system:keepers";

/// The thread; dropping it stops the thread and waits for it.
#[derive(Debug)]
pub struct Watch {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Starts it. A store that is sealed now is unsealed as soon as enough keepers give their
    /// shares; `unsealed` is called whenever a sealed store has been unsealed, by whatever way.
    ///
    /// # Errors
    /// The operating system's, when there is no thread to be had.
    pub fn start(
        keyward: Arc<Keyward>,
        keepers: Arc<Keepers>,
        unsealed: impl Fn() + Send + 'static,
    ) -> Result<Self, std::io::Error> {
        let (stop, stopped) = sync_channel::<()>(1);
        let thread =
            std::thread::Builder::new().name("keyward-keepers".to_owned()).spawn(move || {
                let mut watcher = Watcher::new(keyward, keepers);
                loop {
                    if watcher.beat() {
                        unsealed();
                    }
                    match stopped.recv_timeout(BEAT) {
                        Err(RecvTimeoutError::Timeout) => {}
                        Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                    }
                }
            })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so on stderr.
            drop(thread.join());
        }
    }
}

struct Watcher {
    keyward: Arc<Keyward>,
    keepers: Arc<Keepers>,
    /// Whether the store is to be unsealed: since the start, until it was once.
    armed: bool,
    was_unsealed: bool,
    /// The header at the last look: another one may ask for other shares.
    header: Option<HeaderMark>,
    last: HashMap<String, KeeperSeen>,
    backoff: Backoff,
    /// Keepers that gave something false at the last attempt to unseal, and what.
    lies: HashMap<String, String>,
    /// How long until the next attempt to unseal, the next look, the next proof.
    until: Until,
    /// Why the last attempt did not do, so that it is said once.
    told: String,
}

#[derive(Default)]
struct Until {
    attempt: Duration,
    look: Duration,
    proof: u32,
}

impl Watcher {
    fn new(keyward: Arc<Keyward>, keepers: Arc<Keepers>) -> Self {
        let was_unsealed = keyward.is_unsealed();
        Self {
            keyward,
            keepers,
            armed: !was_unsealed,
            was_unsealed,
            header: None,
            last: HashMap::new(),
            lies: HashMap::new(),
            backoff: Backoff::new(),
            until: Until { proof: BEATS_PER_PROOF, ..Until::default() },
            told: String::new(),
        }
    }

    /// Does what is due; whether a sealed store has been unsealed since the last beat.
    fn beat(&mut self) -> bool {
        let set = self.keyward.keeper_set();
        match set {
            Ok(Some(_)) => self.attend(),
            // Nobody holds anything: there is nothing to ask for, and something to take back.
            Ok(None) if self.is_due(BEAT) => self.look(),
            Ok(None) => {}
            Err(error) => self.tell(&format!("the way to the root key cannot be read: {error}")),
        }
        let unsealed = self.keyward.is_unsealed();
        self.armed &= !unsealed;
        let news = unsealed && !self.was_unsealed;
        self.was_unsealed = unsealed;
        news
    }

    fn attend(&mut self) {
        if self.armed && !self.keepers.rests.load(Ordering::Relaxed) {
            self.until.attempt = self.until.attempt.saturating_sub(BEAT);
            if self.until.attempt.is_zero() && !self.keyward.is_unsealed() {
                self.attempt();
            }
        }
        let header = self.keyward.state().root().header;
        let news = header != self.header || self.keyward.is_unsealed() != self.was_unsealed;
        if self.is_due(BEAT) || news {
            self.look();
        }
    }

    /// Whether a look is due, a beat after the last question.
    fn is_due(&mut self, beat: Duration) -> bool {
        self.until.proof = self.until.proof.saturating_sub(1);
        self.until.look = self.until.look.saturating_sub(beat);
        self.until.look.is_zero()
    }

    /// Tries to unseal.
    fn attempt(&mut self) {
        self.until.attempt = self.backoff.wait();
        let Some((members, actor)) = self.ready() else { return };
        match self.keyward.unseal_by_keepers(&actor, &members) {
            Ok(troubles) => {
                info!("the keepers have unsealed the store");
                for (keeper, trouble) in troubles {
                    warn!(keeper, %trouble, "a keeper did not help");
                }
                self.lies.clear();
            }
            Err(KeepersFailed::TooFew(few)) => {
                let TooFew { have, need, mut troubles } = few;
                let lies = troubles.iter().filter(|(_, trouble)| trouble.is_a_lie());
                self.lies =
                    lies.map(|(name, trouble)| (name.clone(), trouble.to_string())).collect();
                troubles.sort_by(|(one, _), (other, _)| one.cmp(other));
                let few = TooFew { have, need, troubles };
                self.tell(&format!("the store stays sealed: {few}"));
            }
            Err(error) => {
                // Who seals a store has it sealed: keepers are asked after a start only.
                let meant = matches!(
                    error,
                    KeepersFailed::Root(RootError::Unseal(UnsealFailed::SealedMeanwhile))
                );
                self.armed &= !meant;
                self.tell(&format!("the store stays sealed: {error}"));
            }
        }
    }

    /// Looks at the keepers, and puts right what is not.
    fn look(&mut self) {
        self.until.look = self.keepers.config.poll;
        self.header = self.keyward.state().root().header;
        let Some((members, actor)) = self.ready() else { return self.note_unasked() };
        let proof = if self.until.proof == 0 { Proof::All } else { Proof::New };
        if self.keyward.is_unsealed() {
            self.lies.clear();
        }
        match self.keyward.attend_keepers(&actor, &members, &mut self.last, proof) {
            Ok(found) => {
                if proof == Proof::All {
                    self.until.proof = BEATS_PER_PROOF;
                }
                self.note(found);
                if self.keyward.is_unsealed() {
                    self.told.clear();
                }
            }
            // The header is another one now: the next beat looks anew.
            Err(RootError::Overtaken) => {}
            Err(error) => self.tell(&format!("the keepers are not looked after: {error}")),
        }
    }

    /// Those that hold shares are shown as what they are: out of reach.
    fn note_unasked(&self) {
        let Ok(Some(set)) = self.keyward.keeper_set() else { return };
        let unasked =
            |(name, _): (&str, _)| (name.to_owned(), KeeperSeen::Unreachable, self.told.clone());
        drop(self.keepers.note(set.shares().map(unasked).collect()));
    }

    fn note(&mut self, found: Vec<Found>) {
        // What a keeper says of itself counts less than what it gave.
        let found = found.into_iter().map(|found| match self.lies.get(&found.name) {
            Some(lie) => (found.name, KeeperSeen::Wrong, lie.clone()),
            None => (found.name, found.seen, found.detail),
        });
        let found: Vec<_> = found.collect();
        let sound = found.iter().filter(|(_, seen, _)| *seen == KeeperSeen::Sound).count();
        let threshold = self.keyward.keeper_set().ok().flatten().map(|set| set.threshold());
        if threshold.is_some_and(|threshold| sound >= usize::from(threshold)) {
            // Enough of them say that they hold their shares: they are asked at once.
            self.until.attempt = self.until.attempt.min(BEAT);
        }
        for state in self.keepers.note(found) {
            let (keeper, seen, detail) = (state.name, state.seen.name(), state.detail);
            if matches!(state.seen, KeeperSeen::Sound | KeeperSeen::Refilled) {
                info!(keeper, seen, detail, "a keeper has changed");
            } else {
                warn!(keeper, seen, detail, "a keeper is not as it must be");
            }
        }
    }

    /// The ways, and who asks.
    fn ready(&mut self) -> Option<(Arc<[Member]>, ActorId)> {
        match (self.keepers.members(), self.keyward.actor(ACTOR)) {
            (Ok(members), Ok(actor)) => Some((members, actor)),
            (Err(why), _) => {
                self.tell(&format!("the keepers cannot be asked: {why}"));
                None
            }
            (_, Err(error)) => {
                self.tell(&format!("the keepers are not asked: {error}"));
                None
            }
        }
    }

    /// Warns of it, unless it was the last that was said.
    fn tell(&mut self, what: &str) {
        if self.told != what {
            what.clone_into(&mut self.told);
            warn!("{what}");
        }
    }
}
