//! What a keeper holds: at most two shares of one root key, in locked memory, until it ends.

use std::{
    cmp::Reverse,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use keyward_crypto::secret::{LockFailed, LockPolicy, LockedBytes};
use keyward_lifecycle::{id::Fingerprint, time::Timestamp};
use zeroize::Zeroizing;

use super::{
    link::{Standing, Status},
    share::{ShareBytes, ShareHead, ShareSet, ShareUnread},
};
use crate::clock::Clock;

/// Most shares in a keeper: of the set in use, and of the one before or after it while a
/// rotation is open or the key is split anew.
pub const HELD_MAX: usize = 2;

/// What becomes of a share where the operating system refuses to lock memory (RK-004).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "there are two answers")]
pub enum Memory {
    /// It is not taken.
    #[default]
    Locked,
    /// It is taken, and the status says `unlocked`.
    UnlockedAllowed,
}

/// A keeper's memory. Shares go in and out whole; what they are used for happens elsewhere.
pub struct Keeper {
    clock: Arc<dyn Clock>,
    memory: LockPolicy,
    held: Mutex<Held>,
}

struct Held {
    /// The root key of the first share that was taken; no other is, until this process ends.
    root: Option<Fingerprint>,
    /// Newest epoch first, and of one epoch the set that came last; at most [`HELD_MAX`], no two
    /// of one set.
    shares: Vec<Share>,
    /// Whether the server said that a change is open.
    rotating: bool,
    since: Timestamp,
}

struct Share {
    head: ShareHead,
    bytes: LockedBytes,
}

impl Keeper {
    /// An empty keeper.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, memory: Memory) -> Self {
        let memory = match memory {
            Memory::Locked => LockPolicy::Strict,
            Memory::UnlockedAllowed => LockPolicy::AllowUnlocked,
        };
        let since = clock.now();
        let held = Held { root: None, shares: Vec::new(), rotating: false, since };
        Self { clock, memory, held: Mutex::new(held) }
    }

    /// Takes a share. One of a newer epoch, or of another split of the same, takes the place of
    /// older ones, or stands beside the newest of them while a change is open;
    /// [`Standing::Final`] drops all others.
    ///
    /// # Errors
    /// [`TakeRefused`]; then what is held stays as it is.
    pub fn take(&self, share: &ShareBytes, standing: Standing) -> Result<Taken, TakeRefused> {
        let head = ShareHead::read(share)?;
        let now = self.clock.now();
        let mut held = self.held();
        let taken = held.admit(&head, standing)?;
        if taken != Taken::Same {
            let mut bytes = Zeroizing::new(share.expose().to_vec());
            let bytes = LockedBytes::take(&mut bytes, self.memory)?;
            held.make_room(&head);
            held.shares.insert(0, Share { head, bytes });
            held.shares.sort_by_key(|share| Reverse(share.head.epoch));
            held.root = Some(head.root);
            held.since = now;
        }
        match standing {
            Standing::Final => held.shares.retain(|share| share.head == head),
            Standing::Rotating => held.shares.truncate(HELD_MAX),
        }
        held.rotating = standing == Standing::Rotating;
        Ok(taken)
    }

    /// The shares that are held, newest epoch first; of one set, if it is named.
    #[must_use]
    pub fn give(&self, set: Option<ShareSet>) -> Vec<ShareBytes> {
        let held = self.held();
        let wanted = held.shares.iter().filter(|share| set.is_none_or(|set| share.head.set == set));
        let copy = |share: &Share| ShareBytes::new(Zeroizing::new(share.bytes.expose().to_vec()));
        wanted.map(copy).collect()
    }

    /// Wipes the shares. The root key that they were of stays the only one to be taken.
    pub fn clear(&self) {
        let now = self.clock.now();
        let mut held = self.held();
        held.shares.clear();
        held.rotating = false;
        held.since = now;
    }

    /// What is held, without what is secret.
    #[must_use]
    pub fn status(&self) -> Status {
        let held = self.held();
        Status {
            root: held.root,
            shares: held.shares.iter().map(|share| share.head).collect(),
            memory: held.shares.first().map(|share| share.bytes.backing().name().to_owned()),
            since: held.since,
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // What is held changes in steps that cannot fail half-way.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Held {
    /// Of two splits of the offered epoch one was cut off, and nothing rests on it: it goes
    /// before the share of another epoch does.
    fn make_room(&mut self, offered: &ShareHead) {
        let is_other = |share: &Share| share.head.epoch != offered.epoch;
        if self.shares.len() >= HELD_MAX && self.shares.iter().any(is_other) {
            self.shares.retain(is_other);
        }
    }

    /// Whether a share may come in, and what it would be.
    fn admit(&self, offered: &ShareHead, standing: Standing) -> Result<Taken, TakeRefused> {
        if let Some(expected) = self.root
            && expected != offered.root
        {
            return Err(TakeRefused::ForeignRoot { expected, found: offered.root });
        }
        let heads = || self.shares.iter().map(|share| share.head);
        let of_epoch = || heads().filter(|held| held.epoch == offered.epoch);
        if let Some(held) = of_epoch().find(|held| held.set == offered.set) {
            return if held == *offered {
                Ok(Taken::Same)
            } else if held.index == offered.index {
                Err(TakeRefused::Contradiction { epoch: held.epoch, index: held.index })
            } else {
                Err(TakeRefused::SecondShare { held: held.index, offered: offered.index })
            };
        }
        if of_epoch().next().is_some() {
            return Ok(match standing {
                Standing::Final => Taken::Replaced,
                Standing::Rotating => Taken::New,
            });
        }
        // While a rotation is open, the share before the newest is welcome as well.
        let oldest_needed = if self.rotating {
            heads().nth(HELD_MAX.saturating_sub(1)).map(|held| held.epoch)
        } else {
            heads().next().map(|held| held.epoch)
        };
        match oldest_needed {
            Some(held) if offered.epoch < held => {
                Err(TakeRefused::StaleEpoch { held, offered: offered.epoch })
            }
            Some(_) | None => Ok(Taken::New),
        }
    }
}

/// What became of a share that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum Taken {
    /// It was not held, and took no other's place of its epoch.
    New,
    /// It was held already.
    Same,
    /// It took the place of one of another split of the same epoch.
    Replaced,
}

/// A share that a keeper does not take. What it holds stays as it is.
#[derive(Debug, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum TakeRefused {
    /// It is no sound share of a keeper.
    #[error(transparent)]
    Unread(#[from] ShareUnread),
    /// It is of another store. Somebody has to say which store this keeper is for.
    #[error(
        "a foreign share: this keeper is for the root key {expected} and the share is of {found}; \
         restart the keeper if it is to change"
    )]
    ForeignRoot {
        /// The root key it is for.
        expected: Fingerprint,
        /// The root key of the share.
        found: Fingerprint,
    },
    /// It is of an epoch that is over.
    #[error("a stale share: of epoch {offered}, and one of epoch {held} is held")]
    StaleEpoch {
        /// The oldest epoch that is still needed.
        held: u32,
        /// The epoch of the share.
        offered: u32,
    },
    /// It is another share of a split of which one is held: a keeper has one, or k are fewer.
    #[error("a second share of one split: {held} is held, and {offered} was offered")]
    SecondShare {
        /// Index of the share that is held.
        held: u8,
        /// Index of the one that was offered.
        offered: u8,
    },
    /// It claims to be the very share that is held, and is not.
    #[error("an altered share: {index} of epoch {epoch} is held, and is another")]
    Contradiction {
        /// Its epoch.
        epoch: u32,
        /// Its index.
        index: u8,
    },
    /// There is no locked memory for it. The owner of the machine must act.
    #[error(transparent)]
    Memory(#[from] LockFailed),
}

impl TakeRefused {
    /// The word by which programs know the reason.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Unread(ShareUnread::Malformed(_)) => "malformed",
            Self::Unread(ShareUnread::UnknownVersion(_)) => "unknown-version",
            Self::Unread(ShareUnread::AnotherKind) => "another-kind",
            Self::Unread(ShareUnread::Altered) | Self::Contradiction { .. } => "altered",
            Self::ForeignRoot { .. } => "foreign-root",
            Self::StaleEpoch { .. } => "stale-epoch",
            Self::SecondShare { .. } => "second-share",
            Self::Memory(_) => "no-locked-memory",
        }
    }
}
