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
};

use super::{OpenFailed, snapshot::from_snapshot};
use crate::{
    engine::{Parts, Quarantine},
    sealed,
    storage::{Heads, Shelf, Tree},
    tree,
    writer::Tip,
};

/// Folds the log up to its end, and checks it against the newest checkpoint of the database
/// and the one that was kept outside.
///
/// A log that is shorter than the kept checkpoint, or that went another way after the newest
/// one that it has itself, was restored from an old copy: it is quarantined.
pub(super) fn replay(
    parts: &Parts,
    newest: Option<&SignedHead>,
    kept: Option<&SignedHead>,
) -> Result<(Tip, Option<Quarantine>), OpenFailed> {
    let heads = parts.storage.heads()?;
    let (state, log, snapshot) = from_snapshot(parts, newest)?;
    let signed_size = newest.map_or(0, |newest| newest.log().size);
    if signed_size > heads.log {
        let found = heads.log;
        let what = format!("its newest checkpoint counts {signed_size} leaves, {found} are here");
        return Err(OpenFailed::Tampered { what: what.into() });
    }
    let mut folding =
        Folding { state, log, newest, kept, parted: false, forked: false, accepted: false };
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
    let Folding { state, log, newest: _, kept: _, parted, forked, accepted } = folding;
    if forked && !accepted {
        let what = "its first leaves are not those that the checkpoint kept outside it signs";
        return Err(OpenFailed::Tampered { what: what.into() });
    }
    let ledger = Frontier::from_nodes(heads.ledger, &mut |at| tree::hash(parts, Tree::Ledger, at))?;
    if let Some(signed) = newest {
        check_ledger(parts, signed, heads, Exact::Yes)?;
    }
    // An accepted rollback stands in the log under the log key's own signature.
    let kept = kept.filter(|_| !accepted);
    let short = |kept: &SignedHead| {
        parted || kept.log().size > heads.log || kept.ledger().size > heads.ledger
    };
    let quarantine = kept.filter(|kept| short(kept)).map(|kept| Quarantine {
        kept_size: kept.log().size,
        kept_root: kept.log().root,
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
    kept: Option<&'f SignedHead>,
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
        if let Fact::RollbackAccepted { kept_size, kept_root, .. } = event.fact
            && self
                .kept
                .is_some_and(|kept| kept.log() == TreeHead { size: kept_size, root: kept_root })
        {
            self.accepted = true;
        }
        self.state.apply(&event);
        self.log.append(leaf_hash(leaf), &mut |_, _| {}).map_err(|_| OpenFailed::NoStore)?;
        self.check()
    }

    fn check(&mut self) -> Result<(), OpenFailed> {
        let size = self.log.size();
        let differs = |signed: Option<&SignedHead>| {
            signed.is_some_and(|it| it.log().size == size && it.log().root != self.log.root())
        };
        if differs(self.newest) {
            let what = format!("its first {size} leaves are not those that its checkpoint signs");
            return Err(OpenFailed::Tampered { what: what.into() });
        }
        if differs(self.kept) {
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

/// Leaves read at once while replaying.
const REPLAY_LEAVES: u32 = 4096;
