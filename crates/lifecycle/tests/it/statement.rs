//! in-toto statements: what is said of which artifacts.

use keyward_lifecycle::{
    canonical::{MalformedJson, Uncanonical},
    id::Digest,
    statement::{
        MalformedPredicateType, MalformedStatement, PREDICATE_TYPE_BYTES_MAX, PredicateType,
        STATEMENT_SUBJECTS_MAX, SUBJECT_DIGESTS_MAX, Statement, StatementText,
    },
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn predicate_type(text: &str) -> PredicateType {
    PredicateType::parse(text).unwrap()
}

/// A statement with these subjects.
fn about(subjects: Value) -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": "https://example.com/p/v1",
        "predicate": {"a": 1},
    })
}

fn parse(statement: &Value) -> Result<Statement, MalformedStatement> {
    Statement::parse(statement.to_string().as_bytes())
}

#[track_caller]
fn check_refused(statement: &Value, expected: MalformedStatement) {
    assert_eq!(parse(statement).unwrap_err(), expected);
}

const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn our_statement_names_a_purl_and_a_sha256_in_canonical_bytes() {
    let purl = "pkg:npm/%40scope/app@1.2.3";
    let kind = predicate_type("evidence.stella/v1");
    let made =
        Statement::of_artifact(purl, Digest::of(b""), kind, json!({"z": 1, "a": []})).unwrap();
    let bytes = made.to_bytes().unwrap();
    let expected = format!(
        "{{\"_type\":\"https://in-toto.io/Statement/v1\",\"predicate\":{{\"a\":[],\"z\":1}},\
         \"predicateType\":\"https://keyward.dev/predicates/evidence.stella/v1\",\
         \"subject\":[{{\"digest\":{{\"sha256\":\"{SHA256}\"}},\"name\":\"{purl}\"}}]}}"
    );
    assert_eq!(String::from_utf8(bytes.clone()).unwrap(), expected);
    let read = Statement::parse(&bytes).unwrap();
    assert_eq!(read.to_bytes().unwrap(), bytes);
    let [subject] = read.subjects() else { panic!("one subject") };
    assert_eq!(subject.purl_text(), Some(purl));
    assert_eq!(subject.sha256(), Some(Digest::of(b"")));
    assert_eq!(read.predicate(), Some(&json!({"a": [], "z": 1})));
}

#[test]
fn a_predicate_is_an_object_without_numbers_that_readers_round() {
    let made = |predicate| {
        Statement::of_artifact("pkg:npm/a", Digest::of(b""), predicate_type("p"), predicate)
    };
    assert_eq!(made(json!([])).unwrap_err(), MalformedStatement::Type("predicate"));
    let big = made(json!({"n": 1_u64 << 60})).unwrap();
    assert!(matches!(big.to_bytes(), Err(Uncanonical::BeyondExact { .. })), "{:?}", big.to_bytes());
}

#[test]
fn short_names_match_the_uris_they_stand_for() {
    // HA-29
    for name in ["evidence", "reasoning", "cdx-vex", "proofspine", "verdict"] {
        let short = predicate_type(&format!("{name}.stella/v1"));
        let uri = format!("https://keyward.dev/predicates/{name}.stella/v1");
        assert_eq!(short.resolved(), uri);
        assert_eq!(short.to_string(), format!("{name}.stella/v1"));
        assert!(short.is_same(&predicate_type(&uri)));
        assert_ne!(short, predicate_type(&uri));
    }
    let other = predicate_type("evidence.stella/v2");
    assert_eq!(other.resolved(), "evidence.stella/v2");
    assert!(!other.is_same(&predicate_type("evidence.stella/v1")));
}

#[test]
fn a_predicate_type_is_a_short_line_without_white_space() {
    let long = "x".repeat(PREDICATE_TYPE_BYTES_MAX + 1);
    for bad in ["", " p", "p\n", "p\u{a0}q", "p\0", &long] {
        assert_eq!(PredicateType::parse(bad), Err(MalformedPredicateType), "{bad:?}");
    }
}

