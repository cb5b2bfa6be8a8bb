//! What a store says of its keys, out of one and into another (LC-013).

use std::path::Path;

use keyward_lifecycle::{algorithm::Algorithm, profile::Profile};
use serde_json::{Value, json};

use crate::world::{self, World};

const PATH: &str = "/v1/signer/keys/metadata";

/// A store with keys in every state, and what it says of them.
async fn theirs() -> (World, Value) {
    let world = world::new();
    for (id, profile) in [
        ("old", "default"),
        ("gone", "fips"),
        ("leaked", "pqc"),
        ("both", "hybrid"),
        ("staged", "default"),
    ] {
        world.must("/v1/signer/keys", json!({"profile": profile, "keyId": id})).await;
    }
    let expiring = json!({"profile": "fips", "keyId": "expiring", "purpose": "releases",
        "expiresAt": "2026-01-01T00:00:00Z"});
    world.must("/v1/signer/keys", expiring).await;
    world.clock.advance(86_400);
    world.must("/v1/signer/keys/old/rotate", json!({"newKeyId": "new", "force": true})).await;
    world.must("/v1/signer/keys/gone/revoke", json!({"reason": "superseded"})).await;
    let leaked = json!({"reason": "compromise", "compromisedSince": "2025-01-15T06:00:00Z",
        "scope": "key"});
    world.must("/v1/signer/keys/leaked/revoke", leaked).await;
    let document = world.get(PATH).await.json();
    (world, document)
}

async fn import(world: &World, document: &Value) -> (u16, Value) {
    let reply = world.post(PATH, &document.to_string()).await;
    (reply.status, reply.json())
}

/// The document is refused with that code and those words, and nothing comes in.
async fn refused(world: &World, document: &Value, code: &str, words: &str) {
    let size = world.keyward.state().keys().count();
    let (_, problem) = import(world, document).await;
    assert_eq!(problem["code"], code, "{problem}");
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains(words), "{detail}");
    assert_eq!(world.keyward.state().keys().count(), size, "all or nothing");
}

fn key<'d>(document: &'d mut Value, id: &str) -> &'d mut Value {
    let keys = document["keys"].as_array_mut().expect("keys");
    keys.iter_mut().find(|key| key["keyId"] == id).expect("the key")
}

#[tokio::test]
async fn keys_come_over_as_ended_as_they_are_and_never_sign() {
    // LC-013
    let (theirs, mut document) = theirs().await;
    let ours = world::new();
    // Whenever it is here: what ended there has ended.
    let (status, answer) = import(&ours, &document).await;
    assert_eq!((status, answer["adopted"].as_array().map(Vec::len)), (200, Some(7)), "{answer}");
    assert_eq!(answer["known"], 0);
    for (id, expected) in [
        ("old", "DEPRECATED"),
        ("new", "STAGED"),
        ("gone", "REVOKED"),
        ("leaked", "COMPROMISED"),
        ("both", "STAGED"),
        ("staged", "STAGED"),
        ("expiring", "STAGED"),
    ] {
        let path = format!("/v1/signer/keys/{id}");
        let (here, there) = (ours.get(&path).await.json(), theirs.get(&path).await.json());
        assert_eq!((&here["status"], &here["custody"]), (&json!(expected), &json!("foreign")));
        for member in [
            "algorithm",
            "profile",
            "purpose",
            "fingerprint",
            "publicKey",
            "version",
            "lineage",
            "expiresAt",
        ] {
            assert_eq!(here[member], there[member], "{member} of {id}");
        }
        let reason =
            |key: &Value| (key["revocation"]["reason"].clone(), key["revocation"]["scope"].clone());
        assert_eq!(reason(&here), reason(&there), "{id}");
        assert!(
            here["notAfter"].as_str() <= there["notAfter"].as_str() || there["notAfter"].is_null()
        );
        let request = json!({"keyIds": [id], "payload": "aGk="}).to_string();
        let signed = ours.post("/v1/sign", &request).await;
        assert_eq!(signed.problem().0, 409, "{id} signs nothing here");
    }
    let events = ours.get("/v1/audit/events?type=KEY_IMPORTED").await.json();
    assert_eq!(events["events"].as_array().map(Vec::len), Some(7));
    assert_eq!(events["events"][0]["actorName"], "local:1000");

    // The same document again changes nothing.
    let size = ours.keyward.state().size();
    let (_, again) = import(&ours, &document).await;
    assert_eq!((&again["adopted"], &again["known"]), (&json!([]), &json!(7)));
    assert_eq!(ours.keyward.state().size(), size);
    // What ended there since then is said, and left to who is responsible here.
    let staged = key(&mut document, "staged");
    staged["status"] = json!("REVOKED");
    staged["revocation"] =
        json!({"reason": "superseded", "effectiveAt": "2025-01-15T00:00:00Z", "scope": "key"});
    let (_, warned) = import(&ours, &document).await;
    let expected = "key `staged` is REVOKED in the document and STAGED here, where it was left \
                    alone; should it end here too: `keyward key revoke staged`";
    assert_eq!(warned["warnings"], json!([expected]));
}

