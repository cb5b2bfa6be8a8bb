//! Refusals in the log: one by one while they are few, counted when they come in floods.

use std::sync::Arc;

use keyward_lifecycle::{
    event::Fact,
    id::{ActorId, EventId},
    refusal::Refusal,
};

use super::{batch::Draft, memory::Kind};

/// Refusals of one kind become at most one event in this time.
const REFUSAL_SECONDS: i64 = 60;

impl Draft<'_> {
    pub(super) fn note_refusal(&mut self, actor: &ActorId, command: &str, refusal: &Refusal) {
        let kind: Kind = (command.into(), refusal.code().into(), refusal.key_id().cloned());
        let _: Vec<(EventId, Fact)> = self.note_refusals(actor, kind, 1);
    }

    /// The first of its kind is logged at once; a flood becomes one event a minute. A name that
    /// no key has makes no kind of its own: whoever asks chooses it.
    pub(super) fn note_refusals(
        &mut self,
        actor: &ActorId,
        (command, refusal, key_id): Kind,
        more: u64,
    ) -> Vec<(EventId, Fact)> {
        let known_key = key_id.filter(|id| self.tip.state.key(id).is_some());
        let kind: Kind = (command, refusal, known_key);
        let count = match self.memory.refusals(&kind) {
            Some((last, count)) if self.now < last.plus_seconds(REFUSAL_SECONDS) => {
                self.memory.set_refusals(kind, (last, count.saturating_add(more)));
                return Vec::new();
            }
            Some((_, count)) => count.saturating_add(more),
            None => more,
        };
        let logged = self.log_refusal(actor, &kind, count);
        self.memory.set_refusals(kind, (self.now, 0));
        logged.into_iter().collect()
    }

    pub(super) fn log_refusal(
        &mut self,
        actor: &ActorId,
        (command, refusal, key_id): &Kind,
        count: u64,
    ) -> Option<(EventId, Fact)> {
        let (command, refusal): (Arc<str>, Arc<str>) = (command.clone(), refusal.clone());
        let key_id = key_id.clone();
        let fact = Fact::CommandRefused { command, refusal, key_id, count };
        self.log(actor, fact.clone()).map(|id| (id, fact))
    }
}
