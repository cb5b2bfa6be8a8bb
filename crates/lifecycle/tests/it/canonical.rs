//! The one encoding and the strict reader: RFC 8785's own cases, and what holds for any value.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use keyward_lifecycle::{
    canonical::{
        INTEGER_MAX, Integers, Limits, MalformedJson, Uncanonical, content_id, from_slice_strict,
        read, read_strict, to_bytes, to_bytes_with, to_text,
    },
    id::ContentId,
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::part::Part;

/// Canonical bytes of a foreign document, whose large numbers are doubles.
fn canonical(document: &[u8]) -> Result<Vec<u8>, String> {
    let value = read(document, Limits::new(1 << 24, 100), Integers::AsDoubles)
        .map_err(|error| error.to_string())?;
    to_bytes_with(&value, Integers::AsDoubles).map_err(|error| error.to_string())
}

fn expect(document: &[u8], expected: &[u8], path: &Path) {
    let shown = format!("{}: {}", path.display(), String::from_utf8_lossy(document));
    assert_eq!(canonical(document).as_deref(), Ok(expected), "{shown}");
    assert_eq!(canonical(expected).as_deref(), Ok(expected), "{shown}");
}

fn input(case: &Value) -> Vec<u8> {
    match (&case["input"], &case["input_hex"]) {
        (Value::String(text), _) => text.clone().into_bytes(),
        (_, Value::String(digits)) => hex(digits),
        _ => panic!("a case without input: {case}"),
    }
}

fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<_> = digits.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn number(bits: &str) -> Result<String, Uncanonical> {
    let double = f64::from_bits(u64::from_str_radix(bits, 16).unwrap());
    to_bytes_with(&double, Integers::AsDoubles).map(|text| String::from_utf8(text).unwrap())
}

/// Runs a JSON file of cases; false where one has an unknown shape.
fn run_json(path: &Path, file: &Value, part: &mut Part) -> bool {
    let cases = file["tests"].as_array().map(Vec::as_slice).unwrap_or_default();
    let refused = file["reject"].as_array().map(Vec::as_slice).unwrap_or_default();
    for case in cases {
        if let Some(bits) = case["ieee754"].as_str() {
            assert_eq!(number(bits).ok().as_deref(), case["json"].as_str(), "{case}");
        } else if let Some(digits) = case["canonical_hex"].as_str() {
            expect(&input(case), &hex(digits), path);
        } else {
            return false;
        }
    }
    for case in refused {
        let document = input(case);
        assert!(canonical(&document).is_err(), "{case}");
        assert!(read_strict(&document, Limits::DOCUMENT).is_err(), "{case}");
    }
    part.count(cases.len() + refused.len());
    cases.len() + refused.len() > 0
}

/// Runs lines of IEEE 754 bits, a comma and the ECMAScript text; false where one is not that.
fn run_numbers(text: &str, part: &mut Part) -> bool {
    for line in text.lines() {
        let Some((bits, expected)) = line.split_once(',') else { return false };
        assert_eq!(number(bits).unwrap(), expected, "{line}");
        part.count(1);
    }
    !text.is_empty()
}

/// Runs a folder of `input`, `output` and `outhex`, whose files are paired by their stems.
fn run_folder(path: &Path, part: &mut Part) {
    let files = |name: &str| -> BTreeMap<PathBuf, PathBuf> {
        let folder = path.join(name);
        let entries = if folder.is_dir() { Part::entries_of(&folder) } else { Vec::new() };
        entries.into_iter().map(|file| (file.file_stem().unwrap().into(), file)).collect()
    };
    let (inputs, outputs, hexes) = (files("input"), files("output"), files("outhex"));
    let hexes = hexes.iter().map(|(stem, file)| (stem, hex(&fs::read_to_string(file).unwrap())));
    let outputs = outputs.iter().map(|(stem, file)| (stem, fs::read(file).unwrap()));
    for (stem, expected) in outputs.chain(hexes) {
        let Some(input) = inputs.get(stem) else {
            part.unknown(&path.join(stem), "has no input");
            continue;
        };
        expect(&fs::read(input).unwrap(), &expected, input);
        part.count(1);
    }
    for entry in Part::entries_of(path) {
        if !["input", "output", "outhex"].iter().any(|name| entry.ends_with(name)) {
            part.unknown(&entry, "is neither input, output nor outhex");
        }
    }
    part.count(inputs.len());
}

