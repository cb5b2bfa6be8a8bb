//! The canonical form of a literal that is the start of a purl, and perhaps of a segment.

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec::Vec,
};

use super::MalformedPattern;
use crate::purl::{
    Purl, encode,
    rules::{self, NameForm, Namespace, TypeRules},
    split_type,
};

/// The canonical form of `written`, the pattern `text` without its `*`.
pub(super) fn prefix(text: &str, written: &str) -> Result<String, MalformedPattern> {
    let (package_type, rest) =
        split_type(written).ok_or_else(|| MalformedPattern::NotAPurl { text: text.to_owned() })?;
    let rules = rules::of(&package_type);
    if let Some((scope, version)) = split_version(written) {
        let scope = Purl::parse_scope(scope)?;
        let mut canonical = [scope.scope(), "@"].concat();
        encode(&mut canonical, &rules.version_form(&decode(text, version)?));
        return Ok(canonical);
    }
    let mut canonical = alloc::format!("pkg:{package_type}/");
    if rest.is_empty() {
        return Ok(canonical);
    }
    let segments =
        rest.split('/').map(|segment| decode(text, segment)).collect::<Result<Vec<_>, _>>()?;
    if let Some((last, namespaces)) = segments.split_last() {
        for segment in namespaces {
            check_whole(text, segment)?;
        }
        let folds = folds_path(rules, &segments);
        for (index, segment) in namespaces.iter().enumerate() {
            encode(&mut canonical, &namespace_form(rules, index, folds, segment));
            canonical.push('/');
        }
        encode(&mut canonical, &cut_form(rules, namespaces.len(), folds, last));
    }
    Ok(canonical)
}

/// Whether no purl of the type can have the `/` that the literal has.
pub(super) fn matches_nothing(literal: &str) -> bool {
    split_type(literal).is_some_and(|(package_type, rest)| {
        rules::of(&package_type).namespace == Namespace::Prohibited && rest.contains('/')
    })
}

/// The scope and the start of the version, where an `@` after the last `/` parts them.
///
/// A leading `@`, as in `@babel*`, is of the name.
fn split_version(written: &str) -> Option<(&str, &str)> {
    let (scope, version) = written.rsplit_once('@')?;
    (!version.contains('/') && !scope.ends_with(['/', ':'])).then_some((scope, version))
}

fn decode(text: &str, segment: &str) -> Result<String, MalformedPattern> {
    let refused = |reason| MalformedPattern::Segment { text: text.to_owned(), reason };
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first != b'%' {
            bytes.push(*first);
            rest = after;
            continue;
        }
        let (digits, after) =
            after.split_at_checked(2).ok_or_else(|| refused("a `%` without two hex digits"))?;
        let mut byte = [0];
        hex::decode_to_slice(digits, &mut byte)
            .map_err(|_| refused("a `%` without two hex digits"))?;
        bytes.extend_from_slice(&byte);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| refused("a character cut short: end at a whole one"))
}

fn check_whole(text: &str, segment: &str) -> Result<(), MalformedPattern> {
    let reason = match segment {
        "" => "an empty segment",
        "." | ".." => "a segment that is `.` or `..`",
        _ if segment.contains('/') => "an encoded `/` in a namespace",
        _ => return Ok(()),
    };
    Err(MalformedPattern::Segment { text: text.to_owned(), reason })
}

fn folds_path(rules: &TypeRules, segments: &[String]) -> bool {
    rules.form == NameForm::Path
        && segments.len() > 1
        && segments.first().is_some_and(|host| rules::folds_case(&host.to_lowercase()))
}

/// The canonical form of a segment that is cut short. It may become the name or go on in the
/// namespace, and where the type leaves both open it is canonical if it is so in either reading.
fn cut_form(rules: &TypeRules, index: usize, folds: bool, cut: &str) -> String {
    let as_namespace = namespace_form(rules, index, folds, cut);
    let as_name = || {
        let folded = if folds { cut.to_lowercase() } else { cut.to_owned() };
        rules.name_form(&folded).into_owned()
    };
    match rules.namespace {
        Namespace::Prohibited => as_name(),
        Namespace::Required if index == 0 => as_namespace,
        Namespace::Required | Namespace::Optional if as_namespace == cut => as_namespace,
        Namespace::Required | Namespace::Optional => as_name(),
    }
}

fn namespace_form(rules: &TypeRules, index: usize, folds: bool, segment: &str) -> String {
    if folds {
        return segment.to_lowercase();
    }
    if rules.form == NameForm::Path && index > 0 {
        return rules.name_form(segment).into_owned();
    }
    rules.namespace_form(segment).to_string()
}
