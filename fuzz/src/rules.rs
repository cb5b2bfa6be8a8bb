//! The readers of `keyward-lifecycle`: documents, names, leaves, notes.

use std::{fmt::Display, str::FromStr, sync::Arc};

use keyward_lifecycle::{
    algorithm::{BadSignature, MalformedKey, PublicKey, Verify},
    audit::{
        checkpoint::Checkpoint,
        note::{Note, vkey::VerifierKey},
        tlog_proof::TlogProof,
    },
    authority::{ReadKey, admit},
    bundle::Bundle,
    canonical::{Integers, Limits, read, to_bytes_with},
    envelope::Envelope,
    event::Event,
    id::{ActorId, AnchorId, ContentId, Digest, EventId, Fingerprint, KeyId, ProfileName},
    key::Reason,
    ledger::Entry,
    pattern::{Pattern, PatternIndex},
    profile::StoreAddress,
    purl::Purl,
    state::State,
    statement::{PredicateType, Statement, StatementText},
    time::Timestamp,
    trust,
};

/// The place that a leaf claims; readers are told the true one.
fn claimed_seq(leaf: &[u8]) -> u64 {
    let leaf: Option<serde_json::Value> = serde_json::from_slice(leaf).ok();
    leaf.and_then(|leaf| leaf.get("seq")?.as_u64()).unwrap_or(0)
}

/// What was accepted, written and read again, is the same.
fn returns<T: FromStr + Display + PartialEq>(text: &str) {
    let Ok(read) = text.parse::<T>() else { return };
    let written = read.to_string();
    let again = written.parse::<T>();
    assert!(again.is_ok_and(|again| again == read), "{text:?} was written as {written:?}");
}

pub(crate) fn canonical(bytes: &[u8]) {
    for integers in [Integers::Exact, Integers::AsDoubles] {
        let limits = Limits::DOCUMENT;
        let Ok(value) = read(bytes, limits, integers) else { continue };
        let written = to_bytes_with(&value, integers).expect("what was read can be written");
        if written.len() > limits.bytes() {
            continue;
        }
        let again = read(&written, limits, integers).expect("what was written can be read");
        assert_eq!(to_bytes_with(&again, integers).as_ref(), Ok(&written));
    }
}

pub(crate) fn purl(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let strict = Purl::parse(text);
    for purl in [strict.clone(), Purl::normalise(text)].into_iter().flatten() {
        let written = purl.to_string();
        assert_eq!(Purl::parse(&written).as_ref(), Ok(&purl), "{text:?} as {written:?}");
    }
    if let Ok(strict) = strict {
        assert_eq!(Purl::normalise(text), Ok(strict), "both readers agree on {text:?}");
    }
}

/// A pattern a line, and a purl in the last line.
pub(crate) fn pattern(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (patterns, purl) = text.rsplit_once('\n').unwrap_or((text, text));
    let purl = Purl::parse(purl).ok();
    let mut index = PatternIndex::new();
    let mut best: Option<(usize, u32)> = None;
    for (number, text) in (0..).zip(patterns.split('\n')) {
        let Ok(pattern) = Pattern::parse(text) else { continue };
        assert_eq!(Pattern::parse(&pattern.to_string()).as_ref(), Ok(&pattern));
        let _ = pattern.warning();
        if index.get(&pattern).is_some() {
            continue;
        }
        index.insert(&pattern, number);
        if let Some(purl) = &purl
            && pattern.matches(purl)
        {
            let length = pattern.literal().len();
            // An exact pattern is as long as the prefix that ends where it does, and wins.
            let length = length * 2 + usize::from(matches!(pattern, Pattern::Exact(_)));
            best = best.max(Some((length, number)));
        }
    }
    if let Some(purl) = &purl {
        assert_eq!(index.find(purl), best.map(|(_, number)| number), "{text:?}");
    }
}

pub(crate) fn event(bytes: &[u8]) {
    if let Ok(event) = Event::from_leaf(claimed_seq(bytes), bytes) {
        assert_eq!(event.to_leaf().as_deref(), Ok(bytes));
    }
}

pub(crate) fn entry(bytes: &[u8]) {
    if let Some(entry) = Entry::from_leaf(claimed_seq(bytes), bytes) {
        assert_eq!(entry.to_leaf().as_deref(), Ok(bytes));
    }
}

