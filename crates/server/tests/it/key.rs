//! Keys over HTTP: what their documents and their events say.

use serde_json::{Value, json};

use crate::world::{self, ANCHOR, World};

/// The key's document has these members, and the export of all keys has the document.
async fn check(world: &World, place: usize, expected: Value) {
    let id = expected["keyId"].as_str().expect("an id");
    let shown = world.get(&format!("/v1/signer/keys/{id}")).await.json();
    for (member, value) in expected.as_object().expect("members") {
        assert_eq!(&shown[member], value, "{member} of {id}");
    }
    let exported = world.get("/v1/signer/keys/metadata").await.json();
    assert_eq!(exported["keys"][place], shown);
}

#[tokio::test]
async fn a_key_tells_its_purpose_its_version_and_its_uses() {
    // LC-010
    let world = world::new();
    let key = json!({"profile": "default", "keyId": "k1", "purpose": "releases", "maxUsage": 5,
        "expiresAt": "2026-01-01T00:00:00Z"});
    world.must("/v1/signer/keys", key).await;
    for _ in 0..2 {
        world.must("/v1/sign", json!({"keyIds": ["k1"], "payload": "aGk="})).await;
    }
    let first = json!({"keyId": "k1", "purpose": "releases", "version": 1, "usageCount": 2,
        "maxUsage": 5, "status": "ACTIVE", "createdAt": world::START,
        "expiresAt": "2026-01-01T00:00:00Z"});
    check(&world, 0, first).await;

    world.must("/v1/signer/keys/k1/rotate", json!({"newKeyId": "k2"})).await;
    // Both signed that the one succeeds the other.
    let second = json!({"keyId": "k2", "purpose": "releases", "version": 2, "usageCount": 1,
        "status": "ACTIVE", "createdAt": world::START, "parentId": "k1"});
    check(&world, 1, second).await;
}

#[tokio::test]
async fn an_event_tells_what_was_done_to_which_key_by_whom_and_when() {
    // SO-023, SO-120
    let world = world::new();
    let key = json!({"profile": "default", "keyId": "k1"});
    let key = world.must("/v1/signer/keys", key).await;
    let events = world.get("/v1/audit/events?type=KEY_GENERATED").await.json();
    let event = &events["events"][0];
    let actors = world.get("/v1/actors").await.json();
    let mut actors = actors["actors"].as_array().expect("actors").iter();
    let owner = actors.find(|actor| actor["name"] == "local:1000").expect("who did it");
    assert_eq!(event["actor"], owner["actorId"], "a pseudonym");
    assert_eq!(event["eventType"], "KEY_GENERATED");
    assert_eq!(event["keyId"], "k1");
    assert_eq!(event["actorName"], "local:1000");
    assert_eq!(event["timestamp"], world::START);
    let made = &event["details"]["key"];
    assert_eq!(made["algorithm"], "SHA256-ED25519");
    assert_eq!(made["store"], "software:");
    assert_eq!(made["fingerprint"], key["fingerprint"]);

    let anchor = json!({"anchorId": ANCHOR, "purlPattern": "pkg:npm/*", "keyIds": ["k1"]});
    world.must("/v1/anchors", anchor).await;
    let added = world.get("/v1/audit/events?type=KEY_ADDED").await.json()["events"][0].clone();
    let expected = json!({"seq": added["seq"], "eventId": added["eventId"],
        "eventType": "KEY_ADDED", "keyId": "k1", "anchorId": ANCHOR, "actor": owner["actorId"],
        "actorName": "local:1000", "timestamp": world::START,
        "details": {"anchorId": ANCHOR, "keyId": "k1"}});
    assert_eq!(added, expected);
    assert!(added["seq"].as_u64() > event["seq"].as_u64());
    assert_ne!(added["eventId"], event["eventId"]);
    assert_eq!(event.get("anchorId"), None, "no anchor knew of it");
}
