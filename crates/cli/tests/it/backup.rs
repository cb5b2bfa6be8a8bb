//! `keyward backup`: the whole store, while it is in use.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::{
    both::both_ways,
    server::Server,
    world::{World, binary},
};

#[test]
fn a_backup_restores_by_copying_it_into_an_empty_directory() {
    both_ways(|desk| {
        desk.with_key();
        desk.sign("proof.json");
        let made = desk.done("backup --out kept.db");
        let (log, ledger) = (desk.status()["logSize"].clone(), 1);
        let expected = format!(
            "Backup: kept.db\nTrust: kept.db.trust.json\nLog Size: {log}\nLedger Size: {ledger}\n"
        );
        assert_eq!(made, expected);
        for name in ["kept.db", "kept.db.trust.json"] {
            let mode = fs::metadata(desk.world.path(name)).expect(name).permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        // What comes later is not in it.
        desk.done("key generate --key-id later --stage");
        let place = desk.world.path("elsewhere");
        fs::create_dir(&place).expect("a directory");
        fs::set_permissions(&place, fs::Permissions::from_mode(0o700)).expect("a mode");
        fs::copy(desk.world.path("kept.db"), place.join("keyward.db")).expect("a copy");
        fs::copy(desk.world.path("kept.db.trust.json"), place.join("trust.json")).expect("a copy");
        assert!(desk.done("--data elsewhere audit verify").starts_with("Audit: OK\n"));
        let keys = desk.json("--data elsewhere key list")["keys"].clone();
        assert_eq!(keys.as_array().map(Vec::len), Some(1), "{keys}");
        assert!(desk.done("--data elsewhere verify proof.json").starts_with("VALID IN_WINDOW\n"));
        desk.done("--data elsewhere sign --key-id k artifact");
        let status = desk.done("--data elsewhere status");
        assert!(!status.contains("Quarantined"), "{status}");
    });
}

#[test]
fn a_backup_overwrites_nothing_unless_told_to() {
    both_ways(|desk| {
        desk.done("backup --out kept.db");
        let read = |name: &str| fs::read(desk.world.path(name)).expect(name);
        let before = [read("kept.db"), read("kept.db.trust.json")];
        // What narrows trust is in trust.json before the answer.
        desk.done("key generate --key-id k");
        desk.done("key revoke k --reason compromise");
        let ran = desk.run("backup --out kept.db").ended(1);
        let refused = |name: &str| {
            format!(
                "error: {name} exists, and a backup overwrites nothing\n\
                 hint: name another file, or say --force to replace the backup that is there\n"
            )
        };
        assert_eq!((ran.stdout, ran.stderr), (String::new(), refused("kept.db.trust.json")));
        fs::remove_file(desk.world.path("kept.db.trust.json")).expect("removed");
        let ran = desk.run("backup --out kept.db").ended(1);
        assert_eq!(ran.stderr, refused("kept.db"));
        assert_eq!(read("kept.db"), before[0]);
        desk.done("backup --out kept.db --force");
        assert_ne!(read("kept.db"), before[0]);
        assert_ne!(read("kept.db.trust.json"), before[1]);
        let ran = desk.run("backup --out absent/kept.db").ended(2);
        assert!(
            ran.stderr.starts_with("error: absent/kept.db cannot be written"),
            "{}",
            ran.stderr
        );
        let names = fs::read_dir(desk.world.home.path()).expect("the directory");
        let drafts = names.filter(|name| {
            name.as_ref().expect("a name").file_name().to_string_lossy().contains("draft")
        });
        assert_eq!(drafts.count(), 0);
    });
}

#[test]
fn a_backup_of_what_is_not_there_or_elsewhere_says_so() {
    let world = World::at("2025-01-01T00:00:00Z");
    let ran = world.run(&["backup", "--out", "kept.db"]).ended(2);
    let expected = format!(
        "error: there is no store in {}\n\
         hint: make one with `keyward init`, or name another directory with --data\n",
        world.path("data").display()
    );
    assert_eq!(ran.stderr, expected);
    let ran = world.run(&["--addr", "127.0.0.1:1", "backup", "--out", "kept.db"]).ended(2);
    let expected = "error: a backup is made on the machine that has the data directory\n\
         hint: leave --addr and KEYWARD_ADDR out; a server at work there is no hindrance\n";
    assert_eq!(ran.stderr, expected);
    assert!(!world.path("kept.db").exists());
}

#[test]
fn a_backup_is_one_state_of_a_server_that_signs_meanwhile() {
    let world = World::at("2025-01-01T00:00:00Z");
    world.file("password", "correct horse battery staple\n");
    for words in [&["init"][..], &["key", "generate", "--key-id", "k"]] {
        let with = ["--data", "data", "--password-file", "password"];
        binary(world.home.path(), &[], &[&with, words].concat()).ended(0);
    }
    let server = Server::on(&world);
    let sign = serde_json::json!({"keyIds": ["k"], "payload": "aGk=", "payloadType": "text/plain"});
    std::thread::scope(|scope| {
        let signer = scope.spawn(|| {
            for _ in 0..200 {
                let (status, body) = server.post("/v1/sign", &sign);
                assert_eq!(status, 200, "{body}");
            }
        });
        for number in 0..3 {
            let place = format!("kept-{number}");
            fs::create_dir(world.path(&place)).expect("a directory");
            let mode = fs::Permissions::from_mode(0o700);
            fs::set_permissions(world.path(&place), mode).expect("a mode");
            let out = format!("{place}/keyward.db");
            let words = ["--data", "data", "backup", "--out", &out];
            binary(world.home.path(), &[], &words).ended(0);
            let trust = world.path(&format!("{out}.trust.json"));
            fs::rename(trust, world.path(&format!("{place}/trust.json"))).expect("a name");
            let words = ["--data", &place, "audit", "verify"];
            let ran = binary(world.home.path(), &[], &words).ended(0);
            assert!(ran.stdout.starts_with("Audit: OK\n"), "{}", ran.stdout);
        }
        signer.join().expect("the signer");
    });
    server.stop();
}
