//! The scheduler: it stages, and promotes nothing (HA-24).

use keyward_server::{config::Config, worker::stage_successors};
use serde_json::json;

use crate::world;

#[tokio::test]
async fn a_due_key_gets_a_staged_successor_once() {
    let world = world::new();
    world.must("/v1/signer/keys", json!({"profile": "default", "keyId": "k1"})).await;
    assert_eq!(stage_successors(&world.keyward), 0);
    assert_eq!(world.keyward.state().keys().count(), 1, "it is not due");

    world.clock.set("2025-11-20T00:00:00Z");
    assert_eq!(stage_successors(&world.keyward), 0);
    let next = world.get("/v1/signer/keys/k1-next").await.json();
    assert_eq!((&next["status"], &next["parentId"]), (&json!("STAGED"), &json!("k1")));
    assert_eq!(world.get("/v1/profiles").await.json()["profiles"][0]["signer"], "k1");
    let events = world.get("/v1/audit/events?keyId=k1-next").await.json();
    assert_eq!(events["events"][0]["actorName"], "system:scheduler");

    assert_eq!(stage_successors(&world.keyward), 0);
    assert_eq!(world.keyward.state().keys().count(), 2, "once is enough");
    let due = world.get("/v1/signer/rotation-warnings").await.json();
    assert_eq!(due["keys"][0]["warning"], "Rotation due in 2 months");
    let rotated = world.must("/v1/signer/keys/k1-next/promote", json!({})).await;
    assert_eq!(rotated["status"], "ACTIVE");
}

#[tokio::test]
async fn a_sealed_store_stages_nothing_and_counts_it() {
    let world = world::new();
    world.must("/v1/signer/keys", json!({"profile": "default", "keyId": "k1"})).await;
    world.clock.set("2026-02-01T00:00:00Z");
    world.keyward.seal();
    assert_eq!(stage_successors(&world.keyward), 1);
    assert_eq!(world.keyward.state().keys().count(), 1);
}

#[tokio::test]
async fn a_profile_that_does_not_rotate_gets_no_successor() {
    // HA-24
    let profile = |enabled: bool| {
        format!(
            "    on-{enabled}:\n      algorithm: SHA256-ED25519\n      keyStore: 'software:'\n      \
             rotation: {{enabled: {enabled}}}\n"
        )
    };
    let text = format!("signer:\n  profiles:\n{}{}", profile(true), profile(false));
    let world = world::with(Config::read(&text).expect("a configuration").profiles());
    for profile in ["on-true", "on-false"] {
        let key = json!({"profile": profile, "keyId": format!("key-{profile}")});
        world.must("/v1/signer/keys", key).await;
    }
    world.clock.set("2026-06-01T00:00:00Z");
    assert_eq!(stage_successors(&world.keyward), 0);
    let keys = world.get("/v1/signer/keys").await.json();
    let keys = keys["keys"].as_array().expect("keys");
    let ids: Vec<_> = keys.iter().map(|key| (&key["keyId"], &key["status"])).collect();
    let expected = [
        (&json!("key-on-true"), &json!("ACTIVE")),
        (&json!("key-on-false"), &json!("ACTIVE")),
        (&json!("key-on-true-next"), &json!("STAGED")),
    ];
    assert_eq!(ids, expected);
}
