//! Private keys as `OneAsymmetricKey` (RFC 5958, which PKCS#8 became), in DER and PEM.
//!
//! Written: version 1, for Ed25519 with the seed (RFC 8410 §7), for P-256 as RFC 5915 says, for
//! ML-DSA-65 in the seed form (RFC 9881 §6), for the composite as its two seeds (draft §4).
//! Read as well: version 2, whose public key must belong to the private one; and of ML-DSA the
//! form with seed and expanded key, which must belong together. Not read: an ML-DSA key
//! without its seed, since the store keeps seeds. Encrypted keys are read by [`encrypted`].

pub mod encrypted;

use keyward_lifecycle::algorithm::Algorithm;
use zeroize::Zeroizing;

use crate::{
    der::{self, NotDer, Reader},
    mac::equal_in_constant_time,
    mldsa::{self, expanded::ExpandedKey},
    p256,
    pem::{self, MalformedPem},
    signing::{MaterialRefused, PrivateKey},
    spki,
};

/// Label of a private key in PEM.
const LABEL: &str = "PRIVATE KEY";
/// Label of an encrypted private key in PEM.
const ENCRYPTED_LABEL: &str = "ENCRYPTED PRIVATE KEY";
/// Longest private key that is read in DER.
pub const DER_BYTES_MAX: usize = 16 * 1024;

