//! The seam to where bytes are kept: the contract that every storage adapter meets.
//!
//! A storage keeps two append-only sequences of leaves (log and ledger), the inner nodes of
//! their trees, named items on a few shelves, and projections: rows for people and tools. It
//! understands none of it, and cannot open what is sealed.

use keyward_lifecycle::{
    audit::tree::NodeAt,
    id::{ContentId, Digest, Fingerprint},
};

mod row;

pub use row::{AnchorRow, AuditQuery, AuditRow, HistoryRow, Row, Table};

/// Where bytes are kept.
///
/// - `append` is atomic and durable once it returns `Ok`: all of the batch or nothing. Of two
///   calls that name the same `after`, at most one succeeds, across processes and restarts.
/// - Leaves and nodes are never changed or removed; items are.
/// - After `AppendError::Unknown` the adapter refuses further appends until it is opened anew.
/// - Reads see the last durable batch, may run beside an append, and see all of it or nothing.
pub trait Storage: Send + Sync {
    /// How many leaves each sequence has.
    ///
    /// # Errors
    /// [`ReadError`].
    fn heads(&self) -> Result<Heads, ReadError>;

    /// Appends and writes, if the sequences still end at `after`.
    ///
    /// # Errors
    /// [`AppendError`] says whether anything can have been written.
    fn append(&self, after: Heads, batch: &Batch) -> Result<(), AppendError>;

    /// Leaves from `from` on, at most `limit` and at most [`READ_BYTES_MAX`]. Fewer is not the
    /// end; none is.
    ///
    /// # Errors
    /// [`ReadError`].
    fn leaves(&self, tree: Tree, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, ReadError>;

    /// The inner nodes (level 1 and up) at those places, in that order.
    ///
    /// # Errors
    /// [`ReadError::Missing`] for a node that was never written.
    fn nodes(&self, tree: Tree, at: &[NodeAt]) -> Result<Vec<Digest>, ReadError>;

    /// One item of a shelf.
    ///
    /// # Errors
    /// [`ReadError`].
    fn item(&self, shelf: Shelf, name: &[u8]) -> Result<Option<Vec<u8>>, ReadError>;

    /// Items of a shelf in the order of their names (bytewise), those after `after`, at most
    /// `limit` and, beyond the first, at most [`READ_BYTES_MAX`]. Fewer is not the end; none is.
    ///
    /// # Errors
    /// [`ReadError`].
    fn items(&self, shelf: Shelf, after: Option<&[u8]>, limit: u32)
    -> Result<Vec<Item>, ReadError>;

    /// The item with the greatest name not beyond `name`.
    ///
    /// # Errors
    /// [`ReadError`].
    fn item_at_or_before(&self, shelf: Shelf, name: &[u8]) -> Result<Option<Item>, ReadError>;

    /// Places of ledger entries, ascending, after `after`, at most `limit`.
    ///
    /// # Errors
    /// [`ReadError`].
    fn ledger(
        &self,
        find: LedgerIndex,
        after: Option<u64>,
        limit: u32,
    ) -> Result<Vec<u64>, ReadError>;

    /// Entries of the ledger that any of these keys made over the PAE beside it, each with its
    /// place, for many at once: at most `each` of one pair, and of all together at most
    /// [`READ_BYTES_MAX`]. What is absent may be there: only [`Self::ledger`] says that it is not.
    ///
    /// # Errors
    /// [`ReadError`].
    fn signed(
        &self,
        pairs: &[(Fingerprint, Digest)],
        each: u32,
    ) -> Result<Vec<(u64, Vec<u8>)>, ReadError>;

    /// Rows of the audit view, newest first: by time, then by place, which in a log are the
    /// same order.
    ///
    /// # Errors
    /// [`ReadError`].
    fn audit_rows(&self, query: &AuditQuery) -> Result<Vec<AuditRow>, ReadError>;

    /// Every row of a projection in the order of its key, after `after`, at most `limit`: so
    /// that they can be compared with what the log says.
    ///
    /// # Errors
    /// [`ReadError`].
    fn rows(&self, table: Table, after: Option<&str>, limit: u32) -> Result<Vec<Row>, ReadError>;
}

/// Most bytes of leaves or items in one answer.
pub const READ_BYTES_MAX: usize = 16 << 20;
/// Most rows, places, leaves or items in one answer, whatever the `limit` that was asked for.
pub const PAGE_ROWS_MAX: u32 = 10_000;
/// Longest leaf.
pub const LEAF_BYTES_MAX: usize = 4 << 20;
/// Longest item; what is longer is kept in parts.
pub const ITEM_BYTES_MAX: usize = 64 << 20;
/// Longest name of an item.
pub const ITEM_NAME_BYTES_MAX: usize = 512;
/// Longest text in a column of a projection.
pub const ROW_TEXT_BYTES_MAX: usize = 4 << 20;

/// The two sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Tree {
    /// Events.
    Log,
    /// Signatures made.
    Ledger,
}

