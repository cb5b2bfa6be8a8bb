//! `Idempotency-Key`.

use axum::http::Method;
use keyward::storage::Shelf;
use keyward_lifecycle::id::Digest;

use serde_json::json;

use crate::world::{self, As, Reply, World, request};

async fn with_key(world: &World, path: &str, body: &str, key: &str) -> Reply {
    let mut call = request(Method::POST, path, body);
    call.headers_mut().insert("idempotency-key", key.parse().expect("a header"));
    world.send(As::Owner, call).await
}

const KEYS: &str = "/v1/signer/keys";

#[tokio::test]
async fn a_request_that_is_sent_twice_is_done_once_and_answered_alike() {
    let world = world::new();
    let body = r#"{"profile":"default","keyId":"k1"}"#;
    let first = with_key(&world, KEYS, body, "a").await;
    assert_eq!(first.status, 201, "{}", first.text);
    let size = world.keyward.state().size();
    let second = with_key(&world, KEYS, body, "a").await;
    assert_eq!((second.status, &second.text), (201, &first.text));
    assert_eq!(second.headers["location"], first.headers["location"]);
    assert_eq!(second.headers["idempotency-replayed"], "true");
    assert_eq!(world.keyward.state().size(), size, "nothing was logged again");
}

#[tokio::test]
async fn a_key_is_for_one_request_of_one_caller() {
    let world = world::new();
    let first = with_key(&world, KEYS, r#"{"profile":"default","keyId":"k1"}"#, "a").await;
    assert_eq!(first.status, 201);
    let other = with_key(&world, KEYS, r#"{"profile":"default","keyId":"k2"}"#, "a").await;
    assert_eq!(other.problem(), (422, "idempotency-key-reused".to_owned()));
    let token = world.token("ci", keyward_lifecycle::access::Role::Operator, Vec::new());
    let mut call = request(Method::POST, KEYS, r#"{"profile":"default","keyId":"k2"}"#);
    call.headers_mut().insert("idempotency-key", "a".parse().expect("a header"));
    assert_eq!(world.send(As::Token(&token), call).await.status, 201);
}

#[tokio::test]
async fn a_refusal_is_repeated_and_a_failure_is_tried_again() {
    let world = world::new();
    let bad = with_key(&world, KEYS, "{}", "a").await;
    assert_eq!(bad.status, 400);
    let again = with_key(&world, KEYS, "{}", "a").await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    world.keyward.seal();
    let body = r#"{"profile":"default","keyId":"k1"}"#;
    assert_eq!(with_key(&world, KEYS, body, "b").await.status, 503);
    world.keyward.unseal(world::PASSWORD.into()).expect("unsealed");
    assert_eq!(with_key(&world, KEYS, body, "b").await.status, 201);
}

#[tokio::test]
async fn an_answer_with_a_secret_in_it_is_not_shown_again_nor_kept() {
    let world = world::new();
    let body = r#"{"name":"ci","role":"viewer"}"#;
    let first = with_key(&world, "/v1/tokens", body, "a").await;
    assert_eq!(first.status, 201);
    let again = with_key(&world, "/v1/tokens", body, "a").await;
    assert_eq!(again.problem(), (409, "done-not-shown-again".to_owned()));
    let token = first.json()["token"].as_str().expect("a token").to_owned();
    for item in world.parts.storage.items(Shelf::Answer, None, 100).expect("items") {
        let kept = String::from_utf8_lossy(&item.bytes).into_owned();
        assert!(!kept.contains(&token), "{kept}");
    }
    // What was refused may be tried again.
    assert_eq!(with_key(&world, "/v1/tokens", body, "b").await.status, 409);
    let again = with_key(&world, "/v1/tokens", body, "b").await;
    assert_eq!(again.problem(), (409, "name-taken".to_owned()));
}

#[tokio::test]
async fn an_answer_is_the_same_after_a_restart_and_is_forgotten_after_a_day() {
    let world = world::new();
    let body = r#"{"profile":"default","keyId":"k1"}"#;
    let first = with_key(&world, KEYS, body, "a").await;
    assert_eq!(first.status, 201, "{}", first.text);
    let world = world.restarted();
    let second = with_key(&world, KEYS, body, "a").await;
    assert_eq!((second.status, &second.text), (201, &first.text));
    assert_eq!(second.headers["location"], first.headers["location"]);
    let other = with_key(&world, KEYS, r#"{"profile":"default","keyId":"k2"}"#, "a").await;
    assert_eq!(other.problem(), (422, "idempotency-key-reused".to_owned()));
    world.clock.advance(24 * 3600 + 1);
    let late = with_key(&world, KEYS, body, "a").await;
    assert_eq!(late.problem(), (409, "name-taken".to_owned()));
    // The old answer is gone with the next that is kept.
    let kept = world.keyward.kept_answers().expect("answers");
    assert_eq!(kept.len(), 1);
}

#[tokio::test]
async fn no_more_than_ten_thousand_answers_are_kept_and_the_oldest_goes_first() {
    let world = world::new();
    let name = |number: u32| Digest::of(&number.to_be_bytes());
    for number in 0..10_000 {
        if number % 5_000 == 0 {
            world.clock.advance(1);
        }
        let _ = world.keyward.keep_answer(name(number), vec![0], &[]).expect("kept");
    }
    let oldest = world.keyward.kept_answers().expect("answers")[0].name;
    let body = r#"{"profile":"default","keyId":"k1"}"#;
    assert_eq!(with_key(&world, KEYS, body, "a").await.status, 201);
    assert_eq!(world.keyward.kept_answers().expect("answers").len(), 10_000);
    assert_eq!(world.keyward.kept_answer(&oldest).expect("an answer"), None);
}

#[tokio::test]
async fn nothing_is_kept_of_a_request_that_names_the_path_of_a_secret() {
    let world = world::new();
    let put = request(Method::PUT, "/v1/secrets/data/app/db", r#"{"value":"dmFsdWU="}"#);
    assert_eq!(world.send(As::Owner, put).await.status, 201);
    for (route, status) in [("undelete", 200), ("purge", 200), ("purge", 404)] {
        let path = format!("/v1/secrets/{route}");
        let reply = with_key(&world, &path, r#"{"path":"app/db"}"#, "a").await;
        assert_eq!(reply.status, status, "{}", reply.text);
        assert!(!reply.headers.contains_key("idempotency-replayed"));
    }
    let kept = world.parts.storage.items(Shelf::Answer, None, 100).expect("items");
    assert!(kept.is_empty(), "a digest would let the path be tried out");
}

#[tokio::test]
async fn a_verdict_is_never_an_earlier_one() {
    let world = world::new();
    world.must("/v1/signer/keys", json!({"profile": "default", "keyId": "k"})).await;
    let anchor = json!({"purlPattern": "pkg:npm/*", "keyIds": ["k"]});
    world.must("/v1/anchors", anchor).await;
    let sign = json!({"keyIds": ["k"], "statement": {"purl": "pkg:npm/a@1",
        "sha256": "0".repeat(64), "predicateType": "evidence.stella/v1"}});
    let envelope = world.must("/v1/sign", sign).await["envelope"].clone();
    let body = json!({ "envelope": envelope }).to_string();
    let before = with_key(&world, "/v1/verify", &body, "one").await;
    assert_eq!(before.json()["result"], "valid");
    let revoke = r#"{"reason":"compromise","effectiveAt":"NOW"}"#;
    assert_eq!(world.post("/v1/signer/keys/k/revoke", revoke).await.status, 200);
    let after = with_key(&world, "/v1/verify", &body, "one").await;
    assert_ne!(after.json()["result"], "valid", "{}", after.text);
    let asked = json!({"envelope": envelope, "asOf": "2200-01-01T00:00:00Z"}).to_string();
    let future = world.post("/v1/verify", &asked).await;
    assert_eq!(future.problem(), (400, "malformed".to_owned()), "nobody knows the future");
}
