//! What can be asked about the root key.

use alloc::{sync::Arc, vec::Vec};

use crate::root::{EpochNumber, HeaderMark, KeeperSeen, Outcome, RotationKind, UnsealedBy};

/// Something that was done with the root key, or is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the rules decide about every command")]
pub enum RootCommand {
    /// Change the slots: the header is the one that follows.
    ChangeSlots {
        /// How.
        change: SlotChange,
        /// The header after it.
        header: HeaderMark,
    },
    /// Begin a rotation.
    BeginRotation {
        /// Why.
        kind: RotationKind,
        /// Records that there are.
        records: u64,
        /// The new epoch's header.
        header: HeaderMark,
    },
    /// Log how far records were sealed anew.
    Reseal(Resealed),
    /// Let the rotation stand still.
    Pause {
        /// Why.
        why: Arc<str>,
    },
    /// Let it go on.
    Resume,
    /// Bring every record back to the old epoch.
    TurnBack,
    /// End a rotation that was turned back.
    FinishRollback {
        /// The old epoch's header.
        header: HeaderMark,
    },
    /// End a rotation: the old epoch is gone.
    Finalise {
        /// The header without the old epoch.
        header: HeaderMark,
        /// Whether records that do not open may be given up.
        loss: AcceptLoss,
    },
    /// Restore a header from a backup.
    Restore {
        /// The header that leads to the root key now.
        header: HeaderMark,
        /// The epoch that it still holds beside its own, as while a rotation is open.
        previous: Option<EpochNumber>,
    },
    /// Record a rotation that was refused or failed.
    NoteRefusedRotation {
        /// Which check said no, or what failed.
        check: Arc<str>,
    },
    /// Record an unsealing.
    NoteUnsealed {
        /// By what.
        by: UnsealedBy,
    },
    /// Record a sealing.
    NoteSealed,
    /// Record attempts that failed.
    NoteAccessRefused {
        /// With what.
        by: UnsealedBy,
        /// How many.
        count: u64,
    },
    /// Record a backup.
    NoteBackup {
        /// The header in it.
        header: HeaderMark,
    },
    /// Record that the bytes of a backup were handed out.
    NoteBackupHandedOut {
        /// The header in it.
        header: HeaderMark,
    },
    /// Record that a password is right.
    NotePasswordVerified {
        /// The slot that it opens.
        slot_id: Arc<str>,
    },
    /// Record that it was checked whether a rotation may begin.
    NoteRotationCheck {
        /// How it came out.
        outcome: Outcome,
    },
    /// Record that a backup was read again.
    NoteBackupCheck {
        /// How it came out.
        outcome: Outcome,
    },
    /// Record a rehearsal.
    NoteDrill {
        /// How it came out.
        outcome: Outcome,
        /// Records that were opened.
        records: u64,
    },
    /// Record how a keeper was found.
    NoteKeeper {
        /// Which.
        keeper: Arc<str>,
        /// How.
        seen: KeeperSeen,
    },
}

/// Records that were sealed anew.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "built by the library from what it did")]
pub struct Resealed {
    /// The epoch in which they are sealed now: a batch that was begun before the rotation was
    /// turned back is not one of the way back.
    pub to: EpochNumber,
    /// The last record that was dealt with; `None` when every one was.
    pub up_to: Option<Arc<str>>,
    /// How many were sealed anew.
    pub moved: u64,
    /// Those that did not open.
    pub failed: Vec<Arc<str>>,
    /// Those that had not opened before and are settled now.
    pub settled: Vec<Arc<str>>,
}

/// A change of slots.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum SlotChange {
    /// One more.
    Added {
        /// Which.
        slot_id: Arc<str>,
        /// Of what kind.
        kind: Arc<str>,
    },
    /// One less.
    Removed {
        /// Which.
        slot_id: Arc<str>,
    },
    /// Another password for a slot.
    PasswordChanged {
        /// Which.
        slot_id: Arc<str>,
    },
    /// Another set of keeper shares, or none.
    Keepers {
        /// The set.
        share_set: Option<Arc<str>>,
        /// How many shares give the key.
        threshold: u8,
        /// The keepers' names, in the order of their shares.
        keepers: Vec<Arc<str>>,
    },
}

/// Whether records that do not open may be given up with the old epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "two names for two values")]
pub enum AcceptLoss {
    /// They keep the old epoch alive.
    No,
    /// They are lost for good, and the log names them.
    Yes,
}

impl RootCommand {
    /// The command's name in refusals and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ChangeSlots { change: SlotChange::Added { .. }, .. } => "root.slot.add",
            Self::ChangeSlots { change: SlotChange::Removed { .. }, .. } => "root.slot.remove",
            Self::ChangeSlots { change: SlotChange::PasswordChanged { .. }, .. } => {
                "root.password.change"
            }
            Self::ChangeSlots { change: SlotChange::Keepers { .. }, .. } => "root.keepers.set",
            Self::BeginRotation { .. } => "root.rotate",
            Self::Reseal(_) => "root.rotate.reseal",
            Self::Pause { .. } => "root.rotate.pause",
            Self::Resume => "root.rotate.resume",
            Self::TurnBack | Self::FinishRollback { .. } => "root.rotate.rollback",
            Self::Finalise { .. } => "root.rotate.finalise",
            Self::Restore { .. } => "root.restore",
            Self::NoteRefusedRotation { .. } => "root.rotate.note",
            Self::NoteUnsealed { .. } | Self::NoteAccessRefused { .. } => "root.unseal",
            Self::NoteSealed => "root.seal",
            Self::NoteBackup { .. } => "root.backup",
            Self::NoteBackupHandedOut { .. } => "root.backup.make",
            Self::NotePasswordVerified { .. } => "root.password.verify",
            Self::NoteRotationCheck { .. } => "root.rotation.check",
            Self::NoteBackupCheck { .. } => "root.backup.verify",
            Self::NoteDrill { .. } => "root.drill",
            Self::NoteKeeper { .. } => "root.keeper",
        }
    }
}
