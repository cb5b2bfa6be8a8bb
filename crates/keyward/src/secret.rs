//! Stored secrets: versions of values at paths (RK-061, RK-062, RK-064, RK-065).
//!
//! The log names a secret by a keyed digest of its path and tells what became of it; values,
//! paths, metadata and policies are sealed records, written in the transaction that logs them.
//! Once unsealed, reads are served from memory: index and sealed records are held, a value is
//! opened for each read.
//!
//! Reading order: [`path`] and [`policy`] (what is named and who may), `write.rs`, `memory.rs`
//! (what is held), `load.rs` (how it comes there), `reads.rs` (who read what).

pub(crate) mod load;
pub(crate) mod memory;
mod metadata;
pub mod path;
mod policies;
pub mod policy;
pub(crate) mod reads;
pub(crate) mod record;
mod write;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use keyward_barrier::{FieldName, OpenedSecret, RecordName, SealFailed};
use keyward_crypto::secret::{LockFailed, LockedBytes};
use keyward_lifecycle::{
    id::ActorId,
    refusal::SecretRefusal,
    secret::{Secret, SecretId, SecretVersion, VersionFold},
    state::State,
    time::Timestamp,
};
use zeroize::Zeroizing;

pub use self::{
    load::SecretStanding,
    memory::ROWS_BYTES_MAX,
    metadata::{
        Limit, MetadataChange, SecretMetadata, TEXT_BYTES_MAX, TEXT_NAME_BYTES_MAX, TEXTS_MAX,
    },
    policies::KnownPolicy,
    write::{Changed, Written},
};
use self::{
    memory::{Loaded, NotListed, PathKey},
    path::{PathPrefix, SecretPath},
    policy::{Action, Subject},
    reads::Desk,
};
use crate::{
    engine::{Keyward, Root, Shared, unavailable},
    opened::Opened,
    writer::ExecuteError,
};

/// Longest value of a secret, in bytes.
pub const VALUE_BYTES_MAX: usize = keyward_barrier::FIELD_BYTES_MAX;
/// Most secrets in one page of a list.
pub const LIST_MAX: usize = 10_000;

/// How long a list waits for the index of paths.
const LIST_WAIT_MAX: Duration = Duration::from_secs(3);
/// How often a read is tried whose record is changed at the same time.
const LOOKS_MAX: usize = 4;
/// Locks that changes of secrets share; changes of one secret come one after another.
const STRIPES: usize = 64;

/// Who asks: his pseudonym for the log, and what policies know of him.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "two parts of a request")]
pub struct Asker {
    /// The pseudonym.
    pub actor: ActorId,
    /// As policies see him.
    pub subject: Subject,
}

/// A value that was read; wiped when dropped, and not printed.
pub struct SecretValue(OpenedSecret);

impl SecretValue {
    /// The bytes that were put.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(..)")
    }
}

/// One version of a secret.
#[derive(Debug)]
#[non_exhaustive]
pub struct ReadSecret {
    /// Which version.
    pub version: SecretVersion,
    /// When it was written.
    pub written_at: Timestamp,
    /// Its value.
    pub value: SecretValue,
}

/// A piece of a list.
#[derive(Debug)]
#[non_exhaustive]
pub struct SecretPage {
    /// In the order of their paths.
    pub secrets: Vec<ListedSecret>,
    /// Whether there are more after the last.
    pub more: bool,
}

/// A secret in a list.
#[non_exhaustive]
pub struct ListedSecret {
    /// Its path.
    pub path: Zeroizing<String>,
    /// Its newest version.
    pub version: SecretVersion,
    /// Whether that is marked as deleted, or was purged.
    pub deleted: bool,
}

impl fmt::Debug for ListedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListedSecret").field("version", &self.version).finish_non_exhaustive()
    }
}

/// What a store keeps beside its root key for the sake of secrets.
pub(crate) struct Secrets {
    pub(crate) desk: Desk,
    stripes: [Mutex<()>; STRIPES],
    /// Held while the key of paths is made.
    begin: Mutex<()>,
    /// Held while a policy is changed.
    policies: Mutex<()>,
}

impl Default for Secrets {
    fn default() -> Self {
        let stripes = std::array::from_fn(|_| Mutex::new(()));
        Self { desk: Desk::default(), stripes, begin: Mutex::new(()), policies: Mutex::new(()) }
    }
}

