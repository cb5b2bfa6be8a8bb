//! The trees of the log: RFC 6962 hashes, growth and proofs.

use std::{collections::BTreeMap, convert::Infallible};

use keyward_lifecycle::{
    audit::{
        proof::{
            BadProof, NoProof, PROOF_HASHES_MAX, consistency, inclusion, root_with,
            verify_consistency, verify_inclusion,
        },
        tree::{Frontier, MalformedFrontier, NodeAt, TreeFull, empty_root, leaf_hash, node_hash},
    },
    id::Digest,
};
use proptest::prelude::*;

/// A tree as a store keeps it: every complete subtree.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) frontier: Frontier,
    pub(crate) nodes: BTreeMap<NodeAt, Digest>,
}

impl Kept {
    pub(crate) fn of<B: AsRef<[u8]>>(entries: impl IntoIterator<Item = B>) -> Self {
        let mut kept = Self::default();
        entries.into_iter().for_each(|entry| kept.append(entry.as_ref()));
        kept
    }

    pub(crate) fn append(&mut self, entry: &[u8]) {
        let at = NodeAt { level: 0, index: self.frontier.size() };
        self.nodes.insert(at, leaf_hash(entry));
        let nodes = &mut self.nodes;
        let mut keep = |at, hash| assert_eq!(nodes.insert(at, hash), None, "reported once");
        self.frontier.append(leaf_hash(entry), &mut keep).unwrap();
    }

    pub(crate) fn leaf(&self, index: u64) -> Digest {
        self.nodes[&NodeAt { level: 0, index }]
    }

    /// The root when the tree had `size` entries.
    pub(crate) fn root_at(&self, size: u64) -> Digest {
        Frontier::from_nodes(size, &mut |at| Ok::<_, Infallible>(self.nodes[&at])).unwrap().root()
    }

    pub(crate) fn inclusion(&self, index: u64, size: u64) -> Vec<Digest> {
        inclusion(index, size, &mut self.fetch(size)).unwrap()
    }

    pub(crate) fn consistency(&self, old: u64, new: u64) -> Vec<Digest> {
        consistency(old, new, &mut self.fetch(new)).unwrap()
    }

    /// Gives only complete subtrees of the first `size` entries.
    fn fetch(&self, size: u64) -> impl FnMut(NodeAt) -> Result<Digest, NodeAt> {
        move |at| {
            let end = (at.index + 1) << at.level;
            self.nodes.get(&at).filter(|_| end <= size).copied().ok_or(at)
        }
    }
}

/// A small tree of numbered entries.
pub(crate) fn numbered(size: u64) -> Kept {
    Kept::of((0..size).map(u64::to_be_bytes))
}

/// MTH of RFC 6962 section 2.1, as it is written there.
fn naive_root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let left = leaves.len().next_power_of_two() / 2;
            node_hash(&naive_root(&leaves[..left]), &naive_root(&leaves[left..]))
        }
    }
}

/// Every proof that differs from `proof` by one hash: a flipped bit, one less, one more.
fn one_change(proof: &[Digest]) -> Vec<Vec<Digest>> {
    let mut changed = Vec::new();
    for at in 0..=proof.len() {
        let mut longer = proof.to_vec();
        longer.insert(at, leaf_hash(b"inserted"));
        changed.push(longer);
    }
    for at in 0..proof.len() {
        let mut shorter = proof.to_vec();
        shorter.remove(at);
        changed.push(shorter);
        for byte in [0, 31] {
            let mut bytes = *proof[at].as_bytes();
            bytes[byte] ^= 0x80;
            let mut other = proof.to_vec();
            other[at] = Digest::from_bytes(bytes);
            changed.push(other);
        }
    }
    changed
}

/// The proof is good, and nothing that differs from it in one hash or in the index is.
pub(crate) fn check_inclusion(
    leaf: &Digest,
    index: u64,
    size: u64,
    proof: &[Digest],
    root: &Digest,
) {
    assert_eq!(verify_inclusion(leaf, index, size, proof, root), Ok(()), "{index} in {size}");
    for changed in one_change(proof) {
        assert_eq!(verify_inclusion(leaf, index, size, &changed, root), Err(BadProof));
    }
    for other in (0..size.min(64)).chain([index + 1, index.wrapping_sub(1), size, u64::MAX]) {
        let verdict = verify_inclusion(leaf, other, size, proof, root);
        assert_eq!(verdict.is_ok(), other == index, "{other} for {index} in {size}");
    }
    let other = leaf_hash(b"other");
    assert_eq!(verify_inclusion(&other, index, size, proof, root), Err(BadProof));
    assert_eq!(verify_inclusion(leaf, index, size, proof, &other), Err(BadProof));
}

/// The proof is good, and nothing that differs from it in one hash or in a root is.
pub(crate) fn check_consistency(old: (u64, &Digest), new: (u64, &Digest), proof: &[Digest]) {
    let verify = |old_root: &Digest, new_root: &Digest, proof: &[Digest]| {
        verify_consistency(old.0, old_root, new.0, new_root, proof)
    };
    assert_eq!(verify(old.1, new.1, proof), Ok(()), "{} to {}", old.0, new.0);
    for changed in one_change(proof) {
        assert_eq!(verify(old.1, new.1, &changed), Err(BadProof));
    }
    let other = leaf_hash(b"other");
    assert_eq!(verify(&other, new.1, proof), Err(BadProof));
    assert_eq!(verify(old.1, &other, proof), Err(BadProof));
}

