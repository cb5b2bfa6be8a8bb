//! What the writer and the readers have in common: the fold, the root key, the locks between
//! them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock, RwLockWriteGuard,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
};

use arc_swap::ArcSwap;
use keyward_barrier::{RootId, Unsealed};
use keyward_crypto::secret::LockPolicy;
use keyward_lifecycle::{
    algorithm::PublicKey,
    audit::checkpoint::TreeHead,
    authority::Admitted,
    envelope::Envelope,
    id::{ActorId, Fingerprint},
    key::KeyRecord,
    state::State,
    time::Timestamp,
    verify::KeyRing,
};

use super::{Parts, Quarantine};
use crate::{
    clock::Clock,
    counts::Counts,
    forgery::Forgeries,
    keystore::KeyStores,
    opened::Opened,
    pin::saver::Saver,
    root::reseal::Prepared,
    secret::Secrets,
    storage::Storage,
    system::LogSigner,
    verification::remembered::Remembered,
    writer::{Awaited, ExecuteError, Job, Tip, batch::Kept},
};

/// What the writer and the readers have in common.
pub(crate) struct Shared {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) key_stores: KeyStores,
    pub(crate) memory: LockPolicy,
    pub(crate) system_actor: ActorId,
    authority: ArcSwap<Admitted>,
    pub(crate) quarantine: Mutex<Option<Quarantine>>,
    pub(crate) counts: Counts,
    /// What others signed with our keys.
    pub(crate) forgeries: Forgeries,
    pub(crate) remembered: Remembered,
    jobs: SyncSender<Job>,
    state: ArcSwap<State>,
    root: RwLock<Option<Arc<Root>>>,
    /// How often the store was sealed. Changes while [`Self::root`] is held for writing.
    seals: AtomicU64,
    /// Held for reading from the look at the state until a buffered signature is released;
    /// taken for writing after a revocation is published.
    pub(crate) leases: RwLock<()>,
    /// Held for reading from sealing a record until it is durable; taken for writing while the
    /// root key changes. Nobody is waited for outside meanwhile.
    pub(crate) sealing: RwLock<()>,
    /// Held while a next header is made, delivered and logged, or keepers are given shares: one
    /// at a time. Taken before [`Self::sealing`].
    pub(crate) changing: Mutex<()>,
    /// Held while a batch of records is sealed anew: one at a time, and the next one beside it.
    pub(crate) stepping: Mutex<Option<Prepared>>,
    /// Held while a key is rotated: of many who ask for it at once the first drives it, and the
    /// others find it complete (LC-024).
    pub(crate) rotating: Mutex<()>,
    /// Held while a password or shares are tried: one at a time.
    pub(crate) trying: Mutex<()>,
    pub(crate) secrets: Secrets,
    pub(crate) pins: Arc<Saver>,
    log_head: Mutex<TreeHead>,
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

/// How often the store had been sealed at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seals(u64);

/// What a store stands on when it begins to work.
pub(super) struct Ground {
    pub(super) state: Arc<State>,
    pub(super) log_head: TreeHead,
    pub(super) authority: Admitted,
    pub(super) quarantine: Option<Quarantine>,
    pub(super) root: Option<Root>,
    /// The last time that was signed for.
    pub(super) not_before: Timestamp,
}

/// Most public keys that are kept parsed between verifications.
const PUBLIC_KEYS_MAX: usize = 100_000;

