//! The text of a name: a short one in place, since millions are held and compared.

use alloc::sync::Arc;
use core::{
    cmp::Ordering,
    hash::{Hash, Hasher},
    ops::Deref,
};

/// Text of any length.
#[derive(Clone)]
pub(super) struct Text(Bytes);

/// Room for most names without a place of their own on the heap; 24 bytes in all.
const INLINE: usize = 22;

#[derive(Clone)]
enum Bytes {
    Inline(u8, [u8; INLINE]),
    Shared(Arc<str>),
}

impl Text {
    fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Bytes::Inline(len, bytes) => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Bytes::Shared(text) => text.as_bytes(),
        }
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            // Text went in, so text comes out.
            Bytes::Inline(..) => core::str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Bytes::Shared(text) => text,
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        let mut bytes = [0; INLINE];
        let inline = u8::try_from(text.len()).ok().zip(bytes.get_mut(..text.len()));
        if let Some((len, place)) = inline {
            place.copy_from_slice(text.as_bytes());
            return Self(Bytes::Inline(len, bytes));
        }
        Self(Bytes::Shared(text.into()))
    }
}

// As of the text: the order of UTF-8 is that of its bytes.
impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;

    #[test]
    fn texts_of_every_length_come_back_and_keep_their_order() {
        let text = |len: usize| "k".repeat(len);
        for len in 0..=64 {
            assert_eq!(*Text::from(&*text(len)), *text(len));
            assert!(Text::from(&*text(len)) < Text::from(&*text(len + 1)));
        }
        assert_eq!(String::from(&*Text::from("ä")), "ä");
        assert!(size_of::<Text>() <= 24);
    }
}
