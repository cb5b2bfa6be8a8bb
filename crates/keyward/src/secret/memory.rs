//! What an unsealed store holds of its secrets: the key of paths, the index of paths, policies
//! made for asking, and sealed records. Values are opened for each read and held nowhere. It
//! goes with the root key: sealing wipes it.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock},
    time::Duration,
};

use keyward_crypto::{mac, secret::LockedBytes};
use keyward_lifecycle::secret::{SecretId, SecretVersion};
use zeroize::Zeroizing;

use super::{
    SecretError,
    path::{PathPrefix, SecretPath},
    policy::index::PolicyIndex,
};
use crate::writer::ExecuteError;

/// Most bytes of sealed records that are held in memory; beyond it they are read from disk.
pub const ROWS_BYTES_MAX: usize = 256 << 20;
/// What a held record costs beside its bytes.
const ROW_BYTES_MORE: usize = 96;

/// The head of HMAC-SHA-256 under a key of its own: names a secret without telling its path.
pub(crate) struct PathKey(LockedBytes);

impl PathKey {
    pub(super) const fn new(bytes: LockedBytes) -> Self {
        Self(bytes)
    }

    /// The key itself, to be sealed.
    pub(super) const fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    pub(super) fn id(&self, path: &SecretPath) -> SecretId {
        let tag = mac::hmac_sha256(self.0.expose(), path.as_str().as_bytes());
        let (head, _) = tag.split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
        SecretId::from_bytes(*head)
    }
}

/// What an unsealed store holds of its secrets.
#[derive(Default)]
pub(crate) struct Memory {
    pub(super) path_key: OnceLock<PathKey>,
    pub(super) policies: RwLock<Option<Arc<PolicyIndex>>>,
    /// Held while policies are read and made for asking.
    pub(super) making_policies: Mutex<()>,
    paths: Mutex<Paths>,
    paths_changed: Condvar,
    rows: Mutex<Rows>,
}

#[derive(Default)]
struct Paths {
    by_path: BTreeMap<PathText, SecretId>,
    loaded: Loaded,
}

/// How far the index of paths is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Loaded {
    /// Nobody has begun, or it is under way.
    #[default]
    No,
    /// Whole but for records that did not open.
    Whole {
        /// How many those are.
        unreadable: u64,
    },
    /// The store was sealed before it was whole.
    Never,
    /// Nobody is there to make it.
    Failed,
}

/// Why there is no index of paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotListed {
    /// The store was sealed.
    Sealed,
    /// It is being made.
    Loading,
    /// Nobody makes it.
    Failed,
}

#[derive(Default)]
struct Rows {
    rows: HashMap<(SecretId, SecretVersion), Arc<[u8]>>,
    bytes: usize,
}

/// Paths with their secrets, and whether there are more.
pub(super) type Listed = (Vec<(Zeroizing<String>, SecretId)>, bool);

/// A path in the index; wiped when it goes.
#[derive(PartialEq, Eq)]
struct PathText(Zeroizing<Box<str>>);

impl PartialOrd for PathText {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PathText {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (**self.0).cmp(&**other.0)
    }
}

impl Borrow<str> for PathText {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Memory {
    /// Enters paths, for those that `stands` is true of: asked while nobody else changes the
    /// index, so that what is purged meanwhile does not come back.
    pub(super) fn enter(
        &self,
        paths: Vec<(SecretPath, SecretId)>,
        stands: impl Fn(&SecretId) -> bool,
    ) {
        let mut index = self.paths();
        for (path, id) in paths.into_iter().filter(|(_, id)| stands(id)) {
            index.by_path.insert(PathText(Zeroizing::new(path.as_str().into())), id);
        }
    }

    /// Takes a path out.
    pub(super) fn leave(&self, path: &SecretPath) {
        self.paths().by_path.remove(path.as_str());
    }

    /// Says how far the index is, to those who wait for it.
    pub(super) fn set_loaded(&self, loaded: Loaded) {
        self.paths().loaded = loaded;
        self.paths_changed.notify_all();
    }

    /// Says that nobody makes the index, unless it is made.
    pub(super) fn fail_loading(&self) {
        let mut index = self.paths();
        if index.loaded == Loaded::No {
            index.loaded = Loaded::Failed;
        }
        drop(index);
        self.paths_changed.notify_all();
    }

    pub(super) fn loaded(&self) -> Loaded {
        self.paths().loaded
    }

