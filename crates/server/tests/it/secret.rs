//! Secrets over HTTP.

use axum::http::Method;
use keyward_lifecycle::access::Role;
use serde_json::json;

use crate::world::{self, As, Reply, World, request};

const DATA: &str = "/v1/secrets/data/app/prod/db";
/// `value` in base64.
const VALUE: &str = "dmFsdWU=";

async fn put(world: &World, by: As<'_>, path: &str, value: &str) -> Reply {
    let body = json!({ "value": value }).to_string();
    world.send(by, request(Method::PUT, path, &body)).await
}

async fn send(world: &World, method: Method, path: &str, body: &str) -> Reply {
    world.send(As::Owner, request(method, path, body)).await
}

#[tokio::test]
async fn a_secret_lives_over_http_and_no_answer_of_it_is_stored_on_the_way() {
    // RK-057, RK-065
    let world = world::new();
    let reply = put(&world, As::Owner, DATA, VALUE).await;
    assert_eq!((reply.status, &reply.json()["version"]), (201, &json!(1)), "{}", reply.text);
    let reply = world.get(DATA).await;
    assert_eq!(reply.headers["cache-control"], "no-store");
    assert_eq!(reply.json()["value"], VALUE);
    assert_eq!(reply.json()["version"], 1);
    let body = json!({ "value": "", "cas": 0 }).to_string();
    let refused = send(&world, Method::PUT, DATA, &body).await;
    assert_eq!(refused.problem(), (409, "another-secret-version".to_owned()));
    assert_eq!(refused.headers["cache-control"], "no-store");
    let body = json!({ "value": "", "cas": 1 }).to_string();
    assert_eq!(send(&world, Method::PUT, DATA, &body).await.status, 201);
    assert_eq!(world.get(DATA).await.json()["value"], "", "a value may be empty");
    assert_eq!(world.get(&format!("{DATA}?version=1")).await.json()["value"], VALUE);

    let deleted = send(&world, Method::DELETE, &format!("{DATA}?versions=1,2"), "").await;
    assert_eq!(deleted.json(), json!({ "versions": [1, 2], "whole": false }));
    assert_eq!(world.get(DATA).await.problem(), (410, "secret-deleted".to_owned()));
    let of = json!({ "path": "app/prod/db" });
    let back = world.must("/v1/secrets/undelete", of.clone()).await;
    assert_eq!(back["versions"], json!([2]));
    let listed = world.get("/v1/secrets/list?prefix=app").await.json();
    let expected = json!({ "path": "app/prod/db", "version": 2, "deleted": false });
    assert_eq!(listed, json!({ "secrets": [expected] }));

    let set = json!({ "metadata": { "owner": "ops" }, "versionsMax": 1 }).to_string();
    let metadata = "/v1/secrets/metadata/app/prod/db";
    assert_eq!(send(&world, Method::PUT, metadata, &set).await.status, 200);
    let known = world.get(metadata).await.json();
    assert_eq!(known["metadata"], json!({ "owner": "ops" }));
    assert_eq!(known["versions"].as_array().map(Vec::len), Some(1), "the limit holds at once");
    let none = json!({ "path": "app/prod/db", "versions": [] }).to_string();
    let refused = world.post("/v1/secrets/purge", &none).await;
    assert_eq!(refused.problem(), (400, "malformed".to_owned()), "nothing is not everything");
    let purged = world.must("/v1/secrets/purge", of).await;
    assert_eq!(purged, json!({ "versions": [2], "whole": true }));
    assert_eq!(world.get(DATA).await.problem(), (404, "no-such-secret".to_owned()));
}

#[tokio::test]
async fn what_is_malformed_is_refused_with_what_to_do() {
    let world = world::new();
    let reply = put(&world, As::Owner, "/v1/secrets/data/app//db", VALUE).await;
    assert_eq!(reply.problem(), (400, "malformed".to_owned()));
    assert_eq!(reply.json()["hint"], "write it as `app/db`");
    let reply = put(&world, As::Owner, DATA, "no base64").await;
    assert_eq!(reply.problem(), (400, "malformed".to_owned()));
    let long = "A".repeat((1 << 20) / 3 * 4 + 8);
    let reply = put(&world, As::Owner, DATA, &long).await;
    assert_eq!(reply.problem(), (413, "too-large".to_owned()));
    let reply = send(&world, Method::PUT, "/v1/policies/ci", r#"{"rules":[]}"#).await;
    assert_eq!(reply.problem(), (400, "malformed".to_owned()));
    world.keyward.seal();
    assert_eq!(world.get(DATA).await.problem(), (503, "sealed".to_owned()));
    assert_eq!(world.get("/v1/policies").await.problem(), (503, "sealed".to_owned()));
}

#[tokio::test]
async fn a_token_needs_its_scope_and_a_policy() {
    // RK-055
    let world = world::new();
    put(&world, As::Owner, DATA, VALUE).await;
    let token = world.token("ci", Role::Signer, Vec::new());
    let read = || request(Method::GET, DATA, "");
    let denied = (403, "not-permitted".to_owned());
    assert_eq!(world.send(As::Token(&token), read()).await.problem(), denied);
    let rule = json!({ "who": ["token:ci"], "may": ["read"], "under": ["app/*/db"] });
    let policy = json!({ "rules": [rule] });
    let set = send(&world, Method::PUT, "/v1/policies/ci-reads", &policy.to_string()).await;
    assert_eq!(set.json(), json!({ "name": "ci-reads", "version": 1, "policy": policy }));
    assert_eq!(world.send(As::Token(&token), read()).await.json()["value"], VALUE);
    assert_eq!(put(&world, As::Token(&token), DATA, VALUE).await.problem(), denied);
    let writes = policy.to_string().replace("\"read\"", "\"write\"");
    assert_eq!(send(&world, Method::PUT, "/v1/policies/ci-writes", &writes).await.status, 200);
    assert_eq!(send(&world, Method::DELETE, "/v1/policies/ci-reads", "").await.status, 200);
    let texts = r#"{"metadata":{"owner":"ops"}}"#;
    let change = request(Method::PUT, "/v1/secrets/metadata/app/prod/db", texts);
    let known = world.send(As::Token(&token), change).await.json();
    assert_eq!(known["metadataVersion"], 2);
    assert!(known.get("metadata").is_none() && known.get("versions").is_none(), "{known}");
    send(&world, Method::PUT, "/v1/policies/ci-reads", &policy.to_string()).await;
    let viewer = world.token("viewer", Role::Viewer, Vec::new());
    let reply = world.send(As::Token(&viewer), read()).await;
    assert_eq!(reply.problem(), (403, "under-scoped".to_owned()));
    assert_eq!(send(&world, Method::DELETE, "/v1/policies/ci-reads", "").await.status, 200);
    assert_eq!(world.send(As::Token(&token), read()).await.problem(), denied);

    world.keyward.flush_secret_reads().expect("logged");
    let events = world.get("/v1/audit/events?type=SECRET_READ").await;
    assert_eq!(events.json()["events"][0]["actorName"], "token:ci");
    let all = world.get("/v1/audit/export").await.text + &world.get("/v1/audit/events").await.text;
    assert!(!all.contains("app/prod") && !all.contains(VALUE), "neither path nor value");
}
