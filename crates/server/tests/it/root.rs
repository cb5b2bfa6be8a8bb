//! The root key over HTTP.

mod event;
mod worker;

use std::sync::{Arc, Mutex};

use axum::http::Method;
use keyward_lifecycle::{access::Role, time::Timestamp};
use keyward_server::{
    Setup,
    config::Config,
    root::{RootCare, Site},
    router,
};
use serde_json::{Value, json};

use crate::world::{self, As, PASSWORD, World, request};

const OTHER: &str = "seventeen pelicans argue about maps";

/// A machine whose backup file is a slot in memory.
#[derive(Default)]
struct Shelf {
    file: Mutex<Option<Vec<u8>>>,
    full: Mutex<bool>,
}

impl Site for Shelf {
    fn free_bytes(&self) -> Option<u64> {
        Some(if *self.full.lock().expect("no panic") { 1 } else { 1 << 40 })
    }

    fn backup(&self) -> Option<Result<Vec<u8>, String>> {
        let file = self.file.lock().expect("no panic").clone();
        Some(file.ok_or_else(|| "no such file".to_owned()))
    }

    fn keep_backup(&self, bytes: &[u8]) -> Result<(), String> {
        if *self.full.lock().expect("no panic") {
            return Err("no space left on device".to_owned());
        }
        *self.file.lock().expect("no panic") = Some(bytes.to_vec());
        Ok(())
    }
}

/// A world with a machine around it, and the configuration of `text`.
fn on_a_machine(text: &str) -> (World, RootCare, Arc<Shelf>) {
    let mut world = world::new();
    let shelf = Arc::new(Shelf::default());
    let rotation = Config::read(text).expect("a configuration").root_key.rotation;
    let care = RootCare { site: shelf.clone(), rotation, ..RootCare::default() };
    let setup = Setup { root: care.clone(), ..Setup::default() };
    world.router = router(world.keyward.clone(), setup);
    (world, care, shelf)
}

async fn root(world: &World) -> Value {
    let reply = world.get("/v1/root-key").await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()
}

/// Makes a backup and says that it was kept.
async fn back_up(world: &World) -> String {
    let made = world.must("/v1/root-key/backup", json!({})).await;
    let backup = made["backup"].as_str().expect("base64").to_owned();
    world.must("/v1/root-key/backup/kept", json!({"backup": backup})).await;
    backup
}

async fn types(world: &World) -> Vec<String> {
    let events = world.get("/v1/audit/events?type=ROOT_*").await.json();
    let of = |event: &Value| event["eventType"].as_str().map(str::to_owned);
    let events = events["events"].as_array().expect("events");
    events.iter().filter_map(of).collect()
}

#[tokio::test]
async fn the_root_key_is_shown_as_it_is() {
    // RK-002, RK-040, RK-041
    let (world, _, _) = on_a_machine("");
    world.clock.advance(86_400 * 3);
    let shown = root(&world).await;
    assert_eq!((&shown["epoch"], &shown["state"]), (&json!(1), &json!("unsealed")));
    assert_eq!(shown["sound"], true);
    assert_eq!(shown["epochAgeDays"], 3);
    assert_eq!(shown["backup"], json!({"current": false}));
    let at = shown["nextRotation"]["at"].as_str().expect("a time");
    assert!(at.starts_with("2026-01-15T"), "{at}");
    assert_eq!(shown["nextRotation"]["by"], "hand");
    assert_eq!(shown["rotation"], Value::Null);
    world.must("/v1/root-key/seal", json!({})).await;
    let sealed = root(&world).await;
    assert_eq!((&sealed["state"], &sealed["memory"]), (&json!("sealed"), &Value::Null));
}

