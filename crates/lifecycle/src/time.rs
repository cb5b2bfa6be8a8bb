//! Instants and half-open windows. Nothing here reads a clock.

use alloc::string::{String, ToString};
use core::{fmt, num::NonZeroU64, str::FromStr};

use jiff::{civil, tz::TimeZone};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An instant in UTC, in whole nanoseconds since 1970-01-01T00:00:00Z; years 1678 to 2261.
///
/// Parsed from and shown in RFC 3339. Shown with 0, 3, 6 or 9 fractional digits, the fewest
/// that lose nothing, and always with `Z`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(NonZeroU64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self::from_nanos(0);
    /// Later than every instant that an event can carry.
    pub const MAX: Self = Self::from_nanos(i64::MAX);

    /// From nanoseconds since the epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        // The sign turned over keeps the order among unsigned numbers. The one instant that
        // would be 0 counts as the next one, so that an absent time takes no room of its own.
        match NonZeroU64::new(nanos.cast_unsigned() ^ SIGN) {
            Some(turned) => Self(turned),
            None => Self(NonZeroU64::MIN),
        }
    }

    /// From whole seconds since the epoch; saturates at the ends of the range.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self::from_nanos(seconds.saturating_mul(NANOS_PER_SECOND))
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        (self.0.get() ^ SIGN).cast_signed()
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.nanos().div_euclid(NANOS_PER_SECOND)
    }

    /// This instant, `seconds` later (earlier if negative); saturates.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_nanos(self.nanos().saturating_add(seconds.saturating_mul(NANOS_PER_SECOND)))
    }

    /// This instant cut to whole microseconds, which is what the log's times carry.
    #[must_use]
    pub const fn cut_to_micros(self) -> Self {
        Self::from_nanos(self.nanos().saturating_sub(self.nanos().rem_euclid(1_000)))
    }

    /// Whole days from `earlier` to this instant; 0 when it is not later.
    #[must_use]
    pub const fn days_since(self, earlier: Self) -> i64 {
        let nanos = self.nanos().saturating_sub(earlier.nanos());
        if nanos < 0 { 0 } else { nanos / (NANOS_PER_SECOND * 86_400) }
    }

    /// This instant, `months` calendar months later in UTC; a day that the month lacks becomes
    /// its last day (31 January + 1 month is 28 or 29 February). Saturates.
    #[must_use]
    pub fn plus_months(self, months: i32) -> Self {
        let datetime = self.civil();
        datetime
            .checked_add(jiff::Span::new().months(months))
            .ok()
            .and_then(|later| TimeZone::UTC.to_timestamp(later).ok())
            .and_then(|later| i64::try_from(later.as_nanosecond()).ok())
            .map_or(
                if months < 0 { Self::from_nanos(i64::MIN) } else { Self::MAX },
                Self::from_nanos,
            )
    }

    /// Whole calendar months from `earlier` to this instant, in UTC; 0 when it is not later.
    #[must_use]
    pub fn months_since(self, earlier: Self) -> i32 {
        let (from, to) = (earlier.civil(), self.civil());
        let years = i32::from(to.year()).saturating_sub(i32::from(from.year()));
        let months = i32::from(to.month()).saturating_sub(i32::from(from.month()));
        let guess = years.saturating_mul(12).saturating_add(months);
        let whole = if earlier.plus_months(guess) > self { guess.saturating_sub(1) } else { guess };
        whole.max(0)
    }

    /// RFC 3339 in UTC with exactly six fractional digits, rounded down: the form of the SQL
    /// projections.
    #[must_use]
    pub fn to_micros_text(self) -> String {
        alloc::format!("{:.6}Z", self.cut_to_micros().civil())
    }

    fn civil(self) -> civil::DateTime {
        TimeZone::UTC.to_datetime(self.jiff())
    }

    fn jiff(self) -> jiff::Timestamp {
        // Every i64 of nanoseconds lies within jiff's range (years -9999 to 9999).
        jiff::Timestamp::from_nanosecond(i128::from(self.nanos()))
            .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let datetime = self.civil();
        match self.nanos().rem_euclid(NANOS_PER_SECOND) {
            0 => write!(f, "{datetime:.0}Z"),
            nanos if nanos % 1_000_000 == 0 => write!(f, "{datetime:.3}Z"),
            nanos if nanos % 1_000 == 0 => write!(f, "{datetime:.6}Z"),
            _ => write!(f, "{datetime:.9}Z"),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = MalformedTimestamp;

    /// RFC 3339 section 5.6, with any offset; converted to UTC. A leap second is refused.
    fn from_str(text: &str) -> Result<Self, MalformedTimestamp> {
        let malformed = || MalformedTimestamp(text.chars().take(64).collect());
        if !is_rfc3339_shape(text) {
            return Err(malformed());
        }
        let parsed = text.parse::<jiff::Timestamp>().map_err(|_| malformed())?;
        i64::try_from(parsed.as_nanosecond()).map(Self::from_nanos).map_err(|_| malformed())
    }
}

/// jiff reads more than RFC 3339 (Temporal's forms): only the shape of RFC 3339 is let through
/// to it.
fn is_rfc3339_shape(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |range: core::ops::Range<usize>| {
        bytes.get(range).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let is = |at: usize, any: &[u8]| bytes.get(at).is_some_and(|byte| any.contains(byte));
    let head = digits(0..4)
        && is(4, b"-")
        && digits(5..7)
        && is(7, b"-")
        && digits(8..10)
        && is(10, b"Tt")
        && digits(11..13)
        && is(13, b":")
        && digits(14..16)
        && is(16, b":")
        && digits(17..19)
        && bytes.get(17..19).is_none_or(|seconds| seconds != b"60");
    let Some(mut tail) = bytes.get(19..) else { return false };
    if let [b'.', fraction @ ..] = tail {
        let count = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=9).contains(&count) {
            return false;
        }
        tail = fraction.get(count..).unwrap_or_default();
    }
    head && match tail {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => {
            [h1, h2, m1, m2].iter().all(|byte| byte.is_ascii_digit())
        }
        _ => false,
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.nanos())
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Self::from_nanos)
        }
    }
}

