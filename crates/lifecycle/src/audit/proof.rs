//! Proofs about a tree: that a leaf is in it, and that a tree grew out of another
//! (RFC 6962 sections 2.1.1 and 2.1.2), made and checked.

use alloc::vec::Vec;

use super::tree::{NodeAt, empty_root, node_hash, peaks};
use crate::id::Digest;

/// Most hashes that a proof can have: one for each level of a tree of 2^64 - 1 leaves, and the
/// node that a proof of growth starts from. A reader of proofs refuses longer ones unread.
pub const PROOF_HASHES_MAX: usize = 65;

/// The audit path of leaf `index` in the tree of the first `size` leaves, lowest first
/// (RFC 6962 section 2.1.1, PATH).
///
/// `fetch` is asked only for complete subtrees within `size`, at most 127 of them; level 0 is a
/// leaf hash. Hashes of the incomplete right edge are computed from them.
///
/// # Errors
/// [`NoProof::OutOfRange`] when the tree has no such leaf, else the first error of `fetch`.
pub fn inclusion<E>(
    index: u64,
    size: u64,
    fetch: &mut dyn FnMut(NodeAt) -> Result<Digest, E>,
) -> Result<Vec<Digest>, NoProof<E>> {
    if index >= size {
        return Err(NoProof::OutOfRange);
    }
    let mut path = Vec::new();
    let mut span = Span { begin: 0, count: size };
    while let Some((left, right)) = span.halves() {
        let sibling = if index < right.begin { right } else { left };
        path.push(sibling.root(fetch)?);
        span = if index < right.begin { left } else { right };
    }
    path.reverse();
    Ok(path)
}

/// The root of the tree of the first `size` leaves, of which those in `leaves` (place and leaf
/// hash, ascending) are taken as given and the rest is fetched. If it is the root that was
/// signed for this size, each of them is in that tree at its place: one proof for all of them.
///
/// `fetch` as for [`inclusion`], for subtrees that hold none of `leaves`.
///
/// # Errors
/// [`NoProof::OutOfRange`] for leaves that are not ascending within the tree, else the first
/// error of `fetch`.
pub fn root_with<E>(
    leaves: &[(u64, Digest)],
    size: u64,
    fetch: &mut dyn FnMut(NodeAt) -> Result<Digest, E>,
) -> Result<Digest, NoProof<E>> {
    let ascending = leaves.is_sorted_by(|(one, _), (next, _)| one < next);
    if !ascending || leaves.last().is_some_and(|(last, _)| *last >= size) {
        return Err(NoProof::OutOfRange);
    }
    Ok(Span { begin: 0, count: size }.root_with(leaves, fetch)?)
}

/// The proof that the tree of the first `new` leaves continues that of the first `old`
/// (RFC 6962 section 2.1.2, PROOF). Empty when `old` is 0 or equals `new`.
///
/// `fetch` as for [`inclusion`].
///
/// # Errors
/// [`NoProof::OutOfRange`] when `old` is larger than `new`, else the first error of `fetch`.
pub fn consistency<E>(
    old: u64,
    new: u64,
    fetch: &mut dyn FnMut(NodeAt) -> Result<Digest, E>,
) -> Result<Vec<Digest>, NoProof<E>> {
    if old > new {
        return Err(NoProof::OutOfRange);
    }
    let mut path = Vec::new();
    if old == 0 {
        return Ok(path);
    }
    let mut span = Span { begin: 0, count: new };
    // SUBPROOF: down to the span that ends where the old tree ended.
    while span.end() != old
        && let Some((left, right)) = span.halves()
    {
        let within_left = old <= right.begin;
        path.push(if within_left { right } else { left }.root(fetch)?);
        span = if within_left { left } else { right };
    }
    // The verifier has the old root; it is left out where it is a node of the new tree.
    if span.begin != 0 {
        path.push(span.root(fetch)?);
    }
    path.reverse();
    Ok(path)
}

/// Checks that the leaf with hash `leaf` is number `index` of the tree of `size` leaves whose
/// root is `root` (RFC 9162 section 2.1.3.2).
///
/// `size` and `root` are one tree head: take both from one checkpoint, since a proof may also
/// lead to this root from another size.
///
/// # Errors
/// [`BadProof`], also for an index that is not in the tree.
pub fn verify_inclusion(
    leaf: &Digest,
    index: u64,
    size: u64,
    proof: &[Digest],
    root: &Digest,
) -> Result<(), BadProof> {
    let last = size.checked_sub(1).filter(|last| index <= *last).ok_or(BadProof)?;
    let mut climb = Climb { node: index, last };
    let mut hash = *leaf;
    for sibling in proof {
        hash = match climb.side()? {
            Side::Left => node_hash(sibling, &hash),
            Side::Right => node_hash(&hash, sibling),
        };
        climb.up();
    }
    if climb.last == 0 && hash == *root { Ok(()) } else { Err(BadProof) }
}

