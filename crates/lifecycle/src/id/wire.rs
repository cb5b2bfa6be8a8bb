//! Names as text in JSON and as bytes in a snapshot.

use alloc::string::String;
use core::{fmt, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{ActorId, AnchorId, ContentId, Digest, EventId, Fingerprint, KeyId, ProfileName};

/// Reads a text and parses it, without a copy of its own where the reader lends it.
struct Parse<T>(PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> de::Visitor<'_> for Parse<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

macro_rules! text_serde {
    ($($name:ident),*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Parse(PhantomData))
            }
        }
    )*};
}
text_serde!(KeyId, ProfileName, ActorId);

// Text in JSON, bytes in a snapshot (postcard), where a million of them must load in a second.
macro_rules! bytes_serde {
    ($($name:ident, $length:literal, $from:expr, $to:expr;)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    return serializer.collect_str(self);
                }
                let to: fn(&Self) -> [u8; $length] = $to;
                to(self).serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    return String::deserialize(deserializer)?.parse().map_err(de::Error::custom);
                }
                let from: fn([u8; $length]) -> Self = $from;
                <[u8; $length]>::deserialize(deserializer).map(from)
            }
        }
    )*};
}
bytes_serde!(
    Digest, 32, Self, |digest| digest.0;
    Fingerprint, 32, |bytes| Self(Digest(bytes)), |name| name.0.0;
    ContentId, 32, |bytes| Self(Digest(bytes)), |name| name.0.0;
    AnchorId, 16, Self::from_bytes, |id| *id.as_bytes();
    EventId, 16, Self::from_bytes, |id| *id.as_bytes();
);
