//! What whoever writes the store cannot do to a slot.

use super::*;

fn place(epoch: u32) -> Place {
    Place { root: RootId::of_identity(b"identity"), epoch: Epoch::new(epoch).unwrap() }
}

const POLICY: LockPolicy = LockPolicy::AllowUnlocked;

fn password() -> Password {
    Password::new(b"correct horse battery".to_vec()).unwrap()
}

fn slot(key: &RootKey) -> Slot {
    let heading = Heading { label: SlotLabel::parse("a").unwrap(), created: Timestamp::EPOCH };
    Slot::of_password(&password(), Cost::LEAST, heading, place(1), key).unwrap()
}

#[test]
fn a_new_epoch_is_wrapped_to_a_slot_without_its_password() {
    let slot = slot(&RootKey::generate(POLICY).unwrap());
    let second = RootKey::generate(POLICY).unwrap();
    let wrapped = wrap(&slot.public, &second, place(2), slot.id).unwrap();
    let next = Slot { wrapped, ..slot.clone() };

    let opened = next.open_with_password(&password(), place(2), POLICY).unwrap();
    assert_eq!(opened.expose(), second.expose());
    // A key that was wrapped for one epoch opens in no other.
    let replayed = slot.open_with_password(&password(), place(2), POLICY).unwrap_err();
    assert!(matches!(replayed, OpenFailed::DoesNotUnwrap), "{replayed}");
}

#[track_caller]
fn check_not_authentic(change: impl FnOnce(&mut Slot)) {
    let mut slot = slot(&RootKey::generate(POLICY).unwrap());
    change(&mut slot);
    let refused = slot.open_with_password(&password(), place(1), POLICY).unwrap_err();
    assert!(matches!(refused, OpenFailed::WrongPassword), "{refused}");
}

#[test]
fn whoever_lacks_the_password_changes_nothing_in_a_slot() {
    let planted = RootKey::generate(POLICY).unwrap();
    check_not_authentic(|slot| {
        slot.public = WrapKeyPair::derive(&[7; 32]).public().into();
        slot.wrapped = wrap(&slot.public, &planted, place(1), slot.id).unwrap();
    });
    check_not_authentic(|slot| slot.id.0[0] ^= 1);
    check_not_authentic(|slot| {
        let Way::Password(way) = &mut slot.way else { panic!("a password slot") };
        way.salt[0] ^= 1;
    });
    check_not_authentic(|slot| {
        let Way::Password(way) = &mut slot.way else { panic!("a password slot") };
        way.cost = Cost::new(Cost::MEMORY_KIB_MIN, 2, 1).unwrap();
    });
}
