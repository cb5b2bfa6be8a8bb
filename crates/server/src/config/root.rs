//! The sections about the root key's rotation and backup: `rootKey.rotation` and
//! `rootKey.backup`.

use std::path::PathBuf;

use keyward_lifecycle::time::Timestamp;
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{ConfigError, wire::at};

/// Days between two rotations, unless the file says otherwise.
pub const ROTATION_DAYS: u16 = 365;
/// Most days between two rotations: ten years.
pub const ROTATION_DAYS_MAX: u16 = 3650;
/// Hours from the last record of a rotation to its end, unless the file says otherwise: for so
/// long it may be rolled back.
pub const FINALISE_HOURS: u16 = 24;
/// Most such hours: a month.
pub const FINALISE_HOURS_MAX: u16 = 24 * 31;
/// Most records a second that a rotation may be held to.
pub const RECORDS_PER_SECOND_MAX: u32 = 1_000_000;
/// Days between two checks of the backup file, unless the file says otherwise.
pub const VERIFY_DAYS: u16 = 7;
/// Most days between two checks of the backup file.
pub const VERIFY_DAYS_MAX: u16 = 365;

/// When the root key is rotated without being asked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what a file can say")]
pub struct RootRotationConfig {
    /// Days between the beginnings of two epochs.
    pub every_days: u16,
    /// When a rotation may begin; at any time without one.
    pub window: Option<MaintenanceWindow>,
    /// Most records that are sealed anew in a second.
    pub records_per_second: Option<u32>,
    /// Hours from the last record to the end of a rotation in which nothing failed.
    pub finalise_after_hours: u16,
}

/// When a rotation may begin, each week, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what a file can say")]
pub struct MaintenanceWindow {
    /// The days on which it opens, Monday first.
    pub days: [bool; 7],
    /// Minutes after midnight at which it opens.
    pub from: u16,
    /// Minutes after midnight at which it closes: of the next day, if that is not later.
    pub to: u16,
}

/// Where the root key's backup lies.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what a file can say")]
pub struct RootBackupConfig {
    /// The file, which is renewed whenever a rotation ends.
    pub file: PathBuf,
    /// Days between two checks of it.
    pub verify_every_days: u16,
}

impl RootRotationConfig {
    /// When the rotation that follows an epoch which began at `began` is due: not before its
    /// interval is over, not in the past, and in the window.
    #[must_use]
    pub fn next(&self, began: Timestamp, now: Timestamp) -> Timestamp {
        let due = began.plus_seconds(i64::from(self.every_days).saturating_mul(DAY));
        let due = if due < now && self.window.is_some() { now } else { due };
        self.window.map_or(due, |window| window.opens(due))
    }

    /// Whether one may begin now.
    #[must_use]
    pub fn is_due(&self, began: Timestamp, now: Timestamp) -> bool {
        self.next(began, now) <= now
    }
}

impl MaintenanceWindow {
    /// The first instant from `at` on at which it is open.
    fn opens(self, at: Timestamp) -> Timestamp {
        let today = at.seconds().div_euclid(DAY);
        // Yesterday's may still be open; one of the next seven days has one.
        let spans = (-1..=7).filter_map(|days| self.on(today.saturating_add(days)));
        let open = spans.filter(|(_, to)| *to > at).map(|(from, _)| from.max(at));
        open.min().unwrap_or(at)
    }

    /// When it opens and closes on a day, counted from 1970-01-01; it may have none.
    fn on(self, day: i64) -> Option<(Timestamp, Timestamp)> {
        // 1970-01-01 was a Thursday.
        let weekday = usize::try_from(day.saturating_add(3).rem_euclid(7)).ok()?;
        self.days.get(weekday).filter(|open| **open)?;
        let minutes = i64::from(self.to).saturating_sub(self.from.into());
        let minutes = if minutes <= 0 { minutes.saturating_add(24 * 60) } else { minutes };
        let from = day.saturating_mul(DAY).saturating_add(i64::from(self.from).saturating_mul(60));
        let from = Timestamp::from_seconds(from);
        Some((from, from.plus_seconds(minutes.saturating_mul(60))))
    }
}

