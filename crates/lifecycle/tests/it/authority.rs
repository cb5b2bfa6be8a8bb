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
    canonical,
    envelope::{Envelope, Signature, pae},
    id::Fingerprint,
    trust::{UntrustedBundle, foot_line, head_line, read},
};

use crate::{note::key_pair, world::id};

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

/// A document of these keys that each of them has signed.
fn signed(threshold: u32, keys: &[(&str, &PrivateKey, String)]) -> Envelope {
    let (_, log, cosigner) = log();
    let named = |(name, _, pem): &(&str, _, String)| AuthorityKey {
        key_id: id(name),
        public_key: pem.clone(),
    };
    let authority = Authority {
        v: 1,
        version: 1,
        root_id: Fingerprint::of_spki(b"the store identity"),
        threshold,
        keys: keys.iter().map(named).collect(),
        origin: ORIGIN.to_owned(),
        log_keys: vec![log.to_string(), cosigner.to_string()],
        expires_at: None,
    };
    let payload = canonical::to_bytes(&authority).unwrap();
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

#[test]
fn one_key_under_two_names_and_in_two_writings_is_one_signer() {
    let ((one, _), (other, _)) = (key_pair(&[1; 32]), key_pair(&[2; 32]));
    let (pem, other_pem) = (spki::to_pem(one.spki()), spki::to_pem(other.spki()));
    let again = pem.replace('\n', "\r\n");
    assert_eq!(spki::from_pem(&again), spki::from_pem(&pem));
    let twice = signed(2, &[("a", &one, pem.clone()), ("b", &one, again)]);
    assert_eq!(admit(&twice, None, &Reader).unwrap_err(), AuthorityRefused::TooFewSigners);
    let two = signed(2, &[("a", &one, pem), ("b", &other, other_pem)]);
    assert_eq!(admit(&two, None, &Reader).unwrap().authority().threshold, 2);
}

/// The first and last line of a bundle of an empty log.
fn bundle() -> (String, String) {
    let (one, _) = key_pair(&[1; 32]);
    let authority = signed(1, &[("a", &one, spki::to_pem(one.spki()))]);
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
