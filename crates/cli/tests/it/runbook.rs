//! The runbook, command by command, on a clock that is set: what it prints is what is printed.

use crate::world::{Ran, World};

const ANCHOR: &str = "550e8400-e29b-41d4-a716-446655440000";

/// The runbook's world before its first step: last year's key, its anchor, and a proof by it.
struct Runbook {
    world: World,
    artifact: String,
}

impl Runbook {
    fn begun() -> Self {
        let world = World::begun("2024-02-10T00:00:00Z");
        let artifact = world.file("lodash.tgz", "the artifact");
        let generate = ["key", "generate", "--profile", "default", "--key-id", "key-2024-prod"];
        world.keyward(&generate).ended(0);
        let create = [
            "anchor",
            "create",
            "--anchor-id",
            ANCHOR,
            "--purl-pattern",
            "pkg:npm/*",
            "--key-ids",
            "key-2024-prod",
            "--predicate-types",
            "evidence.stella/v1,reasoning.stella/v1",
            "--policy-version",
            "v2.3.1",
        ];
        world.keyward(&create).ended(0);
        let runbook = Self { world, artifact };
        runbook.world.clock.set("2024-06-15T12:00:00Z");
        runbook.sign("key-2024-prod", "old.json");
        runbook
    }

    fn run(&self, words: &[&str]) -> Ran {
        self.world.keyward(words)
    }

    /// Signs the artifact; gives the proof bundle's id.
    fn sign(&self, key: &str, out: &str) -> String {
        let out = self.world.path(out).display().to_string();
        let ran = self.run(&[
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
            &out,
        ]);
        let ran = ran.ended(0);
        assert_eq!(ran.stdout, "");
        let id = ran.stderr.strip_prefix("proof bundle: ").expect("its id").trim();
        assert!(id.starts_with("sha256:") && id.len() == 71, "{id}");
        id.to_owned()
    }

    #[track_caller]
    fn verdict(&self, words: &[&str], code: u8, first: &str) -> Ran {
        let ran = self.run(&[&["verify"], words].concat()).ended(code);
        assert_eq!(ran.stdout.lines().next(), Some(first), "{}", ran.stdout);
        ran
    }

    fn file(&self, name: &str) -> String {
        self.world.path(name).display().to_string()
    }
}

