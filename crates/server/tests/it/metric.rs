//! What Prometheus reads.

use std::{
    env,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use keyward::clock::Clock as _;
use keyward_lifecycle::{authority::Authority, envelope::Envelope};
use serde_json::json;

use crate::world::{self, ANCHOR, World};

/// A store in which each metric has something to say.
async fn busy() -> World {
    let world = world::new();
    for key in ["key-2024-prod", "key-2025-prod"] {
        world.must("/v1/signer/keys", json!({"profile": "default", "keyId": key})).await;
    }
    world.must("/v1/signer/keys", json!({"profile": "fips", "keyId": "lost"})).await;
    let anchor = json!({"anchorId": ANCHOR, "purlPattern": "pkg:npm/*",
        "keyIds": ["key-2024-prod"], "predicateTypes": ["evidence.stella/v1"]});
    world.must("/v1/anchors", anchor).await;
    let sign = json!({"profile": "default", "statement": {"purl": "pkg:npm/a@1",
        "sha256": "0".repeat(64), "predicateType": "evidence.stella/v1"}});
    let envelope = world.must("/v1/sign", sign).await["envelope"].clone();
    world.must("/v1/verify", json!({ "envelope": envelope })).await;
    world.must("/v1/verify", json!({"envelope": envelope, "purl": "pkg:npm/b@1"})).await;
    world.clock.advance(40 * 86_400);
    world.must("/v1/signer/keys/lost/revoke", json!({"reason": "compromise"})).await;
    let rotate = json!({"newKeyId": "key-2025-prod"});
    world.must("/v1/signer/keys/key-2024-prod/rotate", rotate).await;
    world.clock.advance(86_400);
    world
}

#[tokio::test]
async fn the_runbooks_metrics_have_their_names_types_and_values() {
    // SO-140 to SO-144, SO-042, HA-23
    let text = busy().await.get("/metrics").await.text;
    for line in [
        "# TYPE signer_key_age_days gauge",
        r#"signer_key_age_days{key_id="key-2025-prod",profile="default"} 41"#,
        "# TYPE signer_keys_active_total gauge",
        r#"signer_keys_active_total{profile="default"} 1"#,
        r#"signer_keys_active_total{profile="fips"} 0"#,
        "# TYPE signer_keys_active gauge",
        r#"signer_keys_active{profile="default"} 1"#,
        "# TYPE signer_key_max_age_days gauge",
        r#"signer_key_max_age_days{key_id="key-2025-prod",profile="default"} 365"#,
        "# TYPE signer_keys_revoked_total counter",
        "signer_keys_revoked_total 1",
        "# TYPE signer_rotation_events_total counter",
        "signer_rotation_events_total 1",
        "# TYPE signer_verification_key_lookups_total counter",
        "# TYPE signer_verification_failures_total counter",
        "signer_pending_rescans 0",
        "keyward_sealed 0",
        "# TYPE keyward_http_request_duration_seconds histogram",
        r#"keyward_http_requests_total{method="POST",route="/verify",status="200"} 2"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\nis not in\n{text}");
    }
    let ages = text.lines().filter(|line| line.starts_with("signer_key_age_days{"));
    assert_eq!(ages.count(), 1, "one series for each active key");
    let failure =
        r#"signer_verification_failures_total{anchor="",key="",reason="PURL_MISMATCH"} 1"#;
    assert!(text.lines().any(|line| line == failure), "{failure}\nis not in\n{text}");
}

#[tokio::test]
async fn every_look_at_the_windows_of_a_key_is_counted_and_nothing_else() {
    // SO-144
    let world = busy().await;
    let lookups = async || -> u64 {
        let text = world.get("/metrics").await.text;
        let line = "signer_verification_key_lookups_total ";
        let count = text.lines().find_map(|found| found.strip_prefix(line)).expect("lookups");
        count.parse().expect("a number")
    };
    let before = lookups().await;
    let key = "/v1/signer/keys/key-2025-prod/validity?at=2025-01-01T00:00:00Z";
    assert_eq!(world.get(key).await.status, 200);
    assert_eq!(world.get(key).await.status, 200);
    assert_eq!(lookups().await, before + 2);
    assert_eq!(world.get("/v1/signer/keys/none/validity").await.status, 404);
    let sign = json!({"profile": "default", "statement": {"purl": "pkg:cargo/nobodys@1",
        "sha256": "0".repeat(64), "predicateType": "evidence.stella/v1"}});
    let envelope = world.must("/v1/sign", sign).await["envelope"].clone();
    let verdict = world.must("/v1/verify", json!({ "envelope": envelope })).await;
    assert_eq!(verdict["reason"], "UNTRUSTED", "{verdict}");
    assert_eq!(lookups().await, before + 2, "no anchor, no key");
}

#[tokio::test]
async fn an_anchor_for_everything_is_to_be_seen() {
    // HA-13
    let world = world::new();
    let shown = async |expected: &str| {
        let text = world.get("/metrics").await.text;
        let line = format!("keyward_anchors_universal {expected}");
        assert!(text.lines().any(|found| found == line), "{line}\nis not in\n{text}");
    };
    world.must("/v1/signer/keys", json!({"profile": "default", "keyId": "k"})).await;
    shown("0").await;
    let anchor = json!({"anchorId": ANCHOR, "purlPattern": "*", "keyIds": ["k"]});
    let refused = world.post("/v1/anchors", &anchor.to_string()).await;
    assert_eq!(refused.problem().1, "universal-not-allowed");
    let mut allowed = anchor;
    allowed["allowUniversal"] = json!(true);
    world.must("/v1/anchors", allowed).await;
    shown("1").await;
    world.must(&format!("/v1/anchors/{ANCHOR}/deactivate"), json!({})).await;
    shown("0").await;
}

#[tokio::test]
async fn failed_verifications_are_counted_by_anchor_key_and_reason() {
    // SO-042
    let world = world::new();
    world.must("/v1/signer/keys", json!({"profile": "default", "keyId": "key-2024-prod"})).await;
    let anchor = json!({"anchorId": ANCHOR, "purlPattern": "pkg:npm/*",
        "keyIds": ["key-2024-prod"], "predicateTypes": ["evidence.stella/v1"]});
    world.must("/v1/anchors", anchor).await;
    let sign = json!({"profile": "default", "statement": {"purl": "pkg:npm/a@1",
        "sha256": "0".repeat(64), "predicateType": "evidence.stella/v1"}});
    let envelope = world.must("/v1/sign", sign).await["envelope"].clone();
    let verify = json!({ "envelope": envelope });
    assert_eq!(world.must("/v1/verify", verify.clone()).await["result"], "valid");
    let revoke = json!({"reason": "compromise", "effectiveAt": "NOW"});
    world.must("/v1/signer/keys/key-2024-prod/revoke", revoke).await;
    for _ in 0..2 {
        let verdict = world.must("/v1/verify", verify.clone()).await;
        assert_eq!(verdict["reason"], "REVOKED_NO_POE", "{verdict}");
    }
    let status = world.get(&format!("/v1/anchors/{ANCHOR}/status")).await.json();
    let failure = json!({"keyId": "key-2024-prod", "reason": "REVOKED_NO_POE", "count": 2});
    assert_eq!(status["failures"], json!([failure]));
    let series = format!(
        r#"signer_verification_failures_total{{anchor="{ANCHOR}",key="key-2024-prod",reason="REVOKED_NO_POE"}} 2"#
    );
    let text = world.get("/metrics").await.text;
    assert!(text.lines().any(|line| line == series), "{series}\nis not in\n{text}");
}

/// `$KEYWARD_PROMTOOL`, or what `cargo xtask test` has unpacked beside the build.
fn promtool() -> PathBuf {
    if let Some(path) = env::var_os("KEYWARD_PROMTOOL") {
        return path.into();
    }
    let this = env::current_exe().expect("this test");
    let unpacked = |target: &std::path::Path| target.join("test-tools/prometheus/usr/bin/promtool");
    let beside = this.ancestors().map(unpacked).find(|path| path.is_file());
    beside.expect("promtool is not there: run `cargo xtask test`, or name it in KEYWARD_PROMTOOL")
}

#[tokio::test]
async fn promtool_finds_no_fault_but_those_that_the_runbook_asks_for() {
    // HA-23: the runbook's own names count days, and one is a gauge with a counter's suffix;
    // they stay.
    let text = busy().await.get("/metrics").await.text;
    let mut check = Command::new(promtool());
    let check = check.args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = check.stdout(Stdio::piped()).spawn().expect("promtool runs");
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("promtool ends");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).expect("UTF-8");
    let said: Vec<&str> = said.lines().filter(|line| !line.is_empty()).collect();
    let known = [
        "keyward_root_epoch_age_days use base unit \"seconds\" instead of \"days\"",
        "signer_key_age_days use base unit \"seconds\" instead of \"days\"",
        "signer_key_max_age_days use base unit \"seconds\" instead of \"days\"",
        "signer_keys_active_total non-counter metrics should not have \"_total\" suffix",
    ];
    assert_eq!(said, known, "{text}");
}