impl Secrets {
    /// The root key came, went or changed: what went with it is waited for no longer, and what
    /// came is loaded.
    pub(crate) fn changed(&self, before: Option<&Root>, opened: Option<&Arc<Opened>>) {
        let same = |before: &&Root| opened.is_some_and(|now| Arc::ptr_eq(&before.opened, now));
        if before.filter(same).is_some() {
            return;
        }
        if let Some(before) = before {
            before.opened.secrets.set_loaded(Loaded::Never);
        }
        if let Some(opened) = opened {
            self.desk.unsealed();
            if self.desk.is_left() {
                opened.secrets.fail_loading();
            }
        }
    }

    /// Held from the look at a secret until its change is durable.
    fn stripe(&self, id: &SecretId) -> Option<MutexGuard<'_, ()>> {
        let [first, ..] = id.as_bytes();
        let stripe = self.stripes.iter().cycle().nth(usize::from(*first))?;
        Some(stripe.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Keyward {
    /// Reads a version of a secret, the newest if none is named. The read is noted, and logged
    /// within a second.
    ///
    /// # Errors
    /// [`SecretError::Execute`] with a [`SecretRefusal`] where no policy grants it, or nothing is
    /// there to be read.
    pub fn secret(
        &self,
        by: &Asker,
        path: &SecretPath,
        version: Option<SecretVersion>,
    ) -> Result<ReadSecret, SecretError> {
        let root = self.secrets_root()?;
        self.permit(&root, by, (Action::Read, "secret.get"), path.segments())?;
        let id = self.known_id(&root, path)?;
        let mut failure = SecretRefusal::NoSuchSecret.into();
        for _ in 0..LOOKS_MAX {
            let state = self.state();
            let fold = *pick(existing(&state, &id)?, version)?;
            match self.open_value(&root, &state, (&id, fold.number)) {
                Ok(value) => {
                    self.shared.note_read(&by.actor, id, fold.number)?;
                    let VersionFold { number: version, written_at, .. } = fold;
                    return Ok(ReadSecret { version, written_at, value: SecretValue(value) });
                }
                Err(error) => failure = error,
            }
            if self.state().size() == state.size() {
                break;
            }
        }
        Err(failure)
    }

    /// Lists the secrets under `prefix` whose paths come after `after`, at most `limit` and
    /// [`LIST_MAX`]. Nothing is opened; after an unsealing it waits a few seconds for the index of
    /// paths.
    ///
    /// # Errors
    /// [`SecretError::Execute`] where no policy grants it for the whole prefix,
    /// [`SecretError::Loading`] and [`SecretError::NotLoaded`] without an index, or another.
    pub fn list_secrets(
        &self,
        by: &Asker,
        prefix: &PathPrefix,
        after: Option<&str>,
        limit: usize,
    ) -> Result<SecretPage, SecretError> {
        let limit = limit.min(LIST_MAX);
        let root = self.secrets_root()?;
        self.permit(&root, by, (Action::List, "secret.list"), prefix.segments())?;
        let list = |root: &Root| {
            root.opened.secrets.loaded_within(LIST_WAIT_MAX)?;
            Ok(root.opened.secrets.list(prefix, after, limit))
        };
        let (paths, more) = match list(&root) {
            // Somebody may have unsealed it again.
            Err(NotListed::Sealed) => list(&*self.secrets_root()?),
            listed => listed,
        }?;
        let state = self.state();
        let listed = |(path, id): (Zeroizing<String>, SecretId)| {
            let secret = state.secrets().secret(&id).filter(|secret| secret.exists())?;
            let version = secret.newest?;
            let deleted = secret.version(version).is_none_or(|it| it.deleted_at.is_some());
            Some(ListedSecret { path, version, deleted })
        };
        Ok(SecretPage { secrets: paths.into_iter().filter_map(listed).collect(), more })
    }

    /// The root key in memory, of a store whose secrets are those that the newest log tells of.
    fn secrets_root(&self) -> Result<Arc<Root>, SecretError> {
        if self.shared.quarantined().is_some() {
            return Err(ExecuteError::Quarantined.into());
        }
        Ok(self.shared.root().ok_or(ExecuteError::Sealed)?)
    }

    /// Opens one version: what is held in memory if it is, and was not sealed anew since.
    fn open_value(
        &self,
        root: &Root,
        state: &State,
        (id, version): (&SecretId, SecretVersion),
    ) -> Result<OpenedSecret, SecretError> {
        let (memory, field) = (&root.opened.secrets, FieldName::value());
        let name = record::value_record(id, version).ok_or(SecretError::Internal)?;
        if let Some(row) = memory.row(id, version)
            && let Ok(value) = root.open(state, &name, &field, &row)
        {
            return Ok(value);
        }
        let (row, value) = self.shared.open_record(&name, &field)?;
        memory.hold(id, version, &row);
        if !stands(&self.state(), id, version) {
            memory.release(id, &[version]);
        }
        Ok(value)
    }

    /// The id of a secret that may be there.
    fn known_id(&self, root: &Root, path: &SecretPath) -> Result<SecretId, SecretError> {
        let key = self.path_key(root)?;
        Ok(key.ok_or(SecretRefusal::NoSuchSecret)?.id(path))
    }

    /// The key of paths; `None` before the first secret was put.
    fn path_key<'r>(&self, root: &'r Root) -> Result<Option<&'r PathKey>, SecretError> {
        let held = &root.opened.secrets.path_key;
        if held.get().is_none() {
            if !self.state().secrets().begun() {
                return Ok(None);
            }
            let name = record::path_key_record().ok_or(SecretError::Internal)?;
            let (_, key) = self.shared.open_record(&name, &FieldName::value())?;
            let mut bytes = Zeroizing::new(key.expose().to_vec());
            let locked = LockedBytes::take(&mut bytes, self.shared.memory)?;
            // Somebody else may have read it at the same time.
            drop(held.set(PathKey::new(locked)));
        }
        Ok(held.get())
    }

