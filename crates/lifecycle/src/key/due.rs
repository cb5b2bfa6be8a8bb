//! Which rule makes a key due, and when (LC-020, SO-112).

use crate::{
    key::Key,
    profile::{GRACE_MONTHS, OnMaxAge, RotationPolicy},
    time::Timestamp,
};

/// What makes a key due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum Due {
    /// Not due, and no warning yet.
    No,
    /// Its maximum age comes within the warning time; whole months left, at least 1.
    Soon {
        /// Its maximum age less its age, in whole months.
        months_left: i32,
    },
    /// It has reached its maximum age.
    Aged,
    /// It expires within the warning time, or has.
    Expiring {
        /// When.
        at: Timestamp,
    },
    /// Nine tenths of its uses are gone.
    Worn,
}

/// The first rule that fires at `now`. A key that does not sign is never due.
#[must_use]
pub fn due(key: &Key, policy: &RotationPolicy, now: Timestamp) -> Due {
    if !key.status(now).signs() {
        return Due::No;
    }
    let warning_months = i32::from(policy.warning_months);
    if let Some(at) = key.record.expires_at
        && now >= at.plus_months(warning_months.saturating_neg())
    {
        return Due::Expiring { at };
    }
    if let Some(most) = key.record.max_usage
        && key.usage_granted() >= most.get().saturating_sub(most.get() / 10)
    {
        return Due::Worn;
    }
    let end = key.created_at.plus_months(i32::from(policy.max_age_months));
    if now >= end {
        return Due::Aged;
    }
    // SO-112: the age is what is compared, in the whole months that are shown beside it.
    let age_months = now.months_since(key.created_at);
    let months_left = i32::from(policy.max_age_months).saturating_sub(age_months);
    if months_left <= warning_months {
        return Due::Soon { months_left };
    }
    Due::No
}

/// Whether the profile's age rule forbids signing at `now` (traps HA-35).
#[must_use]
pub fn too_old_to_sign(key: &Key, policy: &RotationPolicy, now: Timestamp) -> bool {
    let months = i32::from(policy.max_age_months).saturating_add(i32::from(GRACE_MONTHS));
    match policy.on_max_age {
        OnMaxAge::Warn => false,
        OnMaxAge::RefuseSign => now >= key.created_at.plus_months(months),
    }
}
