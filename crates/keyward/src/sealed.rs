//! What a sealed store may still do: end things, never begin them.
//!
//! Without the root key there is no log key, so these events have no checkpoint until the next
//! unsealing. A start therefore accepts leaves beyond the newest checkpoint only if a sealed
//! store could have logged them: whoever can write the database can take trust away, and not
//! give any.

use keyward_lifecycle::{
    command::{
        Command, Effective, Force, LedgerNote, Revoke, RevokedAt, RootCommand, SecretCommand,
    },
    decide::decide,
    event::{Event, Fact, RootFact, SecretFact},
    key::Key,
    state::State,
};

use crate::{engine::Shared, writer::ExecuteError};

impl Shared {
    /// A sealed store ends things and begins none. A quarantined one neither, but that its
    /// rollback may be accepted.
    pub(crate) fn check_may_do(&self, commands: &[Command]) -> Result<(), ExecuteError> {
        let accepts = |command: &Command| matches!(command, Command::AcceptRollback { .. });
        if self.quarantined().is_some()
            && !commands.iter().all(|command| may_do(command) || accepts(command))
        {
            return Err(ExecuteError::Quarantined);
        }
        if !self.is_unsealed() && !commands.iter().all(may_do) {
            return Err(ExecuteError::Sealed);
        }
        Ok(())
    }
}

/// Whether a sealed store decides about `command`.
pub(crate) const fn may_do(command: &Command) -> bool {
    matches!(
        command,
        Command::Revoke(_)
            | Command::RegisterActor { .. }
            | Command::NoteRefusals { .. }
            | Command::RevokeToken { .. }
            | Command::Root(RootCommand::NoteAccessRefused { .. })
            | Command::Secret(SecretCommand::NoteReads(_))
            | Command::NoteLedger(LedgerNote::Close { .. } | LedgerNote::Gap { .. })
    )
}

/// Whether `event` can stand beyond the newest checkpoint, after what `state` has folded.
pub(crate) fn may_log(state: &State, event: &Event) -> bool {
    match &event.fact {
        Fact::KeyRevoked { .. } => only_narrows(state, event),
        Fact::ActorRegistered { actor_id, .. } => state.actor(actor_id).is_none(),
        Fact::CommandRefused { .. }
        | Fact::TokenRevoked { .. }
        | Fact::Root(RootFact::AccessRefused { .. })
        | Fact::Secret(SecretFact::Read { .. }) => true,
        Fact::LedgerClosed { .. } | Fact::LedgerGap { .. } => state.ledger().open_since.is_some(),
        Fact::StoreCreated { .. }
        | Fact::AuthorityReplaced { .. }
        | Fact::ActorForgotten { .. }
        | Fact::ProfileDefined { .. }
        | Fact::KeyGenerated { .. }
        | Fact::KeyImported { .. }
        | Fact::KeyPromoted { .. }
        | Fact::KeyRetired { .. }
        | Fact::RotationBegun { .. }
        | Fact::KeySucceeded { .. }
        | Fact::RotationCompleted { .. }
        | Fact::RotationAborted { .. }
        | Fact::KeyDestroyed { .. }
        | Fact::KeyUsageGranted { .. }
        | Fact::AnchorCreated { .. }
        | Fact::AnchorDeactivated { .. }
        | Fact::KeyAdded { .. }
        | Fact::LedgerOpened { .. }
        | Fact::LedgerHead { .. }
        | Fact::TokenCreated { .. }
        | Fact::ProofResigned { .. }
        | Fact::IncidentReported { .. }
        | Fact::RollbackAccepted { .. }
        | Fact::Root(_)
        | Fact::Secret(_) => false,
    }
}

/// Whether the rules lead to this very revocation: one that they refuse could end a key later,
/// or for a lesser reason, than it has ended already.
fn only_narrows(state: &State, event: &Event) -> bool {
    let Fact::KeyRevoked { key_id, anchor_id, reason, effective_at, invalidity_date, scope } =
        &event.fact
    else {
        return false;
    };
    // Where nobody knows since when, nothing is believed: a date lets what was before it pass.
    let recorded = state.key(key_id).and_then(Key::revocation);
    let was_unknown =
        recorded.is_some_and(|it| it.reason.is_compromise() && it.invalidity_date.is_none());
    if was_unknown && invalidity_date.is_some() {
        return false;
    }
    let revoke = Command::Revoke(Revoke {
        key_id: key_id.clone(),
        at: anchor_id.map_or(RevokedAt::Key, RevokedAt::Anchor),
        reason: *reason,
        effective: Effective::At(*effective_at),
        compromised_since: *invalidity_date,
        scope: *scope,
        force: Force::Yes,
    });
    decide(state, &revoke, event.time).is_ok_and(|decision| decision.facts == [event.fact.clone()])
}
