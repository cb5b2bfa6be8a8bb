//! Anchor patterns: what they match, what they refuse, and the index over many of them.

use std::collections::BTreeMap;

use keyward_lifecycle::{
    pattern::{MalformedPattern, PATTERN_BYTES_MAX, Pattern, PatternIndex, Warning},
    purl::Purl,
};
use proptest::prelude::*;
use serde_json::Value;

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap()
}

fn matches(pattern_text: &str, purl: &str) -> bool {
    Purl::parse(purl).is_ok_and(|purl| pattern(pattern_text).matches(&purl))
}

/// Runs one case of a vector file of patterns and says what is wrong with the outcome.
pub(crate) fn vector_case(case: &Value) -> Result<(), String> {
    let text = |member: &str| case[member].as_str().ok_or(format!("no {member}: {case}"));
    let pattern = Pattern::parse(text("pattern")?).map_err(|error| format!("{case}: {error}"))?;
    let purl = Purl::parse(text("purl")?).ok();
    let found = purl.as_ref().is_some_and(|purl| pattern.matches(purl));
    let mut index = PatternIndex::new();
    index.insert(&pattern, 7);
    let indexed = purl.as_ref().and_then(|purl| index.find(purl)).is_some();
    if case["match"] == found && found == indexed {
        Ok(())
    } else {
        Err(format!("{case}: matches {found}, by the index {indexed}"))
    }
}

#[test]
fn a_type_pattern_matches_the_type_alone() {
    // SO-080
    for purl in [
        "pkg:npm/lodash@4.17.21",
        "pkg:npm/%40angular/core@17",
        "pkg:NPM/lodash",
        "pkg://npm/lodash",
    ] {
        assert!(matches("pkg:npm/*", purl), "{purl}");
    }
    for purl in ["pkg:npmx/a", "pkg:maven/npm/x"] {
        assert!(!matches("pkg:npm/*", purl), "{purl}");
    }
}

#[test]
fn the_dot_of_a_prefix_is_a_dot_and_the_group_itself_is_left_out() {
    // SO-081
    assert!(matches("pkg:maven/org.apache.*", "pkg:maven/org.apache.commons/commons-lang3"));
    for purl in
        ["pkg:maven/orgXapacheXcommons/x", "pkg:maven/org.apachefoo/x", "pkg:maven/org.apache/x"]
    {
        assert!(!matches("pkg:maven/org.apache.*", purl), "{purl}");
    }
}

#[test]
fn a_registry_pattern_does_not_reach_beyond_its_slash() {
    // SO-082
    assert!(matches("pkg:docker/myregistry/*", "pkg:docker/myregistry/app@sha256%3Aabc"));
    for purl in [
        "pkg:docker/myregistry2/app",
        "pkg:docker/app?repository_url=myregistry",
        "pkg:docker/myregistry%2Fapp",
    ] {
        assert!(!matches("pkg:docker/myregistry/*", purl), "{purl}");
    }
}

#[test]
fn the_universal_pattern_matches_every_valid_purl_and_says_what_it_is() {
    // SO-083, HA-13
    let universal = pattern("*");
    assert!(universal.is_universal());
    assert_eq!(universal.warning(), Some(Warning::Universal));
    assert!(matches("*", "pkg:generic/x"));
    assert!(!matches("*", "not a purl"));
    assert!(!pattern("pkg:npm/*").is_universal());
}

#[test]
fn a_prefix_that_leaves_out_its_parent_warns() {
    // HA-12
    let warning = pattern("pkg:maven/org.apache.*").warning().unwrap();
    assert_eq!(
        warning.to_string(),
        "pkg:maven/org.apache.* does not match pkg:maven/org.apache itself: \
         an anchor for pkg:maven/org.apache or pkg:maven/org.apache/* would"
    );
    assert!(matches!(pattern("pkg:maven/org.apache*").warning(), Some(Warning::NoBoundary { .. })));
    assert!(matches!(pattern("pkg:cargo/serde/*").warning(), Some(Warning::MatchesNothing { .. })));
    for quiet in ["pkg:npm/*", "pkg:npm/lodash", "pkg:npm/%40a/*", "pkg:npm/lodash@*"] {
        assert_eq!(pattern(quiet).warning(), None, "{quiet}");
    }
}