/// Why a private key was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnreadablePrivateKey {
    /// The PEM is malformed.
    #[error(transparent)]
    Pem(#[from] MalformedPem),
    /// The key is encrypted: [`PrivateKey::from_encrypted_pkcs8_pem`] reads it.
    #[error("private key is encrypted; give its password too")]
    Encrypted,
    /// More than [`DER_BYTES_MAX`].
    #[error("private key of {0} bytes is longer than 16384 bytes")]
    TooLong(usize),
    /// The structure is not that of RFC 5958 and of the algorithm.
    #[error("private key is malformed: {0}")]
    Malformed(&'static str),
    /// The algorithm is none that this build runs.
    #[error(
        "private key is for an algorithm that is not in this build; Ed25519, P-256 (named \
         curve), ML-DSA-65 and id-MLDSA65-Ed25519-SHA512 are"
    )]
    UnknownAlgorithm,
    /// An ML-DSA key in its expanded form alone.
    #[error(
        "ML-DSA private key lacks its seed (RFC 9881 §6), and only seeds are kept; export it \
         in the seed form where it was made"
    )]
    ExpandedOnly,
    /// Two parts of the key contradict each other.
    #[error("private key contradicts itself: {0}")]
    Inconsistent(&'static str),
    /// The private part is not a key.
    #[error(transparent)]
    Material(#[from] MaterialRefused),
}

impl From<NotDer> for UnreadablePrivateKey {
    fn from(NotDer: NotDer) -> Self {
        Self::Malformed("not the DER of RFC 5958")
    }
}

impl PrivateKey {
    /// Reads a private key in PEM, labelled `PRIVATE KEY`.
    ///
    /// # Errors
    /// [`UnreadablePrivateKey`].
    pub fn from_pkcs8_pem(text: &str) -> Result<Self, UnreadablePrivateKey> {
        match pem::decode(text.as_bytes(), LABEL) {
            Ok(document) => Self::from_pkcs8_der(&document),
            Err(MalformedPem::Label { found, .. }) if &*found == ENCRYPTED_LABEL => {
                Err(UnreadablePrivateKey::Encrypted)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a private key in DER.
    ///
    /// # Errors
    /// [`UnreadablePrivateKey`].
    pub fn from_pkcs8_der(document: &[u8]) -> Result<Self, UnreadablePrivateKey> {
        if document.len() > DER_BYTES_MAX {
            return Err(UnreadablePrivateKey::TooLong(document.len()));
        }
        let OneAsymmetricKey { algorithm, private, public } = parse(document)?;
        let material = material(algorithm, private)?;
        let key = Self::from_material(algorithm, &material.bytes)?;
        for public in [public, material.public].into_iter().flatten() {
            if spki::raw(algorithm, key.spki()) != Ok(public) {
                return Err(UnreadablePrivateKey::Inconsistent(
                    "the public key in it belongs to another private key",
                ));
            }
        }
        Ok(key)
    }

    /// Writes the key in DER, version 1.
    #[must_use]
    pub fn to_pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        let material = self.expose_material();
        let private = Zeroizing::new(match self.algorithm() {
            Algorithm::Ed25519 => der::value(der::OCTET_STRING, &[material]),
            Algorithm::MlDsa65 => der::value(SEED_CHOICE, &[material]),
            Algorithm::EcdsaP256 => self.to_rfc5915(),
            Algorithm::MlDsa65Ed25519 | Algorithm::Gost256 | Algorithm::Sm2 => material.to_vec(),
        });
        let identifier = identifier(self.algorithm()).unwrap_or_default();
        Zeroizing::new(der::value(
            der::SEQUENCE,
            &[
                &[der::INTEGER, 1, 0],
                &der::value(der::SEQUENCE, &[identifier]),
                &Zeroizing::new(der::value(der::OCTET_STRING, &[&private])),
            ],
        ))
    }

    /// Writes the key in PEM, version 1.
    #[must_use]
    pub fn to_pkcs8_pem(&self) -> Zeroizing<String> {
        pem::encode(LABEL, &self.to_pkcs8_der())
    }

    /// RFC 5915 §3 with the public key, as other tools write it into PKCS#8.
    fn to_rfc5915(&self) -> Vec<u8> {
        let point = spki::raw(self.algorithm(), self.spki()).unwrap_or_default();
        let private = Zeroizing::new(der::value(der::OCTET_STRING, &[self.expose_material()]));
        let public = der::value(0xa1, &[&der::value(der::BIT_STRING, &[&[0], point])]);
        der::value(der::SEQUENCE, &[&[der::INTEGER, 1, 1], &private, &public])
    }
}

/// The parts of a `OneAsymmetricKey` that matter; attributes are passed over.
struct OneAsymmetricKey<'a> {
    algorithm: Algorithm,
    private: &'a [u8],
    public: Option<&'a [u8]>,
}

/// RFC 5958 §2.
fn parse(document: &[u8]) -> Result<OneAsymmetricKey<'_>, UnreadablePrivateKey> {
    let mut fields = Reader::new(der::sole(der::SEQUENCE, document)?);
    if fields.next_tag() == Some(der::SEQUENCE) {
        return Err(UnreadablePrivateKey::Encrypted);
    }
    let version = fields.small_integer()?;
    let identifier = fields.value(der::SEQUENCE)?;
    let algorithm = IDENTIFIERS
        .into_iter()
        .find_map(|(algorithm, bytes)| (bytes == identifier).then_some(algorithm))
        .ok_or(UnreadablePrivateKey::UnknownAlgorithm)?;
    let private = fields.value(der::OCTET_STRING)?;
    fields.optional(ATTRIBUTES)?;
    let public = fields.optional(PUBLIC_KEY)?.map(der::whole_bits).transpose()?;
    fields.end()?;
    match (version, public) {
        (0, None) | (1, Some(_)) => Ok(OneAsymmetricKey { algorithm, private, public }),
        (0 | 1, _) => Err(UnreadablePrivateKey::Malformed(
            "version 2 carries a public key and version 1 none (RFC 5958 §2)",
        )),
        _ => Err(UnreadablePrivateKey::Malformed("its version is neither 1 nor 2")),
    }
}

/// The private part as the store keeps it, and the public key that stood beside it.
struct Material<'a> {
    bytes: Zeroizing<Vec<u8>>,
    public: Option<&'a [u8]>,
}

fn material(algorithm: Algorithm, private: &[u8]) -> Result<Material<'_>, UnreadablePrivateKey> {
    let bytes = match algorithm {
        Algorithm::Ed25519 => der::sole(der::OCTET_STRING, private)?,
        Algorithm::EcdsaP256 => return rfc5915(private),
        Algorithm::MlDsa65 => rfc9881(private)?,
        Algorithm::MlDsa65Ed25519 | Algorithm::Gost256 | Algorithm::Sm2 => private,
    };
    Ok(Material { bytes: Zeroizing::new(bytes.to_vec()), public: None })
}