/// How many leaves the sequences have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there are two")]
pub struct Heads {
    /// Leaves of the log.
    pub log: u64,
    /// Leaves of the ledger.
    pub ledger: u64,
}

/// Named things that are not leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "every adapter keeps every shelf")]
pub enum Shelf {
    /// The root key's epoch headers.
    Root,
    /// Sealed records.
    Record,
    /// Proof bundles, by content id.
    Proof,
    /// Salted texts and names that can be erased.
    Side,
    /// Checkpoints, by the second at which they were signed.
    Checkpoint,
    /// Snapshots of the fold.
    Snapshot,
    /// Proofs that are to be judged again.
    Rescan,
    /// Answers to requests that carried an idempotency key.
    Answer,
    /// Authority documents, by version.
    Authority,
    /// Counts of verifications, by anchor and day.
    Count,
    /// Good signatures that the ledger lacks, by key and signature.
    Forgery,
}

impl Shelf {
    /// Every shelf.
    pub const ALL: [Self; 11] = [
        Self::Root,
        Self::Record,
        Self::Proof,
        Self::Side,
        Self::Checkpoint,
        Self::Snapshot,
        Self::Rescan,
        Self::Answer,
        Self::Authority,
        Self::Count,
        Self::Forgery,
    ];
}

/// A named item.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a name and its bytes")]
pub struct Item {
    /// Its name.
    pub name: Vec<u8>,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What one transaction writes, in this order.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "every adapter writes every part")]
pub struct Batch {
    /// New leaves of the log.
    pub log: Vec<Vec<u8>>,
    /// New leaves of the ledger, each with what it is found by.
    pub ledger: Vec<LedgerLeaf>,
    /// New inner nodes.
    pub nodes: Vec<(Tree, NodeAt, Digest)>,
    /// Items that are put (over what is there) or removed.
    pub items: Vec<ItemChange>,
    /// Rows that are put (over the row of the same key).
    pub rows: Vec<Row>,
}

/// A ledger leaf and its index terms.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "every adapter indexes both")]
pub struct LedgerLeaf {
    /// The leaf.
    pub bytes: Vec<u8>,
    /// Whose signature.
    pub fingerprint: Fingerprint,
    /// Over what: SHA-256 of the PAE.
    pub pae: Digest,
    /// SHA-256 of the signature.
    pub signature: Digest,
}

/// What ledger entries are found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every adapter has both")]
pub enum LedgerIndex {
    /// Every signature of a key.
    Key(Fingerprint),
    /// A key's signatures over one PAE.
    Signed(Fingerprint, Digest),
}

/// A change to a shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every adapter does each")]
pub enum ItemChange {
    /// Put, over what is there.
    Put(Shelf, Item),
    /// Put over what is there; where nothing is, nothing comes to be, and that is no error.
    Replace(Shelf, Item),
    /// Remove; one that is absent is no error.
    Remove(Shelf, Vec<u8>),
}

/// Reading failed; nothing is known to be wrong with what is kept unless it says so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The medium does not answer; the same call may succeed later.
    #[error("the store cannot be read")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What is kept contradicts itself.
    #[error("the store is damaged: {what}")]
    Damaged {
        /// Where and how.
        what: String,
    },
    /// Something that must be there is not.
    #[error("the store lacks {what}")]
    Missing {
        /// What.
        what: String,
    },
}

/// Appending failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Somebody else appended; nothing was written.
    #[error("the store has moved on: expected {expected:?}, found {found:?}")]
    Conflict {
        /// The heads that were named.
        expected: Heads,
        /// The heads that are.
        found: Heads,
    },
    /// The batch breaks a limit or a rule of the store; nothing was written. A fault of the
    /// caller: the same batch is refused again.
    #[error("the store refuses the change: {what}")]
    Refused {
        /// Which part, and why.
        what: String,
    },
    /// What is kept contradicts itself; nothing was written. Stop, and restore a backup.
    #[error("the store is damaged: {what}")]
    Damaged {
        /// Where and how.
        what: String,
    },
    /// There is no room; nothing was written.
    #[error("the disk of the store is full, and nothing was written; make room, and try again")]
    Full(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The medium does not answer; nothing was written.
    #[error("the store cannot be written")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It cannot be known whether the batch was written: stop, and let the next start find out.
    #[error("it is not known whether the store has taken the change")]
    Unknown(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The name of a proof on its shelf.
#[must_use]
pub fn proof_name(id: &ContentId) -> Vec<u8> {
    id.digest().as_bytes().to_vec()
}