#[tokio::test]
async fn a_rotation_waits_for_a_backup_and_ends_with_a_new_one() {
    // RK-021, RK-025, RK-027
    let (world, _, shelf) = on_a_machine("");
    world.must("/v1/signer/keys", json!({"profile": "default", "keyId": "k"})).await;
    let checks = world.must("/v1/root-key/rotation/check", json!({})).await;
    assert_eq!(checks["passed"], false);
    assert_eq!(
        checks["checks"][1],
        json!({"name": "backup", "passed": false, "why": "no such file"})
    );
    let refused = world.post("/v1/root-key/rotation/begin", "{}").await;
    assert_eq!(refused.problem(), (409, "root-check-failed".to_owned()));

    let made = world.must("/v1/root-key/backup", json!({})).await;
    let bytes = made["backup"].as_str().expect("base64");
    use base64::Engine as _;
    let decoded = base64::engine::general_purpose::STANDARD.decode(bytes).expect("base64");
    assert_eq!(root(&world).await["backup"]["at"], Value::Null, "it is logged when it was kept");
    shelf.keep_backup(&decoded).expect("room");
    world.must("/v1/root-key/backup/kept", json!({"backup": bytes})).await;
    assert_eq!(root(&world).await["backup"]["current"], true);

    let begun = world.must("/v1/root-key/rotation/begin", json!({})).await;
    assert_eq!(begun["driven"], false);
    assert_eq!(begun["rootKey"]["rotation"]["direction"], "forth");
    let early = world.post("/v1/root-key/rotation/finalise", "{}").await;
    assert_eq!(early.problem(), (409, "root-rotation-incomplete".to_owned()));
    while world.must("/v1/root-key/rotation/step", json!({"limit": 2})).await["complete"] != true {}
    *shelf.full.lock().expect("no panic") = true;
    let full = world.post("/v1/root-key/rotation/finalise", "{}").await;
    assert_eq!(full.problem(), (409, "root-backup-failed".to_owned()));
    assert!(root(&world).await["rotation"].is_object(), "it stays open");
    *shelf.full.lock().expect("no panic") = false;
    let ended = world.must("/v1/root-key/rotation/finalise", json!({})).await;
    assert_eq!((&ended["epoch"], &ended["rotation"]), (&json!(2), &Value::Null));
    assert_eq!(ended["backup"]["current"], true);
    assert_eq!(ended["backup"]["check"]["outcome"], "good");
    let none = world.post("/v1/root-key/rotation/finalise", "{}").await;
    assert_eq!(none.problem(), (409, "no-root-rotation".to_owned()));
    let types = types(&world).await;
    for kind in
        ["ROOT_ROTATION_REFUSED", "ROOT_BACKED_UP", "ROOT_RESEALED", "ROOT_ROTATION_FINALISED"]
    {
        assert!(types.iter().any(|found| found == kind), "{kind} in {types:?}");
    }
}

#[tokio::test]
async fn a_rotation_is_paused_and_turned_back() {
    // RK-023, RK-028
    let (world, _, _) = on_a_machine("");
    let world = {
        // No file is configured: the log's word counts.
        let mut world = world;
        world.router = router(world.keyward.clone(), Setup::default());
        world
    };
    back_up(&world).await;
    world.must("/v1/root-key/rotation/begin", json!({"recordsPerSecond": 10})).await;
    let paused = world.must("/v1/root-key/rotation/pause", json!({"why": "a release"})).await;
    assert_eq!(paused["rotation"]["paused"], "a release");
    let stands = world.post("/v1/root-key/rotation/step", "{}").await;
    assert_eq!(stands.problem(), (409, "root-rotation-paused".to_owned()));
    world.must("/v1/root-key/rotation/resume", json!({})).await;
    world.must("/v1/root-key/rotation/step", json!({"limit": 1})).await;
    let back = world.must("/v1/root-key/rotation/rollback", json!({})).await;
    assert_eq!(back["rotation"]["direction"], "back");
    while world.must("/v1/root-key/rotation/step", json!({})).await["complete"] != true {}
    let ended = world.must("/v1/root-key/rotation/rollback", json!({})).await;
    assert_eq!((&ended["epoch"], &ended["rotation"]), (&json!(1), &Value::Null));
    let none = world.post("/v1/root-key/rotation/rollback", "{}").await;
    assert_eq!(none.problem(), (409, "no-root-rotation".to_owned()));
}

