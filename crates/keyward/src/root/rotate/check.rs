//! What is checked before a rotation begins (RK-025).

use keyward_barrier::{Backup, Unsealed};

use crate::{
    engine::Keyward,
    root::{RootError, backup::open_sample, change::mark},
    writer::ExecuteError,
};

/// What is around the store, as whoever runs it sees it.
#[derive(Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "every caller decides about every part")]
pub struct Surroundings {
    /// Free bytes on the store's medium, where that can be told.
    pub free_bytes: Option<u64>,
    /// The backup file's bytes, or why there is none.
    pub backup: Option<Result<Vec<u8>, String>>,
    /// Keepers that do not answer.
    pub keepers_missing: Vec<String>,
    /// Whether nobody knows the way to any keeper.
    pub keepers_unknown: bool,
}

/// A check before a rotation (RK-025).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Check {
    /// `health`, `backup`, `resources`, `records` or `keepers`.
    pub name: &'static str,
    /// Why it says no; `None` when it says yes.
    pub refused: Option<String>,
}

/// Free bytes that a rotation wants: rows are written over, so what grows is the journal.
pub const FREE_BYTES_MIN: u64 = 64 << 20;
/// Records that are opened to see whether records open.
const SAMPLE_RECORDS: u32 = 100;

impl Keyward {
    /// Checks whether a rotation may begin; changes nothing but the log.
    ///
    /// # Errors
    /// [`RootError`] when the store is sealed or does not answer.
    pub fn check_rotation(&self, around: &Surroundings) -> Result<Vec<Check>, RootError> {
        let root = self.shared.root().ok_or(ExecuteError::Sealed)?;
        let check = |name, refused| Check { name, refused };
        let missing = &around.keepers_missing;
        let keepers = root.unsealed.header().keepers().filter(|_| around.keepers_unknown);
        Ok(vec![
            check("health", self.ill_health(&root.unsealed)?),
            check("backup", self.stale_backup(around.backup.as_ref())),
            check("resources", few_resources(around.free_bytes)),
            check("records", self.bad_sample(&root.unsealed)?),
            check(
                "keepers",
                match keepers {
                    Some(_) => Some(
                        "the key is split among keepers, and the configuration names none \
                         (rootKey.keepers)"
                            .to_owned(),
                    ),
                    None => (!missing.is_empty())
                        .then(|| format!("no answer from {}", missing.join(", "))),
                },
            ),
        ])
    }

    fn ill_health(&self, root: &Unsealed) -> Result<Option<String>, RootError> {
        let status = self.status()?;
        Ok(if status.halted {
            Some("the store has halted; start it again".to_owned())
        } else if status.quarantine.is_some() {
            Some("the store is quarantined".to_owned())
        } else if root.check_key().is_err() {
            Some("the root key in memory does not match its check value".to_owned())
        } else {
            None
        })
    }

    /// A backup that leads to the root key as it is now, so that nothing is lost if the new
    /// epoch is.
    pub(super) fn stale_backup(&self, file: Option<&Result<Vec<u8>, String>>) -> Option<String> {
        let header = match self.header() {
            Ok(header) => mark(&header),
            Err(error) => return Some(error.to_string()),
        };
        match file {
            Some(Ok(bytes)) => match Backup::read(bytes, Some(&self.shared.pinned_root())) {
                Ok(backup) if mark(backup.header()) == header => None,
                Ok(_) => Some("the backup file is older than the newest slots".to_owned()),
                Err(error) => Some(error.to_string()),
            },
            Some(Err(why)) => Some(why.clone()),
            None => match self.state().root().backup {
                Some(backup) if backup.header == header => None,
                Some(_) => Some("the newest backup is older than the newest slots".to_owned()),
                None => Some("there is no backup of the root key".to_owned()),
            },
        }
    }

    fn bad_sample(&self, root: &Unsealed) -> Result<Option<String>, RootError> {
        let opened = open_sample(&*self.shared.storage, (&self.state(), root), SAMPLE_RECORDS)?;
        // One that is damaged stops nothing: the rotation lists it and leaves it as it is.
        Ok(opened.refusal())
    }
}

fn few_resources(free: Option<u64>) -> Option<String> {
    let free = free?;
    (free < FREE_BYTES_MIN).then(|| {
        let (free, least) = (free >> 20, FREE_BYTES_MIN >> 20);
        format!("{free} MiB are free where the store is, and {least} MiB are needed")
    })
}
