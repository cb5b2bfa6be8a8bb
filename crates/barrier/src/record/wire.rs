//! The bytes of a sealed record, and what is bound into them (`docs/format/record.md`).

use keyward_crypto::aead;

use super::{FieldName, OpenRefused, RecordId, RecordName, RecordVersion};
use crate::root::{Epoch, RootId};

/// Longest plaintext of a field: a secret, a certificate chain, a private key of any algorithm.
pub const FIELD_BYTES_MAX: usize = 1 << 20;
/// Most fields of a record.
pub const FIELDS_MAX: usize = 8;
/// Longest record that is read: [`FIELDS_MAX`] fields of [`FIELD_BYTES_MAX`], and 1 KiB for
/// names, lengths, nonces and tags.
pub const RECORD_BYTES_MAX: usize = FIELDS_MAX * FIELD_BYTES_MAX + 1024;

/// First bytes of every record.
const MAGIC: &[u8; 8] = b"KWRECORD";
/// The format that is written, and the only one that is read.
const FORMAT: u8 = 1;
/// Bytes of a wrapped data key.
const WRAPPED_BYTES: usize = aead::KEY_BYTES + aead::OVERHEAD_BYTES;

/// A record as it was read: well-formed, and not believed.
pub(super) struct RecordWire<'a> {
    epoch: Epoch,
    name: RecordName,
    pub(super) wrapped_data_key: &'a [u8],
    pub(super) fields: Vec<(FieldName, &'a [u8])>,
}

impl<'a> RecordWire<'a> {
    /// Reads strictly: fields in ascending order, no byte left over.
    pub(super) fn read(record: &'a [u8]) -> Result<Self, OpenRefused> {
        if record.len() > RECORD_BYTES_MAX {
            return Err(OpenRefused::TooLong(record.len()));
        }
        let mut reader = Reader { record, at: 0 };
        if reader.take(MAGIC.len())? != MAGIC {
            return Err(Reader { record, at: 0 }.malformed("it does not start with KWRECORD"));
        }
        let format = reader.byte()?;
        if format != FORMAT {
            return Err(OpenRefused::UnknownFormat(format));
        }
        let epoch = reader.read("epoch 0", |r| r.u32().map(Epoch::new))?;
        let name = reader.read("name is none that exists", Reader::name)?;
        let wrapped_data_key = reader.take(WRAPPED_BYTES)?;
        let count = reader.read("field count is not 1 to 8", |r| {
            r.byte().map(|n| Some(usize::from(n)).filter(|n| (1..=FIELDS_MAX).contains(n)))
        })?;
        let mut fields: Vec<(FieldName, &[u8])> = Vec::with_capacity(count);
        for _ in 0..count {
            let last = fields.last().map(|(field, _)| field.clone());
            let field = reader.read("field name is none, or out of order", |r| {
                r.field_name().map(|name| name.filter(|name| last.as_ref() < Some(name)))
            })?;
            let length =
                reader.read("field length is outside its limits", Reader::sealed_length)?;
            fields.push((field, reader.take(length)?));
        }
        if reader.at != record.len() {
            return Err(reader.malformed("bytes after the end"));
        }
        Ok(Self { epoch, name, wrapped_data_key, fields })
    }

    /// The epoch that the row names.
    pub(super) const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Whether the row claims to be what the caller knows it must be.
    pub(super) fn is_expected(&self, name: &RecordName, epoch: Epoch) -> Result<(), OpenRefused> {
        if self.name != *name {
            return Err(OpenRefused::AnotherRecord {
                expected: name.to_string().into(),
                found: self.name.to_string().into(),
            });
        }
        if self.epoch != epoch {
            return Err(OpenRefused::AnotherEpoch {
                name: name.to_string().into(),
                expected: epoch,
                found: self.epoch,
            });
        }
        Ok(())
    }
}

/// The bytes of a record; `fields` are in ascending order of their names.
pub(super) fn encode(
    epoch: Epoch,
    name: &RecordName,
    wrapped_data_key: &[u8],
    fields: &[(&FieldName, &[u8])],
) -> Vec<u8> {
    let mut record = Vec::new();
    record.extend_from_slice(MAGIC);
    record.push(FORMAT);
    record.extend_from_slice(&epoch.number().to_be_bytes());
    record.extend_from_slice(&name.bytes());
    record.extend_from_slice(wrapped_data_key);
    record.push(short(fields.len()));
    for (field, sealed) in fields {
        record.push(short(field.as_str().len()));
        record.extend_from_slice(field.as_str().as_bytes());
        record.extend_from_slice(&long(sealed.len()));
        record.extend_from_slice(sealed);
    }
    record
}

