//! The replay: everything that is kept is made anew from the log and compared.

mod rows;

use std::collections::BTreeMap;

use keyward_barrier::Sealed;
use keyward_lifecycle::{
    audit::{
        checkpoint::TreeHead,
        tree::{Frontier, NodeAt, TreeFull, leaf_hash},
    },
    event::Event,
    id::Digest,
    ledger::{Entry, SignedHead, open_checkpoint},
    state::State,
};

use crate::{
    engine::{Keyward, unavailable},
    projection,
    start::epoch_name,
    storage::{LedgerIndex, ReadError, Row, Shelf, Storage, Tree},
    writer::ExecuteError,
};

/// What a replay found.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct AuditReport {
    /// Leaves of the log that were folded.
    pub log_size: u64,
    /// Entries of the ledger that were read.
    pub ledger_size: u64,
    /// Rows of projections that were compared.
    pub rows: u64,
    /// What does not agree, the first disagreement first; at most 100.
    pub problems: Vec<String>,
}

/// Most problems that are named.
const PROBLEMS_MAX: usize = 100;
/// Leaves or rows read at once.
const PAGE: u32 = 4096;

impl AuditReport {
    fn problem(&mut self, text: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(text);
        }
    }
}

impl Keyward {
    /// Replays the log and compares: its root with the newest checkpoint and with one kept from
    /// before (`kept`, a signed note), its fold with the one that decides, every row of every
    /// projection with what the log makes of it, and the ledger's root with the checkpoint.
    ///
    /// # Errors
    /// [`ExecuteError::Unavailable`] when the store cannot be read; what does not agree is no
    /// error but in the report.
    pub fn verify_audit(&self, kept: Option<&str>) -> Result<AuditReport, ExecuteError> {
        let mut report = AuditReport::default();
        let mut heads: Vec<(SignedHead, &str)> = Vec::new();
        match self.signed_head() {
            Ok(Some((_, head))) => heads.push((head, "the newest checkpoint")),
            Ok(None) => {}
            Err(error) => report.problem(format!("the newest checkpoint is not good: {error}")),
        }
        let pinned = self.shared.pins.checkpoint();
        let notes =
            [(pinned.as_deref(), "the checkpoint in trust.json"), (kept, "the checkpoint given")];
        let authority = self.shared.authority();
        for (note, what) in notes.into_iter().filter_map(|(note, what)| Some((note?, what))) {
            let origin = &authority.authority().origin;
            match open_checkpoint(note.as_bytes(), origin, authority.log_verifiers()) {
                Ok(head) => heads.push((head, what)),
                Err(error) => report.problem(format!("{what} is not good: {error}")),
            }
        }
        let storage = &*self.shared.storage;
        let mut replay = Replay::new(storage, &heads);
        replay.go_on(&mut report).map_err(|error| unavailable(&error))?;
        rows::compare(&mut replay, &mut report).map_err(|error| unavailable(&error))?;
        replay.check_end(&self.state(), &mut report);
        replay_ledger(storage, &heads, &mut report).map_err(|error| unavailable(&error))?;
        self.check_root(&mut report).map_err(|error| unavailable(&error))?;
        Ok(report)
    }

    /// The header of the root key is one that this store's identity signed.
    fn check_root(&self, report: &mut AuditReport) -> Result<(), ReadError> {
        let storage = &self.shared.storage;
        let Some(header) = storage.item_at_or_before(Shelf::Root, &epoch_name(u32::MAX))? else {
            report.problem("the root key's epoch header is missing".to_owned());
            return Ok(());
        };
        let pinned = self.shared.pinned_root();
        if let Err(refused) = Sealed::read(&header.bytes, Some(&pinned)) {
            report.problem(refused.to_string());
        }
        Ok(())
    }
}

/// A fold of the log from its first leaf, with every row that it makes.
struct Replay<'r> {
    storage: &'r dyn Storage,
    heads: &'r [(SignedHead, &'r str)],
    state: State,
    log: Frontier,
    rows: BTreeMap<(u8, String), Row>,
}

