//! Sealed records: private keys, system keys and secrets, as storage holds them.
//!
//! Every record has a random data key of its own; the data key is wrapped under a key that is
//! derived from the root key and the record's name. Store, record, version, epoch and field are
//! bound into every box, so that nothing opens where it does not belong. The format is final
//! (`docs/format/record.md`).

mod name;
mod wire;

use keyward_crypto::{
    aead,
    random::{self, NoRandomness},
};
use zeroize::Zeroizing;

pub use self::name::{
    FieldName, MalformedRecordName, RecordId, RecordKind, RecordName, RecordVersion,
};
use self::wire::{Binding, RecordWire};
pub use self::wire::{FIELD_BYTES_MAX, FIELDS_MAX, RECORD_BYTES_MAX};
use crate::{
    root::{Epoch, RootId, RootKey},
    unsealed::KeyDamaged,
};

/// A secret that was opened; wiped when dropped, and not printed.
pub struct OpenedSecret(Zeroizing<Vec<u8>>);

impl OpenedSecret {
    /// The bytes that were sealed.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl core::fmt::Debug for OpenedSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("OpenedSecret(..)")
    }
}

/// Why nothing was sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealFailed {
    /// A field is longer than [`FIELD_BYTES_MAX`].
    #[error("field `{field}` has {bytes} bytes; at most {FIELD_BYTES_MAX} are sealed")]
    TooLong {
        /// The field.
        field: FieldName,
        /// Its length.
        bytes: usize,
    },
    /// No field, or more than [`FIELDS_MAX`].
    #[error("a record has 1 to {FIELDS_MAX} fields, not {0}")]
    FieldCount(usize),
    /// Two fields have one name.
    #[error("field `{0}` is given twice")]
    FieldTwice(FieldName),
    /// See [`NoRandomness`].
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// See [`KeyDamaged`].
    #[error(transparent)]
    KeyDamaged(#[from] KeyDamaged),
    /// The library refused; nothing that a caller does leads here.
    #[error("the record could not be sealed")]
    Refused,
}

impl From<aead::SealFailed> for SealFailed {
    fn from(error: aead::SealFailed) -> Self {
        match error {
            aead::SealFailed::NoRandomness(error) => Self::NoRandomness(error),
            aead::SealFailed::TooLong(_) | aead::SealFailed::Refused | _ => Self::Refused,
        }
    }
}

/// Why a record was not opened. In every case the row is not the one that the log speaks of:
/// the store was changed, or mixed from two copies; `keyward audit verify` says where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenRefused {
    /// Longer than [`RECORD_BYTES_MAX`].
    #[error("sealed record of {0} bytes is too long; at most {RECORD_BYTES_MAX} are read")]
    TooLong(usize),
    /// Not the format; says what, and after how many bytes.
    #[error("sealed record is malformed at byte {at}: {what}")]
    Malformed {
        /// Bytes before the fault.
        at: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A format that this build does not know.
    #[error("sealed record has format {0}, which this build does not know; update keyward")]
    UnknownFormat(u8),
    /// The row holds another record than the one expected.
    #[error("sealed record is another one: expected {expected}, found {found}")]
    AnotherRecord {
        /// What the log says.
        expected: Box<str>,
        /// What the row says.
        found: Box<str>,
    },
    /// The row was sealed in another epoch than the one expected.
    #[error("{name} was sealed in epoch {found}, and epoch {expected} is expected")]
    AnotherEpoch {
        /// Which record.
        name: Box<str>,
        /// What the log says.
        expected: Epoch,
        /// What the row says.
        found: Epoch,
    },
    /// The key of the expected epoch is not held.
    #[error("{name} is of epoch {epoch}, whose key is not held; unseal with that epoch's header")]
    EpochNotHeld {
        /// Which record.
        name: Box<str>,
        /// Its epoch.
        epoch: Epoch,
    },
    /// The record has no such field.
    #[error("{name} has no field `{field}`")]
    NoSuchField {
        /// Which record.
        name: Box<str>,
        /// The field.
        field: FieldName,
    },
    /// It does not open: sealed under another key or store, or changed.
    #[error("{name} does not open: sealed in another store, or changed since")]
    DoesNotOpen {
        /// Which record.
        name: Box<str>,
    },
}

/// The key of one epoch of one store, as records need it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Under<'a> {
    pub(crate) root: RootId,
    pub(crate) epoch: Epoch,
    pub(crate) key: &'a RootKey,
}

