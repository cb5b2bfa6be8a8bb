//! A proof that travels alone (c2sp.org/tlog-proof): leaf index, audit path and checkpoint in
//! one text, so that a leaf can be checked without asking the log.

use alloc::{borrow::ToOwned as _, string::String, vec::Vec};
use core::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    checkpoint::{parse_root, parse_size},
    note::NOTE_BYTES_MAX,
};
use crate::id::Digest;

/// Most bytes of a proof: a note, and what can stand before it.
pub const TLOG_PROOF_BYTES_MAX: usize = NOTE_BYTES_MAX + (16 << 10);

/// Most hashes of an audit path: the height of a tree of 2^64 - 1 leaves.
pub const PATH_HASHES_MAX: usize = 64;

/// Most bytes that the line `extra` can carry.
pub const EXTRA_BYTES_MAX: usize = 4 << 10;

/// A leaf's place in a log, and the way from it to the root in a checkpoint. Shown and parsed
/// as the text of the standard.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the members of the standard")]
pub struct TlogProof {
    /// Opaque bytes for the application, if any. Nothing binds them to the log.
    pub extra: Option<Vec<u8>>,
    /// The leaf's number, from 0.
    pub index: u64,
    /// The audit path, for [`super::proof::verify_inclusion`].
    pub path: Vec<Digest>,
    /// The signed note with the checkpoint, as it is; [`super::note::Note::parse`] reads it.
    pub checkpoint: String,
}

impl FromStr for TlogProof {
    type Err = MalformedTlogProof;

    fn from_str(text: &str) -> Result<Self, MalformedTlogProof> {
        if text.len() > TLOG_PROOF_BYTES_MAX {
            return Err(MalformedTlogProof::TooLong);
        }
        let (head, checkpoint) = text.split_once("\n\n").ok_or(MalformedTlogProof::Checkpoint)?;
        if checkpoint.is_empty() {
            return Err(MalformedTlogProof::Checkpoint);
        }
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(MalformedTlogProof::Header);
        }
        let mut line = lines.next().unwrap_or_default();
        let mut extra = None;
        if let Some(encoded) = line.strip_prefix("extra ") {
            let bytes = BASE64_STANDARD.decode(encoded).map_err(|_| MalformedTlogProof::Extra)?;
            if bytes.len() > EXTRA_BYTES_MAX {
                return Err(MalformedTlogProof::Extra);
            }
            extra = Some(bytes);
            line = lines.next().unwrap_or_default();
        }
        let index = line.strip_prefix("index ").and_then(parse_size);
        let index = index.ok_or(MalformedTlogProof::Index)?;
        let path = lines.map(parse_root).collect::<Option<Vec<_>>>();
        let path = path.filter(|path| path.len() <= PATH_HASHES_MAX);
        let path = path.ok_or(MalformedTlogProof::Hash)?;
        Ok(Self { extra, index, path, checkpoint: checkpoint.to_owned() })
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { extra, index, path, checkpoint } = self;
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = extra {
            writeln!(f, "extra {}", BASE64_STANDARD.encode(extra))?;
        }
        writeln!(f, "index {index}")?;
        for hash in path {
            writeln!(f, "{}", BASE64_STANDARD.encode(hash.as_bytes()))?;
        }
        write!(f, "\n{checkpoint}")
    }
}

/// Why a text is not a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum MalformedTlogProof {
    /// Longer than [`TLOG_PROOF_BYTES_MAX`].
    #[error("log proof is longer than {TLOG_PROOF_BYTES_MAX} bytes")]
    TooLong,
    /// The first line is not that of this format and version.
    #[error("log proof is of another format: expected `{HEADER}` in line 1")]
    Header,
    /// The line `extra` is not base64 of at most [`EXTRA_BYTES_MAX`] bytes.
    #[error("log proof is malformed: expected at most {EXTRA_BYTES_MAX} bytes in base64 as extra")]
    Extra,
    /// There is no line `index` with a decimal number.
    #[error("log proof is malformed: expected a line `index NUMBER`")]
    Index,
    /// A line of the path is not 32 bytes in base64, or there are more than
    /// [`PATH_HASHES_MAX`].
    #[error("log proof is malformed: expected at most {PATH_HASHES_MAX} hashes in base64")]
    Hash,
    /// No empty line with a checkpoint below it.
    #[error("log proof is malformed: expected an empty line and a checkpoint")]
    Checkpoint,
}

const HEADER: &str = "c2sp.org/tlog-proof@v1";
