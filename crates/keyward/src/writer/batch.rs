//! One batch in the making: jobs are decided on a speculative copy, and become leaves, nodes,
//! rows and items of one transaction.

use std::{collections::HashMap, sync::Arc};

use keyward_crypto::spki;
use keyward_lifecycle::{
    audit::{
        checkpoint::TreeHead,
        tree::{Frontier, TreeFull, leaf_hash},
    },
    command::Command,
    decide::{Decision, decide},
    event::{Event, Fact, VERSION},
    id::{ActorId, Digest, EventId, Fingerprint},
    key::{Key, KeyRecord},
    refusal::{Refusal, Warning},
    time::Timestamp,
};

use super::{Answer, Enter, Execute, ExecuteError, Job, Receipt, Tip, memory::Memory};
use crate::{
    engine::{Root, Shared, unavailable},
    pin::saver::Pin,
    projection::{self, at_hand},
    rescan, sealed, secret,
    start::snapshot::{SNAPSHOT_PARTS_MAX, part_name, snapshot_parts},
    storage::{Batch, Item, ItemChange, ReadError, Shelf, Tree},
    system::Signable,
};

/// A snapshot is taken after so many leaves.
const SNAPSHOT_LEAVES: u64 = 50_000;

/// A batch in the making.
pub(crate) struct Draft<'w> {
    pub(super) shared: &'w Shared,
    pub(super) memory: &'w mut Memory,
    pub(super) now: Timestamp,
    pub(super) tip: Tip,
    pub(super) batch: Batch,
    /// Who signs the checkpoint, from the beginning of the batch to its end.
    pub(super) signer: Option<Arc<Root>>,
    /// Signatures that are released already: if the batch is not written, the next one has them.
    pub(super) leased: Vec<Enter>,
    bound_ledger: u64,
    control: bool,
    pin: Pin,
    revoked: bool,
    /// In PEM, those that rows of this batch show and that the fold does not hold.
    public_keys: HashMap<Fingerprint, String>,
    pub(super) checkpoint: Need,
}

/// Why a job is not done.
enum Denied {
    Refused(&'static str, Refusal),
    Unread(ReadError),
}

/// Whether a batch goes with a checkpoint.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// If one can be signed and there is something to sign.
    Optional,
    /// Also if nothing was appended.
    Wanted,
    /// Or not at all.
    Required,
}

/// A batch that is ready.
pub(crate) struct Finished {
    pub(crate) batch: Batch,
    pub(crate) tip: Tip,
    pub(crate) kept: Kept,
    pub(crate) revoked: bool,
    pub(crate) leased: Vec<Enter>,
    pub(crate) time: Timestamp,
}

/// How a batch ends.
pub(crate) enum Finish {
    /// It is to be appended.
    Batch(Box<Finished>),
    /// There is nothing to append. What was released already and cannot be entered is handed
    /// back.
    Nothing(Vec<Enter>),
    /// The store was sealed before the batch could be signed for.
    Unsigned(Vec<Enter>),
}

/// What of a batch is kept outside the database, and how soon.
pub(crate) enum Kept {
    /// Its checkpoint.
    Checkpoint(String, Pin),
    /// The end of the log, which nobody could sign for.
    Unsigned(TreeHead, Pin),
    Nothing,
}

impl<'w> Draft<'w> {
    pub(crate) fn new(shared: &'w Shared, tip: &Tip, memory: &'w mut Memory) -> Self {
        let now = shared.now_after(&tip.state);
        memory.begin();
        let tip = Tip {
            state: tip.state.clone(),
            log: tip.log.clone(),
            ledger: tip.ledger.clone(),
            snapshot: tip.snapshot,
        };
        let bound_ledger = tip.state.ledger().head.map_or(0, |head| head.size);
        Self {
            shared,
            memory,
            now,
            tip,
            batch: Batch::default(),
            signer: shared.checkpoint_signer(),
            leased: Vec::new(),
            bound_ledger,
            control: false,
            pin: Pin::Seldom,
            revoked: false,
            public_keys: HashMap::new(),
            checkpoint: Need::Optional,
        }
    }

    /// Decides about a job; what it answers is told when the batch is durable.
    pub(crate) fn take(&mut self, job: Job) -> Option<Answer> {
        match job {
            Job::Execute(execute) => Some(self.execute(execute)),
            Job::Enter(enter) => self.enter(enter),
            Job::Keep { items, reply } => {
                self.batch.items.extend(items);
                Some(Box::new(move |fate| drop(reply.send(fate))))
            }
            Job::Snapshot { reply } => {
                let taken = self.snapshot();
                Some(Box::new(move |fate| drop(reply.send(fate.and(taken)))))
            }
            Job::RootChanged { reply } => {
                self.checkpoint = self.checkpoint.max(Need::Wanted);
                Some(Box::new(move |fate| drop(reply.send(fate))))
            }
            Job::Stop => None,
        }
    }

