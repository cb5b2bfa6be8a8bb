//! What is fixed when a key is made: its own part, and the terms that it shares with others.

use alloc::{boxed::Box, sync::Arc};
use core::{num::NonZeroU64, ops::Deref};

use serde::{Deserialize, Serialize};

use super::Spki;
use crate::{
    algorithm::Algorithm,
    id::{Fingerprint, KeyId, ProfileName},
    profile::StoreAddress,
    time::Timestamp,
};

/// What is fixed when a key is made (SP 800-57 part 1 section 6.2.3). Only `version` may change
/// later: a key that becomes another's successor takes the version after it.
///
/// A record reads as its [`KeyTerms`] do: `record.profile` is `record.terms.profile`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Flat", into = "Flat")]
// In this order, what a look-up at a time reads lies in one or two lines of the cache.
#[repr(C)]
#[expect(clippy::exhaustive_structs, reason = "a new member must be decided about everywhere")]
pub struct KeyRecord {
    /// Its name, used once for ever.
    pub key_id: KeyId,
    /// When its windows end of themselves.
    pub expires_at: Option<Timestamp>,
    /// What it was made under; the fold holds equal terms once for all keys that have them.
    pub terms: Arc<KeyTerms>,
    /// What it was made from, if from anything.
    pub origin: Option<Box<KeyOrigin>>,
    /// SHA-256 of `public_key`.
    pub fingerprint: Fingerprint,
    /// Canonical DER `SubjectPublicKeyInfo`.
    pub public_key: Spki,
    /// Counts the rotations of one lineage, from 1: that of the key it succeeds, and one.
    pub version: u32,
}

/// The part of a record that many keys have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "a new member must be decided about everywhere")]
pub struct KeyTerms {
    /// What its signatures are.
    pub algorithm: Algorithm,
    /// The profile that it was made under.
    pub profile: ProfileName,
    /// What it is for; one key is active for each profile and purpose (LC-021).
    pub purpose: Arc<str>,
    /// Where its private part is, or was.
    pub store: StoreAddress,
    /// Whether another copy of the private part can exist.
    pub custody: Custody,
    /// How many signatures it may make; never 0 (LC-011).
    pub max_usage: Option<NonZeroU64>,
}

/// What a key was made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "a new member must be decided about everywhere")]
pub struct KeyOrigin {
    /// The predecessor, whose lineage this key continues.
    pub parent: Option<KeyId>,
    /// How it was derived from a seed, if it was.
    pub derivation_path: Option<Arc<str>>,
}

impl KeyOrigin {
    /// `None` for a key that was made from nothing.
    #[must_use]
    pub fn of(parent: Option<KeyId>, derivation_path: Option<Arc<str>>) -> Option<Box<Self>> {
        let some = parent.is_some() || derivation_path.is_some();
        some.then(|| Box::new(Self { parent, derivation_path }))
    }
}

impl KeyRecord {
    /// The predecessor, whose lineage this key continues.
    #[must_use]
    pub fn parent(&self) -> Option<&KeyId> {
        self.origin.as_ref()?.parent.as_ref()
    }

    /// How it was derived from a seed, if it was.
    #[must_use]
    pub fn derivation_path(&self) -> Option<&str> {
        self.origin.as_ref()?.derivation_path.as_deref()
    }
}

impl Deref for KeyRecord {
    type Target = KeyTerms;

    fn deref(&self) -> &KeyTerms {
        &self.terms
    }
}

/// Whether this store alone can have made a key's signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum Custody {
    /// Made here, never exported, in a store that is not shared.
    Exclusive,
    /// Imported, or in a shared store: other signers may exist.
    Shared,
    /// Somebody else's: only the public part is known here.
    Foreign,
}

/// A record as events carry it (`docs/format/event.md`).
#[derive(Serialize, Deserialize)]
#[serde(rename = "KeyRecord", rename_all = "camelCase", deny_unknown_fields)]
struct Flat {
    key_id: KeyId,
    algorithm: Algorithm,
    profile: ProfileName,
    purpose: Arc<str>,
    store: StoreAddress,
    fingerprint: Fingerprint,
    public_key: Spki,
    custody: Custody,
    expires_at: Option<Timestamp>,
    max_usage: Option<NonZeroU64>,
    version: u32,
    parent: Option<KeyId>,
    derivation_path: Option<Arc<str>>,
}

impl From<Flat> for KeyRecord {
    fn from(flat: Flat) -> Self {
        let Flat { key_id, algorithm, profile, purpose, store, fingerprint, .. } = flat;
        let Flat { public_key, custody, expires_at, max_usage, version, .. } = flat;
        let terms = KeyTerms { algorithm, profile, purpose, store, custody, max_usage };
        Self {
            key_id,
            expires_at,
            terms: Arc::new(terms),
            origin: KeyOrigin::of(flat.parent, flat.derivation_path),
            fingerprint,
            public_key,
            version,
        }
    }
}

impl From<KeyRecord> for Flat {
    fn from(record: KeyRecord) -> Self {
        let KeyRecord { key_id, expires_at, terms, origin, fingerprint, public_key, version } =
            record;
        let KeyTerms { algorithm, profile, purpose, store, custody, max_usage } =
            Arc::unwrap_or_clone(terms);
        let KeyOrigin { parent, derivation_path } = origin.map_or_else(Default::default, |it| *it);
        Self {
            key_id,
            algorithm,
            profile,
            purpose,
            store,
            fingerprint,
            public_key,
            custody,
            expires_at,
            max_usage,
            version,
            parent,
            derivation_path,
        }
    }
}
