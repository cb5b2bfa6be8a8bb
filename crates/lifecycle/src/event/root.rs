//! What can happen to the root key (RK-020 to RK-043).

use alloc::{sync::Arc, vec::Vec};

use serde::{Deserialize, Serialize};

use super::define::facts;
use crate::root::{EpochNumber, HeaderMark, KeeperSeen, Outcome, RotationKind, UnsealedBy};

facts! {
    /// What happened to the root key, by type.
    RootFact
    /// A slot that leads to the root key was added.
    SlotAdded = "ROOT_SLOT_ADDED" {
        /// Which.
        slot_id: Arc<str>,
        /// Of what kind: `password`, `recovery` or `external`.
        kind: Arc<str>,
        /// The header that has it.
        header: HeaderMark,
    }
    /// A slot was removed; an older copy of the store still has it.
    SlotRemoved = "ROOT_SLOT_REMOVED" {
        /// Which.
        slot_id: Arc<str>,
        /// The header without it.
        header: HeaderMark,
    }
    /// A slot got another password; an older copy of the store still opens with the old one.
    PasswordChanged = "ROOT_PASSWORD_CHANGED" {
        /// Which.
        slot_id: Arc<str>,
        /// The header that has it.
        header: HeaderMark,
    }
    /// The root key was split anew among keepers, or is no longer split.
    KeepersSet = "ROOT_KEEPERS_SET" {
        /// The set of shares; absent when there are no keepers any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        share_set: Option<Arc<str>>,
        /// How many shares give the key.
        threshold: u8,
        /// The keepers' names, in the order of their shares.
        keepers: Vec<Arc<str>>,
        /// The header that says so.
        header: HeaderMark,
    }
    /// A rotation of the root key began: new records are sealed in the new epoch.
    RotationBegun = "ROOT_ROTATION_BEGUN" {
        /// The epoch that is left.
        from: EpochNumber,
        /// Why.
        kind: RotationKind,
        /// Records that are to be sealed anew.
        records: u64,
        /// The new epoch's header.
        header: HeaderMark,
    }
    /// Records were sealed anew and validated.
    Resealed = "ROOT_RESEALED" {
        /// Every record up to and with this name was dealt with; absent when every one was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        up_to: Option<Arc<str>>,
        /// How many were sealed anew since the last such event.
        moved: u64,
        /// Those that did not open and were left as they are.
        failed: Vec<Arc<str>>,
        /// Those that had not opened before and are settled now: sealed anew, or removed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        settled: Vec<Arc<str>>,
    }
    /// The rotation stands still.
    RotationPaused = "ROOT_ROTATION_PAUSED" {
        /// Why.
        why: Arc<str>,
    }
    /// The rotation goes on.
    RotationResumed = "ROOT_ROTATION_RESUMED" {}
    /// The rotation was turned back: new records are sealed in the old epoch again.
    RotationTurnedBack = "ROOT_ROTATION_TURNED_BACK" {}
    /// Every record is in the old epoch again, and the new one is gone.
    RotationRolledBack = "ROOT_ROTATION_ROLLED_BACK" {
        /// Records that had been touched.
        moved: u64,
        /// The old epoch's header.
        header: HeaderMark,
    }
    /// Every record is in the new epoch, and the old one is gone.
    RotationFinalised = "ROOT_ROTATION_FINALISED" {
        /// Records that were sealed anew.
        moved: u64,
        /// Records that were given up, since they did not open.
        lost: Vec<Arc<str>>,
        /// The new epoch's header, which leads nowhere else.
        header: HeaderMark,
    }
    /// A rotation was not begun or did not go on: an alert.
    RotationRefused = "ROOT_ROTATION_REFUSED" {
        /// Which check said no, or what failed.
        check: Arc<str>,
    }
    /// The store was unsealed.
    Unsealed = "ROOT_UNSEALED" {
        /// By what.
        by: UnsealedBy,
    }
    /// The store was sealed.
    Sealed = "ROOT_SEALED" {}
    /// Somebody tried to unseal the store and could not: an alert.
    AccessRefused = "ROOT_ACCESS_REFUSED" {
        /// With what.
        by: UnsealedBy,
        /// How many times since the last such event.
        count: u64,
    }
    /// A backup of the root key was written.
    BackedUp = "ROOT_BACKED_UP" {
        /// The header in it.
        header: HeaderMark,
    }
    /// A backup of the root key was read again.
    BackupChecked = "ROOT_BACKUP_CHECKED" {
        /// How it came out.
        outcome: Outcome,
    }
    /// The root key's header was restored from a backup.
    Restored = "ROOT_RESTORED" {
        /// The header that leads to the root key now.
        header: HeaderMark,
    }
    /// A restore was rehearsed.
    Drilled = "ROOT_DRILLED" {
        /// How it came out.
        outcome: Outcome,
        /// Records that were opened.
        records: u64,
    }
    /// A keeper was found otherwise than before.
    KeeperSeen = "ROOT_KEEPER_SEEN" {
        /// Which.
        keeper: Arc<str>,
        /// How.
        seen: KeeperSeen,
    }
    /// The bytes of a backup of the root key were handed out.
    BackupHandedOut = "ROOT_BACKUP_HANDED_OUT" {
        /// The header in it.
        header: HeaderMark,
    }
    /// A password was tried, and is right.
    PasswordVerified = "ROOT_PASSWORD_VERIFIED" {
        /// The slot that it opens.
        slot_id: Arc<str>,
    }
    /// It was checked whether a rotation may begin.
    RotationChecked = "ROOT_ROTATION_CHECKED" {
        /// How it came out.
        outcome: Outcome,
    }
}
