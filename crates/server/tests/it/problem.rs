//! What goes wrong, as RFC 9457 documents.

use axum::http::Method;
use serde_json::json;

use crate::world::{self, ANCHOR, As, World, request};

#[track_caller]
fn check(world: &World, call: (&str, &str), expected: (u16, &str)) -> impl Future<Output = ()> {
    let (path, body) = (call.0.to_owned(), call.1.to_owned());
    let expected = (expected.0, expected.1.to_owned());
    async move {
        let reply = world.post(&path, &body).await;
        assert_eq!(reply.problem(), expected, "{path} {body}: {}", reply.text);
    }
}

#[tokio::test]
async fn malformed_bodies_are_refused_and_say_where() {
    // SO-021
    let world = world::new();
    for body in [
        r#"{"profile":"default"}"#,
        r#"{"profile":"default","keyId":"a","unknown":1}"#,
        r#"{"profile":"default","keyId":"a","keyId":"b"}"#,
        r#"{"profile":"default","keyId":"a","keyid":"a"}"#,
        r#"{"profile":"default","keyId":"a b"}"#,
        r#"{"profile":"default","keyId":"a","maxUsage":-1}"#,
        r#"{"profile":"default","keyId":"a","expiresAt":"soon"}"#,
        r#"["profile"]"#,
        r#"{"profile":"default","keyId":"a"} x"#,
        "profile=default",
    ] {
        check(&world, ("/v1/signer/keys", body), (400, "malformed")).await;
    }
    let reply = world.post("/v1/signer/keys", "{\"profile\":\"default\",\n\"keyId\":7}").await;
    let detail = reply.json()["detail"].as_str().expect("a detail").to_owned();
    assert!(detail.starts_with("body: line 2, column "), "{detail}");
}

