//! What another store says of its keys.

use keyward::metadata::{KeyMetadata, METADATA_SCHEMA, MetadataDocument};
use keyward_crypto::spki;
use keyward_lifecycle::{
    decide::decide,
    event::{Event, Fact, VERSION},
    id::ActorId,
    key::{Custody, Key, Status},
    profile::Profile,
    state::State,
    time::Timestamp,
};
use serde_json::{Value, json};

/// Bytes as a document: whatever comes in never signs, and has ended no later than there.
pub(crate) fn key_metadata(bytes: &[u8]) {
    let Ok(document) = MetadataDocument::parse(bytes) else { return };
    let (now, mut state) = (Timestamp::from_seconds(1_735_689_600), State::default());
    let profiles = Profile::built_in().into_iter();
    profiles.for_each(|profile| log(&mut state, Fact::ProfileDefined { profile }, now));
    let Ok(commands) = document.commands(&state, now) else { return };
    for command in commands {
        // A public key that is there under another name.
        let Ok(decision) = decide(&state, &command, now) else { return };
        decision.facts.into_iter().for_each(|fact| log(&mut state, fact, now));
    }
    for there in &document.keys {
        is_no_better(state.key(&there.key_id).expect("every key came in"), there, now);
    }
    let again = document.commands(&state, now).expect("what was read reads again");
    assert_eq!(again, [], "and asks for nothing");
}

fn log(state: &mut State, fact: Fact, time: Timestamp) {
    let (seq, actor) = (state.size(), ActorId::parse("system").expect("a good pseudonym"));
    state.apply(&Event { v: VERSION, seq, time, actor, fact });
}

fn is_no_better(here: &Key, there: &KeyMetadata, now: Timestamp) {
    assert_eq!(here.record.custody, Custody::Foreign);
    assert!(!here.status(now).signs());
    assert!(here.status(now) >= there.status || there.status < Status::Deprecated);
    let revoked = there.revocation.as_ref().map(|revocation| revocation.effective_at);
    let after = |last: Timestamp| Timestamp::from_nanos(last.nanos().saturating_add(1));
    let ends = [there.expires_at, there.retired_at, revoked, there.not_after.map(after)];
    for end in ends.into_iter().flatten() {
        let found = here.window_of_itself().end().expect("it ends");
        assert!(found <= end, "{found} is after {end}");
    }
}

/// A document with keys of three algorithms, in three states. The composite's halves are two of
/// them, so that it cannot stand beside them.
pub(crate) fn document() -> Value {
    let states = ["STAGED", "DEPRECATED", "COMPROMISED"];
    let at = "2024-06-01T00:00:00Z";
    let keys = crate::keys::signers().iter().zip(states).map(|(key, status)| {
        let mut document = json!({
            "keyId": format!("key-{}", status.to_lowercase()), "algorithm": key.algorithm(),
            "profile": "default", "purpose": "signing", "store": "software:",
            "fingerprint": spki::fingerprint(key.spki()), "publicKey": spki::to_pem(key.spki()),
            "custody": "exclusive", "status": status, "createdAt": "2024-01-01T00:00:00Z",
            "expiresAt": "2026-01-01T00:00:00Z", "notAfter": "2024-05-31T23:59:59.999999999Z",
            "usageCount": 3, "version": 1, "lineage": "key-staged", "anchors": [],
        });
        if status == "DEPRECATED" {
            document["retiredAt"] = json!(at);
        }
        if status == "COMPROMISED" {
            document["revocation"] =
                json!({"reason": "keyCompromise", "effectiveAt": at, "invalidityDate": at, "scope": "key"});
        }
        document
    });
    let keys: Vec<Value> = keys.collect();
    json!({"schema": METADATA_SCHEMA, "exportedAt": at, "keys": keys})
}
