//! Which crate may use which: a crate boundary is a trust boundary.

use super::Finding;
use super::tree::Tree;
use crate::metadata::{Need, Package};

/// What each package may use of ours outside its tests.
const ARROWS: &[(&str, &[&str])] = &[
    ("keyward-lifecycle", &[]),
    ("keyward-crypto", &["keyward-lifecycle"]),
    ("keyward-barrier", &["keyward-crypto", "keyward-lifecycle"]),
    ("keyward", &["keyward-barrier", "keyward-crypto", "keyward-lifecycle"]),
    ("keyward-keystore", &["keyward", "keyward-barrier", "keyward-crypto", "keyward-lifecycle"]),
    ("keyward-storage", &["keyward", "keyward-lifecycle"]),
    ("keyward-server", &["keyward", "keyward-lifecycle"]),
    (
        "keyward-cli",
        &[
            "keyward",
            "keyward-barrier",
            "keyward-crypto",
            "keyward-keystore",
            "keyward-lifecycle",
            "keyward-server",
            "keyward-storage",
        ],
    ),
    (
        "keyward-bench",
        &[
            "keyward",
            "keyward-barrier",
            "keyward-crypto",
            "keyward-keystore",
            "keyward-lifecycle",
            "keyward-storage",
        ],
    ),
    (TESTKIT, &["keyward", "keyward-barrier", "keyward-crypto", "keyward-lifecycle"]),
    ("xtask", &[]),
];

const LIFECYCLE: &str = "keyward-lifecycle";
const CRYPTO: &str = "keyward-crypto";
const TESTKIT: &str = "keyward-testkit";

/// What the rules may use of others: nothing that reads a clock, a file or chance.
const LIFECYCLE_NEEDS: &[&str] = &[
    "base64",
    "hex",
    "imbl",
    "jiff",
    "packageurl",
    "postcard",
    "ryu-js",
    "serde",
    "serde_json",
    "sha2",
    "thiserror",
    "uuid",
];

/// Cryptography, its encodings and its chance; `crypto` alone names them. SHA-256 (`sha2`), TLS
/// (`rustls`) and the erasing of memory (`zeroize`) are not among them.
const CRYPTOGRAPHY: &[&str] = &[
    "aes",
    "aes-gcm",
    "aes-gcm-siv",
    "argon2",
    "aws-lc-rs",
    "aws-lc-sys",
    "blake2",
    "chacha20poly1305",
    "curve25519-dalek",
    "der",
    "ecdsa",
    "ed25519",
    "ed25519-dalek",
    "elliptic-curve",
    "getrandom",
    "hkdf",
    "hmac",
    "hpke",
    "k256",
    "ml-dsa",
    "ml-kem",
    "openssl",
    "p256",
    "p384",
    "pbkdf2",
    "pem-rfc7468",
    "pkcs8",
    "rand",
    "rand_core",
    "ring",
    "rsa",
    "sec1",
    "secrecy",
    "sha1",
    "sha3",
    "signature",
    "sm2",
    "sm3",
    "spki",
    "streebog",
    "subtle",
    "vsss-rs",
    "x25519-dalek",
    "x509-cert",
];

/// Every arrow between our crates is in the table.
pub(super) fn arrows(packages: &[Package]) -> Vec<Finding> {
    let mut found = Vec::new();
    for package in packages {
        let Some((_, may_use)) = ARROWS.iter().find(|(name, _)| *name == package.name) else {
            found.push(at(
                package,
                format!("the crate {} has no row in the table of arrows", package.name),
                "decide what it may use, in xtask/src/tidy/arrow.rs and ARCHITECTURE.md",
            ));
            continue;
        };
        for need in shipped(package).filter(|need| need.ours && need.name != TESTKIT) {
            if !may_use.contains(&need.name.as_str()) {
                found.push(at(
                    package,
                    format!("{} must not use {}", package.name, need.name),
                    "move the code to the side of the boundary where it belongs",
                ));
            }
        }
    }
    found
}

/// The testkit reaches nothing that ships.
pub(super) fn testkit_is_for_tests(packages: &[Package]) -> Vec<Finding> {
    each_need(
        packages,
        |_, need| need.name == TESTKIT,
        |package, need| {
            at(
                package,
                format!("{} names {} outside [dev-dependencies]", package.name, need.name),
                "move the line to [dev-dependencies]",
            )
        },
    )
}

/// The rules need only what is on their list.
pub(super) fn lifecycle_needs(packages: &[Package]) -> Vec<Finding> {
    let unlisted = |package: &Package, need: &Need| {
        package.name == LIFECYCLE && !need.ours && !LIFECYCLE_NEEDS.contains(&need.name.as_str())
    };
    each_need(packages, unlisted, |package, need| {
        at(
            package,
            format!("the rules use {}, which is not on their list", need.name),
            "do without it, or say in xtask/src/tidy/arrow.rs and ARCHITECTURE.md why it may",
        )
    })
}

/// Cryptographic libraries stand in one manifest.
pub(super) fn cryptography_is_named_once(packages: &[Package]) -> Vec<Finding> {
    let elsewhere = |package: &Package, need: &Need| {
        package.name != CRYPTO && CRYPTOGRAPHY.contains(&need.name.as_str())
    };
    each_need(packages, elsewhere, |package, need| {
        at(
            package,
            format!("{} names the cryptographic library {}", package.name, need.name),
            "let keyward-crypto offer what is needed",
        )
    })
}