/// Seconds of a day.
const DAY: i64 = 86_400;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FileRotation {
    every_days: Option<Spanned<u16>>,
    window: Option<FileWindow>,
    records_per_second: Option<Spanned<u32>>,
    finalise_after_hours: Option<Spanned<u16>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileWindow {
    days: Option<Spanned<Vec<FileDay>>>,
    from: Spanned<String>,
    to: Spanned<String>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum FileDay {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FileBackup {
    file: Spanned<PathBuf>,
    verify_every_days: Option<Spanned<u16>>,
}

pub(super) fn rotation(rotation: FileRotation) -> Result<RootRotationConfig, ConfigError> {
    let FileRotation { every_days, window, records_per_second, finalise_after_hours } = rotation;
    let rate = records_per_second;
    if let Some(rate) = rate.as_ref().filter(|r| !(1..=RECORDS_PER_SECOND_MAX).contains(&r.value)) {
        let what = format!("expected from 1 to {RECORDS_PER_SECOND_MAX} records a second");
        return Err(at(rate, what));
    }
    Ok(RootRotationConfig {
        every_days: within(every_days, ROTATION_DAYS, (1, ROTATION_DAYS_MAX), "days")?,
        window: window.map(self::window).transpose()?,
        records_per_second: rate.map(|rate| rate.value),
        finalise_after_hours: within(
            finalise_after_hours,
            FINALISE_HOURS,
            (0, FINALISE_HOURS_MAX),
            "hours",
        )?,
    })
}

pub(super) fn backup(backup: FileBackup) -> Result<RootBackupConfig, ConfigError> {
    let FileBackup { file, verify_every_days } = backup;
    if !file.value.is_absolute() {
        return Err(at(&file, "expected the file's whole path, from / on"));
    }
    let days = within(verify_every_days, VERIFY_DAYS, (1, VERIFY_DAYS_MAX), "days")?;
    Ok(RootBackupConfig { file: file.value, verify_every_days: days })
}

fn window(window: FileWindow) -> Result<MaintenanceWindow, ConfigError> {
    let FileWindow { days, from, to } = window;
    let mut open = [days.is_none(); 7];
    if let Some(days) = days {
        if days.value.is_empty() {
            return Err(at(&days, "a window without days never opens"));
        }
        for day in &days.value {
            if let Some(open) = open.get_mut(place(*day)) {
                *open = true;
            }
        }
    }
    Ok(MaintenanceWindow { days: open, from: minutes(&from)?, to: minutes(&to)? })
}

const fn place(day: FileDay) -> usize {
    match day {
        FileDay::Monday => 0,
        FileDay::Tuesday => 1,
        FileDay::Wednesday => 2,
        FileDay::Thursday => 3,
        FileDay::Friday => 4,
        FileDay::Saturday => 5,
        FileDay::Sunday => 6,
    }
}

fn minutes(text: &Spanned<String>) -> Result<u16, ConfigError> {
    let parts = text.value.split_once(':').filter(|(h, m)| h.len() == 2 && m.len() == 2);
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok());
    let read = parts.and_then(|(hours, minutes)| {
        let (hours, minutes): (u16, u16) = (digits(hours)??, digits(minutes)??);
        (hours < 24 && minutes < 60).then(|| hours.saturating_mul(60).saturating_add(minutes))
    });
    read.ok_or_else(|| at(text, "expected a time of day in UTC, as in \"02:30\""))
}

fn within(
    given: Option<Spanned<u16>>,
    default: u16,
    (least, most): (u16, u16),
    unit: &str,
) -> Result<u16, ConfigError> {
    match given {
        None => Ok(default),
        Some(given) if (least..=most).contains(&given.value) => Ok(given.value),
        Some(given) => Err(at(&given, format!("expected from {least} to {most} {unit}"))),
    }
}
