//! Folding one event. It cannot fail: what the log says has happened.
//!
//! Facts about things that the fold does not know are passed over; the rules never let them
//! into the log, and `audit verify` compares the fold of the log with everything made from it.

use alloc::{boxed::Box, sync::Arc, vec, vec::Vec};

use imbl::OrdMap;

use super::{ActorFold, State, Store, index, short, short_name};
use crate::{
    access::Token,
    anchor::{Anchor, AnchorRecord},
    audit::checkpoint::TreeHead,
    event::{Event, Fact},
    id::{AnchorId, Fingerprint, KeyId},
    key::{
        Additions, Course, Ended, Key, KeyRecord, KeyTerms, Move, Reason, Revocation, Status,
        Succession,
    },
    time::Timestamp,
};

impl State {
    /// Folds the next event.
    pub fn apply(&mut self, event: &Event) {
        let Event { v: _, seq, time, actor: _, fact } = event;
        self.size = seq.saturating_add(1);
        self.last_time = Some(self.now(*time));
        self.apply_fact(fact, *time);
    }

    fn apply_fact(&mut self, fact: &Fact, time: Timestamp) {
        match fact {
            Fact::StoreCreated { root_id, authority, log_key } => {
                let (root_id, authority) = (*root_id, *authority);
                let (log_key, created_at) = (log_key.clone(), time);
                let store = Store { root_id, authority, authority_version: 1, log_key, created_at };
                self.store = Some(Arc::new(store));
            }
            Fact::AuthorityReplaced { version, digest } => {
                if let Some(store) = &mut self.store {
                    let store = Arc::make_mut(store);
                    (store.authority, store.authority_version) = (*digest, *version);
                }
            }
            Fact::ActorRegistered { actor_id, commitment } => {
                let actor = ActorFold { commitment: *commitment, forgotten: false };
                self.actors.insert(actor_id.clone(), actor);
            }
            Fact::ActorForgotten { actor_id } => {
                if let Some(actor) = self.actors.get_mut(actor_id) {
                    actor.forgotten = true;
                }
            }
            Fact::ProfileDefined { profile } => {
                self.profiles.insert(profile.name.clone(), Arc::new(profile.clone()));
            }
            Fact::AnchorCreated { anchor, imported: _ } => self.apply_anchor(anchor, time),
            Fact::AnchorDeactivated { anchor_id } => self.apply_deactivation(*anchor_id, time),
            Fact::KeyAdded { anchor_id, key_id } => self.apply_membership(*anchor_id, key_id, time),
            Fact::TokenCreated { token } => self.apply_token(token),
            Fact::TokenRevoked { token_id } => {
                if let Some(token) = self.tokens.remove(token_id) {
                    self.token_by_digest.remove(&token.digest);
                }
            }
            Fact::CommandRefused { count, .. } => {
                self.counts.refusals = self.counts.refusals.saturating_add(*count);
            }
            Fact::LedgerHead { size, root } => {
                self.ledger.head = Some(TreeHead { size: *size, root: *root });
            }
            Fact::LedgerOpened { size: _ } => self.ledger.open_since = Some(time),
            Fact::LedgerClosed { size: _ } => self.ledger.open_since = None,
            Fact::LedgerGap { from, to } => {
                self.ledger.open_since = None;
                self.ledger.gaps.push_back((*from, *to));
            }
            Fact::ProofResigned { .. }
            | Fact::IncidentReported { .. }
            | Fact::RollbackAccepted { .. } => {}
            Fact::Root(fact) => self.apply_root_fact(fact, time),
            Fact::Secret(fact) => self.apply_secret_fact(fact, time),
            Fact::KeyGenerated { .. }
            | Fact::KeyImported { .. }
            | Fact::KeyPromoted { .. }
            | Fact::KeyRetired { .. }
            | Fact::RotationBegun { .. }
            | Fact::KeySucceeded { .. }
            | Fact::RotationCompleted { .. }
            | Fact::RotationAborted { .. }
            | Fact::KeyRevoked { .. }
            | Fact::KeyDestroyed { .. }
            | Fact::KeyUsageGranted { .. } => self.apply_key_fact(fact, time),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller sends facts about keys alone")]
    fn apply_key_fact(&mut self, fact: &Fact, time: Timestamp) {
        match fact {
            Fact::KeyGenerated { key, active } | Fact::KeyImported { key, active } => {
                self.apply_new_key(key, *active, time);
            }
            Fact::KeyPromoted { key_id } => {
                self.step(key_id, Move::Promote);
                self.change(key_id, |key| key.promoted_at = Some(time));
                self.seat(key_id);
            }
            Fact::KeyRetired { key_id, not_after } => {
                self.unseat(key_id);
                self.change(key_id, |key| key.standing = Status::Deprecated);
                self.change_course(key_id, |course| course.not_after = Some(*not_after));
            }
            Fact::RotationBegun { key_id, successor } => {
                self.step(key_id, Move::BeginRotation);
                self.count_rotation(key_id, successor);
                let succession =
                    Succession { successor: successor.clone(), statement: None, attested_at: None };
                self.change_course(key_id, |course| course.succession = Some(Box::new(succession)));
            }
            Fact::KeySucceeded { key_id, successor, statement } => {
                let succession = Succession {
                    successor: successor.clone(),
                    statement: Some(*statement),
                    attested_at: Some(time),
                };
                self.change_course(key_id, |course| course.succession = Some(Box::new(succession)));
                self.join_lineages(key_id, successor);
            }
            Fact::RotationCompleted { .. } => {
                self.counts.rotations = self.counts.rotations.saturating_add(1);
            }
            Fact::RotationAborted { key_id, successor } => {
                self.step(key_id, Move::AbortRotation);
                self.change_course(key_id, |course| course.succession = None);
                self.set_aside(successor, time);
            }
            Fact::KeyRevoked {
                key_id,
                anchor_id,
                reason,
                effective_at,
                invalidity_date,
                scope,
            } => {
                let revocation = Revocation {
                    reason: *reason,
                    effective_at: *effective_at,
                    invalidity_date: *invalidity_date,
                    scope: *scope,
                };
                match anchor_id {
                    Some(anchor) => self.apply_end(*anchor, key_id, *reason, *effective_at),
                    None => self.apply_revocation(key_id, revocation),
                }
            }
            Fact::KeyDestroyed { key_id } => {
                self.change_course(key_id, |course| course.destroyed_at = Some(time));
            }
            Fact::KeyUsageGranted { key_id, granted } => {
                self.change_course(key_id, |course| course.usage_granted = *granted);
            }
            _ => {}
        }
    }

    fn apply_new_key(&mut self, record: &KeyRecord, active: bool, time: Timestamp) {
        let Ok(number) = u32::try_from(self.keys.len()) else { return };
        let parent = record.parent().and_then(|parent| self.key(parent));
        let lineage = parent.map_or(number, |parent| parent.lineage);
        let public_key = record.public_key.logged_at(self.size.saturating_sub(1));
        let terms = self.shared(&record.terms);
        let key = Key {
            additions: Additions::default(),
            course: None,
            record: KeyRecord { terms, public_key, ..record.clone() },
            created_at: time,
            promoted_at: active.then_some(time),
            lineage,
            standing: if active { Status::Active } else { Status::Staged },
        };
        self.key_by_id.insert(short_name(&record.key_id), number);
        self.key_by_fingerprint.insert(short(record.fingerprint.digest()), number);
        for half in halves(record) {
            self.halves.insert(short(half.digest()), number);
        }
        self.keys.push_back(Arc::new(key));
        if active {
            self.seat(&record.key_id);
        }
    }

    /// The terms that are there already, where equal ones are: few differ among many keys.
    pub(super) fn shared(&mut self, terms: &Arc<KeyTerms>) -> Arc<KeyTerms> {
        if let Some(known) = self.terms.get(terms) {
            return known.clone();
        }
        self.terms.insert(terms.clone());
        terms.clone()
    }

    /// A version counts the rotations before it (LC-010), also for a successor that was made
    /// without its parent being named.
    fn count_rotation(&mut self, key_id: &KeyId, successor: &KeyId) {
        let Some(version) = self.key(key_id).map(|key| key.record.version) else { return };
        self.change(successor, |key| key.record.version = version.saturating_add(1));
    }

    /// Two keys that signed one succession statement are one signer (design: thresholds). A
    /// successor that was made with its parent named is of the lineage already.
    fn join_lineages(&mut self, key_id: &KeyId, successor: &KeyId) {
        let lineage = |id: &KeyId| self.key(id).map(|key| key.lineage);
        let (Some(kept), Some(joined)) = (lineage(key_id), lineage(successor)) else { return };
        if kept == joined {
            return;
        }
        for number in 0..self.keys.len() {
            if self.keys.get(number).is_some_and(|key| key.lineage == joined)
                && let Some(key) = self.keys.get_mut(number)
            {
                Arc::make_mut(key).lineage = kept;
            }
        }
    }

    /// The successor of a rotation that was called off; one that signs by now signs on.
    fn set_aside(&mut self, key_id: &KeyId, time: Timestamp) {
        if self.key(key_id).is_some_and(|key| key.standing == Status::Staged) {
            self.change(key_id, |key| key.standing = Status::Deprecated);
            self.change_course(key_id, |course| course.not_after = Some(time));
        }
    }

    fn apply_revocation(&mut self, key_id: &KeyId, revocation: Revocation) {
        if self.key(key_id).is_some_and(|key| key.revocation().is_none()) {
            self.counts.keys_revoked = self.counts.keys_revoked.saturating_add(1);
        }
        self.change_course(key_id, |course| course.revocation = Some(revocation));
    }

    fn apply_anchor(&mut self, record: &AnchorRecord, time: Timestamp) {
        let Ok(number) = u32::try_from(self.anchors.len()) else { return };
        self.anchor_by_id.insert(record.anchor_id, number);
        self.patterns.insert(&record.pattern, number);
        let record = record.clone();
        let anchor = Anchor { record, created_at: time, deactivated_at: None, keys: vec![] };
        self.anchors.push_back(Arc::new(anchor));
    }

    fn apply_deactivation(&mut self, anchor_id: AnchorId, time: Timestamp) {
        let Some(number) = self.anchor_number(&anchor_id) else { return };
        if let Some(anchor) = self.anchors.get_mut(index(number)) {
            self.patterns.remove(&anchor.record.pattern);
            Arc::make_mut(anchor).deactivated_at = Some(time);
        }
    }

    fn apply_membership(&mut self, anchor_id: AnchorId, key_id: &KeyId, time: Timestamp) {
        let (Some(anchor), Some(key)) = (self.anchor_number(&anchor_id), self.key_number(key_id))
        else {
            return;
        };
        if let Some(anchor) = self.anchors.get_mut(index(anchor)) {
            push_tightly(&mut Arc::make_mut(anchor).keys, key);
        }
        self.change(key_id, |key| key.additions.insert(anchor, time));
    }

    fn apply_end(&mut self, anchor_id: AnchorId, key_id: &KeyId, reason: Reason, at: Timestamp) {
        let Some(anchor) = self.anchor_number(&anchor_id) else { return };
        if self.key(key_id).is_some_and(|key| key.membership(anchor).is_some()) {
            self.change_course(key_id, |course| course.end(Ended { anchor, reason, at }));
        }
    }

    fn apply_token(&mut self, token: &Token) {
        self.token_by_digest.insert(token.digest, token.token_id.clone());
        self.tokens.insert(token.token_id.clone(), Arc::new(token.clone()));
    }

    fn step(&mut self, key_id: &KeyId, step: Move) {
        self.change(key_id, |key| {
            if let Some(next) = key.standing.after(step) {
                key.standing = next;
            }
        });
    }

    fn change(&mut self, key_id: &KeyId, change: impl FnOnce(&mut Key)) {
        if let Some(number) = self.key_number(key_id)
            && let Some(key) = self.keys.get_mut(index(number))
        {
            change(Arc::make_mut(key));
        }
    }

    fn change_course(&mut self, key_id: &KeyId, change: impl FnOnce(&mut Course)) {
        self.change(key_id, |key| {
            let mut course = key.course.take().unwrap_or_default();
            change(&mut course);
            // A course of nothing takes no room, however it came about.
            key.course = Some(course).filter(|course| **course != Course::default());
        });
    }

    fn seat(&mut self, key_id: &KeyId) {
        if let Some(number) = self.key_number(key_id)
            && let Some(key) = self.key_at(number)
        {
            let seat = (key.record.profile.clone(), key.record.purpose.clone());
            self.signers.insert(seat, number);
        }
    }

    fn unseat(&mut self, key_id: &KeyId) {
        let Some(number) = self.key_number(key_id) else { return };
        let Some(key) = self.key_at(number) else { return };
        let seat = (key.record.profile.clone(), key.record.purpose.clone());
        let signers: &mut OrdMap<_, u32> = &mut self.signers;
        if signers.get(&seat) == Some(&number) {
            signers.remove(&seat);
        }
    }
}

/// Millions of numbers are held in lists of some hundred: grown by an eighth.
fn push_tightly(numbers: &mut Vec<u32>, number: u32) {
    if numbers.len() == numbers.capacity() {
        numbers.reserve_exact((numbers.len() >> 3).saturating_add(1));
    }
    numbers.push(number);
}

/// The fingerprints of a composite key's halves, which are not registered alone.
fn halves(record: &KeyRecord) -> Vec<Fingerprint> {
    let public_key = record.public_key.bytes().unwrap_or_default();
    crate::algorithm::halves(record.algorithm, public_key)
        .into_iter()
        .map(|spki| Fingerprint::of_spki(&spki))
        .collect()
}