/// Checks that the tree of `new_size` leaves and root `new_root` continues that of `old_size`
/// leaves and root `old_root` (RFC 9162 section 2.1.4.2).
///
/// An `old_size` of 0 is refused: every tree continues the empty one, so such a proof says
/// nothing; who has no older head has nothing to check.
///
/// # Errors
/// [`BadProof`], also for an older tree that is larger.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Digest,
    new_size: u64,
    new_root: &Digest,
    proof: &[Digest],
) -> Result<(), BadProof> {
    if old_size == 0 || old_size > new_size {
        return Err(BadProof);
    }
    if old_size == new_size {
        return if proof.is_empty() && old_root == new_root { Ok(()) } else { Err(BadProof) };
    }
    let mut climb = Climb { node: old_size.saturating_sub(1), last: new_size.saturating_sub(1) };
    climb.skip_ones();
    // A complete older tree is a node of the newer one, and then its root opens the path.
    let (first, rest) = if old_size.is_power_of_two() {
        (old_root, proof)
    } else {
        proof.split_first().ok_or(BadProof)?
    };
    let (mut older, mut newer) = (*first, *first);
    for sibling in rest {
        match climb.side()? {
            Side::Left => {
                older = node_hash(sibling, &older);
                newer = node_hash(sibling, &newer);
            }
            Side::Right => newer = node_hash(&newer, sibling),
        }
        climb.up();
    }
    let good = climb.last == 0 && older == *old_root && newer == *new_root;
    if good { Ok(()) } else { Err(BadProof) }
}

/// Why no proof was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum NoProof<E> {
    /// The caller asked for a leaf or an older tree that the tree does not have.
    #[error("the tree is not that large: ask for a leaf below its size, or an older size")]
    OutOfRange,
    /// The store of hashes failed.
    #[error("a hash of the tree cannot be read")]
    Fetch(#[from] E),
}

/// The proof does not lead from what it is about to the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Merkle proof does not verify")]
#[expect(clippy::exhaustive_structs, reason = "there is nothing more to say")]
pub struct BadProof;

/// The leaves of one subtree of RFC 6962, complete or at the right edge.
#[derive(Clone, Copy)]
struct Span {
    begin: u64,
    count: u64,
}

impl Span {
    fn end(self) -> u64 {
        self.begin.saturating_add(self.count)
    }

    /// Divided at the largest power of two below its count; nothing for a leaf.
    fn halves(self) -> Option<(Self, Self)> {
        let below = self.count.checked_sub(1)?;
        let left = 1_u64.checked_shl(below.checked_ilog2()?)?;
        let right = self.count.checked_sub(left)?;
        let middle = self.begin.checked_add(left)?;
        Some((Self { count: left, ..self }, Self { begin: middle, count: right }))
    }

    /// As [`Self::root`], where `leaves` of it are known. As deep as the tree is high.
    fn root_with<E>(
        self,
        leaves: &[(u64, Digest)],
        fetch: &mut dyn FnMut(NodeAt) -> Result<Digest, E>,
    ) -> Result<Digest, E> {
        let Some((_, first)) = leaves.first() else { return self.root(fetch) };
        let Some((left, right)) = self.halves() else { return Ok(*first) };
        let middle = leaves.partition_point(|(place, _)| *place < right.begin);
        let (lower, upper) = leaves.split_at_checked(middle).unwrap_or((leaves, &[]));
        let left = left.root_with(lower, fetch)?;
        Ok(node_hash(&left, &right.root_with(upper, fetch)?))
    }

    fn root<E>(self, fetch: &mut dyn FnMut(NodeAt) -> Result<Digest, E>) -> Result<Digest, E> {
        let hashes = peaks(self.begin, self.count).map(fetch).collect::<Result<Vec<_>, _>>()?;
        let root = hashes.into_iter().rev().reduce(|right, left| node_hash(&left, &right));
        Ok(root.unwrap_or_else(empty_root))
    }
}

/// Where a hash stands on its way up: its number in its level (`fn` in RFC 9162) and that of
/// the level's last node (`sn`).
struct Climb {
    node: u64,
    last: u64,
}

/// On which side of the hash the next one of the proof stands.
enum Side {
    Left,
    Right,
}

impl Climb {
    fn side(&mut self) -> Result<Side, BadProof> {
        if self.last == 0 {
            return Err(BadProof);
        }
        if self.node & 1 == 0 && self.node != self.last {
            return Ok(Side::Right);
        }
        // The right edge: up to where this node has a sibling.
        while self.node & 1 == 0 && self.node != 0 {
            self.up();
        }
        Ok(Side::Left)
    }

    const fn up(&mut self) {
        self.node >>= 1;
        self.last >>= 1;
    }

    fn skip_ones(&mut self) {
        while self.node & 1 == 1 {
            self.up();
        }
    }
}
