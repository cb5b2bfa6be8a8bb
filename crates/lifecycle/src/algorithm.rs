//! The closed registry of algorithms, and the seam through which they are run.

use alloc::{boxed::Box, sync::Arc};
use core::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A signature algorithm that a key record can name. What each means is fixed here: pre-hashed
/// and other variants would get other names (traps HA-01).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every algorithm")]
pub enum Algorithm {
    /// `SHA256-ED25519`: pure Ed25519 (RFC 8032) over the DSSE PAE; SHA-256 is that of content
    /// ids. Signatures are 64 raw bytes, verified strictly.
    Ed25519,
    /// `SHA256-ECDSA-P256`: ECDSA on P-256 with SHA-256 (FIPS 186-5); signatures in DER.
    EcdsaP256,
    /// `ML-DSA-65`: pure ML-DSA-65 (FIPS 204), empty context, hedged; 3309 raw bytes.
    MlDsa65,
    /// `ML-DSA-65-ED25519`: the composite `id-MLDSA65-Ed25519-SHA512` of
    /// draft-ietf-lamps-pq-composite-sigs; ML-DSA signature, then Ed25519 signature.
    MlDsa65Ed25519,
    /// `GOST-R-34.10-2012` with the 256-bit parameter set: known, so that configurations load;
    /// no code runs it yet.
    Gost256,
    /// `SM2-P256` with SM3: known, so that configurations load; no code runs it yet.
    Sm2,
}

impl Algorithm {
    /// Every algorithm of the registry.
    pub const ALL: [Self; 6] = [
        Self::Ed25519,
        Self::EcdsaP256,
        Self::MlDsa65,
        Self::MlDsa65Ed25519,
        Self::Gost256,
        Self::Sm2,
    ];

    /// The canonical name, which is the runbook's.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "SHA256-ED25519",
            Self::EcdsaP256 => "SHA256-ECDSA-P256",
            Self::MlDsa65 => "ML-DSA-65",
            Self::MlDsa65Ed25519 => "ML-DSA-65-ED25519",
            Self::Gost256 => "GOST-R-34.10-2012",
            Self::Sm2 => "SM2-P256",
        }
    }

    /// Other names that are read, never written.
    #[must_use]
    pub const fn aliases(self) -> &'static [&'static str] {
        match self {
            Self::Ed25519 => &["ed25519", "EdDSA"],
            Self::EcdsaP256 => &["ecdsa-p256", "ES256"],
            Self::MlDsa65 => &["ml-dsa-65"],
            Self::MlDsa65Ed25519 => &["id-MLDSA65-Ed25519-SHA512"],
            Self::Gost256 => &["GOST-R-34.10-2012-256"],
            Self::Sm2 => &["sm2"],
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == text || algorithm.aliases().contains(&text))
            .ok_or_else(|| UnknownAlgorithm(text.chars().take(64).collect()))
    }
}

impl Serialize for Algorithm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Algorithm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        alloc::string::String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A name that the registry does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "algorithm `{0}` is unknown: expected SHA256-ED25519, SHA256-ECDSA-P256, ML-DSA-65, \
     ML-DSA-65-ED25519, GOST-R-34.10-2012 or SM2-P256"
)]
pub struct UnknownAlgorithm(Box<str>);

/// The seam to cryptography: reads public keys of one algorithm.
///
/// `public_key` takes a DER `SubjectPublicKeyInfo`; it accepts only the canonical encoding of
/// this algorithm and a key that is safe to trust (on the curve, not of small order, without
/// torsion). The key it returns may be kept and shared; it holds nothing secret.
pub trait Verify: Send + Sync {
    /// Parses and checks a public key.
    ///
    /// # Errors
    /// [`MalformedKey`] says what is wrong; nothing of a refused key is usable.
    fn public_key(&self, spki: &[u8]) -> Result<Arc<dyn PublicKey>, MalformedKey>;
}

