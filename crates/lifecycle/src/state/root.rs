//! Folding what happened to the root key.

use alloc::sync::Arc;

use super::State;
use crate::{
    event::RootFact,
    root::{BackupSeen, HeaderMark, Pass, Rehearsal, RootFold, Rotation},
    time::Timestamp,
};

impl State {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller sends facts about the root key")]
    pub(super) fn apply_root_fact(&mut self, fact: &RootFact, time: Timestamp) {
        let root = Arc::make_mut(&mut self.root);
        match fact {
            RootFact::SlotAdded { header, .. }
            | RootFact::SlotRemoved { header, .. }
            | RootFact::PasswordChanged { header, .. }
            | RootFact::KeepersSet { header, .. }
            | RootFact::Restored { header } => root.header = Some(*header),
            RootFact::RotationBegun { from, kind, records, header } => {
                root.greatest = root.greatest.max(Some(header.epoch));
                let former = root.header.replace(*header);
                root.rotation = Some(Arc::new(Rotation {
                    from: *from,
                    former,
                    to: header.epoch,
                    kind: *kind,
                    begun_at: time,
                    records: *records,
                    forth: Pass::default(),
                    back: None,
                    paused: None,
                }));
            }
            RootFact::RotationRolledBack { header, .. } => root.end_rotation(*header),
            RootFact::RotationFinalised { header, .. } => {
                root.end_rotation(*header);
                root.rotated_at = Some(time);
            }
            RootFact::Unsealed { .. } => root.access_refused = None,
            RootFact::AccessRefused { count, .. } => {
                let before = root.access_refused.map_or(0, |(count, _)| count);
                root.access_refused = Some((before.saturating_add(*count), time));
            }
            RootFact::RotationRefused { .. } => root.rotation_refused = Some(time),
            RootFact::BackedUp { header } => {
                root.backup = Some(BackupSeen { at: time, header: *header });
            }
            RootFact::BackupChecked { outcome } => {
                root.backup_check = Some(Rehearsal { at: time, outcome: *outcome });
            }
            RootFact::Drilled { outcome, .. } => {
                root.drill = Some(Rehearsal { at: time, outcome: *outcome });
            }
            _ => root.apply_progress(fact),
        }
    }
}

impl RootFold {
    #[expect(clippy::wildcard_enum_match_arm, reason = "other facts leave the rotation as it is")]
    fn apply_progress(&mut self, fact: &RootFact) {
        let Some(rotation) = self.rotation.as_mut().map(Arc::make_mut) else { return };
        match fact {
            RootFact::Resealed { up_to, moved, failed, settled } => {
                let pass = rotation.pass_mut();
                pass.complete = up_to.is_none();
                pass.up_to = up_to.clone().or_else(|| pass.up_to.take());
                pass.moved = pass.moved.saturating_add(*moved);
                pass.failed.extend(failed.iter().cloned());
                for record in settled {
                    pass.failed.remove(record);
                }
            }
            RootFact::RotationPaused { why } => rotation.paused = Some(why.clone()),
            RootFact::RotationResumed {} => rotation.paused = None,
            RootFact::RotationTurnedBack {} => {
                rotation.back = Some(Pass::default());
                rotation.paused = None;
            }
            _ => {}
        }
    }

    fn end_rotation(&mut self, header: HeaderMark) {
        self.header = Some(header);
        self.rotation = None;
    }
}
