//! Rules about source files: size, name, module docs, unsafe code, honest tests.

use super::Finding;
use super::tree::Tree;

/// Longest file of source. A longer one is about two things.
const LINES_MAX: usize = 400;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &[
    "base", "common", "handler", "handlers", "helper", "helpers", "manager", "managers", "misc",
    "type", "types", "util", "utils",
];

/// The one file with unsafe code: memory that is locked, guarded and erased.
const UNSAFE_FILE: &str = "crates/crypto/src/secret/locked.rs";

/// No source file is longer than [`LINES_MAX`].
pub(super) fn lengths(tree: &Tree) -> Vec<Finding> {
    let sources = tree.rust().filter(|file| file.path.contains("/src/"));
    sources
        .filter_map(|file| {
            let lines = file.text.lines().count();
            (lines > LINES_MAX).then(|| {
                Finding::new(
                    &file.path,
                    LINES_MAX.saturating_add(1),
                    format!("{lines} lines, and {LINES_MAX} is the most"),
                    "split it by what its parts are about",
                )
            })
        })
        .collect()
}

/// Files and folders are named for what they are about, and `foo.rs` stands beside `foo/`.
pub(super) fn names(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in tree.rust() {
        if file.path.ends_with("/mod.rs") {
            found.push(Finding::new(
                &file.path,
                1,
                "a module in a file called mod.rs",
                "move `foo/mod.rs` to `foo.rs`",
            ));
        }
        let empty = file.path.split('/').map(|part| part.strip_suffix(".rs").unwrap_or(part));
        for name in empty.filter(|part| EMPTY_NAMES.contains(part)) {
            found.push(Finding::new(
                &file.path,
                1,
                format!("the name `{name}` does not say what is inside"),
                "name it for what it is about",
            ));
        }
    }
    found
}

/// Every file begins by saying what it is.
pub(super) fn module_docs(tree: &Tree) -> Vec<Finding> {
    tree.rust()
        .filter(|file| !file.text.starts_with("//!"))
        .map(|file| {
            Finding::new(
                &file.path,
                1,
                "no module documentation",
                "begin the file with `//!` and a sentence on what the module is for",
            )
        })
        .collect()
}

/// Unsafe code stands in one file, and nobody else asks for leave.
pub(super) fn unsafe_code(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in tree.rust().filter(|file| file.path != UNSAFE_FILE) {
        for (line, code) in file.code() {
            let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
            let leave = code.contains("expect(") || code.contains("allow(");
            if words.any(|word| word == "unsafe" || (leave && word == "unsafe_code")) {
                found.push(Finding::new(
                    &file.path,
                    line,
                    "unsafe code",
                    format!("use a safe interface; {UNSAFE_FILE} is the one exception"),
                ));
            }
        }
    }
    found
}

/// Tests run, run always, look at the error, and wait for nothing but the thing itself.
pub(super) fn honest_tests(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in tree.rust() {
        for (line, code) in file.code() {
            let attribute = code.trim_start().strip_prefix("#[").unwrap_or("");
            if attribute.starts_with("ignore") {
                found.push(test(
                    &file.path,
                    line,
                    "a test that is switched off",
                    "mend or delete it",
                ));
            }
            if attribute.starts_with("should_panic") {
                let to_do = "return an error and assert which one";
                found.push(test(&file.path, line, "a test content with any panic", to_do));
            }
        }
        for (line, code) in file.test_code() {
            if code.contains("thread::sleep") || code.contains("time::sleep") {
                let to_do = "use the fake clock, or wait for the event itself with a limit";
                found.push(test(&file.path, line, "a test that sleeps", to_do));
            }
        }
    }
    found
}

fn test(path: &str, line: usize, what: &str, to_do: &str) -> Finding {
    Finding::new(path, line, what, to_do)
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;
    use super::*;

    #[track_caller]
    fn check(rule: fn(&Tree) -> Vec<Finding>, path: &str, text: &str, expected: &[(usize, &str)]) {
        let found = rule(&Tree::of(path, text));
        let seen: Vec<(usize, &str)> = found.iter().map(|f| (f.line, f.what.as_str())).collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_file_has_at_most_400_lines() {
        check(lengths, "crates/a/src/b.rs", &"//! A.\n".repeat(400), &[]);
        let long = "//! A.\n".repeat(401);
        check(lengths, "crates/a/src/b.rs", &long, &[(401, "401 lines, and 400 is the most")]);
    }

    #[test]
    fn names_say_what_is_inside() {
        check(names, "crates/a/src/key.rs", "//! A.\n", &[]);
        let what = "the name `utils` does not say what is inside";
        check(names, "crates/a/src/utils.rs", "//! A.\n", &[(1, what)]);
        check(names, "crates/a/src/utils/b.rs", "//! A.\n", &[(1, what)]);
        let what = "a module in a file called mod.rs";
        check(names, "crates/a/src/b/mod.rs", "//! A.\n", &[(1, what)]);
    }

    #[test]
    fn a_module_says_what_it_is() {
        check(module_docs, "crates/a/src/b.rs", "//! A.\n", &[]);
        check(module_docs, "crates/a/src/b.rs", "use b;\n", &[(1, "no module documentation")]);
    }

    #[test]
    fn unsafe_code_stands_in_one_file() {
        let text = "//! On unsafe code.\n#![deny(unsafe_code)]\nfn a() { unsafe { b() } }\n";
        check(unsafe_code, "crates/a/src/b.rs", text, &[(3, "unsafe code")]);
        check(unsafe_code, UNSAFE_FILE, text, &[]);
        let leave = "//! A.\n#[expect(unsafe_code, reason = \"\")]\n";
        check(unsafe_code, "crates/a/src/b.rs", leave, &[(2, "unsafe code")]);
    }

    #[test]
    fn tests_are_honest() {
        let text = "//! A.\n#[test]\n#[ignore]\nfn a() { std::thread::sleep(b); }\n";
        check(
            honest_tests,
            "crates/a/tests/it/b.rs",
            text,
            &[(3, "a test that is switched off"), (4, "a test that sleeps")],
        );
        check(honest_tests, "crates/a/src/b.rs", "//! A.\nfn a() { thread::sleep(b); }\n", &[]);
    }
}
