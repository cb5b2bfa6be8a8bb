//! The ledger's entries, and what they prove (`docs/format/ledger.md`).

use alloc::{string::String, sync::Arc, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    audit::{
        checkpoint::{Checkpoint, TreeHead},
        note::{Note, NoteVerifier},
        proof::{NoProof, root_with, verify_inclusion},
        tree::{NodeAt, leaf_hash},
    },
    canonical,
    id::{ActorId, ContentId, Digest, Fingerprint},
    time::Timestamp,
    verify::judge::{Bound, Evidence, EvidenceClass, LedgerAnswer},
};

/// One signature that was made: a leaf of the ledger in its RFC 8785 form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::exhaustive_structs, reason = "the leaf's format, version 1")]
pub struct Entry {
    /// The format's version, 1.
    pub v: u8,
    /// Its place in the ledger.
    pub seq: u64,
    /// When it was made, by the log's clock.
    pub time: Timestamp,
    /// Who asked for it.
    pub actor: ActorId,
    /// Whose signature.
    pub fingerprint: Fingerprint,
    /// SHA-256 of the DSSE pre-authentication encoding.
    pub pae: Digest,
    /// SHA-256 of the signature.
    pub signature: Digest,
    /// SHA-256 of the first subject or of the payload.
    pub subject: Digest,
    /// The predicate type, or the payload type where there is none.
    pub predicate_type: Arc<str>,
    /// The proof bundle it went into.
    pub proof: ContentId,
}

impl Entry {
    /// The leaf.
    ///
    /// # Errors
    /// [`canonical::Uncanonical`] for a place beyond 2^53 − 1.
    pub fn to_leaf(&self) -> Result<Vec<u8>, canonical::Uncanonical> {
        canonical::to_bytes(self)
    }

    /// Reads a leaf; it must be the very form that [`Entry::to_leaf`] writes.
    #[must_use]
    pub fn from_leaf(seq: u64, leaf: &[u8]) -> Option<Self> {
        let entry: Self = serde_json::from_slice(leaf).ok()?;
        let same = entry.to_leaf().is_ok_and(|written| written == leaf);
        (same && entry.seq == seq && entry.v == 1).then_some(entry)
    }
}

/// A checkpoint whose signatures were checked. Only [`open_checkpoint`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHead {
    log: TreeHead,
    ledger: TreeHead,
    snapshot: Option<(u64, Digest)>,
    cosigned_at: Timestamp,
}

impl SignedHead {
    /// The log's tree.
    #[must_use]
    pub const fn log(&self) -> TreeHead {
        self.log
    }

    /// The ledger's tree.
    #[must_use]
    pub const fn ledger(&self) -> TreeHead {
        self.ledger
    }

    /// The size at which the last snapshot was made, and its digest.
    #[must_use]
    pub const fn snapshot(&self) -> Option<(u64, Digest)> {
        self.snapshot
    }

    /// When the log key says it was signed, in whole seconds.
    #[must_use]
    pub const fn cosigned_at(&self) -> Timestamp {
        self.cosigned_at
    }
}

/// Opens a checkpoint of the log: signed by its key, with a time, for that origin.
///
/// # Errors
/// [`CheckpointRefused`] says why.
pub fn open_checkpoint(
    note: &[u8],
    origin: &str,
    verifiers: &[NoteVerifier],
) -> Result<SignedHead, CheckpointRefused> {
    let note = Note::parse(note).map_err(|_| CheckpointRefused::Malformed)?;
    let opened = note.verified_by(verifiers).map_err(|_| CheckpointRefused::NotSigned)?;
    let checkpoint = Checkpoint::parse(opened.text()).map_err(|_| CheckpointRefused::Malformed)?;
    if checkpoint.origin() != origin {
        return Err(CheckpointRefused::OtherLog);
    }
    let times = opened.signers().iter().filter_map(|signer| signer.cosigned_at);
    let cosigned_at = times.min().ok_or(CheckpointRefused::NotSigned)?;
    let ledger = checkpoint.ledger_head().map_err(|_| CheckpointRefused::Malformed)?;
    let ledger = ledger.ok_or(CheckpointRefused::Malformed)?;
    let snapshot = checkpoint.extensions().iter().find_map(|line| read_snapshot_line(line));
    Ok(SignedHead { log: checkpoint.head(), ledger, snapshot, cosigned_at })
}

/// The checkpoint line that binds a snapshot: `snapshot SIZE HEX`.
#[must_use]
pub fn snapshot_line(size: u64, digest: &Digest) -> String {
    alloc::format!("snapshot {size} {digest}")
}

fn read_snapshot_line(line: &str) -> Option<(u64, Digest)> {
    let (size, digest) = line.strip_prefix("snapshot ")?.split_once(' ')?;
    Some((size.parse().ok()?, digest.parse().ok()?))
}

/// A checkpoint proves nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum CheckpointRefused {
    /// It is not a checkpoint of this format.
    #[error("the checkpoint is malformed")]
    Malformed,
    /// The log's key, as the authority names it, has not signed it with a time.
    #[error("the checkpoint is not signed by the log's key")]
    NotSigned,
    /// It is another log's.
    #[error("the checkpoint is another log's")]
    OtherLog,
}

/// A ledger entry with the proof that a signed checkpoint contains it: evidence that travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "a wire document")]
pub struct LedgerProof {
    /// The entry.
    pub entry: Entry,
    /// RFC 6962 audit path, lowest first.
    pub inclusion: Vec<Digest>,
    /// The checkpoint as a signed note.
    pub checkpoint: String,
}

impl LedgerProof {
    /// The entry and the bound that the proof gives, if it holds: entry, path and checkpoint
    /// agree, and the log's key signed.
    #[must_use]
    pub fn check(&self, origin: &str, verifiers: &[NoteVerifier]) -> Option<Bound> {
        let head = open_checkpoint(self.checkpoint.as_bytes(), origin, verifiers).ok()?;
        bound(&self.entry, &self.inclusion, &head)
    }
}

/// The bound that a checked checkpoint gives for an entry of the ledger: the cosignature's
/// second has passed at the latest one second later.
#[must_use]
pub fn bound(entry: &Entry, inclusion: &[Digest], head: &SignedHead) -> Option<Bound> {
    let leaf = leaf_hash(&entry.to_leaf().ok()?);
    let TreeHead { size, root } = head.ledger;
    verify_inclusion(&leaf, entry.seq, size, inclusion, &root).ok()?;
    let before = head.cosigned_at.plus_seconds(1);
    Some(Bound { before, class: EvidenceClass::Logged })
}

/// The same for many leaves of the ledger together (place and leaf hash, ascending): `None`
/// unless every one of them is in the ledger that the checkpoint signs.
///
/// `fetch` as for [`root_with`].
///
/// # Errors
/// Those of [`root_with`].
pub fn bound_together<E>(
    leaves: &[(u64, Digest)],
    head: &SignedHead,
    fetch: &mut dyn FnMut(NodeAt) -> Result<Digest, E>,
) -> Result<Option<Bound>, NoProof<E>> {
    let TreeHead { size, root } = head.ledger;
    let before = head.cosigned_at.plus_seconds(1);
    let same = root_with(leaves, size, fetch)? == root;
    Ok(same.then_some(Bound { before, class: EvidenceClass::Logged }))
}

/// What a checked entry says of a signature.
#[must_use]
pub fn evidence_of(entry: &Entry, bound: Bound) -> Evidence {
    Evidence { bounds: alloc::vec![bound], ledger: LedgerAnswer::Entered(entry.time) }
}
