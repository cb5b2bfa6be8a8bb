//! The bytes of a public key: short ones in place, since millions are held; long ones in the
//! log alone once a start has passed them over.

use alloc::{sync::Arc, vec::Vec};
use core::fmt;

/// A canonical DER `SubjectPublicKeyInfo`, of any algorithm.
#[derive(Clone)]
pub struct Spki(Bytes);

/// Room for Ed25519's 44 bytes without a place of its own on the heap.
const INLINE: usize = 46;

/// From how many bytes on a fold can leave a key in the log: those of ML-DSA and composites.
const LONG_BYTES_MIN: usize = 256;

#[derive(Clone)]
enum Bytes {
    Inline(u8, [u8; INLINE]),
    Shared(Arc<[u8]>),
    /// A long one of a fold: the leaf that brought it, and its bytes if they are at hand.
    Logged(u64, Option<Arc<[u8]>>),
}

impl Spki {
    /// Its bytes, if they are at hand; else they are in the leaf that [`Self::leaf`] names. They
    /// always are in an event, and in a fold that began with the first leaf.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.0 {
            Bytes::Inline(len, bytes) => bytes.get(..usize::from(*len)),
            Bytes::Shared(bytes) => Some(bytes),
            Bytes::Logged(_, bytes) => bytes.as_deref(),
        }
    }

    /// The leaf that brought it, of a long one in a fold.
    #[must_use]
    pub const fn leaf(&self) -> Option<u64> {
        match self.0 {
            Bytes::Logged(leaf, _) => Some(leaf),
            Bytes::Inline(..) | Bytes::Shared(_) => None,
        }
    }

    /// The same as the leaf `leaf` brought it.
    pub(crate) fn logged_at(&self, leaf: u64) -> Self {
        match &self.0 {
            Bytes::Shared(bytes) if bytes.len() >= LONG_BYTES_MIN => {
                Self(Bytes::Logged(leaf, Some(bytes.clone())))
            }
            Bytes::Inline(..) | Bytes::Shared(_) | Bytes::Logged(..) => self.clone(),
        }
    }

    /// A long one that is in that leaf.
    pub(crate) const fn in_leaf(leaf: u64) -> Self {
        Self(Bytes::Logged(leaf, None))
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

/// One leaf brings one key.
impl PartialEq for Spki {
    fn eq(&self, other: &Self) -> bool {
        match (self.bytes(), other.bytes()) {
            (Some(one), Some(other)) => one == other,
            (None, _) | (_, None) => self.leaf() == other.leaf(),
        }
    }
}

impl Eq for Spki {}

impl fmt::Debug for Spki {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bytes() {
            Some(bytes) => write!(f, "{}", hex::encode(bytes)),
            None => write!(f, "leaf {}", self.leaf().unwrap_or_default()),
        }
    }
}

/// Base64 where people read, bytes elsewhere.
mod wire {
    use alloc::string::String;
    use core::fmt;

    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

    use super::Spki;

    impl Serialize for Spki {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let missing = || ser::Error::custom("the public key is in the log alone");
            let bytes = self.bytes().ok_or_else(missing)?;
            if serializer.is_human_readable() {
                serializer.serialize_str(&STANDARD.encode(bytes))
            } else {
                serializer.serialize_bytes(bytes)
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
            assert_eq!(Spki::from(&*der).bytes(), Some(&*der));
        }
        assert!(size_of::<Spki>() <= 48);
    }

    #[test]
    fn a_long_one_of_a_fold_is_the_same_with_and_without_its_bytes() {
        let der = alloc::vec![7_u8; 1974];
        let (given, logged) = (Spki::from(&*der), Spki::from(&*der).logged_at(5));
        assert_eq!((logged.leaf(), logged.bytes()), (Some(5), Some(&*der)));
        assert_eq!(logged, given);
        assert_eq!(Spki::in_leaf(5), logged);
        assert_ne!(Spki::in_leaf(6), logged);
        assert_eq!(Spki::in_leaf(5).bytes(), None);
        let short = Spki::from(&[7_u8; 91][..]).logged_at(5);
        assert_eq!(short.leaf(), None, "one that fits stays");
    }
}
