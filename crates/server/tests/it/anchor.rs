//! Trust anchors over HTTP: which keys they list, and since when.

use serde_json::{Value, json};

use crate::world::{self, ANCHOR, World};

/// The keys that the anchor lists, those that ended, and the end that the history has.
async fn lists(world: &World) -> [Value; 3] {
    let mut shown = world.get(&format!("/v1/anchors/{ANCHOR}")).await.json();
    let end = &shown["keyHistory"][0];
    let end = json!([end["keyid"], end["revokedAt"], end["revokeReason"]]);
    [shown["allowedKeyids"].take(), shown["revokedKeys"].take(), end]
}

#[tokio::test]
async fn a_key_is_listed_until_the_end_that_is_scheduled_for_it() {
    // HA-09
    for path in ["/v1/signer/keys/k1/revoke", "/v1/anchors/550e8400/keys/k1/revoke"] {
        let world = world::new();
        world.must("/v1/signer/keys", json!({"profile": "default", "keyId": "k1"})).await;
        let anchor = json!({"anchorId": ANCHOR, "purlPattern": "pkg:npm/*", "keyIds": ["k1"]});
        world.must("/v1/anchors", anchor).await;
        assert_eq!(lists(&world).await[2], json!(["k1", null, null]));
        let revoke = json!({"reason": "retired", "effectiveAt": "2025-02-14T00:00:00Z"});
        world.must(path, revoke).await;

        let scheduled = json!(["k1", "2025-02-14T00:00:00Z", "cessationOfOperation"]);
        let before = [json!(["k1"]), json!([]), scheduled.clone()];
        assert_eq!(lists(&world).await, before, "{path}");
        world.clock.advance(30 * 86_400 - 1);
        assert_eq!(lists(&world).await, before, "{path}");
        world.clock.advance(1);
        assert_eq!(lists(&world).await, [json!([]), json!(["k1"]), scheduled], "{path}");
    }
}

#[tokio::test]
async fn an_anchor_is_shown_as_it_was_at_any_instant() {
    // SO-005
    let world = world::new();
    for key in ["k1", "k2"] {
        let stage = key == "k2";
        let key = json!({"profile": "default", "keyId": key, "stage": stage});
        world.must("/v1/signer/keys", key).await;
    }
    let anchor = json!({"anchorId": ANCHOR, "purlPattern": "pkg:npm/*", "keyIds": ["k1"]});
    let place = format!("/v1/anchors/{ANCHOR}");
    let acts = [
        ("/v1/anchors".to_owned(), anchor),
        (format!("{place}/keys"), json!({"keyId": "k2"})),
        ("/v1/signer/keys/k1/revoke".to_owned(), json!({"reason": "compromise"})),
        (format!("{place}/deactivate"), json!({})),
    ];
    let mut seen = Vec::new();
    for (path, body) in acts {
        world.must(&path, body).await;
        let now = keyward::clock::Clock::now(&*world.clock).to_string();
        seen.push((now, world.get(&place).await.json()));
        world.clock.advance(3600);
    }
    for (at, shown) in seen {
        assert_eq!(world.get(&format!("{place}?asOf={at}")).await.json(), shown, "{at}");
    }
    let before = world.get(&format!("{place}?asOf=2020-01-01T00:00:00Z")).await;
    assert_eq!(before.problem(), (404, "no-such-anchor".to_owned()));
    let malformed = world.get(&format!("{place}?asOf=yesterday")).await;
    assert_eq!(malformed.problem(), (400, "malformed".to_owned()));
}

/// A store with three keys, and the runbook's document changed so.
async fn document(change: Value) -> (World, Value) {
    let world = world::new();
    for key in ["k1", "k2", "k3"] {
        world.must("/v1/signer/keys", json!({"profile": "default", "keyId": key})).await;
    }
    let stay = |key: &str, end: Value, why: Value| {
        json!({"keyid": key, "addedAt": "2023-01-15T00:00:00Z", "revokedAt": end,
            "revokeReason": why})
    };
    let mut document = json!({
        "trustAnchorId": ANCHOR, "purlPattern": "pkg:npm/*",
        "allowedKeyids": ["k1", "k2", "k3"], "allowedPredicateTypes": [],
        "keyHistory": [stay("k1", json!("2025-01-14T00:00:00Z"), json!("retired")),
            stay("k2", json!("2025-02-14T00:00:00Z"), json!("superseded")),
            stay("k3", Value::Null, Value::Null)],
    });
    for (member, value) in change.as_object().into_iter().flatten() {
        document[member] = value.clone();
    }
    (world, document)
}

