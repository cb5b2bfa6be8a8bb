//! Writes that fail, in pairs: before anything was written, and after all of it was; and the
//! end of the process at the same two moments.

use std::sync::Mutex;
use std::sync::{
    Arc, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use keyward::storage::{
    AppendError, AuditQuery, AuditRow, Batch, Heads, Item, LedgerIndex, ReadError, Row, Shelf,
    Storage, Table, Tree,
};
use keyward_lifecycle::{
    audit::tree::NodeAt,
    id::{Digest, Fingerprint},
};

/// What happens to an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "tests try every one")]
pub enum Fault {
    /// It fails, and nothing was written: [`AppendError::Unavailable`].
    LostBefore,
    /// All of it is written, and the answer is lost: [`AppendError::Unknown`]. The store
    /// refuses appends from then on, as every adapter does, until [`Faulty::reopen`].
    LostAfter,
    /// The process kills itself (SIGKILL) before anything is written.
    KillBefore,
    /// The process kills itself (SIGKILL) after all of it is written, before the answer.
    KillAfter,
}

/// The pair of faults that a process survives.
pub const LOST: [Fault; 2] = [Fault::LostBefore, Fault::LostAfter];
/// The pair of faults that it does not.
pub const KILL: [Fault; 2] = [Fault::KillBefore, Fault::KillAfter];

/// A storage whose appends can be made to fail. Clones are the same storage, so that a test
/// keeps one to arm while the code under test has another.
#[derive(Debug)]
pub struct Faulty<S> {
    inner: Arc<Inner<S>>,
}

#[derive(Debug)]
struct Inner<S> {
    store: S,
    appends: AtomicU64,
    halted: AtomicBool,
    unreadable: AtomicBool,
    deadly: Mutex<Option<&'static str>>,
    armed: Mutex<Vec<(u64, Fault)>>,
}

impl<S> Clone for Faulty<S> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<S: Storage> Faulty<S> {
    /// `store`, so far without a fault.
    pub fn new(store: S) -> Self {
        let inner = Inner {
            store,
            appends: AtomicU64::new(0),
            halted: AtomicBool::new(false),
            unreadable: AtomicBool::new(false),
            deadly: Mutex::new(None),
            armed: Mutex::new(Vec::new()),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The append after the next `skip` ones meets `fault`; one that is refused or in conflict
    /// counts too.
    pub fn arm(&self, skip: u64, fault: Fault) {
        let at = self.appends().saturating_add(skip);
        self.inner.armed.lock().unwrap_or_else(PoisonError::into_inner).push((at, fault));
    }

    /// How many appends there were.
    pub fn appends(&self) -> u64 {
        self.inner.appends.load(Ordering::SeqCst)
    }

    /// Lets every read fail ([`ReadError::Unavailable`]), or none.
    pub fn set_unreadable(&self, unreadable: bool) {
        self.inner.unreadable.store(unreadable, Ordering::SeqCst);
    }

    /// Ends the thread of that name with a panic at its next read.
    pub fn end_thread_at_read(&self, name: &'static str) {
        *self.inner.deadly.lock().unwrap_or_else(PoisonError::into_inner) = Some(name);
    }

    /// Accepts appends again after [`Fault::LostAfter`], as an adapter does that is opened anew.
    pub fn reopen(&self) {
        self.inner.halted.store(false, Ordering::SeqCst);
    }

    /// What is wrapped.
    pub fn store(&self) -> &S {
        &self.inner.store
    }

    fn next_fault(&self) -> Option<Fault> {
        let number = self.inner.appends.fetch_add(1, Ordering::SeqCst);
        let mut armed = self.inner.armed.lock().unwrap_or_else(PoisonError::into_inner);
        let place = armed.iter().position(|(at, _)| *at == number)?;
        Some(armed.swap_remove(place).1)
    }

    fn readable(&self) -> Result<&S, ReadError> {
        let deadly = *self.inner.deadly.lock().unwrap_or_else(PoisonError::into_inner);
        if deadly.is_some() && deadly == std::thread::current().name() {
            std::panic::resume_unwind(Box::new(Injected));
        }
        if self.inner.unreadable.load(Ordering::SeqCst) {
            return Err(ReadError::Unavailable(Box::new(Injected)));
        }
        Ok(&self.inner.store)
    }
}

/// The source of every error that is made here.
#[derive(Debug, thiserror::Error)]
#[error("a fault that a test asked for")]
#[non_exhaustive]
pub struct Injected;

impl<S: Storage> Storage for Faulty<S> {
    fn heads(&self) -> Result<Heads, ReadError> {
        self.readable()?.heads()
    }

    fn append(&self, after: Heads, batch: &Batch) -> Result<(), AppendError> {
        let fault = self.next_fault();
        if self.inner.halted.load(Ordering::SeqCst) {
            return Err(AppendError::Unavailable(Box::new(Injected)));
        }
        match fault {
            None => self.inner.store.append(after, batch),
            Some(Fault::LostBefore) => Err(AppendError::Unavailable(Box::new(Injected))),
            Some(Fault::KillBefore) => kill(),
            Some(Fault::LostAfter) => {
                self.inner.store.append(after, batch)?;
                self.inner.halted.store(true, Ordering::SeqCst);
                Err(AppendError::Unknown(Box::new(Injected)))
            }
            Some(Fault::KillAfter) => {
                self.inner.store.append(after, batch)?;
                kill()
            }
        }
    }

    fn leaves(&self, tree: Tree, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, ReadError> {
        self.readable()?.leaves(tree, from, limit)
    }

    fn nodes(&self, tree: Tree, at: &[NodeAt]) -> Result<Vec<Digest>, ReadError> {
        self.readable()?.nodes(tree, at)
    }

    fn item(&self, shelf: Shelf, name: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
        self.readable()?.item(shelf, name)
    }

    fn items(
        &self,
        shelf: Shelf,
        after: Option<&[u8]>,
        limit: u32,
    ) -> Result<Vec<Item>, ReadError> {
        self.readable()?.items(shelf, after, limit)
    }

    fn item_at_or_before(&self, shelf: Shelf, name: &[u8]) -> Result<Option<Item>, ReadError> {
        self.readable()?.item_at_or_before(shelf, name)
    }

    fn ledger(
        &self,
        find: LedgerIndex,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<u64>, ReadError> {
        self.readable()?.ledger(find, after, limit)
    }

    fn signed(
        &self,
        pairs: &[(Fingerprint, Digest)],
        each: u32,
    ) -> Result<Vec<(u64, Vec<u8>)>, ReadError> {
        self.readable()?.signed(pairs, each)
    }

    fn audit_rows(&self, query: &AuditQuery) -> Result<Vec<AuditRow>, ReadError> {
        self.readable()?.audit_rows(query)
    }

    fn rows(&self, table: Table, after: Option<&str>, limit: u32) -> Result<Vec<Row>, ReadError> {
        self.readable()?.rows(table, after, limit)
    }
}

/// Ends this process as `kill -9` does: no destructor, no flush.
fn kill<T>() -> T {
    let ended =
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    panic!("the process outlived its own SIGKILL: {ended:?}");
}