    fn execute(&mut self, execute: Execute) -> Answer {
        let Execute { actor, commands, items, reply } = execute;
        if let [Command::NoteRefusals { command, refusal, key_id, count }] = &commands[..] {
            let kind = (command.clone(), refusal.clone(), key_id.clone());
            let events = self.note_refusals(&actor, kind, *count);
            let receipt = self.receipt(events, Vec::new());
            return Box::new(move |fate| drop(reply.send(fate.map(|()| receipt))));
        }
        if commands.iter().any(|command| matches!(command, Command::AcceptRollback { .. })) {
            // The log that is accepted is signed for in the very transaction that says so.
            self.signer = self.shared.root();
        }
        let answer = match self.decide_all(&actor, &commands) {
            Ok(receipt) => {
                if !receipt.events.is_empty() {
                    self.batch.items.extend(items);
                }
                Ok(receipt)
            }
            Err(Denied::Refused(command, refusal)) => {
                self.note_refusal(&actor, command, &refusal);
                Err(ExecuteError::Refused(refusal))
            }
            Err(Denied::Unread(error)) => Err(unavailable(&error)),
        };
        Box::new(move |fate| drop(reply.send(fate.and(answer))))
    }

    /// All commands or none: they are decided on a copy that is kept only if none is refused.
    fn decide_all(&mut self, actor: &ActorId, commands: &[Command]) -> Result<Receipt, Denied> {
        let mut trial = self.tip.state.clone();
        let mut decided = Decision::default();
        for (number, command) in (1_usize..).zip(commands) {
            let Decision { facts, warnings } = decide(&trial, command, self.now)
                .map_err(|refusal| Denied::Refused(command.name(), refusal))?;
            // Nothing is decided after the last.
            for fact in facts.iter().filter(|_| number < commands.len()) {
                trial.apply(&self.event(trial.size(), actor, fact.clone()));
            }
            decided.facts.extend(facts);
            decided.warnings.extend(warnings);
        }
        self.fetch(&decided.facts).map_err(Denied::Unread)?;
        if !decided.facts.is_empty() {
            self.bind_ledger(actor);
        }
        let Decision { facts, warnings } = decided;
        Ok(self.log_all(actor, facts, warnings))
    }

    /// Fetches the public keys that rows of these facts show, where the fold does not hold them.
    fn fetch(&mut self, facts: &[Fact]) -> Result<(), ReadError> {
        for key in facts.iter().filter_map(projection::shows) {
            // One that these facts make comes with its bytes.
            let Some(Key { record, .. }) = self.tip.state.key(key) else { continue };
            if record.public_key.bytes().is_none() {
                let pem = spki::to_pem(&self.shared.spki(record)?);
                self.public_keys.insert(record.fingerprint, pem);
            }
        }
        Ok(())
    }

    pub(super) fn log_all(
        &mut self,
        actor: &ActorId,
        facts: Vec<Fact>,
        warnings: Vec<Warning>,
    ) -> Receipt {
        let events =
            facts.into_iter().filter_map(|fact| self.log(actor, fact.clone()).map(|id| (id, fact)));
        let events = events.collect();
        self.receipt(events, warnings)
    }

    fn receipt(&self, events: Vec<(EventId, Fact)>, warnings: Vec<Warning>) -> Receipt {
        Receipt { events, warnings, position: self.tip.log.size(), time: self.now }
    }

    /// Entries made before a change are bound into the log before it.
    fn bind_ledger(&mut self, actor: &ActorId) {
        let (size, root) = (self.tip.ledger.size(), self.tip.ledger.root());
        // Without the root key no entry was made since the checkpoint that binds the last one.
        if size > self.bound_ledger && self.signer.is_some() {
            self.bound_ledger = size;
            let _: Option<EventId> = self.log(actor, Fact::LedgerHead { size, root });
        }
    }

    fn event(&self, seq: u64, actor: &ActorId, fact: Fact) -> Event {
        Event { v: VERSION, seq, time: self.now, actor: actor.clone(), fact }
    }

