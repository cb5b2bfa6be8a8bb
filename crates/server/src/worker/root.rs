//! What is done about the root key without being asked: its key is compared with its check value,
//! a rotation that is open is driven, ended and, when it is due, begun, and the backup file is
//! read again (RK-012, RK-020, RK-023, RK-040).

use std::{sync::atomic::Ordering, time::Duration};

use keyward::{
    ExecuteError, Keyward,
    root::{
        RootError,
        reseal::RESEAL_BATCH,
        rotate::{Begin, KeepersNext},
    },
};
use keyward_lifecycle::{
    command::AcceptLoss,
    id::ActorId,
    root::{EpochNumber, RootFold, Rotation},
    time::Timestamp,
};
use tokio::time::Instant;
use tracing::{info, warn};

use super::{BEAT, SCHEDULER, Standing};
use crate::{
    config::FINALISE_HOURS,
    root::{RootCare, was_rolled_back},
};

/// Seconds between two comparisons of the key in memory with its check value.
const KEY_CHECK_SECONDS: i64 = 60;
/// Seconds from something that failed to the next try.
const RETRY_SECONDS: i64 = 600;
/// Records that are sealed anew at once: half of what a command takes that has the store to
/// itself, since whoever signs waits for them.
const BATCH: u32 = RESEAL_BATCH / 2;
/// Over how long it is counted how many records are dealt with.
const PACE_OVER: Duration = Duration::from_secs(1);
/// Seconds of a day.
const DAY: i64 = 86_400;

/// What it remembers; after a restart it begins anew.
#[derive(Debug, Default)]
pub struct RootWork {
    key_checked: Option<Timestamp>,
    backup_checked: Option<Timestamp>,
    /// Since when the rotation to that epoch is complete.
    complete: Option<(EpochNumber, Timestamp)>,
    /// When what is done while no rotation is open may be tried again, since it failed.
    idle_until: Option<Timestamp>,
    /// The same of a rotation's way, by its epoch and whether it leads back.
    still_until: Option<((EpochNumber, bool), Timestamp)>,
    /// Since when records are counted, and how many were dealt with since.
    paced: Option<(Instant, u32)>,
}

impl RootWork {
    /// Does what is to be done now, one batch at most, and says how long to wait before the next
    /// turn.
    pub fn turn(&mut self, keyward: &Keyward, care: &RootCare, standing: &Standing) -> Duration {
        let begun = Instant::now();
        if !keyward.status().is_ok_and(|status| status.unsealed && !status.halted) {
            return BEAT;
        }
        let turn = Turn { keyward, care, now: keyward.now() };
        self.check_key(&turn, standing);
        if !keyward.is_unsealed() {
            return BEAT;
        }
        let state = keyward.state();
        let fold = state.root();
        let outcome = match fold.rotation.as_deref() {
            Some(rotation) => self.drive(&turn, standing, rotation),
            None => self.idle(&turn, fold).map(|()| 0),
        };
        self.pace(begun, outcome.as_ref().map_or(0, |moved| *moved), standing);
        match outcome {
            Ok(0) => BEAT,
            // Whoever signs beside it has the other half of the time.
            Ok(moved) => begun.elapsed().max(at_rate(moved, turn.rate(standing))),
            Err(error) => {
                // It may come of a key that has changed in memory.
                self.key_checked = None;
                let until = turn.now.plus_seconds(RETRY_SECONDS);
                match fold.rotation.as_deref() {
                    Some(rotation) => self.still_until = Some((way(rotation), until)),
                    None => self.idle_until = Some(until),
                }
                warn!(%error, "what the root key needs was not done; it is tried again later");
                BEAT
            }
        }
    }

    /// How many records are dealt with in a second, as it is told (RK-026).
    fn pace(&mut self, begun: Instant, moved: u32, standing: &Standing) {
        if moved == 0 {
            self.paced = None;
            standing.pace.store(0, Ordering::Relaxed);
            return;
        }
        let (since, before) = self.paced.unwrap_or((begun, 0));
        let (all, took) = (before.saturating_add(moved), since.elapsed());
        self.paced = Some((since, all));
        if let Some(pace) = u128::from(all).saturating_mul(1_000).checked_div(took.as_millis())
            && took >= PACE_OVER
        {
            standing.pace.store(u32::try_from(pace).unwrap_or(u32::MAX), Ordering::Relaxed);
            self.paced = None;
        }
    }

    /// RK-040.
    fn check_key(&mut self, turn: &Turn<'_>, standing: &Standing) {
        if !is_over(self.key_checked, KEY_CHECK_SECONDS, turn.now) {
            return;
        }
        self.key_checked = Some(turn.now);
        let sound = turn.keyward.root_view().ok().and_then(|view| view.sound);
        if let Some(sound) = sound
            && standing.unsound.swap(!sound, Ordering::Relaxed) == sound
            && !sound
        {
            match turn.actor() {
                Ok(actor) => turn.keyward.seal_by(&actor),
                Err(_) => turn.keyward.seal(),
            }
            // What failed with it is tried at once when the store is unsealed again.
            (self.still_until, self.idle_until) = (None, None);
            warn!("the root key in memory does not match its check value: the store is sealed");
        }
    }

