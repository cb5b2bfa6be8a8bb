//! Merkle tree hashes (RFC 6962 section 2.1) and the compact form in which a tree grows.

use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};

use crate::id::Digest;

/// The hash of one entry: SHA-256 of `0x00` and the entry (RFC 6962 section 2.1).
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::new().chain_update([0]).chain_update(entry).finalize().into())
}

/// The hash of an inner node: SHA-256 of `0x01`, the left and the right hash.
#[must_use]
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    let sha = Sha256::new().chain_update([1]);
    let sha = sha.chain_update(left.as_bytes()).chain_update(right.as_bytes());
    Digest::from_bytes(sha.finalize().into())
}

/// The root of the tree without entries: SHA-256 of nothing.
#[must_use]
pub fn empty_root() -> Digest {
    Digest::of(&[])
}

/// The place of a complete subtree: `level` 0 are the leaves, and the node covers the leaves
/// from `index << level` up to but not including `(index + 1) << level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a place in a tree has these two coordinates")]
pub struct NodeAt {
    /// Height above the leaves, 0 to 63.
    pub level: u8,
    /// Number of such subtrees to the left.
    pub index: u64,
}

/// What is needed of a tree to let it grow: the roots of its complete subtrees, leftmost first.
/// At most 64 hashes, however large the tree.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Frontier {
    size: u64,
    /// One for each bit that is set in `size`, highest bit first.
    peaks: Vec<Digest>,
}

impl Frontier {
    /// Most bytes of [`Self::to_bytes`].
    pub const BYTES_MAX: usize = 8 + 64 * 32;

    /// The tree without entries.
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0, peaks: Vec::new() }
    }

    /// The frontier of a stored tree. `fetch` is asked for the complete subtrees that make up
    /// `size`, leftmost first; level 0 is a leaf hash.
    ///
    /// # Errors
    /// The first error of `fetch`.
    pub fn from_nodes<E>(
        size: u64,
        fetch: &mut dyn FnMut(NodeAt) -> Result<Digest, E>,
    ) -> Result<Self, E> {
        let peaks = peaks(0, size).map(fetch).collect::<Result<_, _>>()?;
        Ok(Self { size, peaks })
    }

    /// Adds the entry whose [`leaf_hash`] is `leaf`. `completed` is told every subtree of
    /// level 1 and above that this entry completes, lowest first: what a store keeps so that
    /// proofs need no second pass over the entries.
    ///
    /// # Errors
    /// [`TreeFull`] at 2^64 - 1 entries; nothing has changed then.
    pub fn append(
        &mut self,
        leaf: Digest,
        completed: &mut dyn FnMut(NodeAt, Digest),
    ) -> Result<(), TreeFull> {
        let size = self.size.checked_add(1).ok_or(TreeFull)?;
        let (mut at, mut hash) = (NodeAt { level: 0, index: self.size }, leaf);
        while at.index & 1 == 1
            && let Some(left) = self.peaks.pop()
        {
            hash = node_hash(&left, &hash);
            at = NodeAt { level: at.level.saturating_add(1), index: at.index >> 1 };
            completed(at, hash);
        }
        self.peaks.push(hash);
        self.size = size;
        Ok(())
    }

    /// The number of entries.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The tree's root (RFC 6962 section 2.1, MTH).
    #[must_use]
    pub fn root(&self) -> Digest {
        self.peaks
            .iter()
            .rev()
            .copied()
            .reduce(|right, left| node_hash(&left, &right))
            .unwrap_or_else(empty_root)
    }

    /// Size as 8 bytes, big-endian, then the peaks, 32 bytes each, leftmost first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let size = self.size.to_be_bytes();
        let peaks = self.peaks.iter().flat_map(|peak| *peak.as_bytes());
        size.into_iter().chain(peaks).collect()
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`MalformedFrontier`] when there is not one peak for each bit of the size.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MalformedFrontier> {
        let (size, rest) = bytes.split_first_chunk::<8>().ok_or(MalformedFrontier)?;
        let size = u64::from_be_bytes(*size);
        let (peaks, left_over) = rest.as_chunks::<32>();
        if !left_over.is_empty() || u64::from(size.count_ones()) != peaks.len() as u64 {
            return Err(MalformedFrontier);
        }
        Ok(Self { size, peaks: peaks.iter().copied().map(Digest::from_bytes).collect() })
    }
}

/// The complete subtrees that make up the `count` leaves from `begin` on, leftmost first.
/// `begin` is a multiple of the smallest power of two that is at least `count`, as it is for
/// every subtree of RFC 6962; so each subtree is aligned.
pub(super) fn peaks(begin: u64, count: u64) -> impl Iterator<Item = NodeAt> {
    let bits = (0..u64::BITS).rev().filter(move |bit| count >> bit & 1 == 1);
    bits.map(move |bit| {
        // The leaves to the left within the span are the higher bits of `count`.
        let before = count.checked_shr(bit).map_or(0, |high| high & !1);
        let index = begin.checked_shr(bit).unwrap_or(0) | before;
        NodeAt { level: u8::try_from(bit).unwrap_or(u8::MAX), index }
    })
}

/// The tree holds 2^64 - 1 entries; a log that long is continued under another origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("tree is full: it holds 2^64 - 1 entries")]
#[expect(clippy::exhaustive_structs, reason = "there is nothing more to say")]
pub struct TreeFull;

/// The bytes are not a frontier: not 8 bytes of size and one hash for each bit set in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("tree frontier is malformed: expected 8 bytes of size and 32 for each bit set in it")]
#[expect(clippy::exhaustive_structs, reason = "there is nothing more to say")]
pub struct MalformedFrontier;
