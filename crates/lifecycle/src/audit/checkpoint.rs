//! Checkpoints (c2sp.org/tlog-checkpoint): a tree head as the text of a signed note.

use alloc::{borrow::ToOwned as _, string::String, vec::Vec};
use core::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::id::Digest;

/// Longest text of a checkpoint that is read, in bytes.
pub const CHECKPOINT_BYTES_MAX: usize = 16 << 10;

/// Most extension lines of a checkpoint.
pub const EXTENSION_LINES_MAX: usize = 16;

/// The size of a tree and its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a tree head is these two")]
pub struct TreeHead {
    /// Number of entries.
    pub size: u64,
    /// RFC 6962 root over them.
    pub root: Digest,
}

/// The head of a log's tree, as its keeper signs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    head: TreeHead,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// The head of the log called `origin`, which binds the head of its ledger by the extension
    /// line `ledger SIZE ROOT`.
    ///
    /// # Errors
    /// [`MalformedCheckpoint::Origin`] when `origin` is not one line of text.
    pub fn new(
        origin: &str,
        head: TreeHead,
        ledger: Option<TreeHead>,
    ) -> Result<Self, MalformedCheckpoint> {
        if !is_line(origin) || origin.len() > ORIGIN_BYTES_MAX {
            return Err(MalformedCheckpoint::Origin);
        }
        let extensions = ledger.iter().map(|TreeHead { size, root }| {
            let root = BASE64_STANDARD.encode(root.as_bytes());
            alloc::format!("{LEDGER_KEYWORD} {size} {root}")
        });
        Ok(Self { origin: origin.to_owned(), head, extensions: extensions.collect() })
    }

    /// This checkpoint with one more extension line.
    ///
    /// # Errors
    /// [`MalformedCheckpoint::Extension`] for an empty line, one with control characters, or
    /// one too many.
    pub fn with_line(mut self, line: String) -> Result<Self, MalformedCheckpoint> {
        if !is_line(&line) || self.extensions.len() >= EXTENSION_LINES_MAX {
            return Err(MalformedCheckpoint::Extension);
        }
        self.extensions.push(line);
        Ok(self)
    }

    /// Reads the text of a note, as [`super::note::OpenedNote::text`] gives it.
    ///
    /// # Errors
    /// [`MalformedCheckpoint`] names the line.
    pub fn parse(text: &str) -> Result<Self, MalformedCheckpoint> {
        if text.len() > CHECKPOINT_BYTES_MAX {
            return Err(MalformedCheckpoint::TooLong);
        }
        let text = text.strip_suffix('\n').ok_or(MalformedCheckpoint::NoLineFeed)?;
        let mut lines = text.split('\n');
        let origin = lines.next().unwrap_or_default();
        let size = parse_size(lines.next().unwrap_or_default());
        let root = parse_root(lines.next().unwrap_or_default());
        let head = TreeHead {
            size: size.ok_or(MalformedCheckpoint::Size)?,
            root: root.ok_or(MalformedCheckpoint::Root)?,
        };
        let mut checkpoint = Self::new(origin, head, None)?;
        checkpoint.extensions.extend(lines.map(str::to_owned));
        let good = checkpoint.extensions.len() <= EXTENSION_LINES_MAX
            && checkpoint.extensions.iter().all(|line| is_line(line));
        if good { Ok(checkpoint) } else { Err(MalformedCheckpoint::Extension) }
    }

    /// The log's name, the same in all its checkpoints.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Size and root of the log's tree.
    #[must_use]
    pub const fn head(&self) -> TreeHead {
        self.head
    }

    /// The lines below the root.
    #[must_use]
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// Size and root of the ledger's tree, if the checkpoint binds one.
    ///
    /// # Errors
    /// [`MalformedCheckpoint::Ledger`] when there are several lines `ledger …` or one that is
    /// not of the form `ledger SIZE ROOT`.
    pub fn ledger_head(&self) -> Result<Option<TreeHead>, MalformedCheckpoint> {
        let mut found = None;
        for line in &self.extensions {
            let Some((LEDGER_KEYWORD, rest)) = line.split_once(' ') else { continue };
            let head = parse_head(rest).ok_or(MalformedCheckpoint::Ledger)?;
            if found.replace(head).is_some() {
                return Err(MalformedCheckpoint::Ledger);
            }
        }
        Ok(found)
    }
}

/// The text to be signed, with its final line feed.
impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, head: TreeHead { size, root }, extensions } = self;
        let root = BASE64_STANDARD.encode(root.as_bytes());
        write!(f, "{origin}\n{size}\n{root}\n")?;
        extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Why a text is not a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum MalformedCheckpoint {
    /// Longer than [`CHECKPOINT_BYTES_MAX`].
    #[error("checkpoint is longer than {CHECKPOINT_BYTES_MAX} bytes")]
    TooLong,
    /// The text does not end with a line feed.
    #[error("checkpoint is cut off: expected a line feed at its end")]
    NoLineFeed,
    /// The first line is empty, too long or has control characters.
    #[error("checkpoint line 1 is malformed: expected the log's origin")]
    Origin,
    /// The second line is not a decimal number of at most 64 bits without leading zeros.
    #[error("checkpoint line 2 is malformed: expected the tree's size in decimal")]
    Size,
    /// The third line is not 32 bytes in base64.
    #[error("checkpoint line 3 is malformed: expected the tree's root, 32 bytes in base64")]
    Root,
    /// An extension line is empty or has control characters, or there are more than
    /// [`EXTENSION_LINES_MAX`].
    #[error(
        "checkpoint extension is malformed: expected at most {EXTENSION_LINES_MAX} lines of text"
    )]
    Extension,
    /// The line that binds the ledger is there twice or cannot be read.
    #[error("checkpoint does not bind its ledger: expected one line `ledger SIZE ROOT`")]
    Ledger,
}

/// A number of 64 bits in decimal, in its one spelling.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let canonical =
        text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

/// A hash in base64, in its one spelling.
pub(super) fn parse_root(text: &str) -> Option<Digest> {
    let bytes = BASE64_STANDARD.decode(text).ok()?;
    bytes.try_into().ok().map(Digest::from_bytes)
}

fn parse_head(text: &str) -> Option<TreeHead> {
    let (size, root) = text.split_once(' ')?;
    Some(TreeHead { size: parse_size(size)?, root: parse_root(root)? })
}

fn is_line(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c < ' ')
}

/// Longest origin, in bytes: as long as a key name of a note, which it usually equals.
const ORIGIN_BYTES_MAX: usize = super::note::vkey::KEY_NAME_BYTES_MAX;

const LEDGER_KEYWORD: &str = "ledger";
