//! The anchors that believe a key: ten million of these are held, so they are packed.

use alloc::vec::Vec;

use super::Reason;
use crate::time::Timestamp;

/// One anchor's belief in one key: there is one of these per anchor and key, ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a view of what is packed")]
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

/// When each anchor began to believe a key, by anchor number: 12 bytes each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Additions(Vec<Addition>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Addition {
    anchor: u32,
    /// Nanoseconds in two halves, which have no need of padding.
    high: u32,
    low: u32,
}

impl Addition {
    const fn new(anchor: u32, at: Timestamp) -> Self {
        let nanos = at.nanos().cast_unsigned();
        Self { anchor, high: (nanos >> 32) as u32, low: (nanos & 0xffff_ffff) as u32 }
    }

    fn at(self) -> Timestamp {
        let nanos = (u64::from(self.high) << 32) | u64::from(self.low);
        Timestamp::from_nanos(nanos.cast_signed())
    }
}

impl Additions {
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self(Vec::with_capacity(count))
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// When `anchor` began to believe the key, by binary search.
    pub(crate) fn get(&self, anchor: u32) -> Option<Timestamp> {
        let found = self.0.binary_search_by_key(&anchor, |addition| addition.anchor).ok()?;
        self.0.get(found).map(|addition| addition.at())
    }

    /// Puts an anchor that is not there; one that is keeps its time.
    pub(crate) fn insert(&mut self, anchor: u32, at: Timestamp) {
        if let Err(place) = self.0.binary_search_by_key(&anchor, |addition| addition.anchor) {
            // Few keys have many anchors, and millions have some: grown by an eighth.
            if self.0.len() == self.0.capacity() {
                self.0.reserve_exact((self.0.len() >> 3).saturating_add(1));
            }
            self.0.insert(place, Addition::new(anchor, at));
        }
    }

    /// Puts an anchor whose number is above all that are there.
    pub(crate) fn push(&mut self, anchor: u32, at: Timestamp) {
        self.0.push(Addition::new(anchor, at));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Timestamp)> + Clone {
        self.0.iter().map(|addition| (addition.anchor, addition.at()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn additions_keep_their_times_and_the_order_of_anchors() {
        let times = [i64::MIN + 1, -1, 0, 1, 1 << 33, i64::MAX];
        let mut additions = Additions::default();
        for (anchor, nanos) in (0..6).zip(times).rev() {
            additions.insert(anchor, Timestamp::from_nanos(nanos));
            additions.insert(anchor, Timestamp::EPOCH);
        }
        let found: Vec<_> = additions.iter().collect();
        let expected: Vec<_> = (0..).zip(times.map(Timestamp::from_nanos)).collect();
        assert_eq!(found, expected);
        assert_eq!(additions.get(3), Some(Timestamp::from_nanos(1)));
        assert_eq!(additions.get(6), None);
        assert!(size_of::<Addition>() <= 12);
    }
}
