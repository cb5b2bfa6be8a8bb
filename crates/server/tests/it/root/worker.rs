//! What is done about the root key without being asked.

use std::{sync::Arc, time::Duration};

use keyward_lifecycle::time::Timestamp;
use keyward_server::{
    Setup,
    root::{RootCare, Site as _},
    router,
    worker::{RootWork, Standing},
};
use serde_json::{Value, json};

use super::{back_up, on_a_machine, root};
use crate::world::{self, World};

/// Turns until nothing changes any more.
fn work(work: &mut RootWork, world: &World, care: &RootCare) {
    let standing = Standing::default();
    for _ in 0..20 {
        let _wait = work.turn(&world.keyward, care, &standing);
    }
}

#[tokio::test]
async fn a_due_rotation_is_begun_in_its_window_driven_and_finalised() {
    // RK-002, RK-020, RK-027
    let text = "rootKey:\n  rotation:\n    everyDays: 30\n    finaliseAfterHours: 2\n    \
                window: {days: [sunday], from: \"02:00\", to: \"04:00\"}\n";
    let (world, care, shelf) = on_a_machine(text);
    shelf.keep_backup(&world.keyward.new_backup().expect("a backup")).expect("room");
    let mut worker = RootWork::default();
    let shown = root(&world).await;
    assert_eq!(shown["nextRotation"]["by"], "schedule");
    // Thirty days from the 15th of January are a Friday.
    let at: Timestamp = shown["nextRotation"]["at"].as_str().expect("a time").parse().expect("one");
    assert_eq!(at, "2025-02-16T02:00:00Z".parse().expect("a time"));
    world.clock.set("2025-02-14T12:00:00Z");
    work(&mut worker, &world, &care);
    assert_eq!(root(&world).await["epoch"], 1, "outside of the window");
    world.clock.set("2025-02-16T02:30:00Z");
    work(&mut worker, &world, &care);
    let shown = root(&world).await;
    assert_eq!((&shown["epoch"], &shown["rotation"]["complete"]), (&json!(2), &json!(true)));
    world.clock.set("2025-02-16T04:31:00Z");
    work(&mut worker, &world, &care);
    let shown = root(&world).await;
    assert_eq!((&shown["rotation"], &shown["backup"]["current"]), (&Value::Null, &json!(true)));
    let events = world.get("/v1/audit/events?type=ROOT_ROTATION_FINALISED").await.json();
    assert_eq!(events["events"][0]["actorName"], "system:scheduler");
}

#[tokio::test]
async fn a_due_rotation_that_may_not_begin_is_refused_and_tried_later() {
    // RK-025, RK-042
    let (world, care, shelf) = on_a_machine("rootKey: {rotation: {everyDays: 1}}\n");
    world.clock.advance(86_400 * 2);
    let mut worker = RootWork::default();
    work(&mut worker, &world, &care);
    let checked = root(&world).await["backup"]["check"]["outcome"].clone();
    assert_eq!(checked, "bad", "there is no backup file");
    world.clock.advance(700);
    work(&mut worker, &world, &care);
    let shown = root(&world).await;
    assert!(shown["refused"]["rotationAt"].is_string(), "{shown}");
    let metrics = world.get("/metrics").await.text;
    assert!(metrics.contains("keyward_root_rotation_refused_total 1"), "once a try: {metrics}");
    assert!(metrics.contains("keyward_root_backup_check_ok 0"), "{metrics}");
    shelf.keep_backup(&world.keyward.new_backup().expect("a backup")).expect("room");
    world.clock.advance(700);
    work(&mut worker, &world, &care);
    assert_eq!(root(&world).await["epoch"], 2);
}

#[tokio::test]
async fn what_was_rolled_back_is_begun_again_by_hand_alone() {
    let (world, care, shelf) = on_a_machine("rootKey: {rotation: {everyDays: 1}}\n");
    shelf.keep_backup(&world.keyward.new_backup().expect("a backup")).expect("room");
    world.clock.advance(86_400 * 2);
    let mut worker = RootWork::default();
    work(&mut worker, &world, &care);
    world.must("/v1/root-key/rotation/rollback", json!({})).await;
    work(&mut worker, &world, &care);
    world.clock.advance(86_400);
    work(&mut worker, &world, &care);
    let shown = root(&world).await;
    assert_eq!((&shown["epoch"], &shown["rotation"]), (&json!(1), &Value::Null));
    assert_eq!(shown["nextRotation"]["by"], "hand");
}

