//! The fold: everything that is known is what the events of the log add up to.
//!
//! A [`State`] is persistent: cloning it costs nothing, so the writer decides on a speculative
//! copy while readers hold the last durable one.

mod apply;
mod lookup;
mod root;
mod secret;
pub mod snapshot;

use alloc::{sync::Arc, vec::Vec};

use imbl::{OrdMap, OrdSet, Vector};

use crate::{
    access::Token,
    anchor::Anchor,
    audit::checkpoint::TreeHead,
    id::{ActorId, AnchorId, Digest, Fingerprint, KeyId, ProfileName},
    key::{Key, KeyTerms},
    pattern::PatternIndex,
    profile::Profile,
    purl::Purl,
    root::RootFold,
    time::Timestamp,
};
use lookup::Lookup;
pub use secret::SecretsFold;

/// What the log adds up to.
#[derive(Clone, Debug, Default)]
pub struct State {
    size: u64,
    last_time: Option<Timestamp>,
    store: Option<Arc<Store>>,
    profiles: OrdMap<ProfileName, Arc<Profile>>,
    terms: OrdSet<Arc<KeyTerms>>,
    keys: Vector<Arc<Key>>,
    key_by_id: Lookup,
    key_by_fingerprint: Lookup,
    halves: OrdMap<Short, u32>,
    signers: OrdMap<(ProfileName, Arc<str>), u32>,
    anchors: Vector<Arc<Anchor>>,
    anchor_by_id: OrdMap<AnchorId, u32>,
    patterns: PatternIndex,
    tokens: OrdMap<Arc<str>, Arc<Token>>,
    token_by_digest: OrdMap<Digest, Arc<str>>,
    actors: OrdMap<ActorId, ActorFold>,
    ledger: LedgerFold,
    root: Arc<RootFold>,
    secrets: SecretsFold,
    counts: Counts,
}

/// The head of a SHA-256: 16 bytes stand for a name in an index, which halves its memory; 2^64
/// tries find a pair that collides, and a collision is refused as a name that is taken.
type Short = [u8; 16];

/// How the store began.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a view of the fold")]
pub struct Store {
    /// The store identity's fingerprint.
    pub root_id: Fingerprint,
    /// The digest of the authority document.
    pub authority: Digest,
    /// The version of that document.
    pub authority_version: u64,
    /// The log's verifier key.
    pub log_key: Arc<str>,
    /// When.
    pub created_at: Timestamp,
}

/// What is known of a pseudonym.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a view of the fold")]
pub struct ActorFold {
    /// Binds its name in the side table.
    pub commitment: Digest,
    /// Whether the name was erased.
    pub forgotten: bool,
}

/// What the log says of the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a view of the fold")]
pub struct LedgerFold {
    /// The last head that was bound into the log.
    pub head: Option<TreeHead>,
    /// Since when buffered signing is open, if it is.
    pub open_since: Option<Timestamp>,
    /// Spans in which released signatures may be missing.
    pub gaps: Vector<(Timestamp, Timestamp)>,
}

/// Running totals, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a view of the fold")]
pub struct Counts {
    /// Keys revoked or compromised.
    pub keys_revoked: u64,
    /// Rotations completed.
    pub rotations: u64,
    /// Commands refused.
    pub refusals: u64,
}

impl State {
    /// How many leaves were folded.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The time of the newest event.
    #[must_use]
    pub const fn last_time(&self) -> Option<Timestamp> {
        self.last_time
    }

    /// The time that counts: the later of the clock and the newest event, so that a clock that
    /// is set back brings nothing back.
    #[must_use]
    pub fn now(&self, clock: Timestamp) -> Timestamp {
        self.last_time.map_or(clock, |last| last.max(clock))
    }

    /// How the store began; `None` before it did.
    #[must_use]
    pub fn store(&self) -> Option<&Store> {
        self.store.as_deref()
    }

    /// A profile.
    #[must_use]
    pub fn profile(&self, name: &ProfileName) -> Option<&Profile> {
        self.profiles.get(name).map(|profile| &**profile)
    }

    /// All profiles, by name.
    pub fn profiles(&self) -> impl Iterator<Item = &Profile> {
        self.profiles.values().map(|profile| &**profile)
    }

    /// A key by its name.
    #[must_use]
    pub fn key(&self, id: &KeyId) -> Option<&Key> {
        self.key_number(id).and_then(|number| self.key_at(number))
    }

    /// A key by its public key's fingerprint.
    #[must_use]
    pub fn key_of(&self, fingerprint: &Fingerprint) -> Option<&Key> {
        let is =
            |number| self.key_at(number).is_some_and(|key| key.record.fingerprint == *fingerprint);
        let number = self.key_by_fingerprint.find(&short(fingerprint.digest()), is)?;
        self.key_at(number)
    }

