//! The authority: renewed, moved away, followed offline, expired (HA-08).

use std::{path::Path, process::Command};

use crate::{
    both::both_ways,
    world::{Ran, World},
};

/// A key pair that `openssl` makes: `name.key` and `name.pem`.
fn holder(home: &Path, name: &str, algorithm: &[&str]) {
    let [key, pem] = ["key", "pem"].map(|kind| home.join(format!("{name}.{kind}")));
    let made =
        Command::new("openssl").arg("genpkey").args(algorithm).arg("-out").arg(&key).output();
    assert!(made.expect("openssl").status.success());
    let public = Command::new("openssl")
        .args(["pkey", "-pubout", "-in"])
        .arg(&key)
        .arg("-out")
        .arg(&pem)
        .output();
    assert!(public.expect("openssl").status.success());
}

const ED25519: &[&str] = &["-algorithm", "ed25519"];

#[test]
fn the_authority_is_renewed_where_it_is() {
    // HA-08
    both_ways(|desk| {
        let shown = desk.done("authority show");
        assert!(shown.contains("\nThreshold: 1 of 1\nExpires: never\n"), "{shown}");
        assert!(shown.contains("\nHeld: a key is in this store\n"), "{shown}");
        desk.done("authority propose --expires 2045-01-01 --out next.json");
        let installed = desk.done("authority install next.json");
        assert!(installed.starts_with("Version: 2\n"), "{installed}");
        assert!(installed.contains("\nExpires: 2045-01-01T00:00:00Z\n"), "{installed}");
        assert_eq!(desk.status()["authorityExpiresAt"], "2045-01-01T00:00:00Z");
        // A second time it does not follow.
        let ran = desk.run("authority install next.json").ended(1);
        let expected = "error: the authority document does not follow the one that is pinned, \
                        which is version 2\n\
                        hint: propose the next one with `keyward authority propose`\n";
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", expected));
        assert_eq!(desk.json("authority show --version 1")["expired"], false);
        let ran = desk.run("authority show --version 3").ended(1);
        assert_eq!(ran.stderr, "error: there is no version 3 of the authority document here\n");
        desk.done("authority propose --no-expiry --out next.json");
        desk.done("authority install next.json");
        assert!(desk.done("authority show").contains("\nExpires: never\n"));
        let events = desk.done("audit query --type AUTHORITY_*");
        assert_eq!(events.matches("AUTHORITY_REPLACED").count(), 2, "{events}");
        desk.done("audit verify");
    });
}

