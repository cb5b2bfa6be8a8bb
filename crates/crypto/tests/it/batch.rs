//! Batches of Ed25519 signatures.

use keyward_crypto::{
    batch::{BATCH_MAX, BatchVerdict, Entry, verify_batch},
    ed25519::Key,
    signing::PrivateKey,
};
use keyward_lifecycle::algorithm::{Algorithm, BadSignature, PublicKey as _};

struct Signed {
    key: Key,
    message: Vec<u8>,
    signature: Vec<u8>,
}

fn signed(count: usize) -> Vec<Signed> {
    (0..count)
        .map(|index| {
            let private = PrivateKey::generate(Algorithm::Ed25519).unwrap();
            let message = format!("message {index}").into_bytes();
            let signature = private.sign(&message).unwrap();
            Signed { key: Key::from_spki(private.spki()).unwrap(), message, signature }
        })
        .collect()
}

fn verdict(signed: &[Signed]) -> BatchVerdict {
    let entries: Vec<_> = signed
        .iter()
        .map(|Signed { key, message, signature }| Entry { key, message, signature })
        .collect();
    verify_batch(&entries)
}

#[test]
fn good_signatures_pass_together() {
    for count in [0, 1, 2, 64] {
        assert_eq!(verdict(&signed(count)), BatchVerdict::Passed, "{count}");
    }
}

#[test]
fn one_bad_signature_sends_the_whole_batch_to_single_verification() {
    let spoil: [fn(&mut Signed); 4] = [
        |one| one.message.push(b'!'),
        |one| one.signature[3] ^= 1,
        |one| one.signature[40] ^= 1,
        |one| one.signature.truncate(63),
    ];
    for spoil in spoil {
        let mut signed = signed(16);
        spoil(&mut signed[7]);
        assert_eq!(verdict(&signed), BatchVerdict::VerifySingly);
    }
}

#[test]
fn a_batch_beyond_the_limit_is_not_begun() {
    let one = signed(1).remove(0);
    let entry = Entry { key: &one.key, message: &one.message, signature: &one.signature };
    assert_eq!(verify_batch(&vec![entry; BATCH_MAX]), BatchVerdict::Passed);
    assert_eq!(verify_batch(&vec![entry; BATCH_MAX + 1]), BatchVerdict::VerifySingly);
}

#[test]
fn a_point_r_of_small_order_or_in_another_encoding_never_passes_in_a_batch() {
    let mut order_8 = [0; 32];
    hex::decode_to_slice(
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        &mut order_8,
    )
    .unwrap();
    let mut identity = [0; 32];
    identity[0] = 1;
    // y = p + 1 is y = 1 written otherwise.
    let mut beyond = [0xff; 32];
    beyond[0] = 0xee;
    beyond[31] = 0x7f;
    for r in [order_8, identity, [0; 32], beyond] {
        for sign in [0, 0x80] {
            let mut one = signed(1).remove(0);
            one.signature[..32].copy_from_slice(&r);
            one.signature[31] |= sign;
            assert_eq!(one.key.verify(&one.message, &one.signature), Err(BadSignature));
            assert_eq!(verdict(&[one]), BatchVerdict::VerifySingly);
        }
    }
}