/// Seals `fields` as the record `name`, under a fresh data key.
pub(crate) fn seal(
    under: Under<'_>,
    name: &RecordName,
    fields: &[(FieldName, &[u8])],
) -> Result<Vec<u8>, SealFailed> {
    let fields = in_order(fields)?;
    let binding = Binding { root: under.root, epoch: under.epoch, name };
    let data_key = random::bytes::<{ aead::KEY_BYTES }>()?;
    let mut sealed = Vec::with_capacity(fields.len());
    for (field, plaintext) in fields {
        sealed.push((field, aead::seal(&data_key, plaintext, &binding.of_field(field))?));
    }
    let sealed: Vec<(&FieldName, &[u8])> =
        sealed.iter().map(|(field, bytes)| (*field, bytes.as_slice())).collect();
    let wrapping = under
        .key
        .derive(under.root, &wire::wrapping_info(name))
        .map_err(|_| SealFailed::Refused)?;
    let wrapped = aead::seal(&wrapping, data_key.as_slice(), &binding.of_data_key(&sealed))?;
    Ok(wire::encode(under.epoch, name, &wrapped, &sealed))
}

/// The epoch that a row says it was sealed in: to choose between epochs that the log allows,
/// and for nothing else.
///
/// # Errors
/// [`OpenRefused`] for what is no record.
pub fn record_epoch(record: &[u8]) -> Result<Epoch, OpenRefused> {
    RecordWire::read(record).map(|row| row.epoch())
}

/// Opens one field of what [`seal`] made. `name` and the epoch in `under` are the caller's
/// knowledge; what the row says of itself is compared with them and never believed.
pub(crate) fn open(
    under: Under<'_>,
    name: &RecordName,
    field: &FieldName,
    record: &[u8],
) -> Result<OpenedSecret, OpenRefused> {
    let row = Row::read(under, name, record)?;
    let sealed = row.fields.iter().find(|(found, _)| found == field).map(|(_, sealed)| *sealed);
    let no_field =
        || OpenRefused::NoSuchField { name: name.to_string().into(), field: field.clone() };
    row.open(field, sealed.ok_or_else(no_field)?)
}

/// Opens all fields of what [`seal`] made, in ascending order of their names.
pub(crate) fn open_all(
    under: Under<'_>,
    name: &RecordName,
    record: &[u8],
) -> Result<Vec<(FieldName, OpenedSecret)>, OpenRefused> {
    let row = Row::read(under, name, record)?;
    row.fields.iter().map(|(field, sealed)| Ok((field.clone(), row.open(field, sealed)?))).collect()
}

/// A row whose data key opened, and with it the list of its fields.
struct Row<'a> {
    binding: Binding<'a>,
    data_key: Zeroizing<[u8; aead::KEY_BYTES]>,
    fields: Vec<(FieldName, &'a [u8])>,
}

impl<'a> Row<'a> {
    fn read(under: Under<'_>, name: &'a RecordName, record: &'a [u8]) -> Result<Self, OpenRefused> {
        let row = RecordWire::read(record)?;
        row.is_expected(name, under.epoch)?;
        let does_not_open = || OpenRefused::DoesNotOpen { name: name.to_string().into() };
        let binding = Binding { root: under.root, epoch: under.epoch, name };
        let wrapping = under
            .key
            .derive(under.root, &wire::wrapping_info(name))
            .map_err(|_| does_not_open())?;
        let fields: Vec<(&FieldName, &[u8])> =
            row.fields.iter().map(|(field, sealed)| (field, *sealed)).collect();
        let opened = aead::open(&wrapping, row.wrapped_data_key, &binding.of_data_key(&fields))
            .map_err(|_| does_not_open())?;
        let data_key = opened.as_slice().try_into().map_err(|_| does_not_open())?;
        Ok(Self { binding, data_key: Zeroizing::new(data_key), fields: row.fields })
    }

    fn open(&self, field: &FieldName, sealed: &[u8]) -> Result<OpenedSecret, OpenRefused> {
        aead::open(&self.data_key, sealed, &self.binding.of_field(field))
            .map(OpenedSecret)
            .map_err(|_| OpenRefused::DoesNotOpen { name: self.binding.name.to_string().into() })
    }
}

/// Fields sorted by name, each once and within its limits.
fn in_order<'a>(
    fields: &'a [(FieldName, &'a [u8])],
) -> Result<Vec<(&'a FieldName, &'a [u8])>, SealFailed> {
    if fields.is_empty() || fields.len() > FIELDS_MAX {
        return Err(SealFailed::FieldCount(fields.len()));
    }
    let mut sorted: Vec<(&FieldName, &[u8])> =
        fields.iter().map(|(field, plaintext)| (field, *plaintext)).collect();
    sorted.sort_by_key(|(field, _)| *field);
    for pair in sorted.windows(2) {
        if let [(one, _), (other, _)] = pair
            && one == other
        {
            return Err(SealFailed::FieldTwice((*one).clone()));
        }
    }
    for (field, plaintext) in &sorted {
        if plaintext.len() > FIELD_BYTES_MAX {
            return Err(SealFailed::TooLong { field: (*field).clone(), bytes: plaintext.len() });
        }
    }
    Ok(sorted)
}
