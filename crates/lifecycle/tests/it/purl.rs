//! Package URLs: the specification's own cases, and what holds for any text.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use keyward_lifecycle::purl::{MalformedPurl, PURL_BYTES_MAX, Parts, Purl};
use proptest::prelude::*;
use serde_json::Value;

use crate::{part::Part, pattern};

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn parts(components: &Value) -> Parts {
    let qualifiers: BTreeMap<_, _> = components["qualifiers"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), text(value).unwrap_or_default()))
        .collect();
    Parts {
        package_type: text(&components["type"]).unwrap_or_default(),
        namespace: text(&components["namespace"]),
        name: text(&components["name"]).unwrap_or_default(),
        version: text(&components["version"]),
        qualifiers,
        subpath: text(&components["subpath"]),
    }
}

/// Runs one case of purl-test.schema-0.2 and says what is wrong with the outcome.
fn specification_case(case: &Value) -> Result<(), String> {
    let input = &case["input"];
    let outcome = match case["test_type"].as_str() {
        Some("parse") => Purl::parse(input.as_str().unwrap()),
        Some("validate") => Purl::normalise(input.as_str().unwrap()),
        Some("build") => Purl::from_parts(parts(input)),
        other => return Err(format!("unknown test type {other:?}")),
    };
    let wrong = |found: &dyn std::fmt::Debug| Err(format!("{case}\n  gave {found:?}"));
    match (case["expected_failure"] == true, outcome) {
        (true, Err(_)) => Ok(()),
        (true, Ok(purl)) => wrong(&purl),
        (false, Err(error)) => wrong(&error),
        (false, Ok(purl)) => {
            let expected = &case["expected_output"];
            let same = match expected.as_str() {
                Some(canonical) => purl.as_str() == canonical,
                None => expected.is_object() && *purl.parts() == parts(expected),
            };
            if same { Ok(()) } else { wrong(purl.parts()) }
        }
    }
}

fn run(path: &Path, part: &mut Part, faults: &mut Vec<String>) {
    if path.is_dir() {
        for entry in Part::entries_of(path) {
            run(&entry, part, faults);
        }
        return;
    }
    let Some(file) = Part::json(path) else { return part.unknown(path, "is not JSON") };
    if file["definitions"].is_object() && file["properties"].is_object() {
        return; // A JSON schema: it describes cases and has none.
    }
    for case in file["tests"].as_array().into_iter().flatten() {
        let outcome = if case["test_type"].is_string() {
            specification_case(case)
        } else if case["pattern"].is_string() {
            pattern::vector_case(case)
        } else {
            return part.unknown(path, "has a case of an unknown shape");
        };
        part.count(1);
        faults.extend(outcome.err());
    }
    if !file["tests"].is_array() {
        part.unknown(path, "has no member `tests`");
    }
}

