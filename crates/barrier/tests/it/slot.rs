//! Slots: how they are added, changed and removed, and what opens them.

use keyward_barrier::{
    ChangeFailed, Epoch, ExternalFailed, ExternalKey, RecordKind, SLOTS_MAX, Sealed, SlotId,
    UnsealError, Unsealed, password::WeakPassword,
};
use zeroize::Zeroizing;

use crate::store::{self, MEMORY, PASSWORD, label, now, own, password, password_terms, sealed};

const OTHER: &str = "seven other words of nobody at all";

/// What was sealed before opens after every change, however it was unsealed.
#[track_caller]
fn check_opens(unsealed: &Unsealed, record: &[u8]) {
    let name = store::name(RecordKind::Secret, "s", 1);
    assert_eq!(unsealed.open(&name, Epoch::FIRST, record).unwrap().expose(), b"value");
}

fn record(unsealed: &Unsealed) -> Vec<u8> {
    unsealed.seal(&store::name(RecordKind::Secret, "s", 1), b"value").unwrap()
}

#[track_caller]
fn check_wrong(sealed: &Sealed, text: &str) {
    let refused = sealed.unseal(&password(text), MEMORY).unwrap_err();
    assert!(matches!(refused, UnsealError::WrongPassword), "{refused:?}");
}

#[test]
fn a_second_password_opens_the_same_records() {
    let store = own();
    let record = record(&store);
    let (next, slot) = store.add_password(&password(OTHER), password_terms("second")).unwrap();
    assert_eq!(next.header().counter().number(), 2);
    assert_eq!(next.header().slot(slot).unwrap().label().as_str(), "second");
    for text in [PASSWORD, OTHER] {
        check_opens(&sealed(&next).unseal(&password(text), MEMORY).unwrap(), &record);
    }
    check_opens(&next, &record);
    // The header before is as it was: a write that fails leaves nothing half-done.
    assert_eq!(store.header().counter().number(), 1);
    check_wrong(&sealed(&store), OTHER);
}

#[test]
fn a_changed_password_takes_the_place_of_the_old_one() {
    // RK-013
    let store = own();
    let record = record(&store);
    let slot = store.header().slots()[0].id();
    let next = store.change_password(slot, &password(OTHER), password_terms("new")).unwrap();
    assert_eq!(next.header().slots().len(), 1);
    check_wrong(&sealed(&next), PASSWORD);
    check_opens(&sealed(&next).unseal(&password(OTHER), MEMORY).unwrap(), &record);
}

#[test]
fn a_password_is_verified_without_unsealing() {
    // RK-013
    let store = own();
    let (next, second) = store.add_password(&password(OTHER), password_terms("second")).unwrap();
    let opens = |text: &str| next.header().password_slot(&password(text)).unwrap();
    assert_eq!(opens(OTHER), Some(second));
    assert_eq!(opens(PASSWORD), Some(store.header().slots()[0].id()));
    assert_eq!(opens("no such password here"), None);
}

#[test]
fn the_last_slot_stays() {
    let store = own();
    let first = store.header().slots()[0].id();
    // Keepers forget: they are no slot.
    let store = store.set_keepers(2, &store::keepers(&["a", "b", "c"])).unwrap().unsealed;
    let refused = store.remove_slot(first).unwrap_err();
    assert!(matches!(refused, ChangeFailed::LastSlot(slot) if slot == first), "{refused:?}");

    let (store, second) = store.add_password(&password(OTHER), password_terms("b")).unwrap();
    let store = store.remove_slot(first).unwrap();
    check_wrong(&sealed(&store), PASSWORD);
    assert!(sealed(&store).unseal(&password(OTHER), MEMORY).is_ok());
    let refused = store.remove_slot(first).unwrap_err();
    assert!(matches!(refused, ChangeFailed::NoSuchSlot(slot) if slot == first), "{refused:?}");
    let refused = store.remove_slot(second).unwrap_err();
    assert!(matches!(refused, ChangeFailed::LastSlot(_)), "{refused:?}");
}

