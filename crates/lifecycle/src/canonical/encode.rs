//! Serde values to RFC 8785 bytes.

mod compound;

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use serde::{
    Serialize,
    ser::{self, Serializer},
};

use self::compound::{Array, Object};
use super::{INTEGER_MAX, Integers};

/// Why a value of ours has no canonical bytes. It is a fault of the program that made the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Uncanonical {
    /// NaN or an infinity.
    #[error("a number is not finite: JSON has no form for it; leave the member out")]
    NotFinite,
    /// A number of magnitude beyond 2^53 - 1.
    #[error("{number} is beyond ±(2^53 - 1), where readers round: write it as a string")]
    BeyondExact {
        /// The number in decimal digits.
        number: String,
    },
    /// A member that occurs twice in one object.
    #[error("the member {name:?} occurs twice in one object: keep one")]
    DuplicateMember {
        /// The member's name.
        name: String,
    },
    /// A member name that is neither text nor an integer.
    #[error("a member name is not text: use strings as the keys of maps")]
    MemberName,
    /// The bytes are not UTF-8, which the encoder never writes.
    #[error("the canonical bytes are not UTF-8: this is a fault of the encoder")]
    NotUtf8,
    /// The value's own serialisation refused.
    #[error("the value does not serialise: {0}")]
    Refused(String),
}

impl ser::Error for Uncanonical {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Refused(message.to_string())
    }
}

/// Encodes `value`, leaving out the top-level member `omit`.
pub(super) fn encode<T: Serialize + ?Sized>(
    value: &T,
    integers: Integers,
    omit: Option<&str>,
) -> Result<Vec<u8>, Uncanonical> {
    let mut out = Vec::new();
    value.serialize(Encoder { out: &mut out, integers, omit })?;
    Ok(out)
}

struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    integers: Integers,
    omit: Option<&'a str>,
}

impl<'a> Encoder<'a> {
    fn literal(self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn integer(self, magnitude: u128, negative: bool) -> Result<(), Uncanonical> {
        let sign = if negative { "-" } else { "" };
        if magnitude <= u128::from(INTEGER_MAX) {
            self.literal(&alloc::format!("{sign}{magnitude}"));
            return Ok(());
        }
        match self.integers {
            Integers::Exact => {
                Err(Uncanonical::BeyondExact { number: alloc::format!("{sign}{magnitude}") })
            }
            Integers::AsDoubles => {
                #[expect(
                    clippy::as_conversions,
                    clippy::cast_precision_loss,
                    reason = "rounding to the nearest double is what the caller asked for"
                )]
                let double = magnitude as f64;
                self.serialize_f64(if negative { -double } else { double })
            }
        }
    }

    fn array(self, closing: &'static [u8]) -> Array<'a> {
        Array::open(self, closing)
    }

    fn object(self, closing: &'static [u8]) -> Object<'a> {
        Object::open(self, closing)
    }

    /// Opens `{"variant":`, which the caller closes.
    fn open_variant(&mut self, variant: &str) {
        self.out.push(b'{');
        push_text(self.out, variant);
        self.out.push(b':');
        self.omit = None;
    }
}

/// Appends `text` in quotes, escaped as RFC 8785 section 3.2.2.2 says.
fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    // What needs no escape is copied in one piece; no escaped byte is part of another character.
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..0x20)) {
        let (plain, from) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((byte, after)) = from.split_first() else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            other => out.extend_from_slice(alloc::format!("\\u{other:04x}").as_bytes()),
        }
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

impl<'a> Serializer for Encoder<'a> {
    type Ok = ();
    type Error = Uncanonical;
    type SerializeSeq = Array<'a>;
    type SerializeTuple = Array<'a>;
    type SerializeTupleStruct = Array<'a>;
    type SerializeTupleVariant = Array<'a>;
    type SerializeMap = Object<'a>;
    type SerializeStruct = Object<'a>;
    type SerializeStructVariant = Object<'a>;

    fn serialize_bool(self, v: bool) -> Result<(), Uncanonical> {
        self.literal(if v { "true" } else { "false" });
        Ok(())
    }
    fn serialize_i8(self, v: i8) -> Result<(), Uncanonical> {
        self.serialize_i128(v.into())
    }
    fn serialize_i16(self, v: i16) -> Result<(), Uncanonical> {
        self.serialize_i128(v.into())
    }
    fn serialize_i32(self, v: i32) -> Result<(), Uncanonical> {
        self.serialize_i128(v.into())
    }
    fn serialize_i64(self, v: i64) -> Result<(), Uncanonical> {
        self.serialize_i128(v.into())
    }
    fn serialize_i128(self, v: i128) -> Result<(), Uncanonical> {
        self.integer(v.unsigned_abs(), v < 0)
    }
    fn serialize_u8(self, v: u8) -> Result<(), Uncanonical> {
        self.integer(v.into(), false)
    }
    fn serialize_u16(self, v: u16) -> Result<(), Uncanonical> {
        self.integer(v.into(), false)
    }
    fn serialize_u32(self, v: u32) -> Result<(), Uncanonical> {
        self.integer(v.into(), false)
    }
    fn serialize_u64(self, v: u64) -> Result<(), Uncanonical> {
        self.integer(v.into(), false)
    }
    fn serialize_u128(self, v: u128) -> Result<(), Uncanonical> {
        self.integer(v, false)
    }
    fn serialize_f32(self, v: f32) -> Result<(), Uncanonical> {
        self.serialize_f64(v.into())
    }
    fn serialize_f64(self, v: f64) -> Result<(), Uncanonical> {
        if !v.is_finite() {
            return Err(Uncanonical::NotFinite);
        }
        let mut buffer = ryu_js::Buffer::new();
        let text = buffer.format_finite(v);
        if self.integers == Integers::Exact && !super::read::is_exact(v) {
            return Err(Uncanonical::BeyondExact { number: text.to_string() });
        }
        self.literal(text);
        Ok(())
    }
    fn serialize_char(self, v: char) -> Result<(), Uncanonical> {
        self.serialize_str(v.encode_utf8(&mut [0; 4]))
    }
    fn serialize_str(self, v: &str) -> Result<(), Uncanonical> {
        push_text(self.out, v);
        Ok(())
    }
    fn serialize_bytes(self, v: &[u8]) -> Result<(), Uncanonical> {
        self.collect_seq(v)
    }
    fn serialize_none(self) -> Result<(), Uncanonical> {
        self.serialize_unit()
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Uncanonical> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<(), Uncanonical> {
        self.literal("null");
        Ok(())
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Uncanonical> {
        self.serialize_unit()
    }
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Uncanonical> {
        self.serialize_str(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Uncanonical> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Uncanonical> {
        self.open_variant(variant);
        let Self { out, integers, omit } = self;
        value.serialize(Encoder { out: &mut *out, integers, omit })?;
        out.push(b'}');
        Ok(())
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Array<'a>, Uncanonical> {
        Ok(self.array(b"]"))
    }
    fn serialize_tuple(self, _: usize) -> Result<Array<'a>, Uncanonical> {
        Ok(self.array(b"]"))
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Array<'a>, Uncanonical> {
        Ok(self.array(b"]"))
    }
    fn serialize_tuple_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Array<'a>, Uncanonical> {
        self.open_variant(variant);
        Ok(self.array(b"]}"))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Object<'a>, Uncanonical> {
        Ok(self.object(b"}"))
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Object<'a>, Uncanonical> {
        Ok(self.object(b"}"))
    }
    fn serialize_struct_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Object<'a>, Uncanonical> {
        self.open_variant(variant);
        Ok(self.object(b"}}"))
    }
}