    /// Gives the number of records that were dealt with.
    fn drive(
        &mut self,
        turn: &Turn<'_>,
        standing: &Standing,
        rotation: &Rotation,
    ) -> Result<u32, RootError> {
        let pass = rotation.pass();
        let waits = |(still, until)| still == way(rotation) && turn.now < until;
        if rotation.paused.is_some() || self.still_until.is_some_and(waits) {
            return Ok(0);
        }
        if !pass.complete {
            self.complete = None;
            let limit = turn.rate(standing).map_or(BATCH, |rate| rate.min(BATCH));
            let step = turn.keyward.reseal_step(&turn.actor()?, limit)?;
            if step.complete {
                info!(moved = pass.moved, failed = pass.failed.len(), "every record is dealt with");
            }
            return Ok(limit);
        }
        if !pass.failed.is_empty() {
            // They may have been restored, or be gone.
            self.still_until = Some((way(rotation), turn.now.plus_seconds(RETRY_SECONDS)));
            return turn.keyward.reseal_step(&turn.actor()?, RESEAL_BATCH).map(|_| 0);
        }
        if rotation.back.is_some() {
            turn.keyward.finish_root_rollback(&turn.actor()?)?;
            info!(epoch = rotation.from.get(), "the rotation of the root key is rolled back");
            return Ok(0);
        }
        let since = match self.complete {
            Some((to, since)) if to == rotation.to => since,
            Some(_) | None => turn.now,
        };
        self.complete = Some((rotation.to, since));
        let configured = turn.care.rotation.as_ref();
        let hours = configured.map_or(FINALISE_HOURS, |rotation| rotation.finalise_after_hours);
        if turn.now >= since.plus_seconds(i64::from(hours).saturating_mul(3600)) {
            turn.care.finalise(turn.keyward, &turn.actor()?, AcceptLoss::No)?;
            info!(epoch = rotation.to.get(), "the rotation of the root key is finalised");
        }
        Ok(0)
    }

    fn idle(&mut self, turn: &Turn<'_>, fold: &RootFold) -> Result<(), RootError> {
        self.complete = None;
        if self.idle_until.is_some_and(|until| turn.now < until) {
            return Ok(());
        }
        self.verify_backup(turn, fold)?;
        let Some(schedule) = &turn.care.rotation else { return Ok(()) };
        let view = turn.keyward.root_view()?;
        if was_rolled_back(fold) || !schedule.is_due(view.epoch_began, turn.now) {
            return Ok(());
        }
        let begin = Begin::Ordinary { keepers: KeepersNext::AsBefore };
        let around = turn.care.surroundings();
        let mut deliver = |shares, standing| turn.care.deliver(shares, standing);
        drop(turn.keyward.begin_root_rotation(&turn.actor()?, begin, &around, &mut deliver)?);
        info!(from = view.epoch, "the root key is due: its rotation has begun");
        Ok(())
    }

    /// RK-012.
    fn verify_backup(&mut self, turn: &Turn<'_>, fold: &RootFold) -> Result<(), RootError> {
        let newest = self.backup_checked.max(fold.backup_check.map(|check| check.at));
        let every = i64::from(turn.care.verify_every_days).saturating_mul(DAY);
        if !is_over(newest, every, turn.now) {
            return Ok(());
        }
        let Some(backup) = turn.care.site.backup() else { return Ok(()) };
        self.backup_checked = Some(turn.now);
        // A file that cannot be read is a backup that is not one.
        let bytes = backup.unwrap_or_else(|why| {
            warn!(%why, "the root key's backup file cannot be read");
            Vec::new()
        });
        turn.keyward.check_backup(&turn.actor()?, &bytes, None).map(drop)
    }
}

/// Which way a rotation is on.
fn way(rotation: &Rotation) -> (EpochNumber, bool) {
    (rotation.to, rotation.back.is_some())
}

/// One turn.
struct Turn<'t> {
    keyward: &'t Keyward,
    care: &'t RootCare,
    now: Timestamp,
}

impl Turn<'_> {
    /// Who does it, in the log; made up and logged the first time that something is done.
    fn actor(&self) -> Result<ActorId, ExecuteError> {
        self.keyward.actor(SCHEDULER)
    }

    /// Most records a second.
    fn rate(&self, standing: &Standing) -> Option<u32> {
        let configured = self.care.rotation.as_ref();
        standing.rate().or_else(|| configured.and_then(|rotation| rotation.records_per_second))
    }
}

fn is_over(since: Option<Timestamp>, seconds: i64, now: Timestamp) -> bool {
    // A clock that was set back does not keep anything from being looked at.
    since.is_none_or(|since| now >= since.plus_seconds(seconds) || now < since)
}

/// How long so many records take at that rate.
fn at_rate(records: u32, rate: Option<u32>) -> Duration {
    let Some(rate) = rate.filter(|rate| *rate > 0) else { return Duration::ZERO };
    Duration::from_secs_f64(f64::from(records) / f64::from(rate))
}