    /// The lock of a secret's changes.
    fn stripe(&self, id: &SecretId) -> Option<MutexGuard<'_, ()>> {
        self.shared.secrets.stripe(id)
    }
}

impl Shared {
    /// Reads a record from disk and opens one field of it.
    fn open_record(
        &self,
        name: &RecordName,
        field: &FieldName,
    ) -> Result<(Vec<u8>, OpenedSecret), SecretError> {
        let damaged = |what: String| SecretError::Damaged { what: what.into() };
        let found = self.record(name).map_err(|error| unavailable(&error))?;
        let found = found.ok_or_else(|| damaged(format!("{name} is missing")))?;
        // The root key as it is after the look: it holds the epoch that was found.
        let root = self.root().ok_or(ExecuteError::Sealed)?;
        let opened = root.unsealed.open_field(name, found.epoch, field, &found.row);
        let opened = opened.map_err(|error| damaged(error.to_string()))?;
        Ok((found.row, opened))
    }
}

/// A secret that is there.
fn existing<'s>(state: &'s State, id: &SecretId) -> Result<&'s Secret, SecretRefusal> {
    state.secrets().secret(id).filter(|it| it.exists()).ok_or(SecretRefusal::NoSuchSecret)
}

/// The version that is to be read.
fn pick(secret: &Secret, version: Option<SecretVersion>) -> Result<&VersionFold, SecretRefusal> {
    let newest = secret.newest.ok_or(SecretRefusal::NoSuchSecret)?;
    let found = match version {
        Some(version) => secret.version(version).ok_or(SecretRefusal::NoSuchVersion(version))?,
        None => secret.version(newest).ok_or(SecretRefusal::NewestPurged(newest))?,
    };
    match found.deleted_at {
        None => Ok(found),
        Some(_) => Err(SecretRefusal::Deleted(found.number)),
    }
}

/// Whether that version is kept.
fn stands(state: &State, id: &SecretId, version: SecretVersion) -> bool {
    state.secrets().secret(id).is_some_and(|secret| secret.version(version).is_some())
}

/// Nothing was read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// A rule says no, the store is sealed, or it cannot be written.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// The value is longer than [`VALUE_BYTES_MAX`].
    #[error("the value has {0} bytes; a secret has at most {VALUE_BYTES_MAX}")]
    TooLong(usize),
    /// The metadata is not what it must be.
    #[error("the metadata is malformed: {0}")]
    Metadata(&'static str),
    /// A sealed record is not the one that the log speaks of.
    #[error("the store is damaged: {what}")]
    Damaged {
        /// Which record, and what is wrong with it.
        what: Box<str>,
    },
    /// A record could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealFailed),
    /// There is no memory for a key.
    #[error(transparent)]
    Memory(#[from] LockFailed),
    /// The store was unsealed a moment ago, and not all paths are read yet.
    #[error("the paths of the secrets are being read still")]
    Loading,
    /// The thread that reads the paths is gone.
    #[error("the paths of the secrets could not be read")]
    NotLoaded,
    /// A fault of this program.
    #[error("the secret's record has no name; this is a fault of the program")]
    Internal,
}

impl From<SecretRefusal> for SecretError {
    fn from(refusal: SecretRefusal) -> Self {
        Self::Execute(ExecuteError::Refused(refusal.into()))
    }
}
