//! The evidence of the log: RFC 6962 trees, proofs about them, and signed tree heads.
//!
//! [`tree`] hashes and grows a tree, [`proof`] proves one leaf or one growth, [`note`] is the
//! signed text of C2SP, [`checkpoint`] the tree head inside it, [`tlog_proof`] the file that
//! carries a proof and its checkpoint together. All arithmetic; nothing here reads or writes.

pub mod checkpoint;
pub mod note;
pub mod proof;
pub mod tlog_proof;
pub mod tree;
