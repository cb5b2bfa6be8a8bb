//! A fold with many keys, made by folding events.

use std::sync::Arc;

use keyward_lifecycle::{
    algorithm::Algorithm,
    anchor::AnchorRecord,
    event::{Event, Fact, VERSION},
    id::{ActorId, AnchorId, Fingerprint, KeyId, ProfileName},
    key::{Custody, KeyRecord, KeyTerms},
    pattern::Pattern,
    profile::StoreAddress,
    state::State,
    time::Timestamp,
};

use crate::{Failure, measure::Chooser};

/// Windows of every key, each in another anchor.
pub(crate) const WINDOWS: u32 = 10;
/// Keys of every anchor.
const KEYS_PER_ANCHOR: u32 = 100;

/// A fold of its own size: events after `state`'s that stand at the place of its last, so that
/// it can be the fold of a short log.
pub(crate) struct Population {
    pub(crate) state: State,
    actor: ActorId,
    seq: u64,
    time: i64,
}

impl Population {
    pub(crate) fn on(state: State) -> Result<Self, Failure> {
        let (actor, seq) = (ActorId::parse("system")?, state.size().saturating_sub(1));
        let time = state.last_time().map_or(1_700_000_000, Timestamp::seconds);
        Ok(Self { state, actor, seq, time })
    }

    /// Adds `keys` keys with [`WINDOWS`] windows each.
    pub(crate) fn grow(&mut self, keys: u32) -> Result<(), Failure> {
        let anchors = keys.saturating_mul(WINDOWS) / KEYS_PER_ANCHOR;
        for number in 0..anchors.max(WINDOWS) {
            let anchor = anchor(number)?;
            self.apply(Fact::AnchorCreated { anchor, imported: false });
        }
        for number in 0..keys {
            let key = key(number)?;
            let key_id = key.key_id.clone();
            self.apply(Fact::KeyGenerated { key, active: false });
            for window in 0..WINDOWS {
                let number = self.anchor_of(number, window, anchors.max(WINDOWS));
                let (anchor_id, key_id) = (anchor_id(number), key_id.clone());
                self.apply(Fact::KeyAdded { anchor_id, key_id });
            }
        }
        Ok(())
    }

    /// The anchors of a key lie far apart, as they do where keys and anchors come and go.
    fn anchor_of(&self, key: u32, window: u32, anchors: u32) -> u32 {
        let stride = anchors / WINDOWS;
        let first = key.checked_rem(stride.max(1)).unwrap_or(0);
        first.saturating_add(window.saturating_mul(stride))
    }

    fn apply(&mut self, fact: Fact) {
        self.time = self.time.saturating_add(1);
        let time = Timestamp::from_seconds(self.time);
        let event = Event { v: VERSION, seq: self.seq, time, actor: self.actor.clone(), fact };
        self.state.apply(&event);
    }
}

/// The name of the key of that number.
pub(crate) fn key_id(number: u32) -> Result<KeyId, Failure> {
    Ok(KeyId::parse(&format!("key-2025-{number:07}"))?)
}

/// The name of the anchor of that number.
pub(crate) fn anchor_id(number: u32) -> AnchorId {
    let head = Chooser::new(u64::from(number)).next().to_be_bytes();
    let mut bytes = [0; 16];
    for (place, byte) in bytes.iter_mut().zip(head.into_iter().chain(head)) {
        *place = byte;
    }
    AnchorId::from_bytes(bytes)
}

fn anchor(number: u32) -> Result<AnchorRecord, Failure> {
    Ok(AnchorRecord {
        anchor_id: anchor_id(number),
        pattern: Pattern::parse(&format!("pkg:cargo/package-{number}-*"))?,
        predicate_types: Vec::new(),
        threshold: 1,
        algorithms: Vec::new(),
        policy_version: None,
        asserted: Vec::new(),
    })
}

/// A record as generation makes it; its public key is no point, and nothing verifies with it.
fn key(number: u32) -> Result<KeyRecord, Failure> {
    let mut chooser = Chooser::new(u64::from(number));
    let mut raw = [0; 32];
    for chunk in raw.chunks_mut(8) {
        chunk.copy_from_slice(&chooser.next().to_be_bytes());
    }
    let spki = keyward_crypto::spki::from_raw(Algorithm::Ed25519, &raw)?;
    Ok(KeyRecord {
        key_id: key_id(number)?,
        expires_at: None,
        terms: Arc::new(KeyTerms {
            algorithm: Algorithm::Ed25519,
            profile: ProfileName::parse("default")?,
            purpose: "signing".into(),
            store: StoreAddress::software(),
            custody: Custody::Exclusive,
            max_usage: None,
        }),
        origin: None,
        fingerprint: Fingerprint::of_spki(&spki),
        public_key: spki.into(),
        version: 1,
    })
}