#[test]
fn the_hashes_are_those_of_rfc_6962() {
    // HA-30: the empty tree, the leaf and the node are hashed apart.
    let hex = |digest: Digest| digest.to_string();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(hex(empty_root()), empty);
    let leaf = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d";
    assert_eq!(hex(leaf_hash(b"")), leaf);
    let both = [leaf_hash(b"").as_bytes().as_slice(), leaf_hash(b"x").as_bytes()].concat();
    let prefixed = [[1].as_slice(), &both].concat();
    assert_eq!(node_hash(&leaf_hash(b""), &leaf_hash(b"x")), Digest::of(&prefixed));
}

#[test]
fn every_small_tree_proves_every_leaf_and_every_growth() {
    let kept = numbered(20);
    for size in 1..=20 {
        let root = kept.root_at(size);
        for index in 0..size {
            let proof = kept.inclusion(index, size);
            check_inclusion(&kept.leaf(index), index, size, &proof, &root);
            let (old, proof) = (index + 1, kept.consistency(index + 1, size));
            check_consistency((old, &kept.root_at(old)), (size, &root), &proof);
        }
    }
}

#[test]
fn what_a_tree_does_not_hold_is_not_proved() {
    let never = &mut |_| unreachable!("nothing is fetched") as Result<Digest, Infallible>;
    assert_eq!(inclusion(3, 3, never), Err(NoProof::OutOfRange));
    assert_eq!(inclusion(0, 0, never), Err(NoProof::OutOfRange));
    assert_eq!(consistency(4, 3, never), Err(NoProof::OutOfRange));
    assert_eq!(consistency(0, 3, never), Ok(vec![]));
    assert_eq!(consistency(3, 3, never), Ok(vec![]));
    assert_eq!(inclusion(1, 4, &mut |_| Err("disk")), Err(NoProof::Fetch("disk")));
    assert_eq!(consistency(3, 4, &mut |_| Err("disk")), Err(NoProof::Fetch("disk")));
}

#[test]
fn a_path_beyond_the_top_of_the_tree_leads_to_no_root() {
    let kept = numbered(4);
    let above = leaf_hash(b"above the root");
    let raised = |size: u64| node_hash(&above, &kept.root_at(size));
    let path = [kept.inclusion(3, 4), vec![above]].concat();
    assert_eq!(verify_inclusion(&kept.leaf(3), 3, 4, &path, &raised(4)), Err(BadProof));
    let path = [kept.consistency(3, 4), vec![above]].concat();
    assert_eq!(verify_consistency(3, &raised(3), 4, &raised(4), &path), Err(BadProof));
}

#[test]
fn growth_from_nothing_is_no_proof() {
    let root = numbered(3).frontier.root();
    assert_eq!(verify_consistency(0, &empty_root(), 3, &root, &[]), Err(BadProof));
    assert_eq!(verify_consistency(0, &empty_root(), 0, &empty_root(), &[]), Err(BadProof));
    assert_eq!(verify_consistency(3, &root, 2, &root, &[]), Err(BadProof));
}

#[test]
fn a_full_tree_takes_nothing_and_the_largest_proofs_stay_within_their_limit() {
    // Every leaf is alike, so every subtree of a level is too.
    let above = |below: &Digest| Some(node_hash(below, below));
    let levels: Vec<_> = std::iter::successors(Some(leaf_hash(b"")), above).take(64).collect();
    let mut constant = |at: NodeAt| Ok::<_, Infallible>(levels[usize::from(at.level)]);
    let mut full = Frontier::from_nodes(u64::MAX, &mut constant).unwrap();
    let before = full.clone();
    let nothing = &mut |_, _| unreachable!("nothing is completed");
    assert_eq!(full.append(leaf_hash(b""), nothing), Err(TreeFull));
    assert_eq!(full, before);
    assert_eq!(full.to_bytes().len(), Frontier::BYTES_MAX);
    let root = full.root();
    for index in [0, 1 << 63, u64::MAX - 1] {
        let proof = inclusion(index, u64::MAX, &mut constant).unwrap();
        assert!(proof.len() <= PROOF_HASHES_MAX);
        assert_eq!(verify_inclusion(&levels[0], index, u64::MAX, &proof, &root), Ok(()));
    }
    for old in [1, (1 << 63) + 1, u64::MAX - 1] {
        let old_root = Frontier::from_nodes(old, &mut constant).unwrap().root();
        let proof = consistency(old, u64::MAX, &mut constant).unwrap();
        assert!(proof.len() <= PROOF_HASHES_MAX);
        assert_eq!(verify_consistency(old, &old_root, u64::MAX, &root, &proof), Ok(()));
    }
}