#[tokio::test]
async fn a_reason_that_nobody_knows_is_read_as_a_compromise() {
    // LC-013, HA-32
    let (_, mut document) = theirs().await;
    key(&mut document, "gone")["revocation"]["reason"] = json!("the dog ate it");
    key(&mut document, "gone")["revocation"]["scope"] = json!("who knows");
    let ours = world::new();
    import(&ours, &document).await;
    let gone = ours.get("/v1/signer/keys/gone").await.json();
    assert_eq!(gone["status"], "COMPROMISED");
    assert_eq!(gone["revocation"]["scope"], "server");
}

#[tokio::test]
async fn what_follows_a_key_is_of_its_lineage_here_too_whatever_the_order() {
    // LC-013: a threshold counts both once.
    let (_, mut document) = theirs().await;
    document["keys"].as_array_mut().expect("keys").reverse();
    let ours = world::new();
    import(&ours, &document).await;
    let [old, new] = ["old", "new"].map(|id| id.parse().expect("an id"));
    let state = ours.keyward.state();
    let lineage = |id| state.key(id).expect("the key").lineage;
    assert_eq!(lineage(&old), lineage(&new));
}

#[tokio::test]
async fn the_last_instant_at_which_a_key_is_good_is_written_out() {
    // HA-33: intervals of other verifiers are closed.
    let (theirs, mut document) = theirs().await;
    let expiring = key(&mut document, "expiring");
    assert_eq!(expiring["expiresAt"], "2026-01-01T00:00:00Z");
    assert_eq!(expiring["notAfter"], "2025-12-31T23:59:59.999999999Z");
    assert_eq!(key(&mut document, "both").get("notAfter"), None, "nothing ends it");
    let leaked = key(&mut document, "leaked");
    assert_eq!(leaked["notAfter"], "2025-01-15T05:59:59.999999999Z");
    for id in ["expiring", "leaked", "gone", "old"] {
        let last = key(&mut document, id)["notAfter"].as_str().expect("an end").to_owned();
        let at = |at: &str| format!("/v1/signer/keys/{id}/validity?at={at}");
        assert_eq!(theirs.get(&at(&last)).await.json()["status"], "Valid", "{id}");
        let end: keyward_lifecycle::time::Timestamp = last.parse().expect("a time");
        let end = keyward_lifecycle::time::Timestamp::from_nanos(end.nanos() + 1);
        assert_ne!(theirs.get(&at(&end.to_string())).await.json()["status"], "Valid", "{id}");
    }
    // A document that only says so is believed as well.
    key(&mut document, "both")["notAfter"] = json!("2025-06-30T23:59:59.999999999Z");
    let ours = world::new();
    import(&ours, &document).await;
    let both = ours.get("/v1/signer/keys/both").await.json();
    assert_eq!(both["expiresAt"], "2025-07-01T00:00:00Z");
}

