//! Secrets over HTTP while the root key rotates.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use axum::http::Method;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use keyward::storage::{Batch, ItemChange, Shelf};
use serde_json::{Value, json};

use crate::world::{self, As, World, request};

async fn put(world: &World, path: &str, value: &str) {
    let body = json!({ "value": STANDARD.encode(value) }).to_string();
    let asked = request(Method::PUT, &format!("/v1/secrets/data/{path}"), &body);
    let reply = world.send(As::Owner, asked).await;
    assert_eq!(reply.status, 201, "{path}: {}", reply.text);
}

#[track_caller]
fn value(reply: &world::Reply) -> String {
    assert_eq!(reply.status, 200, "{}", reply.text);
    let encoded = reply.json()["value"].as_str().expect("a value").to_owned();
    String::from_utf8(STANDARD.decode(encoded).expect("base64")).expect("UTF-8")
}

async fn get(world: &World, path: &str) -> String {
    value(&world.get(&format!("/v1/secrets/data/{path}")).await)
}

/// Takes the value's record away behind the store's back.
async fn cut(world: &World, path: &str) {
    let known = world.get(&format!("/v1/secrets/metadata/{path}")).await.json();
    let id = known["secretId"].as_str().expect("an id").to_owned();
    let items = world.parts.storage.items(Shelf::Record, None, 10_000).expect("records");
    let is_value = |item: &&keyward::storage::Item| {
        let name = String::from_utf8_lossy(&item.name);
        name.contains(&id) && !name.contains(".meta")
    };
    let items: Vec<_> = items.iter().filter(is_value).collect();
    assert_eq!(items.len(), 1, "the record of one version");
    let changes = items.iter().map(|item| ItemChange::Remove(Shelf::Record, item.name.clone()));
    let batch = Batch { items: changes.collect(), ..Batch::default() };
    let heads = world.parts.storage.heads().expect("heads");
    world.parts.storage.append(heads, &batch).expect("removed behind its back");
}

async fn back_up(world: &World) {
    let made = world.must("/v1/root-key/backup", json!({})).await;
    world.must("/v1/root-key/backup/kept", json!({"backup": made["backup"]})).await;
}

async fn begin(world: &World) {
    back_up(world).await;
    world.must("/v1/root-key/rotation/begin", json!({})).await;
}

async fn step(world: &World, limit: u32) -> Value {
    world.must("/v1/root-key/rotation/step", json!({ "limit": limit })).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_read_and_written_while_the_root_key_rotates() {
    // RK-021, RK-065
    let world = Arc::new(world::new());
    for number in 0..12 {
        put(&world, &format!("still/{number}"), &format!("still {number}")).await;
        put(&world, &format!("busy/{number}"), "0").await;
    }
    begin(&world).await;
    let (stop, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let at_work = {
        let (world, stop, rounds) = (world.clone(), stop.clone(), rounds.clone());
        tokio::spawn(async move {
            let mut round = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                let number = round % 12;
                let said = format!("still {number}");
                assert_eq!(get(&world, &format!("still/{number}")).await, said);
                let (path, new) = (format!("busy/{number}"), format!("round {round}"));
                put(&world, &path, &new).await;
                assert_eq!(get(&world, &path).await, new);
                round = rounds.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
            }
        })
    };
    loop {
        let before = rounds.load(Ordering::Relaxed);
        let is_complete = step(&world, 3).await["complete"] == true;
        while rounds.load(Ordering::Relaxed) == before && !at_work.is_finished() {
            tokio::task::yield_now().await;
        }
        if is_complete {
            break;
        }
    }
    back_up(&world).await;
    let ended = world.must("/v1/root-key/rotation/finalise", json!({})).await;
    assert_eq!((&ended["epoch"], &ended["rotation"]), (&json!(2), &Value::Null));
    let before = rounds.load(Ordering::Relaxed);
    while rounds.load(Ordering::Relaxed) < before + 13 && !at_work.is_finished() {
        tokio::task::yield_now().await;
    }
    stop.store(true, Ordering::Relaxed);
    at_work.await.expect("every read and write came out well");
    for number in 0..12 {
        assert_eq!(get(&world, &format!("still/{number}")).await, format!("still {number}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_held_in_memory_and_was_sealed_anew_since_is_read_from_disk() {
    // RK-021, RK-065
    let world = world::new();
    for path in ["kept", "gone", "never"] {
        put(&world, path, path).await;
        assert_eq!(get(&world, path).await, path);
    }
    let held = world.get("/v1/status").await.json()["secrets"]["memoryBytes"].clone();
    assert!(held.as_u64().expect("bytes") > 300, "{held}");
    begin(&world).await;
    while step(&world, 100).await["complete"] != true {}
    back_up(&world).await;
    world.must("/v1/root-key/rotation/finalise", json!({})).await;

    let after = world.get("/v1/status").await.json()["secrets"]["memoryBytes"].clone();
    assert_eq!(after, held, "what was held is held still, sealed under an epoch that is gone");
    cut(&world, "gone").await;
    let gone = world.get("/v1/secrets/data/gone").await;
    assert_eq!(gone.problem().0, 500, "what is held is of no use, and the disk has nothing");
    assert_eq!(get(&world, "kept").await, "kept", "the disk has it");
    cut(&world, "kept").await;
    assert_eq!(get(&world, "kept").await, "kept", "from then on it is held anew");
    assert_eq!(get(&world, "never").await, "never");
}

#[tokio::test]
async fn status_and_metrics_tell_how_secrets_are() {
    // RK-040
    let world = world::new();
    put(&world, "app/db", "hunter2").await;
    put(&world, "app/web", "hunter3").await;
    // A list waits until the index is whole.
    assert_eq!(world.get("/v1/secrets/list").await.status, 200);
    let secrets = world.get("/v1/status").await.json()["secrets"].clone();
    let bytes = secrets["memoryBytes"].as_u64().expect("bytes");
    assert!(bytes > 0);
    let expected = json!({"loaded": true, "listed": 2, "unreadable": 0,
        "policiesUnreadable": 0, "memoryBytes": bytes});
    assert_eq!(secrets, expected);
    let text = world.get("/metrics").await.text;
    for line in [
        "# TYPE keyward_secrets gauge",
        r#"keyward_secrets{state="readable"} 2"#,
        r#"keyward_secrets{state="unreadable"} 0"#,
        "keyward_secrets_loaded 1",
        "keyward_secret_policies_unreadable 0",
        &format!("keyward_secrets_memory_bytes {bytes}"),
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\nis not in\n{text}");
    }
    assert!(!text.contains("app/"), "no path is a label");
    world.keyward.seal();
    assert_eq!(world.get("/v1/status").await.json()["secrets"], Value::Null);
    assert!(!world.get("/metrics").await.text.contains("keyward_secrets"));
}