#[test]
fn a_frontier_is_read_only_with_a_peak_for_each_bit() {
    let bytes = numbered(6).frontier.to_bytes();
    assert_eq!(bytes.len(), 8 + 2 * 32);
    assert_eq!(Frontier::from_bytes(&bytes), Ok(numbered(6).frontier));
    for cut in [0, 7, 8, 40, 71] {
        assert_eq!(Frontier::from_bytes(&bytes[..cut]), Err(MalformedFrontier), "{cut}");
    }
    let mut other_size = bytes.clone();
    other_size[7] = 7;
    assert_eq!(Frontier::from_bytes(&other_size), Err(MalformedFrontier));
    assert_eq!(Frontier::from_bytes(&[bytes, vec![0; 32]].concat()), Err(MalformedFrontier));
}

proptest! {
    #[test]
    fn the_frontier_has_the_naive_root_at_every_size(
        entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), 0..200),
    ) {
        let leaves: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let kept = Kept::of(&entries);
        let size = entries.len() as u64;
        prop_assert_eq!(kept.frontier.size(), size);
        prop_assert_eq!(kept.frontier.root(), naive_root(&leaves));
        prop_assert_eq!(kept.root_at(size / 2), naive_root(&leaves[..entries.len() / 2]));
        let bytes = kept.frontier.to_bytes();
        prop_assert_eq!(Frontier::from_bytes(&bytes), Ok(kept.frontier));
    }

    #[test]
    fn proofs_of_any_tree_hold_and_no_changed_one_does(
        size in 1_u64..600, a in any::<prop::sample::Index>(), b in any::<prop::sample::Index>(),
    ) {
        let kept = numbered(size);
        let root = kept.frontier.root();
        let index = a.index(usize::try_from(size).unwrap()) as u64;
        check_inclusion(&kept.leaf(index), index, size, &kept.inclusion(index, size), &root);
        let old = b.index(usize::try_from(size).unwrap()) as u64 + 1;
        let proof = kept.consistency(old, size);
        check_consistency((old, &kept.root_at(old)), (size, &root), &proof);
    }

    #[test]
    fn a_grown_tree_restarts_from_what_was_kept(before in 0_u64..100, after in 0_u64..100) {
        let mut kept = numbered(before);
        let fetch = &mut |at| kept.nodes.get(&at).copied().ok_or(at);
        kept.frontier = Frontier::from_nodes(before, fetch).unwrap();
        (before..before + after).for_each(|number| kept.append(&number.to_be_bytes()));
        prop_assert_eq!(kept.frontier.root(), numbered(before + after).frontier.root());
    }

    #[test]
    fn arbitrary_proofs_and_frontiers_are_judged_without_panic(
        sizes in any::<(u64, u64)>(),
        proof in prop::collection::vec(any::<[u8; 32]>().prop_map(Digest::from_bytes), 0..140),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let root = empty_root();
        let _ = verify_inclusion(&root, sizes.0, sizes.1, &proof, &root);
        let _ = verify_consistency(sizes.0, &root, sizes.1, &root, &proof);
        if let Ok(frontier) = Frontier::from_bytes(&bytes) {
            prop_assert_eq!(frontier.to_bytes(), bytes);
        }
    }
}

/// What is given is not fetched, and nothing that differs from it comes to the same root.
fn check_root_with(places: &[u64], size: u64) {
    let kept = numbered(size);
    let leaves: Vec<_> = places.iter().map(|place| (*place, kept.leaf(*place))).collect();
    let beside = |at: NodeAt| {
        let (begin, end) = (at.index << at.level, (at.index + 1) << at.level);
        let holds = places.iter().any(|place| (begin..end).contains(place));
        assert!(!holds && end <= size, "{at:?} is fetched beside {places:?} of {size}");
        kept.nodes.get(&at).copied().ok_or(at)
    };
    let root = kept.root_at(size);
    assert_eq!(root_with(&leaves, size, &mut beside.clone()), Ok(root), "{places:?} of {size}");
    for changed in 0..leaves.len() {
        let mut leaves = leaves.clone();
        leaves[changed].1 = leaf_hash(b"other");
        assert_ne!(root_with(&leaves, size, &mut beside.clone()), Ok(root));
    }
}

#[test]
fn leaves_that_are_not_ascending_within_the_tree_have_no_root() {
    let leaf = leaf_hash(b"leaf");
    let mut fetch = |at: NodeAt| Err::<Digest, _>(at);
    for places in [&[3_u64][..], &[1, 1], &[2, 1], &[0, 1, 3], &[u64::MAX]] {
        let leaves: Vec<_> = places.iter().map(|place| (*place, leaf)).collect();
        assert_eq!(root_with(&leaves, 3, &mut fetch), Err(NoProof::OutOfRange), "{places:?}");
    }
    assert_eq!(root_with(&[], 0, &mut fetch), Ok(empty_root()));
}

proptest! {
    #[test]
    fn many_leaves_are_proven_by_one_computation_of_the_root(
        size in 1_u64..80,
        chosen in proptest::collection::btree_set(0_u64..80, 0..20),
    ) {
        let places: Vec<u64> = chosen.into_iter().filter(|place| *place < size).collect();
        check_root_with(&places, size);
    }
}
