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