    /// Waits until the index is whole, at most that long.
    pub(super) fn loaded_within(&self, longest: Duration) -> Result<(), NotListed> {
        let is_coming = |index: &mut Paths| index.loaded == Loaded::No;
        let waited = self.paths_changed.wait_timeout_while(self.paths(), longest, is_coming);
        let (index, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match index.loaded {
            Loaded::Whole { .. } => Ok(()),
            Loaded::No => Err(NotListed::Loading),
            Loaded::Never => Err(NotListed::Sealed),
            Loaded::Failed => Err(NotListed::Failed),
        }
    }

    /// The paths under `prefix` after `after`, at most `limit`, and whether there are more: of
    /// those that are in the index.
    pub(super) fn list(&self, prefix: &PathPrefix, after: Option<&str>, limit: usize) -> Listed {
        let index = self.paths();
        let (itself, below) = match prefix.path() {
            None => (None, Zeroizing::new(String::new())),
            Some(path) => (Some(path.as_str()), Zeroizing::new(format!("{}/", path.as_str()))),
        };
        let itself = itself.filter(|path| after.is_none_or(|after| after < *path));
        let itself = itself.and_then(|path| index.by_path.get_key_value(path));
        let from = match after {
            Some(after) if after >= below.as_str() => Bound::Excluded(after),
            Some(_) | None => Bound::Included(below.as_str()),
        };
        let under = index.by_path.range::<str, _>((from, Bound::Unbounded));
        let under = under.take_while(|(path, _)| path.0.starts_with(below.as_str()));
        let mut found: Vec<_> = itself
            .into_iter()
            .chain(under)
            .take(limit.saturating_add(1))
            .map(|(path, id)| (Zeroizing::new(path.0.to_string()), *id))
            .collect();
        let more = found.len() > limit;
        found.truncate(limit);
        (found, more)
    }

    /// A sealed value, if it is held.
    pub(super) fn row(&self, id: &SecretId, version: SecretVersion) -> Option<Arc<[u8]>> {
        self.rows().rows.get(&(*id, version)).cloned()
    }

    /// Holds a sealed value, if there is room.
    pub(super) fn hold(&self, id: &SecretId, version: SecretVersion, row: &[u8]) {
        let mut held = self.rows();
        held.release(id, version);
        let bytes = held.bytes.saturating_add(row.len()).saturating_add(ROW_BYTES_MORE);
        if bytes <= ROWS_BYTES_MAX {
            held.bytes = bytes;
            held.rows.insert((*id, version), row.into());
        }
    }

    /// Holds sealed values no longer.
    pub(super) fn release(&self, id: &SecretId, versions: &[SecretVersion]) {
        let mut held = self.rows();
        for version in versions {
            held.release(id, *version);
        }
    }

    /// Whether there is room for more sealed values.
    pub(super) fn has_room(&self) -> bool {
        self.rows().bytes < ROWS_BYTES_MAX
    }

    /// How many paths are in the index, and the bytes of the sealed values that are held.
    pub(super) fn extent(&self) -> (usize, usize) {
        (self.paths().by_path.len(), self.rows().bytes)
    }

    fn paths(&self) -> MutexGuard<'_, Paths> {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<NotListed> for SecretError {
    fn from(why: NotListed) -> Self {
        match why {
            NotListed::Sealed => ExecuteError::Sealed.into(),
            NotListed::Loading => Self::Loading,
            NotListed::Failed => Self::NotLoaded,
        }
    }
}

impl Rows {
    fn release(&mut self, id: &SecretId, version: SecretVersion) {
        if let Some(row) = self.rows.remove(&(*id, version)) {
            let bytes = row.len().saturating_add(ROW_BYTES_MORE);
            self.bytes = self.bytes.saturating_sub(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(paths: &[&str]) -> Memory {
        let memory = Memory::default();
        let path =
            |text: &&str| (SecretPath::parse(text).expect("a path"), SecretId::from_bytes([0; 16]));
        memory.enter(paths.iter().map(path).collect(), |_| true);
        memory.set_loaded(Loaded::Whole { unreadable: 0 });
        memory
    }

    #[track_caller]
    fn check(memory: &Memory, (prefix, after, limit): (&str, Option<&str>, usize), found: &[&str]) {
        let prefix = PathPrefix::parse(prefix).expect("a prefix");
        let (paths, _) = memory.list(&prefix, after, limit);
        let paths: Vec<&str> = paths.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, found);
    }

    #[test]
    fn a_list_is_of_whole_segments_in_order_and_in_pages() {
        let memory = memory(&["app", "app-x", "app.x", "app/a", "app/b/c", "apple", "zoo"]);
        check(&memory, ("app", None, 9), &["app", "app/a", "app/b/c"]);
        check(&memory, ("app/", Some("app"), 9), &["app/a", "app/b/c"]);
        check(&memory, ("app", Some("app/a"), 9), &["app/b/c"]);
        check(&memory, ("app", Some("app/b/c"), 9), &[]);
        check(&memory, ("app/b", None, 9), &["app/b/c"]);
        check(&memory, ("", None, 3), &["app", "app-x", "app.x"]);
        check(&memory, ("", Some("app.x"), 9), &["app/a", "app/b/c", "apple", "zoo"]);
        check(&memory, ("zo", None, 9), &[]);
        memory.leave(&SecretPath::parse("zoo").expect("a path"));
        check(&memory, ("zoo", None, 9), &[]);
    }

    #[test]
    fn rows_are_held_within_their_limit_and_let_go() {
        let (memory, id) = (Memory::default(), SecretId::from_bytes([1; 16]));
        let big = vec![0; ROWS_BYTES_MAX / 2];
        let version = |number| SecretVersion::new(number).expect("not 0");
        memory.hold(&id, version(1), &big);
        memory.hold(&id, version(2), &big);
        assert!(memory.row(&id, version(1)).is_some());
        assert!(memory.row(&id, version(2)).is_none(), "there is no room");
        memory.release(&id, &[version(1)]);
        memory.hold(&id, version(2), &big);
        assert!(memory.row(&id, version(2)).is_some());
    }

    #[test]
    fn nobody_waits_for_an_index_that_will_not_come() {
        let memory = Memory::default();
        assert_eq!(memory.loaded_within(Duration::ZERO), Err(NotListed::Loading));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| memory.loaded_within(Duration::MAX));
            memory.set_loaded(Loaded::Never);
            assert_eq!(waiting.join().expect("no panic"), Err(NotListed::Sealed));
        });
        let memory = Memory::default();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| memory.loaded_within(Duration::MAX));
            memory.fail_loading();
            assert_eq!(waiting.join().expect("no panic"), Err(NotListed::Failed));
        });
        memory.set_loaded(Loaded::Whole { unreadable: 0 });
        memory.fail_loading();
        assert_eq!(memory.loaded_within(Duration::ZERO), Ok(()), "what is made stays");
    }
}
