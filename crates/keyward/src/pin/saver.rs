//! Who keeps the newest checkpoint outside the database, without holding up whoever waits for
//! an answer: a thread that saves the newest and passes over those between.
//!
//! A checkpoint over something that only narrows trust is saved before it is answered. Until
//! the others are, a copy of the database from before them is not known for one
//! (`SECURITY.md`, "The database and who can write it").

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use keyward_lifecycle::{
    audit::checkpoint::TreeHead,
    envelope::Envelope,
    event::{Fact, RootFact},
    id::Digest,
};

use super::{PinStore, Pins};

/// Least time between two saves, when the log has changed.
const LOG_EVERY: Duration = Duration::from_millis(100);
/// The same when only the ledger has grown, and after a save that failed.
const LEDGER_EVERY: Duration = Duration::from_secs(1);

/// How soon a checkpoint is kept outside the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pin {
    /// Within a second: the ledger has grown, the log has not.
    Seldom,
    /// Within a tenth of a second.
    Soon,
    /// Before whoever waits for it is answered.
    Now,
}

impl Pin {
    /// What only narrows trust is undone by a copy from before it, so it is kept at once; and so
    /// is what replaces the checkpoint that is kept.
    pub(crate) const fn of(fact: &Fact) -> Self {
        match fact {
            Fact::KeyRevoked { .. }
            | Fact::KeyRetired { .. }
            | Fact::KeyDestroyed { .. }
            | Fact::AnchorDeactivated { .. }
            | Fact::TokenRevoked { .. }
            | Fact::ActorForgotten { .. }
            | Fact::IncidentReported { .. }
            | Fact::LedgerGap { .. }
            | Fact::RollbackAccepted { .. }
            | Fact::AuthorityReplaced { .. }
            | Fact::Root(
                RootFact::SlotRemoved { .. }
                | RootFact::PasswordChanged { .. }
                | RootFact::KeepersSet { .. }
                | RootFact::RotationFinalised { .. }
                | RootFact::Restored { .. },
            ) => Self::Now,
            Fact::StoreCreated { .. }
            | Fact::ActorRegistered { .. }
            | Fact::ProfileDefined { .. }
            | Fact::KeyGenerated { .. }
            | Fact::KeyImported { .. }
            | Fact::KeyPromoted { .. }
            | Fact::RotationBegun { .. }
            | Fact::KeySucceeded { .. }
            | Fact::RotationCompleted { .. }
            | Fact::RotationAborted { .. }
            | Fact::KeyUsageGranted { .. }
            | Fact::AnchorCreated { .. }
            | Fact::KeyAdded { .. }
            | Fact::LedgerHead { .. }
            | Fact::LedgerOpened { .. }
            | Fact::LedgerClosed { .. }
            | Fact::TokenCreated { .. }
            | Fact::Root(_)
            | Fact::Secret(_)
            | Fact::CommandRefused { .. }
            | Fact::ProofResigned { .. } => Self::Soon,
        }
    }
}

/// The pins of a store at work.
pub(crate) struct Saver {
    store: Arc<dyn PinStore>,
    held: Mutex<Held>,
    changed: Condvar,
    /// Held while saving, so that nothing older is saved over something newer.
    turn: Mutex<()>,
}

struct Held {
    pins: Pins,
    /// Set while the pins differ from what was saved.
    waiting: Option<Pin>,
    /// Why the last save failed.
    failure: Option<Arc<str>>,
    /// Whether there is no thread: before it starts, and after it has stopped.
    alone: bool,
    stop: bool,
}

impl Saver {
    pub(crate) fn new(store: Arc<dyn PinStore>, pins: Pins) -> Self {
        let held = Held { pins, waiting: None, failure: None, alone: true, stop: false };
        Self { store, held: Mutex::new(held), changed: Condvar::new(), turn: Mutex::new(()) }
    }

    /// Starts the thread that saves. Without one every checkpoint is saved at once.
    pub(crate) fn start(self: &Arc<Self>) -> Option<JoinHandle<()>> {
        self.held().alone = false;
        let saver = self.clone();
        let thread =
            std::thread::Builder::new().name("keyward-pins".to_owned()).spawn(move || saver.run());
        if thread.is_err() {
            self.held().alone = true;
        }
        thread.ok()
    }