#[test]
fn a_key_is_generated_added_and_takes_over() {
    // SO-020, SO-030, SO-032, SO-040, SO-044, SO-045, HA-26
    let runbook = Runbook::begun();
    runbook.world.clock.set("2025-01-02T00:00:00Z");
    let ran = runbook.run(&[
        "key",
        "generate",
        "--profile",
        "default",
        "--key-id",
        "key-2025-prod",
        "--algorithm",
        "SHA256-ED25519",
    ]);
    let ran = ran.ended(0);
    let mut lines = ran.stdout.lines();
    assert_eq!(lines.next(), Some("Key: key-2025-prod"));
    assert_eq!(lines.next(), Some("Profile: default"));
    assert_eq!(lines.next(), Some("Algorithm: SHA256-ED25519"));
    assert!(lines.next().is_some_and(|line| line.starts_with("Fingerprint: sha256:")));
    assert_eq!(lines.next(), Some("Status: STAGED"));
    let add = ["anchor", "add-key", "--anchor-id", ANCHOR, "--key-id", "key-2025-prod"];
    let ran = runbook.run(&add).ended(0);
    assert_eq!(ran.stdout, format!("Key: key-2025-prod\nAnchor: {ANCHOR} pkg:npm/*\n"));
    let status = |rate: &str| {
        format!(
            "Anchor: {ANCHOR}\nActive Keys: key-2024-prod, key-2025-prod\n\
             Verification Success Rate: {rate}\nPending Rescans: 0\n"
        )
    };
    let words = ["anchor", "status", "--anchor-id", "550e8400..."];
    assert_eq!(runbook.run(&words).ended(0).stdout, status("n/a"));
    runbook.run(&["key", "promote", "key-2025-prod"]).ended(0);
    runbook.sign("key-2025-prod", "new.json");
    runbook.verdict(&[&runbook.file("old.json")], 0, "VALID PROVEN_BEFORE_END");
    let words = [&*runbook.file("new.json"), "--artifact", &runbook.artifact];
    let ran = runbook.verdict(&words, 0, "VALID IN_WINDOW");
    assert!(ran.stdout.contains("\nPolicy Version: v2.3.1\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("\nArtifact: matched\n"), "{}", ran.stdout);
    assert_eq!(runbook.run(&words[..0]).code, 2);
    let words = ["anchor", "status", "--anchor-id", "550e8400..."];
    assert_eq!(runbook.run(&words).ended(0).stdout, status("100%"));
}

#[test]
fn an_old_key_is_revoked_and_its_proofs_stay_good() {
    // SO-051, SO-053, SO-095, HA-11
    let runbook = Runbook::begun();
    runbook.world.clock.set("2025-01-02T00:00:00Z");
    let id = runbook.sign("key-2024-prod", "again.json");
    let ran = runbook.run(&[
        "anchor",
        "revoke-key",
        "--anchor-id",
        "550e8400...",
        "--key-id",
        "key-2024-prod",
        "--reason",
        "annual-rotation",
        "--effective-at",
        "2025-02-01T00:00:00Z",
    ]);
    let ran = ran.ended(0);
    assert!(ran.stdout.contains("Effective: 2025-02-01T00:00:00Z\n"), "{}", ran.stdout);
    runbook.verdict(&[&runbook.file("old.json")], 0, "VALID IN_WINDOW");
    runbook.world.clock.set("2025-03-01T00:00:00Z");
    runbook.verdict(&[&runbook.file("old.json")], 0, "VALID PROVEN_BEFORE_END");
    let at = ["--proof-bundle", &id, "--at-time", "2024-06-15T12:00:00Z"];
    runbook.verdict(&at, 0, "VALID PROVEN_BEFORE_END");
    let check = |at: &str, code: u8, expected: &str| {
        let words = ["key", "check-validity", "--key-id", "key-2024-prod", "--at-time", at];
        let ran = runbook.run(&words).ended(code);
        assert!(
            ran.stdout.contains(&format!("{ANCHOR}  pkg:npm/*  {expected} ")),
            "{}",
            ran.stdout
        );
    };
    check("2024-06-15T12:00:00Z", 0, "Valid");
    check("2024-01-01", 1, "NotYetValid");
    check("2025-01-31T23:59:59.999999Z", 0, "Valid");
    // The anchor's belief has ended; the key itself is good until it is revoked, too.
    check("2025-02-01T00:00:00Z", 0, "Revoked");
    runbook.run(&["key", "revoke", "key-2024-prod", "--reason", "retired"]).ended(0);
    runbook.world.clock.advance(60);
    let now = ["key", "check-validity", "--key-id", "key-2024-prod"];
    let ran = runbook.run(&now).ended(1);
    let expected = "\nKey Status: REVOKED\nOverall: Revoked\n";
    assert!(ran.stdout.contains(expected), "{}", ran.stdout);
    let ran = runbook.run(&["key", "check-validity", "--key-id", "nobody"]).ended(1);
    let expected = "error: there is no key `nobody`\nhint: `keyward key list` shows the keys\n";
    assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", expected));
}

#[test]
fn warnings_are_printed_as_the_runbook_prints_them() {
    // SO-111
    let runbook = Runbook::begun();
    let generate = ["key", "generate", "--profile", "fips", "--key-id", "key-2024-java"];
    runbook.run(&generate).ended(0);
    runbook.world.clock.set("2024-12-15T12:00:00Z");
    let expected = "\
Key ID         Profile  Age   Max Age  Warning
key-2024-prod  default  10mo  12mo     WARN Rotation due in 2 months
key-2024-java  fips     6mo   12mo     OK
";
    assert_eq!(runbook.run(&["key", "rotation-warnings"]).ended(0).stdout, expected);
}

#[test]
fn a_compromised_key_is_replaced_by_the_runbooks_three_commands() {
    // SO-100 to SO-107
    let runbook = Runbook::begun();
    runbook.world.clock.set("2024-12-31T00:00:00Z");
    let ran = runbook.run(&[
        "anchor",
        "revoke-key",
        "--anchor-id",
        "ALL",
        "--key-id",
        "key-2024-prod",
        "--reason",
        "compromise",
        "--effective-at",
        "NOW",
    ]);
    let ran = ran.ended(0);
    assert!(ran.stdout.contains(&format!("Anchor: {ANCHOR} pkg:npm/*\n")), "{}", ran.stdout);
    runbook.verdict(&[&runbook.file("old.json")], 1, "INDETERMINATE LOGGED_BY_SUSPECT");
    let emergency = "emergency-key-20241231";
    let generate = ["key", "generate", "--profile", "default", "--key-id", emergency];
    let ran = runbook.run(&generate).ended(0);
    assert!(ran.stdout.ends_with("Status: ACTIVE\n"), "{}", ran.stdout);
    runbook.run(&["anchor", "add-key", "--anchor-id", "ALL", "--key-id", emergency]).ended(0);
    runbook.sign(emergency, "new.json");
    runbook.verdict(&[&runbook.file("new.json")], 0, "VALID IN_WINDOW");
    let ran = runbook.run(&["incident", "report", "--key", "key-2024-prod"]).ended(0);
    assert!(ran.stdout.contains("Status: COMPROMISED\n"), "{}", ran.stdout);
    let ran = runbook.run(&["sign", "--key-id", "key-2024-prod", &runbook.artifact]).ended(1);
    assert!(ran.stderr.starts_with("error: key `key-2024-prod` is COMPROMISED and cannot sign\n"));
}

#[test]
fn anchors_are_listed_as_the_runbook_lists_them() {
    // SO-072, SO-073
    let runbook = Runbook::begun();
    let expected = format!(
        "ID                                    Pattern    Keys           Status\n\
         {ANCHOR}  pkg:npm/*  key-2024-prod  active\n"
    );
    assert_eq!(runbook.run(&["anchor", "list"]).ended(0).stdout, expected);
    let ran = runbook.run(&[
        "anchor",
        "create",
        "--purl-pattern",
        "pkg:maven/*",
        "--key-ids",
        "nobody",
        "--predicate-types",
        "evidence.stella/v1",
    ]);
    assert!(ran.ended(1).stderr.starts_with("error: there is no key `nobody`\n"));
}

#[test]
fn an_anchor_out_of_use_is_listed_with_its_status() {
    // SO-073
    let runbook = Runbook::begun();
    runbook.run(&["anchor", "deactivate", ANCHOR]).ended(0);
    let header = "ID                                    Pattern    Keys           Status\n";
    let row = format!("{ANCHOR}  pkg:npm/*  key-2024-prod  inactive\n");
    let list = |more: &[&str]| runbook.run(&[&["anchor", "list"], more].concat()).ended(0).stdout;
    assert_eq!(list(&[]), format!("{header}{row}"));
    assert_eq!(list(&["--status", "inactive"]), format!("{header}{row}"));
    assert!(!list(&["--status", "active"]).contains(ANCHOR));
}

#[test]
fn an_anchors_document_comes_out_as_it_went_in() {
    // SO-070
    let world = World::begun("2024-02-10T00:00:00Z");
    for key in ["key-2023-prod", "key-2024-prod", "key-2025-prod"] {
        world.keyward(&["key", "generate", "--key-id", key, "--stage"]).ended(0);
    }
    let document = serde_json::json!({
        "trustAnchorId": ANCHOR,
        "purlPattern": "pkg:npm/*",
        "allowedKeyids": ["key-2024-prod", "key-2025-prod"],
        "allowedPredicateTypes": [
            "evidence.stella/v1", "reasoning.stella/v1", "cdx-vex.stella/v1",
            "proofspine.stella/v1",
        ],
        "policyVersion": "v2.3.1",
        "revokedKeys": ["key-2023-prod"],
        "keyHistory": [{
            "keyid": "key-2023-prod", "addedAt": "2023-01-15T00:00:00Z",
            "revokedAt": "2024-01-15T00:00:00Z", "revokeReason": "annual-rotation",
        }],
    });
    let file = world.file("anchor.json", document.to_string());
    world.keyward(&["anchor", "import", &file]).ended(0);
    let exported = world.json(&["anchor", "export", "--anchor-id", "550e8400"]);
    for member in [
        "trustAnchorId",
        "purlPattern",
        "allowedKeyids",
        "allowedPredicateTypes",
        "policyVersion",
        "revokedKeys",
    ] {
        assert_eq!(exported[member], document[member], "{member}");
    }
    let members: Vec<&String> = exported.as_object().expect("an object").keys().collect();
    assert_eq!(members.len(), 7, "{members:?}");
}

#[test]
fn events_are_found_by_type_and_day() {
    // SO-122
    let runbook = Runbook::begun();
    let query = |from: &str, to: &str| {
        let words = ["audit", "query", "--type", "KEY_*", "--from", from, "--to", to];
        runbook.run(&words).ended(0).stdout
    };
    let found = query("2024-02-10", "2024-02-10");
    let mut lines = found.lines();
    assert_eq!(
        lines.next().map(|line| line.split_whitespace().collect::<Vec<_>>()),
        Some(vec!["Time", "Event", "Key", "ID", "Anchor", "Actor", "Details"])
    );
    assert!(found.contains("KEY_GENERATED"), "{found}");
    assert!(found.contains("key-2024-prod"), "{found}");
    assert!(!query("2025-01-01", "2025-12-31").contains("key-2024-prod"));
}

#[test]
fn a_rotation_is_one_command_that_can_be_said_again() {
    // SO-050
    let runbook = Runbook::begun();
    runbook.world.clock.set("2025-01-02T00:00:00Z");
    let rotate = ["key", "rotate", "--key-id", "key-2024-prod", "--new-key-id", "key-2025-prod"];
    let first = runbook.run(&rotate).ended(0);
    assert!(first.stdout.contains("Successor: key-2025-prod\n"), "{}", first.stdout);
    assert!(first.stdout.ends_with("Active: key-2025-prod\n"), "{}", first.stdout);
    let again = runbook.run(&rotate).ended(0);
    assert!(again.stdout.ends_with("Active: key-2025-prod\n"), "{}", again.stdout);
    let due = runbook.run(&["key", "rotate", "--if-due"]).ended(0);
    assert!(due.stdout.ends_with("Active: key-2025-prod\n"), "{}", due.stdout);
}

#[test]
fn an_anchor_stays_while_its_keys_change_their_algorithm() {
    // SO-006
    let runbook = Runbook::begun();
    let configure = |algorithm: &str| {
        let profile = format!("algorithm: {algorithm}\n      keyStore: \"software:\"\n");
        let rotation = "rotation:\n        enabled: true\n        maxAgeMonths: 12\n";
        let config = format!("signer:\n  profiles:\n    default:\n      {profile}      {rotation}");
        runbook.world.file("data/config.yaml", config);
    };
    let rotations = [
        ("2024-09-01T00:00:00Z", "ML-DSA-65", "key-2024-prod", "key-pqc"),
        ("2024-12-01T00:00:00Z", "SHA256-ECDSA-P256", "key-pqc", "key-p256"),
    ];
    for (now, algorithm, old, new) in rotations {
        runbook.world.clock.set(now);
        configure(algorithm);
        runbook.run(&["key", "rotate", "--key-id", old, "--new-key-id", new]).ended(0);
        let key = runbook.world.json(&["key", "show", new]);
        assert_eq!(key["algorithm"], algorithm);
        runbook.world.clock.advance(60);
        runbook.sign(new, &format!("{new}.json"));
    }
    runbook.world.clock.advance(60);
    for (envelope, key, first) in [
        ("old.json", "key-2024-prod", "VALID PROVEN_BEFORE_END"),
        ("key-pqc.json", "key-pqc", "VALID PROVEN_BEFORE_END"),
        ("key-p256.json", "key-p256", "VALID IN_WINDOW"),
    ] {
        let ran = runbook.verdict(&[&runbook.file(envelope)], 0, first);
        let (key, anchor) = (format!("\nKey: {key}\n"), format!("\nAnchor: {ANCHOR}\n"));
        assert!(ran.stdout.contains(&key) && ran.stdout.contains(&anchor), "{}", ran.stdout);
    }
}
