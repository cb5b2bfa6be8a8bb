//! Hashes of stored trees: leaves are hashed as they are read, inner nodes are stored.

use keyward_lifecycle::{
    audit::tree::{NodeAt, leaf_hash},
    id::Digest,
};

use crate::{
    engine::Parts,
    storage::{ReadError, Storage, Tree},
};

pub(crate) fn hash(parts: &Parts, tree: Tree, at: NodeAt) -> Result<Digest, ReadError> {
    hash_in(&*parts.storage, tree, at)
}

/// The hash of a complete subtree.
pub(crate) fn hash_in(storage: &dyn Storage, tree: Tree, at: NodeAt) -> Result<Digest, ReadError> {
    let missing =
        || ReadError::Missing { what: format!("node {}/{} of {tree:?}", at.level, at.index) };
    if at.level == 0 {
        let leaf = storage.leaves(tree, at.index, 1)?.into_iter().next().ok_or_else(missing)?;
        return Ok(leaf_hash(&leaf));
    }
    storage.nodes(tree, &[at])?.into_iter().next().ok_or_else(missing)
}
