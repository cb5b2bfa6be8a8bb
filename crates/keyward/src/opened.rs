//! Keys that were opened a moment ago, so that a signature need not open its key each time.
//!
//! They are held beside the root key and go with it: sealing wipes them. A key is opened anew
//! when it was opened [`OPEN_SECONDS`] ago, whatever it was used for since.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use keyward_lifecycle::{id::KeyId, time::Timestamp};

use crate::keystore::OpenedKey;

/// Longest that a key stays open.
const OPEN_SECONDS: i64 = 60;
/// Most keys that are open at once; then all are closed.
const OPEN_MAX: usize = 256;

#[derive(Default)]
pub(crate) struct Opened(Mutex<HashMap<KeyId, Open>>);

/// Since when a key is open, and the key.
type Open = (Timestamp, Arc<dyn OpenedKey>);

impl Opened {
    /// The key, if it is open at `now`.
    pub(crate) fn get(&self, key_id: &KeyId, now: Timestamp) -> Option<Arc<dyn OpenedKey>> {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, key) = open.get(key_id)?;
        is_fresh(*since, now).then(|| key.clone())
    }

    /// Keeps a key that was opened at `now`, and closes those that were open for too long.
    pub(crate) fn keep(&self, key_id: KeyId, now: Timestamp, key: Arc<dyn OpenedKey>) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, (since, _)| is_fresh(*since, now));
        if open.len() >= OPEN_MAX {
            open.clear();
        }
        open.insert(key_id, (now, key));
    }

    /// Closes a key.
    pub(crate) fn close(&self, key_id: &KeyId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key_id);
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
        opened.keep(id.clone(), at(100), Arc::new(Silent));
        assert!(opened.get(&id, at(100)).is_some());
        assert!(opened.get(&id, at(159)).is_some());
        assert!(opened.get(&id, at(160)).is_none());
        assert!(opened.get(&id, at(99)).is_none());
        opened.close(&id);
        assert!(opened.get(&id, at(100)).is_none());
    }
}
