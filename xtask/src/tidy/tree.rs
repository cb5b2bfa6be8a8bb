//! The text files of the repository, read once.

use super::code;
use crate::{Failure, process};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

/// Files that others wrote (test vectors, cargo's lock) and that no rule is about.
const FOREIGN: &[&str] = &["vectors/", "LICENSE"];

/// Every text file that is in the repository or about to be.
#[derive(Debug)]
pub(super) struct Tree {
    /// The files, by path.
    pub(super) files: Vec<File>,
}

/// A text file.
#[derive(Debug)]
pub(super) struct File {
    /// Relative to the workspace, with `/`.
    pub(super) path: String,
    /// What it says.
    pub(super) text: String,
}

impl Tree {
    /// Reads what git tracks, and what it would track, under `root`.
    pub(super) fn read(root: &Path) -> Result<Self, Failure> {
        let mut git = Command::new("git");
        // A checkout made by another user is fine to read.
        git.args(["-c", "safe.directory=*", "ls-files", "-z"]);
        git.args(["--cached", "--others", "--exclude-standard"]).current_dir(root);
        let listed = process::read(&mut git)
            .map_err(|failure| failure.hint("tidy reads a git checkout; clone the repository"))?;
        let mut files = Vec::new();
        for path in listed.split_terminator('\0') {
            if FOREIGN.iter().any(|foreign| path.starts_with(foreign)) || path.ends_with(".lock") {
                continue;
            }
            match fs::read_to_string(root.join(path)) {
                Ok(text) => files.push(File { path: path.to_owned(), text }),
                // Deleted and not yet committed, or not text.
                Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) => {}
                Err(e) => return Err(Failure::new(format!("{path}: {e}"))),
            }
        }
        Ok(Self { files })
    }

    /// The Rust files among them, our own developer commands included.
    pub(super) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| {
            file.path.ends_with(".rs")
                && (file.path.starts_with("crates/") || file.path.starts_with("xtask/"))
        })
    }

    #[cfg(test)]
    pub(super) fn of(path: &str, text: &str) -> Self {
        Self { files: vec![File { path: path.to_owned(), text: text.to_owned() }] }
    }
}

impl File {
    /// The file without comments and literals, line by line, each with its number from 1.
    pub(super) fn code(&self) -> Vec<(usize, String)> {
        number(code::blank(&self.text).lines())
    }

    /// The part of [`Self::code`] that ships: nothing of a file of tests, and of another file
    /// what stands before its test module.
    pub(super) fn shipped_code(&self) -> Vec<(usize, String)> {
        let mut lines = self.code();
        lines.truncate(self.tests_begin(&lines));
        lines
    }

    /// The part of [`Self::code`] that is tests.
    pub(super) fn test_code(&self) -> Vec<(usize, String)> {
        let lines = self.code();
        let begin = self.tests_begin(&lines);
        lines.into_iter().skip(begin).collect()
    }

    /// How many lines stand before the tests.
    fn tests_begin(&self, lines: &[(usize, String)]) -> usize {
        let is_tests = self.path.contains("/tests/")
            || self.path.contains("/benches/")
            || self.path.ends_with("/tests.rs")
            || self.path.starts_with("crates/testkit/");
        if is_tests {
            return 0;
        }
        lines
            .windows(2)
            .position(|pair| match pair {
                [(_, first), (_, second)] => {
                    first.trim() == "#[cfg(test)]" && second.trim_start().starts_with("mod ")
                }
                _ => false,
            })
            .unwrap_or(lines.len())
    }
}

fn number<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<(usize, String)> {
    (1..).zip(lines.map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::Tree;

    #[test]
    fn a_test_module_at_the_end_does_not_ship() {
        let tree = Tree::of(
            "crates/crypto/src/a.rs",
            "//! A.\n#[cfg(test)]\nextern crate std;\nfn a() {}\n#[cfg(test)]\nmod tests {\n}\n",
        );
        let shipped: Vec<usize> = tree.files[0].shipped_code().iter().map(|(n, _)| *n).collect();
        assert_eq!(shipped, [1, 2, 3, 4]);
        assert_eq!(tree.files[0].test_code().len(), 3);
    }
}
