//! One batch in the making: jobs are decided on a speculative copy, and become leaves, nodes,
//! rows and items of one transaction.

use std::collections::HashMap;
use std::num::NonZeroU64;

use keyward_lifecycle::{
    audit::{
        checkpoint::TreeHead,
        tree::{Frontier, TreeFull, leaf_hash},
    },
    command::{Command, LedgerNote},
    decide::{Decision, decide, may_sign},
    event::{Event, Fact, VERSION},
    id::{ActorId, Digest, EventId, KeyId},
    ledger::Entry,
    refusal::{Refusal, Warning},
    time::Timestamp,
};

use super::{
    Answer, Enter, EntryPurpose, Execute, ExecuteError, Job, NewEntry, Receipt, Release, Tip,
};
use crate::{
    engine::Shared,
    projection, rescan, sealed,
    start::{SNAPSHOT_PARTS_MAX, part_name, snapshot_parts},
    storage::{Batch, Item, ItemChange, LedgerLeaf, Shelf, Tree},
    system::Signable,
};

/// What the writer remembers between batches, and may lose.
#[derive(Default)]
pub(crate) struct Memory {
    /// Uses consumed of the blocks that this process was granted: key → (used, granted).
    uses: HashMap<KeyId, (u64, u64)>,
    /// Refusals: when the last one was logged, and how many came since.
    refusals: HashMap<(&'static str, &'static str, Option<KeyId>), (Timestamp, u64)>,
}

impl Memory {
    /// After a batch that was not written: what was granted in it was not.
    pub(crate) fn forget_uses(&mut self) {
        self.uses.clear();
    }
}

/// How many uses of a key with `max_usage` are granted at once.
const USES_BLOCK: NonZeroU64 = NonZeroU64::new(64).unwrap();
/// Most kinds of refusal remembered between two entries of the log.
const REFUSAL_KINDS_MAX: usize = 10_000;
/// Refusals of one kind become at most one event in this time.
const REFUSAL_SECONDS: i64 = 60;
/// A snapshot is taken after so many leaves.
const SNAPSHOT_LEAVES: u64 = 50_000;

/// A batch in the making.
pub(crate) struct Draft<'w> {
    shared: &'w Shared,
    memory: &'w mut Memory,
    now: Timestamp,
    tip: Tip,
    batch: Batch,
    bound_ledger: u64,
    control: bool,
    revoked: bool,
    checkpoint: Need,
}

/// Whether a batch goes with a checkpoint.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
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
    pub(crate) checkpoint: Option<NewCheckpoint>,
    pub(crate) revoked: bool,
}

/// The checkpoint of a batch, and whether the pins must have it at once.
pub(crate) struct NewCheckpoint {
    pub(crate) note: String,
    pub(crate) control: bool,
}

