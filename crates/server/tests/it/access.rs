//! Who may call what: the walk over every operation of the document.

use axum::http::Method;
use keyward_lifecycle::access::{Role, Scope};
use serde_json::Value;

use crate::world::{self, As, request};

/// Operations, and the scopes that the document says they need.
fn operations() -> Vec<(Method, String, Vec<Scope>)> {
    let text = keyward_server::document().expect("a document");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("methods") {
            let scopes = operation["security"][0]["bearer"].as_array().cloned();
            let scopes = scopes.unwrap_or_default();
            let named = |scope: &Value| Scope::named(scope.as_str()?);
            let scopes: Vec<Scope> = scopes.iter().filter_map(named).collect();
            let method = method.to_uppercase().parse().expect("a method");
            operations.push((method, path.clone(), scopes));
        }
    }
    operations
}

/// The path with names in it.
fn filled(path: &str) -> String {
    let id = if path.starts_with("/proofs") {
        format!("sha256:{}", "0".repeat(64))
    } else {
        world::ANCHOR.to_owned()
    };
    path.replace("{id}", &id)
        .replace("{keyId}", "key-2024-prod")
        .replace("{path}", "app/db")
        .replace("{name}", "ci-reads")
}

const OPEN: [&str; 3] = ["/healthz", "/readyz", "/openapi.json"];

#[tokio::test]
async fn every_operation_refuses_who_is_unknown_and_who_lacks_its_scope() {
    // HA-21
    let world = world::new();
    let operations = operations();
    assert_eq!(operations.len(), 89, "the walk must see every operation");
    for (number, (method, path, scopes)) in operations.into_iter().enumerate() {
        // One of them seals.
        world.keyward.unseal(world::PASSWORD.into()).expect("unsealed");
        if OPEN.contains(&path.as_str()) {
            assert_eq!(scopes, [], "{path} is open");
            continue;
        }
        assert!(!scopes.is_empty(), "{method} {path} says no scope");
        for prefix in ["/v1", "/api/v1"] {
            let target = format!("{prefix}{}", filled(&path));
            let call = || request(method.clone(), &target, "{}");
            let reply = world.send(As::Nobody, call()).await;
            assert_eq!(reply.problem(), (401, "unauthenticated".to_owned()), "{method} {target}");
            assert_eq!(reply.headers["www-authenticate"], "Bearer");
            let reply = world.send(As::Token("kwt_of-nobody"), call()).await;
            assert_eq!(reply.problem(), (401, "unauthenticated".to_owned()), "{method} {target}");
            for missing in &scopes {
                let others = Scope::ALL.into_iter().filter(|scope| scope != missing).collect();
                let name = format!("t{number}{}{}", prefix.len(), missing.name());
                let token = world.token(&name, Role::Admin, others);
                let reply = world.send(As::Token(&token), call()).await;
                let expected = (403, "under-scoped".to_owned());
                assert_eq!(reply.problem(), expected, "{method} {target} without {missing:?}");
                let detail = reply.json()["detail"].as_str().expect("a detail").to_owned();
                assert!(detail.contains(missing.name()), "{detail}");
            }
            let name = format!("g{number}{}", prefix.len());
            let token = world.token(&name, Role::Admin, scopes.clone());
            let reply = world.send(As::Token(&token), call()).await;
            world.keyward.unseal(world::PASSWORD.into()).expect("unsealed");
            assert!(!matches!(reply.status, 401 | 403), "{method} {target}: {}", reply.text);
        }
    }
}

#[tokio::test]
async fn a_token_opens_nothing_once_it_is_withdrawn_or_has_expired() {
    let world = world::new();
    let body = r#"{"name":"ci","role":"viewer","expiresIn":"1h"}"#;
    let made = world.post("/v1/tokens", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let token = made.json()["token"].as_str().expect("a token").to_owned();
    let list = || request(Method::GET, "/v1/signer/keys", "");
    assert_eq!(world.send(As::Token(&token), list()).await.status, 200);
    assert!(!world.get("/v1/tokens").await.text.contains(&token), "it is shown once");

    world.clock.advance(3600);
    let reply = world.send(As::Token(&token), list()).await;
    assert_eq!(reply.problem(), (401, "unauthenticated".to_owned()));

    let token = world.token("short", Role::Viewer, Vec::new());
    assert_eq!(world.post("/v1/tokens/short/revoke", "").await.status, 200);
    let reply = world.send(As::Token(&token), list()).await;
    assert_eq!(reply.problem(), (401, "unauthenticated".to_owned()));
}

#[tokio::test]
async fn what_a_token_did_is_logged_under_its_name() {
    // HA-21: the actor is the authenticated identity.
    let world = world::new();
    let token = world.token("ci", Role::Operator, Vec::new());
    let body = r#"{"profile":"default","keyId":"key-2025-prod"}"#;
    let reply = world.send(As::Token(&token), request(Method::POST, "/v1/signer/keys", body)).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    let events = world.get("/v1/audit/events?type=KEY_GENERATED").await.json();
    assert_eq!(events["events"][0]["actorName"], "token:ci");
    assert_eq!(events["events"][0]["keyId"], "key-2025-prod");
}

#[tokio::test]
async fn health_and_the_document_are_served_without_a_prefix_too() {
    let world = world::new();
    for path in ["/healthz", "/readyz", "/openapi.json", "/v1/healthz", "/api/v1/openapi.json"] {
        let reply = world.send(As::Nobody, request(Method::GET, path, "")).await;
        assert_eq!(reply.status, 200, "{path}");
    }
    let reply = world.send(As::Nobody, request(Method::GET, "/metrics", "")).await;
    assert_eq!(reply.problem(), (401, "unauthenticated".to_owned()));
}
