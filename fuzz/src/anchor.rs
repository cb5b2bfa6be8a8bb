//! The anchor of another store, as its export has it.

use std::{collections::BTreeSet, num::NonZeroU64};

use keyward::anchor::{AnchorDocument, anchor_document};
use keyward_lifecycle::{
    canonical::{Limits, from_slice_strict},
    command::{Command, NewKey, Universal},
    decide::decide,
    event::{Event, Fact, VERSION},
    id::{ActorId, Fingerprint, KeyId},
    key::Custody,
    profile::Profile,
    state::State,
    time::Timestamp,
};
use serde_json::{Value, json};

/// Bytes as a document: no key is believed before it came in, nor when the document does not
/// believe it; and what is shown of the anchor says the same of every key when it comes in
/// elsewhere.
pub(crate) fn anchor(bytes: &[u8]) {
    let limits = Limits::new(1 << 20, 80);
    let Ok(document) = from_slice_strict::<AnchorDocument>(bytes, limits) else { return };
    let Some(state) = taken_in(&document) else { return };
    let id = document.trust_anchor_id;
    let (anchor, number) = state.anchor(&id).zip(state.anchor_number(&id)).expect("it came in");
    assert_eq!(anchor.is_active(), document.status == "active");
    assert_eq!(
        (anchor.record.threshold, &anchor.record.pattern),
        (document.threshold, &document.purl_pattern)
    );
    for key in anchor.keys.iter().map(|key| state.key_at(*key).expect("it is here")) {
        let member = key.membership(number).expect("it is a member");
        assert!(member.added_at >= NOW, "nobody here saw it");
        for at in instants(&document) {
            let believed = key.window(&member).holds(at);
            let id = key.record.key_id.as_str();
            assert!(!believed || believes(&document, id, at), "{id} at {at}");
        }
    }
    let shown = anchor_document(&state, anchor, NOW);
    let named = document.key_history.iter().map(|item| &item.keyid);
    let named = named.chain(&document.allowed_keyids).chain(&document.revoked_keys);
    let listed = shown.allowed_keyids.iter().chain(&shown.revoked_keys);
    let listed: BTreeSet<_> = listed.collect();
    assert_eq!(named.collect::<BTreeSet<_>>(), listed, "every key is shown, and no other");
    for id in &document.revoked_keys {
        assert!(!shown.allowed_keyids.contains(id), "{id} is revoked there and listed here");
    }
    let again = taken_in(&shown).expect("what is shown comes in");
    let again = anchor_document(&again, again.anchor(&id).expect("it came in"), NOW);
    let lists = |document: &AnchorDocument| {
        let of = |list: &[String]| list.iter().cloned().collect::<BTreeSet<_>>();
        let ends = document.key_history.iter().map(|item| (item.keyid.clone(), item.revoked_at));
        let ends: BTreeSet<_> = ends.collect();
        (of(&document.allowed_keyids), of(&document.revoked_keys), ends, document.status.clone())
    };
    assert_eq!(lists(&again), lists(&shown), "what is shown says the same elsewhere");
}

/// A store that has taken the document in; `None` if a rule refuses it.
fn taken_in(document: &AnchorDocument) -> Option<State> {
    let mut state = store();
    for command in document.clone().commands(&state, Universal::Allowed, NOW) {
        let decision = decide(&state, &command, NOW).ok()?;
        decision.facts.into_iter().for_each(|fact| log(&mut state, fact));
    }
    Some(state)
}

/// Whether a key's signature of that instant is believed where the document comes from.
fn believes(document: &AnchorDocument, id: &str, at: Timestamp) -> bool {
    let is_in = |list: &[String]| list.iter().any(|listed| listed == id);
    let mut stays = document.key_history.iter().filter(|item| item.keyid == id).peekable();
    let stays_on =
        stays.peek().is_none() || stays.any(|item| item.revoked_at.is_none_or(|end| at < end));
    is_in(&document.allowed_keyids) && !is_in(&document.revoked_keys) && stays_on
}

