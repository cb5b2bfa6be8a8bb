//! The inputs that a search starts from: the vectors, the examples of `docs/format/`, and
//! documents that this build writes.

mod made;
mod request;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use keyward_lifecycle::id::Digest;
use serde_json::Value;

pub(crate) use made::events;

/// Names the folder into which [`plant`] writes.
pub const FOLDER_VARIABLE: &str = "KEYWARD_FUZZ_SEEDS";
/// Longest seed; `cargo xtask fuzz` gives libFuzzer the same limit.
pub const SEED_BYTES_MAX: usize = 64 << 10;
/// Most seeds of a target; more of them only cost time at the start.
const SEEDS_MAX: usize = 3000;

/// Writes the seeds of a target, when the environment says where to. Called by every target
/// before libFuzzer reads its corpus.
///
/// # Panics
/// When a seed cannot be written.
pub fn plant(target: &str) {
    let Some(folder) = std::env::var_os(FOLDER_VARIABLE).map(PathBuf::from) else { return };
    fs::create_dir_all(&folder).expect("the folder for seeds can be made");
    for seed in seeds(target) {
        let name = Digest::of(&seed).to_string();
        fs::write(folder.join(name), seed).expect("a seed can be written");
    }
}

/// The seeds of a target: what this build writes, then what is found, the shortest first.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Found::default();
    for part in parts(target) {
        found.folder(&workspace.join(part));
    }
    let mut found: Vec<Vec<u8>> = found.0.into_iter().collect();
    found.sort_by_key(Vec::len);
    let mut seeds = made::of(target);
    seeds.extend(found);
    seeds.truncate(SEEDS_MAX);
    seeds
}

/// Where a target's seeds are found.
fn parts(target: &str) -> &'static [&'static str] {
    match target {
        "anchor" => &["docs/operate/runbook.md", "docs/format"],
        "authority" | "bundle" | "envelope" => &["vectors/dsse", "docs/format"],
        "canonical" => &["vectors/jcs", "docs/format"],
        "checkpoint" | "note" | "tlog_proof" | "verifier_key" | "merkle" => {
            &["vectors/tlog", "docs/format"]
        }
        "config" => &["docs/operate/config.md", "docs/operate/keeper.md", "docs/operate/secret.md"],
        "encrypted_key" | "private_key" | "spki" => {
            &["vectors/x509-pkcs8", "vectors/mldsa/rfc9881", "vectors/ed25519"]
        }
        "pattern" | "purl" => &["vectors/purl", "docs/format/pattern.md"],
        "spiffe" => &["docs/operate/keeper.md", "docs/operate/secret.md"],
        "svid" => &["vectors/spiffe/testdata"],
        "http" => &[],
        "path_policy" | "secret_path" => &["docs/operate/secret.md", "docs/format/secret.md"],
        "signature" => &["vectors/wycheproof", "vectors/ecdsa-p256"],
        "statement" => &["vectors/in-toto", "docs/format"],
        _ => &["docs/format"],
    }
}

/// Seeds, each once.
#[derive(Default)]
struct Found(BTreeSet<Vec<u8>>);

impl Found {
    /// The files of a folder, and of the folders in it; or a file.
    fn folder(&mut self, path: &Path) {
        if path.is_file() {
            self.file(path);
        }
        let Ok(entries) = fs::read_dir(path) else { return };
        for entry in entries.flatten() {
            self.folder(&entry.path());
        }
    }

    /// A file as a whole; the texts and documents in it; of a page, its lines and blocks.
    fn file(&mut self, path: &Path) {
        let Ok(bytes) = fs::read(path) else { return };
        if let Ok(document) = serde_json::from_slice(&bytes) {
            self.document(&document);
        } else if let Ok(text) = std::str::from_utf8(&bytes) {
            for block in text.split("```").skip(1).step_by(2) {
                let block = block.split_once('\n').map_or(block, |(_, block)| block);
                self.take(block.as_bytes().to_vec());
                block.lines().for_each(|line| self.take(line.as_bytes().to_vec()));
            }
        }
        self.take(bytes);
    }

    /// A document, and everything in it; texts also as the bytes that they encode.
    fn document(&mut self, document: &Value) {
        match document {
            Value::String(text) => {
                self.take(text.as_bytes().to_vec());
                self.take(hex::decode(text).unwrap_or_default());
                self.take(BASE64.decode(text).unwrap_or_default());
            }
            Value::Array(values) => values.iter().for_each(|value| self.document(value)),
            Value::Object(members) => {
                self.take(document.to_string().into_bytes());
                members.values().for_each(|value| self.document(value));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn take(&mut self, seed: Vec<u8>) {
        if (1..=SEED_BYTES_MAX).contains(&seed.len()) {
            self.0.insert(seed);
        }
    }
}
