//! `Idempotency-Key`.

use axum::http::Method;

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
async fn an_answer_with_a_secret_in_it_is_not_kept() {
    let world = world::new();
    let body = r#"{"name":"ci","role":"viewer"}"#;
    assert_eq!(with_key(&world, "/v1/tokens", body, "a").await.status, 201);
    let again = with_key(&world, "/v1/tokens", body, "a").await;
    assert_eq!(again.problem(), (409, "name-taken".to_owned()));
}