#[test]
fn a_literal_that_is_not_canonical_is_refused_with_the_one_that_is() {
    // HA-14
    for (text, canonical) in [
        ("pkg:NPM/*", "pkg:npm/*"),
        ("pkg://npm/*", "pkg:npm/*"),
        ("pkg:npm/@babel/*", "pkg:npm/%40babel/*"),
        ("pkg:npm/@babel*", "pkg:npm/%40babel*"),
        ("pkg:npm/%6Codash", "pkg:npm/lodash"),
        ("pkg:github/Foo/*", "pkg:github/foo/*"),
        ("pkg:github/foo/Bar@1", "pkg:github/foo/bar@1"),
        ("pkg:github/foo/Bar@1*", "pkg:github/foo/bar@1*"),
        ("pkg:pypi/My_Name*", "pkg:pypi/my-name*"),
        ("pkg:rpm/Fedora/*", "pkg:rpm/fedora/*"),
        ("pkg:rpm/Fed*", "pkg:rpm/fed*"),
        ("pkg:git/github.com/Foo/*", "pkg:git/github.com/foo/*"),
        ("pkg:npm/lodash@4+*", "pkg:npm/lodash@4%2B*"),
        ("pkg:docker/x@sha256%3Aab", "pkg:docker/x@sha256:ab"),
    ] {
        assert_eq!(
            Pattern::parse(text).unwrap_err(),
            MalformedPattern::NotCanonical { text: text.into(), canonical: canonical.into() }
        );
        assert_eq!(pattern(canonical).to_string(), canonical);
    }
}

#[test]
fn a_wildcard_anywhere_but_at_the_end_is_refused() {
    for text in ["pkg:npm/*/x", "pkg:npm/a*b", "pkg:npm/**", "pkg:*/x", "**", "pkg:npm/*@1"] {
        let refused = Pattern::parse(text).unwrap_err();
        assert_eq!(refused, MalformedPattern::Wildcard { text: text.into() });
    }
    for text in ["", "pkg:", "pkg:*", "pkg:npm*", "pkg:npm", "npm/*", "/*"] {
        let refused = Pattern::parse(text).unwrap_err();
        assert_eq!(refused, MalformedPattern::NotAPurl { text: text.into() });
    }
}

#[test]
fn what_is_not_matched_has_no_place_in_a_pattern() {
    for text in ["pkg:npm/x?arch=y", "pkg:npm/x#sub", "pkg:npm/x?*", "pkg:npm/x#*"] {
        let refused = Pattern::parse(text).unwrap_err();
        assert_eq!(refused, MalformedPattern::NotMatched { text: text.into() });
    }
}

#[test]
fn a_prefix_may_cut_a_name_but_not_a_character() {
    for text in ["pkg:npm/%4*", "pkg:npm/%C3*", "pkg:npm/%*", "pkg:npm//x*", "pkg:npm/../x*"] {
        let refused = Pattern::parse(text).unwrap_err();
        assert!(matches!(refused, MalformedPattern::Segment { .. }), "{text}: {refused:?}");
    }
    assert_eq!(pattern("pkg:rpm/fedora/Xorg*").to_string(), "pkg:rpm/fedora/Xorg*");
    let long = format!("pkg:npm/{}*", "x".repeat(PATTERN_BYTES_MAX));
    let refused = Pattern::parse(&long).unwrap_err();
    assert_eq!(refused, MalformedPattern::TooLong { bytes: long.len() });
}

