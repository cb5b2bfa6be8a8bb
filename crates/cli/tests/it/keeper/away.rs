//! Keepers that are away, and servers that start without a password.

use serde_json::json;

use super::{
    ring::{Ring, keeper},
    *,
};
use crate::world::binary;

const PASSWORD: &str = "correct horse battery staple";

#[test]
fn whichever_keeper_is_away_a_killed_server_unseals_itself() {
    // RK-050
    let (mut ring, mut server) = Ring::split();
    for (away, name) in ring::NAMES.into_iter().enumerate() {
        server.kill();
        ring.kill(away);
        server = ring.serve();
        server.unseals_itself();
        let signs = json!({"profile": "default", "keyId": format!("without-{name}")});
        server.must("/v1/signer/keys", &signs);
        server.finds(&[(name, "unreachable")]);
        ring.start(away);
        // Empty as it is, it is filled at the next look, and gives its share at the one after.
        let root = server.finds(&[(name, "sound")]);
        assert!(keeper(&root, name)["since"].is_string(), "{root}");
        assert_eq!(ring.epochs(away), [1]);
    }
    let (_, events) = server.get("/v1/audit/events?type=ROOT_*&limit=1000");
    let events: serde_json::Value = serde_json::from_str(&events).expect("JSON");
    let events = events["events"].as_array().expect("events");
    let count = |kind: &str, detail: &str| {
        let is = |event: &&serde_json::Value| {
            event["eventType"] == kind && event.to_string().contains(detail)
        };
        events.iter().filter(is).count()
    };
    assert_eq!(count("ROOT_UNSEALED", "\"keepers\""), 3, "{events:#?}");
    assert_eq!(count("ROOT_KEEPER_SEEN", "\"unreachable\""), 3);
    assert!(count("ROOT_KEEPER_SEEN", "\"refilled\"") >= 3);
}

#[test]
fn with_too_few_keepers_the_store_stays_sealed_and_serves_until_a_password_comes() {
    // RK-050
    let (mut ring, server) = Ring::split();
    let key = json!({"profile": "default", "keyId": "k"});
    server.must("/v1/signer/keys", &key);
    let sign = json!({"profile": "default", "statement": {"purl": "pkg:npm/a@1",
        "sha256": "0".repeat(64), "predicateType": "evidence.stella/v1"}});
    let envelope = server.must("/v1/sign", &sign)["envelope"].clone();
    server.kill();
    ring.kill(0);
    ring.kill(1);
    let server = ring.serve();
    server.process.says("1 of 2 keepers gave a sound share");
    server.finds(&[("k1", "unreachable"), ("k2", "unreachable"), ("k3", "sound")]);
    assert_eq!(server.root()["state"], "sealed");
    assert_eq!(server.get("/healthz").0, 200);
    assert_eq!(server.get("/v1/status").0, 200);
    server.must("/v1/verify", &json!({ "envelope": envelope }));
    // One that comes back is empty, and a sealed server has nothing to fill it with.
    ring.start(0);
    server.finds(&[("k1", "empty")]);
    assert_eq!(server.root()["state"], "sealed");
    let wrong = json!({"password": "not it, by any means at all"});
    assert_eq!(server.post("/v1/root-key/unseal", &wrong).0, 422);
    assert_eq!(server.root()["state"], "sealed");
    server.must("/v1/root-key/unseal", &json!({ "password": PASSWORD }));
    server.finds(&[("k1", "sound"), ("k2", "unreachable"), ("k3", "sound")]);
    // And from now on two are enough again.
    server.kill();
    ring.serve().unseals_itself();
}

#[test]
fn a_sealed_server_unseals_itself_once_a_keeper_that_still_has_its_share_is_back() {
    // RK-050
    let (ring, server) = Ring::split();
    server.kill();
    ring.signal(0, Signal::STOP);
    ring.signal(1, Signal::STOP);
    let server = ring.serve();
    server.process.says("1 of 2 keepers gave a sound share");
    server.finds(&[("k1", "unreachable"), ("k2", "unreachable"), ("k3", "sound")]);
    ring.signal(1, Signal::CONT);
    server.unseals_itself();
    ring.signal(0, Signal::CONT);
    server.finds(&[("k1", "sound"), ("k2", "sound"), ("k3", "sound")]);
}

#[test]
fn what_somebody_has_sealed_stays_sealed() {
    let (ring, server) = Ring::split();
    server.kill();
    let server = ring.serve();
    server.unseals_itself();
    server.must("/v1/root-key/seal", &json!({}));
    // A keeper that goes is seen, so the server has looked; and has not asked for a share.
    ring.signal(0, Signal::STOP);
    server.finds(&[("k1", "unreachable")]);
    ring.signal(0, Signal::CONT);
    server.finds(&[("k1", "sound")]);
    assert_eq!(server.root()["state"], "sealed");
}

#[test]
fn a_store_that_was_moved_away_from_its_keepers_opens_with_its_password() {
    let (mut ring, server) = Ring::split();
    server.kill();
    (0..3).for_each(|at| ring.kill(at));
    let moved = |from: &str, to: &str| {
        let entries = std::fs::read_dir(ring.world.path(from)).expect("a directory");
        let umask = |path: &Path| {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::Permissions::from_mode(0o700);
            std::fs::set_permissions(path, mode).expect("a mode");
        };
        std::fs::create_dir(ring.world.path(to)).expect("a directory");
        umask(&ring.world.path(to));
        for entry in entries {
            let entry = entry.expect("an entry");
            if entry.file_type().expect("a type").is_file() {
                let there = ring.world.path(to).join(entry.file_name());
                std::fs::copy(entry.path(), there).expect("a copy");
            }
        }
    };
    moved("data", "elsewhere");
    let server = ring.serve_at("elsewhere", &["--password-file", "password"]);
    assert_eq!(server.root()["state"], "unsealed");
    server.must("/v1/signer/keys", &json!({"profile": "default", "keyId": "there"}));
    server.kill();
    // Nor does a command need the keepers.
    let words =
        ["--data", "elsewhere", "--password-file", "password", "key", "generate", "--key-id", "k"];
    binary(ring.world.home.path(), &[], &words).ended(0);
}
