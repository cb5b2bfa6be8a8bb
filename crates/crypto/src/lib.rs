//! The only crate of Keyward that names cryptographic dependencies (besides SHA-256): the
//! algorithms behind [`keyward_lifecycle::algorithm::Verify`], private keys, key derivation,
//! authenticated encryption, key wrapping and secrets in memory.
//!
//! No I/O and no async; the one thing asked of the operating system beside memory is
//! randomness ([`random`]). No type of a dependency stands in a public signature, except
//! `zeroize::Zeroizing` around secrets that are handed out.
//!
//! Reading order: [`provider`] (what there is), [`signing`] (private keys), [`ed25519`],
//! [`p256`], [`mldsa`], [`composite`] (what each means), [`spki`] and [`pkcs8`] (encodings).

pub mod aead;
pub mod age;
pub mod batch;
pub mod composite;
pub mod danger;
mod der;
pub mod ed25519;
pub mod hpke;
pub mod kdf;
pub mod mac;
pub mod mldsa;
pub mod p256;
pub mod pem;
pub mod pkcs8;
pub mod provider;
pub mod random;
pub mod secret;
pub mod share;
pub mod signing;
pub mod spki;

pub use provider::STANDARD;