    pub(super) fn log(&mut self, actor: &ActorId, fact: Fact) -> Option<EventId> {
        let event = self.event(self.tip.log.size(), actor, fact);
        let leaf = event.to_leaf().ok()?;
        let hash = leaf_hash(&leaf);
        grow(&mut self.tip.log, Tree::Log, hash, &mut self.batch);
        if !sealed::may_log(&self.tip.state, &event) {
            self.checkpoint = Need::Required;
        }
        self.batch.items.extend(secret::record::removed(&self.tip.state, &event.fact));
        self.tip.state.apply(&event);
        let public_keys = &self.public_keys;
        let fetched = |record: &KeyRecord| {
            at_hand(record).or_else(|| public_keys.get(&record.fingerprint).cloned())
        };
        self.batch.rows.extend(projection::rows(&self.tip.state, &event, &leaf, &fetched));
        if let Fact::KeyRevoked { key_id, anchor_id, .. } = &event.fact {
            self.revoked = true;
            self.batch.items.extend(rescan::queue(&self.tip.state, key_id, *anchor_id, &event));
        }
        if let Fact::LedgerOpened { .. } = &event.fact {
            self.memory.ledger_whole = true;
        }
        self.batch.log.push(leaf);
        self.control = true;
        self.pin = self.pin.max(Pin::of(&event.fact));
        Some(EventId::of_leaf(&hash))
    }

    fn snapshot(&mut self) -> Result<(u64, Digest), ExecuteError> {
        if self.signer.is_none() {
            return Err(ExecuteError::Sealed);
        }
        let failed = || ExecuteError::Unavailable("the snapshot does not fit into memory".into());
        let (parts, digest) = snapshot_parts(&self.tip).ok_or_else(failed)?;
        if let Some((old, _)) = self.tip.snapshot.filter(|(old, _)| *old != self.tip.log.size()) {
            let names = (0..SNAPSHOT_PARTS_MAX).map(|part| part_name(old, part));
            self.batch.items.extend(names.map(|name| ItemChange::Remove(Shelf::Snapshot, name)));
        }
        self.batch
            .items
            .extend(parts.into_iter().map(|part| ItemChange::Put(Shelf::Snapshot, part)));
        self.tip.snapshot = Some((self.tip.log.size(), digest));
        self.control = true;
        self.pin = self.pin.max(Pin::Soon);
        Ok((self.tip.log.size(), digest))
    }

    /// The transaction, with the checkpoint over what it makes; `None` if there is none.
    ///
    /// What only an unsealed store may write goes with a checkpoint or not at all: the store
    /// may have been sealed since it was asked for.
    pub(crate) fn finish(mut self) -> Finish {
        let last = self.tip.snapshot.map_or(0, |(size, _)| size);
        if self.control && self.tip.log.size().saturating_sub(last) >= SNAPSHOT_LEAVES {
            // A snapshot is a convenience: without one the next start replays more.
            drop(self.snapshot());
        }
        let Batch { log, ledger, nodes: _, items, rows: _ } = &self.batch;
        let grows = !log.is_empty() || !ledger.is_empty() || self.control;
        if !grows && items.is_empty() && self.checkpoint == Need::Optional {
            return Finish::Nothing(self.leased);
        }
        let heads = Signable {
            log: head(&self.tip.log),
            ledger: head(&self.tip.ledger),
            snapshot: self.tip.snapshot,
        };
        let due = grows || (self.checkpoint != Need::Optional && heads.log.size > 0);
        let signer = self.signer.as_ref().filter(|_| due);
        let note = signer.and_then(|root| root.log.sign(&heads, self.now));
        let note = note.map(|note| note.to_string());
        if note.is_none() && self.checkpoint == Need::Required {
            return Finish::Unsigned(self.leased);
        }
        let kept = match note {
            Some(note) => {
                let name = u64::try_from(self.now.seconds()).unwrap_or(0).to_be_bytes().to_vec();
                let item = Item { name, bytes: note.clone().into_bytes() };
                self.batch.items.push(ItemChange::Put(Shelf::Checkpoint, item));
                Kept::Checkpoint(note, self.pin)
            }
            None if self.batch.log.is_empty() => Kept::Nothing,
            None => Kept::Unsigned(heads.log, self.pin),
        };
        let Self { batch, tip, revoked, leased, now: time, .. } = self;
        Finish::Batch(Box::new(Finished { batch, tip, kept, revoked, leased, time }))
    }
}

fn head(frontier: &Frontier) -> TreeHead {
    TreeHead { size: frontier.size(), root: frontier.root() }
}

pub(super) fn grow(frontier: &mut Frontier, tree: Tree, hash: Digest, batch: &mut Batch) {
    let completed = &mut |at, node| batch.nodes.push((tree, at, node));
    // A tree of 2^64 leaves does not come to be.
    let _: Result<(), TreeFull> = frontier.append(hash, completed);
}
