//! The runbook over HTTP, from the first key to the incident.

use serde_json::{Value, json};

use crate::world::{self, ANCHOR, World};

const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

async fn with_anchor() -> World {
    let world = world::new();
    let key =
        json!({"profile": "default", "keyId": "key-2024-prod", "algorithm": "SHA256-ED25519"});
    let key = world.must("/v1/signer/keys", key).await;
    assert_eq!(key["status"], "ACTIVE");
    let anchor = json!({
        "anchorId": ANCHOR, "purlPattern": "pkg:npm/*", "keyIds": ["key-2024-prod"],
        "predicateTypes": ["evidence.stella/v1"], "policyVersion": "v2.3.1",
    });
    let anchor = world.must("/v1/anchors", anchor).await;
    assert_eq!(anchor["trustAnchorId"], ANCHOR);
    world
}

async fn signed(world: &World, key: &str) -> Value {
    let body = json!({"keyIds": [key], "statement": {
        "purl": "pkg:npm/lodash@4.17.21", "sha256": DIGEST, "predicateType": "evidence.stella/v1",
    }});
    world.must("/v1/sign", body).await
}

#[tokio::test]
async fn a_key_is_made_rotated_revoked_and_its_proofs_are_judged_in_time() {
    let world = with_anchor().await;
    let old = signed(&world, "key-2024-prod").await;
    assert_eq!(old["keyIds"], json!(["key-2024-prod"]));

    // SO-030 to SO-032, in the runbook's own words.
    let key = r#"{"profile": "default", "keyId": "key-2025-prod", "algorithm": "SHA256-ED25519"}"#;
    let made = world.post("/v1/signer/keys", key).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.headers["location"], "/v1/signer/keys/key-2025-prod");
    assert_eq!(made.json()["status"], "STAGED");
    let add = r#"{"keyid": "key-2025-prod", "publicKey": ""}"#;
    let added = world.post("/v1/anchors/550e8400.../keys", add).await;
    assert_eq!(added.status, 201, "{}", added.text);
    assert_eq!(added.json()["anchors"][0]["anchorId"], ANCHOR);

    world.clock.advance(15 * 86_400);
    let promoted = world.must("/v1/signer/keys/key-2025-prod/promote", json!({})).await;
    assert_eq!(promoted["status"], "ACTIVE");
    let new = signed(&world, "key-2025-prod").await;

    // SO-044, SO-075
    for proof in [&old, &new] {
        let body = json!({"envelope": proof["envelope"], "artifactSha256": DIGEST});
        let verdict = world.must("/v1/verify", body).await;
        assert_eq!(verdict["result"], "valid", "{verdict}");
        assert_eq!(verdict["artifact"], "matched");
        assert_eq!(verdict["policyVersion"], "v2.3.1");
    }
    let status = world.get("/v1/anchors/550e8400/status").await.json();
    assert_eq!(status["activeKeys"], json!(["key-2024-prod", "key-2025-prod"]));
    assert_eq!(status["successRate"], 100);
    assert_eq!(status["verifications"]["windowDays"], 28);

    // SO-051 to SO-053
    let revoke = r#"{"reason": "annual-rotation", "effectiveAt": "2025-02-01T00:00:00Z"}"#;
    let path = "/v1/anchors/550e8400.../keys/key-2024-prod/revoke";
    let revoked = world.post(path, revoke).await;
    assert_eq!(revoked.status, 200, "{}", revoked.text);
    assert_eq!(revoked.json()["reason"], "superseded");
    assert_eq!(revoked.json()["effectiveAt"], "2025-02-01T00:00:00Z");
    world.clock.set("2025-03-01T00:00:00Z");
    let old_bundle = json!({"proofBundle": old["proofBundle"]});
    let verdict = world.must("/v1/verify", old_bundle).await;
    assert_eq!(verdict["reason"], "PROVEN_BEFORE_END", "{verdict}");

    // SO-095
    let validity = |at: &str| format!("/v1/signer/keys/key-2024-prod/validity?at={at}");
    let at = world.get(&validity("2025-02-01T00:00:00Z")).await.json();
    assert_eq!(at["anchors"][0]["status"], "Expired", "it was retired two days before");
    let at = world.get(&validity("2025-01-20T12:00:00Z")).await.json();
    assert_eq!(at["anchors"][0]["status"], "Valid");
    let path = format!("/v1/anchors/{ANCHOR}/keys/key-2024-prod/validity?at=2024-01-01T00:00:00Z");
    assert_eq!(world.get(&path).await.json()["status"], "NotYetValid");
    let at = world.get("/v1/signer/keys/none/validity").await;
    assert_eq!(at.problem(), (404, "no-such-key".to_owned()));

    let history = world.get("/v1/signer/keys/key-2024-prod/history").await.json();
    let types: Vec<&str> = history["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|e| e["eventType"].as_str())
        .collect();
    assert_eq!(types.first(), Some(&"KEY_GENERATED"), "oldest first");
    assert_eq!(types.last(), Some(&"KEY_REVOKED"));
}

