//! Authority documents, and the trust bundles that begin with one.

use std::sync::Arc;

use keyward_crypto::{STANDARD, signing::PrivateKey, spki};
use keyward_lifecycle::{
    algorithm::{PublicKey, Verify},
    audit::{
        checkpoint::{Checkpoint, TreeHead},
        note::{
            Note, SignatureLine,
            vkey::{VerifierKey, cosigned_message},
        },
        tree::empty_root,
    },
    authority::{
        AUTHORITY_PAYLOAD_TYPE, Authority, AuthorityKey, AuthorityRefused, ReadKey, admit,
    },
    envelope::{Envelope, Signature, pae},
    id::{Digest, Fingerprint},
    trust::{UntrustedBundle, foot_line, head_line, read},
};

use crate::{
    note::key_pair,
    world::{day, id},
};

struct Reader;

impl ReadKey for Reader {
    fn ed25519_from_pem(&self, pem: &str) -> Option<(Fingerprint, Arc<dyn PublicKey>)> {
        let spki = spki::from_pem(pem).ok()?;
        Some((Fingerprint::of_spki(&spki), self.ed25519().public_key(&spki).ok()?))
    }

    fn ed25519(&self) -> &dyn Verify {
        STANDARD.ed25519.unwrap()
    }
}

const ORIGIN: &str = "example.com/log";

fn log() -> (PrivateKey, VerifierKey, VerifierKey) {
    let (key, raw) = key_pair(&[7; 32]);
    let log = VerifierKey::ed25519(ORIGIN, &raw).unwrap();
    (key, log, VerifierKey::cosigner(ORIGIN, &raw).unwrap())
}

/// A key with its name and the writing that a document gives it.
type Named<'k> = (&'static str, &'k PrivateKey, String);

fn named<'k>(name: &'static str, key: &'k PrivateKey) -> Named<'k> {
    (name, key, spki::to_pem(key.spki()))
}

