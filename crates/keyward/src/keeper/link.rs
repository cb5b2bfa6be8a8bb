//! The seam between a server and one keeper.

use keyward_lifecycle::{id::Fingerprint, time::Timestamp};

use super::share::{ShareBytes, ShareHead, ShareSet};

/// A way to one keeper. Calls block, for some seconds at most, and are made by whoever holds the
/// root key or needs it; the keeper at the other end has been identified before anything is said.
pub trait Link: Send + Sync {
    /// What the keeper holds.
    ///
    /// # Errors
    /// [`LinkFailed`].
    fn status(&self) -> Result<Status, LinkFailed>;

    /// Gives the keeper a share to hold.
    ///
    /// # Errors
    /// [`LinkFailed`]; after [`LinkFailed::Refused`] the keeper holds what it held before.
    fn put(&self, share: &ShareBytes, standing: Standing) -> Result<(), LinkFailed>;

    /// The shares that the keeper holds; of one set, if it is named. They are as the keeper gave
    /// them: whoever uses them checks them.
    ///
    /// # Errors
    /// [`LinkFailed`].
    fn fetch(&self, set: Option<ShareSet>) -> Result<Vec<ShareBytes>, LinkFailed>;

    /// Makes the keeper forget its shares.
    ///
    /// # Errors
    /// [`LinkFailed`].
    fn clear(&self) -> Result<(), LinkFailed>;
}

/// Whether a share is the only one that is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a rotation is open or it is not")]
pub enum Standing {
    /// No rotation is open: all other shares are to be dropped.
    Final,
    /// A rotation is open: the share of the other epoch is needed as well.
    Rotating,
}

/// What a keeper says that it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "whoever judges a keeper looks at all of it")]
pub struct Status {
    /// The root key that it is for, once it has been told.
    pub root: Option<Fingerprint>,
    /// Its shares, newest epoch first; none if it is empty.
    pub shares: Vec<ShareHead>,
    /// How the shares' memory is protected; `None` while it is empty.
    pub memory: Option<String>,
    /// Since when it holds what it holds.
    pub since: Timestamp,
}

/// Why a keeper could not be asked, or did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum LinkFailed {
    /// It does not answer. Whoever runs it must act, if that goes on.
    #[error("the keeper does not answer: {0}")]
    Unreachable(String),
    /// Keeper and server do not believe each other's certificates. Whoever issues them must act.
    #[error("no mutual trust: {0}")]
    Unidentified(String),
    /// It answered that it will not.
    #[error("the keeper refuses: {detail}")]
    Refused {
        /// The word by which programs know why, as in `foreign-root`.
        reason: String,
        /// What it says.
        detail: String,
    },
    /// What it answered is no answer. It lies or is broken: whoever runs it must act.
    #[error("the keeper's answer makes no sense: {0}")]
    Nonsense(String),
}
