//! The log for others: queries, proofs, exports, and the replay that finds edits.

mod replay;

use std::io::Write;

use keyward_lifecycle::{
    audit::{checkpoint::TreeHead, proof, tree::Frontier},
    id::Digest,
    ledger::{SignedHead, open_checkpoint},
    trust,
};

use crate::{
    engine::{Keyward, unavailable},
    storage::{AuditQuery, AuditRow, Shelf, Tree},
    tree::hash_in,
    writer::ExecuteError,
};
pub use replay::AuditReport;

/// A Merkle proof with the head it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what is answered")]
pub struct TreeProof {
    /// The leaf, or the older size.
    pub index: u64,
    /// The size of the tree it leads to.
    pub size: u64,
    /// The hashes.
    pub hashes: Vec<Digest>,
    /// The root of the tree of that size.
    pub root: Digest,
    /// The newest checkpoint, as a signed note, if it is the one that signs this root.
    pub checkpoint: Option<String>,
}

impl Keyward {
    /// Rows of the audit view, newest first. They are for people: no decision rests on them.
    ///
    /// # Errors
    /// [`ExecuteError::Unavailable`].
    pub fn audit_rows(&self, query: &AuditQuery) -> Result<Vec<AuditRow>, ExecuteError> {
        self.shared.storage.audit_rows(query).map_err(|error| unavailable(&error))
    }

    /// The newest checkpoint, as a signed note.
    ///
    /// # Errors
    /// [`ExecuteError::Unavailable`].
    pub fn checkpoint(&self) -> Result<Option<String>, ExecuteError> {
        let found = self.shared.storage.item_at_or_before(Shelf::Checkpoint, &[0xff; 8]);
        let item = found.map_err(|error| unavailable(&error))?;
        Ok(item.and_then(|item| String::from_utf8(item.bytes).ok()))
    }

    /// The newest checkpoint, opened.
    pub(crate) fn signed_head(&self) -> Result<Option<(String, SignedHead)>, ExecuteError> {
        let Some(note) = self.checkpoint()? else { return Ok(None) };
        let authority = self.shared.authority();
        let origin = &authority.authority().origin;
        let head = open_checkpoint(note.as_bytes(), origin, authority.log_verifiers());
        let head = head.map_err(|error| unavailable(&error))?;
        Ok(Some((note, head)))
    }

    /// That a leaf is in the log as the newest checkpoint signs it; `None` if it is not there.
    ///
    /// # Errors
    /// [`ExecuteError::Unavailable`].
    pub fn inclusion(&self, index: u64) -> Result<Option<TreeProof>, ExecuteError> {
        let Some((note, head)) = self.signed_head()? else { return Ok(None) };
        let TreeHead { size, root } = head.log();
        if index >= size {
            return Ok(None);
        }
        let mut fetch = |at| hash_in(&*self.shared.storage, Tree::Log, at);
        let hashes = proof::inclusion(index, size, &mut fetch);
        let hashes = hashes.map_err(|error| unavailable(&error))?;
        Ok(Some(TreeProof { index, size, hashes, root, checkpoint: Some(note) }))
    }

    /// That the log of `old` leaves is the beginning of the log of `new`, or of the one that the
    /// newest checkpoint signs; `None` if that one has fewer.
    ///
    /// # Errors
    /// [`ExecuteError::Unavailable`].
    pub fn consistency(
        &self,
        old: u64,
        new: Option<u64>,
    ) -> Result<Option<TreeProof>, ExecuteError> {
        let Some((note, head)) = self.signed_head()? else { return Ok(None) };
        let size = new.unwrap_or(head.log().size);
        if old > size || size > head.log().size {
            return Ok(None);
        }
        let mut fetch = |at| hash_in(&*self.shared.storage, Tree::Log, at);
        let tree = Frontier::from_nodes(size, &mut fetch).map_err(|error| unavailable(&error))?;
        let hashes = proof::consistency(old, size, &mut fetch);
        let hashes = hashes.map_err(|error| unavailable(&error))?;
        let checkpoint = (size == head.log().size).then_some(note);
        Ok(Some(TreeProof { index: old, size, hashes, root: tree.root(), checkpoint }))
    }

    /// Writes a trust bundle: the authority, every leaf that the newest checkpoint signs, the
    /// checkpoint.
    ///
    /// # Errors
    /// [`ExecuteError::Unavailable`], also when there is no checkpoint yet, or `out` fails.
    pub fn export(&self, out: &mut dyn Write) -> Result<u64, ExecuteError> {
        let none = || ExecuteError::Unavailable("there is no checkpoint yet; unseal first".into());
        let (note, head) = self.signed_head()?.ok_or_else(none)?;
        let mut line = |bytes: &[u8]| -> Result<(), ExecuteError> {
            out.write_all(bytes).and_then(|()| out.write_all(b"\n")).map_err(|e| unavailable(&e))
        };
        let authorities = self.authority_versions()?;
        line(&trust::head_line(&authorities).map_err(|error| unavailable(&error))?)?;
        let mut written = 0_u64;
        while written < head.log().size {
            let left = u32::try_from(head.log().size.saturating_sub(written)).unwrap_or(u32::MAX);
            let leaves = self.shared.storage.leaves(Tree::Log, written, left.min(EXPORT_LEAVES));
            let leaves = leaves.map_err(|error| unavailable(&error))?;
            if leaves.is_empty() {
                return Err(ExecuteError::Unavailable("the log has a hole".into()));
            }
            for leaf in leaves {
                line(&leaf)?;
                written = written.saturating_add(1);
            }
        }
        line(&trust::foot_line(&note).map_err(|error| unavailable(&error))?)?;
        Ok(written)
    }
}

/// Leaves read at once while exporting.
const EXPORT_LEAVES: u32 = 4096;