#[test]
fn every_vector_of_the_canonical_encoding_passes() {
    let mut part = Part::open("jcs");
    if !part.is_there() {
        return;
    }
    for entry in part.entries() {
        if entry.is_dir() {
            run_folder(&entry, &mut part);
            continue;
        }
        let known = match Part::json(&entry) {
            Some(file) => run_json(&entry, &file, &mut part),
            None => run_numbers(&fs::read_to_string(&entry).unwrap(), &mut part),
        };
        if !known {
            part.unknown(&entry, "is neither documents nor numbers");
        }
    }
    part.finish(&[]);
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Sample {
    zone: Option<u8>,
    #[serde(rename = "é")]
    accent: char,
    choice: Choice,
    bytes: (u8, i64),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
enum Choice {
    Unit,
    New(bool),
    Tuple(u8, String),
    Struct { b: (), a: f64 },
}

#[test]
fn typed_values_are_written_as_serde_json_would_with_members_sorted() {
    let shape = |choice| Sample { zone: None, accent: '"', choice, bytes: (1, -2) };
    let text = |choice| to_text(&shape(choice)).unwrap();
    assert_eq!(text(Choice::Unit), r#"{"bytes":[1,-2],"choice":"Unit","zone":null,"é":"\""}"#);
    assert!(text(Choice::New(true)).contains(r#""choice":{"New":true}"#));
    let tuple = Choice::Tuple(1, "\u{1}\u{8}/\u{7f}\u{2028}".into());
    assert!(text(tuple).contains("\"choice\":{\"Tuple\":[1,\"\\u0001\\b/\u{7f}\u{2028}\"]}"));
    let inner = Choice::Struct { b: (), a: 0.5 };
    assert!(text(inner).contains(r#""choice":{"Struct":{"a":0.5,"b":null}}"#));
}

#[test]
fn members_are_sorted_by_utf16_code_units_and_not_by_code_points() {
    // U+10000 starts with the surrogate D800, which is below U+FB33 (RFC 8785 section 3.2.3).
    let text = to_text(&json!({"\u{fb33}": 1, "\u{10000}": 2, "10": 3, "1": 4})).unwrap();
    assert_eq!(text, "{\"1\":4,\"10\":3,\"\u{10000}\":2,\"\u{fb33}\":1}");
}

#[test]
fn a_number_that_readers_would_round_is_refused_on_writing() {
    assert_eq!(to_bytes(&INTEGER_MAX).unwrap(), b"9007199254740991");
    assert_eq!(to_bytes(&-9_007_199_254_740_991_i64).unwrap(), b"-9007199254740991");
    let beyond = |number: &str| Err(Uncanonical::BeyondExact { number: number.into() });
    assert_eq!(to_bytes(&(INTEGER_MAX + 1)), beyond("9007199254740992"));
    assert_eq!(to_bytes(&i64::MIN), beyond("-9223372036854775808"));
    assert_eq!(to_bytes(&u128::MAX), beyond("340282366920938463463374607431768211455"));
    assert_eq!(to_bytes(&[1e21]), beyond("1e+21"));
    assert_eq!(to_bytes(&f64::NAN), Err(Uncanonical::NotFinite));
    assert_eq!(to_bytes(&Some(f32::INFINITY)), Err(Uncanonical::NotFinite));
    assert_eq!(to_bytes_with(&u64::MAX, Integers::AsDoubles).unwrap(), b"18446744073709552000");
}

#[test]
fn an_integer_is_a_member_name_and_nothing_else_but_text_is() {
    assert_eq!(to_text(&BTreeMap::from([(10, 'a'), (9, 'b')])).unwrap(), r#"{"10":"a","9":"b"}"#);
    let pairs = BTreeMap::from([((1, 2), 3)]);
    assert_eq!(to_bytes(&pairs), Err(Uncanonical::MemberName));
}

#[derive(Serialize)]
struct Flat {
    a: u8,
    #[serde(flatten)]
    more: BTreeMap<&'static str, u8>,
}

#[test]
fn a_member_written_twice_is_refused() {
    let flat = Flat { a: 1, more: BTreeMap::from([("a", 2)]) };
    assert_eq!(to_bytes(&flat), Err(Uncanonical::DuplicateMember { name: "a".into() }));
}

#[test]
fn a_content_id_leaves_out_its_own_member_at_the_top_alone() {
    // HA-30
    let document = json!({"id": "sha256:…", "body": {"id": 7}});
    let without = ContentId::of(br#"{"body":{"id":7}}"#);
    assert_eq!(content_id(&document, Some("id")).unwrap(), without);
    assert_eq!(content_id(&json!({"body": {"id": 7}}), Some("id")).unwrap(), without);
    assert_ne!(content_id(&document, None).unwrap(), without);
    let list = json!([{"id": 1}]);
    assert_eq!(content_id(&list, Some("id")).unwrap(), ContentId::of(br#"[{"id":1}]"#));
}

fn refusal(text: &str) -> MalformedJson {
    read_strict(text.as_bytes(), Limits::DOCUMENT).unwrap_err()
}

#[test]
fn the_strict_reader_says_where_a_document_is_ambiguous() {
    // HC-11
    assert_eq!(
        refusal("{\"a\": 1,\n \"a\": 2}"),
        MalformedJson::DuplicateMember { line: 2, column: 4, name: "a".into() }
    );
    assert_eq!(
        refusal(r#"[{"x":{"\u0061":1,"a":2}}]"#),
        MalformedJson::DuplicateMember { line: 1, column: 21, name: "a".into() }
    );
    for text in ["9007199254740992", "-9007199254740992", "1e20", "123456789012345678901234567890"]
    {
        let refused = refusal(&format!("[{text}]"));
        assert!(matches!(refused, MalformedJson::BeyondExact { line: 1, .. }), "{refused:?}");
    }
    assert_eq!(refusal("\u{feff}{}"), MalformedJson::ByteOrderMark);
    for text in [r#""\ud800""#, r#""\udc00""#, r#"{"\ud800x":1}"#, "1e999", "{} {}", "[1,]", ""] {
        let refused = refusal(text);
        assert!(matches!(refused, MalformedJson::Syntax { line: 1, .. }), "{text}: {refused:?}");
    }
    assert_eq!(
        read_strict(b"\"a\xff\"", Limits::DOCUMENT),
        Err(MalformedJson::NotUtf8 { offset: 2 })
    );
}

#[test]
fn the_strict_reader_keeps_its_limits() {
    let limits = Limits::new(20, 3);
    assert_eq!(
        read_strict(&[b' '; 21], limits),
        Err(MalformedJson::TooLong { bytes: 21, limit: 20 })
    );
    assert!(read_strict(b"[[{}]]", limits).is_ok());
    let refused = read_strict(b"[[{\"a\":[]}]]", limits).unwrap_err();
    assert!(matches!(refused, MalformedJson::TooDeep { line: 1, limit: 3, .. }), "{refused:?}");
    let deepest = Limits::new(1 << 20, usize::MAX);
    assert_eq!(deepest.depth(), Limits::DEPTH_MAX);
    let nested = |depth| ["[".repeat(depth), "]".repeat(depth)].concat();
    assert!(read_strict(nested(Limits::DEPTH_MAX).as_bytes(), deepest).is_ok());
    let refused = read_strict(nested(Limits::DEPTH_MAX + 1).as_bytes(), deepest).unwrap_err();
    assert!(matches!(refused, MalformedJson::TooDeep { .. }), "{refused:?}");
}

#[test]
fn a_document_of_another_shape_is_refused_with_its_place() {
    let text = r#"{"zone": 1, "é": "x", "choice": "Unit",
        "bytes": [1, "two"]}"#;
    let refused = from_slice_strict::<Sample>(text.as_bytes(), Limits::DOCUMENT).unwrap_err();
    assert_eq!(
        refused,
        MalformedJson::Unexpected {
            line: 2,
            column: 26,
            what: "invalid type: string \"two\", expected i64".into()
        }
    );
    let good = text.replace("\"two\"", "2");
    let read: Sample = from_slice_strict(good.as_bytes(), Limits::DOCUMENT).unwrap();
    assert_eq!(read, Sample { zone: Some(1), accent: 'x', choice: Choice::Unit, bytes: (1, 2) });
}

fn exact_value() -> impl Strategy<Value = Value> {
    let max = i64::try_from(INTEGER_MAX).unwrap();
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-max..=max).prop_map(Value::from),
        (-1e15..1e15).prop_map(Value::from),
        any::<f32>().prop_filter("exact", |f| f.abs() < 1e15).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map("[a-c\u{fb33}\u{10000}\\n\"]{0,2}", inner, 0..6)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_read_from_canonical_bytes_has_the_same_canonical_bytes(value in exact_value()) {
        let bytes = to_bytes(&value).unwrap();
        let again = read_strict(&bytes, Limits::DOCUMENT).unwrap();
        prop_assert_eq!(&to_bytes(&again).unwrap(), &bytes);
        let pretty = serde_json::to_vec_pretty(&value).unwrap();
        let loose = read_strict(&pretty, Limits::DOCUMENT).unwrap();
        prop_assert_eq!(to_bytes(&loose).unwrap(), bytes);
    }

    #[test]
    fn a_member_written_twice_is_refused_wherever_it_stands(
        value in exact_value(), path in prop::collection::vec(any::<bool>(), 0..30),
    ) {
        let mut text = format!(r#"{{"twice": {value}, "once": 0, "\u0074wice": null}}"#);
        for in_array in path {
            text = if in_array { format!("[0, {text}]") } else { format!("{{\"in\": {text}}}") };
        }
        let refused = read_strict(text.as_bytes(), Limits::DOCUMENT).unwrap_err();
        let named = matches!(&refused, MalformedJson::DuplicateMember { name, .. } if name == "twice");
        prop_assert!(named, "{:?}", refused);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_strict(&bytes, Limits::DOCUMENT);
        let _ = read(&bytes, Limits::new(100, 2), Integers::AsDoubles);
    }

    #[test]
    fn what_is_nearly_json_is_read_alike_twice_or_refused(
        text in "([\\[\\]{}:, \n]|\"[a-b\\\\u0d8]{0,3}\"|-?[0-9]{1,18}|[.eE+-]|true|null){0,20}",
    ) {
        if let Ok(value) = read_strict(text.as_bytes(), Limits::DOCUMENT) {
            let bytes = to_bytes(&value).unwrap();
            prop_assert_eq!(to_bytes(&read_strict(&bytes, Limits::DOCUMENT).unwrap()), Ok(bytes));
        }
    }

    #[test]
    fn every_double_is_written_so_that_it_reads_back_the_same(bits in any::<u64>()) {
        let double = f64::from_bits(bits);
        match to_bytes_with(&double, Integers::AsDoubles) {
            Ok(text) => {
                let back = std::str::from_utf8(&text).unwrap().parse::<f64>().unwrap();
                prop_assert_eq!(back.abs().to_bits(), double.abs().to_bits());
            }
            Err(error) => prop_assert!(!double.is_finite(), "{}", error),
        }
    }
}

#[derive(Debug, PartialEq, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Outer {
    one: u8,
    inner: Option<Inner>,
    list: Vec<Inner>,
}

#[derive(Debug, PartialEq, serde::Deserialize)]
struct Inner {
    two: String,
}

#[test]
fn an_object_is_read_from_an_object_alone_however_deep() {
    let read = |text: &str| {
        from_slice_strict::<Outer>(text.as_bytes(), Limits::DOCUMENT)
            .map_err(|error| error.to_string())
    };
    let two = || Inner { two: "2".to_owned() };
    let good = Outer { one: 1, inner: Some(two()), list: vec![two()] };
    assert_eq!(read(r#"{"one":1,"inner":{"two":"2"},"list":[{"two":"2"}]}"#), Ok(good));
    for (text, place) in [
        (r#"[1,{"two":"2"},[]]"#, "line 1, column 0"),
        (r#"{"one":1,"inner":["2"],"list":[]}"#, "line 1, column 17"),
        (r#"{"one":1,"inner":null,"list":[["2"]]}"#, "line 1, column 30"),
    ] {
        let expected = format!("{place}: invalid type: sequence, expected an object");
        assert_eq!(read(text), Err(expected), "{text}");
    }
}
