//! Rules that hold for all bytes.

use keyward_barrier::{Epoch, EpochHeader, FieldName, RecordKind};
use proptest::{collection::vec, prelude::*};

use crate::store::{self, store};

proptest! {
    #[test]
    fn what_is_sealed_opens(
        id in "[A-Za-z0-9][A-Za-z0-9._-]{0,127}",
        version in 1..=u32::MAX,
        plaintext in vec(any::<u8>(), 0..4096),
    ) {
        let name = store::name(RecordKind::Secret, &id, version);
        let record = store().seal(&name, &plaintext).unwrap();
        let opened = store().open(&name, Epoch::FIRST, &record).unwrap();
        prop_assert_eq!(opened.expose(), plaintext);
    }

    #[test]
    fn every_field_that_is_sealed_opens(
        values in proptest::collection::btree_map("[a-z][a-z0-9-]{0,31}", vec(any::<u8>(), 0..64), 1..=8)
    ) {
        let name = store::name(RecordKind::Secret, "many", 1);
        let fields: Vec<(FieldName, &[u8])> =
            values.iter().map(|(f, v)| (FieldName::parse(f).unwrap(), v.as_slice())).collect();
        let record = store().seal_fields(&name, &fields).unwrap();
        for (field, value) in &fields {
            let opened = store().open_field(&name, Epoch::FIRST, field, &record).unwrap();
            prop_assert_eq!(opened.expose(), *value);
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused_as_records(bytes in vec(any::<u8>(), 0..300)) {
        let name = store::name(RecordKind::Secret, "s", 1);
        prop_assert!(store().open(&name, Epoch::FIRST, &bytes).is_err());
        let behind_the_magic = [b"KWRECORD\x01", bytes.as_slice()].concat();
        prop_assert!(store().open(&name, Epoch::FIRST, &behind_the_magic).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_refused_as_headers(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(EpochHeader::read(&bytes, None).is_err());
    }

    #[test]
    fn a_record_with_arbitrary_bytes_put_in_is_refused(
        at in any::<proptest::sample::Index>(),
        bytes in vec(any::<u8>(), 1..16),
    ) {
        let name = store::name(RecordKind::Secret, "s", 1);
        let record = store().seal(&name, b"secret").unwrap();
        let (head, tail) = record.split_at(at.index(record.len()));
        let longer = [head, &bytes, tail].concat();
        prop_assert!(store().open(&name, Epoch::FIRST, &longer).is_err());
    }
}
