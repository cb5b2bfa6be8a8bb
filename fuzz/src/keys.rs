//! The readers of `keyward-crypto`: public and private keys, signatures.

use std::sync::{Arc, OnceLock};

use keyward_crypto::{STANDARD, secret::Password, signing::PrivateKey, spki};
use keyward_lifecycle::algorithm::{Algorithm, PublicKey, Verify};

/// The password under which the seeds of [`encrypted_key`] are encrypted.
pub(crate) const PASSWORD: &[u8] = b"asdf";

/// The algorithms of this build, each with how it is verified.
pub(crate) fn algorithms() -> [(Algorithm, &'static dyn Verify); 4] {
    let verify = [STANDARD.ed25519, STANDARD.ecdsa_p256, STANDARD.ml_dsa_65];
    let [ed25519, p256, ml_dsa] = verify.map(|verify| verify.expect("built in"));
    [
        (Algorithm::Ed25519, ed25519),
        (Algorithm::EcdsaP256, p256),
        (Algorithm::MlDsa65, ml_dsa),
        (Algorithm::MlDsa65Ed25519, STANDARD.ml_dsa_65_ed25519.expect("built in")),
    ]
}

pub(crate) fn spki(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(der) = spki::from_pem(text)
    {
        public(&der);
        assert_eq!(spki::from_pem(&spki::to_pem(&der)), Ok(der));
    }
    public(bytes);
}

fn public(der: &[u8]) {
    let named = spki::algorithm_of_spki(der);
    for (algorithm, verify) in algorithms() {
        let key = verify.public_key(der);
        assert!(key.is_err() || named == Ok(algorithm), "read by another algorithm");
        if let Ok(key) = key {
            assert!(key.verify(b"", b"").is_err(), "an empty signature verifies");
        }
    }
    if let Ok(algorithm) = named {
        let raw = spki::raw(algorithm, der).expect("what is named can be read");
        assert_eq!(spki::from_raw(algorithm, raw).as_deref(), Ok(der), "one form");
    }
}

pub(crate) fn private_key(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).ok();
    let pem = text.and_then(|text| PrivateKey::from_pkcs8_pem(text).ok());
    for key in [pem, PrivateKey::from_pkcs8_der(bytes).ok()].into_iter().flatten() {
        let written = key.to_pkcs8_der();
        let again = PrivateKey::from_pkcs8_der(&written).expect("what was written can be read");
        assert_eq!(again.spki(), key.spki());
        assert_eq!(*again.to_pkcs8_der(), *written);
        let (_, verify) = algorithms()
            .into_iter()
            .find(|(algorithm, _)| *algorithm == key.algorithm())
            .expect("a key that is read has an algorithm that is run");
        let public = verify.public_key(key.spki()).expect("a private key has a good public one");
        let signature = key.sign(bytes).expect("a key that is read signs");
        assert!(public.verify(bytes, &signature).is_ok());
    }
}

pub(crate) fn encrypted_key(bytes: &[u8]) {
    let password = Password::new(PASSWORD.to_vec()).expect("it is short");
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = PrivateKey::from_encrypted_pkcs8_pem(text, &password);
    }
    let _ = PrivateKey::from_encrypted_pkcs8_der(bytes, &password);
}

/// The message that [`signature`] asks about.
pub(crate) const MESSAGE: &[u8] = b"keyward";

/// The keys that [`signature`] and its seeds are of: fixed ones, so that findings come again.
pub(crate) fn signers() -> &'static [PrivateKey; 4] {
    static SIGNERS: OnceLock<[PrivateKey; 4]> = OnceLock::new();
    SIGNERS.get_or_init(|| {
        algorithms().map(|(algorithm, _)| {
            let length = if algorithm == Algorithm::MlDsa65Ed25519 { 64 } else { 32 };
            PrivateKey::from_material(algorithm, &vec![7; length]).expect("a seed of that length")
        })
    })
}

/// A byte that names the algorithm, and a signature. A signature that verifies has the one
/// form: changed in its last byte, it verifies no more.
pub(crate) fn signature(bytes: &[u8]) {
    static PUBLIC: OnceLock<[Arc<dyn PublicKey>; 4]> = OnceLock::new();
    let public = PUBLIC.get_or_init(|| {
        let mut all = signers().iter().zip(algorithms());
        std::array::from_fn(|_| {
            let (key, (_, verify)) = all.next().expect("as many keys as algorithms");
            verify.public_key(key.spki()).expect("a good key")
        })
    });
    let Some((which, signature)) = bytes.split_first() else { return };
    let key = &public[usize::from(which % 4)];
    if key.verify(MESSAGE, signature).is_ok() {
        let mut changed = signature.to_vec();
        *changed.last_mut().expect("an empty signature verifies") ^= 1;
        assert!(key.verify(MESSAGE, &changed).is_err());
        changed.push(0);
        assert!(key.verify(MESSAGE, &changed).is_err());
    }
}