/// Whether the anchor believes each of the keys at that instant.
async fn believed(world: &World, at: &str) -> [bool; 3] {
    let mut believed = [false; 3];
    for (believed, key) in believed.iter_mut().zip(["k1", "k2", "k3"]) {
        let path = format!("/v1/anchors/{ANCHOR}/keys/{key}/validity?at={at}");
        let reply = world.get(&path).await;
        *believed = reply.status == 200 && reply.json()["status"] == "Valid";
    }
    believed
}

#[tokio::test]
async fn an_import_ends_each_key_where_its_history_does() {
    let (world, document) = document(json!({})).await;
    let shown = world.must("/v1/anchors/import", document).await;
    assert_eq!(shown["allowedKeyids"], json!(["k2", "k3"]), "k1 was over");
    assert_eq!(shown["revokedKeys"], json!(["k1"]));
    assert_eq!(shown["keyHistory"][0]["revokedAt"], "2025-02-14T00:00:00Z");
    assert_eq!(shown["keyHistory"][0]["revokeReason"], "superseded");
    assert_eq!(believed(&world, "2025-02-13T23:59:59Z").await, [false, true, true]);
    assert_eq!(believed(&world, "2025-02-14T00:00:00Z").await, [false, false, true]);
    world.clock.advance(31 * 86_400);
    assert_eq!(lists(&world).await[..2], [json!(["k3"]), json!(["k2", "k1"])]);
}

#[tokio::test]
async fn an_end_whose_reason_nobody_knows_here_may_be_a_compromise() {
    // HA-32
    let item = json!({"keyid": "k2", "addedAt": "2023-01-15T00:00:00Z",
        "revokedAt": "2025-02-14T00:00:00Z", "revokeReason": "left the team"});
    let (world, document) = document(json!({"keyHistory": [item]})).await;
    let shown = world.must("/v1/anchors/import", document).await;
    assert_eq!(shown["allowedKeyids"], json!(["k1", "k3"]));
    assert_eq!(believed(&world, "2025-02-01T00:00:00Z").await, [true, false, true]);
}

#[tokio::test]
async fn an_imported_key_that_is_said_to_be_revoked_is_not_believed() {
    let revoked = json!({"revokedKeys": ["k3"], "keyHistory": []});
    let (world, document) = document(revoked).await;
    let shown = world.must("/v1/anchors/import", document).await;
    assert_eq!(shown["allowedKeyids"], json!(["k1", "k2"]));
    assert_eq!(shown["revokedKeys"], json!(["k3"]));
    assert_eq!(believed(&world, "2025-02-01T00:00:00Z").await, [true, true, false]);
}

#[tokio::test]
async fn an_imported_key_that_came_back_there_is_shown_without_its_first_end() {
    let stay = |key: &str, end: Value| json!({"keyid": key, "addedAt": null, "revokedAt": end, "revokeReason": "retired"});
    let stays = [stay("k3", json!("2025-01-14T00:00:00Z")), stay("k3", Value::Null)];
    let change = json!({"allowedKeyids": ["k3"], "keyHistory": stays});
    let (world, document) = document(change).await;
    let shown = world.must("/v1/anchors/import", document).await;
    assert_eq!(shown["allowedKeyids"], json!(["k3"]));
    assert_eq!(shown["keyHistory"][0]["revokedAt"], Value::Null);
    assert_eq!(shown["keyHistory"][0]["revokeReason"], Value::Null);
    // An end that is given here has the reason that is given here.
    world.must("/v1/signer/keys/k3/revoke", json!({"reason": "compromise"})).await;
    assert_eq!(lists(&world).await[2], json!(["k3", world::START, "keyCompromise"]));
}

#[tokio::test]
async fn an_anchor_that_is_inactive_there_comes_in_inactive() {
    let (world, document) = document(json!({"status": "inactive"})).await;
    let shown = world.must("/v1/anchors/import", document).await;
    assert_eq!(shown["status"], "inactive");
}
