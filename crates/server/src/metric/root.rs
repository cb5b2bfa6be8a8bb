//! What Prometheus reads of the root key (RK-040 to RK-042).

use keyward::{
    Keyward,
    root::{RootError, RootView},
};
use keyward_lifecycle::{
    root::{Outcome, Rotation},
    time::Timestamp,
};
use metrics::{counter, describe_counter, describe_gauge, gauge};

use super::{flag, float, keeper};
use crate::{root::RootCare, worker::Standing};

/// The root key at this moment.
pub(super) fn root(
    keyward: &Keyward,
    view: &Result<RootView, RootError>,
    (care, standing): (&RootCare, &Standing),
) {
    describe();
    let (rotations, accesses) = keyward.root_refused();
    counter!("keyward_root_rotation_refused_total").absolute(rotations);
    counter!("keyward_root_access_refused_total").absolute(accesses);
    gauge!("keyward_root_header_readable").set(flag(view.is_ok()));
    let Ok(view) = view else { return };
    let now = keyward.now();
    gauge!("keyward_root_unsealed").set(flag(view.unsealed));
    if let Some(memory) = view.memory {
        gauge!("keyward_root_memory_locked").set(flag(memory != "unlocked"));
    }
    let sound = view.sound.map_or(!standing.is_unsound(), |sound| sound);
    if view.sound.is_some() || standing.is_unsound() {
        gauge!("keyward_root_key_sound").set(flag(sound));
    }
    gauge!("keyward_root_epoch").set(f64::from(view.epoch));
    gauge!("keyward_root_epoch_age_days").set(days(now, view.epoch_began));
    let due = care.next_rotation(view.epoch_began, now);
    gauge!("keyward_root_next_rotation_seconds").set(seconds(due));
    gauge!("keyward_root_backup_current").set(flag(view.backup_is_current));
    if let Some(backup) = view.fold.backup {
        gauge!("keyward_root_backup_age_seconds").set(age(now, backup.at));
    }
    if let Some(check) = view.fold.backup_check {
        gauge!("keyward_root_backup_check_ok").set(flag(check.outcome == Outcome::Good));
        gauge!("keyward_root_backup_check_age_seconds").set(age(now, check.at));
    }
    if let Some(drill) = view.fold.drill {
        gauge!("keyward_root_drill_ok").set(flag(drill.outcome == Outcome::Good));
        gauge!("keyward_root_drill_age_seconds").set(age(now, drill.at));
    }
    rotation(view.fold.rotation.as_deref(), standing);
    if let Some(keepers) = &care.keepers {
        keeper::keepers(&**keepers);
    }
}

fn rotation(rotation: Option<&Rotation>, standing: &Standing) {
    gauge!("keyward_root_rotation_open").set(flag(rotation.is_some()));
    let Some(rotation) = rotation else { return };
    gauge!("keyward_root_rotation_paused").set(flag(rotation.paused.is_some()));
    let pass = rotation.pass();
    let failed = u64::try_from(pass.failed.len()).unwrap_or(u64::MAX);
    let all = if rotation.back.is_some() { rotation.forth.moved } else { rotation.records };
    let left = if pass.complete { 0 } else { all.saturating_sub(pass.moved) };
    for (state, count) in [("moved", pass.moved), ("failed", failed), ("left", left)] {
        gauge!("keyward_root_rotation_records", "state" => state).set(float(count));
    }
    let pace = standing.pace().unwrap_or(0);
    gauge!("keyward_root_rotation_records_per_second").set(f64::from(pace));
}

fn describe() {
    describe_counter!(
        "keyward_root_rotation_refused_total",
        "Rotations of the root key that were refused or failed, since the start"
    );
    describe_counter!(
        "keyward_root_access_refused_total",
        "Attempts to unseal that failed, since the start"
    );
    describe_gauge!("keyward_root_header_readable", "1 while the way to the root key is sound");
    describe_gauge!("keyward_root_unsealed", "1 while the root key is in memory");
    describe_gauge!("keyward_root_memory_locked", "1 while the root key's memory is locked");
    describe_gauge!("keyward_root_key_sound", "1 while the key in memory is the epoch's");
    describe_gauge!("keyward_root_epoch", "The root key's generation");
    describe_gauge!("keyward_root_epoch_age_days", "Age of the root key's epoch in days");
    describe_gauge!("keyward_root_next_rotation_seconds", "When the next rotation is due");
    describe_gauge!("keyward_root_backup_current", "1 while the backup is of the key as it is");
    describe_gauge!("keyward_root_backup_age_seconds", "Age of the newest backup");
    describe_gauge!("keyward_root_backup_check_ok", "1 while the newest check came out well");
    describe_gauge!("keyward_root_backup_check_age_seconds", "Age of the newest check");
    describe_gauge!("keyward_root_drill_ok", "1 while the newest rehearsal came out well");
    describe_gauge!("keyward_root_drill_age_seconds", "Age of the newest rehearsal");
    describe_gauge!("keyward_root_rotation_open", "1 while a rotation is open");
    describe_gauge!("keyward_root_rotation_paused", "1 while the open rotation stands still");
    describe_gauge!("keyward_root_rotation_records", "Records of the open rotation, by state");
    describe_gauge!(
        "keyward_root_rotation_records_per_second",
        "Records that the open rotation deals with in a second"
    );
}

/// A time as Prometheus has it: seconds since 1970.
pub(super) fn seconds(at: Timestamp) -> f64 {
    float(u64::try_from(at.seconds()).unwrap_or(0))
}

fn age(now: Timestamp, since: Timestamp) -> f64 {
    float(u64::try_from(now.seconds().saturating_sub(since.seconds())).unwrap_or(0))
}

fn days(now: Timestamp, since: Timestamp) -> f64 {
    float(u64::try_from(now.days_since(since)).unwrap_or(0))
}
