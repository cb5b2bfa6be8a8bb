//! Just enough DER (ITU-T X.690) to read and write keys: definite, minimal lengths, and no
//! tag that is not expected.

/// Tag of an INTEGER.
pub(crate) const INTEGER: u8 = 0x02;
/// Tag of a BIT STRING.
pub(crate) const BIT_STRING: u8 = 0x03;
/// Tag of an OCTET STRING.
pub(crate) const OCTET_STRING: u8 = 0x04;
/// Tag of an OBJECT IDENTIFIER.
pub(crate) const OBJECT: u8 = 0x06;
/// Tag of a SEQUENCE.
pub(crate) const SEQUENCE: u8 = 0x30;

/// The bytes are not the DER that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotDer;

/// Reads one value after another.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads from `bytes`.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether nothing is left.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tag of the next value.
    pub(crate) fn next_tag(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The contents of the next value, which has `tag`.
    pub(crate) fn value(&mut self, tag: u8) -> Result<&'a [u8], NotDer> {
        let (found, rest) = self.0.split_first().ok_or(NotDer)?;
        if *found != tag {
            return Err(NotDer);
        }
        let (length, rest) = length(rest)?;
        let (contents, rest) = rest.split_at_checked(length).ok_or(NotDer)?;
        self.0 = rest;
        Ok(contents)
    }

    /// The contents of the next value if it has `tag`.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, NotDer> {
        if self.next_tag() == Some(tag) { self.value(tag).map(Some) } else { Ok(None) }
    }

    /// A small non-negative INTEGER of one byte.
    pub(crate) fn small_integer(&mut self) -> Result<u8, NotDer> {
        match self.value(INTEGER)? {
            [value] if *value < 0x80 => Ok(*value),
            _ => Err(NotDer),
        }
    }

    /// A non-negative INTEGER below 2^32, in the fewest bytes.
    pub(crate) fn unsigned(&mut self) -> Result<u32, NotDer> {
        let bytes = match self.value(INTEGER)? {
            [0] => return Ok(0),
            [0, rest @ ..] if rest.first().is_some_and(|first| *first >= 0x80) => rest,
            bytes if bytes.first().is_some_and(|first| (1..0x80).contains(first)) => bytes,
            _ => return Err(NotDer),
        };
        if bytes.len() > 4 {
            return Err(NotDer);
        }
        Ok(bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
    }

    /// The bytes of the next BIT STRING, which has no unused bits.
    pub(crate) fn bit_string(&mut self) -> Result<&'a [u8], NotDer> {
        whole_bits(self.value(BIT_STRING)?)
    }

    /// That nothing is left.
    pub(crate) const fn end(&self) -> Result<(), NotDer> {
        if self.is_empty() { Ok(()) } else { Err(NotDer) }
    }
}

/// The bytes of the contents of a BIT STRING, which has no unused bits.
pub(crate) fn whole_bits(contents: &[u8]) -> Result<&[u8], NotDer> {
    match contents.split_first() {
        Some((0, bytes)) => Ok(bytes),
        _ => Err(NotDer),
    }
}

/// The contents of the one value that `bytes` hold, which has `tag`.
pub(crate) fn sole(tag: u8, bytes: &[u8]) -> Result<&[u8], NotDer> {
    let mut reader = Reader::new(bytes);
    let contents = reader.value(tag)?;
    reader.end()?;
    Ok(contents)
}

/// A value with `tag` around the concatenation of `parts`.
pub(crate) fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().fold(0_usize, |sum, part| sum.saturating_add(part.len()));
    let mut bytes = Vec::with_capacity(length.saturating_add(6));
    bytes.push(tag);
    let long = length.to_be_bytes();
    let significant = long.iter().skip_while(|byte| **byte == 0);
    if length >= 0x80 {
        let count = u8::try_from(significant.clone().count()).unwrap_or(u8::MAX);
        bytes.push(0x80 | count);
        bytes.extend(significant);
    } else {
        bytes.extend(long.last());
    }
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes
}

/// Reads a length: X.690 §10.1, definite and in the fewest bytes; at most 65,535.
fn length(bytes: &[u8]) -> Result<(usize, &[u8]), NotDer> {
    match bytes {
        [short @ 0..=0x7f, rest @ ..] => Ok((usize::from(*short), rest)),
        [0x81, one @ 0x80..=0xff, rest @ ..] => Ok((usize::from(*one), rest)),
        [0x82, high @ 1..=0xff, low, rest @ ..] => {
            Ok((usize::from(u16::from_be_bytes([*high, *low])), rest))
        }
        _ => Err(NotDer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_in_their_shortest_form_only() {
        for length in [0_usize, 1, 127, 128, 255, 256, 4000, 65_535] {
            let written = value(OCTET_STRING, &[&vec![7; length]]);
            assert_eq!(sole(OCTET_STRING, &written).map(<[u8]>::len), Ok(length));
        }
        for longer in [&[4, 0x81, 1, 7][..], &[4, 0x82, 0, 1, 7], &[4, 0x80, 7, 0, 0], &[4, 2, 7]] {
            assert_eq!(sole(OCTET_STRING, longer), Err(NotDer));
        }
    }
}
