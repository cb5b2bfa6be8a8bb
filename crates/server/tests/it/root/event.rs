//! Whatever is done about the root key stands in the log, with who did it.

use std::{collections::BTreeSet, sync::Arc};

use axum::http::Method;
use keyward::keeper::{ShareBytes, Standing};
use keyward_server::{
    Setup,
    root::{KeeperPost, KeeperState, RootCare},
    router,
};
use serde_json::{Value, json};

use super::OTHER;
use crate::world::{self, As, PASSWORD, Reply, World, request};

/// Three keepers that take whatever they are given.
struct Willing;

impl KeeperPost for Willing {
    fn deliver(&self, _: Vec<(String, ShareBytes)>, _: Standing) -> Result<(), String> {
        Ok(())
    }

    fn states(&self) -> Vec<KeeperState> {
        Vec::new()
    }

    fn threshold(&self) -> Option<u8> {
        Some(2)
    }

    fn configured(&self) -> (u8, Vec<String>) {
        (2, ["alpha", "beta", "gamma"].map(str::to_owned).to_vec())
    }

    fn absent(&self, _: Option<&[String]>) -> Vec<String> {
        Vec::new()
    }

    fn rest(&self) {}
}

/// What was done, and how far the log was read.
struct Walk {
    world: World,
    routes: BTreeSet<String>,
    seen: Option<u64>,
}

impl Walk {
    fn new() -> Self {
        let mut world = world::new();
        let root = RootCare { keepers: Some(Arc::new(Willing)), ..RootCare::default() };
        world.router = router(world.keyward.clone(), Setup { root, ..Setup::default() });
        Self { world, routes: BTreeSet::new(), seen: None }
    }

    /// Calls `/root-key/{route}`, and gives the answer once the log has just these events more,
    /// oldest first, of the caller.
    async fn act(&mut self, route: &str, body: Value, expected: &[&str]) -> Reply {
        self.routes.insert(format!("post /root-key/{route}"));
        let reply = self.world.post(&format!("/v1/root-key/{route}"), &body.to_string()).await;
        self.check(route, expected, &reply).await;
        reply
    }

    async fn check(&mut self, route: &str, expected: &[&str], reply: &Reply) {
        let pair = |event: &Value| json!([event["eventType"], event["actorName"]]);
        let found: Vec<Value> = self.new_events().await.iter().map(pair).collect();
        let expected: Vec<Value> =
            expected.iter().map(|kind| json!([kind, "local:1000"])).collect();
        assert_eq!(found, expected, "{route}: {}", reply.text);
    }

    /// The root key's events since the last look, oldest first.
    async fn new_events(&mut self) -> Vec<Value> {
        let list = self.world.get("/v1/audit/events?type=ROOT_*").await.json();
        let mut events = list["events"].as_array().expect("events").clone();
        events.retain(|event| event["seq"].as_u64() > self.seen);
        events.reverse();
        self.seen = events.last().map_or(self.seen, |event| event["seq"].as_u64());
        events
    }

    /// What the newest event says beside its type.
    async fn details(&self) -> Value {
        let list = self.world.get("/v1/audit/events?type=ROOT_*&limit=1").await.json();
        list["events"][0]["details"].clone()
    }

    /// Makes a backup, keeps it, and gives it.
    async fn back_up(&mut self) -> Value {
        let made = self.act("backup", json!({}), &["ROOT_BACKUP_HANDED_OUT"]).await.json();
        self.act("backup/kept", made.clone(), &["ROOT_BACKED_UP"]).await;
        made["backup"].clone()
    }
}

#[tokio::test]
async fn every_act_about_the_root_key_is_logged_with_who_did_it() {
    // RK-043
    let mut walk = Walk::new();
    ways_in(&mut walk).await;
    backups(&mut walk).await;
    rotations(&mut walk).await;
    the_seal(&mut walk).await;

    let document = keyward_server::document().expect("a document");
    let document: Value = serde_json::from_str(&document).expect("JSON");
    let paths = document["paths"].as_object().expect("paths").iter();
    let of_root = paths.filter(|(path, _)| path.starts_with("/root-key"));
    let changing = of_root.flat_map(|(path, item)| {
        let methods = item.as_object().expect("methods").keys();
        let methods = methods.filter(|method| *method != "get");
        methods.map(move |method| format!("{method} {path}"))
    });
    assert_eq!(walk.routes, changing.collect(), "no route is left out");
}

