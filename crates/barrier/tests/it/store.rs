//! Stores to test with, and headers as an attacker writes them.

use std::sync::OnceLock;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use keyward_barrier::{
    Cost, Created, KeeperName, KeeperShare, PasswordTerms, RecordId, RecordKind, RecordName,
    RecordVersion, RecoveryShare, Sealed, SlotLabel, Terms, Unsealed, create,
};
use keyward_crypto::{
    secret::{LockPolicy, Password},
    signing::PrivateKey,
    spki,
};
use keyward_lifecycle::{algorithm::Algorithm, canonical, id::Digest, time::Timestamp};
use serde_json::Value;

pub(crate) const PASSWORD: &str = "correct horse battery staple";
/// So that the tests run where memory cannot be locked.
pub(crate) const MEMORY: LockPolicy = LockPolicy::AllowUnlocked;

pub(crate) fn password(text: &str) -> Password {
    Password::new(text.into()).unwrap()
}

pub(crate) fn cheap() -> Cost {
    Cost::new(Cost::MEMORY_KIB_MIN, 1, 1).unwrap()
}

pub(crate) fn terms() -> Terms {
    Terms {
        cost: cheap(),
        label: SlotLabel::parse("first password").unwrap(),
        memory: MEMORY,
        now: "2025-01-01T00:00:00Z".parse::<Timestamp>().unwrap(),
    }
}

pub(crate) fn fresh(text: &str) -> Created {
    create(&password(text), terms()).unwrap()
}

/// One store for all tests that only read.
pub(crate) fn store() -> &'static Unsealed {
    static STORE: OnceLock<Unsealed> = OnceLock::new();
    STORE.get_or_init(|| fresh(PASSWORD).unsealed)
}

pub(crate) fn name(kind: RecordKind, id: &str, version: u32) -> RecordName {
    RecordName::new(kind, RecordId::parse(id).unwrap(), RecordVersion::new(version).unwrap())
}

/// The store's header as a document.
pub(crate) fn document(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

pub(crate) fn bytes(document: &Value) -> Vec<u8> {
    canonical::value_to_bytes(document).unwrap()
}

/// Signs the member `header` with another identity, which takes the store's place in it.
pub(crate) fn signed_by(identity: &PrivateKey, mut document: Value) -> Vec<u8> {
    let header = &mut document["header"];
    header["identity"] = BASE64.encode(identity.spki()).into();
    header["rootId"] = spki::fingerprint(identity.spki()).to_string().into();
    let message = [b"keyward/epoch-header/v1\0", &*bytes(header)].concat();
    document["signature"] = BASE64.encode(identity.sign(&message).unwrap()).into();
    bytes(&document)
}

pub(crate) fn attacker() -> PrivateKey {
    PrivateKey::generate(Algorithm::Ed25519).unwrap()
}

/// A store of a test's own.
pub(crate) fn own() -> Unsealed {
    fresh(PASSWORD).unsealed
}

pub(crate) fn now() -> Timestamp {
    terms().now
}

pub(crate) fn label(text: &str) -> SlotLabel {
    SlotLabel::parse(text).unwrap()
}

pub(crate) fn password_terms(text: &str) -> PasswordTerms {
    PasswordTerms { cost: cheap(), label: label(text), now: now() }
}

pub(crate) fn keepers(names: &[&str]) -> Vec<KeeperName> {
    names.iter().map(|name| KeeperName::parse(name).unwrap()).collect()
}

/// What whoever restarts reads: the header as it was kept.
pub(crate) fn sealed(unsealed: &Unsealed) -> Sealed {
    Sealed::read(unsealed.header().bytes(), Some(&unsealed.root_id())).unwrap()
}

pub(crate) fn copies<K: Copied>(shares: &[K]) -> Vec<K> {
    shares.iter().map(Copied::copied).collect()
}

/// Shares are not copied but by their bytes.
pub(crate) trait Copied {
    fn copied(&self) -> Self;
}

impl Copied for RecoveryShare {
    fn copied(&self) -> Self {
        Self::read(&self.to_bytes()).unwrap()
    }
}

impl Copied for KeeperShare {
    fn copied(&self) -> Self {
        Self::read(&self.to_bytes()).unwrap()
    }
}

/// The same share with one byte changed, and the check made anew.
pub(crate) fn altered(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes[..89].to_vec();
    bytes[at] ^= 1;
    let check = Digest::of(&[b"keyward/share-check/v1\0", bytes.as_slice()].concat());
    [bytes.as_slice(), &check.as_bytes()[..8]].concat()
}
