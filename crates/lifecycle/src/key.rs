//! A key: an immutable record, its status, its end, and the anchors that believe it.

pub(crate) mod course;
pub mod due;
mod membership;
mod record;
pub mod revocation;
mod spki;
pub mod state;
pub mod validity;

use alloc::boxed::Box;

use crate::time::{Timestamp, Window};
pub use course::Succession;
pub(crate) use course::{Course, Ended};
pub(crate) use membership::Additions;
pub use membership::Membership;
pub use record::{Custody, KeyOrigin, KeyRecord, KeyTerms};
pub use revocation::{CompromiseScope, Reason, Revocation};
pub use spki::Spki;
pub use state::{Move, Status};

/// A key as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
// In this order, what a look-up at a time reads lies in one or two lines of the cache.
#[repr(C)]
pub struct Key {
    pub(crate) additions: Additions,
    pub(crate) course: Option<Box<Course>>,
    /// What never changes.
    pub record: KeyRecord,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it became the signer.
    pub promoted_at: Option<Timestamp>,
    /// The number of its first ancestor: what a threshold counts.
    pub lineage: u32,
    /// Its status, not counting a revocation that is not yet in effect: see [`Key::status`].
    pub standing: Status,
}

impl Key {
    /// Its revocation, given at the key and so in force in every anchor.
    #[must_use]
    pub fn revocation(&self) -> Option<&Revocation> {
        self.course.as_ref()?.revocation.as_ref()
    }

    /// Its successor, once one is named.
    #[must_use]
    pub fn succession(&self) -> Option<&Succession> {
        self.course.as_ref()?.succession.as_deref()
    }

    /// When succession or retirement ended its signing; later signatures are not believed.
    #[must_use]
    pub fn not_after(&self) -> Option<Timestamp> {
        self.course.as_ref()?.not_after
    }

    /// When its private part was destroyed.
    #[must_use]
    pub fn destroyed_at(&self) -> Option<Timestamp> {
        self.course.as_ref()?.destroyed_at
    }

    /// How many uses have been handed out, in durable blocks.
    #[must_use]
    pub fn usage_granted(&self) -> u64 {
        self.course.as_ref().map_or(0, |course| course.usage_granted)
    }

    /// In which anchors it is believed, from when; by anchor number.
    pub fn memberships(&self) -> impl Iterator<Item = Membership> + Clone {
        self.additions.iter().map(|(anchor, added_at)| self.joined(anchor, added_at))
    }

    fn joined(&self, anchor: u32, added_at: Timestamp) -> Membership {
        let ended = self.course.as_ref().and_then(|course| course.ended(anchor));
        let reason = ended.map(|ended| ended.reason);
        Membership { anchor, reason, added_at, ended_at: ended.map_or(Timestamp::MAX, |it| it.at) }
    }

    /// The status at `now`: a revocation counts from its effective time.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> Status {
        match self.revocation() {
            Some(revocation) if revocation.reason.is_compromise() => Status::Compromised,
            Some(revocation) if revocation.effective_at <= now => Status::Revoked,
            Some(_) | None => self.standing,
        }
    }

    /// Its belief in the anchor of that number, by binary search.
    #[must_use]
    pub fn membership(&self, anchor: u32) -> Option<Membership> {
        self.additions.get(anchor).map(|added_at| self.joined(anchor, added_at))
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
        let revoked = self.revocation().map(Revocation::ends_at);
        [ended, revoked, self.record.expires_at, self.not_after()].into_iter().flatten().min()
    }

    /// Whether `anchor` still lists it at `now`: added, and neither ended there, revoked nor
    /// expired. A staged or retired key is listed.
    #[must_use]
    pub fn is_listed(&self, membership: &Membership, now: Timestamp) -> bool {
        let revoked = self.revocation().map(Revocation::ends_at);
        let over = |end: Option<Timestamp>| end.is_some_and(|end| end <= now);
        membership.ended_at > now && !over(revoked) && !over(self.record.expires_at)
    }
}