    /// The checkpoint over a batch that is durable. With [`Pin::Now`] it is saved on return,
    /// unless [`Self::failure`] says why not.
    pub(crate) fn note(&self, checkpoint: String, pin: Pin) {
        self.change(pin, |pins| (pins.checkpoint, pins.unsigned) = (Some(checkpoint), None));
    }

    /// The end of the log after a batch that is durable and that nobody could sign for.
    pub(crate) fn note_unsigned(&self, head: TreeHead, pin: Pin) {
        self.change(pin, |pins| pins.unsigned = Some(head));
    }

    fn change(&self, pin: Pin, change: impl FnOnce(&mut Pins)) {
        let mut held = self.held();
        change(&mut held.pins);
        let at_once = pin == Pin::Now || held.alone;
        let wakes = held.waiting < Some(pin);
        held.waiting = held.waiting.max(Some(pin));
        drop(held);
        if at_once {
            self.flush();
        } else if wakes {
            self.changed.notify_all();
        }
    }

    /// Another version of the authority document, which is durable; it is saved on return,
    /// unless [`Self::failure`] says why not.
    pub(crate) fn adopt(&self, authority: Envelope) {
        let mut held = self.held();
        held.pins.authority_digest = Digest::of(authority.payload());
        held.pins.authority = authority;
        held.waiting = Some(Pin::Now);
        drop(held);
        self.flush();
    }

    /// Saves what waits, now.
    pub(crate) fn flush(&self) {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut held = self.held();
        let Some(pin) = held.waiting.take() else { return };
        let bytes = held.pins.to_bytes();
        drop(held);
        let saved = match bytes {
            Ok(bytes) => self.store.save(&bytes).map_err(|error| crate::writer::chain(&error)),
            Err(error) => Err(error.to_string()),
        };
        let mut held = self.held();
        // The batch is durable whatever becomes of this; it is tried again.
        held.failure = saved.err().map(Into::into);
        if held.failure.is_some() {
            held.waiting = held.waiting.max(Some(pin));
        }
        drop((held, turn));
    }

    /// Stops the thread; from now on every checkpoint is saved at once.
    pub(crate) fn stop(&self) {
        let mut held = self.held();
        held.stop = true;
        held.alone = true;
        drop(held);
        self.changed.notify_all();
    }

    /// Why the newest checkpoint could not be kept when that was last tried.
    pub(crate) fn failure(&self) -> Option<Arc<str>> {
        self.held().failure.clone()
    }

    pub(crate) fn checkpoint(&self) -> Option<String> {
        self.held().pins.checkpoint.clone()
    }

    pub(crate) fn authority(&self) -> Envelope {
        self.held().pins.authority.clone()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut held = self.held();
        while !held.stop {
            held = self.wait(held, |held| held.waiting.is_none());
            if held.waiting.is_none() {
                continue;
            }
            drop(held);
            self.flush();
            held = self.rest(self.held(), LOG_EVERY, |_| true);
            let least = LEDGER_EVERY.saturating_sub(LOG_EVERY);
            let rests = |held: &Held| held.failure.is_some() || held.waiting <= Some(Pin::Seldom);
            held = self.rest(held, least, rests);
        }
    }