#[tokio::test]
async fn an_incident_is_answered_and_reported() {
    // SO-100 to SO-107
    let world = with_anchor().await;
    let proof = signed(&world, "key-2024-prod").await;
    world.clock.advance(86_400);
    let revoke = r#"{"reason":"compromise","effectiveAt":"NOW"}"#;
    let revoked = world.post("/v1/anchors/ALL/keys/key-2024-prod/revoke", revoke).await.json();
    assert_eq!(revoked["status"], "COMPROMISED");
    assert_eq!(revoked["effectiveAt"], "2025-01-16T00:00:00Z", "recorded once, echoed back");
    assert_eq!(revoked["pendingRescans"], 1);
    let sign = r#"{"keyIds":["key-2024-prod"],"payload":"aGk="}"#;
    assert_eq!(world.post("/v1/sign", sign).await.problem(), (409, "key-unusable".to_owned()));
    let done = world.must("/v1/proofs/rescan", json!({})).await;
    assert_eq!(done, json!({"judged": 1, "pending": 0}));

    let key = json!({"profile": "default", "keyId": "emergency-key-20250116"});
    assert_eq!(world.must("/v1/signer/keys", key).await["status"], "ACTIVE");
    let add = json!({"keyid": "emergency-key-20250116", "affectedBy": "key-2024-prod"});
    let added = world.must("/v1/anchors/ALL/keys", add).await;
    assert_eq!(added["anchors"][0]["purlPattern"], "pkg:npm/*");

    let report = world.get("/v1/incidents/report?keyId=key-2024-prod").await.json();
    assert_eq!(report["counts"]["unproven"], 1, "the server is suspect with the key: {report}");
    assert_eq!(report["unproven"][0]["proof"], proof["proofBundle"]);
    let signed = json!({"keyId": "key-2024-prod"});
    let signed = world.must("/v1/incidents/report", signed).await;
    assert!(signed["proofBundle"].as_str().unwrap().starts_with("sha256:"));
    let path = format!("/v1/proofs/{}/re-sign", proof["proofBundle"].as_str().unwrap());
    let again = json!({"keyId": "emergency-key-20250116", "reason": "compromise"});
    let again = world.must(&path, again).await;
    assert_eq!(again["old"], proof["proofBundle"]);
    assert_ne!(again["new"], proof["proofBundle"]);
}

#[tokio::test]
async fn one_call_answers_an_incident() {
    // HA-20
    let world = with_anchor().await;
    let body = json!({"keyId": "key-2024-prod", "compromisedSince": "2025-01-15T00:00:00Z"});
    let answer = world.must("/v1/incidents/rotate", body).await;
    assert_eq!(answer["generated"]["keyId"], "emergency-key-20250115");
    assert_eq!(answer["generated"]["status"], "ACTIVE");
    assert_eq!(answer["anchors"][0]["anchorId"], ANCHOR);
}

