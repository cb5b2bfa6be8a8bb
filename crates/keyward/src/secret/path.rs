//! Paths of secrets, and prefixes of them: segments joined by `/`, compared whole.

use std::{fmt, str::FromStr};

use zeroize::Zeroizing;

/// Longest segment of a path, in bytes.
pub const SEGMENT_BYTES_MAX: usize = 64;
/// Most segments of a path.
pub const SEGMENTS_MAX: usize = 16;
/// Longest path, in bytes.
pub const PATH_BYTES_MAX: usize = 512;

/// Where a secret is: 1 to 16 segments of 1 to 64 of `A-Z a-z 0-9 . _ -`, joined by `/`, at most
/// 512 bytes, none of them `.` or `..`. Not printed by accident: the store seals paths.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretPath(Zeroizing<String>);

impl SecretPath {
    /// Reads a path; nothing is trimmed, folded or repaired.
    ///
    /// # Errors
    /// [`MalformedPath`], with the canonical form where there is one.
    pub fn parse(text: &str) -> Result<Self, MalformedPath> {
        check(text, false).map(|()| Self(Zeroizing::new(text.to_owned()))).map_err(|what| {
            let segments = text.split('/').filter(|segment| !matches!(*segment, "" | "."));
            let canonical = segments.collect::<Vec<_>>().join("/");
            let canonical = check(&canonical, false).is_ok().then_some(canonical);
            MalformedPath { what, canonical }
        })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its segments, at least one.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl fmt::Debug for SecretPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretPath(..)")
    }
}

impl FromStr for SecretPath {
    type Err = MalformedPath;

    fn from_str(text: &str) -> Result<Self, MalformedPath> {
        Self::parse(text)
    }
}

/// Whole segments that paths begin with; none for every path. It covers the path of its own
/// name, and not `apple` for `app`.
#[derive(Clone, PartialEq, Eq)]
pub struct PathPrefix(Option<SecretPath>);

impl PathPrefix {
    /// Every path.
    pub const EVERY: Self = Self(None);

    /// Reads a prefix: empty for every path, else a path; one slash at its end is passed over.
    ///
    /// # Errors
    /// [`MalformedPath`].
    pub fn parse(text: &str) -> Result<Self, MalformedPath> {
        match text.strip_suffix('/').unwrap_or(text) {
            "" => Ok(Self::EVERY),
            path => SecretPath::parse(path).map(|path| Self(Some(path))),
        }
    }

    /// The path whose name it has; `None` for every path.
    #[must_use]
    pub const fn path(&self) -> Option<&SecretPath> {
        self.0.as_ref()
    }

    /// Its segments; none for every path.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(SecretPath::segments)
    }
}

impl fmt::Debug for PathPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PathPrefix(..)")
    }
}

impl FromStr for PathPrefix {
    type Err = MalformedPath;

    fn from_str(text: &str) -> Result<Self, MalformedPath> {
        Self::parse(text)
    }
}

/// A text that is no path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the path of a secret {what}")]
pub struct MalformedPath {
    what: &'static str,
    canonical: Option<String>,
}

impl MalformedPath {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> String {
        match &self.canonical {
            Some(canonical) => format!("write it as `{canonical}`"),
            None => "as in app/prod/database".to_owned(),
        }
    }
}

/// The rules of paths; in a pattern a segment may be `*`.
pub(super) fn check(text: &str, is_pattern: bool) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("is missing");
    }
    if text.len() > PATH_BYTES_MAX {
        return Err("has at most 512 bytes");
    }
    if text.split('/').count() > SEGMENTS_MAX {
        return Err("has at most 16 segments");
    }
    text.split('/').try_for_each(|segment| match segment {
        "" => Err("has no empty segment, and no slash at its beginning or end"),
        "." | ".." => Err("has no segment `.` or `..`"),
        "*" if is_pattern => Ok(()),
        _ if segment.len() > SEGMENT_BYTES_MAX => Err("has segments of at most 64 bytes"),
        _ => {
            let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
            let all = segment.bytes().all(good);
            if all { Ok(()) } else { Err("has segments of A-Z a-z 0-9 . _ - alone") }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(text: &str, what: &str, hint: &str) {
        let error = SecretPath::parse(text).expect_err(text);
        assert_eq!(error.to_string(), format!("the path of a secret {what}"));
        assert_eq!(error.hint(), hint);
    }

    #[test]
    fn a_path_is_canonical_or_refused_with_its_canonical_form() {
        for good in ["a", "app/prod/db", "A.b_c-9", &["s"; 16].join("/"), &"s".repeat(64)] {
            assert_eq!(SecretPath::parse(good).map(|it| it.as_str().to_owned()), Ok(good.into()));
        }
        let slash = "has no empty segment, and no slash at its beginning or end";
        check_refused("/app/db", slash, "write it as `app/db`");
        check_refused("app//db/", slash, "write it as `app/db`");
        check_refused("./app", "has no segment `.` or `..`", "write it as `app`");
        let example = "as in app/prod/database";
        check_refused("app/../db", "has no segment `.` or `..`", example);
        check_refused("", "is missing", example);
        check_refused("app/*", "has segments of A-Z a-z 0-9 . _ - alone", example);
        check_refused("app/d b", "has segments of A-Z a-z 0-9 . _ - alone", example);
        check_refused(&"s".repeat(65), "has segments of at most 64 bytes", example);
        check_refused(&["s"; 17].join("/"), "has at most 16 segments", example);
        check_refused(&vec!["s".repeat(60); 9].join("/"), "has at most 512 bytes", example);
    }

    #[test]
    fn a_path_is_not_printed_by_accident() {
        let path = SecretPath::parse("app/prod").expect("a path");
        assert_eq!(format!("{path:?}"), "SecretPath(..)");
        assert_eq!(format!("{:?}", PathPrefix::parse("app/")), "Ok(PathPrefix(..))");
    }
}
