//! The software store: private keys sealed under the root key, opened to sign.

use std::sync::Arc;

use keyward::keystore::{Import, KeyStore, KeyStoreError, Made, Open, OpenedKey, SealedRecord};
use keyward_barrier::{RecordId, RecordKind, RecordName, RecordVersion, Unsealed};
use keyward_crypto::signing::{GenerationFailed, PrivateKey, Signer};
use keyward_lifecycle::{
    algorithm::Algorithm,
    id::{Fingerprint, KeyId},
    key::KeyRecord,
};

/// The store of address `software:`. It keeps nothing itself: sealed bytes come and go with
/// the calls, and the plain ones live as long as what [`Open::open`] gives.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Software;

impl KeyStore for Software {
    fn generate(
        &self,
        root: &Unsealed,
        key_id: &KeyId,
        algorithm: Algorithm,
    ) -> Result<Made, KeyStoreError> {
        let private = PrivateKey::generate(algorithm).map_err(|error| match error {
            GenerationFailed::NotInThisBuild(algorithm) => {
                KeyStoreError::NoSuchAlgorithm(algorithm)
            }
            other @ (GenerationFailed::NoRandomness(_) | GenerationFailed::Refused | _) => {
                KeyStoreError::Unavailable(Box::new(other))
            }
        })?;
        seal(root, key_id, &private)
    }

    fn sign(
        &self,
        root: &Unsealed,
        key: &KeyRecord,
        sealed: Option<SealedRecord<'_>>,
        message: &[u8],
    ) -> Result<Vec<u8>, KeyStoreError> {
        self.open(root, key, sealed)?.sign(message)
    }

    fn opener(&self) -> Option<&dyn Open> {
        Some(self)
    }

    fn importer(&self) -> Option<&dyn Import> {
        Some(self)
    }
}

impl Open for Software {
    fn open(
        &self,
        root: &Unsealed,
        key: &KeyRecord,
        sealed: Option<SealedRecord<'_>>,
    ) -> Result<Arc<dyn OpenedKey>, KeyStoreError> {
        let refused = |why: String| KeyStoreError::Material { key_id: key.key_id.clone(), why };
        let sealed = sealed.ok_or_else(|| refused("its sealed record is missing".to_owned()))?;
        let opened = root
            .open(&name(&key.key_id), sealed.epoch, sealed.bytes)
            .map_err(|error| refused(error.to_string()))?;
        let signer = Signer::from_material(key.algorithm, opened.expose())
            .map_err(|error| refused(error.to_string()))?;
        // The record is bound to the key's name; that it is that key's very material is seen
        // from its public part.
        if Fingerprint::of_spki(signer.spki()) != key.fingerprint {
            return Err(refused("it is not the private part of its public key".to_owned()));
        }
        Ok(Arc::new(Ready { key_id: key.key_id.clone(), signer }))
    }
}

/// A private key in memory; dropping it wipes it.
struct Ready {
    key_id: KeyId,
    signer: Signer,
}

impl OpenedKey for Ready {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyStoreError> {
        self.signer.sign(message).map_err(|error| KeyStoreError::Material {
            key_id: self.key_id.clone(),
            why: error.to_string(),
        })
    }
}

impl Import for Software {
    fn import(
        &self,
        root: &Unsealed,
        key_id: &KeyId,
        private: &PrivateKey,
    ) -> Result<Made, KeyStoreError> {
        seal(root, key_id, private)
    }
}

fn seal(root: &Unsealed, key_id: &KeyId, private: &PrivateKey) -> Result<Made, KeyStoreError> {
    let sealed = root
        .seal(&name(key_id), private.expose_material())
        .map_err(|error| KeyStoreError::Unavailable(Box::new(error)))?;
    Ok(Made { public_key: Arc::from(private.spki()), sealed: Some(sealed) })
}

fn name(key_id: &KeyId) -> RecordName {
    RecordName::new(RecordKind::PrivateKey, RecordId::from(key_id), RecordVersion::FIRST)
}