pub(crate) fn envelope(bytes: &[u8]) {
    let Ok(envelope) = Envelope::parse(bytes) else { return };
    let written = envelope.to_json().expect("an envelope has a canonical form");
    let again = Envelope::parse(&written).expect("what was written can be read");
    assert_eq!(again.to_json().as_ref(), Ok(&written));
    assert_eq!(again.pae(), envelope.pae());
    assert_eq!(again.signatures(), envelope.signatures());
}

pub(crate) fn statement(bytes: &[u8]) {
    let _ = StatementText::read(bytes);
    let Ok(statement) = Statement::parse(bytes) else { return };
    // A predicate may hold numbers that have no canonical form; then there is no such form.
    let Ok(written) = statement.to_bytes() else { return };
    let again = Statement::parse(&written).expect("what was written can be read");
    assert_eq!(again.to_bytes().as_ref(), Ok(&written));
}

pub(crate) fn note(bytes: &[u8]) {
    let Ok(note) = Note::parse(bytes) else { return };
    assert_eq!(note.to_string().as_bytes(), bytes, "a note has one form");
    if let Ok(checkpoint) = Checkpoint::parse(note.text()) {
        assert_eq!(checkpoint.to_string(), note.text());
    }
}

pub(crate) fn checkpoint(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(checkpoint) = Checkpoint::parse(text) else { return };
    assert_eq!(checkpoint.to_string(), text, "a checkpoint has one form");
    let _ = checkpoint.ledger_head();
}

pub(crate) fn verifier_key(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(key) = text.parse::<VerifierKey>() else { return };
    assert_eq!(key.to_string(), text, "a verifier key has one form");
    let _ = (key.key_hash(), key.ed25519_spki());
}

pub(crate) fn tlog_proof(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(proof) = text.parse::<TlogProof>() else { return };
    assert_eq!(proof.to_string(), text, "a proof has one form");
}

pub(crate) fn bundle(bytes: &[u8]) {
    let Ok(bundle) = Bundle::parse(bytes) else { return };
    let written = bundle.to_json().expect("a bundle has a canonical form");
    let again = Bundle::parse(&written).expect("what was written can be read");
    assert_eq!(again.id(), bundle.id());
    assert_eq!(again.to_json().as_ref(), Ok(&written));
}

pub(crate) fn authority(bytes: &[u8]) {
    let Ok(envelope) = Envelope::parse(bytes) else { return };
    if let Ok(first) = admit(&envelope, None, &Credulous) {
        assert_eq!(first.digest(), Digest::of(envelope.payload()));
        assert!(admit(&envelope, Some(&first), &Credulous).is_err(), "it follows itself");
    }
}

pub(crate) fn trust(bytes: &[u8]) {
    if let Ok(trust) = trust::read(bytes, None, &Credulous) {
        assert_eq!(trust.state().size(), trust.head().log().size);
        let snapshot = trust.state().to_snapshot().expect("there is memory for it");
        assert!(State::from_snapshot(&snapshot).is_ok());
    }
}

pub(crate) fn time(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        returns::<Timestamp>(text);
    }
}

pub(crate) fn id(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    returns::<KeyId>(text);
    returns::<ProfileName>(text);
    returns::<ActorId>(text);
    returns::<AnchorId>(text);
    returns::<EventId>(text);
    returns::<Digest>(text);
    returns::<Fingerprint>(text);
    returns::<ContentId>(text);
    returns::<StoreAddress>(text);
    returns::<PredicateType>(text);
    returns::<Reason>(text);
    let _ = Reason::imported(text);
}

/// Believes every signature, so that the search gets behind the place where forgeries end.
struct Credulous;

impl ReadKey for Credulous {
    fn ed25519_from_pem(&self, pem: &str) -> Option<(Fingerprint, Arc<dyn PublicKey>)> {
        let spki = keyward_crypto::spki::from_pem(pem).ok()?;
        Some((Fingerprint::of_spki(&spki), Arc::new(Self)))
    }

    fn ed25519(&self) -> &dyn Verify {
        self
    }
}

impl Verify for Credulous {
    fn public_key(&self, _: &[u8]) -> Result<Arc<dyn PublicKey>, MalformedKey> {
        Ok(Arc::new(Self))
    }
}

impl PublicKey for Credulous {
    fn verify(&self, _: &[u8], _: &[u8]) -> Result<(), BadSignature> {
        Ok(())
    }
}