#[test]
fn slots_are_bounded_and_passwords_strong() {
    // RK-010
    let mut store = own();
    let weak = store.add_password(&password("password1234"), password_terms("b")).unwrap_err();
    assert!(matches!(weak, ChangeFailed::Password(WeakPassword::Guessable { .. })), "{weak:?}");
    for _ in 1..SLOTS_MAX {
        let held = Holder(5);
        store = store.add_external("kms://aws/key/1", &held, label("k"), now()).unwrap().0;
    }
    let full = store.add_password(&password(OTHER), password_terms("b")).unwrap_err();
    assert!(matches!(full, ChangeFailed::TooManySlots), "{full:?}");
    let external = store.header().slots()[1].id();
    let refused = store.change_password(external, &password(OTHER), password_terms("b"));
    let refused = refused.unwrap_err();
    assert!(matches!(refused, ChangeFailed::NotAPassword(_)), "{refused:?}");
}

/// A key elsewhere: masks with a byte, and binds the context by putting it in front.
struct Holder(u8);

impl ExternalKey for Holder {
    fn wrap(&self, _: &str, context: &[u8], seed: &[u8; 32]) -> Result<Vec<u8>, ExternalFailed> {
        Ok(context.iter().copied().chain(seed.iter().map(|b| b ^ self.0)).collect())
    }

    fn unwrap(
        &self,
        address: &str,
        context: &[u8],
        blob: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, ExternalFailed> {
        let seed = blob.strip_prefix(context).ok_or_else(|| ExternalFailed::Refused {
            address: address.into(),
            why: "another context".into(),
        })?;
        Ok(Zeroizing::new(seed.iter().map(|b| b ^ self.0).collect()))
    }
}

fn external(store: &Unsealed) -> (Unsealed, SlotId) {
    store.add_external("hsm://pkcs11/slot/0?label=k", &Holder(7), label("token"), now()).unwrap()
}

#[test]
fn a_key_elsewhere_opens_its_slot() {
    let store = own();
    let record = record(&store);
    let (next, slot) = external(&store);
    let found = next.header().slot(slot).unwrap();
    assert_eq!(
        (found.kind(), found.external_address()),
        ("external", Some("hsm://pkcs11/slot/0?label=k"))
    );
    let unsealed = sealed(&next).unseal_with_external(slot, &Holder(7), MEMORY).unwrap();
    check_opens(&unsealed, &record);

    let wrong = sealed(&next).unseal_with_external(slot, &Holder(8), MEMORY).unwrap_err();
    assert!(matches!(wrong, UnsealError::External(ExternalFailed::WrongKey { .. })), "{wrong:?}");
    let first = store.header().slots()[0].id();
    let none = sealed(&next).unseal_with_external(first, &Holder(7), MEMORY).unwrap_err();
    assert!(matches!(none, UnsealError::NoSuchSlot(id) if id == first), "{none:?}");
}

#[test]
fn an_external_slot_grafted_onto_another_root_is_refused() {
    // RK-052: even if the key elsewhere bound nothing.
    let (next, slot) = external(&own());
    let document = store::document(next.header().bytes());
    let planted = store::signed_by(&store::attacker(), document);
    let planted = Sealed::read(&planted, None).unwrap();
    struct Careless;
    impl ExternalKey for Careless {
        fn wrap(&self, _: &str, _: &[u8], _: &[u8; 32]) -> Result<Vec<u8>, ExternalFailed> {
            Err(ExternalFailed::TooLong)
        }
        fn unwrap(
            &self,
            _: &str,
            _: &[u8],
            blob: &[u8],
        ) -> Result<Zeroizing<Vec<u8>>, ExternalFailed> {
            let seed = &blob[blob.len() - 32..];
            Ok(Zeroizing::new(seed.iter().map(|b| b ^ 7).collect()))
        }
    }
    assert!(sealed(&next).unseal_with_external(slot, &Careless, MEMORY).is_ok());
    let refused = planted.unseal_with_external(slot, &Careless, MEMORY).unwrap_err();
    assert!(
        matches!(refused, UnsealError::External(ExternalFailed::WrongKey { .. })),
        "{refused:?}"
    );
}
