//! What a header is refused for.

use keyward_barrier::{
    Cost, EpochHeader, HEADER_BYTES_MAX, HeaderRefused, RootId, SlotLabel, SlotRefused,
};
use keyward_crypto::spki;
use keyward_lifecycle::{canonical::MalformedJson, id::Fingerprint};
use serde_json::{Value, json};

use crate::store;

#[track_caller]
fn check(change: impl FnOnce(&mut Value), expected: &HeaderRefused) {
    let mut document = store::document(store::store().header().bytes());
    change(&mut document);
    let refused = EpochHeader::read(&store::bytes(&document), None).unwrap_err();
    assert_eq!(&refused, expected);
}

/// As [`check`], but the changed header is well signed: by another identity, in its own name.
#[track_caller]
fn check_signed(change: impl FnOnce(&mut Value), expected: &HeaderRefused) {
    let mut document = store::document(store::store().header().bytes());
    change(&mut document["header"]);
    let bytes = store::signed_by(&store::attacker(), document);
    let refused = EpochHeader::read(&bytes, None).unwrap_err();
    assert_eq!(&refused, expected);
}

fn member(member: &'static str, expected: &'static str) -> HeaderRefused {
    HeaderRefused::Member { member, expected }
}

#[test]
fn a_header_reads_back_as_it_was_made() {
    let made = store::store().header();
    let read = EpochHeader::read(made.bytes(), Some(&made.root_id())).unwrap();
    assert_eq!(read.bytes(), made.bytes());
    assert_eq!((read.epoch().number(), read.counter().number()), (1, 1));
    assert_eq!(read.created().to_string(), "2025-01-01T00:00:00Z");
    assert_eq!(read.slots(), made.slots());
    let [slot] = read.slots() else { panic!("one slot") };
    assert_eq!((slot.kind(), slot.label().as_str()), ("password", "first password"));
}

#[test]
fn no_byte_of_a_header_can_be_changed() {
    let made = store::store().header();
    for at in 0..made.bytes().len() {
        for flip in [0x01, 0x20] {
            let mut bytes = made.bytes().to_vec();
            bytes[at] ^= flip;
            let refused = EpochHeader::read(&bytes, Some(&made.root_id())).unwrap_err();
            // Nothing behind the signature is looked at, and no other store is suspected.
            let expected = matches!(
                refused,
                HeaderRefused::Malformed(_)
                    | HeaderRefused::UnknownVersion(_)
                    | HeaderRefused::NotCanonical
                    | HeaderRefused::Member { .. }
                    | HeaderRefused::RootIdIsNotIdentity { .. }
                    | HeaderRefused::BadSignature
            );
            assert!(expected, "byte {at} ^ {flip:#x}: {refused:?}");
        }
    }
}

#[test]
fn a_header_cut_short_or_with_more_behind_it_is_refused() {
    let made = store::store().header().bytes();
    for length in (0..made.len()).step_by(97) {
        let refused = EpochHeader::read(&made[..length], None).unwrap_err();
        assert!(matches!(refused, HeaderRefused::Malformed(_)), "{length}: {refused:?}");
    }
    let longer = [made, b"\n"].concat();
    assert_eq!(EpochHeader::read(&longer, None).unwrap_err(), HeaderRefused::NotCanonical);
}

#[test]
fn every_member_is_signed() {
    // RK-052
    let bad = HeaderRefused::BadSignature;
    check(|d| d["header"]["epoch"] = 2.into(), &bad);
    check(|d| d["header"]["counter"] = 2.into(), &bad);
    check(|d| d["header"]["created"] = "2025-01-02T00:00:00Z".into(), &bad);
    check(|d| d["header"]["check"] = "AAAA".into(), &bad);
    check(|d| d["header"]["identityRecord"] = "AAAA".into(), &bad);
    check(|d| d["header"]["slots"] = json!([]), &bad);
    for member in ["id", "label", "suite", "public", "wrapped"] {
        check(|d| d["header"]["slots"][0][member] = "AAAA".into(), &bad);
    }
    check(|d| d["header"]["slots"][0]["created"] = "2025-01-02T00:00:00Z".into(), &bad);
    for member in ["salt", "mac"] {
        check(|d| d["header"]["slots"][0]["way"][member] = "AAAA".into(), &bad);
    }
    for member in ["memoryKib", "passes", "lanes"] {
        check(|d| d["header"]["slots"][0]["way"][member] = 4_000_000.into(), &bad);
    }
    check(|d| d["signature"] = "AAAA".into(), &bad);
}

#[test]
fn the_root_id_is_the_fingerprint_of_the_identity() {
    let root = store::store().root_id();
    let other = Fingerprint::of_spki(b"another");
    check(
        |d| d["header"]["rootId"] = other.to_string().into(),
        &HeaderRefused::RootIdIsNotIdentity {
            claimed: RootId::from_fingerprint(other),
            identity: root,
        },
    );
    check(
        |d| d["header"]["identity"] = "AAAA".into(),
        &HeaderRefused::RootIdIsNotIdentity {
            claimed: root,
            identity: RootId::from_fingerprint(Fingerprint::of_spki(&[0; 3])),
        },
    );
}

#[test]
fn another_root_is_refused_by_name() {
    // RK-052
    let attacker = store::attacker();
    let pinned = store::store().root_id();
    let document = store::document(store::store().header().bytes());
    let refused =
        EpochHeader::read(&store::signed_by(&attacker, document), Some(&pinned)).unwrap_err();
    let found = RootId::from_fingerprint(spki::fingerprint(attacker.spki()));
    assert_eq!(refused, HeaderRefused::AnotherRoot { pinned, found });
    assert!(refused.to_string().contains(&format!("expected {pinned}, found {found}")));
}

