//! What is written and read, apart from what the library works with.

pub(crate) mod anchor;
pub(crate) mod audit;
pub(crate) mod key;
pub(crate) mod root;
pub(crate) mod verdict;

use std::{collections::HashMap, fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use keyward::Keyward;
use keyward_lifecycle::{refusal::Warning, time::Timestamp};

use crate::problem::Problem;

/// Warnings as text.
pub(crate) fn warnings(warnings: &[Warning]) -> Vec<String> {
    warnings.iter().map(ToString::to_string).collect()
}

/// A member or parameter read as what it means; `place` names it in the refusal.
pub(crate) fn read<T>(place: &str, text: &str) -> Result<T, Problem>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    text.parse().map_err(|error| Problem::malformed(place, error))
}

/// As [`read`], of what may be absent.
pub(crate) fn read_some<T>(place: &str, text: Option<&str>) -> Result<Option<T>, Problem>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    text.map(|text| read(place, text)).transpose()
}

/// A time whose events can be in the log, which may be absent: of the future nobody knows.
pub(crate) fn read_past(
    place: &str,
    text: Option<&str>,
    keyward: &Keyward,
) -> Result<Option<Timestamp>, Problem> {
    let then: Option<Timestamp> = read_some(place, text)?;
    match then.filter(|then| *then > keyward.now().plus_seconds(AHEAD_SECONDS)) {
        Some(then) => Err(Problem::malformed(place, format!("{then} is in the future"))),
        None => Ok(then),
    }
}

/// How far a caller's clock may be ahead of ours, in seconds.
const AHEAD_SECONDS: i64 = 300;

/// Bytes in standard base64 with padding (RFC 4648 section 4).
pub(crate) fn read_base64(place: &str, text: &str) -> Result<Vec<u8>, Problem> {
    let malformed = |_| Problem::malformed(place, "not base64 with padding (RFC 4648 section 4)");
    STANDARD.decode(text).map_err(malformed)
}

/// `SubjectPublicKeyInfo` in PEM (RFC 7468 section 13).
pub(crate) fn spki_pem(der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let mut text = String::from("-----BEGIN PUBLIC KEY-----\n");
    for (place, letter) in body.chars().enumerate() {
        if place > 0 && place.is_multiple_of(64) {
            text.push('\n');
        }
        text.push(letter);
    }
    text.push_str("\n-----END PUBLIC KEY-----\n");
    text
}

/// The DER of `SubjectPublicKeyInfo` in PEM, white space apart.
pub(crate) fn spki_der(place: &str, pem: &str) -> Result<Vec<u8>, Problem> {
    let body = pem.trim().strip_prefix("-----BEGIN PUBLIC KEY-----");
    let body = body.and_then(|body| body.strip_suffix("-----END PUBLIC KEY-----"));
    let expected = "expected a public key in PEM, or nothing";
    let body = body.ok_or_else(|| Problem::malformed(place, expected))?;
    let body: String = body.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    read_base64(place, &body)
}

/// The first instant after what `text` covers: a date (a whole day in UTC) or an instant.
pub(crate) fn read_end(place: &str, text: &str) -> Result<Timestamp, Problem> {
    if is_date(text) {
        let midnight: Timestamp = read(place, &format!("{text}T00:00:00Z"))?;
        return Ok(midnight.plus_seconds(86_400));
    }
    let at: Timestamp = read(place, text)?;
    Ok(Timestamp::from_nanos(at.nanos().saturating_add(1)))
}

/// The first instant that `text` covers: a date in UTC or an instant.
pub(crate) fn read_start(place: &str, text: &str) -> Result<Timestamp, Problem> {
    let midnight = if is_date(text) { format!("{text}T00:00:00Z") } else { text.to_owned() };
    read(place, &midnight)
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// Names that were looked up while writing one answer.
pub(crate) type Names = HashMap<String, Option<String>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_covers_its_whole_day() {
        // SO-122, HA-22
        let start = "2025-12-31T00:00:00Z".parse().ok();
        assert_eq!(read_start("from", "2025-12-31").ok(), start);
        let end = "2026-01-01T00:00:00Z".parse().ok();
        assert_eq!(read_end("to", "2025-12-31").ok(), end);
        let end = "2025-12-31T10:00:00.000000001Z".parse().ok();
        assert_eq!(read_end("to", "2025-12-31T10:00:00Z").ok(), end);
        let problem = read_end("to", "2025-13-31").expect_err("no such month");
        assert_eq!(problem.code(), "malformed");
    }

    #[test]
    fn pem_lines_have_64_letters() {
        let pem = spki_pem(&[7; 44]);
        let lines: Vec<usize> = pem.lines().map(str::len).collect();
        assert_eq!(lines, [26, 60, 24]);
        assert_eq!(spki_pem(&[7; 50]).lines().nth(1).map(str::len), Some(64));
        assert_eq!(spki_der("publicKey", &pem), Ok(vec![7; 44]));
    }
}
