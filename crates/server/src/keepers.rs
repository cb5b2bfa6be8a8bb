//! The keepers of a running store: the ways to them, a look at each every few seconds, and
//! unsealing by their shares after a start (RK-050).
//!
//! [`Keepers`] knows the ways and what was seen; it is all that a single command needs. A server
//! has a [`Watch`] beside it: a thread that looks after the keepers, since calls to them block.

mod watch;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use keyward::{
    Keyward,
    keeper::{Member, ShareBytes, Standing},
};
use keyward_lifecycle::root::KeeperSeen;
use tokio::runtime::{Builder, Runtime};

pub use self::watch::Watch;
use crate::{
    config::{IdentityConfig, KeepersConfig},
    keeper::HttpLink,
    mtls::{Identity, Role, said},
    root::{KeeperPost, KeeperState},
};

/// The ways to the keepers of a store, and how they were found.
pub struct Keepers {
    keyward: Arc<Keyward>,
    config: KeepersConfig,
    identity: IdentityConfig,
    /// Reads the identity, and keeps it current.
    runtime: Option<Runtime>,
    ways: Mutex<Option<Arc<[Member]>>>,
    states: Mutex<Vec<KeeperState>>,
    rests: AtomicBool,
}

impl Keepers {
    /// The keepers that the configuration names. Nobody is asked yet, and no identity is read.
    ///
    /// # Errors
    /// The operating system's, when there is no thread to be had.
    pub fn new(
        keyward: Arc<Keyward>,
        identity: IdentityConfig,
        config: KeepersConfig,
    ) -> Result<Self, std::io::Error> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("keyward-identity")
            .enable_all()
            .build()?;
        Ok(Self {
            keyward,
            config,
            identity,
            runtime: Some(runtime),
            ways: Mutex::default(),
            states: Mutex::default(),
            rests: AtomicBool::new(false),
        })
    }

    /// The ways. The identity of this process is read when they are first asked for, and kept
    /// current from then on.
    fn members(&self) -> Result<Arc<[Member]>, String> {
        let mut ways = lock(&self.ways);
        if let Some(members) = &*ways {
            return Ok(Arc::clone(members));
        }
        let runtime = self.runtime.as_ref().ok_or("the process is about to end")?;
        let opened = runtime.block_on(Identity::open(&self.identity, Role::Server));
        let identity = opened.map_err(|error| said(&error))?;
        let mut members = Vec::with_capacity(self.config.members.len());
        for member in &self.config.members {
            let link = HttpLink::new(&identity, &member.address).map_err(|error| said(&error))?;
            members.push(Member { name: member.name.clone(), link: Arc::new(link) });
        }
        drop(runtime.spawn(identity.watch()));
        let members: Arc<[Member]> = members.into();
        *ways = Some(Arc::clone(&members));
        Ok(members)
    }

    /// What is put beside what was seen before; gives what is otherwise.
    fn note(&self, found: Vec<(String, KeeperSeen, String)>) -> Vec<KeeperState> {
        let now = self.keyward.now();
        let mut states = lock(&self.states);
        let before = std::mem::take(&mut *states);
        let mut changed = Vec::new();
        for (name, seen, detail) in found {
            let known = before.iter().find(|state| state.name == name && state.seen == seen);
            let since = known.map_or(now, |state| state.since);
            let state = KeeperState { name, seen, detail, since };
            if known.is_none_or(|known| known.detail != state.detail) {
                changed.push(state.clone());
            }
            states.push(state);
        }
        changed
    }
}

impl KeeperPost for Keepers {
    fn deliver(&self, shares: Vec<(String, ShareBytes)>, standing: Standing) -> Result<(), String> {
        if shares.is_empty() {
            return Ok(());
        }
        Keyward::deliver_to(&self.members()?, &shares, standing)
    }

    fn states(&self) -> Vec<KeeperState> {
        lock(&self.states).clone()
    }

    fn threshold(&self) -> Option<u8> {
        let set = self.keyward.keeper_set().ok().flatten();
        set.map(|set| set.threshold())
    }

    fn configured(&self) -> (u8, Vec<String>) {
        let names = self.config.members.iter().map(|member| member.name.clone());
        (self.config.threshold, names.collect())
    }

    fn absent(&self, names: Option<&[String]>) -> Vec<String> {
        let names = match names {
            Some(names) => names.to_vec(),
            None => {
                let set = self.keyward.keeper_set().ok().flatten();
                let held = |set: keyward::keeper::KeeperSet| {
                    set.shares().map(|(name, _)| name.to_owned()).collect()
                };
                set.map(held).unwrap_or_default()
            }
        };
        if names.is_empty() {
            return names;
        }
        match self.members() {
            Ok(members) => Keyward::absent_keepers(&members, &names),
            // Without an identity nobody can be asked.
            Err(_) => names,
        }
    }

    fn rest(&self) {
        self.rests.store(true, Ordering::Relaxed);
    }
}

impl Drop for Keepers {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // This may be a thread of another runtime, on which nothing may be waited for.
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Keepers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keepers").field("config", &self.config).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in it changes in steps that cannot fail half-way.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