/// `keyward` hands on nothing of barrier or crypto, so that `storage`, which sees `keyward`,
/// cannot name a type that opens what it holds.
pub(super) fn nothing_passed_on(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for file in tree.rust().filter(|file| file.path.starts_with("crates/keyward/src/")) {
        for (line, item) in imports(&file.shipped_code()) {
            let names_them = ["keyward_barrier", "keyward_crypto"]
                .iter()
                .any(|name| words(&item).any(|word| word == *name));
            if names_them && item.starts_with("pub ") {
                found.push(Finding::new(
                    &file.path,
                    line,
                    format!("`{item}` passes on what storage must not see"),
                    "import it privately, and offer a type or function of keyward's own",
                ));
            }
        }
    }
    found
}

/// The `use`, `extern crate` and `type` items of a file, each on one line with single spaces.
fn imports(code: &[(usize, String)]) -> Vec<(usize, String)> {
    let mut items = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in code {
        let text = line.trim();
        if open.is_none() && words(text).any(|word| matches!(word, "use" | "extern" | "type")) {
            open = Some((*number, String::new()));
        }
        if let Some((_, item)) = &mut open {
            item.push_str(text);
            item.push(' ');
            if text.contains(';') {
                items.extend(open.take().map(|(n, item)| (n, squeeze(&item))));
            }
        }
    }
    items
}

fn squeeze(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

fn shipped(package: &Package) -> impl Iterator<Item = &Need> {
    package.needs.iter().filter(|need| !need.tests_only)
}

fn each_need(
    packages: &[Package],
    wrong: impl Fn(&Package, &Need) -> bool,
    finding: impl Fn(&Package, &Need) -> Finding,
) -> Vec<Finding> {
    let mut found = Vec::new();
    for package in packages {
        for need in shipped(package).filter(|need| wrong(package, need)) {
            found.push(finding(package, need));
        }
    }
    found
}

fn at(package: &Package, what: String, to_do: &str) -> Finding {
    Finding::new(&package.manifest, 1, what, to_do)
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;
    use super::*;

    fn package(name: &str, needs: &[(&str, bool, bool)]) -> Package {
        let needs = needs
            .iter()
            .map(|&(name, tests_only, ours)| Need { name: name.to_owned(), tests_only, ours })
            .collect();
        Package { name: name.to_owned(), manifest: "crates/x/Cargo.toml".to_owned(), needs }
    }

    #[track_caller]
    fn check(found: Vec<Finding>, expected: &[&str]) {
        let whats: Vec<String> = found.into_iter().map(|finding| finding.what).collect();
        assert_eq!(whats, expected);
    }

    #[test]
    fn storage_must_not_see_the_barrier() {
        let storage = package("keyward-storage", &[("keyward-barrier", false, true)]);
        check(arrows(&[storage]), &["keyward-storage must not use keyward-barrier"]);
    }

    #[test]
    fn tests_may_use_anything_of_ours() {
        let needs = [("keyward-crypto", true, true), ("keyward-testkit", true, true)];
        let storage = package("keyward-storage", &needs);
        check(arrows(std::slice::from_ref(&storage)), &[]);
        check(testkit_is_for_tests(&[storage]), &[]);
    }

    #[test]
    fn an_unknown_crate_needs_a_row() {
        check(
            arrows(&[package("keyward-other", &[])]),
            &["the crate keyward-other has no row in the table of arrows"],
        );
    }

    #[test]
    fn the_testkit_does_not_ship() {
        check(
            testkit_is_for_tests(&[package("keyward-cli", &[("keyward-testkit", false, true)])]),
            &["keyward-cli names keyward-testkit outside [dev-dependencies]"],
        );
    }

    #[test]
    fn the_rules_have_a_closed_list_of_needs() {
        let rules =
            package("keyward-lifecycle", &[("serde", false, false), ("rand", false, false)]);
        check(lifecycle_needs(&[rules]), &["the rules use rand, which is not on their list"]);
    }

    #[test]
    fn cryptography_stands_in_one_manifest() {
        let needs = [("argon2", false, false), ("sha2", false, false), ("hpke", true, false)];
        check(cryptography_is_named_once(&[package("keyward-crypto", &needs)]), &[]);
        check(
            cryptography_is_named_once(&[package("keyward-server", &needs)]),
            &["keyward-server names the cryptographic library argon2"],
        );
    }

    #[test]
    fn keyward_passes_nothing_on() {
        let private = "//! A.\nuse keyward_barrier::Root;\n// pub use keyward_barrier::Root;\n";
        check(nothing_passed_on(&Tree::of("crates/keyward/src/a.rs", private)), &[]);
        let public = "//! A.\npub use {\n    keyward_barrier::Root,\n};\n";
        check(
            nothing_passed_on(&Tree::of("crates/keyward/src/a.rs", public)),
            &["`pub use { keyward_barrier::Root, };` passes on what storage must not see"],
        );
        let alias = "//! A.\npub type Root = keyward_crypto::Root;\n";
        check(
            nothing_passed_on(&Tree::of("crates/keyward/src/a.rs", alias)),
            &["`pub type Root = keyward_crypto::Root;` passes on what storage must not see"],
        );
    }
}
