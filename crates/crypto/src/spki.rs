//! Public keys as `SubjectPublicKeyInfo` (RFC 5280 §4.1.2.7), in DER and PEM.
//!
//! Each algorithm has one canonical encoding: a fixed header, then the key. Nothing else is
//! read, so that a key has one fingerprint.

use keyward_lifecycle::{
    algorithm::{Algorithm, MalformedKey},
    id::Fingerprint,
};

use crate::pem::{self, MalformedPem};

/// Label of a public key in PEM.
const LABEL: &str = "PUBLIC KEY";

/// RFC 8410 §4: id-Ed25519, no parameters, 32 bytes.
const ED25519: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// RFC 5480 §2.1.1: id-ecPublicKey, named curve secp256r1, an uncompressed point.
const ECDSA_P256: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// RFC 9881 §3: id-ml-dsa-65, no parameters, 1952 bytes.
const ML_DSA_65: &[u8] = &[
    0x30, 0x82, 0x07, 0xb2, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03,
    0x12, 0x03, 0x82, 0x07, 0xa1, 0x00,
];
/// draft-ietf-lamps-pq-composite-sigs §5: id-MLDSA65-Ed25519-SHA512, no parameters,
/// 1952 + 32 bytes.
const ML_DSA_65_ED25519: &[u8] = &[
    0x30, 0x82, 0x07, 0xd1, 0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x06, 0x30,
    0x03, 0x82, 0x07, 0xc1, 0x00,
];

/// Header and key length of every algorithm that this crate runs.
const FORMS: [(Algorithm, &[u8], usize); 4] = [
    (Algorithm::Ed25519, ED25519, 32),
    (Algorithm::EcdsaP256, ECDSA_P256, 65),
    (Algorithm::MlDsa65, ML_DSA_65, 1952),
    (Algorithm::MlDsa65Ed25519, ML_DSA_65_ED25519, 1984),
];

/// Which algorithm the canonical DER `spki` is for. Says nothing about the key in it: that is
/// for [`Verify::public_key`](keyward_lifecycle::algorithm::Verify::public_key).
///
/// # Errors
/// [`MalformedKey`] for every other encoding and algorithm.
pub fn algorithm_of_spki(spki: &[u8]) -> Result<Algorithm, MalformedKey> {
    for (algorithm, header, length) in FORMS {
        if let Some(key) = spki.strip_prefix(header) {
            return if key.len() == length {
                Ok(algorithm)
            } else {
                Err(MalformedKey("its length is not that of its algorithm"))
            };
        }
    }
    if spki.first() == Some(&crate::der::SEQUENCE) {
        Err(MalformedKey(
            "not the canonical SubjectPublicKeyInfo of Ed25519, ECDSA P-256 (named curve, \
             uncompressed), ML-DSA-65 or their composite",
        ))
    } else {
        Err(MalformedKey("not a DER SubjectPublicKeyInfo"))
    }
}

/// The canonical DER for a raw public key, as each algorithm defines it.
///
/// # Errors
/// [`MalformedKey`] for another length, and for an algorithm that this crate does not run.
pub fn from_raw(algorithm: Algorithm, key: &[u8]) -> Result<Vec<u8>, MalformedKey> {
    let (_, header, length) = FORMS
        .into_iter()
        .find(|(candidate, ..)| *candidate == algorithm)
        .ok_or(MalformedKey("its algorithm is not in this build"))?;
    if key.len() != length {
        return Err(MalformedKey("its length is not that of its algorithm"));
    }
    Ok([header, key].concat())
}

/// The raw public key in `spki`, which is for `algorithm`.
///
/// # Errors
/// [`MalformedKey`] for another encoding or algorithm.
pub fn raw(algorithm: Algorithm, spki: &[u8]) -> Result<&[u8], MalformedKey> {
    let found = algorithm_of_spki(spki)?;
    if found != algorithm {
        return Err(MalformedKey("it is for another algorithm"));
    }
    FORMS
        .into_iter()
        .find(|(candidate, ..)| *candidate == algorithm)
        .and_then(|(_, header, _)| spki.strip_prefix(header))
        .ok_or(MalformedKey("it is for another algorithm"))
}

/// SHA-256 of the canonical DER.
#[must_use]
pub fn fingerprint(spki: &[u8]) -> Fingerprint {
    Fingerprint::of_spki(spki)
}

/// Why a public key in PEM was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnreadableSpki {
    /// The PEM is malformed.
    #[error(transparent)]
    Pem(#[from] MalformedPem),
    /// The key in it is.
    #[error(transparent)]
    Key(#[from] MalformedKey),
}

/// Reads a public key in PEM; gives its canonical DER.
///
/// # Errors
/// [`UnreadableSpki`].
pub fn from_pem(text: &str) -> Result<Vec<u8>, UnreadableSpki> {
    let der = pem::decode(text.as_bytes(), LABEL)?.to_vec();
    algorithm_of_spki(&der)?;
    Ok(der)
}

/// The DER `spki` as PEM.
#[must_use]
pub fn to_pem(spki: &[u8]) -> String {
    pem::encode(LABEL, spki).as_str().to_owned()
}
