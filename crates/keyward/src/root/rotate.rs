//! Rotation of the root key: checks before, steps, and its two ends.

mod check;

use std::{fmt, sync::Arc};

use keyward_barrier::{
    Backup, Cost, FreshSlots, NextEpoch, NextKeepers, PasswordTerms, Sharing, Unsealed,
};
use keyward_lifecycle::{
    command::{AcceptLoss, Command, RootCommand},
    id::ActorId,
    refusal::RootRefusal,
    root::{Outcome, RotationKind},
};

pub use self::check::{Check, FREE_BYTES_MIN, Surroundings};
use super::{
    RootError,
    change::{Next, mark},
    slot::{Deliver, HandedShare, deliver_next, hand, keeper_names, read_password, slot_label},
};
use crate::{
    engine::Keyward,
    record::of_number,
    storage::Shelf,
    writer::{ExecuteError, Receipt},
};

/// How a rotation begins.
#[non_exhaustive]
pub enum Begin<'b> {
    /// Every way in stays: each is wrapped to, without a password.
    Ordinary {
        /// The keepers from here on.
        keepers: KeepersNext,
    },
    /// Only fresh ways in: the old epoch, and every way to it, may have leaked.
    Emergency(Fresh<'b>),
}

/// The keepers of the next epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every caller decides")]
pub enum KeepersNext {
    /// The same, with fresh shares.
    AsBefore,
    /// These: who is not among them is left out.
    Among {
        /// How many shares give the key.
        threshold: u8,
        /// Their names.
        names: Vec<String>,
    },
}

/// Fresh ways in.
#[expect(clippy::exhaustive_structs, reason = "every caller decides about every way")]
pub struct Fresh<'f> {
    /// A password that opened no slot before.
    pub password: Vec<u8>,
    /// What guessing it costs.
    pub cost: Cost,
    /// Recovery shares: how many of how many, and their holders' age recipients.
    pub recovery: Option<((u8, u8), &'f [String])>,
    /// Keepers.
    pub keepers: KeepersNext,
}

impl Fresh<'_> {
    /// A fresh password at the standard cost and nothing else.
    #[must_use]
    pub const fn password(password: Vec<u8>) -> Self {
        let keepers = KeepersNext::Among { threshold: 0, names: Vec::new() };
        Self { password, cost: Cost::STANDARD, recovery: None, keepers }
    }
}

impl fmt::Debug for Fresh<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fresh(..)")
    }
}

impl fmt::Debug for Begin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ordinary { .. } => "Begin::Ordinary",
            Self::Emergency(_) => "Begin::Emergency",
        })
    }
}

impl Keyward {
    /// Begins a rotation: from here on new records are sealed in the new epoch, and old ones
    /// are read in theirs. Keepers get their new shares before the new header is durable.
    ///
    /// # Errors
    /// [`RootError::Check`] names the check that says no, and the log has it.
    pub fn begin_root_rotation(
        &self,
        actor: &ActorId,
        begin: Begin<'_>,
        around: &Surroundings,
        deliver: &mut Deliver<'_>,
    ) -> Result<Vec<HandedShare>, RootError> {
        let kind = match &begin {
            Begin::Ordinary { .. } => RotationKind::Ordinary,
            Begin::Emergency(_) => RotationKind::Emergency,
        };
        if self.state().root().rotation.is_some() {
            return Err(RootRefusal::RotationOpen.into());
        }
        let failed = self.check_rotation(around)?.into_iter().find(|check| {
            // An emergency does not wait for a backup or for keepers.
            let waits = kind == RotationKind::Ordinary || matches!(check.name, "health");
            check.refused.is_some() && waits
        });
        if let Some(Check { name, refused }) = failed {
            self.note_refused_rotation(actor, name);
            return Err(RootError::Check { check: name, why: refused.unwrap_or_default() });
        }
        let records = self.count_records()?;
        let begun = self.change_header(actor, |root| {
            let (next, names, recipients) = self.next_epoch(root, begin)?;
            let NextEpoch { unsealed, recovery_shares, keeper_shares, .. } = next;
            let handed = hand(&recovery_shares, &recipients)?;
            let header = mark(unsealed.header());
            let commands = vec![RootCommand::BeginRotation { kind, records, header }];
            self.would_log(&commands)?;
            if !keeper_shares.is_empty() {
                deliver_next(root, &names, &keeper_shares, deliver)?;
            }
            Ok(Next { unsealed, commands, gone: None, out: handed })
        });
        if matches!(begun, Err(RootError::Keepers(_))) {
            self.note_refused_rotation(actor, "keepers");
        }
        begun.map(|(_, handed)| handed)
    }

