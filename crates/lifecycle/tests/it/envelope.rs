//! DSSE envelopes: reading, writing and who signed.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use keyward_crypto::{STANDARD, signing::PrivateKey};
use keyward_lifecycle::{
    algorithm::{Algorithm, BadSignature, PublicKey},
    canonical::MalformedJson,
    envelope::{
        Candidate, ENVELOPE_BYTES_MAX, ENVELOPE_SIGNATURES_MAX, Envelope, KEY_ID_HINT_BYTES_MAX,
        MalformedEnvelope, PAYLOAD_TYPE_BYTES_MAX, SIGNATURE_BYTES_MAX, Signature, Signed, pae,
        signers,
    },
    id::KeyId,
};
use proptest::prelude::*;

/// A key whose signature is its number.
struct Numbered(u8);

impl PublicKey for Numbered {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        let good = message == pae("t", b"payload") && signature == [self.0];
        if good { Ok(()) } else { Err(BadSignature) }
    }
}

fn signature(key_id: Option<&str>, number: u8) -> Signature {
    Signature { key_id: key_id.map(str::to_owned), signature: vec![number] }
}

/// An envelope with these signatures, judged for the keys `k0`, `k1` and `k2`.
fn judged(signatures: &[Signature]) -> Vec<Signed> {
    let mut envelope = Envelope::new("t", b"payload".to_vec(), signatures[0].clone()).unwrap();
    signatures[1..].iter().for_each(|signature| envelope.push(signature.clone()).unwrap());
    let ids = ["k0", "k1", "k2"].map(|id| KeyId::parse(id).unwrap());
    let keys = [Numbered(0), Numbered(1), Numbered(2)];
    let pairs = ids.iter().zip(&keys);
    let candidates: Vec<_> =
        pairs.map(|(key_id, public_key)| Candidate { key_id, public_key }).collect();
    signers(&envelope, &candidates)
}

const fn signed(signature: usize, candidate: usize, under_wrong_key_id: bool) -> Signed {
    Signed { signature, candidate, under_wrong_key_id }
}

#[test]
fn the_signed_bytes_count_bytes_and_not_characters() {
    // HA-01
    assert_eq!(pae("", b""), b"DSSEv1 0  0 ");
    assert_eq!(pae("\u{e9}", &[0, 255]), b"DSSEv1 2 \xc3\xa9 2 \x00\xff");
}

#[test]
fn a_key_id_narrows_the_search_and_decides_nothing() {
    // HA-15
    assert_eq!(judged(&[signature(Some("k1"), 1)]), [signed(0, 1, false)]);
    assert_eq!(judged(&[signature(None, 1)]), [signed(0, 1, false)]);
    assert_eq!(judged(&[signature(Some("k2"), 1)]), [signed(0, 1, true)]);
    assert_eq!(judged(&[signature(Some("unknown"), 1)]), [signed(0, 1, true)]);
    assert_eq!(judged(&[signature(Some("k1"), 9)]), []);
}

#[test]
fn bad_signatures_are_passed_over_and_each_good_one_is_told() {
    let both = [signature(Some("k0"), 9), signature(None, 2), signature(Some("k0"), 0)];
    assert_eq!(judged(&both), [signed(1, 2, false), signed(2, 0, false)]);
    let twice = [signature(Some("k0"), 0), signature(Some("k1"), 0)];
    assert_eq!(judged(&twice), [signed(0, 0, false), signed(1, 0, true)]);
}

#[test]
fn an_envelope_made_by_a_key_is_that_keys_after_a_round_trip() {
    let key = PrivateKey::generate(Algorithm::Ed25519).unwrap();
    let public_key = STANDARD.ed25519.unwrap().public_key(key.spki()).unwrap();
    let key_id = KeyId::parse("key-2025-prod").unwrap();
    let sign = |payload: &[u8]| key.sign(&pae("text/plain", payload)).unwrap();
    let signature = Signature { key_id: Some("key-2025-prod".to_owned()), signature: sign(b"hi") };
    let envelope = Envelope::new("text/plain", b"hi".to_vec(), signature).unwrap();
    let read = Envelope::parse(&envelope.to_json().unwrap()).unwrap();
    assert_eq!(read, envelope);
    let candidates = [Candidate { key_id: &key_id, public_key: &*public_key }];
    assert_eq!(signers(&read, &candidates), [signed(0, 0, false)]);
}

#[test]
fn the_written_form_is_canonical_json_in_standard_base64() {
    let mut envelope = Envelope::new("t", vec![0xfb, 0xff], signature(Some("k"), 1)).unwrap();
    envelope.push(signature(None, 2)).unwrap();
    let json = envelope.to_json().unwrap();
    let expected = r#"{"payload":"+/8=","payloadType":"t","signatures":[{"keyid":"k","sig":"AQ=="},{"sig":"Ag=="}]}"#;
    assert_eq!(String::from_utf8(json).unwrap(), expected);
}

