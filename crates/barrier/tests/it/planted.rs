//! The game of an attacker who can write the store: he puts a root key of his own in place.

use keyward_barrier::{HeaderRefused, Sealed, UnsealError};

use crate::store::{self, MEMORY, PASSWORD, password};

#[test]
fn a_planted_root_key_is_refused_when_the_root_is_pinned() {
    // RK-052: his header is flawless in itself, check value and all.
    let pinned = store::store().root_id();
    let planted = store::fresh("the attacker's own password").header;
    let refused = Sealed::read(planted.bytes(), Some(&pinned)).unwrap_err();
    assert_eq!(refused, HeaderRefused::AnotherRoot { pinned, found: planted.root_id() });
}

#[track_caller]
fn check_password_refused(planted: &[u8]) {
    let sealed = Sealed::read(planted, None).unwrap();
    let refused = sealed.unseal(&password(PASSWORD), MEMORY).unwrap_err();
    assert!(matches!(refused, UnsealError::WrongPassword), "{refused:?}");
}

#[test]
fn without_a_pin_the_password_slot_refuses_a_planted_root() {
    check_password_refused(store::fresh("the attacker's own password").header.bytes());
}

#[test]
fn a_slot_grafted_onto_another_root_is_refused() {
    let document = store::document(store::store().header().bytes());
    check_password_refused(&store::signed_by(&store::attacker(), document));
}

#[test]
fn a_public_part_of_the_attacker_is_refused() {
    let planted = store::fresh("the attacker's own password").header;
    let mut document = store::document(store::store().header().bytes());
    let his = store::document(planted.bytes());
    for member in ["public", "wrapped"] {
        document["header"]["slots"][0][member] = his["header"]["slots"][0][member].clone();
    }
    check_password_refused(&store::signed_by(&store::attacker(), document));
}