impl Shared {
    pub(super) fn new(
        parts: &Parts,
        ground: Ground,
        (jobs, pins): (SyncSender<Job>, Arc<Saver>),
    ) -> Self {
        let Ground { state, log_head, authority, quarantine, root, not_before } = ground;
        Self {
            storage: parts.storage.clone(),
            clock: parts.clock.clone(),
            key_stores: parts.key_stores.clone(),
            memory: parts.memory,
            system_actor: crate::actor::system(),
            authority: ArcSwap::from_pointee(authority),
            quarantine: Mutex::new(quarantine),
            counts: Counts::default(),
            forgeries: Forgeries::default(),
            remembered: Remembered::default(),
            jobs,
            state: ArcSwap::new(state),
            root: RwLock::new(root.map(Arc::new)),
            seals: AtomicU64::new(0),
            leases: RwLock::new(()),
            sealing: RwLock::new(()),
            changing: Mutex::new(()),
            stepping: Mutex::default(),
            rotating: Mutex::new(()),
            trying: Mutex::new(()),
            secrets: Secrets::default(),
            pins,
            log_head: Mutex::new(log_head),
            public_keys: RwLock::new(HashMap::new()),
            actors: Mutex::new(HashMap::new()),
            halted: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            behind: AtomicBool::new(false),
            not_before: AtomicI64::new(not_before.nanos()),
        }
    }

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
        self.hand_over(job)?.get()
    }

    /// Hands a job to the writer; what comes of it can be waited for later.
    pub(crate) fn hand_over<T>(
        &self,
        job: impl FnOnce(SyncSender<Result<T, ExecuteError>>) -> Job,
    ) -> Result<Awaited<T>, ExecuteError> {
        let (reply, answer) = sync_channel(1);
        self.send(job(reply))?;
        Ok(Awaited::new(answer))
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
    pub(crate) fn publish(&self, tip: &Tip, kept: Kept, time: Timestamp) {
        self.not_before.fetch_max(time.nanos(), Ordering::AcqRel);
        self.state.store(Arc::new(tip.state.clone()));
        *self.log_head.lock().unwrap_or_else(PoisonError::into_inner) = tip.head();
        match kept {
            Kept::Checkpoint(note, pin) => self.pins.note(note, pin),
            Kept::Unsigned(head, pin) => self.pins.note_unsigned(head, pin),
            Kept::Nothing => {}
        }
    }

    /// The end of the log as of the last durable batch: what its leaves are held against.
    pub(crate) fn log_head(&self) -> TreeHead {
        *self.log_head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether signatures that were released are not in the ledger yet.
    pub(crate) fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Acquire)
    }

    pub(crate) fn set_behind(&self, behind: bool) {
        self.behind.store(behind, Ordering::Release);
    }

    /// Lets no signature be released early from now on: what was is in the writer's queue.
    pub(super) fn end_leases(&self) {
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
        let held = self.root.write().unwrap_or_else(PoisonError::into_inner);
        if root.is_none() {
            let _ = self.seals.fetch_add(1, Ordering::AcqRel);
        }
        self.hold(held, root);
    }

    /// What an attempt to unseal that begins now is held against.
    pub(crate) fn seals(&self) -> Seals {
        Seals(self.seals.load(Ordering::Acquire))
    }

    /// Holds `root`, unless the store was sealed since; whether it does.
    #[must_use]
    pub(crate) fn set_root_since(&self, since: Seals, root: Root) -> bool {
        let held = self.root.write().unwrap_or_else(PoisonError::into_inner);
        let as_it_was = self.seals() == since;
        if as_it_was {
            self.hold(held, Some(root));
        }
        as_it_was
    }

    fn hold(&self, mut held: RwLockWriteGuard<'_, Option<Arc<Root>>>, root: Option<Root>) {
        let root = root.map(Arc::new);
        let opened = root.as_ref().map(|root| root.opened.clone());
        let before = std::mem::replace(&mut *held, root);
        drop(held);
        before.iter().for_each(|before| before.opened.close_all());
        self.secrets.changed(before.as_deref(), opened.as_ref());
    }

    /// Puts `root` in the place of `before`, if that is what is held; keys that were opened stay
    /// open.
    pub(crate) fn replace_root(&self, before: &Arc<Root>, root: Root) {
        let mut held = self.root.write().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_some_and(|held| Arc::ptr_eq(held, before)) {
            *held = Some(Arc::new(root));
        }
    }

    /// The newest authority document, which is pinned outside the database.
    pub(crate) fn authority(&self) -> Arc<Admitted> {
        self.authority.load_full()
    }

    /// Follows the next version, which is durable.
    pub(crate) fn adopt_authority(&self, authority: Arc<Admitted>, envelope: Envelope) {
        self.authority.store(authority);
        self.pins.adopt(envelope);
    }

    /// The root id that is pinned outside the database.
    pub(crate) fn pinned_root(&self) -> RootId {
        RootId::from_fingerprint(self.authority.load().authority().root_id)
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
        let key = self.parsed(record)?;
        let mut known = self.public_keys.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= PUBLIC_KEYS_MAX {
            known.clear();
        }
        known.insert(record.fingerprint, key.clone());
        Some(key)
    }
}
