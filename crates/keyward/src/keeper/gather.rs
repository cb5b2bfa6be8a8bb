//! The shares back together: what k of n keepers give is checked one by one before it is used.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, mpsc},
    time::Duration,
};

use keyward_lifecycle::id::Fingerprint;

use super::{
    link::{Link, LinkFailed},
    share::{ShareBytes, ShareHead, ShareUnread},
};

/// How long is waited after the first attempt that did not do.
pub const WAIT_FIRST: Duration = Duration::from_secs(1);
/// How long is waited between two attempts at most.
pub const WAIT_MAX: Duration = Duration::from_mins(1);

/// The shares of one epoch, as the store's signed header knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeeperSet {
    /// Keepers' names and their shares; all of one set, the index in order from 1.
    shares: Vec<(String, ShareHead)>,
}

impl KeeperSet {
    /// The shares with the names of those who hold them; `None` if they are not one whole set.
    #[must_use]
    pub fn new(shares: Vec<(String, ShareHead)>) -> Option<Self> {
        let (_, first) = shares.first()?;
        let one = |(at, (_, share)): (usize, &(String, ShareHead))| {
            let ShareHead { root, set, epoch, index, threshold, count, digest: _ } = share;
            let index = usize::from(*index).checked_sub(1) == Some(at);
            let count = usize::from(*count) == shares.len() && threshold <= count;
            index && count && (root, set, epoch, threshold) == set_of(first)
        };
        let whole = shares.iter().enumerate().all(one);
        whole.then_some(Self { shares })
    }

    /// How many shares make the key.
    #[must_use]
    pub fn threshold(&self) -> u8 {
        self.shares.first().map_or(u8::MAX, |(_, share)| share.threshold)
    }

    /// What the keeper with this name is to hold.
    #[must_use]
    pub fn share_of(&self, name: &str) -> Option<&ShareHead> {
        self.shares.iter().find(|(known, _)| known == name).map(|(_, share)| share)
    }

    /// The keepers' names with what each is to hold, by index.
    pub fn shares(&self) -> impl Iterator<Item = (&str, &ShareHead)> {
        self.shares.iter().map(|(name, share)| (name.as_str(), share))
    }

    /// Whether a share is the one that the header knows by its index.
    fn check(&self, found: &ShareHead) -> Result<(), Trouble> {
        let (_, first) = self.shares.first().ok_or(Trouble::ForeignSet)?;
        if found.root != first.root {
            return Err(Trouble::ForeignRoot { found: found.root });
        }
        if found.epoch != first.epoch {
            return Err(Trouble::StaleEpoch { expected: first.epoch, found: found.epoch });
        }
        if found.set != first.set {
            return Err(Trouble::ForeignSet);
        }
        match self.shares.iter().find(|(_, share)| share.index == found.index) {
            Some((_, expected)) if expected == found => Ok(()),
            Some(_) | None => Err(Trouble::Altered { index: found.index }),
        }
    }
}

