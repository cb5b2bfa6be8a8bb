//! Keepers while the root key is rotated.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{
    ring::{Ring, Serving, state_of},
    *,
};

/// A backup of the root key as it is now, which a rotation asks for.
fn back_up(server: &Serving) {
    let made = server.must("/v1/root-key/backup", &json!({}));
    let bytes = BASE64_STANDARD.decode(made["backup"].as_str().expect("base64")).expect("base64");
    let kept = json!({"backup": BASE64_STANDARD.encode(bytes)});
    server.must("/v1/root-key/backup/kept", &kept);
}

fn begin(server: &Serving, terms: &Value) {
    back_up(server);
    let begun = server.must("/v1/root-key/rotation/begin", terms);
    assert_eq!(begun["rootKey"]["epoch"], 2, "{begun}");
}

/// Deals with every record.
fn drive(server: &Serving) {
    while server.must("/v1/root-key/rotation/step", &json!({}))["complete"] != true {}
}

fn finalise(server: &Serving) {
    drive(server);
    back_up(server);
    server.must("/v1/root-key/rotation/finalise", &json!({}));
}

/// Waits until every keeper holds exactly these epochs.
fn hold(ring: &Ring, server: &Serving, keepers: &[usize], epochs: &[u32]) {
    server.until(|_| keepers.iter().all(|at| ring.epochs(*at) == epochs));
}

#[test]
fn keepers_hold_old_and_new_shares_until_a_rotation_is_final() {
    // RK-050, RK-051
    let (mut ring, server) = Ring::split();
    begin(&server, &json!({}));
    for at in 0..3 {
        assert_eq!(ring.epochs(at), [2, 1]);
    }
    // Killed in the middle of it, and one keeper with it.
    server.kill();
    ring.kill(0);
    let server = ring.serve();
    server.unseals_itself();
    assert_eq!(server.root()["epoch"], 2);
    // A keeper that was empty gets both.
    ring.start(0);
    server.finds(&[("k1", "sound")]);
    assert_eq!(ring.epochs(0), [2, 1]);
    finalise(&server);
    hold(&ring, &server, &[0, 1, 2], &[2]);
    server.finds(&[("k1", "sound"), ("k2", "sound"), ("k3", "sound")]);
    server.kill();
    let server = ring.serve();
    server.unseals_itself();
    assert_eq!(server.root()["rotation"], Value::Null);
}

#[test]
fn a_rotation_that_is_rolled_back_leaves_the_keepers_with_the_old_shares() {
    // RK-028, RK-050
    let (ring, server) = Ring::split();
    begin(&server, &json!({}));
    server.must("/v1/root-key/rotation/rollback", &json!({}));
    server.kill();
    // Killed while it is turned back.
    let server = ring.serve();
    server.unseals_itself();
    server.until(|root| root["rotation"] == Value::Null);
    hold(&ring, &server, &[0, 1, 2], &[1]);
    server.kill();
    let server = ring.serve();
    server.unseals_itself();
    assert_eq!(server.root()["epoch"], 1);
}

#[test]
fn a_rotation_does_not_begin_while_a_keeper_does_not_answer_and_says_which() {
    // RK-025
    let (mut ring, server) = Ring::split();
    ring.kill(1);
    back_up(&server);
    let checks = server.must("/v1/root-key/rotation/check", &json!({}));
    let checks = checks["checks"].as_array().expect("checks");
    let keepers = checks.iter().find(|check| check["name"] == "keepers").expect("the check");
    assert_eq!(keepers["why"], "no answer from k2");
    let (status, refused) = server.post("/v1/root-key/rotation/begin", &json!({}));
    assert!(status >= 400 && refused.contains("no answer from k2"), "{status} {refused}");
    assert_eq!(ring.epochs(0), [1]);
    // Nobody waits for the one that is to go.
    begin(&server, &json!({"keepers": {"threshold": 2, "names": ["k1", "k3"]}}));
    assert_eq!((ring.epochs(0), ring.epochs(2)), (vec![2, 1], vec![2, 1]));
}

#[test]
fn a_keeper_that_was_removed_by_a_rotation_is_of_no_use_any_more() {
    // RK-050
    let (ring, server) = Ring::split();
    let removed = json!({"keepers": {"threshold": 2, "names": ["k1", "k2"]}});
    // It is cut off, so nobody can take its share away.
    ring.signal(2, Signal::STOP);
    server.finds(&[("k3", "unreachable")]);
    begin(&server, &removed);
    finalise(&server);
    hold(&ring, &server, &[0, 1], &[2]);
    server.kill();
    ring.signal(2, Signal::CONT);
    assert_eq!(ring.epochs(2), [1]);
    ring.signal(1, Signal::STOP);
    let server = ring.serve();
    server.process.says("1 of 2 keepers gave a sound share");
    assert_eq!(server.root()["state"], "sealed");
    ring.signal(1, Signal::CONT);
    server.unseals_itself();
    // The server has found it, and has what it still held wiped.
    hold(&ring, &server, &[2], &[]);
    assert_eq!(state_of(&server.root(), "k3"), "");
}