/// Passwords and keepers come and go.
async fn ways_in(walk: &mut Walk) {
    let slot = json!({"kind": "password", "label": "second", "password": OTHER});
    let slot = walk.act("slots", slot, &["ROOT_SLOT_ADDED"]).await.json();
    let id = slot["id"].as_str().expect("an id");
    let call = request(Method::DELETE, &format!("/v1/root-key/slots/{id}"), "");
    let reply = walk.world.send(As::Owner, call).await;
    walk.routes.insert("delete /root-key/slots/{id}".to_owned());
    walk.check("slots/{id}", &["ROOT_SLOT_REMOVED"], &reply).await;
    assert_eq!(walk.details().await["slotId"], slot["id"]);
    walk.act("password/verify", json!({"password": PASSWORD}), &["ROOT_PASSWORD_VERIFIED"]).await;
    assert!(walk.details().await["slotId"].is_string());
    walk.act("password/verify", json!({"password": OTHER}), &["ROOT_ACCESS_REFUSED"]).await;
    let change = json!({"password": PASSWORD, "newPassword": OTHER});
    walk.act("password/change", change, &["ROOT_PASSWORD_CHANGED"]).await;
    walk.act("keepers", json!({}), &["ROOT_KEEPERS_SET"]).await;
    let split = walk.details().await;
    assert_eq!(
        (&split["threshold"], &split["keepers"]),
        (&json!(2), &json!(["alpha", "beta", "gamma"]))
    );
}

async fn backups(walk: &mut Walk) {
    walk.act("rotation/begin", json!({}), &["ROOT_ROTATION_REFUSED"]).await;
    assert_eq!(walk.details().await["check"], "backup");
    let backup = walk.back_up().await;
    walk.act("backup/verify", json!({"backup": "AAAA"}), &["ROOT_BACKUP_CHECKED"]).await;
    assert_eq!(walk.details().await["outcome"], "bad");
    walk.act("backup/verify", json!({ "backup": backup }), &["ROOT_BACKUP_CHECKED"]).await;
    assert_eq!(walk.details().await["outcome"], "good");
    walk.act("drill", json!({"outcome": "good", "records": 2}), &["ROOT_DRILLED"]).await;
    assert_eq!(walk.details().await, json!({"outcome": "good", "records": 2}));
}

/// One is paused and rolled back, the next is finalised.
async fn rotations(walk: &mut Walk) {
    walk.act("rotation/check", json!({}), &["ROOT_ROTATION_CHECKED"]).await;
    assert_eq!(walk.details().await, json!({"outcome": "good"}));
    walk.act("rotation/begin", json!({}), &["ROOT_ROTATION_BEGUN"]).await;
    let pause = json!({"why": "a release"});
    walk.act("rotation/pause", pause.clone(), &["ROOT_ROTATION_PAUSED"]).await;
    assert_eq!(walk.details().await, pause);
    walk.act("rotation/resume", json!({}), &["ROOT_ROTATION_RESUMED"]).await;
    walk.act("rotation/step", json!({"limit": 1}), &["ROOT_RESEALED"]).await;
    walk.act("rotation/rollback", json!({}), &["ROOT_ROTATION_TURNED_BACK"]).await;
    drive(walk).await;
    walk.act("rotation/rollback", json!({}), &["ROOT_ROTATION_ROLLED_BACK"]).await;

    walk.back_up().await;
    walk.act("rotation/begin", json!({}), &["ROOT_ROTATION_BEGUN"]).await;
    drive(walk).await;
    walk.back_up().await;
    walk.act("rotation/finalise", json!({}), &["ROOT_ROTATION_FINALISED"]).await;
}

async fn drive(walk: &mut Walk) {
    let step = ("rotation/step", json!({}), &["ROOT_RESEALED"]);
    while walk.act(step.0, step.1.clone(), step.2).await.json()["complete"] != true {}
}

async fn the_seal(walk: &mut Walk) {
    walk.act("seal", json!({}), &["ROOT_SEALED"]).await;
    walk.act("unseal", json!({"password": PASSWORD}), &["ROOT_ACCESS_REFUSED"]).await;
    assert_eq!(walk.details().await, json!({"by": "password", "count": 1}));
    walk.act("unseal", json!({"password": OTHER}), &["ROOT_UNSEALED"]).await;
    let backup = walk.back_up().await;
    walk.act("seal", json!({}), &["ROOT_SEALED"]).await;
    walk.act("restore", json!({"backup": backup, "password": OTHER}), &["ROOT_RESTORED"]).await;
}
