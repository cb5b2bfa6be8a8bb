//! Keys that were opened a moment ago, so that a signature need not open its key each time.
//!
//! They are held beside the root key and go with it: sealing wipes them, and so does what ends a
//! key or destroys it. A signature under way meanwhile does not keep its key. A key is opened anew
//! when it was opened [`OPEN_SECONDS`] ago, whatever it was used for since.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use keyward_lifecycle::{event::Fact, id::KeyId, time::Timestamp};

use crate::{engine::Shared, keystore::OpenedKey, secret, writer::Receipt};

/// Longest that a key stays open.
const OPEN_SECONDS: i64 = 60;
/// Most keys that are open at once; then all are closed.
const OPEN_MAX: usize = 256;

#[derive(Default)]
pub(crate) struct Opened {
    keys: Mutex<Open>,
    /// What is held of stored secrets.
    pub(crate) secrets: secret::memory::Memory,
}

#[derive(Default)]
struct Open {
    /// How often keys were closed because they are not to be used any more.
    closings: u64,
    /// Since when each is open, and the key.
    keys: HashMap<KeyId, (Timestamp, Arc<dyn OpenedKey>)>,
}

/// What was open at a moment. A key that is opened after it is kept only if nothing was closed
/// since.
#[derive(Clone, Copy)]
pub(crate) struct Moment(u64);

impl Opened {
    /// This moment: to be taken before the state is looked at that lets the key sign.
    pub(crate) fn moment(&self) -> Moment {
        Moment(self.open().closings)
    }

    /// The key, if it is open at `now`.
    pub(crate) fn get(&self, key_id: &KeyId, now: Timestamp) -> Option<Arc<dyn OpenedKey>> {
        let open = self.open();
        let (since, key) = open.keys.get(key_id)?;
        is_fresh(*since, now).then(|| key.clone())
    }

    /// Keeps a key that was opened at `now`, if no key was closed since `moment`, and closes
    /// those that were open for too long.
    pub(crate) fn keep(
        &self,
        moment: Moment,
        key_id: KeyId,
        now: Timestamp,
        key: Arc<dyn OpenedKey>,
    ) {
        let mut open = self.open();
        if open.closings != moment.0 {
            return;
        }
        open.keys.retain(|_, (since, _)| is_fresh(*since, now));
        if open.keys.len() >= OPEN_MAX {
            open.keys.clear();
        }
        open.keys.insert(key_id, (now, key));
    }

    /// Closes a key. A signature under way does not bring it back.
    pub(crate) fn close(&self, key_id: &KeyId) {
        let mut open = self.open();
        open.closings = open.closings.wrapping_add(1);
        open.keys.remove(key_id);
    }

    /// Closes every key, as [`Self::close`] does: whoever signs at this moment holds the root key
    /// a little longer, and keeps nothing in it.
    pub(crate) fn close_all(&self) {
        let mut open = self.open();
        open.closings = open.closings.wrapping_add(1);
        open.keys.clear();
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// What follows from events that are published.
    pub(crate) fn note_done(&self, receipt: &Receipt) {
        self.close_ended(receipt);
        self.count_refused(receipt);
    }

    /// Wipes the opened keys that sign no more since these events, which are published.
    fn close_ended(&self, receipt: &Receipt) {
        let Some(root) = self.root() else { return };
        for (_, fact) in &receipt.events {
            if let Fact::KeyRevoked { key_id, anchor_id: None, .. }
            | Fact::KeyRetired { key_id, .. }
            | Fact::KeyDestroyed { key_id } = fact
            {
                root.opened.close(key_id);
            }
        }
    }
}

/// A clock that was set back closes keys as well.
fn is_fresh(since: Timestamp, now: Timestamp) -> bool {
    since <= now && now < since.plus_seconds(OPEN_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keystore::KeyStoreError;

    struct Silent;

    impl OpenedKey for Silent {
        fn sign(&self, _: &[u8]) -> Result<Vec<u8>, KeyStoreError> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn a_key_stays_open_for_its_time_and_no_longer() {
        let opened = Opened::default();
        let id = KeyId::parse("key-2025-prod").expect("a name");
        let at = Timestamp::from_seconds;
        opened.keep(opened.moment(), id.clone(), at(100), Arc::new(Silent));
        assert!(opened.get(&id, at(100)).is_some());
        assert!(opened.get(&id, at(159)).is_some());
        assert!(opened.get(&id, at(160)).is_none());
        assert!(opened.get(&id, at(99)).is_none());
        opened.close(&id);
        assert!(opened.get(&id, at(100)).is_none());
    }

    #[test]
    fn a_key_that_was_opened_before_one_was_closed_is_not_kept() {
        let opened = Opened::default();
        let [one, other] = ["one", "other"].map(|name| KeyId::parse(name).expect("a name"));
        let at = Timestamp::from_seconds(100);
        let close: [&dyn Fn(); 2] = [&|| opened.close(&one), &|| opened.close_all()];
        for close in close {
            let moment = opened.moment();
            close();
            opened.keep(moment, one.clone(), at, Arc::new(Silent));
            assert!(opened.get(&one, at).is_none());
            opened.keep(opened.moment(), other.clone(), at, Arc::new(Silent));
            assert!(opened.get(&other, at).is_some());
        }
        opened.close(&one);
        assert!(opened.get(&other, at).is_some());
        opened.close_all();
        assert!(opened.get(&other, at).is_none());
    }
}
