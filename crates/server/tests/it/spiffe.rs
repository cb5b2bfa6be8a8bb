//! The conformance vectors of SPIFFE: IDs, X509-SVIDs, bundles and keys.
#![expect(clippy::arithmetic_side_effects, reason = "counts of test cases")]

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use keyward_lifecycle::spiffe::SpiffeId;
use keyward_server::mtls::svid::{Bundle, Chain, key_from_pem};
use serde_json::Value;

const NO_JWK: &str = "authorities are read from PEM or come from the Workload API, not as JWK sets";

#[derive(Default)]
struct Part {
    cases: usize,
    not_for_us: BTreeMap<&'static str, usize>,
    wrong: Vec<String>,
}

#[test]
fn spiffe_vectors_are_judged_as_their_sources_say() {
    let given = std::env::var_os("KEYWARD_VECTORS").map(PathBuf::from);
    let is_own = given.is_none();
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors");
    let folder = given.unwrap_or_else(own).join("spiffe");
    if !folder.is_dir() {
        return say("spiffe: absent");
    }
    let mut part = Part::default();
    walk(&folder, &mut part);
    let Part { cases, not_for_us, wrong } = part;
    let left_out: usize = not_for_us.values().sum();
    say(&format!("spiffe: {cases} cases, {left_out} not for our interface"));
    for (reason, count) in &not_for_us {
        say(&format!("  {count}: {reason}"));
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_ne!(cases, 0, "{} has no case", folder.display());
    if is_own {
        assert_eq!(not_for_us, BTreeMap::from([(NO_JWK, 5)]));
    }
}

fn walk(folder: &Path, part: &mut Part) {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            walk(&path, part);
        } else if path.file_name().is_none_or(|name| name != "README.md") {
            run(&path, part);
        }
    }
}

/// A file is told by what is in it; whether it is good, its name says (see the README).
fn run(path: &Path, part: &mut Part) {
    let bytes = fs::read(path).expect("a file");
    if let Ok(document) = serde_json::from_slice::<Value>(&bytes) {
        if let Some(tests) = document["tests"].as_array() {
            return tests.iter().for_each(|case| run_id(case, part));
        }
        part.cases += 1;
        if document.is_object() {
            *part.not_for_us.entry(NO_JWK).or_default() += 1;
        } else {
            part.wrong.push(format!("{}: no runner knows it", path.display()));
        }
        return;
    }
    part.cases += 1;
    let name = path.file_stem().expect("a name").to_string_lossy();
    let is_good = ["good", "valid", "cert", "key"].iter().any(|good| name.starts_with(good));
    let text = String::from_utf8_lossy(&bytes);
    let is_of_authorities = path.components().any(|part| part.as_os_str() == "x509bundle");
    let refused = if is_of_authorities {
        // A key is no bundle.
        let expected = is_good && !name.starts_with("key");
        (Bundle::from_pem(&bytes).is_ok() != expected).then_some("bundle")
    } else if text.contains("BEGIN CERTIFICATE") || !is_good {
        let read = Chain::from_pem(&bytes);
        let id = read.as_ref().ok().map(|chain| chain.svid.id.to_string());
        let expected = is_good.then(|| "spiffe://example.org/workload-1".to_owned());
        (id != expected).then_some("certificate")
    } else {
        key_from_pem(&bytes).is_err().then_some("key")
    };
    if let Some(kind) = refused {
        part.wrong.push(format!("{}: judged otherwise as a {kind}", path.display()));
    }
}

fn run_id(case: &Value, part: &mut Part) {
    part.cases += 1;
    let id = case["id"].as_str().expect("an id");
    let read = SpiffeId::parse(id).ok();
    let found = read.as_ref().map(|id| (id.trust_domain().as_str(), id.path()));
    let expected = (case["valid"] == true).then(|| {
        (
            case["trustDomain"].as_str().expect("a trust domain"),
            case["path"].as_str().expect("a path"),
        )
    });
    if found != expected || read.is_some_and(|read| read.to_string() != id) {
        part.wrong.push(format!("{case}"));
    }
}

/// Writes a line to standard output, past the test harness.
fn say(line: &str) {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").expect("standard output");
}
