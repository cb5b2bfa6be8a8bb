//! Private keys of every algorithm: made, kept as a short seed or scalar, and used to sign.

use core::fmt;

use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, PqdsaKeyPair};
use keyward_lifecycle::algorithm::Algorithm;
use zeroize::Zeroizing;

use crate::{
    composite, ed25519, mldsa, p256,
    random::{self, NoRandomness},
    spki,
};

/// A private key that was just made or read, with what is to be sealed of it.
///
/// Its *material* is what is kept: a 32-byte seed (Ed25519, ML-DSA-65), a 32-byte scalar
/// (P-256) or two seeds (composite). Wiped when dropped; it cannot be printed, copied,
/// compared or serialized. What only signs is a [`Signer`].
pub struct PrivateKey {
    material: Zeroizing<Box<[u8]>>,
    signer: Signer,
}

/// A private key that signs and gives nothing of itself away: the one copy of it is inside the
/// library that signs, which wipes it when this is dropped.
pub struct Signer {
    algorithm: Algorithm,
    spki: Box<[u8]>,
    pair: Pair,
}

/// The expanded key, in the form of the library that signs with it.
enum Pair {
    Ed25519(Ed25519KeyPair),
    EcdsaP256(EcdsaKeyPair),
    MlDsa65(PqdsaKeyPair),
    MlDsa65Ed25519(composite::Pair),
}

/// Private key material that is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("private key is refused: {0}")]
pub struct MaterialRefused(pub(crate) &'static str);

/// Why no key was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GenerationFailed {
    /// See [`NoRandomness`].
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// This build has no code for the algorithm.
    #[error("this build cannot make {0} keys; choose a profile with another algorithm")]
    NotInThisBuild(Algorithm),
    /// The library refused; nothing that a caller does leads here.
    #[error("a key could not be made")]
    Refused,
}

/// No signature was made: the operating system gave no randomness, or no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no signature was made: the system gave no randomness or no memory; try again")]
#[expect(clippy::exhaustive_structs, reason = "callers compare with it")]
pub struct SigningFailed;

impl PrivateKey {
    /// Makes a key from the operating system's generator.
    ///
    /// # Errors
    /// [`GenerationFailed`]; GOST and SM2 keys are not made by this build.
    pub fn generate(algorithm: Algorithm) -> Result<Self, GenerationFailed> {
        let material = match algorithm {
            Algorithm::Ed25519 | Algorithm::MlDsa65 => random_bytes(32)?,
            Algorithm::MlDsa65Ed25519 => random_bytes(composite::SEEDS_BYTES)?,
            Algorithm::EcdsaP256 => p256::generate().map_err(|_| GenerationFailed::Refused)?,
            Algorithm::Gost256 | Algorithm::Sm2 => {
                return Err(GenerationFailed::NotInThisBuild(algorithm));
            }
        };
        Self::from_material(algorithm, &material).map_err(|_| GenerationFailed::Refused)
    }

    /// The key of the material that [`Self::expose_material`] gave.
    ///
    /// # Errors
    /// As [`Signer::from_material`].
    pub fn from_material(algorithm: Algorithm, material: &[u8]) -> Result<Self, MaterialRefused> {
        let signer = Signer::from_material(algorithm, material)?;
        Ok(Self { material: Zeroizing::new(material.into()), signer })
    }

    /// The algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.signer.algorithm
    }

    /// The seed or scalar: to be sealed, and nothing else.
    #[must_use]
    pub fn expose_material(&self) -> &[u8] {
        &self.material
    }

    /// The public key, as canonical DER `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        self.signer.spki()
    }

    /// As [`Signer::sign`].
    ///
    /// # Errors
    /// [`SigningFailed`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        self.signer.sign(message)
    }

    /// What signs, without the material, which is wiped.
    #[must_use]
    pub fn into_signer(self) -> Signer {
        self.signer
    }
}

impl Signer {
    /// Takes about 8 µs for Ed25519 and 45 µs for ML-DSA-65.
    ///
    /// # Errors
    /// [`MaterialRefused`] for another length, for a scalar out of range, and for an algorithm
    /// that this build does not run.
    pub fn from_material(algorithm: Algorithm, material: &[u8]) -> Result<Self, MaterialRefused> {
        let pair = Pair::new(algorithm, material)?;
        let spki = spki::from_raw(algorithm, &pair.public())
            .map_err(|_| MaterialRefused("it gives no public key"))?;
        Ok(Self { algorithm, spki: spki.into(), pair })
    }

    /// The public key, as canonical DER `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Signs `message` in the algorithm's one encoding: raw for Ed25519, ML-DSA-65 and the
    /// composite, DER for P-256. Ed25519 signatures are deterministic; the others are not.
    ///
    /// # Errors
    /// [`SigningFailed`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        match &self.pair {
            Pair::Ed25519(pair) => {
                pair.try_sign(message).map(|s| s.as_ref().to_vec()).map_err(|_| SigningFailed)
            }
            Pair::EcdsaP256(pair) => p256::sign(pair, message),
            Pair::MlDsa65(pair) => mldsa::sign(pair, message),
            Pair::MlDsa65Ed25519(pair) => pair.sign(message),
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({}, ..)", self.signer.algorithm)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}, ..)", self.algorithm)
    }
}

impl Pair {
    fn new(algorithm: Algorithm, material: &[u8]) -> Result<Self, MaterialRefused> {
        Ok(match algorithm {
            Algorithm::Ed25519 => Self::Ed25519(ed25519::pair(material)?),
            Algorithm::EcdsaP256 => Self::EcdsaP256(p256::pair(material)?),
            Algorithm::MlDsa65 => Self::MlDsa65(mldsa::pair(material)?),
            Algorithm::MlDsa65Ed25519 => {
                Self::MlDsa65Ed25519(composite::Pair::from_seeds(material)?)
            }
            Algorithm::Gost256 | Algorithm::Sm2 => {
                return Err(MaterialRefused("its algorithm is not in this build"));
            }
        })
    }

    fn public(&self) -> Vec<u8> {
        match self {
            Self::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
            Self::EcdsaP256(pair) => pair.public_key().as_ref().to_vec(),
            Self::MlDsa65(pair) => mldsa::public(pair).to_vec(),
            Self::MlDsa65Ed25519(pair) => pair.public(),
        }
    }
}

fn random_bytes(length: usize) -> Result<Zeroizing<Vec<u8>>, NoRandomness> {
    let mut bytes = Zeroizing::new(vec![0; length]);
    random::fill(&mut bytes)?;
    Ok(bytes)
}
