//! The log folded to its end, and held against what was signed of it.
//!
//! Two checkpoints say what the log must be: the newest in the database, and the one that was
//! kept outside it. Beyond what they sign, a leaf stands only if a sealed store could have
//! logged it.

use keyward_lifecycle::{
    audit::{
        checkpoint::TreeHead,
        tree::{Frontier, leaf_hash},
    },
    authority::Admitted,
    event::{Event, Fact},
    ledger::{SignedHead, open_checkpoint},
    state::State,
    time::Timestamp,
};

use super::{OpenFailed, snapshot::from_snapshot};
use crate::{
    engine::{Parts, Quarantine},
    sealed,
    storage::{Heads, Shelf, Tree},
    tree,
    writer::Tip,
};

/// What was kept outside the database.
#[derive(Clone, Copy)]
pub(super) struct Outside<'k> {
    /// The newest checkpoint.
    pub(super) checkpoint: Option<&'k SignedHead>,
    /// The end of the log, where a sealed store went on beyond it.
    pub(super) unsigned: Option<TreeHead>,
}

impl Outside<'_> {
    fn heads(&self) -> impl Iterator<Item = TreeHead> {
        self.checkpoint.map(SignedHead::log).into_iter().chain(self.unsigned)
    }

    /// The longest log that was seen.
    fn longest(&self) -> Option<TreeHead> {
        self.heads().max_by_key(|head| head.size)
    }
}

/// Folds the log up to its end, and checks it against the newest checkpoint of the database
/// and what was kept outside.
///
/// A log that is shorter than what was kept, or that went another way after the newest
/// checkpoint that it has itself, was restored from an old copy: it is quarantined.
pub(super) fn replay(
    parts: &Parts,
    newest: Option<&SignedHead>,
    outside: Outside<'_>,
) -> Result<(Tip, Option<Quarantine>), OpenFailed> {
    let heads = parts.storage.heads()?;
    let (state, log, snapshot) = from_snapshot(parts, newest)?;
    let signed_size = newest.map_or(0, |newest| newest.log().size);
    if signed_size > heads.log {
        let found = heads.log;
        let what = format!("its newest checkpoint counts {signed_size} leaves, {found} are here");
        return Err(OpenFailed::Tampered { what: what.into() });
    }
    let latest = parts.clock.now().plus_seconds(CLOCK_AHEAD_SECONDS);
    let (parted, forked, accepted) = (false, false, false);
    let mut folding = Folding { state, log, newest, outside, latest, parted, forked, accepted };
    folding.check()?;
    while folding.log.size() < heads.log {
        let leaves = parts.storage.leaves(Tree::Log, folding.log.size(), REPLAY_LEAVES)?;
        if leaves.is_empty() {
            return Err(OpenFailed::Tampered { what: "the log has a hole".into() });
        }
        for leaf in leaves {
            folding.fold(&leaf)?;
        }
    }
    let Folding { state, log, parted, forked, accepted, .. } = folding;
    if forked && !accepted {
        let what = "its first leaves are not those that the checkpoint kept outside it signs";
        return Err(OpenFailed::Tampered { what: what.into() });
    }
    let ledger = Frontier::from_nodes(heads.ledger, &mut |at| tree::hash(parts, Tree::Ledger, at))?;
    if let Some(signed) = newest {
        check_ledger(parts, signed, heads, Exact::Yes)?;
    }
    // An accepted rollback stands in the log under the log key's own signature.
    let seen = outside.longest().filter(|_| !accepted);
    let kept = outside.checkpoint.filter(|_| !accepted);
    let is_short = |seen: &TreeHead| {
        let ledger = kept.is_some_and(|kept| kept.ledger().size > heads.ledger);
        parted || seen.size > heads.log || ledger
    };
    let quarantine = seen.filter(is_short).map(|seen| Quarantine {
        kept_size: seen.size,
        kept_root: seen.root,
        found_size: heads.log,
    });
    if quarantine.is_none()
        && let Some(kept) = kept
    {
        check_ledger(parts, kept, heads, Exact::No)?;
    }
    Ok((Tip { state, log, ledger, snapshot }, quarantine))
}