/// A checked public key.
pub trait PublicKey: Send + Sync {
    /// Whether `signature` is this key's over `message`, judged strictly; the one verdict of
    /// this key on this signature.
    ///
    /// # Errors
    /// [`BadSignature`], without a reason: there is nothing that a caller may do with one.
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature>;
}

/// A public key that cannot be trusted with anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("public key is refused: {0}")]
#[expect(clippy::exhaustive_structs, reason = "made by every implementation of the seam")]
pub struct MalformedKey(pub &'static str);

/// The signature is not that key's over that message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("signature does not verify")]
#[expect(clippy::exhaustive_structs, reason = "made by every implementation of the seam")]
pub struct BadSignature;

/// The algorithms that a verifier has. Those that it lacks are absent, and a signature by them
/// is judged as one by an algorithm that is not available, never as good.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "a set is written out in full")]
pub struct Algorithms {
    /// Ed25519.
    pub ed25519: Option<&'static dyn Verify>,
    /// ECDSA P-256.
    pub ecdsa_p256: Option<&'static dyn Verify>,
    /// ML-DSA-65.
    pub ml_dsa_65: Option<&'static dyn Verify>,
    /// The composite of ML-DSA-65 and Ed25519.
    pub ml_dsa_65_ed25519: Option<&'static dyn Verify>,
}

impl Algorithms {
    /// No algorithm at all; for building a set from parts.
    pub const NONE: Self =
        Self { ed25519: None, ecdsa_p256: None, ml_dsa_65: None, ml_dsa_65_ed25519: None };

    /// The implementation of `algorithm`, if this set has it.
    #[must_use]
    pub const fn get(&self, algorithm: Algorithm) -> Option<&'static dyn Verify> {
        match algorithm {
            Algorithm::Ed25519 => self.ed25519,
            Algorithm::EcdsaP256 => self.ecdsa_p256,
            Algorithm::MlDsa65 => self.ml_dsa_65,
            Algorithm::MlDsa65Ed25519 => self.ml_dsa_65_ed25519,
            Algorithm::Gost256 | Algorithm::Sm2 => None,
        }
    }
}

impl fmt::Debug for Algorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Algorithm::ALL.into_iter().filter(|algorithm| self.get(*algorithm).is_some());
        f.debug_set().entries(names).finish()
    }
}

/// The canonical SPKIs of a composite key's two halves (an ML-DSA-65 key of 1952 bytes, then an
/// Ed25519 key of 32), so that they can be refused as keys of their own; empty for others.
#[must_use]
pub fn halves(algorithm: Algorithm, spki: &[u8]) -> alloc::vec::Vec<alloc::vec::Vec<u8>> {
    match algorithm {
        Algorithm::MlDsa65Ed25519 => {
            let start = spki.len().saturating_sub(ML_DSA_65_KEY_BYTES.saturating_add(32));
            let Some((ml_dsa, ed25519)) =
                spki.get(start..).and_then(|keys| keys.split_at_checked(ML_DSA_65_KEY_BYTES))
            else {
                return alloc::vec::Vec::new();
            };
            alloc::vec![[ML_DSA_65_SPKI, ml_dsa].concat(), [ED25519_SPKI, ed25519].concat()]
        }
        Algorithm::Ed25519
        | Algorithm::EcdsaP256
        | Algorithm::MlDsa65
        | Algorithm::Gost256
        | Algorithm::Sm2 => alloc::vec::Vec::new(),
    }
}

const ML_DSA_65_KEY_BYTES: usize = 1952;
/// RFC 9881 section 4: what stands before the key.
const ML_DSA_65_SPKI: &[u8] = &[
    0x30, 0x82, 0x07, 0xb2, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03,
    0x12, 0x03, 0x82, 0x07, 0xa1, 0x00,
];
/// RFC 8410 section 4: what stands before the key.
const ED25519_SPKI: &[u8] =
    &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
