//! ECDSA on P-256 with SHA-256 (FIPS 186-5 §6), signatures in DER (RFC 3279 §2.2.3).
//! The fixed-length form `r‖s` is refused; a high `s` is valid, as in the standard.

use std::sync::Arc;

use aws_lc_rs::{
    encoding::AsBigEndian,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, ParsedPublicKey,
    },
};
use keyward_lifecycle::algorithm::{Algorithm, BadSignature, MalformedKey, PublicKey, Verify};
use zeroize::Zeroizing;

use crate::{
    der,
    signing::{MaterialRefused, SigningFailed},
    spki,
};

/// Bytes of a private scalar, big-endian.
pub const SCALAR_BYTES: usize = 32;
/// Bytes of a public key: an uncompressed point (SEC 1 §2.3.3).
pub const PUBLIC_BYTES: usize = 65;
/// Longest signature in DER.
pub const SIGNATURE_BYTES_MAX: usize = 72;

/// ECDSA P-256 behind the seam.
pub(crate) struct EcdsaP256;

impl Verify for EcdsaP256 {
    fn public_key(&self, spki: &[u8]) -> Result<Arc<dyn PublicKey>, MalformedKey> {
        let point = spki::raw(Algorithm::EcdsaP256, spki)?;
        if point.first() != Some(&0x04) {
            return Err(MalformedKey("P-256 point is not in uncompressed form"));
        }
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
            .map_err(|_| MalformedKey("not a point of the P-256 curve"))?;
        Ok(Arc::new(Key(key)))
    }
}

struct Key(ParsedPublicKey);

impl PublicKey for Key {
    fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        if signature.len() > SIGNATURE_BYTES_MAX {
            return Err(BadSignature);
        }
        self.0.verify_sig(message, signature).map_err(|_| BadSignature)
    }
}

/// The key pair of a private scalar.
pub(crate) fn pair(scalar: &[u8]) -> Result<EcdsaKeyPair, MaterialRefused> {
    if scalar.len() != SCALAR_BYTES {
        return Err(MaterialRefused("a P-256 private scalar has 32 bytes"));
    }
    // RFC 5915 §3, without the public key, which is computed.
    let version = [der::INTEGER, 1, 1];
    let private = Zeroizing::new(der::value(der::OCTET_STRING, &[scalar]));
    let curve = der::value(0xa0, &[CURVE]);
    let document = Zeroizing::new(der::value(der::SEQUENCE, &[&version, &private, &curve]));
    EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, &document)
        .map_err(|_| MaterialRefused("a P-256 private scalar is between 1 and n - 1"))
}

/// A fresh private scalar.
pub(crate) fn generate() -> Result<Zeroizing<Vec<u8>>, SigningFailed> {
    let pair =
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|_| SigningFailed)?;
    let scalar = pair.private_key().as_be_bytes().map_err(|_| SigningFailed)?;
    Ok(Zeroizing::new(scalar.as_ref().to_vec()))
}

/// Signs with a nonce from the operating system's generator.
pub(crate) fn sign(pair: &EcdsaKeyPair, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
    let signature = pair.sign(&SystemRandom::new(), message).map_err(|_| SigningFailed)?;
    Ok(signature.as_ref().to_vec())
}

/// secp256r1 as an OBJECT IDENTIFIER (RFC 5480 §2.1.1.1).
pub(crate) const CURVE: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
