//! From a name to a number, for millions of names in few bytes each.
//!
//! Most entries stand in one flat table of eight bytes an entry, which clones share; those that
//! came last stand in a small map beside it. When the map has grown to a share of the table, a
//! new table takes it in. The names themselves are with the numbered things: who looks up says
//! whether a number is the one that is meant.

use alloc::{sync::Arc, vec, vec::Vec};

use imbl::OrdMap;

use super::Short;

/// A persistent map from digests to numbers below 2^32 − 1.
#[derive(Clone, Debug, Default)]
pub(super) struct Lookup {
    table: Table,
    recent: OrdMap<Short, u32>,
}

/// The map beside the table is taken in when it is larger than this, and than the
/// [`RECENT_SHARE`]th part of the table.
const RECENT_MIN: usize = 512;
const RECENT_SHARE: usize = 32;

impl Lookup {
    /// The number of `name` for which `is` says yes.
    pub(super) fn find(&self, name: &Short, is: impl Fn(u32) -> bool) -> Option<u32> {
        let recent = self.recent.get(name).copied().filter(|number| is(*number));
        recent.or_else(|| self.table.find(tag(name), is))
    }

    /// Puts a name that is not there.
    pub(super) fn insert(&mut self, name: Short, number: u32) {
        self.recent.insert(name, number);
        let share = self.table.len.checked_div(RECENT_SHARE).unwrap_or(0);
        if self.recent.len() > share.max(RECENT_MIN) {
            let recent = core::mem::take(&mut self.recent);
            let recent = recent.iter().map(|(name, number)| slot(tag(name), *number));
            self.table = self.table.with(recent);
        }
    }
}

/// Names on their way into a table that is made at once.
#[derive(Debug)]
pub(super) struct Gathering(Vec<u64>);

impl Gathering {
    pub(super) fn with_capacity(names: usize) -> Self {
        Self(Vec::with_capacity(names))
    }

    pub(super) fn push(&mut self, name: &Short, number: u32) {
        self.0.push(slot(tag(name), number));
    }

    pub(super) fn finish(self) -> Lookup {
        Lookup { table: Table::default().with(self.0.into_iter()), recent: OrdMap::new() }
    }
}

/// Open addressing: a slot is the tag in the upper half and the number in the lower one. A tag
/// says where its search begins, so a table is made anew from its slots alone.
#[derive(Clone, Debug, Default)]
struct Table {
    slots: Arc<[u64]>,
    len: usize,
}

const EMPTY: u64 = u64::MAX;

impl Table {
    fn find(&self, tag: u32, is: impl Fn(u32) -> bool) -> Option<u32> {
        let (before, from) = self.slots.split_at_checked(self.start(tag))?;
        // A table is never full, so a search ends.
        from.iter()
            .chain(before)
            .take_while(|slot| **slot != EMPTY)
            .filter(|slot| tag_of(**slot) == tag)
            .map(|slot| number_of(*slot))
            .find(|number| is(*number))
    }

    /// These entries and `more`, with a third of the slots left free.
    fn with(&self, more: impl ExactSizeIterator<Item = u64>) -> Self {
        let len = self.len.saturating_add(more.len());
        let room = len.saturating_add(len.div_ceil(2)).saturating_add(1);
        let mut slots = vec![EMPTY; room];
        for slot in self.slots.iter().copied().filter(|slot| *slot != EMPTY).chain(more) {
            put(&mut slots, slot);
        }
        Self { slots: slots.into(), len }
    }

    fn start(&self, tag: u32) -> usize {
        start(tag, self.slots.len())
    }
}

/// Where the search for a tag begins among so many slots.
fn start(tag: u32, slots: usize) -> usize {
    let scaled = u64::from(tag).wrapping_mul(slots as u64) >> 32;
    usize::try_from(scaled).unwrap_or(0)
}

fn put(slots: &mut [u64], slot: u64) {
    let (before, from) = slots.split_at_mut(start(tag_of(slot), slots.len()));
    if let Some(free) = from.iter_mut().chain(before).find(|slot| **slot == EMPTY) {
        *free = slot;
    }
}

fn tag(name: &Short) -> u32 {
    let [a, b, c, d, ..] = *name;
    u32::from_be_bytes([a, b, c, d])
}

fn slot(tag: u32, number: u32) -> u64 {
    (u64::from(tag) << 32) | u64::from(number)
}

const fn tag_of(slot: u64) -> u32 {
    (slot >> 32) as u32
}

const fn number_of(slot: u64) -> u32 {
    (slot & 0xffff_ffff) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Digest;

    fn made(names: impl IntoIterator<Item = (Short, u32)>) -> Lookup {
        let mut gathering = Gathering::with_capacity(0);
        names.into_iter().for_each(|(name, number)| gathering.push(&name, number));
        gathering.finish()
    }

    fn name(number: u32) -> Short {
        super::super::short(Digest::of(&number.to_be_bytes()))
    }

    #[test]
    fn every_name_is_found_under_its_number_however_it_came_in() {
        let mut grown = Lookup::default();
        for number in 0..5_000 {
            grown.insert(name(number), number);
        }
        let made = made((0..5_000).map(|number| (name(number), number)));
        for lookup in [&grown, &made] {
            for number in 0..5_000 {
                assert_eq!(lookup.find(&name(number), |found| found == number), Some(number));
            }
            assert_eq!(lookup.find(&name(5_000), |_| true), None);
        }
    }

    #[test]
    fn names_of_one_tag_are_told_apart_by_the_caller() {
        let (one, mut two) = (name(1), name(1));
        if let Some(last) = two.last_mut() {
            *last ^= 1;
        }
        let lookup = made([(one, 7), (two, 8)]);
        assert_eq!(lookup.find(&two, |number| number == 8), Some(8));
        assert_eq!(lookup.find(&one, |number| number == 7), Some(7));
        assert_eq!(lookup.find(&one, |_| false), None);
    }

    #[test]
    fn an_older_copy_does_not_see_what_came_after() {
        let mut lookup = made((0..600).map(|number| (name(number), number)));
        let before = lookup.clone();
        for number in 600..2_000 {
            lookup.insert(name(number), number);
        }
        assert_eq!(before.find(&name(1_999), |_| true), None);
        assert_eq!(lookup.find(&name(1_999), |number| number == 1_999), Some(1_999));
    }
}