#[tokio::test]
async fn a_body_beyond_its_limit_is_refused() {
    let world = world::new();
    let long = format!(r#"{{"profile":"{}"}}"#, "a".repeat(1 << 20));
    check(&world, ("/v1/signer/keys", &long), (413, "too-large")).await;
    let many = json!({ "envelopes": vec!["x"; 2001] }).to_string();
    check(&world, ("/v1/verify/batch", &many), (413, "too-many")).await;
}

#[tokio::test]
async fn refusals_have_the_status_of_their_kind() {
    // SO-021, SO-031, SO-052
    let world = world::new();
    let key = "/v1/signer/keys";
    world.must(key, json!({"profile": "default", "keyId": "k1"})).await;
    let dup = r#"{"profile":"default","keyId":"k1"}"#;
    check(&world, (key, dup), (409, "name-taken")).await;
    let other = r#"{"profile":"default","keyId":"k2","algorithm":"ML-DSA-65"}"#;
    check(&world, (key, other), (422, "wrong-algorithm")).await;
    let nowhere = r#"{"profile":"none","keyId":"k2"}"#;
    check(&world, (key, nowhere), (404, "no-such-profile")).await;
    let to = format!("/v1/anchors/{ANCHOR}/keys");
    check(&world, (&to, r#"{"keyid":"k1","publicKey":""}"#), (404, "no-such-anchor")).await;
    check(&world, ("/v1/anchors/ALL/keys", r#"{"keyid":"k1"}"#), (409, "no-anchors")).await;
    let revoke = "/v1/signer/keys/k1/revoke";
    check(&world, (revoke, "{}"), (400, "malformed")).await;
    check(&world, (revoke, r#"{"reason":"typo"}"#), (400, "malformed")).await;
    check(&world, ("/v1/signer/keys/k9/retire", ""), (404, "no-such-key")).await;
    let universal = r#"{"purlPattern":"*","keyIds":["k1"]}"#;
    check(&world, ("/v1/anchors", universal), (422, "universal-not-allowed")).await;
    let late = r#"{"reason":"retired","effectiveAt":"2025-02-01T00:00:00Z"}"#;
    assert_eq!(world.post(revoke, late).await.status, 200);
    let later = r#"{"reason":"retired","effectiveAt":"2025-03-01T00:00:00Z"}"#;
    check(&world, (revoke, later), (409, "only-earlier")).await;
    assert_eq!(world.post(revoke, late).await.status, 200, "the same again is the same");
}

#[tokio::test]
async fn a_sealed_store_says_so() {
    let world = world::new();
    world.must("/v1/signer/keys", json!({"profile": "default", "keyId": "k1"})).await;
    assert_eq!(world.must("/v1/root-key/seal", json!({})).await["state"], "sealed");
    let sign = r#"{"keyIds":["k1"],"payload":"aGk="}"#;
    check(&world, ("/v1/sign", sign), (503, "sealed")).await;
    let wrong = r#"{"password":"not the password"}"#;
    check(&world, ("/v1/root-key/unseal", wrong), (422, "wrong-password")).await;
    let ready = world.get("/readyz").await;
    assert_eq!(ready.status, 200);
    let note = "sealed: it verifies and revokes, and signs nothing";
    assert_eq!(ready.json(), json!({"ready": true, "reasons": [], "notes": [note]}));
    let revoke = r#"{"reason":"compromise","effectiveAt":"NOW"}"#;
    assert_eq!(world.post("/v1/signer/keys/k1/revoke", revoke).await.status, 200);
    let password = json!({ "password": world::PASSWORD });
    assert_eq!(world.must("/v1/root-key/unseal", password).await["state"], "unsealed");
}

#[tokio::test]
async fn what_is_nowhere_is_a_problem_too() {
    let world = world::new();
    let reply = world.get("/v1/nowhere").await;
    assert_eq!(reply.problem(), (404, "no-such-route".to_owned()));
    let reply = world.send(As::Owner, request(Method::DELETE, "/v1/signer/keys", "")).await;
    assert_eq!(reply.problem(), (405, "no-such-method".to_owned()));
    let reply = world.get("/v1/signer/keys?unknown=1").await;
    assert_eq!(reply.problem(), (400, "malformed".to_owned()));
    let reply = world.get("/v1/signer/keys?limit=0").await;
    assert_eq!(reply.problem(), (400, "malformed".to_owned()));
    let reply = world.get("/v1/anchors/550e84").await;
    assert_eq!(reply.problem(), (400, "malformed".to_owned()), "a prefix has 8 digits");
}

#[tokio::test]
async fn a_profile_whose_store_is_not_built_refuses_by_name() {
    // SO-016
    let profile = keyward_server::config::Config::read(
        "signer:\n  profiles:\n    kms:\n      algorithm: SHA256-ED25519\n      keyStore: kms://aws/key/x\n",
    );
    let world = world::with(profile.expect("a configuration").profiles());
    let body = r#"{"profile":"kms","keyId":"k1"}"#;
    let reply = world.post("/v1/signer/keys", body).await;
    assert_eq!(reply.problem(), (503, "store-not-built".to_owned()));
    let ready = world.get("/readyz").await;
    assert_eq!(ready.status, 503);
    let reason = "profile `kms`: its key store `kms://aws/key/x` is not built into this program";
    assert_eq!(ready.json()["reasons"], json!([reason]));
}

#[tokio::test]
async fn the_beginning_of_two_anchors_names_neither() {
    // SO-045
    let world = world::new();
    world.must("/v1/signer/keys", json!({"profile": "default", "keyId": "k1"})).await;
    let ids = ["550e8400-e29b-41d4-a716-446655440000", "550e8400-e29b-41d4-a716-446655440001"];
    for (id, pattern) in ids.into_iter().zip(["pkg:npm/*", "pkg:cargo/*"]) {
        let anchor = json!({"anchorId": id, "purlPattern": pattern, "keyIds": []});
        world.must("/v1/anchors", anchor).await;
    }
    let ambiguous = (400, "ambiguous-anchor".to_owned());
    let shown = world.get("/v1/anchors/550e8400...").await;
    assert_eq!(shown.problem(), ambiguous);
    assert_eq!(shown.json()["detail"], "more than one trust anchor begins with `550e8400`");
    check(&world, ("/v1/anchors/550E8400/keys", r#"{"keyid":"k1"}"#), (400, "ambiguous-anchor"))
        .await;
    for id in ids {
        let anchor = world.get(&format!("/v1/anchors/{id}")).await.json();
        assert_eq!(anchor["trustAnchorId"], id);
        assert_eq!(anchor["allowedKeyids"], json!([]), "no key was added to either");
    }
}
