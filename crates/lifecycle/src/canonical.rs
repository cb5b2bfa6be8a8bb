//! The one encoding of everything that is hashed or signed (RFC 8785), and the strict reader of
//! what others wrote.
//!
//! Two documents that mean the same have the same bytes, so one digest names one meaning:
//! members sorted by UTF-16 code units, numbers as ECMAScript prints them, no white space. The
//! reader refuses whatever two parsers could read differently (RFC 7493, I-JSON); nothing is
//! repaired. `docs/format/canonical.md` is the full statement.

mod encode;
mod members;
mod read;

use alloc::{string::String, vec::Vec};

use serde::Serialize;
use serde_json::Value;

pub use self::encode::Uncanonical;
pub use self::read::{Limits, MalformedJson, from_slice_strict, read, read_strict};
use crate::id::ContentId;

/// The largest integer that every reader of JSON keeps exactly: 2^53 - 1 (RFC 7493
/// section 2.2).
pub const INTEGER_MAX: u64 = (1 << 53) - 1;

/// What becomes of numbers beyond ±(2^53 - 1), however they are spelt.
///
/// Above that magnitude every IEEE 754 double is an integer and neighbours share one double, so
/// `9007199254740993` and `1e20` are the same question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Integers {
    /// Refused: the rule of our own formats, which carry such values as strings.
    Exact,
    /// Rounded to the nearest double, as RFC 8785 section 3.2.2.3 formats them: for documents
    /// whose format is another's.
    AsDoubles,
}

/// The RFC 8785 bytes of `value`, in UTF-8.
///
/// # Errors
/// [`Uncanonical`]: a number that is not finite or beyond ±(2^53 - 1), a member that occurs
/// twice, a member name that is not text.
pub fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Uncanonical> {
    encode::encode(value, Integers::Exact, None)
}

/// As [`to_bytes`], with a choice about numbers beyond ±(2^53 - 1).
///
/// # Errors
/// As [`to_bytes`], without the refusal that `integers` lifts.
pub fn to_bytes_with<T: Serialize + ?Sized>(
    value: &T,
    integers: Integers,
) -> Result<Vec<u8>, Uncanonical> {
    encode::encode(value, integers, None)
}

/// The RFC 8785 bytes of a document that was read.
///
/// # Errors
/// As [`to_bytes`].
pub fn value_to_bytes(value: &Value) -> Result<Vec<u8>, Uncanonical> {
    to_bytes(value)
}

/// The RFC 8785 form of `value` as text.
///
/// # Errors
/// As [`to_bytes`].
pub fn to_text<T: Serialize + ?Sized>(value: &T) -> Result<String, Uncanonical> {
    // The encoder writes nothing but UTF-8, so the second arm is not reached.
    String::from_utf8(to_bytes(value)?).map_err(|_| Uncanonical::NotUtf8)
}

/// The content id of `value`: SHA-256 of its RFC 8785 form, without the top-level member
/// `id_member`, where the id itself stands (traps HA-30).
///
/// A value that lacks the member, or is no object, is hashed as it is.
///
/// # Errors
/// As [`to_bytes`].
pub fn content_id<T: Serialize + ?Sized>(
    value: &T,
    id_member: Option<&str>,
) -> Result<ContentId, Uncanonical> {
    encode::encode(value, Integers::Exact, id_member).map(|bytes| ContentId::of(&bytes))
}