#[test]
fn a_version_is_compared_only_where_the_pattern_has_one() {
    assert!(matches("pkg:npm/lodash", "pkg:npm/lodash@4?a=b#c"));
    assert!(matches("pkg:npm/lodash@4.1", "pkg:npm/lodash@4.1"));
    assert!(!matches("pkg:npm/lodash@4.1", "pkg:npm/lodash@4.17"));
    assert!(matches("pkg:npm/lodash@4.*", "pkg:npm/lodash@4.17"));
    assert!(!matches("pkg:npm/lodash@4.*", "pkg:npm/lodash"));
    assert!(matches("pkg:julia/Dates", "pkg:julia/Dates@1?uuid=x"));
}

#[test]
fn the_narrowest_of_nested_patterns_is_found() {
    // HA-12
    let nested = [
        "*",
        "pkg:npm/*",
        "pkg:npm/lo*",
        "pkg:npm/lodash*",
        "pkg:npm/lodash",
        "pkg:npm/lodash@4.*",
        "pkg:npm/lodash@4.1",
    ];
    let index = index_of(&nested);
    let found = |purl: &str| {
        index.find(&Purl::parse(purl).unwrap()).map(|id| nested[usize::try_from(id).unwrap()])
    };
    assert_eq!(found("pkg:npm/lodash@4.1"), Some("pkg:npm/lodash@4.1"));
    assert_eq!(found("pkg:npm/lodash@4.17"), Some("pkg:npm/lodash@4.*"));
    assert_eq!(found("pkg:npm/lodash@3"), Some("pkg:npm/lodash"));
    assert_eq!(found("pkg:npm/lodash"), Some("pkg:npm/lodash"));
    assert_eq!(found("pkg:npm/lodash-es@4.1"), Some("pkg:npm/lodash*"));
    assert_eq!(found("pkg:npm/lob"), Some("pkg:npm/lo*"));
    assert_eq!(found("pkg:npm/x"), Some("pkg:npm/*"));
    assert_eq!(found("pkg:cargo/x"), Some("*"));
}

#[test]
fn a_clone_of_the_index_does_not_see_later_changes() {
    let before = index_of(&["pkg:npm/*", "pkg:npm/a"]);
    let mut after = before.clone();
    assert_eq!(after.remove(&pattern("pkg:npm/a")), Some(1));
    assert_eq!(after.insert(&pattern("pkg:npm/*"), 9), Some(0));
    let purl = Purl::parse("pkg:npm/a").unwrap();
    assert_eq!((before.find(&purl), after.find(&purl)), (Some(1), Some(9)));
    assert_eq!((before.len(), after.len()), (2, 1));
}

#[test]
fn patterns_nested_as_deeply_as_they_can_be_are_found_and_removed() {
    let mut index = PatternIndex::new();
    let nested: Vec<_> = (1..PATTERN_BYTES_MAX - 8)
        .map(|length| pattern(&format!("pkg:npm/{}*", "a".repeat(length))))
        .collect();
    for (id, pattern) in (0..).zip(&nested) {
        index.insert(pattern, id);
    }
    let purl = Purl::parse(&format!("pkg:npm/{}b", "a".repeat(500))).unwrap();
    assert_eq!(index.find(&purl), Some(499));
    for pattern in &nested {
        assert!(index.remove(pattern).is_some());
    }
    assert!(index.is_empty());
    assert_eq!(index.find(&purl), None);
}

fn index_of(patterns: &[&str]) -> PatternIndex {
    let mut index = PatternIndex::new();
    for (id, text) in (0..).zip(patterns) {
        index.insert(&pattern(text), id);
    }
    index
}

/// Patterns and purls over an alphabet so small that they meet.
fn colliding_pattern() -> impl Strategy<Value = Pattern> {
    let start = "pkg:(npm|x)/([ab]{1,2}[./]){0,2}";
    let end = "([ab]{1,2}(@[12]{1,2})?|[ab]{0,2}\\*|[ab]{1,2}@[12]{0,2}\\*)";
    let literal = (start, end).prop_map(|(start, end)| start + &end);
    prop_oneof![1 => Just("*".to_owned()), 20 => literal].prop_map(|text| pattern(&text))
}

