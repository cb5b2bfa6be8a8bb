//! Arrays and objects being written.

use alloc::{
    collections::{BTreeMap, btree_map::Entry},
    string::{String, ToString},
    vec::Vec,
};
use core::cmp::Ordering;

use serde::{Serialize, ser};
use serde_json::Value;

use super::{Encoder, Integers, Uncanonical, encode, push_text};

/// A member name, ordered by its UTF-16 code units (RFC 8785 section 3.2.3).
#[derive(PartialEq, Eq)]
struct Name(String);

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.encode_utf16().cmp(other.0.encode_utf16())
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// An array being written.
pub(super) struct Array<'a> {
    out: &'a mut Vec<u8>,
    integers: Integers,
    first: bool,
    closing: &'static [u8],
}

impl<'a> Array<'a> {
    /// Writes `[`; `closing` is written at the end.
    pub(super) fn open(encoder: Encoder<'a>, closing: &'static [u8]) -> Self {
        encoder.out.push(b'[');
        Self { out: encoder.out, integers: encoder.integers, first: true, closing }
    }
}

macro_rules! array {
    ($($trait:ident $method:ident),*) => {$(
        impl ser::$trait for Array<'_> {
            type Ok = ();
            type Error = Uncanonical;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Uncanonical> {
                if !core::mem::replace(&mut self.first, false) {
                    self.out.push(b',');
                }
                value.serialize(Encoder { out: self.out, integers: self.integers, omit: None })
            }
            fn end(self) -> Result<(), Uncanonical> {
                self.out.extend_from_slice(self.closing);
                Ok(())
            }
        }
    )*};
}
array!(
    SerializeSeq serialize_element, SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field, SerializeTupleVariant serialize_field
);

/// An object being gathered: its members are known, sorted, before one is written.
pub(super) struct Object<'a> {
    out: &'a mut Vec<u8>,
    integers: Integers,
    omit: Option<&'a str>,
    members: BTreeMap<Name, Vec<u8>>,
    name: Option<String>,
    closing: &'static [u8],
}

impl<'a> Object<'a> {
    /// Writes nothing yet; `closing` is written at the end.
    pub(super) fn open(encoder: Encoder<'a>, closing: &'static [u8]) -> Self {
        let Encoder { out, integers, omit } = encoder;
        Self { out, integers, omit, members: BTreeMap::new(), name: None, closing }
    }
}

impl Object<'_> {
    fn member<T: Serialize + ?Sized>(
        &mut self,
        name: String,
        value: &T,
    ) -> Result<(), Uncanonical> {
        let bytes = encode(value, self.integers, None)?;
        match self.members.entry(Name(name)) {
            Entry::Vacant(vacant) => {
                vacant.insert(bytes);
                Ok(())
            }
            Entry::Occupied(taken) => {
                Err(Uncanonical::DuplicateMember { name: taken.key().0.clone() })
            }
        }
    }

    fn write(self) {
        self.out.push(b'{');
        let mut first = true;
        for (name, bytes) in &self.members {
            if self.omit == Some(name.0.as_str()) {
                continue;
            }
            if !core::mem::replace(&mut first, false) {
                self.out.push(b',');
            }
            push_text(self.out, &name.0);
            self.out.push(b':');
            self.out.extend_from_slice(bytes);
        }
        self.out.extend_from_slice(self.closing);
    }
}

impl ser::SerializeMap for Object<'_> {
    type Ok = ();
    type Error = Uncanonical;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Uncanonical> {
        self.name = Some(match serde_json::to_value(key) {
            Ok(Value::String(name)) => name,
            Ok(Value::Number(number)) if !number.is_f64() => number.to_string(),
            Ok(_) | Err(_) => return Err(Uncanonical::MemberName),
        });
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Uncanonical> {
        let name = self.name.take().ok_or(Uncanonical::MemberName)?;
        self.member(name, value)
    }

    fn end(self) -> Result<(), Uncanonical> {
        self.write();
        Ok(())
    }
}

macro_rules! object {
    ($($trait:ident),*) => {$(
        impl ser::$trait for Object<'_> {
            type Ok = ();
            type Error = Uncanonical;
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Uncanonical> {
                self.member(name.to_string(), value)
            }
            fn end(self) -> Result<(), Uncanonical> {
                self.write();
                Ok(())
            }
        }
    )*};
}
object!(SerializeStruct, SerializeStructVariant);