    fn next_epoch(
        &self,
        root: &Unsealed,
        begin: Begin<'_>,
    ) -> Result<(NextEpoch, Vec<String>, Vec<String>), RootError> {
        let now = self.now();
        let before = root.header().keepers();
        let before: Vec<String> =
            before.map(|k| k.names().iter().map(ToString::to_string).collect()).unwrap_or_default();
        let keepers = |next: KeepersNext| -> Result<(NextKeepers, Vec<String>), RootError> {
            Ok(match next {
                KeepersNext::AsBefore => (NextKeepers::AsBefore, before.clone()),
                KeepersNext::Among { names, .. } if names.is_empty() => {
                    (NextKeepers::Nobody, names)
                }
                KeepersNext::Among { threshold, names } => {
                    let parsed = keeper_names(&names)?;
                    (NextKeepers::Among { threshold, names: parsed }, names)
                }
            })
        };
        match begin {
            Begin::Ordinary { keepers: next } => {
                let (next, names) = keepers(next)?;
                Ok((root.begin_rotation(next, now)?, names, Vec::new()))
            }
            Begin::Emergency(Fresh { password, cost, recovery, keepers: next }) => {
                let (keepers, names) = keepers(next)?;
                let password = read_password(password)?;
                let terms = PasswordTerms { cost, label: slot_label("password")?, now };
                let recipients = recovery.map(|(_, holders)| holders.to_vec()).unwrap_or_default();
                let recovery = match recovery {
                    Some(((threshold, count), _)) => {
                        let sharing = Sharing::new(threshold, count)
                            .map_err(|error| RootError::Malformed(error.to_string()))?;
                        Some((sharing, slot_label("recovery")?))
                    }
                    None => None,
                };
                let fresh = FreshSlots { passwords: vec![(&password, terms)], recovery, keepers };
                Ok((root.begin_emergency(fresh, now)?, names, recipients))
            }
        }
    }

    /// Lets the rotation stand still, or go on.
    ///
    /// # Errors
    /// [`RootError`].
    pub fn pause_root_rotation(
        &self,
        actor: &ActorId,
        why: Option<&str>,
    ) -> Result<Receipt, RootError> {
        let command = match why {
            Some(why) => RootCommand::Pause { why: why.into() },
            None => RootCommand::Resume,
        };
        Ok(self.execute(actor, Command::Root(command))?)
    }

    /// Turns the rotation back: new records are sealed in the old epoch again, and the steps
    /// that follow bring every record back to it.
    ///
    /// # Errors
    /// [`RootError`]; an emergency rotation is not turned back.
    pub fn turn_root_rotation_back(&self, actor: &ActorId) -> Result<Receipt, RootError> {
        let changing = self.shared.changing();
        let alone = self.shared.alone();
        let root = self.shared.root().ok_or(ExecuteError::Sealed)?;
        let receipt = self.execute(actor, Command::Root(RootCommand::TurnBack))?;
        let epoch = of_number(self.state().root().sealing_epoch());
        let unsealed = root.unsealed.sealing_under(epoch).ok_or(RootRefusal::NoWayBack)?;
        self.shared.use_root(&root, unsealed);
        drop((alone, changing));
        Ok(receipt)
    }

    /// Ends a rotation that was turned back, once every record is in the old epoch again.
    ///
    /// # Errors
    /// [`RootError`].
    pub fn finish_root_rollback(&self, actor: &ActorId) -> Result<Receipt, RootError> {
        let (receipt, ()) = self.change_header(actor, |root| {
            let rotation = self.state().root().rotation.clone().ok_or(RootRefusal::NoRotation)?;
            let former = self.former(&rotation)?;
            let unsealed = root.rolled_back(&former)?;
            let header = mark(unsealed.header());
            let commands = vec![RootCommand::FinishRollback { header }];
            Ok(Next { unsealed, commands, gone: Some(rotation.to.get()), out: () })
        })?;
        Ok(receipt)
    }

