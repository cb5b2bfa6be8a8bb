//! The strict reader: JSON that every parser reads alike (RFC 7493), or a refusal that says
//! where.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::{cell::RefCell, fmt};

use serde::de::{self, DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value, map::Entry};

use super::{INTEGER_MAX, Integers, members::Members};

/// Whether `number` lies within ±(2^53 - 1), where each integer is its own double.
pub(super) fn is_exact(number: f64) -> bool {
    /// [`INTEGER_MAX`] as a double, exactly.
    const MAX: f64 = 9_007_199_254_740_991.0;
    (-MAX..=MAX).contains(&number)
}

/// How much a document may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    bytes: usize,
    depth: usize,
}

impl Limits {
    /// The deepest nesting that any reader here takes, in arrays and objects.
    pub const DEPTH_MAX: usize = 100;
    /// For a document of ours: 1 MiB, 64 deep.
    pub const DOCUMENT: Self = Self { bytes: 1 << 20, depth: 64 };

    /// At most `bytes` bytes, and at most `depth` arrays and objects inside each other; a depth
    /// beyond [`Self::DEPTH_MAX`] is that.
    #[must_use]
    pub const fn new(bytes: usize, depth: usize) -> Self {
        let depth = if depth > Self::DEPTH_MAX { Self::DEPTH_MAX } else { depth };
        Self { bytes, depth }
    }

    /// Bytes at most.
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.bytes
    }

    /// Arrays and objects inside each other at most.
    #[must_use]
    pub const fn depth(self) -> usize {
        self.depth
    }
}

/// Why a document is refused. Lines and columns count from 1, columns in bytes, and stand at or
/// just after the fault. Whoever wrote the document must act.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedJson {
    /// The document is longer than its limit.
    #[error("the JSON document has {bytes} bytes; at most {limit} are read: split it")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A byte order mark, which RFC 8259 section 8.1 forbids.
    #[error("the JSON document starts with a byte order mark: save it as UTF-8 without one")]
    ByteOrderMark,
    /// Bytes that are not UTF-8.
    #[error("the JSON document is not UTF-8 from byte {offset} on: save it as UTF-8")]
    NotUtf8 {
        /// Bytes before the fault.
        offset: usize,
    },
    /// Nested too deeply.
    #[error("line {line}, column {column}: more than {limit} arrays and objects inside each other")]
    TooDeep {
        /// Line of the fault.
        line: usize,
        /// Column of the fault.
        column: usize,
        /// The limit.
        limit: usize,
    },
    /// A member that occurs twice in one object.
    #[error("line {line}, column {column}: the member {name:?} occurs twice in one object")]
    DuplicateMember {
        /// Line of the fault.
        line: usize,
        /// Column of the fault.
        column: usize,
        /// The member's name.
        name: String,
    },
    /// A number beyond ±(2^53 - 1).
    #[error(
        "line {line}, column {column}: a number is beyond ±(2^53 - 1), where readers round: \
         write it as a string"
    )]
    BeyondExact {
        /// Line of the fault.
        line: usize,
        /// Column of the fault.
        column: usize,
    },
    /// Not JSON (RFC 8259); a lone surrogate is among these faults.
    #[error("line {line}, column {column}: not JSON: {what}")]
    Syntax {
        /// Line of the fault.
        line: usize,
        /// Column of the fault.
        column: usize,
        /// What is wrong.
        what: String,
    },
    /// JSON, but not what is expected here.
    #[error("line {line}, column {column}: {what}")]
    Unexpected {
        /// Line of the fault.
        line: usize,
        /// Column of the fault.
        column: usize,
        /// What is wrong.
        what: String,
    },
}

/// Reads a document of ours, strictly.
///
/// # Errors
/// [`MalformedJson`]: too long, too deep, not UTF-8, a byte order mark, not JSON, a lone
/// surrogate, a member twice in one object, a number beyond ±(2^53 - 1), text after the end.
pub fn read_strict(bytes: &[u8], limits: Limits) -> Result<Value, MalformedJson> {
    read(bytes, limits, Integers::Exact)
}

