//! Numbers, times and parts as bytes, read without a copy.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{SnapshotFailed, UnreadableSnapshot};
use crate::time::Timestamp;

/// Puts a number in groups of seven bits, the lowest first (LEB128).
pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push((number & 0x7f) as u8);
}

/// Puts a signed number: `0, -1, 1, -2` as `0, 1, 2, 3`.
pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_number(out, zigzag(number));
}

/// Puts bytes after their length.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Puts a time by its distance from another one. Most are whole microseconds apart, which is
/// twice the signed number of them; the others are 1 and the time itself.
pub(super) fn put_time(out: &mut Vec<u8>, from: Timestamp, to: Timestamp) {
    let apart = to.nanos().wrapping_sub(from.nanos());
    if apart % 1_000 == 0 && from.nanos().checked_add(apart).is_some() {
        put_number(out, zigzag(apart / 1_000) << 1);
    } else {
        out.push(1);
        out.extend_from_slice(&to.nanos().to_le_bytes());
    }
}

/// Puts something small in the form of postcard.
pub(super) fn put_small<T: Serialize>(out: &mut Vec<u8>, small: &T) -> Result<(), SnapshotFailed> {
    out.extend_from_slice(&postcard::to_allocvec(small).map_err(|_| SnapshotFailed)?);
    Ok(())
}

const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

/// What is left to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'b>(pub(super) &'b [u8]);

impl<'b> Reader<'b> {
    pub(super) fn byte(&mut self) -> Result<u8, UnreadableSnapshot> {
        let (first, rest) = self.0.split_first().ok_or(UnreadableSnapshot)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn number(&mut self) -> Result<u64, UnreadableSnapshot> {
        let mut number = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(UnreadableSnapshot)
    }

    pub(super) fn small_number(&mut self) -> Result<u32, UnreadableSnapshot> {
        self.number().and_then(|number| u32::try_from(number).map_err(|_| UnreadableSnapshot))
    }

    pub(super) fn signed(&mut self) -> Result<i64, UnreadableSnapshot> {
        self.number().map(unzigzag)
    }

    /// How many things follow, each of at least `least` bytes: more than can follow is refused
    /// before room is made for it.
    pub(super) fn count(&mut self, least: usize) -> Result<usize, UnreadableSnapshot> {
        let count =
            self.number().and_then(|it| usize::try_from(it).map_err(|_| UnreadableSnapshot))?;
        let fits = count.checked_mul(least).is_some_and(|bytes| bytes <= self.0.len());
        if fits { Ok(count) } else { Err(UnreadableSnapshot) }
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'b [u8], UnreadableSnapshot> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(UnreadableSnapshot)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], UnreadableSnapshot> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(UnreadableSnapshot)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn bytes(&mut self) -> Result<&'b [u8], UnreadableSnapshot> {
        let count = self.count(1)?;
        self.take(count)
    }

    pub(super) fn text(&mut self) -> Result<&'b str, UnreadableSnapshot> {
        core::str::from_utf8(self.bytes()?).map_err(|_| UnreadableSnapshot)
    }

    pub(super) fn time(&mut self, from: Timestamp) -> Result<Timestamp, UnreadableSnapshot> {
        let number = self.number()?;
        if number == 1 {
            return self.array().map(i64::from_le_bytes).map(Timestamp::from_nanos);
        }
        let apart = unzigzag(number >> 1).wrapping_mul(1_000);
        Ok(Timestamp::from_nanos(from.nanos().wrapping_add(apart)))
    }

    pub(super) fn small<T: Deserialize<'b>>(&mut self) -> Result<T, UnreadableSnapshot> {
        let (small, rest) = postcard::take_from_bytes(self.0).map_err(|_| UnreadableSnapshot)?;
        self.0 = rest;
        Ok(small)
    }

    pub(super) const fn end(self) -> Result<(), UnreadableSnapshot> {
        if self.0.is_empty() { Ok(()) } else { Err(UnreadableSnapshot) }
    }
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ (number & 1).cast_signed().wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_come_back() {
        let ends = [0, 1, -1, 63, 64, -64, -65, 1_000, i64::MAX, i64::MIN + 1, i64::MIN + 1_001];
        let mut out = Vec::new();
        for from in ends {
            put_signed(&mut out, from);
            for to in ends {
                put_time(&mut out, Timestamp::from_nanos(from), Timestamp::from_nanos(to));
            }
        }
        let mut reader = Reader(&out);
        for from in ends {
            assert_eq!(reader.signed(), Ok(from));
            for to in ends {
                let time = reader.time(Timestamp::from_nanos(from));
                assert_eq!(time, Ok(Timestamp::from_nanos(to)));
            }
        }
        assert_eq!(reader.end(), Ok(()));
    }

    #[test]
    fn a_count_beyond_what_follows_is_refused() {
        assert_eq!(Reader(&[3, 0, 0]).count(1), Err(UnreadableSnapshot));
        assert_eq!(Reader(&[2, 0, 0]).count(1), Ok(2));
        assert_eq!(Reader(&[0xff; 11]).number(), Err(UnreadableSnapshot));
    }
}
