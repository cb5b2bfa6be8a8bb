//! The ways in: password, recovery shares, keepers.

use std::sync::{Arc, MutexGuard, PoisonError};

use keyward_barrier::{KeeperShare, RecoveryShare, Sealed, UnsealError, Unsealed};
use keyward_crypto::secret::{LockPolicy, Password};
use keyward_lifecycle::{
    command::{Command, RootCommand},
    id::ActorId,
    root::UnsealedBy,
};
use zeroize::Zeroizing;

use super::RootError;
use crate::{
    engine::{Keyward, Root, Seals},
    keeper::ShareBytes,
    record::of_number,
    start::UnsealFailed,
    system::{LOG_KEY, LogSigner, open_system_key, system_record},
};

impl Keyward {
    /// Unseals with recovery shares, given as text by their holders.
    ///
    /// # Errors
    /// [`RootError`] names a share that is foreign, stale, altered or given twice; nothing has
    /// changed.
    pub fn unseal_with_recovery(&self, actor: &ActorId, shares: &[&str]) -> Result<(), RootError> {
        let since = self.shared.seals();
        let _trying = self.may_try()?;
        let shares: Result<Vec<RecoveryShare>, _> =
            shares.iter().map(|text| RecoveryShare::parse(text)).collect();
        let shares = shares.map_err(|error| RootError::Malformed(error.to_string()))?;
        let by = UnsealedBy::Recovery;
        self.unseal_by(actor, (by, since), |sealed, policy| {
            sealed.unseal_with_recovery(&shares, policy)
        })
    }

    /// Unseals with the shares that keepers gave.
    ///
    /// # Errors
    /// [`RootError`]; nothing has changed.
    pub fn unseal_with_keepers(
        &self,
        actor: &ActorId,
        shares: &[ShareBytes],
    ) -> Result<(), RootError> {
        self.unseal_with_gathered(actor, self.shared.seals(), shares)
    }

    /// As [`Self::unseal_with_keepers`], with shares that were asked for `since`.
    pub(super) fn unseal_with_gathered(
        &self,
        actor: &ActorId,
        since: Seals,
        shares: &[ShareBytes],
    ) -> Result<(), RootError> {
        let shares: Result<Vec<KeeperShare>, _> =
            shares.iter().map(|share| KeeperShare::read(share.expose())).collect();
        let shares = shares.map_err(|error| RootError::Malformed(error.to_string()))?;
        let by = UnsealedBy::Keepers;
        self.unseal_by(actor, (by, since), |sealed, policy| {
            sealed.unseal_with_keepers(&shares, policy)
        })
    }

    /// Unseals with a password, and logs who did (RK-043).
    ///
    /// # Errors
    /// [`RootError`]; nothing has changed.
    pub fn unseal_with_password(
        &self,
        actor: &ActorId,
        password: Vec<u8>,
    ) -> Result<(), RootError> {
        let mut password = Zeroizing::new(password);
        let since = self.shared.seals();
        if self.shared.is_unsealed() {
            // It proves that it is right all the same.
            return self.verify_password(actor, std::mem::take(&mut *password)).map(drop);
        }
        let _trying = self.may_try()?;
        let Ok(password) = Password::new(std::mem::take(&mut *password)) else {
            return Err(self.attempt_failed(actor, UnsealedBy::Password));
        };
        let by = UnsealedBy::Password;
        self.unseal_by(actor, (by, since), |sealed, policy| sealed.unseal(&password, policy))
    }

    /// Seals, and logs who did. An attempt to unseal that is under way comes to nothing.
    pub fn seal_by(&self, actor: &ActorId) {
        if self.shared.is_unsealed() {
            // The root key goes whether or not it could be logged.
            drop(self.execute(actor, Command::Root(RootCommand::NoteSealed)));
        }
        self.seal();
    }

    fn unseal_by(
        &self,
        actor: &ActorId,
        (by, since): (UnsealedBy, Seals),
        open: impl FnOnce(&Sealed, LockPolicy) -> Result<Unsealed, UnsealError>,
    ) -> Result<(), RootError> {
        if self.shared.is_unsealed() {
            return Ok(());
        }
        match self.open_root(since, open) {
            Ok(()) => {}
            Err(error) => {
                // Only what was given and did not open: not a store that cannot be read.
                if matches!(error, UnsealFailed::WrongPassword | UnsealFailed::Unseal(_)) {
                    self.note_refused_access(actor, by);
                }
                return Err(error.into());
            }
        }
        // The store is unsealed whether or not it could be logged.
        drop(self.execute(actor, Command::Root(RootCommand::NoteUnsealed { by })));
        Ok(())
    }

