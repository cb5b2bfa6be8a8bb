//! What a sealed store may still do: end things, never begin them.
//!
//! Without the root key there is no log key, so these events have no checkpoint until the next
//! unsealing. A start therefore accepts leaves beyond the newest checkpoint only if a sealed
//! store could have logged them: whoever can write the database can take trust away, and not
//! give any.

use keyward_lifecycle::{
    command::{Command, LedgerNote},
    event::Fact,
    state::State,
};

/// Whether a sealed store decides about `command`.
pub(crate) const fn may_do(command: &Command) -> bool {
    matches!(
        command,
        Command::Revoke(_)
            | Command::RegisterActor { .. }
            | Command::NoteRefusals { .. }
            | Command::RevokeToken { .. }
            | Command::NoteLedger(LedgerNote::Close { .. } | LedgerNote::Gap { .. })
    )
}

/// Whether `fact` can stand beyond the newest checkpoint, after what `state` has folded.
pub(crate) fn may_log(state: &State, fact: &Fact) -> bool {
    match fact {
        Fact::KeyRevoked { .. }
        | Fact::ActorRegistered { .. }
        | Fact::CommandRefused { .. }
        | Fact::TokenRevoked { .. } => true,
        Fact::LedgerClosed { .. } | Fact::LedgerGap { .. } => state.ledger().open_since.is_some(),
        Fact::StoreCreated { .. }
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
        | Fact::RollbackAccepted { .. } => false,
    }
}
