//! The stolen key: somebody has the private key, then also the database, and wants a forgery
//! believed after the key's end. Under the default policy nothing he does may end in `VALID`.

mod database;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use keyward_crypto::signing::PrivateKey;
use keyward_lifecycle::{algorithm::Algorithm, envelope::pae, id::Digest};
use serde_json::json;

use crate::world::{Ran, World};

const ANCHOR: &str = "550e8400-e29b-41d4-a716-446655440000";
/// The key's life: made, used by its owner, stolen, ended, and judged.
const MADE: &str = "2024-02-10T00:00:00Z";
const USED: &str = "2024-06-15T12:00:00Z";
const STOLEN: &str = "2024-12-01T00:00:00Z";
const ENDED: &str = "2025-01-10T00:00:00Z";
/// The last instant at which the key was good.
const JUST_BEFORE: &str = "2025-01-09T23:59:59Z";
const JUDGED: &str = "2025-01-20T00:00:00Z";
const TYPE: &str = "application/vnd.in-toto+json";
const MALWARE: &str = "not the artifact";

/// A store with a key whose private part somebody else has, too.
struct Game {
    world: World,
    key: PrivateKey,
    /// The id of a proof that the owner made.
    honest: String,
    malware: String,
}

impl Game {
    fn begun() -> Self {
        let world = World::begun(MADE);
        let key = PrivateKey::from_material(Algorithm::Ed25519, &[7; 32]).expect("a key");
        let pem = world.file("stolen.pem", key.to_pkcs8_pem().as_str());
        world.keyward(&["key", "import", "--key-id", "stolen", "--private-key", &pem]).ended(0);
        let create = ["anchor", "create", "--anchor-id", ANCHOR, "--purl-pattern", "pkg:npm/*"];
        let of = ["--key-ids", "stolen", "--predicate-types", "evidence.stella/v1"];
        world.keyward(&[&create[..], &of].concat()).ended(0);
        world.clock.set(USED);
        let artifact = world.file("artifact", "the artifact");
        let malware = world.file("malware", MALWARE);
        let sign = ["sign", "--key-id", "stolen", "--artifact", &artifact, "--purl"];
        let about = ["pkg:npm/a@1", "--predicate-type", "evidence.stella/v1"];
        let signed = world.json(&[&sign[..], &about].concat());
        let honest = signed["proofBundle"].as_str().expect("its id").to_owned();
        Self { world, key, honest, malware }
    }

    /// Signs the malware as the owner would have, claiming a time.
    fn forge(&self, claimed: Option<&str>) -> String {
        let predicate = claimed.map_or_else(|| json!({}), |at| json!({ "issuedAt": at }));
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "predicate": predicate,
            "predicateType": "https://keyward.dev/predicates/evidence.stella/v1",
            "subject": [{
                "digest": { "sha256": Digest::of(MALWARE.as_bytes()).to_string() },
                "name": "pkg:npm/a@1",
            }],
        });
        let payload = statement.to_string().into_bytes();
        let signature = self.key.sign(&pae(TYPE, &payload)).expect("a signature");
        json!({
            "payload": BASE64_STANDARD.encode(payload),
            "payloadType": TYPE,
            "signatures": [{ "keyid": "stolen", "sig": BASE64_STANDARD.encode(signature) }],
        })
        .to_string()
    }

    fn forgeries(&self) -> Vec<String> {
        [None, Some(MADE), Some(USED), Some(STOLEN), Some(JUST_BEFORE), Some(ENDED)]
            .into_iter()
            .enumerate()
            .map(|(index, claimed)| {
                self.world.file(&format!("forged-{index}.json"), self.forge(claimed))
            })
            .collect()
    }

    /// Ends the key at [`ENDED`] by `words`, and judges at [`JUDGED`].
    fn ended_by(words: &[&str]) -> Self {
        let game = Self::begun();
        game.world.clock.set(ENDED);
        game.world.keyward(words).ended(0);
        game.world.clock.set(JUDGED);
        game
    }

    /// No forgery is valid under any of the flags that leave the policy alone.
    #[track_caller]
    fn check(&self, more: &[&str]) {
        let flags: [&[&str]; 12] = [
            &[],
            &["--as-of", JUST_BEFORE],
            &["--at-time", JUST_BEFORE],
            &["--as-of", JUST_BEFORE, "--at-time", USED],
            &["--at-time", USED],
            &["--at-time", MADE],
            &["--at-time", JUDGED],
            &["--as-of", USED],
            &["--as-of", USED, "--at-time", USED],
            &["--purl", "pkg:npm/a@1"],
            &["--artifact", &self.malware],
            &["--artifact", &self.malware, "--at-time", USED, "--time-policy", "evidence"],
        ];
        for forgery in self.forgeries() {
            for flags in flags {
                if more.contains(&"--trust") && flags.contains(&"--as-of") {
                    continue;
                }
                let words = [&["verify", &forgery], flags, more].concat();
                refused(&self.world.keyward(&words), &words);
            }
            let envelope = std::fs::read_to_string(&forgery).expect("the forgery");
            let batch = self.world.file("batch.jsonl", envelope + "\n");
            let words = [&["verify", "--batch", &batch], more].concat();
            refused(&self.world.keyward(&words), &words);
        }
    }
}