    /// Waits while `waits` says so and the thread is not to stop.
    fn wait<'k>(
        &self,
        held: MutexGuard<'k, Held>,
        waits: impl Fn(&Held) -> bool,
    ) -> MutexGuard<'k, Held> {
        let woken = self.changed.wait_while(held, |held| !held.stop && waits(held));
        woken.unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, for at most `time`.
    fn rest<'k>(
        &self,
        held: MutexGuard<'k, Held>,
        time: Duration,
        rests: impl Fn(&Held) -> bool,
    ) -> MutexGuard<'k, Held> {
        let rests = |held: &mut Held| !held.stop && rests(held);
        let woken = self.changed.wait_timeout_while(held, time, rests);
        woken.unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{
            atomic::{AtomicBool, Ordering},
            mpsc::{Receiver, Sender, channel},
        },
    };

    use keyward_barrier::RootId;
    use keyward_lifecycle::{envelope::Signature, id::Fingerprint};

    use super::*;

    /// Tells of every save, and fails while it is told to.
    struct Told {
        saves: Mutex<Sender<Option<String>>>,
        broken: AtomicBool,
    }

    impl PinStore for Told {
        fn load(&self) -> io::Result<Option<Vec<u8>>> {
            Ok(None)
        }

        fn save(&self, bytes: &[u8]) -> io::Result<()> {
            let pins = Pins::parse(bytes).expect("pins");
            // Decided before it is told: who hears of this save may mend the store at once.
            let broken = self.broken.load(Ordering::SeqCst);
            self.saves.lock().expect("a lock").send(pins.checkpoint).expect("somebody listens");
            match broken {
                true => Err(io::Error::other("no room")),
                false => Ok(()),
            }
        }
    }

    fn saver() -> (Arc<Told>, Receiver<Option<String>>, Arc<Saver>) {
        let (saves, saved) = channel();
        let store = Arc::new(Told { saves: Mutex::new(saves), broken: AtomicBool::new(false) });
        let signature = Signature { key_id: None, signature: vec![1; 64] };
        let payload = b"{}".to_vec();
        let pins = Pins {
            root_id: RootId::from_fingerprint(Fingerprint::of_spki(b"root")),
            authority_digest: Digest::of(&payload),
            authority: Envelope::new("text/plain", payload, signature).expect("an envelope"),
            checkpoint: None,
            unsigned: None,
        };
        let saver = Arc::new(Saver::new(store.clone(), pins));
        (store, saved, saver)
    }

    #[test]
    fn the_newest_of_many_checkpoints_is_saved_and_few_of_the_others() {
        let (_, saved, saver) = saver();
        let thread = saver.start().expect("a thread");
        for number in 0..1_000 {
            saver.note(number.to_string(), Pin::Soon);
        }
        saver.stop();
        thread.join().expect("no panic");
        saver.flush();
        let saves: Vec<String> = saved.try_iter().flatten().collect();
        assert_eq!(saves.last().map(String::as_str), Some("999"));
        assert!(saves.len() < 100, "{} saves of 1,000", saves.len());
        assert_eq!(saver.checkpoint().as_deref(), Some("999"));
    }

    #[test]
    fn what_waits_is_saved_without_anything_else_happening() {
        let (_, saved, saver) = saver();
        let thread = saver.start().expect("a thread");
        for pin in [Pin::Seldom, Pin::Soon, Pin::Seldom] {
            saver.note(format!("{pin:?}"), pin);
            assert_eq!(saved.recv().expect("a save"), Some(format!("{pin:?}")));
        }
        saver.stop();
        thread.join().expect("no panic");
    }

    #[test]
    fn what_narrows_trust_is_saved_on_return_and_nothing_older_after_it() {
        let (_, saved, saver) = saver();
        let thread = saver.start().expect("a thread");
        for number in 0..50 {
            saver.note(format!("{number} soon"), Pin::Soon);
            let newest = format!("{number} now");
            saver.note(newest.clone(), Pin::Now);
            assert_eq!(saved.try_iter().last().flatten(), Some(newest));
        }
        saver.stop();
        thread.join().expect("no panic");
    }

    #[test]
    fn a_save_that_failed_is_told_and_tried_again() {
        let (store, saved, saver) = saver();
        store.broken.store(true, Ordering::SeqCst);
        saver.note("first".to_owned(), Pin::Now);
        assert_eq!(saver.failure().as_deref(), Some("no room"));
        assert_eq!(saved.try_iter().flatten().collect::<Vec<_>>(), ["first"]);
        let thread = saver.start().expect("a thread");
        assert_eq!(saved.recv().expect("tried again"), Some("first".to_owned()));
        store.broken.store(false, Ordering::SeqCst);
        assert_eq!(saved.recv().expect("tried again"), Some("first".to_owned()));
        saver.stop();
        thread.join().expect("no panic");
        assert_eq!(saver.failure(), None);
        saver.flush();
        assert_eq!(saved.try_iter().count(), 0, "it is saved");
    }
}