/// Keys enough for a few batches.
async fn with_keys(world: &World) {
    for number in 0..12 {
        let key = json!({"profile": "default", "keyId": format!("k{number}")});
        world.must("/v1/signer/keys", key).await;
    }
}

/// Turns once, and looks at how many records are moved after it, and at the wait before the next
/// turn: three records a second are allowed.
async fn check_pace(care: &RootCare, standing: &Standing, world: &World, moved: u64) {
    let wait = RootWork::default().turn(&world.keyward, care, standing);
    assert_eq!(root(world).await["rotation"]["moved"], moved);
    assert!(wait >= Duration::from_secs(1), "three records in {wait:?}");
}

#[tokio::test]
async fn a_rotation_is_held_to_the_rate_that_it_was_begun_with() {
    // RK-023
    let mut world = world::new();
    let (care, standing) = (RootCare::default(), Arc::new(Standing::default()));
    let setup = Setup { standing: standing.clone(), ..Setup::default() };
    world.router = router(world.keyward.clone(), setup);
    with_keys(&world).await;
    back_up(&world).await;
    world.must("/v1/root-key/rotation/begin", json!({"recordsPerSecond": 3})).await;
    check_pace(&care, &standing, &world, 3).await;
    check_pace(&care, &standing, &world, 6).await;
    world.must("/v1/root-key/rotation/pause", json!({})).await;
    check_pace(&care, &standing, &world, 6).await;
    world.must("/v1/root-key/rotation/resume", json!({})).await;
    check_pace(&care, &standing, &world, 9).await;
}

#[tokio::test]
async fn a_rotation_is_held_to_the_rate_of_the_configuration() {
    // RK-023
    let text = "rootKey: {rotation: {everyDays: 30, recordsPerSecond: 3}}\n";
    let (world, care, shelf) = on_a_machine(text);
    with_keys(&world).await;
    shelf.keep_backup(&world.keyward.new_backup().expect("a backup")).expect("room");
    world.must("/v1/root-key/rotation/begin", json!({})).await;
    check_pace(&care, &Standing::default(), &world, 3).await;
    check_pace(&care, &Standing::default(), &world, 6).await;
}

/// Works, and counts the checks of the backup that the log has.
async fn check_checks(worker: &mut RootWork, world: &World, care: &RootCare, outcomes: &[&str]) {
    work(worker, world, care);
    let list = world.get("/v1/audit/events?type=ROOT_BACKUP_CHECKED").await.json();
    let events = list["events"].as_array().expect("events");
    let found: Vec<&Value> = events.iter().map(|event| &event["details"]["outcome"]).collect();
    assert_eq!(found, outcomes, "newest first");
    assert!(events.iter().all(|event| event["actorName"] == "system:scheduler"), "{events:?}");
}

#[tokio::test]
async fn the_backup_is_checked_when_its_days_are_over() {
    // RK-012
    let (mut world, mut care, shelf) = on_a_machine("");
    care.verify_every_days = 7;
    world.router = router(world.keyward.clone(), Setup { root: care.clone(), ..Setup::default() });
    shelf.keep_backup(&world.keyward.new_backup().expect("a backup")).expect("room");
    let mut worker = RootWork::default();
    check_checks(&mut worker, &world, &care, &["good"]).await;
    world.clock.advance(6 * 86_400);
    check_checks(&mut worker, &world, &care, &["good"]).await;
    let metrics = world.get("/metrics").await.text;
    for line in ["keyward_root_backup_check_ok 1", "keyward_root_backup_check_age_seconds 518400"] {
        assert!(metrics.lines().any(|found| found == line), "{line}\nis not in\n{metrics}");
    }
    // A server that has started since knows from the log when it was.
    let mut worker = RootWork::default();
    check_checks(&mut worker, &world, &care, &["good"]).await;
    world.clock.advance(2 * 86_400);
    check_checks(&mut worker, &world, &care, &["good", "good"]).await;
    let shown = root(&world).await["backup"]["check"].clone();
    assert_eq!(shown, json!({"at": "2025-01-23T00:00:00Z", "outcome": "good"}));
    let metrics = world.get("/metrics").await.text;
    let line = "keyward_root_backup_check_age_seconds 0";
    assert!(metrics.lines().any(|found| found == line), "{line}\nis not in\n{metrics}");
}