/// The HKDF `info` of the key that wraps the data key: the record's name, so that no two
/// records or versions share a wrapping key (`docs/format/record.md` §3).
pub(super) fn wrapping_info(name: &RecordName) -> Vec<u8> {
    [b"keyward/record-key/v1\0", name.bytes().as_slice()].concat()
}

/// What every box of a record is bound to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Binding<'a> {
    pub(super) root: RootId,
    pub(super) epoch: Epoch,
    pub(super) name: &'a RecordName,
}

impl Binding<'_> {
    /// Associated data of the wrapped data key: the record and the list of its fields, so that
    /// none is added, dropped or cut (`docs/format/record.md` §4).
    pub(super) fn of_data_key(&self, fields: &[(&FieldName, &[u8])]) -> Vec<u8> {
        let mut bytes = self.of_record(DATA_KEY);
        bytes.push(short(fields.len()));
        for (field, sealed) in fields {
            bytes.push(short(field.as_str().len()));
            bytes.extend_from_slice(field.as_str().as_bytes());
            bytes.extend_from_slice(&long(sealed.len()));
        }
        bytes
    }

    /// Associated data of one field.
    pub(super) fn of_field(&self, field: &FieldName) -> Vec<u8> {
        let mut bytes = self.of_record(FIELD);
        bytes.push(short(field.as_str().len()));
        bytes.extend_from_slice(field.as_str().as_bytes());
        bytes
    }

    fn of_record(&self, part: u8) -> Vec<u8> {
        let Self { root, epoch, name } = self;
        let label: &[u8] = b"keyward/record/v1\0";
        [label, &[part], &root.bytes(), &epoch.number().to_be_bytes(), &name.bytes()].concat()
    }
}

const DATA_KEY: u8 = 0;
const FIELD: u8 = 1;

/// A length that its limit keeps below 256.
fn short(length: usize) -> u8 {
    u8::try_from(length).unwrap_or(u8::MAX)
}

/// A length that its limit keeps below 2^32.
fn long(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

struct Reader<'a> {
    record: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// One part, whose fault is reported where the part begins.
    fn read<T>(
        &mut self,
        what: &'static str,
        part: impl FnOnce(&mut Self) -> Result<Option<T>, OpenRefused>,
    ) -> Result<T, OpenRefused> {
        let at = self.at;
        part(self)?.ok_or(OpenRefused::Malformed { at, what })
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], OpenRefused> {
        let end = self.at.saturating_add(length);
        let taken = self.record.get(self.at..end).ok_or_else(|| self.malformed("it ends here"))?;
        self.at = end;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, OpenRefused> {
        let taken = self.take(1)?;
        taken.first().copied().ok_or_else(|| self.malformed("it ends here"))
    }

    fn u32(&mut self) -> Result<u32, OpenRefused> {
        let taken = self.take(4)?;
        let bytes = taken.try_into().map_err(|_| self.malformed("it ends here"))?;
        Ok(u32::from_be_bytes(bytes))
    }

    /// A text with its length in one byte before it.
    fn text(&mut self) -> Result<Option<&'a str>, OpenRefused> {
        let length = self.byte()?;
        self.take(usize::from(length)).map(|bytes| core::str::from_utf8(bytes).ok())
    }

    fn name(&mut self) -> Result<Option<RecordName>, OpenRefused> {
        let code = self.byte()?;
        let version = self.u32()?;
        let id = self.text()?;
        Ok((|| {
            let id = RecordId::parse(id?).ok()?;
            RecordName::from_parts(code, id, RecordVersion::new(version)?)
        })())
    }

    fn field_name(&mut self) -> Result<Option<FieldName>, OpenRefused> {
        self.text().map(|text| text.and_then(|text| FieldName::parse(text).ok()))
    }

    fn sealed_length(&mut self) -> Result<Option<usize>, OpenRefused> {
        let range = aead::OVERHEAD_BYTES..=FIELD_BYTES_MAX + aead::OVERHEAD_BYTES;
        self.u32().map(|n| usize::try_from(n).ok().filter(|n| range.contains(n)))
    }

    const fn malformed(&self, what: &'static str) -> OpenRefused {
        OpenRefused::Malformed { at: self.at, what }
    }
}
