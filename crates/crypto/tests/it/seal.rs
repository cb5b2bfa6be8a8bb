//! Sealed boxes, wrapped keys, derived keys.

use keyward_crypto::{
    aead::{self, DoesNotOpen},
    hpke::{self, DoesNotUnwrap, WrapFailed, WrapKeyPair},
    kdf::{self, Argon2Cost, DerivationFailed},
    mac::{self, WrongTag},
    pkcs8::encrypted::{self, Cipher, Derivation, UnreadableEncryptedKey},
};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_sealed_box_opens_only_unchanged_under_its_key_and_context(
        key in any::<[u8; 32]>(),
        text in proptest::collection::vec(any::<u8>(), 0..300),
        context in proptest::collection::vec(any::<u8>(), 0..50),
        place in any::<prop::sample::Index>(),
    ) {
        let sealed = aead::seal(&key, &text, &context).unwrap();
        prop_assert_eq!(sealed.len(), text.len() + aead::OVERHEAD_BYTES);
        let open = |key: &[u8; 32], sealed: &[u8], context: &[u8]| {
            aead::open(key, sealed, context).map(|text| text.to_vec())
        };
        prop_assert_eq!(open(&key, &sealed, &context), Ok(text.clone()));
        let mut changed = sealed.clone();
        changed[place.index(sealed.len())] ^= 1;
        prop_assert_eq!(open(&key, &changed, &context), Err(DoesNotOpen));
        let mut other = key;
        other[place.index(32)] ^= 1;
        prop_assert_eq!(open(&other, &sealed, &context), Err(DoesNotOpen));
        prop_assert_eq!(open(&key, &sealed, b"another context"), Err(DoesNotOpen));
        prop_assert_eq!(open(&key, &sealed[..place.index(sealed.len())], &context), Err(DoesNotOpen));
        prop_assert_ne!(aead::seal(&key, &text, &context).unwrap(), sealed);
    }
}

#[test]
fn a_wrapped_key_opens_with_the_pair_of_its_public_part_for_its_purpose() {
    let pair = WrapKeyPair::derive(&[7; 32]);
    assert_eq!(pair.public(), WrapKeyPair::derive(&[7; 32]).public());
    assert_eq!(pair.public().len(), hpke::PUBLIC_BYTES);
    let wrapped = hpke::wrap(&pair.public(), &[9; 32], b"purpose", b"place").unwrap();
    assert_eq!(wrapped.len(), 32 + hpke::OVERHEAD_BYTES);
    let open = |pair: &WrapKeyPair, wrapped: &[u8], info: &[u8], associated: &[u8]| {
        pair.unwrap(wrapped, info, associated).map(|key| key.to_vec())
    };
    assert_eq!(open(&pair, &wrapped, b"purpose", b"place"), Ok(vec![9; 32]));
    let other = WrapKeyPair::derive(&[8; 32]);
    assert_eq!(open(&other, &wrapped, b"purpose", b"place"), Err(DoesNotUnwrap));
    assert_eq!(open(&pair, &wrapped, b"another", b"place"), Err(DoesNotUnwrap));
    assert_eq!(open(&pair, &wrapped, b"purpose", b"elsewhere"), Err(DoesNotUnwrap));
    for place in [0, 1087, 1100, wrapped.len() - 1] {
        let mut changed = wrapped.clone();
        changed[place] ^= 1;
        assert_eq!(open(&pair, &changed, b"purpose", b"place"), Err(DoesNotUnwrap), "{place}");
    }
    assert_eq!(open(&pair, &wrapped[..1119], b"purpose", b"place"), Err(DoesNotUnwrap));
    assert_eq!(open(&pair, b"", b"purpose", b"place"), Err(DoesNotUnwrap));
}

#[test]
fn nothing_is_wrapped_to_what_is_no_public_part() {
    let public = WrapKeyPair::derive(&[7; 32]).public();
    let refused = hpke::wrap(&public[1..], b"key", b"", b"").unwrap_err();
    assert_eq!(refused, WrapFailed::PublicPart(1215));
    let refused = hpke::wrap(&public, &[0; 4097], b"", b"").unwrap_err();
    assert_eq!(refused, WrapFailed::TooLong(4097));
}

#[test]
fn costs_outside_their_limits_are_refused_by_name() {
    let refused = |memory, passes, lanes| Argon2Cost::new(memory, passes, lanes).unwrap_err();
    assert_eq!(
        refused(u32::MAX, 3, 4).to_string(),
        "Argon2id memory in KiB of 4294967295 is outside 32 to 2097152; choose a cost within"
    );
    assert_eq!(
        refused(65_536, 65, 4),
        DerivationFailed::Cost { name: "Argon2id passes", value: 65, least: 1, most: 64 }
    );
    assert_eq!(
        refused(65_536, 3, 0),
        DerivationFailed::Cost { name: "Argon2id lanes", value: 0, least: 1, most: 64 }
    );
    let salted = |salt: &[u8]| kdf::argon2id::<32>(b"password", salt, Argon2Cost::LEAST);
    assert_eq!(salted(b"7 bytes").unwrap_err(), DerivationFailed::Salt(7));
    let rounds = kdf::pbkdf2_sha256(b"password", b"salt", 0, &mut [0; 32]);
    assert_eq!(
        rounds.unwrap_err().to_string(),
        "PBKDF2 rounds of 0 is outside 1 to 12000000; choose a cost within"
    );
}

#[test]
fn neither_the_table_of_scrypt_nor_its_lanes_exceed_its_memory() {
    let refused = |n, r, p| {
        let derivation = Derivation::Scrypt(b"salt", n, r, p);
        match encrypted::decrypt(&derivation, &Cipher::Aes128([0; 16]), b"password", &[0; 16]) {
            Err(UnreadableEncryptedKey::Derivation(error)) => error.to_string(),
            other => format!("{other:?}"),
        }
    };
    // 16 lanes of 128 MiB each.
    assert_eq!(
        refused(2, 1 << 20, 16),
        "scrypt memory in KiB of 2097152 is outside 1 to 262144; choose a cost within"
    );
    assert_eq!(
        refused(1 << 20, 8, 1),
        "scrypt memory in KiB of 1048576 is outside 1 to 262144; choose a cost within"
    );
    assert_eq!(refused(2, 8, 17), "scrypt lanes of 17 is outside 1 to 16; choose a cost within");
}

#[test]
fn only_the_whole_tag_of_a_message_is_right() {
    let tag = mac::hmac_sha256(b"key", b"message");
    assert_eq!(mac::verify_hmac_sha256(b"key", b"message", &tag), Ok(()));
    assert_eq!(mac::verify_hmac_sha256(b"key", b"message", &tag[..31]), Err(WrongTag));
    assert_eq!(mac::verify_hmac_sha256(b"key", b"massage", &tag), Err(WrongTag));
}