fn document(version: u64, threshold: u32, keys: &[&Named<'_>]) -> Authority {
    let (_, log, cosigner) = log();
    let key =
        |(name, _, pem): &&Named<'_>| AuthorityKey { key_id: id(name), public_key: pem.clone() };
    Authority {
        v: 1,
        version,
        root_id: Fingerprint::of_spki(b"the store identity"),
        threshold,
        keys: keys.iter().map(key).collect(),
        origin: ORIGIN.to_owned(),
        log_keys: vec![log.to_string(), cosigner.to_string()],
        expires_at: None,
    }
}

fn signed_by(authority: &Authority, keys: &[&Named<'_>]) -> Envelope {
    let payload = authority.to_payload().unwrap();
    let message = pae(AUTHORITY_PAYLOAD_TYPE, &payload);
    let mut signatures = keys.iter().map(|(name, key, _)| Signature {
        key_id: Some((*name).to_owned()),
        signature: key.sign(&message).unwrap(),
    });
    let first = signatures.next().unwrap();
    let mut envelope = Envelope::new(AUTHORITY_PAYLOAD_TYPE, payload, first).unwrap();
    signatures.for_each(|signature| envelope.push(signature).unwrap());
    envelope
}

/// The first version, of these keys, that each of them has signed.
fn signed(threshold: u32, keys: &[&Named<'_>]) -> Envelope {
    signed_by(&document(1, threshold, keys), keys)
}

#[test]
fn one_key_under_two_names_and_in_two_writings_is_no_list_of_two() {
    let ((one, _), (other, _)) = (key_pair(&[1; 32]), key_pair(&[2; 32]));
    let (pem, other_pem) = (spki::to_pem(one.spki()), spki::to_pem(other.spki()));
    let again = pem.replace('\n', "\r\n");
    assert_eq!(spki::from_pem(&again), spki::from_pem(&pem));
    let twice = signed(2, &[&("a", &one, pem.clone()), &("b", &one, again)]);
    assert_eq!(admit(&twice, None, &Reader).unwrap_err(), AuthorityRefused::Malformed);
    let two = signed(2, &[&("a", &one, pem), &("b", &other, other_pem)]);
    assert_eq!(admit(&two, None, &Reader).unwrap().authority().threshold, 2);
}

#[test]
fn a_document_has_one_writing_and_keys_that_can_sign() {
    let keys = [1, 2].map(|seed| key_pair(&[seed; 32]).0);
    let [home, other] = [named("home", &keys[0]), named("other", &keys[1])];
    let good = document(1, 1, &[&home, &other]);
    let sign = |payload: Vec<u8>| {
        let signature = home.1.sign(&pae(AUTHORITY_PAYLOAD_TYPE, &payload)).unwrap();
        let first = Signature { key_id: None, signature };
        let envelope = Envelope::new(AUTHORITY_PAYLOAD_TYPE, payload, first).unwrap();
        admit(&envelope, None, &Reader).map(|it| it.authority().version)
    };
    let payload = good.to_payload().unwrap();
    assert_eq!(sign(payload.clone()), Ok(1));
    let value: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    let members: Vec<&serde_json::Value> = value.as_object().unwrap().values().collect();
    for other in [format!("{value:#}"), serde_json::to_string(&members).unwrap()] {
        assert_eq!(sign(other.into_bytes()), Err(AuthorityRefused::Malformed));
    }
    let mut same_name = good.clone();
    same_name.keys[1].key_id = same_name.keys[0].key_id.clone();
    let mut unreadable = good;
    unreadable.keys[1].public_key = "garbage".to_owned();
    for other in [same_name, unreadable] {
        assert_eq!(sign(other.to_payload().unwrap()), Err(AuthorityRefused::Malformed));
    }
}

#[test]
fn the_next_version_needs_the_threshold_of_both() {
    // HA-08
    let keys = [1, 2, 3].map(|seed| key_pair(&[seed; 32]).0);
    let [home, one, two] = [("home", 0), ("one", 1), ("two", 2)].map(|(n, at)| named(n, &keys[at]));
    let first = admit(&signed(1, &[&home]), None, &Reader).unwrap();
    let next = document(2, 2, &[&one, &two]);
    let judge = |keys: &[&Named<'_>]| {
        admit(&signed_by(&next, keys), Some(&first), &Reader).map(|next| next.authority().version)
    };
    let too_few = Err(AuthorityRefused::TooFewSigners);
    assert_eq!(judge(&[&one, &two]), too_few, "the version before has not signed");
    assert_eq!(judge(&[&home, &one]), too_few, "its own threshold is two");
    assert_eq!(judge(&[&home]), too_few);
    assert_eq!(judge(&[&home, &one, &two]), Ok(2));
}

#[test]
fn the_next_version_goes_on_with_the_log_of_the_one_before() {
    // HA-08
    let (key, _) = key_pair(&[1; 32]);
    let home = named("home", &key);
    let home = [&home];
    let first = admit(&signed(1, &home), None, &Reader).unwrap();
    let judge = |change: fn(&mut Authority)| {
        let mut next = document(2, 1, &home);
        change(&mut next);
        admit(&signed_by(&next, &home), Some(&first), &Reader).map(|next| next.authority().version)
    };
    assert_eq!(judge(|_| {}), Ok(2));
    assert_eq!(judge(|next| next.log_keys.reverse()), Ok(2));
    for version in [0, 1, 3, (1 << 53) - 1] {
        let mut other = document(2, 1, &home);
        other.version = version;
        let refused = admit(&signed_by(&other, &home), Some(&first), &Reader).unwrap_err();
        let expected = if version == 0 {
            AuthorityRefused::Malformed
        } else {
            AuthorityRefused::NotNext { pinned: 1 }
        };
        assert_eq!(refused, expected, "{version}");
    }
    let others: [fn(&mut Authority); 3] = [
        |next| next.root_id = Fingerprint::of_spki(b"another store"),
        |next| next.origin = "example.com/other".to_owned(),
        |next| next.log_keys.truncate(1),
    ];
    for change in others {
        assert_eq!(judge(change), Err(AuthorityRefused::OtherLog));
    }
    let malformed: [fn(&mut Authority); 3] =
        [|next| next.v = 2, |next| next.threshold = 0, |next| next.threshold = 2];
    for change in malformed {
        assert_eq!(judge(change), Err(AuthorityRefused::Malformed));
    }
}

#[test]
fn a_document_is_to_be_replaced_when_it_expires() {
    // HA-08
    let (key, _) = key_pair(&[1; 32]);
    let mut authority = document(1, 1, &[&named("home", &key)]);
    assert!(!authority.has_expired(day(9_999)));
    authority.expires_at = Some(day(10));
    assert!(!authority.has_expired(day(9)));
    assert!(authority.has_expired(day(10)));
}

#[test]
fn a_trust_bundle_is_of_every_authority_on_the_way_to_its_own() {
    // HA-08
    let keys = [1, 2].map(|seed| key_pair(&[seed; 32]).0);
    let [home, away] = [named("home", &keys[0]), named("away", &keys[1])];
    let first = signed(1, &[&home]);
    let second = signed_by(&document(2, 1, &[&away]), &[&home, &away]);
    let third = signed_by(&document(3, 1, &[&away]), &[&away]);
    let (_, foot) = bundle();
    let read_with = |authorities: &[Envelope], pinned: Option<&Envelope>| {
        let head = String::from_utf8(head_line(authorities).unwrap()).unwrap();
        let pinned = pinned.map(|envelope| Digest::of(envelope.payload()));
        read(format!("{head}\n{foot}\n").as_bytes(), pinned.as_ref(), &Reader)
            .map(|bundle| bundle.authority().authority().version)
    };
    let all = [first.clone(), second.clone(), third.clone()];
    for pinned in &all {
        assert_eq!(read_with(&all, Some(pinned)), Ok(3));
    }
    assert_eq!(read_with(&all[1..], Some(&second)), Ok(3));
    assert_eq!(read_with(&all[..2], Some(&third)), Err(UntrustedBundle::OtherAuthority));
    assert_eq!(read_with(&[], None), Err(UntrustedBundle::Malformed));
    let skips = [first.clone(), third];
    let not_next = UntrustedBundle::Authority(AuthorityRefused::NotNext { pinned: 1 });
    assert_eq!(read_with(&skips, Some(&first)), Err(not_next));
    let forged = [first.clone(), signed_by(&document(2, 1, &[&away]), &[&away])];
    let too_few = UntrustedBundle::Authority(AuthorityRefused::TooFewSigners);
    assert_eq!(read_with(&forged, Some(&first)), Err(too_few));
}

/// The first and last line of a bundle of an empty log.
fn bundle() -> (String, String) {
    let (one, _) = key_pair(&[1; 32]);
    let authority = [signed(1, &[&named("a", &one)])];
    let (key, log, cosigner) = log();
    let head = TreeHead { size: 0, root: empty_root() };
    let text = Checkpoint::new(ORIGIN, head, Some(head)).unwrap().to_string();
    let line = SignatureLine::of(&log, &key.sign(text.as_bytes()).unwrap());
    let cosignature = key.sign(&cosigned_message(&text, 1_738_368_000)).unwrap();
    let mut note = Note::new(text, line).unwrap();
    note.push(SignatureLine::of_cosigner(&cosigner, 1_738_368_000, &cosignature)).unwrap();
    let lines = [head_line(&authority).unwrap(), foot_line(&note.to_string()).unwrap()];
    let [head, foot] = lines.map(|line| String::from_utf8(line).unwrap());
    (head, foot)
}

#[test]
fn a_trust_bundle_is_read_in_the_one_form_that_is_written() {
    let (head, foot) = bundle();
    let whole = |head: &str, foot: &str| {
        read(format!("{head}\n{foot}\n").as_bytes(), None, &Reader)
            .map(|bundle| bundle.head().log())
    };
    assert_eq!(whole(&head, &foot).unwrap().size, 0);
    let spaced = head.replace("\"v\":1", "\"v\": 1");
    let reordered = format!("{{\"v\":1,{}}}", head[1..].replace(",\"v\":1}", ""));
    let doubled = head.replace("\"v\":1", "\"v\":1,\"v\":1");
    let inner = head.replacen("{\"payload\":", "{\"payload\":\"\",\"payload\":", 1);
    for head in [spaced, reordered, doubled, inner] {
        let refused = whole(&head, &foot).unwrap_err();
        assert_eq!(refused, UntrustedBundle::Malformed, "{head}");
    }
    let spaced = foot.replacen(':', ": ", 1);
    let doubled = format!("{{\"checkpoint\":\"\",{}", &foot[1..]);
    let more = foot.replace('}', ",\"v\":1}");
    for foot in [spaced, doubled, more] {
        let refused = whole(&head, &foot).unwrap_err();
        assert_eq!(refused, UntrustedBundle::Malformed, "{foot}");
    }
}
