//! `docs/format/event.md` tells of every type and of every member.

use std::{collections::BTreeSet, fs, path::Path};

use keyward_lifecycle::event::{Event, Fact};
use serde_json::{Map, Value};

use super::sample::{SAMPLES, event};

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/format/event.md");
    fs::read_to_string(path).unwrap()
}

/// The members that the table of a section lists: the first column, in backticks.
fn listed(document: &str, heading: &str) -> BTreeSet<String> {
    let start = format!("\n### {heading}\n");
    let (_, rest) = document.split_once(&start).unwrap_or_else(|| panic!("no section {heading}"));
    let section = rest.split("\n##").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    rows.map(str::to_owned).collect()
}

#[track_caller]
fn check(document: &str, heading: &str, members: &Map<String, Value>) {
    let members: BTreeSet<_> = members.keys().cloned().collect();
    assert_eq!(listed(document, heading), members, "{heading}");
}

#[test]
fn every_type_and_every_member_is_documented() {
    let document = document();
    for kind in 0..SAMPLES {
        // An odd seed has every optional member.
        let event = event(kind, 1);
        let leaf: Value = serde_json::from_slice(&event.to_leaf().unwrap()).unwrap();
        let details = leaf["details"].as_object().unwrap();
        check(&document, event.fact.type_name(), details);
        for (name, section) in [
            ("key", "Key record"),
            ("anchor", "Anchor record"),
            ("profile", "Profile"),
            ("token", "Token"),
        ] {
            if let Some(Value::Object(members)) = details.get(name) {
                check(&document, section, members);
            }
        }
        check(&document, "Members of a leaf", leaf.as_object().unwrap());
    }
}

#[test]
fn no_type_is_documented_that_is_not_there() {
    let document = document();
    let headings = document.lines().filter_map(|line| line.strip_prefix("### "));
    let types: BTreeSet<_> = headings.filter(|name| !name.contains(char::is_lowercase)).collect();
    assert_eq!(types, Fact::TYPES.iter().copied().collect());
}

#[test]
fn the_examples_are_leaves() {
    let document = document();
    let mut examples = 0;
    for line in document.lines().filter(|line| line.starts_with("{\"actor\"")) {
        let seq = serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap();
        let event = Event::from_leaf(seq, line.as_bytes()).unwrap();
        assert_eq!(event.to_leaf().unwrap(), line.as_bytes());
        examples += 1;
    }
    assert!(examples >= 3, "{examples}");
}