/// Now, long after, and around every end.
fn instants(document: &AnchorDocument) -> Vec<Timestamp> {
    let ends = document.key_history.iter().filter_map(|item| item.revoked_at);
    let around = ends.flat_map(|end| {
        [-1, 0, 1].map(|nanos| Timestamp::from_nanos(end.nanos().saturating_add(nanos)))
    });
    let later = Timestamp::from_nanos(i64::MAX - 2);
    around.chain([NOW, NOW.plus_seconds(86_400), later]).collect()
}

const NOW: Timestamp = Timestamp::from_seconds(1_735_689_600);

/// A store with keys: one that signs, one that is staged, one that ends by itself.
fn store() -> State {
    let mut state = State::default();
    let [profile, ..] = Profile::built_in();
    let name = profile.name.clone();
    log(&mut state, Fact::ProfileDefined { profile });
    for (key_id, ends) in [(KEYS[0], None), (KEYS[1], None), (KEYS[2], Some(86_400))] {
        let public_key = key_id.as_bytes();
        let key = NewKey {
            key_id: KeyId::parse(key_id).expect("a good id"),
            profile: name.clone(),
            algorithm: None,
            purpose: "signing".into(),
            fingerprint: Fingerprint::of_spki(public_key),
            public_key: public_key.into(),
            custody: Custody::Exclusive,
            expires_at: ends.map(|seconds| NOW.plus_seconds(seconds)),
            max_usage: NonZeroU64::new(9),
            parent: None,
            staged: false,
        };
        let decision = decide(&state, &Command::GenerateKey(key), NOW).expect("a good key");
        decision.facts.into_iter().for_each(|fact| log(&mut state, fact));
    }
    state
}

const KEYS: [&str; 3] = ["key-2023-prod", "key-2024-prod", "key-2025-prod"];

fn log(state: &mut State, fact: Fact) {
    let (seq, actor) = (state.size(), ActorId::parse("system").expect("a good pseudonym"));
    state.apply(&Event { v: VERSION, seq, time: NOW, actor, fact });
}

/// The runbook's document, and ones whose members disagree.
pub(crate) fn made() -> Vec<Vec<u8>> {
    let item = |key: &str, end: Value, why: Value| {
        json!({"keyid": key, "addedAt": "2023-01-15T00:00:00Z", "revokedAt": end,
            "revokeReason": why})
    };
    let document = |change: Value| {
        let past = item(KEYS[0], json!("2024-01-15T00:00:00Z"), json!("annual-rotation"));
        let mut document = json!({
            "trustAnchorId": "550e8400-e29b-41d4-a716-446655440000", "purlPattern": "pkg:npm/*",
            "allowedKeyids": [KEYS[1], KEYS[2], "key-of-nobody"],
            "allowedPredicateTypes": ["evidence.stella/v1"], "policyVersion": "v2.3.1",
            "revokedKeys": [KEYS[0]], "threshold": 1, "algorithms": ["SHA256-ED25519"],
            "keyHistory": [past, item(KEYS[1], Value::Null, Value::Null),
                item(KEYS[2], json!("2025-02-01T00:00:00Z"), json!("retired"))],
            "status": "active", "createdAt": "2023-01-15T00:00:00Z",
        });
        let members = document.as_object_mut().expect("an object");
        members.extend(change.as_object().expect("an object").clone());
        document.to_string().into_bytes()
    };
    [
        json!({}),
        json!({"status": "inactive"}),
        json!({"purlPattern": "*", "revokedKeys": [KEYS[1], "key-of-nobody"]}),
        json!({"purlPattern": "pkg:maven/org.apache.*", "allowedKeyids": KEYS}),
        json!({"keyHistory": [], "algorithms": []}),
        json!({"keyHistory": [item(KEYS[1], json!("2024-01-15T00:00:00Z"), json!("retired")),
            item(KEYS[1], Value::Null, Value::Null)]}),
    ]
    .map(document)
    .into()
}