#[tokio::test]
async fn passwords_are_added_changed_tried_and_removed() {
    // RK-010, RK-013
    let world = world::new();
    let weak = json!({"kind": "password", "password": "passwordpassword"});
    let refused = world.post("/v1/root-key/slots", &weak.to_string()).await;
    assert_eq!(refused.problem(), (409, "root-refused".to_owned()));
    let last = world.get("/v1/root-key/slots").await.json()["slots"][0].clone();
    let path = format!("/v1/root-key/slots/{}", last["id"].as_str().expect("an id"));
    let reply = world.send(As::Owner, request(Method::DELETE, &path, "")).await;
    assert_eq!(reply.problem(), (409, "root-refused".to_owned()), "the last one stays");

    let body = json!({"kind": "password", "label": "second", "password": OTHER});
    let added = world.must("/v1/root-key/slots", body).await;
    let found = world.must("/v1/root-key/password/verify", json!({"password": OTHER})).await;
    assert_eq!(found["slot"], added["id"]);
    let reply = world.send(As::Owner, request(Method::DELETE, &path, "")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let wrong = json!({"password": PASSWORD}).to_string();
    let reply = world.post("/v1/root-key/password/verify", &wrong).await;
    assert_eq!(reply.problem(), (422, "wrong-password".to_owned()));
    assert_eq!(root(&world).await["refused"]["accesses"], 1);

    let body = json!({"password": OTHER, "newPassword": "nine otters sail to Greenland"});
    world.must("/v1/root-key/password/change", body).await;
    world.must("/v1/root-key/seal", json!({})).await;
    let unseal = json!({"password": "nine otters sail to Greenland"});
    world.must("/v1/root-key/unseal", unseal).await;
    assert_eq!(root(&world).await["state"], "unsealed");
}

#[tokio::test]
async fn recovery_shares_are_shown_once_and_unseal() {
    let world = world::new();
    let body = json!({"kind": "recovery", "sharing": {"threshold": 2, "count": 3}});
    let call = request(Method::POST, "/v1/root-key/slots", &body.to_string());
    let (mut parts, rest) = call.into_parts();
    parts.headers.insert("idempotency-key", "once".parse().expect("a header"));
    let call = axum::http::Request::from_parts(parts, rest);
    let reply = world.send(As::Owner, call).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    assert_eq!(reply.headers["cache-control"], "no-store");
    let added = reply.json();
    let shares: Vec<&Value> =
        added["shares"].as_array().expect("shares").iter().map(|share| &share["text"]).collect();
    assert_eq!(shares.len(), 3);
    let kept = world.keyward.kept_answers().expect("answers");
    assert!(kept.is_empty(), "nothing is kept for the idempotency key");
    let listed = world.get("/v1/root-key/slots").await.json();
    assert_eq!(
        (&listed["slots"][1]["threshold"], &listed["slots"][1]["count"]),
        (&json!(2), &json!(3))
    );

    world.must("/v1/root-key/seal", json!({})).await;
    let few = json!({"recoveryShares": [shares[0]]}).to_string();
    let reply = world.post("/v1/root-key/unseal", &few).await;
    assert_eq!(reply.problem(), (503, "unseal-failed".to_owned()), "{}", reply.text);
    let both = json!({"recoveryShares": [shares[2], shares[0]]});
    world.must("/v1/root-key/unseal", both).await;
    let neither = world.post("/v1/root-key/unseal", "{}").await;
    assert_eq!(neither.problem(), (400, "malformed".to_owned()));
}

#[tokio::test]
async fn a_backup_is_verified_restored_and_rehearsed() {
    // RK-012, RK-030, RK-031
    let world = world::new();
    let backup = back_up(&world).await;
    let with = |password: &str| json!({"backup": backup, "password": password});
    let seen = world.must("/v1/root-key/backup/verify", with(PASSWORD)).await;
    assert_eq!((&seen["current"], &seen["opened"]), (&json!(true), &json!(true)));
    let unsealed = world.post("/v1/root-key/restore", &with(PASSWORD).to_string()).await;
    assert_eq!(unsealed.problem(), (409, "unsealed".to_owned()));
    world.must("/v1/root-key/seal", json!({})).await;
    let wrong = world.post("/v1/root-key/restore", &with(OTHER).to_string()).await;
    assert_eq!(wrong.problem(), (422, "wrong-password".to_owned()));
    let restored = world.must("/v1/root-key/restore", with(PASSWORD)).await;
    assert!(restored["records"].as_u64().expect("a count") >= 2, "{restored}");
    world.must("/v1/root-key/drill", json!({"outcome": "good", "records": 2})).await;
    assert_eq!(root(&world).await["drill"]["outcome"], "good");
}

#[tokio::test]
async fn a_wrong_password_is_logged_and_slows_the_next_one_down() {
    // RK-030, RK-042
    let world = world::new();
    world.must("/v1/root-key/seal", json!({})).await;
    let wrong = json!({"password": OTHER}).to_string();
    for _ in 0..3 {
        let reply = world.post("/v1/root-key/unseal", &wrong).await;
        assert_eq!(reply.problem(), (422, "wrong-password".to_owned()));
    }
    let reply = world.post("/v1/root-key/unseal", &wrong).await;
    assert_eq!(reply.problem(), (429, "too-many-attempts".to_owned()));
    let metrics = world.get("/metrics").await.text;
    assert!(metrics.contains("keyward_root_access_refused_total 3"), "{metrics}");
    world.clock.advance(120);
    world.must("/v1/root-key/unseal", json!({"password": PASSWORD})).await;
    assert_eq!(root(&world).await["refused"]["accesses"], 0);
}

#[tokio::test]
async fn who_may_only_look_changes_nothing() {
    let world = world::new();
    let token = world.token("v", Role::Viewer, Vec::new());
    let call = |method, path| world.send(As::Token(&token), request(method, path, "{}"));
    assert_eq!(call(Method::GET, "/v1/root-key").await.status, 200);
    let refused = call(Method::POST, "/v1/root-key/rotation/begin").await;
    assert_eq!(refused.problem(), (403, "under-scoped".to_owned()));
}

#[test]
fn what_the_sections_about_the_root_key_cannot_say_is_refused_where_it_stands() {
    use keyward_server::config::ConfigError;
    let good = "rootKey:\n  rotation:\n    everyDays: 90\n    recordsPerSecond: 50\n    \
                finaliseAfterHours: 1\n    window: { days: [saturday], from: \"22:00\", to: \"04:00\" }\n  \
                backup:\n    file: /vault/root\n    verifyEveryDays: 3\n";
    let read = Config::read(good).expect("a configuration").root_key;
    let rotation = read.rotation.expect("a schedule");
    assert_eq!((rotation.every_days, rotation.records_per_second), (90, Some(50)));
    let at = |text: &str| text.parse::<Timestamp>().expect("a time");
    // Over midnight: Saturday's window is open on Sunday morning.
    let began = at("2024-11-01T00:00:00Z");
    assert!(rotation.is_due(began, at("2025-02-16T03:59:00Z")));
    assert!(!rotation.is_due(began, at("2025-02-16T04:00:00Z")));
    assert!(!rotation.is_due(began, at("2025-02-15T21:59:00Z")));
    let next = rotation.next(began, at("2025-02-16T04:00:00Z"));
    assert_eq!(next, at("2025-02-22T22:00:00Z"));
    assert!(!rotation.is_due(at("2025-02-01T00:00:00Z"), at("2025-02-16T03:00:00Z")));
    let backup = read.backup.expect("a backup");
    assert_eq!(
        (backup.file.display().to_string(), backup.verify_every_days),
        ("/vault/root".into(), 3)
    );
    for (old, new, expected, words) in [
        ("everyDays: 90", "everyDays: 0", 3, "from 1 to 3650"),
        ("recordsPerSecond: 50", "recordsPerSecond: 0", 4, "from 1 to 1000000"),
        ("finaliseAfterHours: 1", "finaliseAfterHours: 745", 5, "from 0 to 744"),
        ("[saturday]", "[samstag]", 6, "samstag"),
        ("[saturday]", "[]", 6, "never opens"),
        ("22:00", "24:00", 6, "a time of day"),
        ("04:00", "+4:00", 6, "a time of day"),
        ("/vault/root", "root", 8, "whole path"),
        ("verifyEveryDays", "verifyEvery", 9, "verifyEvery"),
    ] {
        match Config::read(&good.replacen(old, new, 1)) {
            Err(ConfigError::At { line, what, .. }) => {
                assert_eq!(line, expected, "{new}: {what}");
                assert!(what.contains(words), "{new}: {what}");
            }
            other => panic!("{new}: {other:?}"),
        }
    }
}