    /// Ends a rotation: the backup is renewed and read again, and then the old epoch is gone
    /// (RK-027). `renew` writes the backup and gives back what it reads from where it wrote;
    /// without it, a backup must have been kept since the rotation began.
    ///
    /// # Errors
    /// [`RootError`]; the rotation stays open then, and may still be rolled back.
    pub fn finalise_root_rotation(
        &self,
        actor: &ActorId,
        loss: AcceptLoss,
        renew: Option<&mut Renew<'_>>,
    ) -> Result<Receipt, RootError> {
        let ended = self.change_header(actor, |root| {
            let rotation = self.state().root().rotation.clone().ok_or(RootRefusal::NoRotation)?;
            let unsealed = root.finalise()?;
            let header = mark(unsealed.header());
            let mut commands = vec![RootCommand::Finalise { header, loss }];
            if renew.is_none()
                && let Some(why) = self.stale_backup(None)
            {
                self.would_log(&commands)?;
                return Err(RootError::Check { check: "backup", why });
            }
            if let Some(renew) = renew {
                // Whether it may end is decided before the backup file is written over.
                self.would_log(&commands)?;
                self.renew_backup(&unsealed, renew)?;
                commands.push(RootCommand::NoteBackup { header });
                commands.push(RootCommand::NoteBackupCheck { outcome: Outcome::Good });
            }
            Ok(Next { unsealed, commands, gone: Some(rotation.from.get()), out: () })
        });
        match ended {
            Ok((receipt, ())) => Ok(receipt),
            Err(error) => {
                if matches!(error, RootError::BackupNotRenewed(_)) {
                    self.note_refused_rotation(actor, "backup");
                }
                Err(error)
            }
        }
    }

    fn renew_backup(&self, unsealed: &Unsealed, renew: &mut Renew<'_>) -> Result<(), RootError> {
        let failed = |why: String| RootError::BackupNotRenewed(why);
        let backup =
            Backup::of(unsealed.header(), self.now()).map_err(|error| failed(error.to_string()))?;
        let read = renew(backup.bytes()).map_err(failed)?;
        let again = Backup::read(&read, Some(&self.shared.pinned_root()))
            .map_err(|error| failed(error.to_string()))?;
        if mark(again.header()) == mark(unsealed.header()) {
            Ok(())
        } else {
            Err(failed("what was read again is not what was written".to_owned()))
        }
    }

    /// Logs how a check before a rotation came out, which nobody wanted to begin yet.
    pub fn note_rotation_check(&self, actor: &ActorId, outcome: Outcome) {
        let note = RootCommand::NoteRotationCheck { outcome };
        // The checks are the answer whether or not they could be logged.
        drop(self.execute(actor, Command::Root(note)));
    }

    /// Logs that a rotation was refused or failed, which raises an alert (RK-042).
    pub fn note_refused_rotation(&self, actor: &ActorId, check: &str) {
        let note = RootCommand::NoteRefusedRotation { check: Arc::from(check) };
        // The failure is the answer whether or not it could be logged.
        drop(self.execute(actor, Command::Root(note)));
    }

    fn count_records(&self) -> Result<u64, RootError> {
        let (mut after, mut count): (Option<Vec<u8>>, u64) = (None, 0);
        loop {
            let page = self.shared.storage.items(Shelf::Record, after.as_deref(), COUNT_PAGE)?;
            let Some(last) = page.last() else { return Ok(count) };
            count = count.saturating_add(page.len() as u64);
            after = Some(last.name.clone());
        }
    }
}

/// Writes a backup, and gives back what it then reads.
pub type Renew<'r> = dyn FnMut(&[u8]) -> Result<Vec<u8>, String> + 'r;

/// Items read at once while counting.
const COUNT_PAGE: u32 = 10_000;
