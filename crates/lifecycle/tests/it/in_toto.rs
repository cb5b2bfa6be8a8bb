//! The conformance vectors of in-toto statements.

use std::path::Path;

use keyward_lifecycle::statement::{Statement, StatementText};
use serde_json::Value;

use crate::part::Part;

#[test]
fn in_toto_vectors_are_judged_as_their_sources_say() {
    let mut part = Part::open("in-toto");
    if !part.is_there() {
        return;
    }
    for path in part.entries() {
        match Part::json(&path) {
            Some(Value::Object(groups)) => {
                for (group, cases) in &groups {
                    run_group(&mut part, &path, group, cases.as_array().unwrap());
                }
            }
            _ => part.unknown(&path, ""),
        }
    }
    part.finish(&[("the specification and its Go validator disagree", 1)]);
}

fn run_group(part: &mut Part, path: &Path, group: &str, cases: &[Value]) {
    for case in cases {
        let Some(statement) = case["statement"].as_str().map(str::as_bytes) else {
            part.unknown(path, &case.to_string());
            continue;
        };
        match group {
            "valid" | "invalid" => {
                let parsed = Statement::parse(statement);
                assert_eq!(parsed.is_ok(), group == "valid", "{case} {parsed:?}");
                part.count(1);
            }
            // They abbreviate digests, so they are read and not checked.
            "specification_examples" => {
                StatementText::read(statement).unwrap();
                part.count(1);
            }
            "disputed" => {
                part.not_for_us(1, "the specification and its Go validator disagree");
            }
            _ => part.unknown(path, group),
        }
    }
}
