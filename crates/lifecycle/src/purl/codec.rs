//! The characters of a purl: its type, its keys, its segments and their percent-encoding.

use alloc::{
    borrow::{Cow, ToOwned},
    collections::BTreeSet,
    string::String,
};
use core::fmt::Write as _;

use super::{Keys, MalformedPurl, Parts, rules::NameForm};

/// Appends `text`, percent-encoded but for the characters that never are: letters, digits,
/// `.-_~` and the colon (ECMA-427, character encoding).
pub(crate) fn encode(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~' | b':') {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// Appends `path` with its segments encoded and its `/` as they are.
pub(super) fn push_path(out: &mut String, path: &str) {
    for (index, segment) in path.split('/').enumerate() {
        if index > 0 {
            out.push('/');
        }
        encode(out, segment);
    }
}

/// The scheme and the type, and what follows the `/` after it. The type is in lower case.
pub(crate) fn split_type(text: &str) -> Option<(String, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    if !scheme.eq_ignore_ascii_case("pkg") {
        return None;
    }
    let (written, rest) = rest.trim_start_matches('/').split_once('/')?;
    Some((package_type(written)?, rest))
}

/// A type in lower case, if it is one.
pub(super) fn package_type(text: &str) -> Option<String> {
    let letter = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    let good = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    (letter && good).then(|| text.to_ascii_lowercase())
}

/// `rest` with the `/` in its version encoded.
///
/// The standard takes what follows the last `@` of the path for the version, whatever it holds;
/// an `@` that starts a segment, as in `@babel/core`, is of that segment.
pub(super) fn with_whole_version(rest: &str) -> Cow<'_, str> {
    let path = rest.rsplit_once('#').map_or(rest, |(path, _)| path);
    let path = path.rsplit_once('?').map_or(path, |(path, _)| path);
    match path.rsplit_once('@') {
        Some((scope, version))
            if version.contains('/') && !scope.is_empty() && !scope.ends_with('/') =>
        {
            let tail = rest.get(path.len()..).unwrap_or_default();
            Cow::Owned([scope, "@", &version.replace('/', "%2F"), tail].concat())
        }
        Some(_) | None => Cow::Borrowed(rest),
    }
}

/// The start of a text, for messages.
pub(super) fn start(text: &str) -> String {
    text.chars().take(64).collect()
}

/// A qualifier key in lower case, if it is one.
pub(super) fn key(text: &str, keys: Keys) -> Result<String, MalformedPurl> {
    let refused = |reason| MalformedPurl::Qualifier { key: text.to_owned(), reason };
    let letter = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    if !letter || !text.bytes().all(good) {
        return Err(refused("is not a letter followed by a-z 0-9 . - _"));
    }
    if keys == Keys::Refused && text.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(refused("is in upper case: write it in lower case"));
    }
    Ok(text.to_ascii_lowercase())
}

/// That a key is there twice.
pub(super) fn twice(key: String) -> MalformedPurl {
    MalformedPurl::Qualifier { key, reason: "occurs twice: keep one" }
}

/// Refuses keys that are malformed or there twice. A pair without a value does not count.
pub(super) fn check_keys(rest: &str, keys: Keys) -> Result<(), MalformedPurl> {
    let before = rest.rsplit_once('#').map_or(rest, |(before, _)| before);
    let Some((_, qualifiers)) = before.rsplit_once('?') else { return Ok(()) };
    let mut seen = BTreeSet::new();
    for pair in qualifiers.split('&') {
        let (written, value) = pair.split_once('=').unwrap_or((pair, ""));
        if value.is_empty() {
            continue;
        }
        let key = key(written, keys)?;
        if !seen.insert(key.clone()) {
            return Err(twice(key));
        }
    }
    Ok(())
}

/// Drops what does not count: slashes around, and empty text.
pub(super) fn trim(parts: &mut Parts) {
    parts.name = parts.name.trim_matches('/').to_owned();
    for path in [&mut parts.namespace, &mut parts.subpath] {
        *path = path
            .take()
            .map(|text| text.trim_matches('/').to_owned())
            .filter(|text| !text.is_empty());
    }
    parts.version = parts.version.take().filter(|text| !text.is_empty());
}

/// Refuses an empty name, and segments that a reader of URLs would drop or climb by.
pub(super) fn check_segments(parts: &Parts, form: NameForm) -> Result<(), MalformedPurl> {
    let refused = |text: &str, reason: &str| {
        Err(MalformedPurl::Component { text: text.to_owned(), reason: reason.to_owned() })
    };
    if parts.name.is_empty() {
        return refused(&parts.package_type, "the name is missing");
    }
    let dots = |segment: &str| matches!(segment, "." | "..");
    let stray = |path: &str| path.split('/').any(|segment| segment.is_empty() || dots(segment));
    let name_is_stray = if form == NameForm::Path { stray(&parts.name) } else { dots(&parts.name) };
    if name_is_stray {
        return refused(&parts.name, "a name is not `.`, `..` or empty");
    }
    for path in [&parts.namespace, &parts.subpath].into_iter().flatten() {
        if stray(path) {
            return refused(path, "a segment is not `.`, `..` or empty");
        }
    }
    Ok(())
}
