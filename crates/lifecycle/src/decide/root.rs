//! Rules about the root key.

use super::Decision;
use crate::{
    canonical::INTEGER_MAX,
    command::{AcceptLoss, Resealed, RootCommand, SlotChange},
    event::{Fact, RootFact},
    refusal::{Refusal, RootRefusal},
    root::{EpochNumber, FAILED_MAX, HeaderMark, RootFold, Rotation, RotationKind},
    state::State,
};

pub(super) fn root(state: &State, command: &RootCommand) -> Result<Decision, Refusal> {
    let fold = state.root();
    match command {
        RootCommand::ChangeSlots { change, header } => {
            if fold.rotation.is_some() {
                return Err(RootRefusal::RotationOpen.into());
            }
            follows(fold, header, fold.sealing_epoch())?;
            Ok(logged(slots(change, *header)))
        }
        RootCommand::BeginRotation { kind, records, header } => {
            begin(fold, *kind, (*records).min(INTEGER_MAX), *header)
        }
        RootCommand::Reseal(resealed) => reseal(fold, resealed),
        RootCommand::Pause { why } => match open(fold)? {
            Rotation { paused: Some(_), .. } => Ok(Decision::nothing()),
            Rotation { paused: None, .. } => {
                Ok(logged(RootFact::RotationPaused { why: why.clone() }))
            }
        },
        RootCommand::Resume => match open(fold)? {
            Rotation { paused: None, .. } => Ok(Decision::nothing()),
            Rotation { paused: Some(_), .. } => Ok(logged(RootFact::RotationResumed {})),
        },
        RootCommand::TurnBack => turn_back(fold),
        RootCommand::FinishRollback { header } => finish_rollback(fold, *header),
        RootCommand::Finalise { header, loss } => finalise(fold, *header, *loss),
        RootCommand::Restore { header, previous } => restore(fold, *header, *previous),
        RootCommand::NoteRefusedRotation { .. }
        | RootCommand::NoteUnsealed { .. }
        | RootCommand::NoteSealed
        | RootCommand::NoteAccessRefused { .. }
        | RootCommand::NoteBackup { .. }
        | RootCommand::NoteBackupHandedOut { .. }
        | RootCommand::NotePasswordVerified { .. }
        | RootCommand::NoteRotationCheck { .. }
        | RootCommand::NoteBackupCheck { .. }
        | RootCommand::NoteDrill { .. }
        | RootCommand::NoteKeeper { .. } => Ok(note(command)),
    }
}

/// A header of another epoch than the store's, or of another stage of a rotation, opens records
/// that are not there, and none of those that are.
fn restore(
    fold: &RootFold,
    header: HeaderMark,
    previous: Option<EpochNumber>,
) -> Result<Decision, Refusal> {
    let epoch = fold.header.map_or(EpochNumber::FIRST, |header| header.epoch);
    let open = fold.rotation.as_deref().map(|rotation| rotation.from);
    if header.epoch != epoch || previous != open {
        return Err(RootRefusal::BackupDoesNotFit.into());
    }
    Ok(logged(RootFact::Restored { header }))
}

fn slots(change: &SlotChange, header: HeaderMark) -> RootFact {
    match change.clone() {
        SlotChange::Added { slot_id, kind } => RootFact::SlotAdded { slot_id, kind, header },
        SlotChange::Removed { slot_id } => RootFact::SlotRemoved { slot_id, header },
        SlotChange::PasswordChanged { slot_id } => RootFact::PasswordChanged { slot_id, header },
        SlotChange::Keepers { share_set, threshold, keepers } => {
            RootFact::KeepersSet { share_set, threshold, keepers, header }
        }
    }
}

fn begin(
    fold: &RootFold,
    kind: RotationKind,
    records: u64,
    header: HeaderMark,
) -> Result<Decision, Refusal> {
    if fold.rotation.is_some() {
        return Err(RootRefusal::RotationOpen.into());
    }
    follows(fold, &header, fold.next_epoch())?;
    let from = fold.sealing_epoch();
    Ok(logged(RootFact::RotationBegun { from, kind, records, header }))
}

