//! What stands beside the secrets: the thread that loads them into memory after an unsealing,
//! and logs who read what.

use std::{sync::Arc, thread::JoinHandle};

use keyward_lifecycle::{secret::SecretId, state::State};

use super::{LOOKS_MAX, SecretError, memory::Loaded, path::SecretPath, reads::Errand, record};
use crate::engine::{Keyward, Root, Shared};

/// Secrets that are loaded between two looks at whether the store is unsealed still.
const LOAD_AT_ONCE: usize = 256;

/// How the memory of secrets is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecretStanding {
    /// Whether every path is in the index.
    pub loaded: bool,
    /// Secrets whose paths are in the index.
    pub listed: u64,
    /// Secrets whose path does not open.
    pub unreadable: u64,
    /// Policies that do not open, and grant nothing.
    pub policies_unreadable: u64,
    /// What sealed values hold of memory, in bytes; at most 256 MiB.
    pub memory_bytes: u64,
}

impl Keyward {
    /// How the memory of secrets is; `None` while sealed.
    #[must_use]
    pub fn secret_standing(&self) -> Option<SecretStanding> {
        let root = self.shared.root()?;
        let (loaded, unreadable) = match root.opened.secrets.loaded() {
            Loaded::Whole { unreadable } => (true, unreadable),
            Loaded::No | Loaded::Never | Loaded::Failed => (false, 0),
        };
        let policies = self.shared.policy_index(&root)?.unreadable;
        let number = |count| u64::try_from(count).unwrap_or(u64::MAX);
        let (listed, bytes) = root.opened.secrets.extent();
        Some(SecretStanding {
            loaded,
            listed: number(listed),
            unreadable,
            policies_unreadable: number(policies),
            memory_bytes: number(bytes),
        })
    }
}

/// Starts the thread; without one nothing is listed, and reads are logged at the end.
pub(crate) fn start(shared: &Arc<Shared>) -> Option<JoinHandle<()>> {
    if shared.is_unsealed() {
        shared.secrets.desk.unsealed();
    }
    let leaving = Leaving(shared.clone());
    let thread = std::thread::Builder::new().name("keyward-secrets".to_owned());
    // What the thread would have had is dropped when it does not start.
    thread.spawn(move || run(&leaving.0)).ok()
}

/// However the thread ends, nobody waits for what it would have loaded.
struct Leaving(Arc<Shared>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.secrets.desk.leave();
        if let Some(root) = self.0.root() {
            root.opened.secrets.fail_loading();
        }
    }
}

/// Runs until the store closes.
fn run(shared: &Shared) {
    loop {
        match shared.secrets.desk.next() {
            Errand::Load => load(shared),
            // What cannot be logged stays noted, and is tried again.
            Errand::Log => drop(shared.log_reads()),
            Errand::Stop => break,
        }
    }
    if let Some(root) = shared.root() {
        root.opened.secrets.set_loaded(Loaded::Never);
    }
}

fn load(shared: &Shared) {
    let Some(root) = shared.root() else { return };
    let memory = &root.opened.secrets;
    if memory.loaded() != Loaded::No {
        return;
    }
    drop(shared.policy_index(&root));
    let state = shared.state();
    let there = state.secrets().secrets().filter(|(_, secret)| secret.exists());
    let ids: Vec<SecretId> = there.map(|(id, _)| *id).collect();
    let mut unreadable = 0_u64;
    for some in ids.chunks(LOAD_AT_ONCE) {
        let is_same = shared.root().is_some_and(|now| Arc::ptr_eq(&now.opened, &root.opened));
        if !is_same || shared.secrets.desk.is_stopped() {
            return memory.set_loaded(Loaded::Never);
        }
        let mut paths = Vec::with_capacity(some.len());
        for id in some {
            match path_of(shared, id) {
                Ok(Some(path)) => paths.push((path, *id)),
                Ok(None) => continue,
                Err(_) => unreadable = unreadable.saturating_add(1),
            }
            if memory.has_room() {
                hold_newest(shared, &root, id);
            }
        }
        let stands = |id: &SecretId| exists(&shared.state(), id);
        memory.enter(paths, stands);
    }
    memory.set_loaded(Loaded::Whole { unreadable });
}

/// The path of a secret; `None` for one that was purged meanwhile.
fn path_of(shared: &Shared, id: &SecretId) -> Result<Option<SecretPath>, SecretError> {
    let field = record::path_field().ok_or(SecretError::Internal)?;
    let mut failure = SecretError::Internal;
    for _ in 0..LOOKS_MAX {
        let state = shared.state();
        let secret = state.secrets().secret(id).filter(|secret| secret.exists());
        let Some(version) = secret.and_then(|secret| secret.metadata) else { return Ok(None) };
        let name = record::metadata_record(id, version).ok_or(SecretError::Internal)?;
        match shared.open_record(&name, &field) {
            Ok((_, path)) => {
                let text = std::str::from_utf8(path.expose()).unwrap_or_default();
                let what = || format!("{name} holds no path").into();
                let path = SecretPath::parse(text);
                return path.map(Some).map_err(|_| SecretError::Damaged { what: what() });
            }
            Err(error) => failure = error,
        }
        if shared.state().size() == state.size() {
            break;
        }
    }
    Err(failure)
}

/// Holds the sealed value that is asked for most. It is not opened before somebody reads it.
fn hold_newest(shared: &Shared, root: &Root, id: &SecretId) {
    let state = shared.state();
    let secret = state.secrets().secret(id);
    let newest = secret.and_then(|secret| secret.version(secret.newest?));
    let Some(version) = newest.filter(|it| it.deleted_at.is_none()).map(|it| it.number) else {
        return;
    };
    let Some(name) = record::value_record(id, version) else { return };
    if let Ok(Some(found)) = shared.record(&name) {
        root.opened.secrets.hold(id, version, &found.row);
        if !super::stands(&shared.state(), id, version) {
            root.opened.secrets.release(id, &[version]);
        }
    }
}

fn exists(state: &State, id: &SecretId) -> bool {
    state.secrets().secret(id).is_some_and(keyward_lifecycle::secret::Secret::exists)
}