fn colliding_purl() -> impl Strategy<Value = Purl> {
    "pkg:(npm|x)/([ab]{1,2}[./]){0,2}[ab]{1,2}(@[12]{1,2})?"
        .prop_map(|text| Purl::parse(&text).unwrap())
}

/// The rule of design section 6, by looking at all of them.
fn narrowest(patterns: &BTreeMap<Pattern, u32>, purl: &Purl) -> Option<u32> {
    patterns
        .iter()
        .filter(|(pattern, _)| pattern.matches(purl))
        .max_by_key(|(pattern, _)| (pattern.literal().len(), pattern.is_exact()))
        .map(|(_, id)| *id)
}

#[test]
fn what_is_to_be_written_instead_is_canonical_itself() {
    let refused = Pattern::parse("pkg:x/:@1@1*").unwrap_err();
    let MalformedPattern::NotCanonical { canonical, .. } = refused else { panic!("{refused:?}") };
    assert_eq!(Pattern::parse(&canonical).unwrap().to_string(), canonical);
}

proptest! {
    #[test]
    fn the_index_agrees_with_a_scan(
        steps in prop::collection::vec((colliding_pattern(), any::<bool>()), 0..60),
        purls in prop::collection::vec(colliding_purl(), 1..20),
    ) {
        let mut scanned = BTreeMap::new();
        let mut index = PatternIndex::new();
        for (id, (pattern, stays)) in (0..).zip(&steps) {
            prop_assert_eq!(index.insert(pattern, id), scanned.insert(pattern.clone(), id));
            if !stays {
                let other = &steps[steps.len() / 2].0;
                prop_assert_eq!(index.remove(other), scanned.remove(other));
                prop_assert_eq!(index.get(other), None);
            }
        }
        prop_assert_eq!(index.len(), scanned.len());
        prop_assert_eq!(&index.iter().collect::<BTreeMap<_, _>>(), &scanned);
        for purl in &purls {
            prop_assert_eq!(index.find(purl), narrowest(&scanned, purl), "{}", purl);
        }
        for pattern in scanned.keys() {
            prop_assert!(index.remove(pattern).is_some());
        }
        prop_assert_eq!(index.iter().count(), 0);
    }

    #[test]
    fn a_pattern_shown_is_the_pattern_parsed(pattern in colliding_pattern()) {
        prop_assert_eq!(Pattern::parse(&pattern.to_string()), Ok(pattern));
    }

    #[test]
    fn no_text_makes_the_parser_panic_and_what_is_refused_names_what_is_not(
        text in prop_oneof![any::<String>(), crate::purl::near_purl()],
        star in "\\*?",
    ) {
        let text = text + &star;
        match Pattern::parse(&text) {
            Ok(pattern) => prop_assert_eq!(pattern.to_string(), text),
            Err(MalformedPattern::NotCanonical { canonical, .. }) => {
                let parsed = Pattern::parse(&canonical).map(|pattern| pattern.to_string());
                prop_assert_eq!(parsed, Ok(canonical));
            }
            Err(_) => {}
        }
    }

    #[test]
    fn every_purl_is_matched_by_the_pattern_of_its_scope_and_of_every_start_of_it(
        text in crate::purl::near_purl(),
        cut in any::<prop::sample::Index>(),
    ) {
        if let Ok(purl) = Purl::parse(&text) {
            prop_assert!(matches(purl.scope(), purl.as_str()), "{}", purl);
            prop_assert!(matches(purl.versioned(), purl.as_str()), "{}", purl);
            let start = &purl.versioned()[..cut.index(purl.versioned().len())];
            if let Ok(pattern) = Pattern::parse(&format!("{start}*")) {
                prop_assert!(pattern.matches(&purl), "{} {}", pattern, purl);
            }
        }
    }
}
