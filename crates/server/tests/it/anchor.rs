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
