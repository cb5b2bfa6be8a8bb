//! Judging with an exported trust bundle and nothing else.

use crate::world::{Ran, World};

/// A signed artifact, its proof bundle and the trust bundle; verified where there is no store.
struct Offline {
    world: World,
    bundle: String,
    envelope: String,
    trust: String,
    artifact: String,
}

impl Offline {
    fn begun() -> Self {
        let world = World::begun("2025-01-01T00:00:00Z");
        let artifact = world.file("artifact", "the artifact");
        world.keyward(&["key", "generate", "--key-id", "key-2025-prod"]).ended(0);
        let create = [
            "anchor",
            "create",
            "--purl-pattern",
            "pkg:npm/*",
            "--key-ids",
            "key-2025-prod",
            "--predicate-types",
            "evidence.stella/v1",
        ];
        world.keyward(&create).ended(0);
        let path = |name: &str| world.path(name).display().to_string();
        let (bundle, envelope, trust) = (path("bundle"), path("envelope"), path("trust"));
        let offline = Self { world, bundle, envelope, trust, artifact };
        offline.prove("key-2025-prod", &offline.envelope, &offline.bundle);
        offline.export();
        offline
    }

    /// Signs the artifact; a minute later the proof bundle is exported.
    fn prove(&self, key: &str, envelope: &str, bundle: &str) {
        let ran = self.world.keyward(&[
            "sign",
            "--key-id",
            key,
            "--artifact",
            &self.artifact,
            "--purl",
            "pkg:npm/lodash@4.17.21",
            "--predicate-type",
            "evidence.stella/v1",
            "--out",
            envelope,
        ]);
        let ran = ran.ended(0);
        let id = ran.stderr.trim().strip_prefix("proof bundle: ").expect("its id").to_owned();
        self.world.clock.advance(60);
        self.world.keyward(&["proof", "export", &id, "--out", bundle]).ended(0);
    }

    /// Exports the trust bundle.
    fn export(&self) {
        self.world.keyward(&["audit", "export", "--out", &self.trust]).ended(0);
    }

    /// In a world without a store.
    fn verify(&self, words: &[&str]) -> Ran {
        let elsewhere =
            World { clock: self.world.clock.clone(), ..World::at("2025-01-01T00:00:00Z") };
        elsewhere.run(&[&["verify", "--trust", &self.trust], words].concat())
    }

    #[track_caller]
    fn check(&self, words: &[&str], code: u8, first: &str) -> Ran {
        let ran = self.verify(words).ended(code);
        assert_eq!(ran.stdout.lines().next(), Some(first), "{}", ran.stdout);
        ran
    }
}

#[test]
fn a_proof_is_judged_without_a_store() {
    let offline = Offline::begun();
    let words = ["--proof-bundle", &offline.bundle, "--artifact", &offline.artifact];
    let ran = offline.check(&words, 0, "VALID IN_WINDOW");
    assert!(ran.stderr.starts_with("warning: the bundle vouches for itself"), "{}", ran.stderr);
    let pin = ran.stderr.split_whitespace().find(|word| word.len() == 64).expect("the digest");
    let pinned = [&words[..], &["--authority", pin]].concat();
    assert_eq!(offline.check(&pinned, 0, "VALID IN_WINDOW").stderr, "");
    let other = "0".repeat(64);
    let ran = offline.verify(&[&words[..], &["--authority", &other]].concat()).ended(1);
    let expected = "error: the trust bundle is of another authority than the one that is pinned\n";
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", expected));
}

#[test]
fn one_export_bears_out_the_proofs_from_before_and_after_a_rotation() {
    // SO-003
    let offline = Offline::begun();
    offline.world.clock.advance(60);
    let rotate = ["key", "rotate", "--key-id", "key-2025-prod", "--new-key-id", "key-2026-prod"];
    offline.world.keyward(&rotate).ended(0);
    let path = |name: &str| offline.world.path(name).display().to_string();
    let (envelope, new) = (path("new-envelope"), path("new-bundle"));
    offline.prove("key-2026-prod", &envelope, &new);
    offline.export();
    offline.world.clock.advance(60);
    let ran = offline.check(&[&offline.bundle], 0, "VALID PROVEN_BEFORE_END");
    assert!(ran.stdout.contains("\nKey: key-2025-prod\n"), "{}", ran.stdout);
    let ran = offline.check(&[&new], 0, "VALID IN_WINDOW");
    assert!(ran.stdout.contains("\nKey: key-2026-prod\n"), "{}", ran.stdout);
}

#[test]
fn an_old_view_gives_no_valid_verdict() {
    let offline = Offline::begun();
    offline.world.clock.set("2025-01-09T00:00:00Z");
    let ran = offline.check(&[&offline.bundle], 1, "INDETERMINATE STALE_VIEW");
    assert!(ran.stderr.contains("hint: the view is too old"), "{}", ran.stderr);
    offline.check(&[&offline.bundle, "--max-view-age", "30d"], 0, "VALID IN_WINDOW");
}