#[test]
fn the_authority_moves_to_keys_that_are_kept_elsewhere() {
    // HA-08
    both_ways(|desk| {
        let home = desk.world.home.path();
        for name in ["h1", "h2", "h3"] {
            holder(home, name, ED25519);
        }
        desk.done("audit export --out before.jsonl");
        let pinned = desk.json("authority show")["digest"].as_str().expect("a digest").to_owned();
        desk.done(
            "authority propose --key h1=h1.pem --key h2=h2.pem --key h3=h3.pem --threshold 2 \
             --out next.json",
        );
        let ran = desk.run("authority install next.json").ended(1);
        let expected = "error: the authority document is not signed by its threshold\n\
                        hint: let more of its keys, and of the keys of the version before, sign \
                        it: `keyward authority sign`\n";
        assert_eq!(ran.stderr, expected);
        holder(home, "p256", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        let ran = desk.run("authority sign next.json --private-key p256.key --out by-p256.json");
        let expected = "error: p256.key: a key of SHA256-ECDSA-P256, and an authority's are Ed25519\n\
                        hint: sign with the private key of one that the document names\n";
        let ran = ran.ended(2);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", expected));
        assert!(!home.join("by-p256.json").exists());
        let ran = desk.run("authority sign next.json --private-key h1.key --out by-1.json");
        // Whoever signs sees what.
        assert!(ran.ended(0).stderr.contains("\nThreshold: 2 of 3\n"));
        let ran = desk.run("authority sign by-1.json --private-key h1.key --out by-1.json");
        assert!(ran.ended(0).stderr.ends_with("note: this key has signed it before\n"));
        desk.run("authority install by-1.json").ended(1);
        desk.done("authority sign next.json --private-key h3.key --out by-3.json");
        let installed = desk.done("authority install by-1.json by-3.json");
        assert!(installed.contains("\nHeld: elsewhere\n"), "{installed}");
        // Who pinned the first version follows to the second.
        desk.done("audit export --out after.jsonl");
        let verify = |bundle: &str, authority: &str| {
            let words = format!("audit verify --trust {bundle} --authority {authority}");
            desk.run(&words).ended(0).stderr
        };
        assert_eq!(verify("before.jsonl", &pinned), "");
        let now = desk.json("authority show")["digest"].as_str().expect("a digest").to_owned();
        let now = now.trim_start_matches("sha256:");
        let said =
            format!("note: the authority is version 2 now; say --authority {now} from now on\n");
        assert_eq!(verify("after.jsonl", &pinned), said);
        assert_eq!(verify("after.jsonl", now), "");
        // From now on this store alone cannot change it.
        desk.done("authority propose --threshold 1 --out next.json");
        desk.run("authority install next.json").ended(1);
        desk.done("authority sign next.json --private-key h2.key --out next.json");
        desk.done("authority sign next.json --private-key h3.key --out next.json");
        assert!(desk.done("authority install next.json").starts_with("Version: 3\n"));
        desk.stop();
        desk.start();
        desk.done("key generate --key-id k");
        desk.done("audit verify");
    });
}

/// Seventeen of one: their names alone tell them apart.
const MANY: &str = "--key h1=h1.pem --key h2=h1.pem --key h3=h1.pem --key h4=h1.pem \
                    --key h5=h1.pem --key h6=h1.pem --key h7=h1.pem --key h8=h1.pem \
                    --key h9=h1.pem --key h10=h1.pem --key h11=h1.pem --key h12=h1.pem \
                    --key h13=h1.pem --key h14=h1.pem --key h15=h1.pem --key h16=h1.pem \
                    --key h17=h1.pem";

#[test]
fn a_proposal_that_cannot_be_is_not_written() {
    // HA-08
    both_ways(|desk| {
        let home = desk.world.home.path();
        holder(home, "h1", ED25519);
        holder(home, "p256", &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        for (words, error) in [
            (
                "--key h1=p256.pem",
                "error: p256.pem: not an Ed25519 key\nhint: make one with `openssl genpkey -algorithm ed25519`\n",
            ),
            ("--key h1=h1.pem --threshold 2", "error: 2 of 1 keys cannot sign\n"),
            (
                MANY,
                "error: 17 keys are too many: an authority has at most 16\nhint: name fewer with --key\n",
            ),
            ("--threshold 0", "error: 0 of 1 keys cannot sign\n"),
            (
                "--keep-keys --key authority-1=h1.pem",
                "error: two keys of the authority would be called authority-1\nhint: give each a name of its own\n",
            ),
        ] {
            let ran = desk.run(&format!("authority propose {words} --out next.json")).ended(2);
            assert_eq!(ran.stderr, error, "{words}");
            assert!(!home.join("next.json").exists(), "{words}");
        }
        desk.world.file("junk", "{}");
        let ran = desk.run("authority install junk").ended(2);
        assert_eq!(ran.stderr, "error: junk: the authority document is malformed\n");
    });
}

#[test]
fn what_rests_on_an_authority_that_expired_is_refused_offline() {
    // HA-08
    let world = World::begun("2025-01-01T00:00:00Z");
    let path = |name: &str| world.path(name).display().to_string();
    let (next, trust) = (path("next"), path("trust"));
    let propose = ["authority", "propose", "--expires", "2025-01-02T00:00:00Z", "--out", &next];
    world.keyward(&propose).ended(0);
    world.keyward(&["authority", "install", &next]).ended(0);
    world.keyward(&["audit", "export", "--out", &trust]).ended(0);
    let verify = |more: &[&str]| -> Ran {
        let elsewhere = World { clock: world.clock.clone(), ..World::at("2025-01-01T00:00:00Z") };
        elsewhere.run(&[&["audit", "verify", "--trust", &trust], more].concat())
    };
    verify(&[]).ended(0);
    world.clock.set("2025-01-02T00:00:00Z");
    let ran = verify(&[]).ended(1);
    let expected = "error: the trust bundle's authority expired at 2025-01-02T00:00:00Z\n\
                    hint: get a newer bundle; --allow-expired follows this one all the same\n";
    assert!(ran.stderr.ends_with(expected), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    let ran = verify(&["--allow-expired"]).ended(0);
    let warning = "warning: the trust bundle's authority expired at 2025-01-02T00:00:00Z\n";
    assert!(ran.stderr.ends_with(warning), "{}", ran.stderr);
    // The store goes on, and can be given the next version.
    let propose = ["authority", "propose", "--expires", "2026-01-01T00:00:00Z", "--out", &next];
    world.keyward(&propose).ended(0);
    let late =
        ["authority", "propose", "--expires", "2025-01-02T00:00:00Z", "--out", &path("late")];
    let ran = world.keyward(&late).ended(2);
    let expected = "error: the authority would end at 2025-01-02T00:00:00Z, and it is \
                    2025-01-02T00:00:00Z now\n\
                    hint: name a later end with --expires, or say --no-expiry\n";
    assert_eq!(ran.stderr, expected);
    assert!(!world.path("late").exists());
    let ran = world.keyward(&["authority", "propose", "--out", &path("late")]).ended(2);
    assert_eq!(ran.stderr, expected, "as it ends now");
    let document = std::fs::read_to_string(&next).expect("the proposal");
    world.file("late", document.replace("2026-01-01", "2024-01-01"));
    let ran = world.keyward(&["authority", "install", &path("late")]).ended(1);
    assert!(
        ran.stderr.starts_with("error: the authority document has expired\n"),
        "{}",
        ran.stderr
    );
    world.keyward(&["authority", "install", &next]).ended(0);
    world.keyward(&["audit", "export", "--out", &trust]).ended(0);
    verify(&[]).ended(0);
}
