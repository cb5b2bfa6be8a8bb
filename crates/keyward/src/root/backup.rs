//! Backups of the root key: made, read again, restored, rehearsed (RK-011, RK-012, RK-030).

use std::sync::Arc;

use keyward_barrier::{Backup, EpochHeader, RecordName, Sealed, Unsealed};
use keyward_crypto::secret::{LockPolicy, Password};
use keyward_lifecycle::{
    command::{Command, RootCommand},
    decide::decide,
    id::ActorId,
    root::{Outcome, UnsealedBy},
    state::State,
    time::Timestamp,
};
use zeroize::Zeroizing;

use super::{
    RootError,
    change::{header_item, mark},
    rotate::Renew,
    unseal::unseal_failed,
};
use crate::{
    engine::{Keyward, Root},
    record::{expected, number_of, of_number},
    start::UnsealFailed,
    storage::{ReadError, Shelf, Storage},
    writer::ExecuteError,
};

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupView {
    /// The root id.
    pub root_id: String,
    /// The epoch to which it leads.
    pub epoch: u32,
    /// When it was made.
    pub created: Timestamp,
    /// Its ways in: kinds and labels.
    pub slots: Vec<(&'static str, String)>,
    /// Whether it leads to the root key as it is now.
    pub is_current: bool,
}

/// What was seen of records that were opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Sample {
    /// Records that opened.
    pub opened: u64,
    /// Why the first that did not did not.
    pub first_refused: Option<String>,
}

impl Sample {
    /// Why nothing opens, if nothing does: the key is another. One record that is damaged says
    /// nothing about the key.
    pub(super) fn refusal(self) -> Option<String> {
        let refused = self.first_refused.filter(|_| self.opened == 0);
        refused.map(|why| format!("no record opens: {why}"))
    }
}

/// What becomes of a backup whose header is older than the store's own, which is sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two answers")]
pub enum Older {
    /// It is refused: it would bring back slots and passwords that were removed.
    Refused,
    /// It is restored.
    Accepted,
}

/// Records that a restore opens before it serves.
const RESTORE_SAMPLE: u32 = 1_000;

impl Keyward {
    /// A backup of the root key as it is now: `keep` puts it where it belongs, and then it is
    /// logged. It holds the signed header with its slots; a password or shares open it.
    ///
    /// # Errors
    /// [`RootError`].
    pub fn backup_root(
        &self,
        actor: &ActorId,
        keep: &mut Renew<'_>,
    ) -> Result<BackupView, RootError> {
        let backup = self.new_backup()?;
        let again = keep(&backup).map_err(RootError::BackupNotRenewed)?;
        self.note_backup(actor, &again)
    }

    /// A backup of the root key as it is now, for whoever keeps it elsewhere: nothing is logged
    /// until [`Self::note_backup`] has seen what was read again.
    ///
    /// # Errors
    /// [`RootError`].
    pub fn new_backup(&self) -> Result<Vec<u8>, RootError> {
        self.backup_of(&self.header()?)
    }

    /// As [`Self::new_backup`], and the log says who got it: from then on passwords can be guessed
    /// at where nobody sees it. What cannot be logged is not handed out.
    ///
    /// # Errors
    /// [`RootError`].
    pub fn hand_out_backup(&self, actor: &ActorId) -> Result<Vec<u8>, RootError> {
        let header = self.header()?;
        let backup = self.backup_of(&header)?;
        let note = RootCommand::NoteBackupHandedOut { header: mark(&header) };
        self.execute(actor, Command::Root(note))?;
        Ok(backup)
    }

    fn backup_of(&self, header: &EpochHeader) -> Result<Vec<u8>, RootError> {
        let backup = Backup::of(header, self.now());
        let backup = backup.map_err(|error| RootError::BackupNotRenewed(error.to_string()))?;
        Ok(backup.bytes().to_vec())
    }

