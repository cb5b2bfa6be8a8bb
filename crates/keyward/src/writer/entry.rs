//! Signatures on their way into the ledger: judged once more, counted, entered.

use std::num::NonZeroU64;

use keyward_lifecycle::{
    audit::tree::leaf_hash,
    command::{Command, LedgerNote},
    decide::{Decision, decide, may_sign},
    event::Fact,
    id::EventId,
    key::{Key, Status},
    ledger::Entry,
    refusal::{Refusal, Unusable},
};

use super::{
    Answer, Enter, EntryPurpose, ExecuteError, NewEntry, Receipt, Release,
    batch::{Draft, Need, grow},
};
use crate::storage::{ItemChange, LedgerLeaf, Tree};

/// How many uses of a key with `max_usage` are granted at once.
const USES_BLOCK: NonZeroU64 = NonZeroU64::new(64).unwrap();

impl Draft<'_> {
    pub(super) fn enter(&mut self, enter: Enter) -> Option<Answer> {
        let Enter { entries, items, release } = enter;
        let reply = match release {
            Release::Leased => {
                self.enter_leased(Enter { entries, items, release: Release::Leased });
                return None;
            }
            Release::Durable(reply) => reply,
        };
        if self.signer.is_none() {
            let quarantined = self.shared.quarantined().is_some();
            let why = if quarantined { ExecuteError::Quarantined } else { ExecuteError::Sealed };
            return Some(Box::new(move |_| drop(reply.send(Err(why)))));
        }
        let refused = entries.iter().find_map(|entry| self.judge(entry).err());
        let answer = match refused {
            // Whoever asked may have another key sign instead, and logs what is refused for good.
            Some(refusal) => Err(ExecuteError::Refused(refusal)),
            None => {
                self.enter_all(&entries, items);
                Ok(())
            }
        };
        Some(Box::new(move |fate| drop(reply.send(fate.and(answer)))))
    }

    /// What is released already is entered whatever became of its key, as soon as a checkpoint
    /// can be signed over it.
    pub(crate) fn enter_leased(&mut self, enter: Enter) {
        if self.signer.is_some() {
            self.enter_all(&enter.entries, enter.items.clone());
        }
        self.leased.push(enter);
    }

    /// Whether the key may sign on the very state that the entry joins: so no signature is
    /// released after a revocation committed.
    fn judge(&mut self, entry: &NewEntry) -> Result<(), Refusal> {
        let state = &self.tip.state;
        let no_key = || Refusal::NoSuchKey(entry.key_id.clone());
        let key = state.key(&entry.key_id).ok_or_else(no_key)?;
        if entry.purpose == EntryPurpose::Succession {
            return match key.status(self.now) {
                Status::Staged | Status::Active | Status::Rotating => Ok(()),
                status @ (Status::Deprecated | Status::Revoked | Status::Compromised) => {
                    let (key_id, why) = (entry.key_id.clone(), Unusable::Status(status));
                    Err(Refusal::Unusable { key_id, why })
                }
            };
        }
        may_sign(state, key, 0, self.now)?;
        if key.record.max_usage.is_none() {
            return Ok(());
        }
        let granted = key.usage_granted();
        // What another process was granted is burnt: this one starts with an empty block.
        let (used, _) = self.memory.uses(&entry.key_id).unwrap_or((granted, granted));
        if used >= granted {
            let (key_id, uses) = (entry.key_id.clone(), USES_BLOCK);
            let Decision { facts, .. } =
                decide(state, &Command::GrantUsage { key_id, uses }, self.now)?;
            let actor = entry.actor.clone();
            let _: Receipt = self.log_all(&actor, facts, Vec::new());
        }
        let granted = self.tip.state.key(&entry.key_id).map_or(0, Key::usage_granted);
        self.memory.set_uses(&entry.key_id, (used.saturating_add(1), granted));
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

    /// A clean stop: counts that wait are logged, uses that are left are given back, and
    /// buffered signing is closed. What a sealed store cannot sign for, the next start finds.
    pub(crate) fn close(&mut self) {
        let actor = self.shared.system_actor.clone();
        for (kind, count) in self.memory.unlogged() {
            let _: Option<(EventId, Fact)> = self.log_refusal(&actor, &kind, count);
        }
        if self.signer.is_some() {
            for (key_id, granted) in self.memory.unused() {
                let _: Option<EventId> =
                    self.log(&actor, Fact::KeyUsageGranted { key_id, granted });
            }
        }
        let Some(from) = self.tip.state.ledger().open_since else { return };
        if self.signer.is_none() && !self.leased.is_empty() {
            return;
        }
        let size = self.tip.ledger.size();
        let note = match self.memory.ledger_whole {
            true => LedgerNote::Close { size },
            false => LedgerNote::Gap { from },
        };
        if let Ok(Decision { facts, .. }) =
            decide(&self.tip.state, &Command::NoteLedger(note), self.now)
        {
            let _: Receipt = self.log_all(&actor, facts, Vec::new());
        }
    }
}