/// A log on its way to its end.
struct Folding<'f> {
    state: State,
    log: Frontier,
    newest: Option<&'f SignedHead>,
    outside: Outside<'f>,
    /// The latest time that a leaf can have which nobody has signed.
    latest: Timestamp,
    /// Whether the log went another way than the kept checkpoint says, after the newest one
    /// that it has itself.
    parted: bool,
    /// Whether two signed checkpoints contradict each other.
    forked: bool,
    /// Whether it says that the kept checkpoint is not to be reached any more.
    accepted: bool,
}

impl Folding<'_> {
    fn fold(&mut self, leaf: &[u8]) -> Result<(), OpenFailed> {
        let event = Event::from_leaf(self.log.size(), leaf)?;
        let signed = self.newest.is_some_and(|newest| self.log.size() < newest.log().size);
        if !signed && !sealed::may_log(&self.state, &event) {
            let (seq, kind) = (event.seq, event.fact.type_name());
            let what = format!("leaf {seq} is a {kind} that no checkpoint signs");
            return Err(OpenFailed::Tampered { what: what.into() });
        }
        let is_ahead = event.time > self.latest && Some(event.time) > self.state.last_time();
        if !signed && is_ahead {
            let (seq, time) = (event.seq, event.time);
            let what =
                format!("leaf {seq}, which no checkpoint signs, is of {time}: see to the clock");
            return Err(OpenFailed::Tampered { what: what.into() });
        }
        if let Fact::RollbackAccepted { kept_size: size, kept_root: root, .. } = event.fact
            && self.outside.heads().any(|kept| kept == TreeHead { size, root })
        {
            self.accepted = true;
        }
        self.state.apply(&event);
        self.log.append(leaf_hash(leaf), &mut |_, _| {}).map_err(|_| OpenFailed::NoStore)?;
        self.check()
    }

    fn check(&mut self) -> Result<(), OpenFailed> {
        let size = self.log.size();
        let differs = |head: TreeHead| head.size == size && head.root != self.log.root();
        if self.newest.is_some_and(|newest| differs(newest.log())) {
            let what = format!("its first {size} leaves are not those that its checkpoint signs");
            return Err(OpenFailed::Tampered { what: what.into() });
        }
        if self.outside.heads().any(differs) {
            let newest = self.newest.map_or(0, |newest| newest.log().size);
            self.forked |= size <= newest;
            self.parted = true;
        }
        Ok(())
    }
}

fn check_ledger(
    parts: &Parts,
    signed: &SignedHead,
    heads: Heads,
    exact: Exact,
) -> Result<(), OpenFailed> {
    let TreeHead { size, root } = signed.ledger();
    let tampered = |what: &str| Err(OpenFailed::Tampered { what: what.into() });
    if size > heads.ledger {
        return tampered("the ledger is shorter than the newest checkpoint says");
    }
    if exact == Exact::Yes && size < heads.ledger {
        // Signing needs the root key, and so does the checkpoint that goes with it.
        return tampered("the ledger has entries that no checkpoint signs");
    }
    let then = Frontier::from_nodes(size, &mut |at| tree::hash(parts, Tree::Ledger, at))?;
    if then.root() == root { Ok(()) } else { tampered("the ledger is not the one that was signed") }
}

/// Whether the head must be the end.
#[derive(PartialEq, Eq)]
enum Exact {
    Yes,
    No,
}

pub(super) fn newest_checkpoint(
    parts: &Parts,
    authority: &Admitted,
) -> Result<Option<SignedHead>, OpenFailed> {
    let Some(item) = parts.storage.item_at_or_before(Shelf::Checkpoint, &[0xff; 8])? else {
        return Ok(None);
    };
    let opened = open_note(&item.bytes, authority);
    let what = "its newest checkpoint is not signed by the log's key";
    opened.map(Some).ok_or_else(|| OpenFailed::Tampered { what: what.into() })
}

pub(super) fn open_note(note: &[u8], authority: &Admitted) -> Option<SignedHead> {
    open_checkpoint(note, &authority.authority().origin, authority.log_verifiers()).ok()
}

/// How far a leaf that nobody has signed may be ahead of this machine's clock, in seconds.
const CLOCK_AHEAD_SECONDS: i64 = 300;
/// Leaves read at once while replaying.
const REPLAY_LEAVES: u32 = 4096;