/// A keeper and the way to it.
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "a name and a way")]
pub struct Member {
    /// What it is called.
    pub name: String,
    /// The way to it.
    pub link: Arc<dyn Link>,
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Sound shares, as many as make the key.
#[derive(Debug)]
#[expect(clippy::exhaustive_structs, reason = "whoever unseals looks at all of it")]
pub struct Gathered {
    /// The shares, each checked against the header, no two of one index.
    pub shares: Vec<ShareBytes>,
    /// The keepers that gave none so far, with the reason.
    pub troubles: Vec<(String, Trouble)>,
}

/// Too few keepers gave a sound share.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_structs, reason = "whoever looks for the reason looks at all of it")]
#[error("{have} of {need} keepers gave a sound share{}", told(.troubles))]
pub struct TooFew {
    /// How many did.
    pub have: usize,
    /// How many are needed.
    pub need: usize,
    /// The others, with the reason.
    pub troubles: Vec<(String, Trouble)>,
}

/// Why a keeper's share is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum Trouble {
    /// It could not be asked.
    #[error(transparent)]
    Link(#[from] LinkFailed),
    /// It holds nothing of this set.
    #[error("the keeper is empty")]
    Empty,
    /// It gave something that is no sound share.
    #[error(transparent)]
    Unread(#[from] ShareUnread),
    /// It gave a share of another store.
    #[error("a foreign share: of the root key {found}")]
    ForeignRoot {
        /// That store's root key.
        found: Fingerprint,
    },
    /// It gave a share of another split of the same epoch.
    #[error("a foreign share: of another set")]
    ForeignSet,
    /// It gave a share of another epoch.
    #[error("a stale share: of epoch {found}, and epoch {expected} is in use")]
    StaleEpoch {
        /// The epoch in use.
        expected: u32,
        /// The share's epoch.
        found: u32,
    },
    /// Its share is not the one that it was given.
    #[error("an altered share: number {index} is not the one that the store knows")]
    Altered {
        /// The index that it claims.
        index: u8,
    },
    /// Another keeper has given the very same share.
    #[error("a duplicate share: number {index} came from another keeper already")]
    Duplicate {
        /// Its index.
        index: u8,
    },
}

impl Trouble {
    /// Whether the keeper, or whoever answers in its place, gave what it must not give.
    #[must_use]
    pub const fn is_a_lie(&self) -> bool {
        match self {
            Self::Empty | Self::StaleEpoch { .. } => false,
            Self::Link(failed) => matches!(failed, LinkFailed::Nonsense(_)),
            Self::Unread(_)
            | Self::ForeignRoot { .. }
            | Self::ForeignSet
            | Self::Altered { .. }
            | Self::Duplicate { .. } => true,
        }
    }
}

/// Asks all keepers at once, and is done as soon as enough of them have given a sound share.
///
/// # Errors
/// [`TooFew`], with what each of the others did.
pub fn gather(set: &KeeperSet, members: &[Member]) -> Result<Gathered, TooFew> {
    let need = usize::from(set.threshold());
    let (mut shares, mut seen, mut troubles) = (Vec::new(), BTreeSet::new(), Vec::new());
    for (name, answer) in ask(set, members) {
        match sound(set, answer, &mut seen) {
            Ok(share) => shares.push(share),
            Err(trouble) => troubles.push((name, trouble)),
        }
        if shares.len() >= need {
            return Ok(Gathered { shares, troubles });
        }
    }
    Err(TooFew { have: shares.len(), need, troubles })
}

type Answer = Result<Vec<ShareBytes>, LinkFailed>;

/// The keepers' answers as they come. A keeper that takes its time holds up nobody.
fn ask(set: &KeeperSet, members: &[Member]) -> mpsc::IntoIter<(String, Answer)> {
    let id = set.shares.first().map(|(_, share)| share.set);
    let (sender, answers) = mpsc::channel();
    for Member { name, link } in members {
        let (sender, link, asked) = (sender.clone(), Arc::clone(link), name.clone());
        let back = sender.clone();
        let thread = std::thread::Builder::new().name("keeper".to_owned());
        // Whoever listens may have heard enough.
        let started = thread.spawn(move || drop(sender.send((asked, link.fetch(id)))));
        if let Err(error) = started {
            let failed = LinkFailed::Unreachable(format!("no thread to ask it: {error}"));
            drop(back.send((name.clone(), Err(failed))));
        }
    }
    answers.into_iter()
}

/// The one sound share of an answer.
fn sound(set: &KeeperSet, answer: Answer, seen: &mut BTreeSet<u8>) -> Result<ShareBytes, Trouble> {
    let mut trouble = Trouble::Empty;
    for share in answer? {
        let head = ShareHead::read(&share)?;
        match set.check(&head) {
            Ok(()) if seen.insert(head.index) => return Ok(share),
            Ok(()) => trouble = Trouble::Duplicate { index: head.index },
            Err(found) => trouble = found,
        }
    }
    Err(trouble)
}

/// How long to wait between attempts: a second, then twice as long each time, a minute at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    next: Duration,
}

impl Backoff {
    /// Before the first attempt.
    #[must_use]
    pub const fn new() -> Self {
        Self { next: WAIT_FIRST }
    }

    /// How long to wait now.
    pub fn wait(&mut self) -> Duration {
        let now = self.next;
        self.next = now.saturating_mul(2).min(WAIT_MAX);
        now
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

/// What all shares of one set have in common.
const fn set_of(share: &ShareHead) -> (&Fingerprint, &super::ShareSet, &u32, &u8) {
    (&share.root, &share.set, &share.epoch, &share.threshold)
}

fn told(troubles: &[(String, Trouble)]) -> String {
    let told = troubles.iter().map(|(name, trouble)| format!("; {name}: {trouble}"));
    told.collect()
}
