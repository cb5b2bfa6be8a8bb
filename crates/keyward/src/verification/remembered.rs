//! What need not be read and checked again: checkpoints that were opened, nodes of the ledger.
//!
//! Both never change once they are there, and neither is believed for being remembered: a
//! checkpoint is remembered by the digest of its bytes, after its signatures were checked, and
//! nodes only fill paths that must lead to its root.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use keyward_lifecycle::{
    audit::tree::NodeAt,
    authority::Admitted,
    id::Digest,
    ledger::{SignedHead, open_checkpoint},
};

use crate::{
    storage::{ReadError, Storage, Tree},
    tree::hash_in,
};

/// Most checkpoints and most nodes that are remembered; then all are forgotten.
const CHECKPOINTS_MAX: usize = 1_024;
const NODES_MAX: usize = 32_768;

#[derive(Default)]
pub(crate) struct Remembered {
    checkpoints: RwLock<HashMap<Digest, SignedHead>>,
    nodes: RwLock<HashMap<NodeAt, Digest>>,
}

impl Remembered {
    /// Opens a checkpoint; `None` for one that is not signed by the log.
    pub(super) fn open(&self, note: &[u8], authority: &Admitted) -> Option<SignedHead> {
        let name = Digest::of(note);
        let known = self.checkpoints.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(head) = known.get(&name) {
            return Some(head.clone());
        }
        drop(known);
        let origin = &authority.authority().origin;
        let head = open_checkpoint(note, origin, authority.log_verifiers()).ok()?;
        let mut known = self.checkpoints.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= CHECKPOINTS_MAX {
            known.clear();
        }
        known.insert(name, head.clone());
        Some(head)
    }

    /// The hash of a complete subtree of the ledger.
    pub(super) fn node(&self, storage: &dyn Storage, at: NodeAt) -> Result<Digest, ReadError> {
        let known = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(hash) = known.get(&at) {
            return Ok(*hash);
        }
        drop(known);
        let hash = hash_in(storage, Tree::Ledger, at)?;
        let mut known = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= NODES_MAX {
            known.clear();
        }
        known.insert(at, hash);
        Ok(hash)
    }
}
