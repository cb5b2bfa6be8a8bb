//! What a fact is about, for the audit view.

use super::Fact;
use crate::id::{AnchorId, KeyId};

impl Fact {
    /// The key it is about, for the audit view.
    #[must_use]
    pub const fn key_id(&self) -> Option<&KeyId> {
        match self {
            Self::KeyGenerated { key, .. } | Self::KeyImported { key, .. } => Some(&key.key_id),
            Self::KeyPromoted { key_id }
            | Self::KeyRetired { key_id, .. }
            | Self::RotationBegun { key_id, .. }
            | Self::KeySucceeded { key_id, .. }
            | Self::RotationCompleted { key_id, .. }
            | Self::RotationAborted { key_id, .. }
            | Self::KeyRevoked { key_id, .. }
            | Self::KeyDestroyed { key_id }
            | Self::KeyUsageGranted { key_id, .. }
            | Self::KeyAdded { key_id, .. }
            | Self::ProofResigned { key_id, .. }
            | Self::IncidentReported { key_id, .. } => Some(key_id),
            Self::CommandRefused { key_id, .. } => key_id.as_ref(),
            Self::StoreCreated { .. }
            | Self::AuthorityReplaced { .. }
            | Self::ActorRegistered { .. }
            | Self::ActorForgotten { .. }
            | Self::ProfileDefined { .. }
            | Self::AnchorCreated { .. }
            | Self::AnchorDeactivated { .. }
            | Self::LedgerHead { .. }
            | Self::LedgerOpened { .. }
            | Self::LedgerClosed { .. }
            | Self::LedgerGap { .. }
            | Self::TokenCreated { .. }
            | Self::TokenRevoked { .. }
            | Self::Root(_)
            | Self::Secret(_)
            | Self::RollbackAccepted { .. } => None,
        }
    }

    /// The anchor it is about, for the audit view.
    #[must_use]
    pub const fn anchor_id(&self) -> Option<AnchorId> {
        match self {
            Self::AnchorCreated { anchor, .. } => Some(anchor.anchor_id),
            Self::AnchorDeactivated { anchor_id } | Self::KeyAdded { anchor_id, .. } => {
                Some(*anchor_id)
            }
            Self::KeyRevoked { anchor_id, .. } => *anchor_id,
            Self::StoreCreated { .. }
            | Self::AuthorityReplaced { .. }
            | Self::ActorRegistered { .. }
            | Self::ActorForgotten { .. }
            | Self::ProfileDefined { .. }
            | Self::KeyGenerated { .. }
            | Self::KeyImported { .. }
            | Self::KeyPromoted { .. }
            | Self::KeyRetired { .. }
            | Self::RotationBegun { .. }
            | Self::KeySucceeded { .. }
            | Self::RotationCompleted { .. }
            | Self::RotationAborted { .. }
            | Self::KeyDestroyed { .. }
            | Self::KeyUsageGranted { .. }
            | Self::LedgerHead { .. }
            | Self::LedgerOpened { .. }
            | Self::LedgerClosed { .. }
            | Self::LedgerGap { .. }
            | Self::TokenCreated { .. }
            | Self::TokenRevoked { .. }
            | Self::CommandRefused { .. }
            | Self::ProofResigned { .. }
            | Self::IncidentReported { .. }
            | Self::Root(_)
            | Self::Secret(_)
            | Self::RollbackAccepted { .. } => None,
        }
    }
}
