//! Which key is due, and since when, in calendar months.

use keyward_lifecycle::{
    command::{Command, NewKey},
    key::due::{Due, due},
    profile::{OnMaxAge, RotationPolicy},
    time::Timestamp,
};
use proptest::prelude::*;

use crate::world::{World, day, generate, id, limited, new_key, retire, revoke};

const fn policy(max_age_months: u16, warning_months: u16) -> RotationPolicy {
    let on_max_age = OnMaxAge::RefuseSign;
    RotationPolicy { enabled: true, max_age_months, warning_months, on_max_age }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[track_caller]
fn check(made: &str, now: &str, (most, warning): (u16, u16), expected: Due) {
    let mut world = World::begun();
    world.at(at(made)).must(generate("k1"));
    assert_eq!(due(world.key("k1"), &policy(most, warning), at(now)), expected);
}

#[test]
fn a_key_is_due_by_the_calendar() {
    // SO-111, SO-112
    let made = "2025-01-31T12:00:00Z";
    let months_left = |months_left| Due::Soon { months_left };
    check(made, "2025-11-30T11:59:59Z", (12, 2), Due::No);
    check(made, "2025-11-30T12:00:00Z", (12, 2), months_left(2));
    check(made, "2025-12-31T12:00:00Z", (12, 2), months_left(1));
    check(made, "2026-01-31T11:59:59Z", (12, 2), months_left(1));
    check(made, "2026-01-31T12:00:00Z", (12, 2), Due::Aged);
    check("2025-01-15T00:00:00Z", "2025-11-15T00:00:00Z", (12, 2), months_left(2));
    check("2025-01-15T00:00:00Z", "2025-07-15T00:00:00Z", (12, 2), Due::No);
    // The age counts, from the day on which the key was made.
    check("2025-08-31T00:00:00Z", "2025-12-30T00:00:00Z", (6, 2), Due::No);
    check("2025-08-31T00:00:00Z", "2025-12-31T00:00:00Z", (6, 2), months_left(2));
    check("2028-02-29T00:00:00Z", "2029-02-28T00:00:00Z", (12, 0), Due::Aged);
}

#[test]
fn the_first_rule_that_fires_is_named_and_only_signers_are_due() {
    // LC-020
    let mut world = World::begun();
    let expires_at = Some(at("2025-06-01T00:00:00Z"));
    world.must(Command::GenerateKey(NewKey { expires_at, ..new_key("k1") }));
    let expiring = Due::Expiring { at: at("2025-06-01T00:00:00Z") };
    let judge = |world: &World, now| due(world.key("k1"), &policy(12, 2), at(now));
    assert_eq!(judge(&world, "2025-03-31T23:59:59Z"), Due::No);
    assert_eq!(judge(&world, "2025-04-01T00:00:00Z"), expiring);
    assert_eq!(judge(&world, "2027-01-01T00:00:00Z"), expiring);
    for end in [retire("k1"), revoke("k1", "superseded"), revoke("k1", "compromise")] {
        let mut ended = world.clone();
        ended.must(end);
        assert_eq!(judge(&ended, "2025-04-01T00:00:00Z"), Due::No);
    }
}

#[test]
fn a_key_is_worn_when_nine_tenths_of_its_uses_are_gone() {
    // LC-020
    let mut world = World::begun();
    world.must(limited("k1", 20));
    for (uses, expected) in [(17, Due::No), (1, Due::Worn), (2, Due::Worn)] {
        let uses = std::num::NonZeroU64::new(uses).unwrap();
        world.must(Command::GrantUsage { key_id: id("k1"), uses });
        assert_eq!(due(world.key("k1"), &policy(12, 2), day(0)), expected);
    }
}

proptest! {
    #[test]
    fn a_warning_comes_with_the_age_and_never_goes_back(
        made in 0..4_000_000_000_i64,
        later in 0..200_000_000_i64,
        most in 1..48_u16,
        warning in 0..12_u16,
    ) {
        // SO-112
        let mut world = World::begun();
        let made = Timestamp::from_seconds(made).max(day(0));
        world.at(made).must(generate("k1"));
        let now = made.plus_seconds(later);
        let age = now.months_since(made);
        let judged = due(world.key("k1"), &policy(most, warning), now);
        let (most, warning) = (i32::from(most), i32::from(warning));
        match judged {
            Due::Aged => prop_assert!(age >= most),
            Due::Soon { months_left } => {
                prop_assert!(age < most && age >= most - warning);
                prop_assert_eq!(months_left, most - age);
            }
            Due::No => prop_assert!(age < most - warning),
            Due::Expiring { .. } | Due::Worn => prop_assert!(false, "{judged:?}"),
        }
    }
}
