//! What a server does about a keeper, after it has looked at it.

use keyward_lifecycle::id::Fingerprint;

use super::{
    link::{Link, LinkFailed, Standing, Status},
    share::{ShareBytes, ShareHead},
};

/// How a keeper is, measured by what it is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum Finding {
    /// It holds what it is to hold, and nothing else.
    Current,
    /// It holds nothing: it has been started again.
    Empty,
    /// It lacks a share of a rotation that is open.
    Incomplete,
    /// It holds an older share beside what it is to hold.
    Superfluous,
    /// Its newest share is of an epoch that is over.
    Stale {
        /// That epoch.
        epoch: u32,
    },
    /// Its newest share is of an epoch that is not begun: of a rotation that was rolled back, or
    /// of a life of the store that this copy of it does not know.
    Ahead {
        /// That epoch.
        epoch: u32,
    },
    /// A share of its own is not the one that it was given.
    Wrong {
        /// The epoch of that share.
        epoch: u32,
    },
    /// It serves another store.
    Foreign {
        /// That store's root key.
        root: Fingerprint,
    },
}

/// What is to be done about a keeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum Action {
    /// Nothing.
    Nothing,
    /// Give it its shares. A keeper that is ahead refuses unless it knows of the open rotation.
    Refill,
    /// Make it forget what it holds, and give it its shares.
    Replace,
    /// Leave it alone and call somebody.
    Alarm,
}

impl Finding {
    /// What is to be done.
    #[must_use]
    pub const fn action(self) -> Action {
        match self {
            Self::Current => Action::Nothing,
            Self::Empty
            | Self::Incomplete
            | Self::Superfluous
            | Self::Stale { .. }
            | Self::Ahead { .. } => Action::Refill,
            Self::Wrong { .. } => Action::Replace,
            Self::Foreign { .. } => Action::Alarm,
        }
    }

    /// The word that status, events and metrics show.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Empty => "empty",
            Self::Incomplete => "incomplete",
            Self::Superfluous => "superfluous",
            Self::Stale { .. } => "stale",
            Self::Ahead { .. } => "ahead",
            Self::Wrong { .. } => "wrong",
            Self::Foreign { .. } => "foreign",
        }
    }
}

/// Judges a keeper by what it is to hold: one share, or two while a rotation is open, all of one
/// root key.
#[must_use]
pub fn judge(expected: &[ShareHead], status: &Status) -> Finding {
    let root = expected.first().map(|share| share.root);
    let roots = status.root.into_iter().chain(status.shares.iter().map(|share| share.root));
    for found in roots {
        if root.is_some_and(|root| root != found) {
            return Finding::Foreign { root: found };
        }
    }
    let Some(newest) = status.shares.iter().map(|share| share.epoch).max() else {
        return if expected.is_empty() { Finding::Current } else { Finding::Empty };
    };
    let of = |epoch| expected.iter().find(move |share| share.epoch == epoch);
    let holds = |share: &ShareHead| status.shares.contains(share);
    let is_whole = expected.iter().all(holds);
    for held in &status.shares {
        // Beside its own it may hold one of another split of the epoch, which was cut off.
        let is_other = |expected: &ShareHead| expected.set != held.set && is_whole;
        if of(held.epoch).is_some_and(|expected| expected != held && !is_other(expected)) {
            return Finding::Wrong { epoch: held.epoch };
        }
    }
    match expected.iter().map(|share| share.epoch).max() {
        Some(wanted) if newest > wanted => return Finding::Ahead { epoch: newest },
        Some(wanted) if newest < wanted && of(newest).is_none() => {
            return Finding::Stale { epoch: newest };
        }
        Some(_) | None => {}
    }
    match (is_whole, status.shares.len() > expected.len()) {
        (false, _) => Finding::Incomplete,
        (true, true) => Finding::Superfluous,
        (true, false) => Finding::Current,
    }
}

/// Looks at one keeper and does what is to be done. `shares` are the shares that it is to hold,
/// as `expected` says; it is called only if they are needed, and without them, as in a sealed
/// server, nothing is done.
///
/// # Errors
/// [`LinkFailed`], of the first call that failed.
pub fn attend(
    link: &dyn Link,
    expected: &[ShareHead],
    shares: impl FnOnce() -> Option<Vec<ShareBytes>>,
) -> Result<Finding, LinkFailed> {
    let finding = judge(expected, &link.status()?);
    if matches!(finding.action(), Action::Nothing | Action::Alarm) {
        return Ok(finding);
    }
    if let Some(shares) = shares() {
        mend(link, finding.action(), &shares)?;
    }
    Ok(finding)
}

/// Gives a keeper the shares that it is to hold, and has it forget first what it holds if it is
/// to be replaced.
///
/// # Errors
/// [`LinkFailed`], of the first call that failed.
pub fn mend(link: &dyn Link, action: Action, shares: &[ShareBytes]) -> Result<(), LinkFailed> {
    match action {
        Action::Nothing | Action::Alarm => return Ok(()),
        Action::Replace => link.clear()?,
        Action::Refill => {}
    }
    let standing = if shares.len() > 1 { Standing::Rotating } else { Standing::Final };
    shares.iter().try_for_each(|share| link.put(share, standing))
}
