//! The bytes of public keys: short ones are in the fold, long ones in the leaves that brought
//! them.

use std::{borrow::Cow, sync::Arc};

use keyward_lifecycle::{
    algorithm::PublicKey,
    event::{Event, Fact},
    id::Fingerprint,
    key::KeyRecord,
};

use crate::{
    engine::{Keyward, Shared, unavailable},
    storage::{ReadError, Tree},
    writer::ExecuteError,
};

impl Keyward {
    /// A key's canonical DER `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// [`ExecuteError::Unavailable`], also when the log has it no more.
    pub fn public_key<'r>(&self, record: &'r KeyRecord) -> Result<Cow<'r, [u8]>, ExecuteError> {
        self.shared.spki(record).map_err(|error| unavailable(&error))
    }
}

impl Shared {
    /// See [`Keyward::public_key`].
    pub(crate) fn spki<'r>(&self, record: &'r KeyRecord) -> Result<Cow<'r, [u8]>, ReadError> {
        if let Some(bytes) = record.public_key.bytes() {
            return Ok(Cow::Borrowed(bytes));
        }
        let lost = || {
            let what = format!("the public key of `{}` is not in the log", record.key_id);
            ReadError::Unavailable(what.into())
        };
        let seq = record.public_key.leaf().ok_or_else(lost)?;
        let leaf = self.storage.leaves(Tree::Log, seq, 1)?.into_iter().next().ok_or_else(lost)?;
        let fact = Event::from_leaf(seq, &leaf).map_err(|_| lost())?.fact;
        let (Fact::KeyGenerated { key, .. } | Fact::KeyImported { key, .. }) = fact else {
            return Err(lost());
        };
        let bytes = key.public_key.bytes().ok_or_else(lost)?;
        // Whoever edits a leaf does not exchange the key that the fold knows.
        if Fingerprint::of_spki(bytes) != record.fingerprint {
            return Err(lost());
        }
        Ok(Cow::Owned(bytes.to_vec()))
    }

    /// The key itself, ready to verify with.
    pub(crate) fn parsed(&self, record: &KeyRecord) -> Option<Arc<dyn PublicKey>> {
        let algorithm = keyward_crypto::STANDARD.get(record.algorithm)?;
        algorithm.public_key(&self.spki(record).ok()?).ok()
    }
}