    /// Logs a backup that was kept, from what was read again where it is kept.
    ///
    /// # Errors
    /// [`RootError::BackupNotRenewed`] for what is no backup of the root key as it is now.
    pub fn note_backup(&self, actor: &ActorId, again: &[u8]) -> Result<BackupView, RootError> {
        let failed = RootError::BackupNotRenewed;
        let pinned = self.shared.pinned_root();
        let again = Backup::read(again, Some(&pinned)).map_err(|e| failed(e.to_string()))?;
        let header = mark(again.header());
        if header != mark(&self.header()?) {
            return Err(failed("it does not lead to the root key as it is now".to_owned()));
        }
        self.execute(actor, Command::Root(RootCommand::NoteBackup { header }))?;
        Ok(self.backup_view(&again))
    }

    /// Reads a backup again and compares its root id; with a password also that it opens and
    /// gives the very root key. Touches nothing but the log (RK-012).
    ///
    /// # Errors
    /// [`RootError`] says what is wrong with it; that is logged as well.
    pub fn check_backup(
        &self,
        actor: &ActorId,
        bytes: &[u8],
        password: Option<Vec<u8>>,
    ) -> Result<BackupView, RootError> {
        let mut password = password.map(Zeroizing::new);
        let read = self.read_backup(bytes);
        let view = read.as_ref().ok().map(|backup| self.backup_view(backup));
        if let (Ok(backup), Some(password)) = (&read, &mut password) {
            let _trying = self.may_try()?;
            match open_backup(backup, std::mem::take(&mut **password), self.shared.memory) {
                Ok(_) => {}
                // The password is not the file's fault.
                Err(RootError::Unseal(UnsealFailed::WrongPassword)) => {
                    return Err(self.attempt_failed(actor, UnsealedBy::Password));
                }
                Err(error) => {
                    self.note_backup_check(actor, Outcome::Bad);
                    return Err(error);
                }
            }
        }
        match (read, view) {
            (Ok(_), Some(view)) => {
                // An older file that is sound says nothing of the one that counts.
                if view.is_current {
                    self.note_backup_check(actor, Outcome::Good);
                }
                Ok(view)
            }
            (Ok(backup), None) => Ok(self.backup_view(&backup)),
            (Err(error), _) => {
                self.note_backup_check(actor, Outcome::Bad);
                Err(error)
            }
        }
    }

    fn note_backup_check(&self, actor: &ActorId, outcome: Outcome) {
        if self.shared.is_unsealed() {
            // The outcome is the answer whether or not it could be logged.
            let note = RootCommand::NoteBackupCheck { outcome };
            drop(self.execute(actor, Command::Root(note)));
        }
    }