    /// The way in, whichever it is: the header is the one that the log names, the key is the
    /// header's, the log key is the authority's. Who sealed the store `since` has it sealed.
    pub(crate) fn open_root(
        &self,
        since: Seals,
        open: impl FnOnce(&Sealed, LockPolicy) -> Result<Unsealed, UnsealError>,
    ) -> Result<(), UnsealFailed> {
        let changing = self.shared.changing();
        let header = self.header()?;
        let pinned = self.shared.pinned_root();
        let sealed = Sealed::read(header.bytes(), Some(&pinned))?;
        let unsealed = open(&sealed, self.shared.memory).map_err(unseal_failed)?;
        let unsealed = self.as_the_log_says(unsealed);
        let log = self.open_log_key(&unsealed)?;
        let opened = Arc::default();
        let root = Root { unsealed, log: Arc::new(log), opened };
        if !self.shared.set_root_since(since, root) {
            return Err(UnsealFailed::SealedMeanwhile);
        }
        drop(changing);
        // Checkpoints resume; what was done while sealed is signed for now.
        drop(self.shared.ask(|reply| crate::writer::Job::RootChanged { reply }));
        Ok(())
    }

    /// A rotation that was turned back writes in the old epoch again.
    pub(super) fn as_the_log_says(&self, unsealed: Unsealed) -> Unsealed {
        let epoch = of_number(self.state().root().sealing_epoch());
        unsealed.sealing_under(epoch).unwrap_or(unsealed)
    }

    pub(super) fn open_log_key(&self, unsealed: &Unsealed) -> Result<LogSigner, UnsealFailed> {
        let name = system_record(LOG_KEY).ok_or(UnsealFailed::LogKey)?;
        let found = self.shared.record(&name)?.ok_or(UnsealFailed::LogKey)?;
        let log = open_system_key(unsealed, found.epoch, LOG_KEY, &found.row)
            .ok_or(UnsealFailed::LogKey)?;
        let authority = self.shared.authority();
        let authority = authority.authority();
        let log = LogSigner::new(log, &authority.origin).ok_or(UnsealFailed::LogKey)?;
        if log.verifier_keys().iter().all(|key| authority.log_keys.contains(key)) {
            Ok(log)
        } else {
            Err(UnsealFailed::LogKey)
        }
    }

    /// After a few failures each makes the next attempt wait longer (RK-030). Attempts are made
    /// one at a time: what this gives is held until it is known how one came out.
    ///
    /// A failure that the clock has not come to was dated by a clock that ran ahead, or by
    /// somebody who can write the store: waiting for it would lock everybody out.
    pub(super) fn may_try(&self) -> Result<MutexGuard<'_, ()>, RootError> {
        let trying = self.shared.trying.lock().unwrap_or_else(PoisonError::into_inner);
        let (state, clock) = (self.state(), self.shared.clock.now());
        let fold = state.root();
        let dated = fold.access_refused.is_some_and(|(_, last)| last <= clock);
        match fold.try_again_at().filter(|_| dated) {
            Some(at) if clock < at => Err(UnsealFailed::TooSoon { try_again_at: at }.into()),
            Some(_) | None => Ok(trying),
        }
    }

    pub(super) fn attempt_failed(&self, actor: &ActorId, by: UnsealedBy) -> RootError {
        self.note_refused_access(actor, by);
        UnsealFailed::WrongPassword.into()
    }

    /// Logs that somebody knows a password: whoever keeps it looks from time to time (RK-013).
    pub fn note_password_verified(&self, actor: &ActorId, slot: &str) {
        let note = RootCommand::NotePasswordVerified { slot_id: slot.into() };
        // The slot is the answer whether or not it could be logged.
        drop(self.execute(actor, Command::Root(note)));
    }

    /// Logs an attempt to unseal that failed, which raises an alert (RK-042).
    pub fn note_refused_access(&self, actor: &ActorId, by: UnsealedBy) {
        // The refusal is the answer whether or not it could be logged.
        let note = RootCommand::NoteAccessRefused { by, count: 1 };
        drop(self.execute(actor, Command::Root(note)));
    }
}

pub(super) fn unseal_failed(error: UnsealError) -> UnsealFailed {
    if matches!(error, UnsealError::WrongPassword) {
        return UnsealFailed::WrongPassword;
    }
    error.into()
}