/// RFC 5915 §3: version, private key, and optionally curve and public key.
fn rfc5915(private: &[u8]) -> Result<Material<'_>, UnreadablePrivateKey> {
    let mut fields = Reader::new(der::sole(der::SEQUENCE, private)?);
    if fields.small_integer()? != 1 {
        return Err(UnreadablePrivateKey::Malformed("its ECPrivateKey is not of version 1"));
    }
    let scalar = fields.value(der::OCTET_STRING)?;
    if let Some(curve) = fields.optional(CURVE_PARAMETERS)?
        && curve != p256::CURVE
    {
        return Err(UnreadablePrivateKey::Inconsistent("it names two curves"));
    }
    let public = match fields.optional(CURVE_PUBLIC_KEY)? {
        Some(bits) => {
            let mut bits = Reader::new(bits);
            let point = bits.bit_string()?;
            bits.end()?;
            Some(point)
        }
        None => None,
    };
    fields.end()?;
    Ok(Material { bytes: Zeroizing::new(scalar.to_vec()), public })
}

/// RFC 9881 §6: the seed, the expanded key, or both.
fn rfc9881(private: &[u8]) -> Result<&[u8], UnreadablePrivateKey> {
    let mut choice = Reader::new(private);
    let seed = match choice.next_tag() {
        Some(SEED_CHOICE) => choice.value(SEED_CHOICE)?,
        Some(der::OCTET_STRING) => {
            choice.value(der::OCTET_STRING)?;
            choice.end()?;
            return Err(UnreadablePrivateKey::ExpandedOnly);
        }
        _ => {
            let mut both = Reader::new(choice.value(der::SEQUENCE)?);
            let seed = both.value(der::OCTET_STRING)?;
            let expanded = both.value(der::OCTET_STRING)?;
            both.end()?;
            let short = <&[u8; mldsa::SEED_BYTES]>::try_from(seed)
                .map_err(|_| MaterialRefused("an ML-DSA-65 seed has 32 bytes"))?;
            if !equal_in_constant_time(&ExpandedKey::from_seed(short).expose(), expanded) {
                return Err(UnreadablePrivateKey::Inconsistent(
                    "the expanded key in it does not follow from the seed",
                ));
            }
            seed
        }
    };
    choice.end()?;
    Ok(seed)
}

fn identifier(algorithm: Algorithm) -> Option<&'static [u8]> {
    IDENTIFIERS.into_iter().find_map(|(found, bytes)| (found == algorithm).then_some(bytes))
}

/// Contents of the AlgorithmIdentifier of each algorithm; see [`spki`] for their sections.
const IDENTIFIERS: [(Algorithm, &[u8]); 4] = [
    (Algorithm::Ed25519, &[0x06, 0x03, 0x2b, 0x65, 0x70]),
    (
        Algorithm::EcdsaP256,
        &[
            0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
            0xce, 0x3d, 0x03, 0x01, 0x07,
        ],
    ),
    (Algorithm::MlDsa65, &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 0x12]),
    (Algorithm::MlDsa65Ed25519, &[0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x06, 0x30]),
];

/// `[0] IMPLICIT Attributes` of RFC 5958 §2.
const ATTRIBUTES: u8 = 0xa0;
/// `[1] IMPLICIT PublicKey` of RFC 5958 §2, a BIT STRING.
const PUBLIC_KEY: u8 = 0x81;
/// `[0] EXPLICIT ECParameters` of RFC 5915 §3.
const CURVE_PARAMETERS: u8 = 0xa0;
/// `[1] EXPLICIT BIT STRING` of RFC 5915 §3.
const CURVE_PUBLIC_KEY: u8 = 0xa1;
/// `seed [0] IMPLICIT OCTET STRING` of RFC 9881 §6.
const SEED_CHOICE: u8 = 0x80;