/// A text that is not an RFC 3339 instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("time `{0}` is malformed: expected RFC 3339, as in 2025-02-01T00:00:00Z")]
pub struct MalformedTimestamp(String);

/// The half-open span `[start, end)` in which a key is believed; no end means not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    start: Timestamp,
    end: Option<Timestamp>,
}

impl Window {
    /// `[start, end)`. An end at or before the start makes an empty window, which holds nothing.
    #[must_use]
    pub const fn new(start: Timestamp, end: Option<Timestamp>) -> Self {
        Self { start, end }
    }

    /// The first instant inside.
    #[must_use]
    pub const fn start(&self) -> Timestamp {
        self.start
    }

    /// The first instant no longer inside.
    #[must_use]
    pub const fn end(&self) -> Option<Timestamp> {
        self.end
    }

    /// The last instant inside, for those whose intervals are closed (traps HA-33); before the
    /// start, if nothing is inside.
    #[must_use]
    pub fn last(&self) -> Option<Timestamp> {
        self.end.map(|end| Timestamp::from_nanos(end.nanos().saturating_sub(1)))
    }

    /// Whether nothing is inside.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.end.is_some_and(|end| end <= self.start)
    }

    /// Whether `at` is inside: `start` is, `end` is not.
    #[must_use]
    pub fn holds(&self, at: Timestamp) -> bool {
        self.start <= at && self.end.is_none_or(|end| at < end)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.end.map_or_else(|| "open".to_string(), |end| end.to_string());
        write!(f, "[{}, {end})", self.start)
    }
}

/// The sign of a signed number of 64 bits.
const SIGN: u64 = 1 << 63;
const NANOS_PER_SECOND: i64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a good time")
    }

    #[test]
    fn an_instant_is_shown_with_the_fewest_digits_that_lose_nothing() {
        for text in [
            "2025-02-01T00:00:00Z",
            "2025-02-01T00:00:00.120Z",
            "2025-02-01T00:00:00.000120Z",
            "2025-02-01T00:00:00.000000001Z",
            "1969-12-31T23:59:59.500Z",
        ] {
            assert_eq!(at(text).to_string(), text);
        }
        assert_eq!(at("2025-02-01T01:00:00+01:00").to_string(), "2025-02-01T00:00:00Z");
        assert_eq!(at("2025-02-01T00:00:00Z").to_micros_text(), "2025-02-01T00:00:00.000000Z");
    }

    #[test]
    fn what_is_not_rfc_3339_is_refused() {
        for text in [
            "2025-02-01",
            "2025-02-01T00:00:00",
            "2025-02-01 00:00:00Z",
            "2025-02-01T00:00:60Z",
            "2025-02-30T00:00:00Z",
            "2025-02-01T00:00Z",
            "2025-02-01T00:00:00Z[UTC]",
            "NOW",
            "",
        ] {
            assert_eq!(text.parse::<Timestamp>(), Err(MalformedTimestamp(text.to_string())));
        }
    }

    #[test]
    fn months_are_calendar_months() {
        // SO-112
        assert_eq!(at("2023-01-31T00:00:00Z").plus_months(1), at("2023-02-28T00:00:00Z"));
        assert_eq!(at("2024-01-31T00:00:00Z").plus_months(1), at("2024-02-29T00:00:00Z"));
        assert_eq!(at("2024-02-29T00:00:00Z").plus_months(12), at("2025-02-28T00:00:00Z"));
        assert_eq!(at("2025-02-28T00:00:00Z").months_since(at("2024-02-29T00:00:00Z")), 12);
        assert_eq!(at("2025-02-27T00:00:00Z").months_since(at("2024-02-29T00:00:00Z")), 11);
        assert_eq!(at("2024-01-01T00:00:00Z").months_since(at("2025-01-01T00:00:00Z")), 0);
    }

    #[test]
    fn a_window_holds_its_start_and_not_its_end() {
        // SO-091
        let window = Window::new(Timestamp::from_seconds(1), Some(Timestamp::from_seconds(2)));
        assert!(window.holds(Timestamp::from_seconds(1)));
        assert!(!window.holds(Timestamp::from_seconds(2)));
        assert!(Window::new(Timestamp::EPOCH, Some(Timestamp::EPOCH)).is_empty());
    }

    #[test]
    fn a_closed_interval_ends_with_the_last_instant_inside() {
        // HA-33
        let window = Window::new(at("2025-01-01T00:00:00Z"), Some(at("2026-01-01T00:00:00Z")));
        assert_eq!(window.last(), Some(at("2025-12-31T23:59:59.999999999Z")));
        assert!(window.last().is_some_and(|last| window.holds(last)));
        assert_eq!(Window::new(Timestamp::EPOCH, None).last(), None);
    }
}
