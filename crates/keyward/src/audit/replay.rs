//! The replay: everything that is kept is made anew from the log and compared.

use std::collections::BTreeMap;

use keyward_lifecycle::{
    audit::{
        checkpoint::TreeHead,
        tree::{Frontier, leaf_hash},
    },
    event::Event,
    ledger::{Entry, SignedHead, open_checkpoint},
    state::State,
};

use crate::{
    engine::{Keyward, unavailable},
    projection,
    storage::{ReadError, Row, Storage, Table, Tree},
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
        let pinned = self.shared.pinned_checkpoint();
        let notes =
            [(pinned.as_deref(), "the checkpoint in trust.json"), (kept, "the checkpoint given")];
        let authority = &self.shared.authority;
        for (note, what) in notes.into_iter().filter_map(|(note, what)| Some((note?, what))) {
            let origin = &authority.authority().origin;
            match open_checkpoint(note.as_bytes(), origin, authority.log_verifiers()) {
                Ok(head) => heads.push((head, what)),
                Err(error) => report.problem(format!("{what} is not good: {error}")),
            }
        }
        let storage = &*self.shared.storage;
        let rows = replay_log(storage, &heads, &mut report).map_err(|error| unavailable(&error))?;
        compare_rows(storage, rows, &mut report).map_err(|error| unavailable(&error))?;
        replay_ledger(storage, &heads, &mut report).map_err(|error| unavailable(&error))?;
        Ok(report)
    }
}

type Rows = BTreeMap<(u8, String), Row>;

fn replay_log(
    storage: &dyn Storage,
    heads: &[(SignedHead, &str)],
    report: &mut AuditReport,
) -> Result<Rows, ReadError> {
    let (mut state, mut log, mut rows) = (State::default(), Frontier::new(), Rows::new());
    loop {
        let leaves = storage.leaves(Tree::Log, log.size(), PAGE)?;
        if leaves.is_empty() {
            break;
        }
        for leaf in leaves {
            match Event::from_leaf(log.size(), &leaf) {
                Ok(event) => {
                    if state.last_time().is_some_and(|last| event.time < last) {
                        report.problem(format!(
                            "leaf {}: its time is before its predecessor's",
                            event.seq
                        ));
                    }
                    state.apply(&event);
                    for row in projection::rows(&state, &event, &leaf) {
                        rows.insert((rank(row.table()), row.key()), row);
                    }
                }
                Err(error) => report.problem(error.to_string()),
            }
            let full = log.append(leaf_hash(&leaf), &mut |_, _| {}).is_err();
            check(heads.iter().map(|(head, what)| (head.log(), *what)), &log, "log", report);
            if full {
                return Ok(rows);
            }
        }
    }
    report.log_size = log.size();
    truncated(heads.iter().map(|(head, what)| (head.log(), *what)), &log, "log", report);
    Ok(rows)
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
        for leaf in leaves {
            if Entry::from_leaf(ledger.size(), &leaf).is_none() {
                report.problem(format!("entry {} of the ledger is damaged", ledger.size()));
            }
            if ledger.append(leaf_hash(&leaf), &mut |_, _| {}).is_err() {
                return Ok(());
            }
            check(wanted(), &ledger, "ledger", report);
        }
    }
    report.ledger_size = ledger.size();
    truncated(wanted(), &ledger, "ledger", report);
    Ok(())
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

/// Every row that is kept is one that the log makes, and every one that it makes is kept.
fn compare_rows(
    storage: &dyn Storage,
    mut expected: Rows,
    report: &mut AuditReport,
) -> Result<(), ReadError> {
    for table in [Table::TrustAnchors, Table::KeyHistory, Table::KeyAuditLog] {
        let mut after: Option<String> = None;
        loop {
            let page = storage.rows(table, after.as_deref(), PAGE)?;
            let Some(last) = page.last() else { break };
            after = Some(last.key());
            for row in page {
                report.rows = report.rows.saturating_add(1);
                let key = row.key();
                match expected.remove(&(rank(table), key.clone())) {
                    Some(made) if made == row => {}
                    Some(_) => report
                        .problem(format!("{}: row {key} is not what the log says", name(table))),
                    None => report.problem(format!("{}: row {key} is not in the log", name(table))),
                }
            }
        }
        let missing = expected.keys().filter(|(of, _)| *of == rank(table));
        let missing: Vec<String> = missing.map(|(_, key)| key.clone()).collect();
        for key in missing {
            report.problem(format!("{}: row {key} is missing", name(table)));
        }
    }
    Ok(())
}

const fn rank(table: Table) -> u8 {
    match table {
        Table::TrustAnchors => 0,
        Table::KeyHistory => 1,
        Table::KeyAuditLog => 2,
    }
}

const fn name(table: Table) -> &'static str {
    match table {
        Table::TrustAnchors => "signer.trust_anchors",
        Table::KeyHistory => "signer.key_history",
        Table::KeyAuditLog => "signer.key_audit_log",
    }
}
