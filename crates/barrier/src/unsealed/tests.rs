//! What only the holder of the store's own identity could do, and what still stops him.

use keyward_crypto::secret::Password;
use keyward_lifecycle::time::Timestamp;

use super::*;
use crate::{
    barrier::{Sealed, Terms, create},
    keepers::KeeperName,
    record::{RecordId, RecordKind, RecordVersion},
    slot::{Cost, SlotLabel},
};

const MEMORY: LockPolicy = LockPolicy::AllowUnlocked;

fn password() -> Password {
    Password::new(b"correct horse battery staple".to_vec()).unwrap()
}

pub(super) fn made() -> Unsealed {
    let terms = Terms {
        cost: Cost::LEAST,
        label: SlotLabel::parse("password").unwrap(),
        memory: MEMORY,
        now: Timestamp::EPOCH,
    };
    create(&password(), terms).unwrap().unsealed
}

/// Changes the body, signs it with the store's own identity, and unseals with the right
/// password.
#[track_caller]
fn check(change: impl FnOnce(&mut Body), expected: &str) {
    let store = made();
    let mut body = store.header().body().clone();
    change(&mut body);
    let header = EpochHeader::sign(body, &store.identity().unwrap()).unwrap();
    let sealed = Sealed::read(header.bytes(), Some(&store.root_id())).unwrap();
    let error = sealed.unseal(&password(), MEMORY).unwrap_err();
    assert_eq!(format!("{error:?}"), expected);
}

#[test]
fn a_wrong_check_value_is_refused() {
    // RK-052
    check(|body| body.check_value[0] ^= 1, "WrongKey(Epoch(1))");
}

#[test]
fn a_slot_of_one_epoch_opens_no_other() {
    check(|body| body.epoch = Epoch::new(2).unwrap(), "SlotDamaged");
}

#[test]
fn the_identity_record_of_another_store_is_refused() {
    let other = made();
    check(
        |body| body.identity_record = other.header().body().identity_record.clone(),
        "WrongIdentity",
    );
}

/// Puts `seed`, sealed as `name`, where the identity's own record stands.
#[track_caller]
fn check_identity(name: &RecordName, seed: &[u8]) {
    let store = made();
    let mut body = store.header().body().clone();
    body.identity_record = store.seal(name, seed).unwrap().into();
    let header = EpochHeader::sign(body, &store.identity().unwrap()).unwrap();
    let sealed = Sealed::read(header.bytes(), None).unwrap();
    let error = sealed.unseal(&password(), MEMORY).unwrap_err();
    assert_eq!(format!("{error:?}"), "WrongIdentity");
}

#[test]
fn a_seed_that_did_not_sign_the_header_is_refused() {
    check_identity(&RecordName::identity(), &[7; 32]);
    check_identity(&RecordName::identity(), &[7; 31]);
}

#[test]
fn a_record_of_another_kind_is_no_identity() {
    let id = RecordId::parse("identity").unwrap();
    check_identity(&RecordName::new(RecordKind::Secret, id, RecordVersion::FIRST), &[7; 32]);
}

#[test]
fn a_damaged_key_in_memory_is_noticed() {
    // RK-040
    let mut store = made();
    assert_eq!(store.check_key(), Ok(()));
    store.key = Arc::new(RootKey::generate(MEMORY).unwrap());
    assert_eq!(store.check_key(), Err(KeyDamaged));
    // What would not open after the next start is not made.
    let id = RecordId::parse("a").unwrap();
    let name = RecordName::new(RecordKind::Secret, id, RecordVersion::FIRST);
    let refused = store.seal(&name, b"a value").unwrap_err();
    assert!(matches!(refused, SealFailed::KeyDamaged(KeyDamaged)), "{refused:?}");
}

#[test]
fn a_record_is_bound_to_its_epoch_beside_its_key() {
    let store = made();
    let name = RecordName::new(
        RecordKind::PrivateKey,
        RecordId::parse("key-1").unwrap(),
        RecordVersion::FIRST,
    );
    let mut record = store.seal(&name, b"seed").unwrap();
    // The row claims epoch 2, the caller expects epoch 2, and the key is the same.
    record[9..13].copy_from_slice(&2_u32.to_be_bytes());
    let second = Under { epoch: Epoch::new(2).unwrap(), ..store.under() };
    let refused = record::open(second, &name, &FieldName::value(), &record).unwrap_err();
    assert_eq!(refused, OpenRefused::DoesNotOpen { name: name.to_string().into() });
}

#[test]
fn two_stores_with_one_key_do_not_open_each_others_records() {
    let (store, other) = (made(), made());
    let name = RecordName::identity();
    let record = store.seal(&name, b"seed").unwrap();
    let foreign = Under { root: other.root_id(), ..store.under() };
    let refused = record::open(foreign, &name, &FieldName::value(), &record).unwrap_err();
    assert_eq!(refused, OpenRefused::DoesNotOpen { name: name.to_string().into() });
}

fn rotated() -> (Unsealed, Unsealed) {
    let store = made();
    let next = store.begin_rotation(NextKeepers::AsBefore, Timestamp::EPOCH).unwrap();
    (store, next.unsealed)
}

/// Changes what a header says of the epoch before, and signs it with the store's own identity.
#[track_caller]
fn check_previous(change: impl FnOnce(&Unsealed, &mut Previous)) {
    let (_, store) = rotated();
    let mut body = store.header.body().clone();
    change(&store, body.previous.as_mut().unwrap());
    let header = EpochHeader::sign(body, &store.identity().unwrap()).unwrap();
    let sealed = Sealed::read(header.bytes(), Some(&store.root_id())).unwrap();
    let error = sealed.unseal(&password(), MEMORY).unwrap_err();
    assert!(matches!(error, UnsealError::WrongPrevious(epoch) if epoch == Epoch::FIRST), "{error}");
}

#[test]
fn a_key_of_the_epoch_before_that_was_grafted_is_refused() {
    // RK-052
    let (_, other) = rotated();
    let grafted = other.header.body().previous.clone().unwrap();
    check_previous(|_, previous| previous.record = grafted.record.clone());
    check_previous(|_, previous| *previous = grafted.clone());
    // The check value of the store's own key does not make another key right.
    check_previous(|store, previous| {
        let name = RecordName::epoch_key(Epoch::FIRST);
        let fields = [(FieldName::value(), &[7; 32][..])];
        previous.record = record::seal(store.under(), &name, &fields).unwrap().into();
    });
}

#[test]
fn a_damaged_key_of_the_epoch_before_is_noticed() {
    // RK-040
    let (_, mut store) = rotated();
    assert_eq!(store.check_key(), Ok(()));
    store.previous = Some((Epoch::FIRST, Arc::new(RootKey::generate(MEMORY).unwrap())));
    assert_eq!(store.check_key(), Err(KeyDamaged));
}

#[test]
fn keeper_shares_of_another_set_in_the_header_are_refused() {
    let store = made();
    let names = ["a", "b"].map(|name| KeeperName::parse(name).unwrap());
    let one = store.set_keepers(2, &names).unwrap().unsealed;
    let other = store.set_keepers(2, &names).unwrap().unsealed;
    let mut body = one.header.body().clone();
    body.keepers.as_mut().unwrap().sealed = other.header.keepers().unwrap().sealed.clone();
    let header = EpochHeader::sign(body, &store.identity().unwrap()).unwrap();
    let unsealed = Sealed::read(header.bytes(), None).unwrap().unseal(&password(), MEMORY).unwrap();
    let refused = unsealed.keeper_shares().unwrap_err();
    assert!(matches!(refused, OpenRefused::AnotherRecord { .. }), "{refused:?}");
}