    /// The composite key of which `fingerprint` is one half.
    #[must_use]
    pub fn composite_with_half(&self, fingerprint: &Fingerprint) -> Option<&Key> {
        self.halves.get(&short(fingerprint.digest())).and_then(|number| self.key_at(*number))
    }

    /// A key by its number, which is the order in which keys came.
    #[must_use]
    pub fn key_at(&self, number: u32) -> Option<&Key> {
        self.keys.get(index(number)).map(|key| &**key)
    }

    /// The number of a key.
    #[must_use]
    pub fn key_number(&self, id: &KeyId) -> Option<u32> {
        let is = |number| self.key_at(number).is_some_and(|key| key.record.key_id == *id);
        self.key_by_id.find(&short_name(id), is)
    }

    /// All keys, in the order in which they came.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter().map(|key| &**key)
    }

    /// The key that signs for a profile and purpose: the one that is ACTIVE or ROTATING.
    #[must_use]
    pub fn signer(&self, profile: &ProfileName, purpose: &str) -> Option<&Key> {
        let number = self.signers.get(&(profile.clone(), purpose.into()))?;
        self.key_at(*number)
    }

    /// An anchor by its name.
    #[must_use]
    pub fn anchor(&self, id: &AnchorId) -> Option<&Anchor> {
        self.anchor_number(id).and_then(|number| self.anchor_at(number))
    }

    /// An anchor by its number, which is the order in which anchors came.
    #[must_use]
    pub fn anchor_at(&self, number: u32) -> Option<&Anchor> {
        self.anchors.get(index(number)).map(|anchor| &**anchor)
    }

    /// The number of an anchor.
    #[must_use]
    pub fn anchor_number(&self, id: &AnchorId) -> Option<u32> {
        self.anchor_by_id.get(id).copied()
    }

    /// All anchors, in the order in which they came, with their numbers.
    pub fn anchors(&self) -> impl Iterator<Item = (u32, &Anchor)> {
        (0..).zip(self.anchors.iter().map(|anchor| &**anchor))
    }

    /// The anchors whose ids begin with these hex digits and hyphens; at most two, since two
    /// are already one too many.
    #[must_use]
    pub fn anchors_with_prefix(&self, prefix: &str) -> Vec<AnchorId> {
        use alloc::string::ToString as _;
        let matching = |id: &&AnchorId| id.to_string().starts_with(prefix);
        self.anchor_by_id.keys().filter(matching).take(2).copied().collect()
    }

    /// The active anchor that judges `purl`: the most specific pattern that matches. There is
    /// no fallback to a broader one.
    #[must_use]
    pub fn anchor_for(&self, purl: &Purl) -> Option<(u32, &Anchor)> {
        let number = self.patterns.find(purl)?;
        self.anchor_at(number).map(|anchor| (number, anchor))
    }

    /// The patterns of active anchors.
    #[must_use]
    pub const fn patterns(&self) -> &PatternIndex {
        &self.patterns
    }

    /// A token by its public name.
    #[must_use]
    pub fn token(&self, id: &str) -> Option<&Token> {
        self.tokens.get(id).map(|token| &**token)
    }

    /// A token by the digest of its secret part.
    #[must_use]
    pub fn token_of(&self, digest: &Digest) -> Option<&Token> {
        self.token_by_digest.get(digest).and_then(|id| self.token(id))
    }

    /// All tokens that were not withdrawn, by name.
    pub fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.tokens.values().map(|token| &**token)
    }

    /// Every pseudonym, also those whose names were erased.
    pub fn actors(&self) -> impl Iterator<Item = (&ActorId, &ActorFold)> {
        self.actors.iter()
    }

    /// What is known of a pseudonym.
    #[must_use]
    pub fn actor(&self, id: &ActorId) -> Option<&ActorFold> {
        self.actors.get(id)
    }

    /// What the log says of the ledger.
    #[must_use]
    pub const fn ledger(&self) -> &LedgerFold {
        &self.ledger
    }

    /// What the log says of the root key.
    #[must_use]
    pub fn root(&self) -> &RootFold {
        &self.root
    }

    /// Running totals.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }
}

fn short(digest: Digest) -> Short {
    let (head, _) = digest.as_bytes().split_first_chunk::<16>().unwrap_or((&[0; 16], &[]));
    *head
}

fn short_name(id: &KeyId) -> Short {
    short(Digest::of(id.as_str().as_bytes()))
}

const fn index(number: u32) -> usize {
    number as usize
}