impl<'r> Replay<'r> {
    fn new(storage: &'r dyn Storage, heads: &'r [(SignedHead, &'r str)]) -> Self {
        let (state, log, rows) = (State::default(), Frontier::new(), BTreeMap::new());
        Self { storage, heads, state, log, rows }
    }

    /// Folds what is there, up to the end that is found.
    fn go_on(&mut self, report: &mut AuditReport) -> Result<(), ReadError> {
        loop {
            let leaves = self.storage.leaves(Tree::Log, self.log.size(), PAGE)?;
            if leaves.is_empty() {
                report.log_size = self.log.size();
                return Ok(());
            }
            let mut nodes = Vec::new();
            for leaf in leaves {
                self.fold(&leaf, &mut nodes, report);
            }
            compare_nodes(self.storage, Tree::Log, &nodes, report)?;
        }
    }

    fn fold(&mut self, leaf: &[u8], nodes: &mut Vec<Node>, report: &mut AuditReport) {
        match Event::from_leaf(self.log.size(), leaf) {
            Ok(event) => {
                if self.state.last_time().is_some_and(|last| event.time < last) {
                    let seq = event.seq;
                    report.problem(format!("leaf {seq}: its time is before its predecessor's"));
                }
                self.state.apply(&event);
                for row in projection::rows(&self.state, &event, leaf, &projection::at_hand) {
                    self.rows.insert((rows::rank(row.table()), row.key()), row);
                }
            }
            Err(error) => report.problem(error.to_string()),
        }
        // A tree of 2^64 leaves does not come to be.
        let _: Result<(), TreeFull> =
            self.log.append(leaf_hash(leaf), &mut |at, hash| nodes.push((at, hash)));
        let wanted = self.heads.iter().map(|(head, what)| (head.log(), *what));
        check(wanted, &self.log, "log", report);
    }

    fn check_end(&self, deciding: &State, report: &mut AuditReport) {
        let wanted = self.heads.iter().map(|(head, what)| (head.log(), *what));
        truncated(wanted, &self.log, "log", report);
        if deciding.size() == self.state.size() {
            let same = match (deciding.to_snapshot(), self.state.to_snapshot()) {
                (Ok(deciding), Ok(replayed)) => deciding == replayed,
                (Err(_), _) | (_, Err(_)) => false,
            };
            if !same {
                report.problem("what decides is not what the log adds up to; start again".into());
            }
        }
    }
}

/// An inner node as the leaves make it.
type Node = (NodeAt, Digest);

/// Proofs are made of stored nodes: each is the one that its leaves make.
fn compare_nodes(
    storage: &dyn Storage,
    tree: Tree,
    nodes: &[Node],
    report: &mut AuditReport,
) -> Result<(), ReadError> {
    let places: Vec<NodeAt> = nodes.iter().map(|(at, _)| *at).collect();
    match storage.nodes(tree, &places) {
        Ok(kept) => {
            let wrong = nodes.iter().zip(kept).filter(|((_, hash), kept)| hash != kept);
            for ((at, _), _) in wrong {
                let NodeAt { level, index } = at;
                report.problem(format!("node {level}/{index} of {tree:?} is not its leaves'"));
            }
            Ok(())
        }
        Err(ReadError::Missing { what }) => {
            report.problem(format!("the store lacks {what}"));
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn replay_ledger(
    storage: &dyn Storage,
    heads: &[(SignedHead, &str)],
    report: &mut AuditReport,
) -> Result<(), ReadError> {
    let mut ledger = Frontier::new();
    let wanted = || heads.iter().map(|(head, what)| (head.ledger(), *what));
    loop {
        let leaves = storage.leaves(Tree::Ledger, ledger.size(), PAGE)?;
        if leaves.is_empty() {
            break;
        }
        let mut nodes = Vec::new();
        for leaf in leaves {
            let place = ledger.size();
            match Entry::from_leaf(place, &leaf) {
                Some(entry) if !is_found(storage, &entry)? => {
                    report.problem(format!("entry {place} of the ledger is not found by its key"));
                }
                Some(_) => {}
                None => report.problem(format!("entry {place} of the ledger is damaged")),
            }
            let _: Result<(), TreeFull> =
                ledger.append(leaf_hash(&leaf), &mut |at, hash| nodes.push((at, hash)));
            check(wanted(), &ledger, "ledger", report);
        }
        compare_nodes(storage, Tree::Ledger, &nodes, report)?;
    }
    report.ledger_size = ledger.size();
    truncated(wanted(), &ledger, "ledger", report);
    Ok(())
}

/// Whether the index leads to the entry: one that it hides would be called missing.
fn is_found(storage: &dyn Storage, entry: &Entry) -> Result<bool, ReadError> {
    let before = entry.seq.checked_sub(1);
    let find = LedgerIndex::Signed(entry.fingerprint, entry.pae);
    let signed = storage.ledger(find, before, 1)?.first() == Some(&entry.seq);
    let find = LedgerIndex::Key(entry.fingerprint);
    Ok(signed && storage.ledger(find, before, 1)?.first() == Some(&entry.seq))
}

fn check<'h>(
    heads: impl Iterator<Item = (TreeHead, &'h str)>,
    frontier: &Frontier,
    tree: &str,
    report: &mut AuditReport,
) {
    for (head, what) in heads.filter(|(head, _)| head.size == frontier.size()) {
        if head.root != frontier.root() {
            let size = head.size;
            report.problem(format!(
                "the {tree}'s first {size} leaves are not those that {what} signs"
            ));
        }
    }
}

fn truncated<'h>(
    heads: impl Iterator<Item = (TreeHead, &'h str)>,
    frontier: &Frontier,
    tree: &str,
    report: &mut AuditReport,
) {
    for (head, what) in heads.filter(|(head, _)| head.size > frontier.size()) {
        let (size, found) = (head.size, frontier.size());
        report.problem(format!(
            "the {tree} is truncated: {what} counts {size} leaves, {found} are here"
        ));
    }
}