#[track_caller]
fn refused(ran: &Ran, words: &[&str]) {
    assert_ne!(ran.code, 0, "{words:?}\n{}", ran.stdout);
    assert!(!ran.stdout.starts_with("VALID"), "{words:?}\n{}", ran.stdout);
}

const COMPROMISE: [&str; 5] = ["key", "revoke", "stolen", "--reason", "compromise"];

#[test]
fn a_forgery_after_a_rotation_is_not_believed() {
    let game = Game::ended_by(&["key", "rotate", "--key-id", "stolen", "--new-key-id", "new"]);
    game.check(&[]);
    let words = ["verify", "--proof-bundle", &game.honest];
    let ran = game.world.keyward(&words).ended(0);
    assert!(ran.stdout.starts_with("VALID PROVEN_BEFORE_END\n"), "{}", ran.stdout);
}

#[test]
fn a_forgery_after_a_benign_revocation_is_not_believed() {
    Game::ended_by(&["key", "revoke", "stolen", "--reason", "annual-rotation"]).check(&[]);
    let anchor = ["anchor", "revoke-key", "--anchor-id", "ALL", "--key-id", "stolen", "--reason"];
    Game::ended_by(&[&anchor[..], &["annual-rotation"]].concat()).check(&[]);
    let later = ["annual-rotation", "--effective-at", "2025-01-15T00:00:00Z"];
    Game::ended_by(&[&anchor[..], &later].concat()).check(&[]);
}

#[test]
fn a_forgery_after_a_compromise_is_not_believed() {
    // HA-01: no policy relaxes it either.
    let game = Game::ended_by(&COMPROMISE);
    game.check(&[]);
    game.check(&["--time-policy", "claimed"]);
    let since = ["--compromised-since", STOLEN];
    Game::ended_by(&[&COMPROMISE[..], &since].concat()).check(&["--time-policy", "claimed"]);
    let game = Game::ended_by(&[&COMPROMISE[..], &since, &["--scope", "key"]].concat());
    game.check(&["--time-policy", "claimed"]);
    let words = ["verify", "--proof-bundle", &game.honest];
    let ran = game.world.keyward(&words).ended(0);
    assert!(ran.stdout.starts_with("VALID PROVEN_BEFORE_COMPROMISE\n"), "{}", ran.stdout);
}

#[test]
fn a_clock_that_is_set_back_brings_no_key_back() {
    let game = Game::ended_by(&COMPROMISE);
    game.world.clock.set(USED);
    game.check(&[]);
    let sign = ["sign", "--key-id", "stolen", &game.malware];
    let ran = game.world.keyward(&sign).ended(1);
    assert!(ran.stderr.starts_with("error: key `stolen` is COMPROMISED"), "{}", ran.stderr);
}

#[test]
fn an_offline_verifier_does_not_believe_a_forgery_either() {
    let game = Game::begun();
    let old = game.world.path("old.jsonl").display().to_string();
    game.world.clock.set("2025-01-09T00:00:00Z");
    game.world.keyward(&["audit", "export", "--out", &old]).ended(0);
    game.world.clock.set(ENDED);
    game.world.keyward(&COMPROMISE).ended(0);
    let new = game.world.path("new.jsonl").display().to_string();
    game.world.keyward(&["audit", "export", "--out", &new]).ended(0);
    game.world.clock.set(JUDGED);
    game.check(&["--trust", &new, "--max-view-age", "36500d"]);
    // Who is kept from the news learns that his view is old.
    game.check(&["--trust", &old]);
}

#[test]
fn the_thief_cannot_bring_the_key_back_under_another_name() {
    // HA-18: a name and a key are bound to each other for ever.
    let game = Game::ended_by(&COMPROMISE);
    let pem = game.world.path("stolen.pem").display().to_string();
    for name in ["stolen", "fresh"] {
        let import = ["key", "import", "--key-id", name, "--private-key", &pem];
        game.world.keyward(&import).ended(1);
    }
    let add = ["anchor", "add-key", "--anchor-id", ANCHOR, "--key-id", "stolen"];
    game.world.keyward(&add).ended(1);
    game.check(&[]);
}

#[test]
fn a_claim_from_before_the_theft_is_invalid_and_not_merely_doubtful() {
    let game = Game::ended_by(&[&COMPROMISE[..], &["--compromised-since", STOLEN]].concat());
    let forgery = game.world.file("forged.json", game.forge(Some(USED)));
    let ran = game.world.keyward(&["verify", &forgery]).ended(1);
    assert!(ran.stdout.starts_with("INVALID REVOKED_NO_POE\n"), "{}", ran.stdout);
}