#[test]
fn the_purl_is_the_uri_else_the_name() {
    let purl = |subject: Value| {
        let read = parse(&about(json!([subject]))).unwrap();
        read.subjects()[0].purl_text().map(str::to_owned)
    };
    let digest = json!({"sha256": SHA256});
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(purl(json!({"name": "pkg:npm/a", "digest": digest})), some("pkg:npm/a"));
    assert_eq!(purl(json!({"uri": "pkg:npm/b", "digest": digest})), some("pkg:npm/b"));
    let both = json!({"name": "pkg:npm/a", "uri": "pkg:npm/b", "digest": digest});
    assert_eq!(purl(both), some("pkg:npm/b"));
    let other = json!({"name": "pkg:npm/a", "uri": "https://example.com", "digest": digest});
    assert_eq!(purl(other), some("pkg:npm/a"));
    assert_eq!(purl(json!({"name": "file", "digest": digest})), None);
    assert_eq!(purl(json!({"name": "PKG:npm/a", "digest": digest})), None);
}

#[test]
fn known_digests_are_lower_case_hex_of_their_length() {
    let check = |algorithm: &str, value: &str, good: bool| {
        let statement = about(json!([{"digest": {algorithm: value}}]));
        let expected = MalformedStatement::Digest { algorithm: algorithm.to_owned() };
        assert_eq!(parse(&statement).err(), (!good).then_some(expected), "{algorithm} {value}");
        // What is only read, and matched with nothing, may be abbreviated.
        StatementText::read(statement.to_string().as_bytes()).unwrap();
    };
    check("sha256", SHA256, true);
    check("sha256", &SHA256.to_uppercase(), false);
    check("sha256", &SHA256[2..], false);
    check("sha256", "4faeb1b2...", false);
    check("sha512", SHA256, false);
    check("gitCommit", &SHA256[..40], true);
    check("gitCommit", SHA256, true);
    check("gitCommit", "abc123", false);
    check("goModuleHash", "any Text+/=", true);
}

#[test]
fn the_wrong_member_of_a_statement_is_named() {
    use MalformedStatement::{DigestCount, Missing, SubjectCount, Type, Version};
    let subject = json!({"digest": {"sha256": SHA256}});
    let good = about(json!([subject]));
    let without = |member: &str| {
        let mut statement = good.clone();
        statement.as_object_mut().unwrap().remove(member);
        statement
    };
    let with = |member: &str, value: Value| {
        let mut statement = good.clone();
        statement[member] = value;
        statement
    };
    parse(&good).unwrap();
    parse(&with("_type", json!("https://in-toto.io/Statement/v0.1"))).unwrap();
    parse(&with("unknown", json!([]))).unwrap();
    assert_eq!(parse(&without("predicate")).unwrap().predicate(), None);
    check_refused(&json!([]), Type("statement"));
    check_refused(&without("_type"), Missing("_type"));
    check_refused(&with("_type", json!("https://in-toto.io/Statement/v2")), Version);
    check_refused(&without("subject"), Missing("subject"));
    check_refused(&with("subject", json!({})), Type("subject"));
    check_refused(&with("subject", json!([])), SubjectCount);
    let many = vec![subject; STATEMENT_SUBJECTS_MAX + 1];
    check_refused(&with("subject", json!(many)), SubjectCount);
    check_refused(&with("subject", json!([{}])), Missing("digest"));
    check_refused(&with("subject", json!([{"digest": {}}])), DigestCount);
    let many: Value = (0..=SUBJECT_DIGESTS_MAX).map(|n| (n.to_string(), json!("x"))).collect();
    check_refused(&with("subject", json!([{"digest": many}])), DigestCount);
    check_refused(&with("subject", json!([{"digest": {"a": 1}}])), Type("digest"));
    check_refused(&with("subject", json!([{"digest": {"a": ""}, "name": 1}])), Type("name"));
    check_refused(&without("predicateType"), Missing("predicateType"));
    check_refused(&with("predicateType", json!("")), MalformedPredicateType.into());
    check_refused(&with("predicate", json!(null)), Type("predicate"));
}

#[test]
fn a_member_that_occurs_twice_is_refused() {
    // HC-11
    let json = about(json!([])).to_string().replacen('{', "{\"subject\":[],", 1);
    let refused = Statement::parse(json.as_bytes()).unwrap_err();
    let MalformedStatement::Json(MalformedJson::DuplicateMember { name, .. }) = refused else {
        panic!("{refused}");
    };
    assert_eq!(name, "subject");
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic_the_reader(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        at in any::<prop::sample::Index>(),
    ) {
        let _ = Statement::parse(&bytes);
        let mut json = about(json!([{"digest": {"sha256": SHA256}}])).to_string().into_bytes();
        let at = at.index(json.len());
        json[at] = bytes.first().copied().unwrap_or_default();
        if let Ok(statement) = Statement::parse(&json) {
            let _ = statement.to_bytes();
        }
    }
}