fn reseal(fold: &RootFold, resealed: &Resealed) -> Result<Decision, Refusal> {
    let rotation = open(fold)?;
    let pass = rotation.pass();
    let on = resealed.up_to.as_deref().is_none_or(|up_to| !pass.covers(up_to));
    let settles = !resealed.settled.is_empty() && resealed.up_to.is_none();
    if (pass.complete && !settles) || !on || resealed.to != rotation.sealing_epoch() {
        return Err(RootRefusal::PassMovedOn.into());
    }
    if rotation.paused.is_some() {
        return Err(RootRefusal::RotationPaused.into());
    }
    if pass.failed.len().saturating_add(resealed.failed.len()) > FAILED_MAX {
        return Err(RootRefusal::TooManyFailed.into());
    }
    let Resealed { to: _, up_to, moved, failed, settled } = resealed.clone();
    Ok(logged(RootFact::Resealed { up_to, moved, failed, settled }))
}

fn turn_back(fold: &RootFold) -> Result<Decision, Refusal> {
    let rotation = open(fold)?;
    if rotation.kind == RotationKind::Emergency {
        return Err(RootRefusal::NoWayBack.into());
    }
    if rotation.back.is_some() {
        return Ok(Decision::nothing());
    }
    Ok(logged(RootFact::RotationTurnedBack {}))
}

fn finish_rollback(fold: &RootFold, header: HeaderMark) -> Result<Decision, Refusal> {
    let rotation = open(fold)?;
    let Some(back) = &rotation.back else { return Err(RootRefusal::NotTurnedBack.into()) };
    if !back.complete {
        return Err(RootRefusal::PassIncomplete.into());
    }
    if !back.failed.is_empty() {
        return Err(RootRefusal::RecordsFailed { count: back.failed.len() }.into());
    }
    follows(fold, &header, rotation.from)?;
    Ok(logged(RootFact::RotationRolledBack { moved: back.moved, header }))
}

fn finalise(fold: &RootFold, header: HeaderMark, loss: AcceptLoss) -> Result<Decision, Refusal> {
    let rotation = open(fold)?;
    if rotation.back.is_some() {
        return Err(RootRefusal::TurnedBack.into());
    }
    let forth = &rotation.forth;
    if !forth.complete {
        return Err(RootRefusal::PassIncomplete.into());
    }
    if !forth.failed.is_empty() && loss == AcceptLoss::No {
        return Err(RootRefusal::RecordsFailed { count: forth.failed.len() }.into());
    }
    follows(fold, &header, rotation.to)?;
    let lost = forth.failed.iter().cloned().collect();
    Ok(logged(RootFact::RotationFinalised { moved: forth.moved, lost, header }))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the caller sends the other commands elsewhere")]
fn note(command: &RootCommand) -> Decision {
    let fact = match command.clone() {
        RootCommand::NoteRefusedRotation { check } => RootFact::RotationRefused { check },
        RootCommand::NoteUnsealed { by } => RootFact::Unsealed { by },
        RootCommand::NoteSealed => RootFact::Sealed {},
        RootCommand::NoteAccessRefused { by, count } => {
            RootFact::AccessRefused { by, count: count.min(INTEGER_MAX) }
        }
        RootCommand::NoteBackup { header } => RootFact::BackedUp { header },
        RootCommand::NoteBackupHandedOut { header } => RootFact::BackupHandedOut { header },
        RootCommand::NotePasswordVerified { slot_id } => RootFact::PasswordVerified { slot_id },
        RootCommand::NoteRotationCheck { outcome } => RootFact::RotationChecked { outcome },
        RootCommand::NoteBackupCheck { outcome } => RootFact::BackupChecked { outcome },
        RootCommand::NoteDrill { outcome, records } => {
            RootFact::Drilled { outcome, records: records.min(INTEGER_MAX) }
        }
        RootCommand::NoteKeeper { keeper, seen } => RootFact::KeeperSeen { keeper, seen },
        _ => return Decision::nothing(),
    };
    logged(fact)
}

fn logged(fact: RootFact) -> Decision {
    Decision::fact(Fact::Root(fact))
}

fn open(fold: &RootFold) -> Result<&Rotation, Refusal> {
    fold.rotation.as_deref().ok_or_else(|| RootRefusal::NoRotation.into())
}

/// Whether `header` is the one that follows: of two changes at once the second is decided anew.
fn follows(fold: &RootFold, header: &HeaderMark, epoch: EpochNumber) -> Result<(), Refusal> {
    if header.counter == fold.next_counter() && header.epoch == epoch {
        Ok(())
    } else {
        Err(RootRefusal::HeaderMovedOn.into())
    }
}
