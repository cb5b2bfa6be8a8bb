//! Answers to requests that may come twice, kept for a while: what the server said is told again
//! after a restart as well. No decision rests on them.
//!
//! Each is two items of [`Shelf::Answer`]: `k` and the digest that names it, with the answer;
//! `t`, the second (8 bytes, big-endian) and the digest, with the answer's length (8 bytes), so
//! that the oldest are found.

use keyward_lifecycle::{id::Digest, time::Timestamp};

use crate::{
    engine::{Keyward, unavailable},
    storage::{Item, ItemChange, PAGE_ROWS_MAX, Shelf},
    writer::ExecuteError,
};

/// An answer that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeptAnswer {
    /// What it is found by.
    pub name: Digest,
    /// Since when, in whole seconds.
    pub since: Timestamp,
    /// How long it is.
    pub bytes: u64,
}

impl KeptAnswer {
    fn names(&self) -> (Vec<u8>, Vec<u8>) {
        let second = u64::try_from(self.since.seconds()).unwrap_or(0).to_be_bytes();
        let digest = self.name.as_bytes();
        ([b"k", &digest[..]].concat(), [b"t", &second[..], &digest[..]].concat())
    }
}

impl Keyward {
    /// Keeps an answer, over one of the same name, and drops `old`, in one transaction.
    ///
    /// # Errors
    /// [`ExecuteError`]; then nothing changed.
    pub fn keep_answer(
        &self,
        name: Digest,
        bytes: Vec<u8>,
        old: &[KeptAnswer],
    ) -> Result<KeptAnswer, ExecuteError> {
        let since = Timestamp::from_seconds(self.now().seconds());
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let kept = KeptAnswer { name, since, bytes: length };
        let dropped = old.iter().flat_map(|old| <[Vec<u8>; 2]>::from(old.names()));
        let mut items: Vec<_> =
            dropped.map(|name| ItemChange::Remove(Shelf::Answer, name)).collect();
        let (by_name, by_time) = kept.names();
        let put = |name, bytes| ItemChange::Put(Shelf::Answer, Item { name, bytes });
        items.extend([put(by_name, bytes), put(by_time, length.to_be_bytes().to_vec())]);
        self.keep(items)?;
        Ok(kept)
    }

    /// An answer that was kept, if it is still there.
    ///
    /// # Errors
    /// [`ExecuteError::Unavailable`].
    pub fn kept_answer(&self, name: &Digest) -> Result<Option<Vec<u8>>, ExecuteError> {
        let item = [b"k", &name.as_bytes()[..]].concat();
        self.shared.storage.item(Shelf::Answer, &item).map_err(|error| unavailable(&error))
    }

    /// Every answer that is kept, the oldest first.
    ///
    /// # Errors
    /// [`ExecuteError::Unavailable`].
    pub fn kept_answers(&self) -> Result<Vec<KeptAnswer>, ExecuteError> {
        let mut after = b"t".to_vec();
        let mut kept = Vec::new();
        loop {
            let page = self.shared.storage.items(Shelf::Answer, Some(&after), PAGE_ROWS_MAX);
            let page = page.map_err(|error| unavailable(&error))?;
            let Some(last) = page.last() else { return Ok(kept) };
            after.clone_from(&last.name);
            kept.extend(page.iter().filter_map(read));
        }
    }
}

fn read(item: &Item) -> Option<KeptAnswer> {
    let (second, name) = item.name.strip_prefix(b"t")?.split_first_chunk::<8>()?;
    let second = i64::try_from(u64::from_be_bytes(*second)).ok()?;
    let bytes = u64::from_be_bytes(item.bytes.as_slice().try_into().ok()?);
    let name = Digest::from_bytes(name.try_into().ok()?);
    Some(KeptAnswer { name, since: Timestamp::from_seconds(second), bytes })
}
