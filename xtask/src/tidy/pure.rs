//! The rules cannot reach the outside world, and the rooms above them do no input or output.

use super::Finding;
use super::tree::Tree;
use crate::{Failure, cargo, process};
use std::path::Path;
use std::process::Command;

/// Packages that bring chance or a clock of their own.
const OUTSIDE: &[&str] =
    &["chrono", "fastrand", "getrandom", "rand", "tempfile", "time", "tokio", "tracing"];

/// Features that give a library a clock, a file or chance.
const DOORS: &[(&str, &[&str])] = &[
    ("jiff", &["default", "std", "tz-system", "tzdb-zoneinfo", "tzdb-concatenated", "js"]),
    ("uuid", &["default", "v1", "v4", "v6", "v7", "rng", "rng-getrandom", "rng-rand", "fast-rng"]),
    ("rand_core", &["os_rng", "getrandom", "std"]),
];

/// Crates of ours in which nothing reads or writes, and what they do not name.
const QUIET_CRATES: &[&str] =
    &["crates/lifecycle/src/", "crates/crypto/src/", "crates/barrier/src/"];
const WORLD: &[&str] = &["env", "fs", "net", "process", "thread"];
const LOGGERS: &[&str] = &["tracing::", "log::", "println!", "eprintln!"];

/// The libraries of the rules with their features, as cargo resolves them when it builds the
/// rules alone.
pub(super) fn lifecycle_tree(root: &Path) -> Result<String, Failure> {
    let mut tree = Command::new(cargo());
    tree.args(["tree", "--package", "keyward-lifecycle", "--edges", "normal,build"]);
    tree.args(["--prefix", "none", "--format", "{p}|{f}"]);
    process::read(tree.current_dir(root))
}

/// Neither a library of the rules nor a feature of one reads a clock or chance.
pub(super) fn no_clock_and_no_chance(tree: &str) -> Vec<Finding> {
    let mut found = Vec::new();
    for line in tree.lines() {
        let (package, features) = line.split_once('|').unwrap_or((line, ""));
        let name = package.split_whitespace().next().unwrap_or(package);
        if OUTSIDE.contains(&name) {
            found.push(rules(format!("{name} is among the libraries of the rules")));
        }
        let Some((_, doors)) = DOORS.iter().find(|(library, _)| *library == name) else {
            continue;
        };
        // A package seen before is marked `(*)` behind its features.
        let features = features.split([',', ' ']).filter(|feature| doors.contains(feature));
        found.extend(features.map(|feature| {
            rules(format!("the feature `{feature}` of {name} is on when the rules are built alone"))
        }));
    }
    found.dedup();
    found
}

fn rules(what: String) -> Finding {
    Finding::new(
        "crates/lifecycle/Cargo.toml",
        1,
        what,
        "switch it off: time and chance are arguments (`cargo tree -p keyward-lifecycle -e features` shows who asks for it)",
    )
}

/// Rules, cryptography and barrier name no file, socket, process, thread, clock or logger.
pub(super) fn no_outside_world(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in tree.rust().filter(|file| in_a_quiet_crate(&file.path)) {
        for (line, code) in file.shipped_code() {
            let Some(name) = door_in(&code) else { continue };
            found.push(Finding::new(
                &file.path,
                line,
                format!("`{name}` reaches outside"),
                "take what is needed as an argument; input and output begin in keyward",
            ));
        }
    }
    found
}

/// The rules are built without the standard library, so that the outside does not exist for them.
pub(super) fn rules_without_std(tree: &Tree) -> Vec<Finding> {
    let root = "crates/lifecycle/src/lib.rs";
    tree.rust()
        .filter(|file| file.path == root)
        .filter(|file| !file.code().iter().any(|(_, code)| code.trim() == "#![no_std]"))
        .map(|_| Finding::new(root, 1, "the rules may use std", "put `#![no_std]` back"))
        .collect()
}

fn in_a_quiet_crate(path: &str) -> bool {
    QUIET_CRATES.iter().any(|folder| path.starts_with(folder))
}

/// The first name in a line of code that leads outside.
fn door_in(code: &str) -> Option<String> {
    for module in WORLD {
        let path = format!("std::{module}");
        if code.contains(&path) || grouped(code).any(|name| name == *module) {
            return Some(path);
        }
    }
    ["SystemTime", "Instant::now"]
        .iter()
        .chain(LOGGERS)
        .find(|name| code.contains(**name))
        .map(|name| (*name).to_owned())
}

/// The modules named by a `use std::{…}` on this line.
fn grouped(code: &str) -> impl Iterator<Item = &str> {
    code.split_once("std::{").into_iter().flat_map(|(_, group)| {
        group.split(',').filter_map(|item| {
            item.split(|c: char| !c.is_alphanumeric() && c != '_').find(|word| !word.is_empty())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;
    use super::{no_clock_and_no_chance, no_outside_world, rules_without_std};

    #[track_caller]
    fn check_tree(tree: &str, expected: &[&str]) {
        let found = no_clock_and_no_chance(tree);
        let whats: Vec<&str> = found.iter().map(|finding| finding.what.as_str()).collect();
        assert_eq!(whats, expected);
    }

    #[track_caller]
    fn check_source(path: &str, text: &str, expected: &[&str]) {
        let found = no_outside_world(&Tree::of(path, text));
        let whats: Vec<&str> = found.iter().map(|finding| finding.what.as_str()).collect();
        assert_eq!(whats, expected);
    }

    #[test]
    fn a_clock_switched_on_is_found() {
        check_tree(
            "jiff v0.2.46|alloc,std\nuuid v1.29.3|\njiff v0.2.46|alloc,std (*)\n",
            &["the feature `std` of jiff is on when the rules are built alone"],
        );
        check_tree("jiff v0.2.46|alloc\nuuid v1.29.3|serde\nserde v1|std\n", &[]);
    }

    #[test]
    fn chance_among_the_libraries_is_found() {
        check_tree("getrandom v0.4.0|\n", &["getrandom is among the libraries of the rules"]);
        check_tree("rand_core v0.9.5|\n", &[]);
    }

    #[test]
    fn a_file_is_out_of_reach_below_keyward() {
        let text = "//! A.\nuse std::{fmt, fs};\n";
        check_source("crates/crypto/src/a.rs", text, &["`std::fs` reaches outside"]);
        check_source("crates/storage/src/a.rs", text, &[]);
    }

    #[test]
    fn tests_below_keyward_may_read_vectors() {
        let text = "//! A.\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
        check_source("crates/crypto/src/a.rs", text, &[]);
        check_source("crates/crypto/tests/it/a.rs", "//! A.\nuse std::fs;\n", &[]);
    }

    #[test]
    fn the_rules_do_without_std() {
        let path = "crates/lifecycle/src/lib.rs";
        assert_eq!(rules_without_std(&Tree::of(path, "//! A.\n#![no_std]\n")), []);
        let found = rules_without_std(&Tree::of(path, "//! A.\n// #![no_std]\n"));
        assert_eq!(found.len(), 1);
    }
}