#[tokio::test]
async fn an_authority_that_ends_says_when_and_a_store_that_nobody_follows_says_so() {
    // HA-08
    let world = world::new();
    let of_it = |text: &str| {
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.find_map(|line| {
            line.strip_prefix("keyward_authority_expiry_seconds ").map(str::to_owned)
        })
    };
    assert_eq!(of_it(&world.get("/metrics").await.text), None, "it never ends");
    let envelope = world.get("/v1/authority/envelope").await.text;
    let envelope = Envelope::parse(envelope.as_bytes()).expect("an envelope");
    let mut next = Authority::parse(envelope.payload()).expect("a document");
    next.version = 2;
    next.expires_at = Some(world.clock.now().plus_seconds(60));
    let document = String::from_utf8(next.to_payload().expect("JSON")).expect("UTF-8");
    world.must("/v1/authority", json!({"document": document})).await;
    let expected = next.expires_at.expect("an end").seconds().to_string();
    assert_eq!(of_it(&world.get("/metrics").await.text), Some(expected));
    assert_eq!(world.get("/readyz").await.json()["notes"], json!([]));
    world.clock.advance(60);
    let ready = world.get("/readyz").await.json();
    assert_eq!(ready["ready"], true);
    let note = ready["notes"][0].as_str().expect("a note");
    assert!(note.starts_with("verifiers follow it no more: its authority expired at "), "{note}");
    assert_eq!(world.get("/v1/authority").await.json()["expired"], true);
}
