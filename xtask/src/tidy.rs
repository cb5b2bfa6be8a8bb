//! The rules of the house that no compiler knows; `cargo test` runs them too.
//!
//! Each rule is a function from the tree to what it found. Clippy judges the length of
//! functions, so nothing here does.

mod arrow;
mod code;
mod place;
mod pure;
mod source;
mod tree;

use crate::Failure;
use crate::metadata::Metadata;
use std::fmt;
use std::path::Path;
use tree::Tree;

/// A place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The file, relative to the workspace.
    path: String,
    /// The line, counted from 1.
    line: usize,
    /// What is there.
    what: String,
    /// What to do about it.
    to_do: String,
}

impl Finding {
    fn new(
        path: impl Into<String>,
        line: usize,
        what: impl Into<String>,
        to_do: impl Into<String>,
    ) -> Self {
        Self { path: path.into(), line, what: what.into(), to_do: to_do.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; {}", self.path, self.line, self.what, self.to_do)
    }
}

/// Applies every rule to the workspace at `root`; the failure lists what was found.
pub(crate) fn run(root: &Path) -> Result<(), Failure> {
    let tree = Tree::read(root)?;
    let packages = Metadata::read(root)?.packages;
    let rules_alone = pure::lifecycle_tree(root)?;
    let found: Vec<Finding> = [
        arrow::arrows(&packages),
        arrow::testkit_is_for_tests(&packages),
        arrow::lifecycle_needs(&packages),
        arrow::cryptography_is_named_once(&packages),
        arrow::nothing_passed_on(&tree),
        pure::no_clock_and_no_chance(&rules_alone),
        pure::no_outside_world(&tree),
        pure::rules_without_std(&tree),
        source::lengths(&tree),
        source::names(&tree),
        source::module_docs(&tree),
        source::unsafe_code(&tree),
        source::honest_tests(&tree),
        place::machine_paths(&tree),
        place::registry_hosts(&tree),
    ]
    .concat();
    if found.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = found.iter().map(Finding::to_string).collect();
    Err(Failure::new(format!("the tree is not tidy\n{}", lines.join("\n"))))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_tree_is_tidy() {
        if let Err(failure) = super::run(&crate::root()) {
            panic!("{failure}");
        }
    }
}
