//! The bytes of a public key: short ones in place, since millions are held.

use alloc::{sync::Arc, vec::Vec};
use core::{fmt, ops::Deref};

/// A canonical DER `SubjectPublicKeyInfo`, of any algorithm.
#[derive(Clone)]
pub struct Spki(Bytes);

/// Room for Ed25519's 44 bytes without a place of its own on the heap.
const INLINE: usize = 46;

#[derive(Clone)]
enum Bytes {
    Inline(u8, [u8; INLINE]),
    Shared(Arc<[u8]>),
}

impl Deref for Spki {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Bytes::Inline(len, bytes) => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Bytes::Shared(bytes) => bytes,
        }
    }
}

impl From<&[u8]> for Spki {
    fn from(der: &[u8]) -> Self {
        let mut bytes = [0; INLINE];
        let inline = u8::try_from(der.len()).ok().zip(bytes.get_mut(..der.len()));
        if let Some((len, place)) = inline {
            place.copy_from_slice(der);
            return Self(Bytes::Inline(len, bytes));
        }
        Self(Bytes::Shared(der.into()))
    }
}

impl From<Vec<u8>> for Spki {
    fn from(der: Vec<u8>) -> Self {
        Self::from(&*der)
    }
}

impl From<Arc<[u8]>> for Spki {
    fn from(der: Arc<[u8]>) -> Self {
        Self::from(&*der)
    }
}

impl PartialEq for Spki {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Spki {}

impl fmt::Debug for Spki {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", hex::encode(&**self))
    }
}

/// Base64 where people read, bytes elsewhere.
mod wire {
    use alloc::string::String;
    use core::fmt;

    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    use super::Spki;

    impl Serialize for Spki {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            if serializer.is_human_readable() {
                serializer.serialize_str(&STANDARD.encode(&**self))
            } else {
                serializer.serialize_bytes(self)
            }
        }
    }

    struct Bytes;

    impl de::Visitor<'_> for Bytes {
        type Value = Spki;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("bytes")
        }

        fn visit_bytes<E: de::Error>(self, der: &[u8]) -> Result<Spki, E> {
            Ok(der.into())
        }
    }

    impl<'de> Deserialize<'de> for Spki {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            if deserializer.is_human_readable() {
                let text = String::deserialize(deserializer)?;
                STANDARD.decode(text).map(Into::into).map_err(de::Error::custom)
            } else {
                deserializer.deserialize_bytes(Bytes)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_every_length_come_back() {
        for len in [0, 1, 44, 46, 47, 91, 300, 1974] {
            let der = alloc::vec![7_u8; len];
            assert_eq!(*Spki::from(&*der), *der);
        }
        assert!(size_of::<Spki>() <= 48);
    }
}
