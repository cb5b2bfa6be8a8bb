//! Keepers from the command line: with a server, and without one.

use super::{ring::Ring, *};
use crate::world::{Ran, binary};

/// Runs words on the ring's store; a server that has it answers.
fn types(ring: &Ring, words: &[&str]) -> Ran {
    let global = ["--data", "data", "--config", "keyward.yaml", "--password-file", "password"];
    binary(ring.world.home.path(), &[], &[&global, words].concat())
}

#[test]
fn the_root_key_is_split_shown_and_split_among_fewer_by_commands() {
    // RK-050
    let ring = Ring::new();
    // Without a server: this very command gives the shares.
    let split = types(&ring, &["root", "slot", "add", "keepers"]).ended(0);
    assert_eq!(split.stdout, "Keepers: any 2 of k1, k2, k3\n");
    assert_eq!(ring.epochs(0), [1]);
    let server = ring.serve();
    server.unseals_itself();
    server.finds(&[("k1", "sound"), ("k2", "sound"), ("k3", "sound")]);
    let listed = types(&ring, &["root", "slot", "list"]).ended(0).stdout;
    assert!(listed.ends_with("Keepers: any 2 of k1, k2, k3\n"), "{listed}");
    let all = types(&ring, &["root", "slot", "add", "keepers", "--threshold", "3"]).ended(0);
    assert_eq!(all.stdout, "Keepers: any 3 of k1, k2, k3\n");
    ring.signal(2, Signal::STOP);
    server.finds(&[("k3", "unreachable")]);
    let shown = types(&ring, &["root", "status"]).ended(0).stdout;
    assert!(shown.contains("Keeper: k1, sound since "), "{shown}");
    let lost = shown.lines().find(|line| line.starts_with("Keeper: k3, unreachable since "));
    assert!(lost.is_some_and(|line| line.ends_with("nothing within 5s")), "{shown}");
    let (_, metrics) = server.get("/metrics");
    for line in [
        "keyward_keeper_threshold 3",
        r#"keyward_keeper_state{keeper="k1",state="sound"} 1"#,
        r#"keyward_keeper_state{keeper="k3",state="sound"} 0"#,
        r#"keyward_keeper_state{keeper="k3",state="unreachable"} 1"#,
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
    types(&ring, &["root", "backup", "--out", "root.backup"]).ended(0);
    let checks = types(&ring, &["root", "rotate", "--check"]);
    assert!(checks.stdout.contains("no answer from k3"), "{}", checks.stdout);
    let stranger = types(&ring, &["root", "slot", "remove", "keeper", "k9"]).ended(1);
    assert!(stranger.stderr.contains("`k9` holds no share of the root key"), "{}", stranger.stderr);
    types(&ring, &["root", "slot", "remove", "keeper", "k3"]).ended(0);
    types(&ring, &["root", "backup", "--out", "during.backup"]).ended(0);
    types(&ring, &["root", "rotate", "--finalise"]).ended(0);
    let listed = types(&ring, &["root", "slot", "list"]).ended(0).stdout;
    assert!(listed.ends_with("Keepers: any 2 of k1, k2\n"), "{listed}");
    server.until(|_| ring.epochs(0) == [2] && ring.epochs(1) == [2]);
}

#[test]
fn who_holds_a_share_is_not_forgotten_by_taking_him_out_of_the_configuration() {
    let ring = Ring::new();
    types(&ring, &["root", "slot", "add", "keepers"]).ended(0);
    let path = ring.world.path("keyward.yaml");
    let text = std::fs::read_to_string(&path).expect("a file");
    let fewer: Vec<_> = text.lines().filter(|line| !line.contains("name: k3")).collect();
    ring.world.file("keyward.yaml", fewer.join("\n"));
    let refused = types(&ring, &["root", "slot", "add", "keepers"]);
    assert_ne!(refused.code, 0);
    assert!(refused.stderr.contains("keyward root slot remove keeper k3"), "{}", refused.stderr);
    assert_eq!(ring.epochs(2), [1]);
}
