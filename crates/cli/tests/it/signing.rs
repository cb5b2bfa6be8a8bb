//! A server with a `buffered` profile: signatures under a lease, and the ways it can end.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use rustix::process::Signal;
use serde_json::json;

use crate::{
    server::Server,
    world::{World, binary},
};

const CONFIG: &str = "\
signer:
  profiles:
    default:
      algorithm: \"SHA256-ED25519\"
      keyStore: \"software:\"
      ledger: buffered
";

/// A store whose profile is buffered, with a key `k`.
fn buffered() -> World {
    let world = World::at("2025-01-01T00:00:00Z");
    world.file("password", "correct horse battery staple\n");
    world.file("config.yaml", CONFIG);
    done(&world, "--config config.yaml init");
    std::fs::rename(world.path("config.yaml"), world.path("data/config.yaml")).expect("a name");
    done(&world, "key generate --key-id k");
    done(
        &world,
        "anchor create --purl-pattern pkg:npm/* --key-ids k --predicate-types evidence.stella/v1",
    );
    world
}

#[track_caller]
fn done(world: &World, line: &str) -> String {
    let with = ["--data", "data", "--password-file", "password"];
    let words: Vec<&str> = with.into_iter().chain(line.split_whitespace()).collect();
    binary(world.home.path(), &[], &words).ended(0).stdout
}

/// Signs statement number `n`; gives the proof's id, or the refusal.
fn sign(server: &Server, n: usize) -> Result<(String, String), (u16, String)> {
    let digest = format!("{n:064x}");
    let statement = json!({"purl": format!("pkg:npm/a@{n}"), "sha256": digest,
        "predicateType": "evidence.stella/v1"});
    match server.post("/v1/sign", &json!({"keyIds": ["k"], "statement": statement})) {
        (200 | 201, body) => {
            let answer: serde_json::Value = serde_json::from_str(&body).expect("JSON");
            let id = answer["proofBundle"].as_str().expect("its id").to_owned();
            Ok((id, answer["envelope"].to_string()))
        }
        refused => Err(refused),
    }
}

#[test]
fn a_server_that_is_killed_under_a_lease_leaves_a_ledger_gap_over_which_nobody_is_accused() {
    for with_server in [false, true] {
        let world = buffered();
        let server = Server::on(&world);
        let mut envelopes = Vec::new();
        for n in 0..20 {
            envelopes.push(sign(&server, n).expect("a signature").1);
        }
        server.kill();
        let again = with_server.then(|| Server::on(&world));
        if again.is_none() {
            done(&world, "root unseal");
        }
        let facts = done(&world, "audit query --type LEDGER_*");
        let facts: Vec<&str> =
            facts.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect();
        assert_eq!(facts, ["LEDGER_GAP", "LEDGER_OPENED"], "newest first");
        world.file("many.jsonl", envelopes.join("\n"));
        let verdicts = done(&world, "verify --batch many.jsonl --strict");
        assert_eq!(verdicts.lines().count(), 20);
        for verdict in verdicts.lines() {
            assert!(verdict.starts_with("VALID IN_WINDOW k "), "{verdict}");
            assert!(!verdict.contains("NOT_IN_LEDGER"), "{verdict}");
        }
        assert!(done(&world, "audit verify").starts_with("Audit: OK\n"));
        again.into_iter().for_each(Server::stop);
    }
}

#[test]
fn a_server_that_is_asked_to_stop_leaves_no_gap_and_a_checkpoint_over_everything() {
    let world = buffered();
    let server = Server::on(&world);
    let signed: Vec<String> = (0..20).map(|n| sign(&server, n).expect("a signature").0).collect();
    server.signal(Signal::TERM);
    server.stop();
    assert!(!world.path("data/keyward.sock").exists());
    let run = |line: &str| {
        // Without the password: whatever is signed was signed by the server.
        let words: Vec<&str> = ["--data", "data"].into_iter().chain(line.split(' ')).collect();
        binary(world.home.path(), &[], &words).ended(0)
    };
    let facts = run("audit query --type LEDGER_*").stdout;
    assert!(facts.contains("LEDGER_CLOSED") && !facts.contains("LEDGER_GAP"), "{facts}");
    let exported = run("audit export --out trust.jsonl");
    assert_eq!(exported.stderr, "", "a checkpoint signs the log to its end");
    let status: serde_json::Value =
        serde_json::from_str(&run("status --output json").stdout).expect("JSON");
    let note = run("audit checkpoint").stdout;
    let size = note.lines().nth(1).expect("a size");
    assert_eq!(size, status["logSize"].to_string());
    assert_eq!(status["ledgerSize"], 20);
    for proof in signed {
        run(&format!("verify {proof}").replace("verify ", "verify --proof-bundle "));
    }
    assert!(run("audit verify").stdout.starts_with("Audit: OK\n"));
}

#[test]
fn a_revocation_is_answered_only_when_the_leases_have_lapsed() {
    let world = buffered();
    let server = Server::on(&world);
    let (answered, released) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for signer in 0..4 {
            let (server, answered, released) = (&server, &answered, &released);
            scope.spawn(move || {
                for n in 0..100_000 {
                    // Asked before: what is released to one who called after the answer is late.
                    let late = answered.load(Ordering::SeqCst);
                    match sign(server, signer * 100_000 + n) {
                        Ok((proof, _)) => {
                            assert!(!late, "released after the revocation was answered");
                            released.lock().expect("the list").push(proof);
                        }
                        Err((status, body)) => {
                            assert_eq!(status, 409, "{body}");
                            assert!(body.contains("COMPROMISED"), "{body}");
                            return;
                        }
                    }
                }
                panic!("it was never refused");
            });
        }
        while released.lock().expect("the list").len() < 100 {
            thread::yield_now();
        }
        done(&world, "key revoke k --reason compromise");
        answered.store(true, Ordering::SeqCst);
    });
    let released = released.into_inner().expect("the list");
    let known: serde_json::Value =
        serde_json::from_str(&done(&world, "proof list --key-id k --output json")).expect("JSON");
    let known: Vec<&str> = known["proofs"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|proof| proof["proofBundle"].as_str().or(proof["id"].as_str()))
        .collect();
    for proof in &released {
        assert!(known.contains(&proof.as_str()), "{proof} was released and is not in the ledger");
    }
    assert_eq!(known.len(), released.len());
    assert!(done(&world, "audit verify").starts_with("Audit: OK\n"));
    server.stop();
}
