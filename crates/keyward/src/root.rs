//! The root key's life: ways in, slots, rotation, backup, rehearsal (RK-001 to RK-043).
//!
//! What is decided is decided by the log's rules; what is sealed, opened and split is the
//! barrier's. Here the two meet: every change of the signed header goes in the transaction
//! that logs it, and only then is the new key used.

pub mod backup;
mod change;
pub mod keepers;
pub mod reseal;
pub mod rotate;
pub mod slot;
pub mod unseal;

use keyward_barrier::{BackupRefused, ChangeFailed, OpenRefused, RotationRefused};
use keyward_lifecycle::{
    refusal::{Refusal, RootRefusal},
    root::{HeaderMark, RootFold, Rotation},
    time::Timestamp,
};

use crate::{
    engine::Keyward,
    start::UnsealFailed,
    storage::{ReadError, Shelf},
    writer::ExecuteError,
};

/// How the root key is, for people and metrics. Nothing in it is secret.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RootView {
    /// The store identity's fingerprint, as text.
    pub root_id: String,
    /// The newest epoch.
    pub epoch: u32,
    /// Whether the root key is in memory.
    pub unsealed: bool,
    /// How its memory is protected; `None` while sealed.
    pub memory: Option<&'static str>,
    /// Whether the key in memory is the epoch's (RK-040); `None` while sealed.
    pub sound: Option<bool>,
    /// Since when the newest epoch exists.
    pub epoch_began: Timestamp,
    /// What the log says: the rotation that is open, backups, rehearsals.
    pub fold: RootFold,
    /// Whether the newest backup leads to the root key as it is now.
    pub backup_is_current: bool,
}

impl Keyward {
    /// How the root key is.
    ///
    /// # Errors
    /// [`RootError`] when the header cannot be read.
    pub fn root_view(&self) -> Result<RootView, RootError> {
        let header = self.header()?;
        let fold = self.state().root().clone();
        let root = self.shared.root();
        let mark = change::mark(&header);
        let backup_is_current = fold.backup.is_some_and(|backup| backup.header == mark);
        Ok(RootView {
            root_id: header.root_id().to_string(),
            epoch: header.epoch().number(),
            unsealed: root.is_some(),
            memory: root.as_ref().map(|root| root.unsealed.memory().name()),
            sound: root.as_ref().map(|root| root.unsealed.check_key().is_ok()),
            epoch_began: header.created(),
            fold,
            backup_is_current,
        })
    }

    /// The newest header as the store has it, checked against the pinned identity and the log.
    pub(crate) fn header(&self) -> Result<keyward_barrier::EpochHeader, UnsealFailed> {
        let storage = &self.shared.storage;
        let epoch = self.state().root().header.map_or(1, |mark| mark.epoch.get());
        let bytes = storage.item(Shelf::Root, &crate::start::epoch_name(epoch))?;
        let bytes = bytes.ok_or(UnsealFailed::NoHeader)?;
        let pinned = self.shared.pinned_root();
        let header = keyward_barrier::EpochHeader::read(&bytes, Some(&pinned))?;
        is_logged(&header, self.state().root().header)?;
        Ok(header)
    }

    /// The header of the epoch that a rotation leaves, as the log knew it when it began.
    pub(crate) fn former(
        &self,
        rotation: &Rotation,
    ) -> Result<keyward_barrier::EpochHeader, UnsealFailed> {
        let name = crate::start::epoch_name(rotation.from.get());
        let bytes = self.shared.storage.item(Shelf::Root, &name)?.ok_or(UnsealFailed::NoHeader)?;
        let pinned = self.shared.pinned_root();
        let header = keyward_barrier::EpochHeader::read(&bytes, Some(&pinned))?;
        is_logged(&header, rotation.former)?;
        Ok(header)
    }
}

/// An older header leads through slots that are gone: only the one that the log names is followed.
fn is_logged(
    header: &keyward_barrier::EpochHeader,
    logged: Option<HeaderMark>,
) -> Result<(), UnsealFailed> {
    match logged {
        None if header.counter() == keyward_barrier::HeaderCounter::FIRST => Ok(()),
        Some(logged) if logged == change::mark(header) => Ok(()),
        Some(_) | None => Err(UnsealFailed::AnotherHeader {
            found: header.counter().number(),
            logged: logged.map_or(1, |mark| mark.counter),
        }),
    }
}

/// Something with the root key was not done. Nothing has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootError {
    /// A rule says no, the store is sealed, or it cannot be written.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// The slots cannot be changed that way.
    #[error(transparent)]
    Change(#[from] ChangeFailed),
    /// The rotation cannot be done.
    #[error(transparent)]
    Rotation(#[from] RotationRefused),
    /// The store stays sealed.
    #[error(transparent)]
    Unseal(#[from] UnsealFailed),
    /// The backup is not one of this root key.
    #[error(transparent)]
    Backup(#[from] BackupRefused),
    /// A name or number that cannot be.
    #[error("{0}")]
    Malformed(String),
    /// A check before the rotation says no (RK-025).
    #[error("the check `{check}` failed: {why}")]
    Check {
        /// Which.
        check: &'static str,
        /// Why.
        why: String,
    },
    /// The backup could not be written or read again.
    #[error("the backup of the root key was not renewed: {0}")]
    BackupNotRenewed(String),
    /// Keepers did not take their shares.
    #[error("the keepers did not take their shares: {0}")]
    Keepers(String),
    /// The root key was split anew while its keepers were asked.
    #[error("the root key was split anew while its keepers were asked")]
    Overtaken,
    /// A record does not open.
    #[error(transparent)]
    Record(#[from] OpenRefused),
    /// It is done only while the store is sealed.
    #[error("the store is unsealed, and a restore is done while it is sealed")]
    Unsealed,
    /// The store's own header is sound, and newer than the backup's.
    #[error(
        "the store's own header is sound and newer than the backup: slots or passwords were \
         changed since"
    )]
    NewerHeader,
    /// The storage does not answer.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<Refusal> for RootError {
    fn from(refusal: Refusal) -> Self {
        Self::Execute(refusal.into())
    }
}

impl From<RootRefusal> for RootError {
    fn from(refusal: RootRefusal) -> Self {
        Self::Execute(Refusal::from(refusal).into())
    }
}
