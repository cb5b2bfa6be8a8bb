//! Sealed records: what opens, and what every change of a row leads to.

use keyward_barrier::{
    Epoch, FIELD_BYTES_MAX, FieldName, OpenRefused, RECORD_BYTES_MAX, RecordKind, RecordName,
    SealFailed,
};

use crate::store::{self, store};

fn key() -> RecordName {
    store::name(RecordKind::PrivateKey, "key-1", 1)
}

fn field(text: &str) -> FieldName {
    FieldName::parse(text).unwrap()
}

fn open(name: &RecordName, record: &[u8]) -> Result<Vec<u8>, OpenRefused> {
    store().open(name, Epoch::FIRST, record).map(|opened| opened.expose().to_vec())
}

fn does_not_open(name: &RecordName) -> OpenRefused {
    OpenRefused::DoesNotOpen { name: name.to_string().into() }
}

/// Offsets in the record of [`key`] with the one field `value`: `docs/format/record.md` §1.
mod at {
    use std::ops::Range;

    pub(super) const EPOCH: usize = 9;
    pub(super) const KIND: usize = 13;
    pub(super) const VERSION: usize = 14;
    pub(super) const ID_LENGTH: usize = 18;
    pub(super) const WRAPPED: Range<usize> = 24..84;
    pub(super) const COUNT: usize = 84;
    pub(super) const FIELD: usize = 85;
    pub(super) const LENGTH: usize = 91;
    pub(super) const SEALED: usize = 95;
}

#[test]
fn a_record_opens_as_it_was_sealed() {
    let record = store().seal(&key(), b"seed").unwrap();
    assert_eq!(open(&key(), &record).unwrap(), b"seed");
    assert_eq!(record.len(), at::SEALED + 12 + 4 + 16);
    assert_eq!(&record[..9], b"KWRECORD\x01");
}

#[test]
fn sealing_twice_shares_no_key_and_no_nonce() {
    let [one, other] = [(); 2].map(|()| store().seal(&key(), b"seed").unwrap());
    assert_ne!(one[at::WRAPPED], other[at::WRAPPED]);
    assert_ne!(one[at::SEALED..at::SEALED + 12], other[at::SEALED..at::SEALED + 12]);
    // Parts of two sealings of one record do not go together.
    let mixed = [&one[..at::SEALED], &other[at::SEALED..]].concat();
    assert_eq!(open(&key(), &mixed).unwrap_err(), does_not_open(&key()));
}

/// What flipping the lowest bit of byte `at` leads to, in a record of 32 bytes.
fn expected(at: usize) -> OpenRefused {
    let malformed = |at, what| OpenRefused::Malformed { at, what };
    let another = |kind, id, version| OpenRefused::AnotherRecord {
        expected: key().to_string().into(),
        found: store::name(kind, id, version).to_string().into(),
    };
    let private = RecordKind::PrivateKey;
    match at {
        0..8 => malformed(0, "it does not start with KWRECORD"),
        8 => OpenRefused::UnknownFormat(0),
        9..12 => OpenRefused::AnotherEpoch {
            name: key().to_string().into(),
            expected: Epoch::FIRST,
            found: Epoch::new(1 + (1 << (8 * (12 - at)))).unwrap(),
        },
        12 => malformed(at::EPOCH, "epoch 0"),
        13 => another(RecordKind::SystemKey, "key-1", 1),
        14..17 => another(private, "key-1", 1 + (1 << (8 * (17 - at)))),
        17 => malformed(at::KIND, "name is none that exists"),
        19 => another(private, "jey-1", 1),
        20 => another(private, "kdy-1", 1),
        21 => another(private, "kex-1", 1),
        22 => malformed(at::KIND, "name is none that exists"),
        23 => another(private, "key-0", 1),
        at::COUNT => malformed(at::COUNT, "field count is not 1 to 8"),
        // `value` one byte shorter: its last letter is taken for the highest byte of a length.
        at::FIELD => malformed(90, "field length is outside its limits"),
        // `a` becomes a grave accent.
        87 => malformed(at::FIELD, "field name is none, or out of order"),
        at::LENGTH => malformed(at::LENGTH, "field length is outside its limits"),
        92..95 => malformed(at::SEALED, "it ends here"),
        _ => does_not_open(&key()),
    }
}

#[test]
fn every_changed_byte_of_a_record_is_refused_for_what_it_is() {
    let record = store().seal(&key(), b"a seed of some thirty-two bytes.").unwrap();
    for at in 0..record.len() {
        let mut changed = record.clone();
        changed[at] ^= 1;
        let refused = open(&key(), &changed).unwrap_err();
        if at == at::ID_LENGTH {
            // Everything behind the id moves by a byte, and what is read there is random.
            assert!(matches!(refused, OpenRefused::Malformed { .. }), "{refused:?}");
        } else {
            assert_eq!(refused, expected(at), "byte {at}");
        }
        changed[at] ^= 0x81;
        assert!(open(&key(), &changed).is_err(), "byte {at}");
    }
}

#[test]
fn a_record_cut_short_or_with_more_behind_it_is_refused() {
    let record = store().seal(&key(), b"seed").unwrap();
    for length in 0..record.len() {
        let refused = open(&key(), &record[..length]).unwrap_err();
        assert!(
            matches!(refused, OpenRefused::Malformed { what: "it ends here", .. }),
            "{length}: {refused:?}"
        );
    }
    let longer = [record.as_slice(), &[0]].concat();
    assert_eq!(
        open(&key(), &longer).unwrap_err(),
        OpenRefused::Malformed { at: record.len(), what: "bytes after the end" }
    );
    assert_eq!(
        open(&key(), &vec![0; RECORD_BYTES_MAX + 1]).unwrap_err(),
        OpenRefused::TooLong(RECORD_BYTES_MAX + 1)
    );
}