#[test]
fn every_vector_of_the_purl_specification_passes() {
    let mut part = Part::open("purl");
    if !part.is_there() {
        return;
    }
    let mut faults = Vec::new();
    let entries: Vec<PathBuf> = part.entries();
    for entry in entries {
        run(&entry, &mut part, &mut faults);
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    part.finish(&[]);
}

#[test]
fn scheme_and_type_fold_case_and_slashes_after_the_scheme_do_not_count() {
    // SO-080, HA-14
    for text in ["pkg:npm/x@1", "PKG:NPM/x@1", "pkg://npm/x@1", "Pkg:///nPm//x@1"] {
        assert_eq!(Purl::parse(text).unwrap().as_str(), "pkg:npm/x@1", "{text}");
    }
}

#[test]
fn the_scope_has_no_version_and_the_versioned_form_no_qualifiers() {
    let purl = Purl::parse("pkg:npm/%40a/b@1.0?arch=x#sub/path").unwrap();
    assert_eq!(purl.scope(), "pkg:npm/%40a/b");
    assert_eq!(purl.versioned(), "pkg:npm/%40a/b@1.0");
    assert_eq!(purl.namespace(), Some("@a"));
    assert_eq!(purl.subpath(), Some("sub/path"));
}

#[test]
fn a_slash_in_a_version_is_encoded_so_that_it_stays_a_version() {
    let purl = Purl::parse("pkg:deb/debian/x@1%2F2").unwrap();
    assert_eq!(purl.as_str(), "pkg:deb/debian/x@1%2F2");
    assert_eq!(purl.version(), Some("1/2"));
}

#[test]
fn what_follows_the_last_at_sign_of_a_name_is_the_version_whatever_it_holds() {
    // HA-14: no part of a version becomes a namespace.
    let purl = Purl::parse("pkg:npm/lodash@1/evil?a=b@/c#d@/e").unwrap();
    assert_eq!(purl.as_str(), "pkg:npm/lodash@1%2Fevil?a=b%40%2Fc#d%40/e");
    assert_eq!((purl.scope(), purl.version()), ("pkg:npm/lodash", Some("1/evil")));
    let scoped = Purl::parse("pkg:npm/@babel/core").unwrap();
    assert_eq!((scoped.namespace(), scoped.version()), (Some("@babel"), None));
}

#[test]
fn a_segment_that_climbs_is_refused_however_it_is_encoded() {
    // HA-14
    for text in ["pkg:npm/%2E%2E/x", "pkg:npm/%2e/x", "pkg:npm/..", "pkg:npm/%2F%2E%2E"] {
        let refused = Purl::parse(text).unwrap_err();
        assert!(matches!(refused, MalformedPurl::Component { .. }), "{text}: {refused:?}");
    }
}

#[test]
fn an_encoded_slash_never_becomes_a_namespace() {
    // HA-14
    let purl = Purl::parse("pkg:docker/myregistry%2Fapp").unwrap();
    assert_eq!((purl.namespace(), purl.as_str()), (None, "pkg:docker/myregistry%2Fapp"));
    assert!(Purl::parse("pkg:docker/my%2Fregistry/app").is_err());
}

#[test]
fn a_qualifier_given_twice_is_refused_by_its_key() {
    assert_eq!(
        Purl::parse("pkg:npm/x?arch=a&arch=b").unwrap_err(),
        MalformedPurl::Qualifier { key: "arch".into(), reason: "occurs twice: keep one" }
    );
    assert!(Purl::normalise("pkg:npm/x?arch=a&ARCH=b").is_err());
}

#[test]
fn a_purl_beyond_its_limit_is_refused_as_given_and_as_encoded() {
    let long = format!("pkg:npm/{}", "x".repeat(PURL_BYTES_MAX));
    assert_eq!(Purl::parse(&long).unwrap_err(), MalformedPurl::TooLong { bytes: long.len() });
    let spaces = format!("pkg:npm/{}", " ".repeat(PURL_BYTES_MAX / 2));
    assert!(matches!(Purl::parse(&spaces), Err(MalformedPurl::TooLong { .. })));
}

#[test]
fn a_rule_of_the_type_that_is_broken_is_named() {
    assert_eq!(
        Purl::parse("pkg:julia/Dates").unwrap_err(),
        MalformedPurl::TypeRule {
            package_type: "julia".into(),
            rule: "the qualifier `uuid` is required".into()
        }
    );
    assert_eq!(
        Purl::parse("pkg:cargo/a/b").unwrap_err(),
        MalformedPurl::TypeRule {
            package_type: "cargo".into(),
            rule: "there is no namespace".into()
        }
    );
}

/// Text that comes near to a purl: of types with rules, with every separator.
pub(crate) fn near_purl() -> impl Strategy<Value = String> {
    let types = "(pkg|PKG|Pkg):/{0,2}(npm|maven|git|cpan|pub|pypi|oci|rpm|x|NPM|brew|mlflow)/";
    (types, "([a-cA-Σİ@%.:_ /?=&#*~é-]|%2[Ff]|%40|%2[Ee]|github/|@1|\\?a=b){0,12}")
        .prop_map(|(start, rest)| start + &rest)
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        let _ = Purl::parse(&text);
        let _ = Purl::normalise(&text);
    }

    #[test]
    fn the_canonical_form_parses_to_itself(text in near_purl()) {
        for purl in [Purl::parse(&text), Purl::normalise(&text)].into_iter().flatten() {
            let again = Purl::parse(purl.as_str());
            prop_assert_eq!(again.as_ref().map(Purl::parts), Ok(purl.parts()), "{}", purl);
            prop_assert_eq!(again.as_ref().map(Purl::as_str), Ok(purl.as_str()));
            prop_assert_eq!(Purl::from_parts(purl.parts().clone()), Ok(purl));
        }
    }

    #[test]
    fn the_canonical_form_is_ascii_with_separators_only_where_they_separate(text in near_purl()) {
        if let Ok(purl) = Purl::parse(&text) {
            let scope = purl.scope();
            prop_assert!(purl.as_str().is_ascii());
            prop_assert!(!scope.contains(['@', '?', '#', '*', ' ']), "{}", scope);
            prop_assert!(purl.versioned().starts_with(scope));
        }
    }
}
