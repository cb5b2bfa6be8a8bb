//! What is done about the root key without being asked.

use keyward_lifecycle::time::Timestamp;
use keyward_server::{
    root::{RootCare, Site as _},
    worker::{RootWork, Standing},
};
use serde_json::{Value, json};

use super::{on_a_machine, root};
use crate::world::World;

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