/// Reads a document strictly and as a `T`.
///
/// # Errors
/// As [`read_strict`], and [`MalformedJson::Unexpected`] where the document is no `T`.
pub fn from_slice_strict<T: DeserializeOwned>(
    bytes: &[u8],
    limits: Limits,
) -> Result<T, MalformedJson> {
    read_strict(bytes, limits)?;
    // Read again from the text, since only there a fault has a line and a column.
    let mut json = serde_json::Deserializer::from_slice(bytes);
    T::deserialize(Members(&mut json)).map_err(|error| MalformedJson::Unexpected {
        line: error.line(),
        column: error.column(),
        what: plain(bare(&error)),
    })
}

/// As [`read_strict`], with a choice about numbers beyond ±(2^53 - 1): as doubles they are
/// rounded to the nearest, and only what no double holds is refused.
///
/// # Errors
/// As [`read_strict`], without the refusal that `integers` lifts.
pub fn read(bytes: &[u8], limits: Limits, integers: Integers) -> Result<Value, MalformedJson> {
    if bytes.len() > limits.bytes {
        return Err(MalformedJson::TooLong { bytes: bytes.len(), limit: limits.bytes });
    }
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return Err(MalformedJson::ByteOrderMark);
    }
    let text = core::str::from_utf8(bytes)
        .map_err(|error| MalformedJson::NotUtf8 { offset: error.valid_up_to() })?;
    let fault = RefCell::new(None);
    let element = Element { integers, room: limits.depth, fault: &fault };
    let mut json = serde_json::Deserializer::from_str(text);
    element
        .deserialize(&mut json)
        .and_then(|value| json.end().map(|()| value))
        .map_err(|error| place(fault.take(), &error, limits))
}

/// What the visitor found wrong, beside the position that `serde_json` adds.
enum Fault {
    TooDeep,
    DuplicateMember(String),
    BeyondExact,
}

fn place(fault: Option<Fault>, error: &serde_json::Error, limits: Limits) -> MalformedJson {
    let (line, column) = (error.line(), error.column());
    match fault {
        Some(Fault::TooDeep) => MalformedJson::TooDeep { line, column, limit: limits.depth },
        Some(Fault::DuplicateMember(name)) => MalformedJson::DuplicateMember { line, column, name },
        Some(Fault::BeyondExact) => MalformedJson::BeyondExact { line, column },
        None => MalformedJson::Syntax { line, column, what: bare(error) },
    }
}

/// The message without the position, which the error carries apart.
fn bare(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((message, _)) => message.to_string(),
        None => text,
    }
}

/// Without the name that a type has in our code.
fn plain(message: String) -> String {
    match message.split_once("expected struct ") {
        Some((before, _)) => alloc::format!("{before}expected an object"),
        None => message,
    }
}

/// Reads one value with `room` levels of nesting left.
#[derive(Clone, Copy)]
struct Element<'a> {
    integers: Integers,
    room: usize,
    fault: &'a RefCell<Option<Fault>>,
}

impl Element<'_> {
    fn refuse<E: de::Error>(&self, fault: Fault) -> E {
        self.fault.replace(Some(fault));
        E::custom("refused")
    }

    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        match self.room.checked_sub(1) {
            Some(room) => Ok(Self { room, ..self }),
            None => Err(self.refuse(Fault::TooDeep)),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Element<'_> {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        if value <= INTEGER_MAX {
            return Ok(Value::Number(value.into()));
        }
        #[expect(
            clippy::as_conversions,
            clippy::cast_precision_loss,
            reason = "rounding to the nearest double is what `AsDoubles` means"
        )]
        self.visit_f64(value as f64)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        if value.unsigned_abs() <= INTEGER_MAX {
            return Ok(Value::Number(value.into()));
        }
        #[expect(
            clippy::as_conversions,
            clippy::cast_precision_loss,
            reason = "rounding to the nearest double is what `AsDoubles` means"
        )]
        self.visit_f64(value as f64)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        if self.integers == Integers::Exact && !is_exact(value) {
            return Err(self.refuse(Fault::BeyondExact));
        }
        match Number::from_f64(value) {
            Some(number) => Ok(Value::Number(number)),
            None => Err(self.refuse(Fault::BeyondExact)),
        }
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_string()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = elements.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            match map.entry(name) {
                Entry::Vacant(vacant) => {
                    vacant.insert(members.next_value_seed(inner)?);
                }
                Entry::Occupied(taken) => {
                    return Err(self.refuse(Fault::DuplicateMember(taken.key().clone())));
                }
            }
        }
        Ok(Value::Object(map))
    }
}