impl<'w> Draft<'w> {
    pub(crate) fn new(shared: &'w Shared, tip: &Tip, memory: &'w mut Memory) -> Self {
        let now = tip.state.now(shared.clock.now().cut_to_micros());
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
            bound_ledger,
            control: false,
            revoked: false,
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
            Job::Repin { reply } => {
                self.checkpoint = self.checkpoint.max(Need::Wanted);
                self.control = true;
                Some(Box::new(move |fate| drop(reply.send(fate))))
            }
            Job::Stop => None,
        }
    }

    fn execute(&mut self, execute: Execute) -> Answer {
        let Execute { actor, commands, items, reply } = execute;
        let answer = match self.decide_all(&actor, &commands) {
            Ok(receipt) => {
                if !receipt.events.is_empty() {
                    self.batch.items.extend(items);
                }
                Ok(receipt)
            }
            Err((command, refusal)) => {
                self.note_refusal(&actor, command, &refusal);
                Err(ExecuteError::Refused(refusal))
            }
        };
        Box::new(move |fate| drop(reply.send(fate.and(answer))))
    }

    /// All commands or none: they are decided on a copy that is kept only if none is refused.
    fn decide_all(
        &mut self,
        actor: &ActorId,
        commands: &[Command],
    ) -> Result<Receipt, (&'static str, Refusal)> {
        let mut trial = self.tip.state.clone();
        let mut decided = Decision::default();
        for command in commands {
            let Decision { facts, warnings } =
                decide(&trial, command, self.now).map_err(|refusal| (command.name(), refusal))?;
            for fact in &facts {
                trial.apply(&self.event(trial.size(), actor, fact.clone()));
            }
            decided.facts.extend(facts);
            decided.warnings.extend(warnings);
        }
        if !decided.facts.is_empty() {
            self.bind_ledger(actor);
        }
        let Decision { facts, warnings } = decided;
        Ok(self.log_all(actor, facts, warnings))
    }

    fn log_all(&mut self, actor: &ActorId, facts: Vec<Fact>, warnings: Vec<Warning>) -> Receipt {
        let events =
            facts.into_iter().filter_map(|fact| self.log(actor, fact.clone()).map(|id| (id, fact)));
        let events = events.collect();
        Receipt { events, warnings, position: self.tip.log.size(), time: self.now }
    }

    /// Entries made before a change are bound into the log before it.
    fn bind_ledger(&mut self, actor: &ActorId) {
        let (size, root) = (self.tip.ledger.size(), self.tip.ledger.root());
        // Without the root key no entry was made since the checkpoint that binds the last one.
        if size > self.bound_ledger && self.shared.is_unsealed() {
            self.bound_ledger = size;
            let _: Option<EventId> = self.log(actor, Fact::LedgerHead { size, root });
        }
    }

    fn event(&self, seq: u64, actor: &ActorId, fact: Fact) -> Event {
        Event { v: VERSION, seq, time: self.now, actor: actor.clone(), fact }
    }

    fn log(&mut self, actor: &ActorId, fact: Fact) -> Option<EventId> {
        let event = self.event(self.tip.log.size(), actor, fact);
        let leaf = event.to_leaf().ok()?;
        let hash = leaf_hash(&leaf);
        grow(&mut self.tip.log, Tree::Log, hash, &mut self.batch);
        if !sealed::may_log(&self.tip.state, &event.fact) {
            self.checkpoint = Need::Required;
        }
        self.tip.state.apply(&event);
        self.batch.rows.extend(projection::rows(&self.tip.state, &event, &leaf));
        if let Fact::KeyRevoked { key_id, anchor_id, .. } = &event.fact {
            self.revoked = true;
            self.batch.items.extend(rescan::queue(&self.tip.state, key_id, *anchor_id, &event));
        }
        self.batch.log.push(leaf);
        self.control = true;
        Some(EventId::of_leaf(&hash))
    }

    fn enter(&mut self, enter: Enter) -> Option<Answer> {
        let Enter { entries, items, release } = enter;
        let reply = match release {
            Release::Leased => {
                self.enter_all(&entries, items);
                return None;
            }
            Release::Durable(reply) => reply,
        };
        let refused = entries.iter().find_map(|entry| self.judge(entry).err());
        let answer = match refused {
            Some(refusal) => {
                let actor = entries.first().map(|entry| entry.actor.clone());
                if let Some(actor) = actor {
                    self.note_refusal(&actor, "sign", &refusal);
                }
                Err(ExecuteError::Refused(refusal))
            }
            None => {
                self.enter_all(&entries, items);
                Ok(())
            }
        };
        Some(Box::new(move |fate| drop(reply.send(fate.and(answer)))))
    }

    /// Whether the key may sign on the very state that the entry joins: so no signature is
    /// released after a revocation committed.
    fn judge(&mut self, entry: &NewEntry) -> Result<(), Refusal> {
        let state = &self.tip.state;
        let no_key = || Refusal::NoSuchKey(entry.key_id.clone());
        let key = state.key(&entry.key_id).ok_or_else(no_key)?;
        if entry.purpose == EntryPurpose::Succession {
            return Ok(());
        }
        may_sign(state, key, 0, self.now)?;
        if key.record.max_usage.is_none() {
            return Ok(());
        }
        let granted = key.usage_granted;
        // What another process was granted is burnt: this one starts with an empty block.
        let (used, _) = *self.memory.uses.entry(entry.key_id.clone()).or_insert((granted, granted));
        if used >= granted {
            let (key_id, uses) = (entry.key_id.clone(), USES_BLOCK);
            let Decision { facts, .. } =
                decide(state, &Command::GrantUsage { key_id, uses }, self.now)?;
            let actor = entry.actor.clone();
            let _: Receipt = self.log_all(&actor, facts, Vec::new());
        }
        let granted = self.tip.state.key(&entry.key_id).map_or(0, |key| key.usage_granted);
        let used = used.saturating_add(1);
        self.memory.uses.insert(entry.key_id.clone(), (used, granted));
        Ok(())
    }

    fn enter_all(&mut self, entries: &[NewEntry], items: Vec<ItemChange>) {
        for new in entries {
            let Some(key) = self.tip.state.key(&new.key_id) else { continue };
            let entry = Entry {
                v: 1,
                seq: self.tip.ledger.size(),
                time: self.now,
                actor: new.actor.clone(),
                fingerprint: key.record.fingerprint,
                pae: new.pae,
                signature: new.signature,
                subject: new.subject,
                predicate_type: new.predicate_type.clone(),
                proof: new.proof,
            };
            let Ok(bytes) = entry.to_leaf() else { continue };
            grow(&mut self.tip.ledger, Tree::Ledger, leaf_hash(&bytes), &mut self.batch);
            let Entry { fingerprint, pae, signature, .. } = entry;
            self.checkpoint = Need::Required;
            self.batch.ledger.push(LedgerLeaf { bytes, fingerprint, pae, signature });
        }
        self.batch.items.extend(items);
    }

    /// The first of its kind is logged at once; a flood becomes one event a minute.
    fn note_refusal(&mut self, actor: &ActorId, command: &'static str, refusal: &Refusal) {
        let key_id = refusal.key_id().cloned();
        let kind = (command, refusal.code(), key_id);
        let known = self.memory.refusals.get(&kind).copied();
        let count = match known {
            Some((last, count)) if self.now < last.plus_seconds(REFUSAL_SECONDS) => {
                self.memory.refusals.insert(kind, (last, count.saturating_add(1)));
                return;
            }
            Some((_, count)) => count.saturating_add(1),
            None => 1,
        };
        if self.memory.refusals.len() >= REFUSAL_KINDS_MAX {
            self.memory.refusals.clear();
        }
        self.log_refusal(actor, &kind, count);
        self.memory.refusals.insert(kind, (self.now, 0));
    }

    fn log_refusal(
        &mut self,
        actor: &ActorId,
        (command, refusal, key_id): &(&'static str, &'static str, Option<KeyId>),
        count: u64,
    ) {
        let (command, refusal) = ((*command).into(), (*refusal).into());
        let key_id = key_id.clone();
        let fact = Fact::CommandRefused { command, refusal, key_id, count };
        let _: Option<EventId> = self.log(actor, fact);
    }

    /// A clean stop: counts that wait are logged, and buffered signing is closed.
    pub(crate) fn close(&mut self) {
        let actor = self.shared.system_actor.clone();
        for (kind, (_, count)) in std::mem::take(&mut self.memory.refusals) {
            if count > 0 {
                self.log_refusal(&actor, &kind, count);
            }
        }
        let size = self.tip.ledger.size();
        let command = Command::NoteLedger(LedgerNote::Close { size });
        if let Ok(Decision { facts, .. }) = decide(&self.tip.state, &command, self.now) {
            let _: Receipt = self.log_all(&actor, facts, Vec::new());
        }
    }

    fn snapshot(&mut self) -> Result<(u64, Digest), ExecuteError> {
        if !self.shared.is_unsealed() {
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
        Ok((self.tip.log.size(), digest))
    }

    /// The transaction, with the checkpoint over what it makes; `None` if there is none.
    ///
    /// What only an unsealed store may write goes with a checkpoint or not at all: the store
    /// may have been sealed since it was asked for.
    pub(crate) fn finish(mut self) -> Result<Option<Finished>, ExecuteError> {
        let last = self.tip.snapshot.map_or(0, |(size, _)| size);
        if self.control && self.tip.log.size().saturating_sub(last) >= SNAPSHOT_LEAVES {
            // A snapshot is a convenience: without one the next start replays more.
            drop(self.snapshot());
        }
        let Batch { log, ledger, nodes: _, items, rows: _ } = &self.batch;
        let grows = !log.is_empty() || !ledger.is_empty() || self.control;
        if !grows && items.is_empty() && self.checkpoint == Need::Optional {
            return Ok(None);
        }
        let heads = Signable {
            log: head(&self.tip.log),
            ledger: head(&self.tip.ledger),
            snapshot: self.tip.snapshot,
        };
        let due = grows || (self.checkpoint != Need::Optional && heads.log.size > 0);
        let note = if due { self.shared.sign_checkpoint(&heads, self.now) } else { None };
        if note.is_none() && self.checkpoint == Need::Required {
            return Err(ExecuteError::Sealed);
        }
        let checkpoint = note.map(|note| {
            let name = u64::try_from(self.now.seconds()).unwrap_or(0).to_be_bytes().to_vec();
            let item = Item { name, bytes: note.clone().into_bytes() };
            self.batch.items.push(ItemChange::Put(Shelf::Checkpoint, item));
            NewCheckpoint { note, control: self.control }
        });
        let Self { batch, tip, revoked, .. } = self;
        Ok(Some(Finished { batch, tip, checkpoint, revoked }))
    }
}

fn head(frontier: &Frontier) -> TreeHead {
    TreeHead { size: frontier.size(), root: frontier.root() }
}

fn grow(frontier: &mut Frontier, tree: Tree, hash: Digest, batch: &mut Batch) {
    let completed = &mut |at, node| batch.nodes.push((tree, at, node));
    // A tree of 2^64 leaves does not come to be.
    let _: Result<(), TreeFull> = frontier.append(hash, completed);
}