/// A row of `sealed` where the log speaks of `wanted`: refused as it stands, and also when its
/// name is overwritten, at `from`, by what is wanted.
#[track_caller]
fn check_swap(sealed: &RecordName, wanted: &RecordName, from: usize, forged: &[u8]) {
    let mut record = store().seal(sealed, b"seed").unwrap();
    assert_eq!(
        open(wanted, &record).unwrap_err(),
        OpenRefused::AnotherRecord {
            expected: wanted.to_string().into(),
            found: sealed.to_string().into()
        }
    );
    record[from..from + forged.len()].copy_from_slice(forged);
    assert_eq!(open(wanted, &record).unwrap_err(), does_not_open(wanted));
}

#[test]
fn a_row_in_another_place_is_refused() {
    let sealed = key();
    check_swap(&sealed, &store::name(RecordKind::PrivateKey, "key-2", 1), 19, b"key-2");
    check_swap(
        &sealed,
        &store::name(RecordKind::PrivateKey, "key-1", 2),
        at::VERSION,
        &[0, 0, 0, 2],
    );
    check_swap(&sealed, &store::name(RecordKind::SystemKey, "key-1", 1), at::KIND, &[3]);
    check_swap(&sealed, &store::name(RecordKind::Secret, "key-1", 1), at::KIND, &[4]);
}

#[test]
fn a_row_of_another_epoch_is_refused() {
    let mut record = store().seal(&key(), b"seed").unwrap();
    let second = Epoch::new(2).unwrap();
    let name: Box<str> = key().to_string().into();
    assert_eq!(
        store().open(&key(), second, &record).unwrap_err(),
        OpenRefused::EpochNotHeld { name: name.clone(), epoch: second }
    );
    record[at::EPOCH..at::EPOCH + 4].copy_from_slice(&[0, 0, 0, 2]);
    assert_eq!(
        open(&key(), &record).unwrap_err(),
        OpenRefused::AnotherEpoch { name, expected: Epoch::FIRST, found: second }
    );
}

#[test]
fn a_row_of_another_store_is_refused() {
    let record = store::fresh(store::PASSWORD).unsealed.seal(&key(), b"seed").unwrap();
    assert_eq!(open(&key(), &record).unwrap_err(), does_not_open(&key()));
}

#[test]
fn fields_are_found_by_name_and_do_not_change_places() {
    let (left, right) = (field("left"), field("right"));
    let fields = [(right.clone(), &b"BBBB"[..]), (left.clone(), &b"AAAA"[..])];
    let record = store().seal_fields(&key(), &fields).unwrap();
    let open = |field: &FieldName, record: &[u8]| {
        store()
            .open_field(&key(), Epoch::FIRST, field, record)
            .map(|opened| opened.expose().to_vec())
    };
    assert_eq!(open(&left, &record).unwrap(), b"AAAA");
    assert_eq!(open(&right, &record).unwrap(), b"BBBB");
    assert_eq!(
        open(&field("third"), &record).unwrap_err(),
        OpenRefused::NoSuchField { name: key().to_string().into(), field: field("third") }
    );

    // Two boxes of 32 bytes, each behind its name and length: 1 + 4 + 4 and 1 + 5 + 4 bytes.
    let (first, second) = (85 + 9, 85 + 9 + 32 + 10);
    let mut swapped = record.clone();
    swapped[first..first + 32].copy_from_slice(&record[second..second + 32]);
    swapped[second..second + 32].copy_from_slice(&record[first..first + 32]);
    assert_eq!(open(&left, &swapped).unwrap_err(), does_not_open(&key()));
    assert_eq!(open(&right, &swapped).unwrap_err(), does_not_open(&key()));

    let mut dropped = record[..first + 32].to_vec();
    dropped[at::COUNT] = 1;
    assert_eq!(open(&left, &dropped).unwrap_err(), does_not_open(&key()));
}

#[test]
fn what_is_sealed_has_limits() {
    let seal = |fields: &[(FieldName, &[u8])]| store().seal_fields(&key(), fields);
    assert_eq!(seal(&[]).unwrap_err(), SealFailed::FieldCount(0));
    let nine: Vec<_> = (0..9).map(|n| (field(&format!("f{n}")), &b""[..])).collect();
    assert_eq!(seal(&nine).unwrap_err(), SealFailed::FieldCount(9));
    let twice = [(field("a"), &b""[..]), (field("a"), &b"x"[..])];
    assert_eq!(seal(&twice).unwrap_err(), SealFailed::FieldTwice(field("a")));
    let long = vec![0; FIELD_BYTES_MAX + 1];
    assert_eq!(
        store().seal(&key(), &long).unwrap_err(),
        SealFailed::TooLong { field: FieldName::value(), bytes: FIELD_BYTES_MAX + 1 }
    );
    let most: Vec<_> =
        (0..8).map(|n| (field(&format!("f{n}")), &long[..FIELD_BYTES_MAX])).collect();
    let record = seal(&most).unwrap();
    assert!(record.len() <= RECORD_BYTES_MAX);
    let opened = store().open_field(&key(), Epoch::FIRST, &field("f7"), &record).unwrap();
    assert_eq!(opened.expose().len(), FIELD_BYTES_MAX);
}
