//! Times on the command line: RFC 3339, or a date, whose day is that of UTC.

use keyward_lifecycle::time::Timestamp;

/// An instant; a date means its first.
pub(crate) fn instant(text: &str) -> Result<Timestamp, String> {
    match day(text) {
        Some(start) => Ok(start),
        None => text.parse().map_err(|_| MALFORMED.to_owned()),
    }
}

/// An instant; a date means its last, so that the day is included (traps HA-22).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UntilEndOfDay(pub(crate) Timestamp);

impl UntilEndOfDay {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let last = |start: Timestamp| {
            let next = start.plus_seconds(SECONDS_PER_DAY);
            Timestamp::from_nanos(next.nanos().saturating_sub(1))
        };
        match day(text) {
            Some(start) => Ok(Self(last(start))),
            None => instant(text).map(Self),
        }
    }
}

/// From when an end counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effective {
    /// From the server's transaction time.
    Now,
    /// From then.
    At(Timestamp),
}

impl Effective {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("now") {
            return Ok(Self::Now);
        }
        instant(text).map(Self::At).map_err(|_| format!("{MALFORMED}, or NOW"))
    }

    /// As the API reads it.
    pub(crate) fn to_text(self) -> String {
        match self {
            Self::Now => "NOW".to_owned(),
            Self::At(at) => at.to_string(),
        }
    }
}

fn day(text: &str) -> Option<Timestamp> {
    if text.len() == DATE_LEN { format!("{text}T00:00:00Z").parse().ok() } else { None }
}

const DATE_LEN: usize = "2025-02-01".len();
const SECONDS_PER_DAY: i64 = 86_400;
const MALFORMED: &str =
    "expected RFC 3339, as in 2025-02-01T00:00:00Z, or a date, as in 2025-02-01";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_starts_with_its_first_instant_and_ends_with_its_last() {
        // SO-122
        let from = instant("2025-12-31").expect("a date");
        assert_eq!(from.to_string(), "2025-12-31T00:00:00Z");
        let to = UntilEndOfDay::parse("2025-12-31").expect("a date");
        assert_eq!(to.0.to_string(), "2025-12-31T23:59:59.999999999Z");
        let to = UntilEndOfDay::parse("2025-12-31T12:00:00Z").expect("an instant");
        assert_eq!(to.0.to_string(), "2025-12-31T12:00:00Z");
    }

    #[test]
    fn now_is_a_word_and_nothing_else_is() {
        // SO-055
        assert_eq!(Effective::parse("NOW"), Ok(Effective::Now));
        let at = instant("2025-02-01T00:00:00Z").expect("an instant");
        assert_eq!(Effective::parse("2025-02-01"), Ok(Effective::At(at)));
        assert_eq!(Effective::parse("soon"), Err(format!("{MALFORMED}, or NOW")));
        assert_eq!(instant("NOW"), Err(MALFORMED.to_owned()));
        assert_eq!(instant("2025-02-30"), Err(MALFORMED.to_owned()));
    }
}
