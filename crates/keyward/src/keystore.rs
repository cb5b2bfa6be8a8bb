//! The seam to where private keys live.

use std::{fmt, sync::Arc};

use keyward_barrier::{Epoch, Unsealed};
use keyward_crypto::signing::PrivateKey;
use keyward_lifecycle::{algorithm::Algorithm, id::KeyId, key::KeyRecord, profile::StoreAddress};

/// A place where private keys are made and used.
///
/// A store that keeps material outside (an HSM) gives no record; one that keeps it here gives
/// the sealed bytes, which are written in the transaction that registers the key. Either way
/// the material of a key whose event never became durable signs nothing.
pub trait KeyStore: Send + Sync {
    /// Makes a key.
    ///
    /// # Errors
    /// [`KeyStoreError`]; nothing is left behind.
    fn generate(
        &self,
        root: &Unsealed,
        key_id: &KeyId,
        algorithm: Algorithm,
    ) -> Result<Made, KeyStoreError>;

    /// Signs `message` with the key of that record. `sealed` is what [`Made::sealed`] was, or the
    /// same sealed anew in another epoch.
    ///
    /// # Errors
    /// [`KeyStoreError`].
    fn sign(
        &self,
        root: &Unsealed,
        key: &KeyRecord,
        sealed: Option<SealedRecord<'_>>,
        message: &[u8],
    ) -> Result<Vec<u8>, KeyStoreError>;

    /// The power to open a key for several signatures, where a store has it.
    fn opener(&self) -> Option<&dyn Open> {
        None
    }

    /// The power to take keys in, where a store has it.
    fn importer(&self) -> Option<&dyn Import> {
        None
    }
}

/// A sealed private part, as it lies on its shelf.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "read by every adapter that keeps material here")]
pub struct SealedRecord<'r> {
    /// The record.
    pub bytes: &'r [u8],
    /// The epoch in which the log expects it.
    pub epoch: Epoch,
}

/// The power to open a key once and sign with it several times.
pub trait Open: Send + Sync {
    /// Opens the key of that record, as [`KeyStore::sign`] does.
    ///
    /// # Errors
    /// [`KeyStoreError`].
    fn open(
        &self,
        root: &Unsealed,
        key: &KeyRecord,
        sealed: Option<SealedRecord<'_>>,
    ) -> Result<Arc<dyn OpenedKey>, KeyStoreError>;
}

/// A key that can sign until it is dropped, which wipes it. The library drops it when the root
/// key is sealed, when the key is destroyed, and when others are opened a minute later.
pub trait OpenedKey: Send + Sync {
    /// Signs `message`.
    ///
    /// # Errors
    /// [`KeyStoreError`].
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyStoreError>;
}

/// The power to take in a key that was made elsewhere (LC-053).
pub trait Import: Send + Sync {
    /// Takes it in.
    ///
    /// # Errors
    /// [`KeyStoreError`].
    fn import(
        &self,
        root: &Unsealed,
        key_id: &KeyId,
        private: &PrivateKey,
    ) -> Result<Made, KeyStoreError>;
}

/// A key that was just made or taken in.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "made by every adapter")]
pub struct Made {
    /// Canonical DER SPKI.
    pub public_key: Arc<[u8]>,
    /// The sealed private part, if it is kept here.
    pub sealed: Option<Vec<u8>>,
}

/// Which store answers to which addresses.
#[derive(Clone, Default)]
pub struct KeyStores {
    stores: Vec<(&'static str, Arc<dyn KeyStore>)>,
}

impl KeyStores {
    /// These stores with one more, for addresses of `scheme`.
    #[must_use]
    pub fn with(mut self, scheme: &'static str, store: Arc<dyn KeyStore>) -> Self {
        self.stores.push((scheme, store));
        self
    }

    /// The store of an address, if it is built in.
    #[must_use]
    pub fn get(&self, address: &StoreAddress) -> Option<&dyn KeyStore> {
        let found = self.stores.iter().find(|(scheme, _)| *scheme == address.scheme());
        found.map(|(_, store)| &**store)
    }
}

impl fmt::Debug for KeyStores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.stores.iter().map(|(scheme, _)| scheme)).finish()
    }
}

/// A key store did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyStoreError {
    /// The store does not make keys of that algorithm.
    #[error("the key store does not make {0} keys")]
    NoSuchAlgorithm(Algorithm),
    /// The private part is not there or does not open.
    #[error("the private part of `{key_id}` cannot be used: {why}")]
    Material {
        /// Whose.
        key_id: KeyId,
        /// Why not.
        why: String,
    },
    /// The store does not answer; the same call may succeed later.
    #[error("the key store does not answer")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}
