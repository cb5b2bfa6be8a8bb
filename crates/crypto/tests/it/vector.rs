//! Vectors of other people, found by listing. A file is recognised by its members, never by
//! its name.

mod acvp;
mod composite;
mod document;
mod ed25519;
mod kdf;
mod mldsa;
mod p256;
mod share;
mod wycheproof;

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// A file of vectors.
pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    pub(crate) json: Value,
}

/// What was run, and what was not, by reason.
#[derive(Default)]
pub(crate) struct Tally {
    cases: usize,
    passed_over: BTreeMap<String, usize>,
}

impl Tally {
    pub(crate) fn run(&mut self) {
        self.cases += 1;
    }

    pub(crate) fn pass_over(&mut self, reason: &str) {
        self.cases += 1;
        *self.passed_over.entry(reason.to_owned()).or_default() += 1;
    }
}

/// Answers whether it knows the file's shape; if so it has run it.
type Runner = fn(&File, &mut Tally) -> bool;

const RUNNERS: &[Runner] = &[
    wycheproof::run,
    acvp::run,
    composite::run,
    document::run,
    ed25519::run,
    kdf::run,
    mldsa::run,
    p256::run,
    share::run,
];

/// Runs every file of a part. `expected` are the cases passed over in the project's own
/// vectors, by reason.
fn part(name: &str, expected: &[(&str, usize)]) {
    let given = std::env::var_os("KEYWARD_VECTORS").map(PathBuf::from);
    let own = given.is_none();
    let root = given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors"));
    let folder = root.join(name);
    if !folder.is_dir() {
        return say(&format!("{name}: absent from {}", root.display()));
    }
    let tally = run(&folder).unwrap_or_else(|why| panic!("{why}"));
    let passed_over: usize = tally.passed_over.values().sum();
    say(&format!("{name}: {} cases, {passed_over} not for our interface", tally.cases));
    for (reason, count) in &tally.passed_over {
        say(&format!("{name}: {count} not for our interface: {reason}"));
    }
    if own {
        let expected = expected.iter().map(|(why, count)| ((*why).to_owned(), *count)).collect();
        assert_eq!(tally.passed_over, expected, "{name}");
    }
}

/// Runs every file under `folder`; says which one no runner knows, or that there is no case.
fn run(folder: &Path) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for path in files(folder) {
        let bytes = fs::read(&path).unwrap();
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let file = File { path, bytes, json };
        if !RUNNERS.iter().any(|run| run(&file, &mut tally)) {
            return Err(format!("no runner knows {}", file.path.display()));
        }
    }
    if tally.cases == 0 {
        return Err(format!("{} has no case", folder.display()));
    }
    Ok(tally)
}

/// Every file under `folder`, in order, without the READMEs.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.file_name().is_none_or(|name| name != "README.md") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn say(line: &str) {
    // Not `println!`: the harness swallows it.
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").unwrap();
}

/// The cases in the member `tests`, if there is one.
pub(crate) fn tests(json: &Value) -> &[Value] {
    json["tests"].as_array().map_or(&[], Vec::as_slice)
}

/// Whether the first case has all these members.
pub(crate) fn shaped(json: &Value, members: &[&str]) -> bool {
    tests(json).first().is_some_and(|case| members.iter().all(|member| case.get(member).is_some()))
}

/// A text member.
pub(crate) fn text<'a>(case: &'a Value, member: &str) -> &'a str {
    case[member].as_str().unwrap_or_else(|| panic!("no text member {member} in {case}"))
}

/// A number, written as a number or as text.
pub(crate) fn number(case: &Value, member: &str) -> u32 {
    let value = &case[member];
    let number = value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
    u32::try_from(number.unwrap_or_else(|| panic!("no number {member} in {case}"))).unwrap()
}

/// A member in hexadecimal; none is no bytes.
pub(crate) fn hex(case: &Value, member: &str) -> Vec<u8> {
    case.get(member)
        .and_then(Value::as_str)
        .map_or_else(Vec::new, |text| ::hex::decode(text).unwrap())
}

/// A member in base64.
pub(crate) fn base64(case: &Value, member: &str) -> Vec<u8> {
    use ::base64::{Engine as _, prelude::BASE64_STANDARD};
    BASE64_STANDARD.decode(text(case, member)).unwrap()
}

/// Changes one bit.
pub(crate) fn flipped(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes
}

#[test]
fn ed25519_vectors_agree() {
    part("ed25519", &[]);
}

#[test]
fn ecdsa_p256_vectors_agree() {
    part("ecdsa-p256", &[("another curve or digest", 2)]);
}

#[test]
fn wycheproof_vectors_agree() {
    part("wycheproof", &[("nonce or tag of another length than we make", 27)]);
}

#[test]
fn aead_vectors_agree() {
    part("aead", &[]);
}

#[test]
fn kdf_vectors_agree() {
    part(
        "kdf",
        &[
            ("Argon2id with a secret or associated data", 3),
            ("PHC strings are not parsed: costs stand in our own headers", 2),
        ],
    );
}

#[test]
fn mldsa_vectors_agree() {
    part("mldsa", &[]);
}

#[test]
fn acvp_ml_dsa_65_vectors_agree() {
    part("acvp-ml-dsa-65", &[("HashML-DSA is another algorithm", 10)]);
}

#[test]
fn shamir_vectors_agree() {
    part(
        "shamir",
        &[
            ("SLIP-39 mnemonics, which we do not make", 29),
            ("shares in the RTSS format of draft-mcgrew-tss, which we do not make", 10),
            ("the word list of SLIP-39 mnemonics, which we do not make", 1),
        ],
    );
}

#[test]
fn composite_vectors_agree() {
    part("composite", &[("a composite that is not in the registry", 1)]);
}

#[test]
fn x509_pkcs8_vectors_agree() {
    part(
        "x509-pkcs8",
        &[
            ("an algorithm or explicit curve that is not registered", 1),
            ("certificate chains are checked where TLS is", 12),
        ],
    );
}

#[test]
fn a_vector_file_that_no_runner_knows_and_a_part_without_a_case_fail_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display();
    let keep = |name: &str, text: &str| {
        let mut file = fs::File::create(folder.path().join(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    let outcome = || run(folder.path()).map(|tally| tally.cases);
    keep("README.md", "not a vector");
    assert_eq!(outcome(), Err(format!("{place} has no case")));
    keep("renamed.json", r#"{"tests": [{"publicKey": "01", "valid": false}]}"#);
    assert_eq!(outcome(), Ok(1));
    for unknown in [r#"{"tests": [{"other": 1}]}"#, "[1]", "text"] {
        keep("strange.json", unknown);
        assert_eq!(outcome(), Err(format!("no runner knows {place}/strange.json")));
    }
}