#[test]
fn an_identity_that_is_no_safe_key_is_refused() {
    // The point of order one: it would accept forgeries.
    let mut spki = store::attacker().spki().to_vec();
    spki[12..].copy_from_slice(&[&[1][..], &[0; 31]].concat());
    let root = Fingerprint::of_spki(&spki);
    let mut document = store::document(store::store().header().bytes());
    document["header"]["identity"] = base64(&spki).into();
    document["header"]["rootId"] = root.to_string().into();
    let refused = EpochHeader::read(&store::bytes(&document), None).unwrap_err();
    assert!(matches!(refused, HeaderRefused::Identity(_)), "{refused:?}");
}

#[test]
fn other_types_versions_and_spellings_are_refused() {
    check(|d| d["header"]["version"] = 2.into(), &HeaderRefused::UnknownVersion(2));
    check(|d| d["header"]["type"] = "x".into(), &member("type", "`keyward/epoch-header`"));
    check(|d| d["signature"] = "A".into(), &member("signature", "base64"));
    let spaced = [store::store().header().bytes(), b" "].concat();
    assert_eq!(EpochHeader::read(&spaced, None).unwrap_err(), HeaderRefused::NotCanonical);
    let time = "2025-01-01T01:00:00+01:00";
    check(|d| d["header"]["created"] = time.into(), &HeaderRefused::NotCanonical);
    let long = vec![b' '; HEADER_BYTES_MAX + 1];
    assert_eq!(
        EpochHeader::read(&long, None).unwrap_err(),
        HeaderRefused::Malformed(MalformedJson::TooLong {
            bytes: HEADER_BYTES_MAX + 1,
            limit: HEADER_BYTES_MAX
        })
    );
}

#[test]
fn unknown_members_and_kinds_of_slot_are_refused_by_name() {
    for (change, named) in [
        (json!({"header": {"extra": 1}}), "unknown field `extra`"),
        (json!({"header": {"slots": [{"way": {"kind": "tpm"}}]}}), "unknown variant `tpm`"),
        (json!({"header": {"slots": [{"way": {"pepper": 1}}]}}), "unknown field `pepper`"),
    ] {
        let mut document = store::document(store::store().header().bytes());
        merge(&mut document, change);
        let refused = EpochHeader::read(&store::bytes(&document), None).unwrap_err();
        let HeaderRefused::Malformed(MalformedJson::Unexpected { what, .. }) = &refused else {
            panic!("{refused:?}")
        };
        assert!(what.contains(named), "{what}");
    }
}

#[test]
fn a_signed_header_keeps_to_the_limits_too() {
    // RK-011: parameters are bounded on read.
    let cost = |member: &'static str, value: u32, error: &SlotRefused| {
        check_signed(
            |h| h["slots"][0]["way"][member] = value.into(),
            &HeaderRefused::Slot { index: 0, why: error.clone() },
        );
    };
    cost("memoryKib", 8191, &refused_cost("Argon2id memory in KiB", 8191, 8192, 1 << 20));
    cost("memoryKib", 1 << 21, &refused_cost("Argon2id memory in KiB", 1 << 21, 8192, 1 << 20));
    cost("passes", 0, &refused_cost("Argon2id passes", 0, 1, 16));
    cost("passes", 17, &refused_cost("Argon2id passes", 17, 1, 16));
    cost("lanes", 0, &refused_cost("Argon2id lanes", 0, 1, 16));
    cost("lanes", 17, &refused_cost("Argon2id lanes", 17, 1, 16));

    check_signed(|h| h["epoch"] = 0.into(), &member("epoch", "1 or more"));
    check_signed(|h| h["counter"] = 0.into(), &member("counter", "1 or more"));
    check_signed(|h| h["check"] = "AAAA".into(), &member("check", "32 bytes in base64"));
    check_signed(|h| h["slots"] = json!([]), &member("slots", "1 to 32 slots"));
    check_signed(|h| repeat_slot(h, 33), &member("slots", "1 to 32 slots"));
    check_signed(|h| repeat_slot(h, 2), &member("slots", "slots with different ids"));
    for (name, expected) in [
        ("id", "32 lower-case hex digits"),
        ("suite", "X-Wing/HKDF-SHA256/AES-256-GCM"),
        ("public", "1216 bytes in base64"),
        ("wrapped", "1168 bytes in base64"),
    ] {
        let why = SlotRefused::Member { member: name, expected };
        check_signed(
            |h| h["slots"][0][name] = "AAAA".into(),
            &HeaderRefused::Slot { index: 0, why },
        );
    }
    let label = "a".repeat(65);
    let why = SlotRefused::Label(SlotLabel::parse(&label).unwrap_err());
    check_signed(|h| h["slots"][0]["label"] = label.into(), &HeaderRefused::Slot { index: 0, why });
}

/// The refusal of one cost, checked against what the limits are.
fn refused_cost(name: &'static str, value: u32, least: u32, most: u32) -> SlotRefused {
    let instead = |part: &str, otherwise| if name.contains(part) { value } else { otherwise };
    let refused = Cost::new(instead("memory", 8192), instead("passes", 1), instead("lanes", 1));
    let refused = refused.unwrap_err();
    let found = (refused.name, refused.value, refused.least, refused.most);
    assert_eq!(found, (name, value, least, most));
    SlotRefused::Cost(refused)
}

fn repeat_slot(header: &mut Value, times: usize) {
    let slot = header["slots"][0].clone();
    header["slots"] = vec![slot; times].into();
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (member, value) in from {
                merge(into.entry(member).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(from)) => {
            for (into, from) in into.iter_mut().zip(from) {
                merge(into, from);
            }
        }
        (into, from) => *into = from,
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