#[tokio::test]
async fn a_rotation_is_one_call_and_repeats_harmlessly() {
    let world = with_anchor().await;
    let path = "/v1/signer/keys/key-2024-prod/rotate";
    let not_due = world.must(path, json!({"ifDue": true})).await;
    assert_eq!((&not_due["step"], &not_due["due"]), (&json!("NOT_DUE"), &json!("ok")));
    let rotated = world.must(path, json!({"newKeyId": "key-2025-prod"})).await;
    assert_eq!(rotated["step"], "RETIRED");
    assert_eq!(rotated["active"], "key-2025-prod");
    assert_eq!(rotated["anchors"], json!([ANCHOR]));
    let again = world.must(path, json!({})).await;
    assert_eq!(again["successor"], "key-2025-prod");
    let both = world.post(path, r#"{"resume":true,"abort":true}"#).await;
    assert_eq!(both.problem(), (400, "malformed".to_owned()));
}

#[tokio::test]
async fn both_spellings_and_both_prefixes_are_read() {
    // HA-19
    let world = with_anchor().await;
    let keyid = json!({"profile": "default", "keyid": "k2"});
    assert_eq!(world.must("/api/v1/signer/keys", keyid).await["keyId"], "k2");
    for (prefix, spelling, key) in [("/v1", "keyId", "k2"), ("/api/v1", "keyid", "key-2024-prod")] {
        let add = json!({ spelling: key, "publicKey": "" });
        let path = format!("{prefix}/anchors/{ANCHOR}/keys");
        assert_eq!(world.must(&path, add).await["keyId"], key);
        let proofs = world.get(&format!("{prefix}/proofs?{spelling}={key}")).await;
        assert_eq!(proofs.status, 200, "{}", proofs.text);
    }
    let other = world.get("/v1/signer/keys/key-2024-prod").await.json()["publicKey"].clone();
    let add = json!({"keyid": "k2", "publicKey": other}).to_string();
    let reply = world.post(&format!("/v1/anchors/{ANCHOR}/keys"), &add).await;
    assert_eq!(reply.problem(), (409, "public-key-mismatch".to_owned()), "SO-031");
}

#[tokio::test]
async fn lists_are_read_in_pieces() {
    let world = world::new();
    for number in 0..5 {
        let key = json!({"profile": "default", "keyId": format!("k{number}")});
        world.must("/v1/signer/keys", key).await;
    }
    let first = world.get("/v1/signer/keys?limit=3").await.json();
    assert_eq!(first["next"], "k2");
    let second = world.get("/api/v1/signer/keys?limit=3&after=k2").await.json();
    assert_eq!(second["keys"].as_array().map(Vec::len), Some(2));
    assert_eq!(second.get("next"), None);
    let staged = world.get("/v1/signer/keys?status=staged").await.json();
    assert_eq!(staged["keys"].as_array().map(Vec::len), Some(4));
    let events = world.get("/v1/audit/events?type=KEY_*&limit=2").await.json();
    let next = events["next"].as_u64().expect("more events");
    let more = world.get(&format!("/v1/audit/events?type=KEY_*&beforeSeq={next}")).await.json();
    assert_eq!(more["events"].as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn the_log_is_shown_proven_and_exported() {
    let world = with_anchor().await;
    signed(&world, "key-2024-prod").await;
    let report = world.must("/v1/audit/verify", json!({})).await;
    assert_eq!(report["ok"], true, "{report}");
    let note = world.get("/v1/audit/checkpoint").await;
    assert!(note.text.starts_with("keyward/"), "{}", note.text);
    let kept = json!({"checkpoint": note.text});
    assert_eq!(world.must("/v1/audit/verify", kept).await["ok"], true);
    let proof = world.get("/v1/audit/proof/inclusion?index=0").await.json();
    assert_eq!(proof["index"], 0);
    let from = world.get("/v1/audit/proof/consistency?from=1").await.json();
    assert_eq!(from["size"], proof["size"]);
    assert_eq!(from["checkpoint"], note.text);
    let between = world.get("/v1/audit/proof/consistency?from=2&to=3").await.json();
    assert_eq!((&between["size"], &between["checkpoint"]), (&json!(3), &Value::Null));
    let back = world.get("/v1/audit/proof/consistency?from=3&to=2").await;
    assert_eq!(back.problem(), (400, "malformed".to_owned()));
    let beyond = world.get("/v1/audit/proof/consistency?from=1&to=99999").await;
    assert_eq!(beyond.problem(), (404, "not-in-log".to_owned()));
    let none = world.get("/v1/audit/proof/inclusion?index=99999").await;
    assert_eq!(none.problem(), (404, "not-in-log".to_owned()));
    let bundle = world.get("/v1/audit/export").await;
    assert_eq!(bundle.headers["content-type"], "application/jsonl");
    assert!(bundle.text.lines().count() > 3);
}

#[tokio::test]
async fn an_export_longer_than_one_piece_is_whole() {
    let world = world::new();
    for number in 0..250 {
        let key = json!({"profile": "default", "keyId": format!("key-{number:03}")});
        world.must("/v1/signer/keys", key).await;
    }
    let mut whole = Vec::new();
    world.keyward.export(&mut whole).unwrap();
    assert!(whole.len() > 2 * 64 * 1024, "{}", whole.len());
    assert_eq!(world.get("/v1/audit/export").await.text.into_bytes(), whole);
    let metadata = world.get("/v1/signer/keys/metadata").await;
    assert_eq!(metadata.headers["content-type"], "application/json");
    let document = metadata.json();
    assert_eq!(document["schema"], "keyward.key-metadata/v1");
    let keys = document["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 250);
    for key in keys {
        let id = key["keyId"].as_str().unwrap();
        assert_eq!(*key, world.get(&format!("/v1/signer/keys/{id}")).await.json());
    }
}

#[tokio::test]
async fn a_batch_answers_in_order_whatever_is_in_it() {
    let world = with_anchor().await;
    let good = signed(&world, "key-2024-prod").await["envelope"].clone();
    let body = json!({"envelopes": [good, "not an envelope", good.to_string()]});
    let verdicts = world.must("/v1/verify/batch", body).await["verdicts"].clone();
    assert_eq!(verdicts[0]["result"], "valid");
    assert!(verdicts[1]["error"].as_str().unwrap().starts_with("envelope: "));
    assert_eq!(verdicts[2]["result"], "valid");
}

#[tokio::test]
async fn the_seeds_anchor_comes_in_and_goes_out_with_equal_values() {
    // SO-070, SO-071
    let world = world::new();
    for key in ["key-2024-prod", "key-2025-prod"] {
        world.must("/v1/signer/keys", json!({"profile": "default", "keyId": key})).await;
    }
    let seed = json!({
        "trustAnchorId": ANCHOR, "purlPattern": "pkg:npm/*",
        "allowedKeyids": ["key-2024-prod", "key-2025-prod"],
        "allowedPredicateTypes": ["evidence.stella/v1", "reasoning.stella/v1",
            "cdx-vex.stella/v1", "proofspine.stella/v1"],
        "policyVersion": "v2.3.1", "revokedKeys": ["key-2023-prod"],
        "keyHistory": [{"keyid": "key-2023-prod", "addedAt": "2023-01-15T00:00:00Z",
            "revokedAt": "2024-01-15T00:00:00Z", "revokeReason": "annual-rotation"}],
    });
    let made = world.post("/v1/anchors/import", &seed.to_string()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let shown = world.get(&format!("/v1/anchors/{ANCHOR}")).await.json();
    for (member, value) in seed.as_object().unwrap() {
        if member != "keyHistory" {
            assert_eq!(&shown[member], value, "{member}");
        }
    }
    assert_eq!(shown["keyHistory"][0], seed["keyHistory"][0]);
    assert_eq!(shown["keyHistory"].as_array().map(Vec::len), Some(3), "always complete (HA-27)");
}