    /// Restores: the backup's header takes the place of the store's, once a password has opened
    /// it, its root id is the store's, and a sample of records opens with its key. Then the
    /// store is unsealed (RK-030).
    ///
    /// # Errors
    /// [`RootError`]; nothing has changed. Refused while the store is unsealed.
    pub fn restore_root(
        &self,
        actor: &ActorId,
        bytes: &[u8],
        password: Vec<u8>,
        older: Older,
    ) -> Result<(BackupView, Sample), RootError> {
        let mut password = Zeroizing::new(password);
        let _trying = self.may_try()?;
        let changing = self.shared.changing();
        if self.shared.is_unsealed() {
            return Err(RootError::Unsealed);
        }
        let backup = self.read_backup(bytes)?;
        let unsealed =
            match open_backup(&backup, std::mem::take(&mut *password), self.shared.memory) {
                Ok(unsealed) => unsealed,
                Err(RootError::Unseal(UnsealFailed::WrongPassword)) => {
                    return Err(self.attempt_failed(actor, UnsealedBy::Password));
                }
                Err(error) => return Err(error),
            };
        let state = self.state();
        let found = backup.header().epoch().number();
        let needed = state.root().header.map_or(1, |mark| mark.epoch.get());
        if found < needed {
            return Err(UnsealFailed::OldEpoch { found, needed }.into());
        }
        // Kept while the rotation was open that has ended since: it leads to the same epoch, and
        // to one that is gone.
        let unsealed = match unsealed.header().previous_epoch() {
            Some(_) if state.root().rotation.is_none() && found == needed => unsealed.finalise()?,
            Some(_) | None => unsealed,
        };
        // No epoch's number is used twice, whatever the backup knows of.
        let greatest = state.root().greatest.map(of_number);
        let unsealed = match greatest.filter(|epoch| *epoch > unsealed.epoch()) {
            Some(epoch) => unsealed.abandoning(epoch)?,
            None => unsealed,
        };
        let header = unsealed.header().clone();
        let previous = header.previous_epoch().map(number_of);
        let command = RootCommand::Restore { header: mark(&header), previous };
        let _ = decide(&state, &Command::Root(command.clone()), self.now())?;
        let newer = |own: &EpochHeader| own.counter() > backup.header().counter();
        if older == Older::Refused && self.header().is_ok_and(|own| newer(&own)) {
            return Err(RootError::NewerHeader);
        }
        let sample = open_sample(&*self.shared.storage, (&state, &unsealed), RESTORE_SAMPLE)?;
        if let Some(why) = sample.clone().refusal() {
            return Err(RootError::Check { check: "records", why });
        }
        let unsealed = self.as_the_log_says(unsealed);
        let log = Arc::new(self.open_log_key(&unsealed)?);
        // What was sealed before the store was is durable, in an epoch that is known here.
        let alone = self.shared.alone();
        self.shared.set_root(Some(Root { unsealed, log, opened: Arc::default() }));
        let items = vec![header_item(&header)];
        if let Err(error) = self.execute_with(actor, vec![Command::Root(command)], items) {
            self.seal();
            return Err(error.into());
        }
        drop((alone, changing));
        Ok((self.backup_view(&backup), sample))
    }

    /// Logs how a rehearsal came out (RK-031).
    ///
    /// # Errors
    /// [`ExecuteError`].
    pub fn note_drill(
        &self,
        actor: &ActorId,
        outcome: Outcome,
        records: u64,
    ) -> Result<(), ExecuteError> {
        let note = RootCommand::NoteDrill { outcome, records };
        self.execute(actor, Command::Root(note)).map(drop)
    }

    fn read_backup(&self, bytes: &[u8]) -> Result<Backup, RootError> {
        Ok(Backup::read(bytes, Some(&self.shared.pinned_root()))?)
    }

    fn backup_view(&self, backup: &Backup) -> BackupView {
        let header = backup.header();
        let slots = header.slots().iter();
        let now = self.header().ok().map(|header| mark(&header));
        BackupView {
            root_id: header.root_id().to_string(),
            epoch: header.epoch().number(),
            created: backup.created(),
            slots: slots.map(|slot| (slot.kind(), slot.label().to_string())).collect(),
            is_current: now == Some(mark(header)),
        }
    }
}

fn open_backup(
    backup: &Backup,
    password: Vec<u8>,
    memory: LockPolicy,
) -> Result<Unsealed, RootError> {
    let password = Password::new(password).map_err(|_| UnsealFailed::WrongPassword)?;
    let sealed: Sealed = backup.sealed();
    Ok(sealed.unseal(&password, memory).map_err(unseal_failed)?)
}

/// Opens records in the order of their names.
pub(super) fn open_sample(
    storage: &dyn Storage,
    (state, root): (&State, &Unsealed),
    limit: u32,
) -> Result<Sample, ReadError> {
    let mut sample = Sample::default();
    for item in storage.items(Shelf::Record, None, limit)? {
        let opened = core::str::from_utf8(&item.name)
            .map_err(|error| error.to_string())
            .and_then(|name| name.parse().map_err(|error| format!("{error}")))
            .and_then(|name: RecordName| {
                let epoch = expected(state, &name, &item.bytes);
                root.check_record(&name, epoch, &item.bytes).map_err(|error| error.to_string())
            });
        match opened {
            Ok(()) => sample.opened = sample.opened.saturating_add(1),
            Err(why) => {
                sample.first_refused.get_or_insert(why);
            }
        }
    }
    Ok(sample)
}