#[test]
fn a_view_of_the_future_is_none() {
    let offline = Offline::begun();
    offline.world.clock.set("2025-01-09T00:00:00Z");
    offline.world.keyward(&["anchor", "list"]).ended(0);
    offline.world.keyward(&["key", "generate", "--key-id", "late"]).ended(0);
    offline.export();
    offline.check(&[&offline.bundle], 0, "VALID IN_WINDOW");
    let ran = offline.verify(&[&offline.bundle, "--as-of", "2025-02-01T00:00:00Z"]).ended(2);
    assert!(
        ran.stderr.ends_with("error: --as-of 2025-02-01T00:00:00Z is in the future\n"),
        "{}",
        ran.stderr
    );
    // A clock that ran ahead has dated the newest checkpoint, or this one runs behind.
    offline.world.clock.set("2025-01-08T23:00:00Z");
    let ran = offline.verify(&[&offline.bundle]).ended(1);
    let expected = "error: the trust bundle's newest checkpoint is of 2025-01-09T00:00:00Z, and it \
                    is 2025-01-08T23:00:00Z\nhint: see to this machine's clock\n";
    assert!(ran.stderr.ends_with(expected), "{}", ran.stderr);
}

#[test]
fn a_log_that_was_edited_is_not_believed() {
    let offline = Offline::begun();
    let log = std::fs::read_to_string(&offline.trust).expect("the bundle");
    offline.world.file("trust", log.replacen("key-2025-prod", "key-2025-pr0d", 1));
    let ran = offline.verify(&[&offline.bundle]).ended(1);
    assert!(ran.stderr.starts_with("error: the trust bundle"), "{}", ran.stderr);
}

#[test]
fn evidence_is_worth_its_weight_after_the_keys_end() {
    let offline = Offline::begun();
    offline.world.clock.advance(60);
    let revoke = ["key", "revoke", "key-2025-prod", "--reason", "annual-rotation"];
    offline.world.keyward(&revoke).ended(0);
    offline.export();
    offline.world.clock.advance(60);
    offline.check(&[&offline.bundle], 0, "VALID PROVEN_BEFORE_END");
    offline.check(&[&offline.envelope], 1, "INDETERMINATE OUT_OF_BOUNDS_NO_POE");
}

#[test]
fn a_log_that_was_cut_is_found_by_a_checkpoint_that_was_kept() {
    let offline = Offline::begun();
    offline.world.keyward(&["key", "generate", "--key-id", "key-2026-prod"]).ended(0);
    let checkpoint = offline.world.keyward(&["audit", "checkpoint"]).ended(0).stdout;
    let kept = offline.world.file("kept", checkpoint);
    let words = ["audit", "verify", "--trust", &offline.trust, "--checkpoint", &kept];
    let ran = offline.world.run(&words).ended(1);
    assert!(ran.stdout.starts_with("PROBLEM the log has "), "{}", ran.stdout);
    assert!(ran.stdout.contains("\nAudit: FAILED\n"), "{}", ran.stdout);
    offline.export();
    let ran = offline.world.run(&words).ended(0);
    assert!(ran.stdout.starts_with("Audit: OK\n"), "{}", ran.stdout);
}

#[test]
fn many_are_judged_one_a_line_with_and_without_a_store() {
    let offline = Offline::begun();
    let envelope = std::fs::read_to_string(&offline.envelope).expect("the envelope");
    let bad = envelope.replacen("\"sig\":\"", "\"sig\":\"AAAA", 1);
    let lines = format!("{}\n\n{}\nnot json\n", envelope.trim(), bad.trim());
    let file = offline.world.file("many.jsonl", lines);
    std::fs::create_dir(offline.world.path("many")).expect("a directory");
    offline.world.file("many/a.json", &envelope);
    offline.world.file("many/b.json", &bad);
    let dir = offline.world.path("many").display().to_string();
    let expected = "VALID IN_WINDOW key-2025-prod a.json\nINVALID BAD_SIGNATURE - b.json\n";
    assert_eq!(offline.verify(&["--batch", &dir]).ended(1).stdout, expected);
    let strict = ["verify", "--batch", &dir, "--strict"];
    assert_eq!(offline.world.keyward(&strict).ended(1).stdout, expected);
    let ran = offline.verify(&["--batch", &file, "--output", "json"]).ended(2);
    let verdicts: Vec<serde_json::Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(verdicts.len(), 3);
    assert_eq!(verdicts[0]["result"], "valid");
    assert_eq!(verdicts[1]["source"], format!("{file}:3"));
    assert!(verdicts[2]["error"].is_string(), "{}", verdicts[2]);
}
