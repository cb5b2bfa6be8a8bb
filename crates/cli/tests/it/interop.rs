//! Others verify what we sign, and we what they sign: Python's `securesystemslib` and
//! `cryptography`, and `openssl`. What we write is what its schema says, says `jsonschema`.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::world::{World, binary};

/// The interpreter that has `securesystemslib` and `cryptography`.
fn python() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = std::env::var_os("KEYWARD_TEST_PYTHON")
        .map_or_else(|| root.join("target/test-tools/venv/bin/python"), PathBuf::from);
    assert!(python.is_file(), "no Python with securesystemslib; run: cargo xtask test");
    python
}

/// Runs a part of the script in the world's directory.
#[track_caller]
fn check(world: &World, part: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/python/interop.py");
    let output = Command::new(python())
        .arg(script)
        .arg(part)
        .current_dir(world.home.path())
        .output()
        .expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn world() -> World {
    let world = World::begun("2025-01-01T00:00:00Z");
    world.file("artifact", "the artifact");
    world
}

fn path(world: &World, name: &str) -> String {
    world.path(name).display().to_string()
}

/// Signs a statement about the artifact with the keys that are named.
fn sign(world: &World, keys: &[&str], out: &str) {
    let (artifact, out) = (path(world, "artifact"), path(world, out));
    let mut words = vec!["sign", "--artifact", &artifact, "--purl", "pkg:npm/ours@1", "--out"];
    words.extend([&out, "--predicate-type", "evidence.stella/v1"]);
    words.extend(keys.iter().flat_map(|key| ["--key-id", key]));
    world.keyward(&words).ended(0);
}

fn anchor(world: &World, pattern: &str, keys: &str) {
    let create = ["anchor", "create", "--purl-pattern", pattern, "--key-ids", keys];
    let types = ["--predicate-types", "evidence.stella/v1"];
    world.keyward(&[&create[..], &types].concat()).ended(0);
}

#[test]
fn envelopes_of_every_algorithm_verify_elsewhere() {
    let world = world();
    for profile in ["default", "fips", "pqc", "hybrid"] {
        world.keyward(&["key", "generate", "--profile", profile, "--key-id", profile]).ended(0);
        sign(&world, &[profile], &format!("{profile}.json"));
        let key = world.json(&["key", "show", profile]);
        world.file(&format!("{profile}.key.json"), key.to_string());
    }
    sign(&world, &["default", "fips"], "both.json");
    check(&world, "ours");
}

#[test]
fn envelopes_that_others_sign_verify_here() {
    // HA-18
    let world = world();
    check(&world, "theirs");
    let cases = [("their-ed25519", "default"), ("their-p256", "fips")];
    for (name, profile) in cases {
        let [public, proof] = ["pub", "proof"].map(|end| path(&world, &format!("{name}.{end}")));
        let import = ["key", "import", "--profile", profile, "--key-id", name];
        let by = |nonce| ["--public-key", &public, "--proof", &proof, "--nonce", nonce];
        let wrong = world.keyward(&[&import[..], &by("another nonce")].concat()).ended(1);
        let expected =
            "error: the proof of possession is not a signature by that key over its nonce";
        assert!(wrong.stderr.starts_with(expected), "{}", wrong.stderr);
        world.keyward(&[&import[..], &by("a nonce")].concat()).ended(0);
    }
    anchor(&world, "pkg:npm/*", "their-ed25519,their-p256");
    for (name, _) in cases {
        let (envelope, artifact) =
            (path(&world, &format!("{name}.json")), path(&world, "artifact"));
        let ran = world.keyward(&["verify", &envelope, "--artifact", &artifact]).ended(0);
        assert!(ran.stdout.starts_with("VALID IN_WINDOW\n"), "{}", ran.stdout);
        assert!(ran.stdout.contains(&format!("\nKey: {name}\n")), "{}", ran.stdout);
    }
}

#[test]
fn a_private_key_made_elsewhere_signs_here() {
    let world = world();
    check(&world, "theirs");
    for (name, profile) in [("their-ed25519", "default"), ("their-p256", "fips")] {
        let private = path(&world, &format!("{name}.pem"));
        let import = ["key", "import", "--profile", profile, "--key-id", name];
        world.keyward(&[&import[..], &["--private-key", &private]].concat()).ended(0);
        world.keyward(&["key", "promote", name]);
    }
    anchor(&world, "pkg:npm/*", "their-ed25519,their-p256");
    sign(&world, &["their-ed25519", "their-p256"], "both.json");
    let both = path(&world, "both.json");
    let ran = world.keyward(&["verify", &both]).ended(0);
    assert!(ran.stdout.starts_with("VALID IN_WINDOW\n"), "{}", ran.stdout);
}

#[test]
fn the_log_is_a_tree_and_its_checkpoint_is_signed_in_everybodys_eyes() {
    let world = world();
    for index in 0..9 {
        world.keyward(&["key", "generate", "--stage", "--key-id", &format!("k{index}")]).ended(0);
        world.keyward(&["audit", "export", "--out", &path(&world, "trust.jsonl")]).ended(0);
        check(&world, "log");
    }
    let openssl = |words: &[&str]| {
        let run = Command::new("openssl").args(words).current_dir(world.home.path()).output();
        run.expect("openssl runs").status.success()
    };
    let verify = ["pkeyutl", "-verify", "-pubin", "-inkey", "key.pem", "-rawin", "-sigfile"];
    assert!(openssl(&[&verify[..], &["signature", "-in", "text"]].concat()));
    world.file("text2", "another text");
    assert!(!openssl(&[&verify[..], &["signature", "-in", "text2"]].concat()));
}

#[test]
fn a_trust_bundle_and_a_proof_are_all_that_a_verifier_needs() {
    let world = world();
    world.keyward(&["key", "generate", "--key-id", "k"]).ended(0);
    anchor(&world, "pkg:npm/*", "k");
    let artifact = path(&world, "artifact");
    let words = ["sign", "--key-id", "k", "--artifact", &artifact, "--purl", "pkg:npm/ours@1"];
    let signed = world.json(&[&words[..], &["--predicate-type", "evidence.stella/v1"]].concat());
    let id = signed["proofBundle"].as_str().expect("its id");
    let elsewhere = tempfile::tempdir().expect("a directory");
    let out = |name: &str| elsewhere.path().join(name).display().to_string();
    world.keyward(&["audit", "export", "--out", &out("trust.jsonl")]).ended(0);
    world.keyward(&["proof", "export", id, "--out", &out("bundle.json")]).ended(0);
    // The store was made on another day; the real program judges on this one.
    let verify = ["verify", "--trust", "trust.jsonl", "--max-view-age", "36500d"];
    let ran = binary(elsewhere.path(), &[], &[&verify[..], &["bundle.json"]].concat()).ended(0);
    assert!(ran.stdout.starts_with("VALID IN_WINDOW\n"), "{}", ran.stdout);
    let zeros = "0".repeat(64);
    let other = ["--authority", &zeros, "bundle.json"];
    let ran = binary(elsewhere.path(), &[], &[&verify[..], &other].concat()).ended(1);
    assert!(ran.stderr.contains("authority"), "{}", ran.stderr);
}

#[test]
fn what_is_written_of_all_keys_is_what_its_schema_says() {
    // LC-013
    let world = world();
    for profile in ["default", "fips", "pqc", "hybrid"] {
        world.keyward(&["key", "generate", "--profile", profile, "--key-id", profile]).ended(0);
    }
    let until = ["key", "generate", "--key-id", "until", "--expires-at", "2100-01-01T00:00:00Z"];
    world.keyward(&[&until[..], &["--max-usage", "9", "--parent", "default"]].concat()).ended(0);
    sign(&world, &["default"], "default.json");
    world.keyward(&["key", "rotate", "--key-id", "fips", "--new-key-id", "next"]).ended(0);
    world.keyward(&["key", "revoke", "pqc", "--reason", "superseded"]).ended(0);
    let since = ["--reason", "compromise", "--compromised-since", "2025-01-01T00:00:00Z"];
    world.keyward(&[&["key", "revoke", "hybrid"][..], &since].concat()).ended(0);
    world.keyward(&["key", "destroy", "pqc"]).ended(0);
    let out = path(&world, "metadata.json");
    world.keyward(&["key", "export-metadata", "--out", &out]).ended(0);
    check(&world, "metadata");
}