#[test]
fn both_alphabets_are_read_and_nothing_in_between() {
    let payload = |encoded: &str| {
        let json =
            format!(r#"{{"payload":"{encoded}","payloadType":"t","signatures":[{{"sig":""}}]}}"#);
        Envelope::parse(json.as_bytes()).map(|envelope| envelope.payload().to_vec())
    };
    assert_eq!(payload("+/8="), Ok(vec![0xfb, 0xff]));
    assert_eq!(payload("-_8="), Ok(vec![0xfb, 0xff]));
    for bad in ["+_8=", "+/8", "-_8", "+/9=", "+/8=\\n", "+/8==", " +/8=", "*"] {
        assert_eq!(payload(bad), Err(MalformedEnvelope::Base64("payload")), "{bad}");
    }
}

#[test]
fn the_wrong_member_of_an_envelope_is_named() {
    use MalformedEnvelope::{Base64, Limit, Missing, NoSignature, Type};
    let check = |json: &str, expected: MalformedEnvelope| {
        assert_eq!(Envelope::parse(json.as_bytes()), Err(expected), "{json}");
    };
    let with = |signatures: &str| {
        format!(r#"{{"payload":"","payloadType":"t","signatures":{signatures}}}"#)
    };
    check("[]", Type("envelope"));
    check("{}", Missing("payload"));
    check(r#"{"payload":1}"#, Type("payload"));
    check(r#"{"payload":""}"#, Missing("payloadType"));
    check(r#"{"payload":"","payloadType":"t"}"#, Missing("signatures"));
    check(&with("{}"), Type("signatures"));
    check(&with("[]"), NoSignature);
    check(&with("[1]"), Type("signatures"));
    check(&with("[{}]"), Missing("sig"));
    check(&with(r#"[{"sig":"A"}]"#), Base64("sig"));
    check(&with(r#"[{"sig":"","keyid":null}]"#), Type("keyid"));
    let many = vec![r#"{"sig":""}"#; ENVELOPE_SIGNATURES_MAX + 1].join(",");
    check(&with(&format!("[{many}]")), Limit("signatures"));
    let long = BASE64_STANDARD.encode(vec![0; SIGNATURE_BYTES_MAX + 1]);
    check(&with(&format!(r#"[{{"sig":"{long}"}}]"#)), Limit("sig"));
    let long = "k".repeat(KEY_ID_HINT_BYTES_MAX + 1);
    check(&with(&format!(r#"[{{"sig":"","keyid":"{long}"}}]"#)), Limit("keyid"));
    let long = with(r#"[{"sig":""}]"#)
        .replace("\"t\"", &format!("{:?}", "t".repeat(1 + PAYLOAD_TYPE_BYTES_MAX)));
    check(&long, Limit("payloadType"));
}

#[test]
fn what_two_readers_read_differently_is_refused() {
    // HC-11
    let json = r#"{"payload":"","payload":"","payloadType":"t","signatures":[{"sig":""}]}"#;
    let refused = Envelope::parse(json.as_bytes()).unwrap_err();
    let MalformedEnvelope::Json(MalformedJson::DuplicateMember { name, .. }) = refused else {
        panic!("{refused}");
    };
    assert_eq!(name, "payload");
    let long = vec![b' '; ENVELOPE_BYTES_MAX + 1];
    let (bytes, limit) = (long.len(), ENVELOPE_BYTES_MAX);
    let refused = Envelope::parse(&long).unwrap_err();
    assert_eq!(refused, MalformedEnvelope::Json(MalformedJson::TooLong { bytes, limit }));
}

#[test]
fn unknown_members_and_an_empty_key_id_mean_nothing() {
    let json = r#"{"x":123456789012345678901,"payload":"","payloadType":"t","signatures":[{"sig":"","keyid":"","y":{}}]}"#;
    let envelope = Envelope::parse(json.as_bytes()).unwrap();
    assert_eq!(envelope.signatures(), [Signature { key_id: None, signature: vec![] }]);
}

proptest! {
    #[test]
    fn every_envelope_reads_as_it_was_written(
        payload_type in ".{0,20}",
        payload in prop::collection::vec(any::<u8>(), 0..50),
        signatures in prop::collection::vec(
            (prop::option::of(".{1,9}"), prop::collection::vec(any::<u8>(), 0..70)), 1..5,
        ),
    ) {
        let mut signatures =
            signatures.into_iter().map(|(key_id, signature)| Signature { key_id, signature });
        let first = signatures.next().unwrap();
        let mut envelope = Envelope::new(&payload_type, payload, first).unwrap();
        signatures.for_each(|signature| envelope.push(signature).unwrap());
        prop_assert_eq!(Envelope::parse(&envelope.to_json().unwrap()), Ok(envelope));
    }

    #[test]
    fn arbitrary_bytes_never_panic_the_reader(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        at in any::<prop::sample::Index>(),
    ) {
        let _ = Envelope::parse(&bytes);
        let mut json = br#"{"payload":"aGk=","payloadType":"t","signatures":[{"sig":"AA=="}]}"#.to_vec();
        let at = at.index(json.len());
        json[at] = bytes.first().copied().unwrap_or_default();
        let _ = Envelope::parse(&json);
    }
}
