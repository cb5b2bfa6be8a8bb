//! Who may sign, worked out anew from the log in the plainest way: one pass for each question.

use keyward_lifecycle::{
    event::{Event, Fact},
    id::KeyId,
    key::{Custody, KeyRecord, Reason},
    profile::{GRACE_MONTHS, OnMaxAge, Profile, Strictness},
    time::Timestamp,
};

/// What the log says of one key.
#[derive(Default)]
pub(super) struct Story<'l> {
    record: Option<&'l KeyRecord>,
    made_at: Option<Timestamp>,
    seated: bool,
    destroyed: bool,
    granted: u64,
    revoked_from: Vec<Timestamp>,
    compromised: bool,
}

/// Reads the log for `key_id`.
#[expect(clippy::wildcard_enum_match_arm, reason = "other facts say nothing of signing")]
pub(super) fn story<'l>(log: &'l [Event], key_id: &KeyId) -> Story<'l> {
    let mut story = Story::default();
    for event in log.iter().filter(|event| event.fact.key_id() == Some(key_id)) {
        match &event.fact {
            Fact::KeyGenerated { key, active } | Fact::KeyImported { key, active } => {
                story.record = Some(key);
                story.made_at = Some(event.time);
                story.seated = *active;
            }
            Fact::KeyPromoted { .. } => story.seated = true,
            Fact::KeyRetired { .. } => story.seated = false,
            Fact::KeyDestroyed { .. } => story.destroyed = true,
            Fact::KeyUsageGranted { granted, .. } => story.granted = *granted,
            Fact::KeyRevoked { anchor_id: None, reason, effective_at, .. } => {
                story.revoked_from.push(*effective_at);
                story.compromised |= *reason == Reason::KeyCompromise;
            }
            _ => {}
        }
    }
    story
}

impl Story<'_> {
    /// Whether the key can ever sign again, whatever becomes of its profile.
    pub(super) fn holds_its_seat(&self, now: Timestamp) -> bool {
        let Some(record) = self.record else { return false };
        self.seated
            && !self.compromised
            && self.revoked_from.iter().all(|from| now < *from)
            && record.expires_at.is_none_or(|end| now < end)
            && !self.destroyed
            && record.custody != Custody::Foreign
    }

    /// Whether it may sign at `now`.
    pub(super) fn may_sign(&self, log: &[Event], now: Timestamp) -> bool {
        let Some((record, made_at)) = self.record.zip(self.made_at) else { return false };
        let profile = log.iter().rev().find_map(|event| {
            let Fact::ProfileDefined { profile } = &event.fact else { return None };
            Some(profile).filter(|profile| profile.name == record.profile)
        });
        self.holds_its_seat(now)
            && record.max_usage.is_none_or(|most| self.granted < most.get())
            && profile.is_none_or(|profile| allows(profile, self, (made_at, now)))
    }

    /// Where it signs.
    pub(super) fn seat(&self) -> Option<(&str, &str)> {
        self.record.map(|record| (record.profile.as_str(), &*record.purpose))
    }
}

fn allows(profile: &Profile, story: &Story<'_>, (made_at, now): (Timestamp, Timestamp)) -> bool {
    let months = profile.rotation.max_age_months + GRACE_MONTHS;
    let aged = now >= made_at.plus_months(i32::from(months));
    let refused = aged && profile.rotation.on_max_age == OnMaxAge::RefuseSign;
    let pending = !story.revoked_from.is_empty() && profile.policy == Strictness::Strict;
    !refused && !pending
}
