//! A key: an immutable record, its status, its end, and the anchors that believe it.

pub mod due;
pub mod revocation;
mod spki;
pub mod state;
pub mod validity;

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use crate::{
    algorithm::Algorithm,
    id::{ContentId, Fingerprint, KeyId, ProfileName},
    profile::StoreAddress,
    time::{Timestamp, Window},
};
pub use revocation::{CompromiseScope, Reason, Revocation};
pub use spki::Spki;
pub use state::{Move, Status};

/// What is fixed when a key is made, and never changes (SP 800-57 part 1 section 6.2.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "a new member must be decided about everywhere")]
pub struct KeyRecord {
    /// Its name, used once for ever.
    pub key_id: KeyId,
    /// What its signatures are.
    pub algorithm: Algorithm,
    /// The profile that it was made under.
    pub profile: ProfileName,
    /// What it is for; one key is active for each profile and purpose (LC-021).
    pub purpose: Arc<str>,
    /// Where its private part is, or was.
    pub store: StoreAddress,
    /// SHA-256 of `public_key`.
    pub fingerprint: Fingerprint,
    /// Canonical DER `SubjectPublicKeyInfo`.
    pub public_key: Spki,
    /// Whether another copy of the private part can exist.
    pub custody: Custody,
    /// When its windows end of themselves.
    pub expires_at: Option<Timestamp>,
    /// How many signatures it may make; never 0 (LC-011).
    pub max_usage: Option<NonZeroU64>,
    /// Counts the rotations of one lineage, from 1.
    pub version: u32,
    /// The predecessor, whose lineage this key continues.
    pub parent: Option<KeyId>,
    /// How it was derived from a seed, if it was.
    pub derivation_path: Option<Arc<str>>,
}

impl KeyRecord {
    /// Lets `other` hold this record's texts where its own are equal: millions of keys are
    /// held, and most say the same.
    pub(crate) fn share_with(&self, other: &mut Self) {
        if self.profile == other.profile {
            other.profile = self.profile.clone();
        }
        if self.purpose == other.purpose {
            other.purpose = self.purpose.clone();
        }
        if self.store == other.store {
            other.store = self.store.clone();
        }
    }
}

/// Whether this store alone can have made a key's signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// A key as the log has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "a new member must be decided about everywhere")]
pub struct Key {
    /// What never changes.
    pub record: KeyRecord,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its status, not counting a revocation that is not yet in effect: see [`Key::status`].
    pub standing: Status,
    /// When it became the signer.
    pub promoted_at: Option<Timestamp>,
    /// When succession or retirement ended its signing; later signatures are not believed.
    pub not_after: Option<Timestamp>,
    /// Its revocation, given at the key and so in force in every anchor.
    pub revocation: Option<Revocation>,
    /// Its successor, once one is named.
    pub succession: Option<Box<Succession>>,
    /// When its private part was destroyed.
    pub destroyed_at: Option<Timestamp>,
    /// How many uses have been handed out, in durable blocks.
    pub usage_granted: u64,
    /// The number of its first ancestor: what a threshold counts.
    pub lineage: u32,
    /// In which anchors it is believed, from when; sorted by anchor number.
    pub memberships: Vec<Membership>,
}

/// A key's successor, and how far the step from one to the other has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "a new member must be decided about everywhere")]
pub struct Succession {
    /// The key that follows.
    pub successor: KeyId,
    /// The statement that both keys signed, once it is logged.
    pub statement: Option<ContentId>,
    /// When the statement was logged.
    pub attested_at: Option<Timestamp>,
}

/// One anchor's belief in one key: there is one of these per anchor and key, ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "ten million of them are held: 24 bytes each")]
pub struct Membership {
    /// The anchor's number in the fold.
    pub anchor: u32,
    /// Why it ended, if it did.
    pub reason: Option<Reason>,
    /// The first instant at which the key is believed.
    pub added_at: Timestamp,
    /// The first instant at which it is no longer; [`Timestamp::MAX`] when not ended.
    pub ended_at: Timestamp,
}

impl Key {
    /// The status at `now`: a revocation counts from its effective time.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> Status {
        match &self.revocation {
            Some(revocation) if revocation.reason.is_compromise() => Status::Compromised,
            Some(revocation) if revocation.effective_at <= now => Status::Revoked,
            Some(_) | None => self.standing,
        }
    }

    /// Its belief in the anchor of that number, by binary search.
    #[must_use]
    pub fn membership(&self, anchor: u32) -> Option<&Membership> {
        let found = self.memberships.binary_search_by_key(&anchor, |member| member.anchor);
        found.ok().and_then(|index| self.memberships.get(index))
    }

    /// The window in which `anchor` believes it: from the addition to the earliest of the
    /// membership's end, the key's revocation and invalidity date, its expiry and its
    /// not-after (design: verdicts, `[a, e)`).
    #[must_use]
    pub fn window(&self, membership: &Membership) -> Window {
        Window::new(membership.added_at, self.end(membership))
    }

    fn end(&self, membership: &Membership) -> Option<Timestamp> {
        let ended = Some(membership.ended_at).filter(|end| *end != Timestamp::MAX);
        let revoked = self.revocation.as_ref().map(Revocation::ends_at);
        [ended, revoked, self.record.expires_at, self.not_after].into_iter().flatten().min()
    }

    /// Whether `anchor` still lists it at `now`: added, and neither ended there, revoked nor
    /// expired. A staged or retired key is listed.
    #[must_use]
    pub fn is_listed(&self, membership: &Membership, now: Timestamp) -> bool {
        let revoked = self.revocation.as_ref().map(Revocation::ends_at);
        let over = |end: Option<Timestamp>| end.is_some_and(|end| end <= now);
        membership.ended_at > now && !over(revoked) && !over(self.record.expires_at)
    }
}
