//! Moving records from one epoch to another.

use keyward_barrier::{
    Epoch, FieldName, NextKeepers, OpenRefused, RecordKind, RecordName, ResealFailed, Unsealed,
};

use crate::store::{self, now, own};

fn name() -> RecordName {
    store::name(RecordKind::Secret, "s", 3)
}

fn fields() -> [(FieldName, &'static [u8]); 2] {
    [(FieldName::value(), b"the value"), (FieldName::parse("meta").unwrap(), b"more")]
}

/// A store with an open rotation, and a row of the epoch before.
fn rotating() -> (Unsealed, Vec<u8>) {
    let store = own();
    let row = store.seal_fields(&name(), &fields()).unwrap();
    (store.begin_rotation(NextKeepers::AsBefore, now()).unwrap().unsealed, row)
}

#[test]
fn a_record_is_moved_with_all_of_its_fields_under_a_fresh_data_key() {
    // RK-021, RK-024
    let (store, row) = rotating();
    let (from, to) = (Epoch::FIRST, store.epoch());
    let moved = store.reseal(&name(), from, &row, to).unwrap();
    assert_eq!(moved.fields, 2);
    for (field, value) in fields() {
        assert_eq!(store.open_field(&name(), to, &field, &moved.row).unwrap().expose(), value);
        // Both epochs are read while the rotation is open.
        assert_eq!(store.open_field(&name(), from, &field, &row).unwrap().expose(), value);
    }
    let again = store.reseal(&name(), from, &row, to).unwrap();
    let after_the_name = 18 + 2;
    assert_ne!(moved.row[after_the_name..80], again.row[after_the_name..80]);
    // And back (RK-028).
    let back = store.reseal(&name(), to, &moved.row, from).unwrap();
    let value = store.open(&name(), from, &back.row).unwrap();
    assert_eq!(value.expose(), b"the value");
}

#[test]
fn a_damaged_row_is_refused_and_stays_as_it_is() {
    // RK-026: every field is looked at, also one that nobody reads.
    let (store, row) = rotating();
    let to = store.epoch();
    for at in 0..row.len() {
        let mut damaged = row.clone();
        damaged[at] ^= 1;
        let kept = damaged.clone();
        let refused = store.reseal(&name(), Epoch::FIRST, &damaged, to).unwrap_err();
        assert!(matches!(refused, ResealFailed::Open(_)), "{at}: {refused:?}");
        assert_eq!(damaged, kept);
    }
    let cut = &row[..row.len() - 1];
    let refused = store.reseal(&name(), Epoch::FIRST, cut, to).unwrap_err();
    assert!(matches!(refused, ResealFailed::Open(OpenRefused::Malformed { .. })), "{refused:?}");
}

#[test]
fn a_record_is_moved_only_between_epochs_that_are_held() {
    let (store, row) = rotating();
    let third = Epoch::new(3).unwrap();
    let not_held = ResealFailed::Open(OpenRefused::EpochNotHeld {
        name: name().to_string().into(),
        epoch: third,
    });
    assert_eq!(store.reseal(&name(), Epoch::FIRST, &row, third).unwrap_err(), not_held);
    assert_eq!(store.reseal(&name(), third, &row, store.epoch()).unwrap_err(), not_held);
}
