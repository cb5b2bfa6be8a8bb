//! How the store is: sealed or not, whole or quarantined, and which key stores are missing.

use std::sync::Arc;

use keyward_lifecycle::{
    command::{Command, LedgerNote},
    id::{ActorId, ProfileName},
    profile::StoreAddress,
    time::Timestamp,
};

use crate::{
    engine::{Keyward, Quarantine, unavailable},
    writer::{ExecuteError, Receipt},
};

/// How the store is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Status {
    /// The store identity's fingerprint, as text.
    pub root_id: String,
    /// The root key's generation; `None` while sealed.
    pub epoch: Option<u32>,
    /// Whether the root key is in memory.
    pub unsealed: bool,
    /// How the root key's memory is protected; `None` while sealed.
    pub memory: Option<&'static str>,
    /// Leaves of the log.
    pub log_size: u64,
    /// Entries of the ledger.
    pub ledger_size: u64,
    /// Set when the log is shorter than a checkpoint that was kept.
    pub quarantine: Option<Quarantine>,
    /// Whether the writer has stopped because it cannot know what is on the disk.
    pub halted: bool,
    /// Why the newest checkpoint could not be kept outside the database when that was last
    /// tried; it is tried again every second.
    pub pin_failure: Option<Arc<str>>,
    /// When verifiers stop following the authority document; `None` for never.
    pub authority_expires_at: Option<Timestamp>,
    /// Profiles whose key store is not built into this program.
    pub unavailable: Vec<(ProfileName, StoreAddress)>,
}

impl Keyward {
    /// Why the newest checkpoint could not be kept outside the database when that was last
    /// tried; `None` when it was kept or waits for its turn.
    #[must_use]
    pub fn pin_failure(&self) -> Option<Arc<str>> {
        self.shared.pins.failure()
    }

    /// Set while the log is shorter than a checkpoint that was kept: what is told of keys and
    /// anchors then may have been revoked since.
    #[must_use]
    pub fn quarantine(&self) -> Option<Quarantine> {
        self.shared.quarantined()
    }

    /// How the store is.
    ///
    /// # Errors
    /// [`ExecuteError::Unavailable`].
    pub fn status(&self) -> Result<Status, ExecuteError> {
        let heads = self.shared.storage.heads().map_err(|error| unavailable(&error))?;
        let state = self.state();
        let root = self.shared.root();
        let root_id = self.shared.pinned_root();
        let unavailable = state
            .profiles()
            .filter(|profile| !self.store_available(&profile.key_store))
            .map(|profile| (profile.name.clone(), profile.key_store.clone()));
        Ok(Status {
            root_id: root_id.to_string(),
            epoch: root.as_ref().map(|root| root.unsealed.epoch().number()),
            unsealed: root.is_some(),
            memory: root.as_ref().map(|root| root.unsealed.memory().name()),
            log_size: heads.log,
            ledger_size: heads.ledger,
            quarantine: self.shared.quarantined(),
            halted: self.shared.is_halted(),
            pin_failure: self.shared.pins.failure(),
            authority_expires_at: self.authority().authority().expires_at,
            unavailable: unavailable.collect(),
        })
    }

    /// Accepts a log that is shorter than the checkpoint kept from before: an administrator
    /// says that the store was restored on purpose, and the log says who did.
    ///
    /// # Errors
    /// [`ExecuteError::Sealed`]: the new log must be signed for. Another if it cannot be logged.
    pub fn accept_rollback(&self, actor: &ActorId) -> Result<Option<Receipt>, ExecuteError> {
        let Some(Quarantine { kept_size, kept_root, .. }) = self.shared.quarantined() else {
            return Ok(None);
        };
        if !self.shared.is_unsealed() {
            return Err(ExecuteError::Sealed);
        }
        // What was signed after the copy was made is not in this ledger.
        let from = self.state().last_time().unwrap_or(Timestamp::EPOCH);
        let commands = vec![
            Command::AcceptRollback { kept_size, kept_root },
            Command::NoteLedger(LedgerNote::Gap { from }),
        ];
        // The checkpoint over the accepted log goes with it, and replaces the one that was kept.
        let receipt = self.execute_all(actor, commands)?;
        self.shared.end_quarantine();
        Ok(Some(receipt))
    }
}
