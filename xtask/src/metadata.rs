//! What cargo says about the workspace: its packages, what they need, where builds go.

use crate::{Failure, cargo, process};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace as `cargo metadata --no-deps` tells it.
#[derive(Debug)]
pub(crate) struct Metadata {
    /// Where cargo puts what it builds; `CARGO_TARGET_DIR` and configuration are honoured.
    pub(crate) target: PathBuf,
    /// The packages of this workspace.
    pub(crate) packages: Vec<Package>,
}

/// A package of ours.
#[derive(Debug)]
pub(crate) struct Package {
    /// Its name, `keyward-lifecycle`.
    pub(crate) name: String,
    /// Its manifest, relative to the workspace.
    pub(crate) manifest: String,
    /// What its manifest names, in every section.
    pub(crate) needs: Vec<Need>,
}

/// One line of a manifest's dependencies.
#[derive(Debug)]
pub(crate) struct Need {
    /// The package that is needed, by its own name (a rename in the manifest does not hide it).
    pub(crate) name: String,
    /// Whether only tests, examples and benches get it.
    pub(crate) tests_only: bool,
    /// Whether it is a package of this workspace.
    pub(crate) ours: bool,
}

impl Metadata {
    /// Asks cargo about the workspace at `root`.
    pub(crate) fn read(root: &Path) -> Result<Self, Failure> {
        let mut command = Command::new(cargo());
        command.args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(root);
        let said = process::read(&mut command)?;
        let document: Value = serde_json::from_str(&said)
            .map_err(|e| Failure::new(format!("cargo metadata is not JSON: {e}")))?;
        let mut packages = Vec::new();
        for package in list(&document, "packages")? {
            packages.push(Package::of(package, root)?);
        }
        Ok(Self { target: text(&document, "target_directory")?.into(), packages })
    }
}

impl Package {
    fn of(package: &Value, root: &Path) -> Result<Self, Failure> {
        let manifest = Path::new(text(package, "manifest_path")?);
        let manifest = manifest.strip_prefix(root).unwrap_or(manifest);
        let mut needs = Vec::new();
        for need in list(package, "dependencies")? {
            needs.push(Need {
                name: text(need, "name")?.to_owned(),
                tests_only: need.get("kind").and_then(Value::as_str) == Some("dev"),
                ours: need.get("path").is_some_and(Value::is_string),
            });
        }
        Ok(Self {
            name: text(package, "name")?.to_owned(),
            manifest: manifest.to_string_lossy().into_owned(),
            needs,
        })
    }
}

fn text<'a>(value: &'a Value, member: &str) -> Result<&'a str, Failure> {
    value.get(member).and_then(Value::as_str).ok_or_else(|| unknown(member))
}

fn list<'a>(value: &'a Value, member: &str) -> Result<&'a Vec<Value>, Failure> {
    value.get(member).and_then(Value::as_array).ok_or_else(|| unknown(member))
}

fn unknown(member: &str) -> Failure {
    Failure::new(format!("cargo metadata has no member `{member}` of the shape we know"))
}