#[tokio::test]
async fn a_document_that_contradicts_what_is_here_changes_nothing() {
    // LC-013, HA-10
    let (_, mut document) = theirs().await;
    let ours = world::new();
    let staged = json!({"profile": "default", "keyId": "staged"});
    ours.must("/v1/signer/keys", staged).await;
    refused(&ours, &document, "name-taken", "key `staged` exists already").await;

    let ours = world::new();
    import(&ours, &document).await;
    key(&mut document, "staged")["keyId"] = json!("another");
    key(&mut document, "another")["lineage"] = json!("another");
    refused(&ours, &document, "public-key-taken", "already registered as `staged`").await;
}

#[tokio::test]
async fn a_key_that_is_not_what_it_must_be_is_refused_by_name() {
    // LC-013
    let (_, document) = theirs().await;
    let ours = world::new();
    let check = async |id: &str, member: &str, value: Value, code: &str, words: &str| {
        let mut document = document.clone();
        key(&mut document, id)[member] = value;
        refused(&ours, &document, code, words).await;
    };
    let both = "keys[3], `both`: ";
    let words = |text: &str| format!("{both}{text}");
    let bad = "malformed";
    check("both", "publicKey", json!("PEM"), bad, &words("publicKey: ")).await;
    let other = words("algorithm: it says ML-DSA-65, and its public key is for ML-DSA-65-ED25519");
    check("both", "algorithm", json!("ML-DSA-65"), bad, &other).await;
    let fingerprint = document["keys"][0]["fingerprint"].clone();
    check("both", "fingerprint", fingerprint, bad, &words("fingerprint: that of")).await;
    check("both", "purpose", json!(""), bad, &words("purpose: ")).await;
    check("both", "keyId", json!("old"), bad, "keys[3], `old`: keyId: the document has it").await;
    check("both", "status", json!("DEPRECATED"), bad, &words("retiredAt: missing")).await;
    check("both", "status", json!("REVOKED"), bad, &words("revocation: missing")).await;
    check("both", "parentId", json!("nobody"), bad, &words("it follows `nobody`")).await;
    check("both", "parentId", json!("both"), bad, &words("parentId: ")).await;
    check("both", "parentId", json!("old"), bad, &words("lineage: ")).await;
    check("both", "status", json!("FINE"), bad, "FINE").await;
    check("both", "colour", json!("red"), bad, "colour").await;

    let mut document = document.clone();
    document["schema"] = json!("keyward.key-metadata/v2");
    refused(&ours, &document, bad, "schema: expected `keyward.key-metadata/v1`").await;
    document["schema"] = json!("keyward.key-metadata/v1");
    let mut profiles = Profile::built_in().to_vec();
    profiles.retain(|profile| profile.algorithm != Algorithm::MlDsa65);
    let fewer = world::with(profiles);
    let words = "keys[2], `leaked`: algorithm: no profile here has ML-DSA-65";
    refused(&fewer, &document, "wrong-algorithm", words).await;
    let one = document["keys"][0].clone();
    document["keys"] = json!(vec![one; 10_001]);
    refused(&ours, &document, "too-many", "at most 10000 keys").await;
}

#[tokio::test]
async fn the_document_is_what_its_schema_says() {
    // LC-013: the members by name; a validator judges the rest in the tests of the command line.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/format");
    let schema = std::fs::read_to_string(root.join("key-metadata.schema.json")).expect("a schema");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let known = schema["$defs"]["key"]["properties"].as_object().expect("members");
    let (_, document) = theirs().await;
    for key in document["keys"].as_array().expect("keys") {
        let members = key.as_object().expect("members").keys();
        let unknown: Vec<_> = members.filter(|member| !known.contains_key(*member)).collect();
        assert_eq!(unknown, Vec::<&String>::new());
    }
}
