//! The root key's rotation as the log tells it: the fold says of every record in which epoch it
//! is, whatever is written, sealed anew, turned back and removed in between.

use std::collections::{BTreeMap, BTreeSet};

use keyward_lifecycle::{
    command::{AcceptLoss, Command, Resealed, RootCommand, SlotChange},
    id::Digest,
    refusal::{Refusal, RootRefusal},
    root::{EpochNumber, Expected, HeaderMark, Outcome, RotationKind, UnsealedBy},
};
use proptest::{collection::vec, prelude::*};

use crate::world::{World, day};

fn header(world: &World, epoch: u32) -> HeaderMark {
    let epoch = EpochNumber::new(epoch).unwrap();
    HeaderMark { epoch, counter: world.state.root().next_counter(), digest: Digest::of(b"header") }
}

fn root(world: &mut World, command: RootCommand) -> Result<(), Refusal> {
    world.run(Command::Root(command)).map(drop)
}

pub(crate) fn begin(world: &mut World, kind: RotationKind) -> Result<(), Refusal> {
    let header = header(world, world.state.root().next_epoch().get());
    root(world, RootCommand::BeginRotation { kind, records: 3, header })
}

fn step(world: &World, up_to: Option<&str>, failed: &[&str]) -> RootCommand {
    let failed = failed.iter().map(|name| (*name).into()).collect();
    RootCommand::Reseal(Resealed {
        to: world.state.root().sealing_epoch(),
        up_to: up_to.map(Into::into),
        moved: 1,
        failed,
        settled: vec![],
    })
}

#[track_caller]
fn check(world: &mut World, command: RootCommand, expected: RootRefusal) {
    assert_eq!(root(world, command), Err(Refusal::Root(expected)));
}

fn finalise(world: &World, loss: AcceptLoss) -> RootCommand {
    let epoch = world.state.root().sealing_epoch().get();
    RootCommand::Finalise { header: header(world, epoch), loss }
}

#[test]
fn a_rotation_ends_when_every_record_was_dealt_with() {
    // RK-021, RK-028
    let mut world = World::begun();
    let next = step(&world, None, &[]);
    check(&mut world, next, RootRefusal::NoRotation);
    begin(&mut world, RotationKind::Ordinary).unwrap();
    assert_eq!(
        begin(&mut world, RotationKind::Ordinary),
        Err(Refusal::Root(RootRefusal::RotationOpen))
    );
    let early = finalise(&world, AcceptLoss::No);
    check(&mut world, early, RootRefusal::PassIncomplete);
    let next = step(&world, Some("b"), &["a"]);
    root(&mut world, next).unwrap();
    let next = step(&world, Some("a"), &[]);
    check(&mut world, next, RootRefusal::PassMovedOn);
    let next = step(&world, None, &[]);
    root(&mut world, next).unwrap();
    let next = step(&world, Some("z"), &[]);
    check(&mut world, next, RootRefusal::PassMovedOn);
    let failed = finalise(&world, AcceptLoss::No);
    check(&mut world, failed, RootRefusal::RecordsFailed { count: 1 });
    let accepted = finalise(&world, AcceptLoss::Yes);
    root(&mut world, accepted).unwrap();
    assert_eq!(world.state.root().sealing_epoch().get(), 2);
    assert_eq!(world.state.root().rotated_at, Some(day(0)));
}

#[test]
fn an_emergency_leads_only_forward() {
    // RK-020
    let mut world = World::begun();
    begin(&mut world, RotationKind::Emergency).unwrap();
    check(&mut world, RootCommand::TurnBack, RootRefusal::NoWayBack);
}

#[test]
fn of_two_changes_at_once_the_second_is_decided_anew() {
    let mut world = World::begun();
    let change = SlotChange::Removed { slot_id: "slot".into() };
    let header = header(&world, 1);
    let command = RootCommand::ChangeSlots { change, header };
    root(&mut world, command.clone()).unwrap();
    check(&mut world, command, RootRefusal::HeaderMovedOn);
}

#[test]
fn attempts_that_fail_make_the_next_one_wait_twice_as_long() {
    // RK-030
    let mut world = World::begun();
    let waits: Vec<Option<i64>> = (0..12)
        .map(|_| {
            let by = UnsealedBy::Password;
            root(&mut world, RootCommand::NoteAccessRefused { by, count: 1 }).unwrap();
            let at = world.state.root().try_again_at();
            at.map(|at| at.seconds() - world.now().seconds())
        })
        .collect();
    let expected = [None, None, Some(1), Some(2), Some(4), Some(8), Some(16), Some(32)];
    assert_eq!(waits[..8], expected);
    assert_eq!(waits[8..], [Some(60); 4]);
    root(&mut world, RootCommand::NoteUnsealed { by: UnsealedBy::Keepers }).unwrap();
    assert_eq!(world.state.root().try_again_at(), None);
}

#[test]
fn what_was_seen_of_backups_is_known() {
    // RK-041
    let mut world = World::begun();
    let mark = header(&world, 1);
    root(&mut world, RootCommand::NoteBackup { header: mark }).unwrap();
    world.at(day(3));
    root(&mut world, RootCommand::NoteBackupCheck { outcome: Outcome::Bad }).unwrap();
    root(&mut world, RootCommand::NoteDrill { outcome: Outcome::Good, records: 7 }).unwrap();
    let fold = world.state.root();
    assert_eq!(fold.backup.map(|backup| (backup.at, backup.header)), Some((day(0), mark)));
    assert_eq!(fold.backup_check.map(|seen| (seen.at, seen.outcome)), Some((day(3), Outcome::Bad)));
    assert_eq!(fold.drill.map(|seen| seen.outcome), Some(Outcome::Good));
}

/// What may happen to a store whose root key rotates.
#[derive(Clone, Copy, Debug)]
enum Step {
    Write(u8),
    Damage(u8),
    Remove(u8),
    Begin,
    Move(usize),
    TurnBack,
    Pause,
    Resume,
    End(AcceptLoss),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => any::<u8>().prop_map(|name| Step::Write(name % 64)),
        1 => any::<u8>().prop_map(|name| Step::Damage(name % 64)),
        1 => any::<u8>().prop_map(|name| Step::Remove(name % 64)),
        2 => Just(Step::Begin),
        8 => (1_usize..6).prop_map(Step::Move),
        1 => Just(Step::TurnBack),
        1 => Just(Step::Pause),
        2 => Just(Step::Resume),
        3 => prop_oneof![Just(AcceptLoss::No), Just(AcceptLoss::Yes)].prop_map(Step::End),
    ];
    vec(step, 1..120)
}

/// The records as a storage has them: in which epoch, and whether they open.
#[derive(Default)]
struct Shelf(BTreeMap<String, (u32, bool)>, BTreeSet<String>);

impl Shelf {
    /// A record's name carries a version or an id of its own, and is never used again.
    fn write(&mut self, name: String, epoch: u32) {
        if self.1.insert(name.clone()) {
            self.0.insert(name, (epoch, true));
        }
    }

    /// What the library does in one step of a rotation.
    fn step(&mut self, world: &mut World, limit: usize) {
        let Some(rotation) = world.state.root().rotation.clone() else { return };
        let pass = rotation.pass();
        if pass.complete || rotation.paused.is_some() {
            return;
        }
        let to = rotation.sealing_epoch().get();
        let after = pass.up_to.as_deref().unwrap_or("").to_owned();
        let beyond = |name: &&String| after.is_empty() || **name > after;
        let names: Vec<String> = self.0.keys().filter(beyond).take(limit).cloned().collect();
        let mut failed = Vec::new();
        for name in &names {
            let (epoch, opens) = self.0.get_mut(name).unwrap();
            if *opens && *epoch != to {
                *epoch = to;
            } else if *epoch != to {
                failed.push(name.as_str());
            }
        }
        let next = step(world, names.last().map(String::as_str), &failed);
        root(world, next).unwrap();
    }

    fn end(&mut self, world: &mut World, loss: AcceptLoss) {
        let Some(rotation) = world.state.root().rotation.clone() else { return };
        let command = if rotation.back.is_some() {
            RootCommand::FinishRollback { header: header(world, rotation.from.get()) }
        } else {
            finalise(world, loss)
        };
        if root(world, command).is_ok() {
            // What was given up is gone with the epoch.
            let epoch = world.state.root().sealing_epoch().get();
            self.0.retain(|_, (found, _)| *found == epoch);
        }
    }
}

proptest! {
    #[test]
    fn the_fold_says_of_every_record_in_which_epoch_it_is(steps in steps()) {
        // RK-021, RK-024, RK-026, RK-028
        let mut world = World::begun();
        let (mut shelf, mut begun) = (Shelf::default(), 1);
        for step in steps {
            let sealing = world.state.root().sealing_epoch().get();
            match step {
                Step::Write(name) => {
                    shelf.write(format!("record {name:02}"), sealing);
                }
                Step::Damage(name) => {
                    if let Some((_, opens)) = shelf.0.get_mut(&format!("record {name:02}")) {
                        *opens = false;
                    }
                }
                Step::Remove(name) => {
                    shelf.0.remove(&format!("record {name:02}"));
                }
                Step::Begin => {
                    if begin(&mut world, RotationKind::Ordinary).is_ok() {
                        let epoch = world.state.root().sealing_epoch().get();
                        prop_assert!(epoch > begun, "a number is used once");
                        begun = epoch;
                    }
                }
                Step::Move(limit) => shelf.step(&mut world, limit),
                Step::TurnBack => drop(root(&mut world, RootCommand::TurnBack)),
                Step::Pause => drop(root(&mut world, RootCommand::Pause { why: "test".into() })),
                Step::Resume => drop(root(&mut world, RootCommand::Resume)),
                Step::End(loss) => shelf.end(&mut world, loss),
            }
            for (name, (epoch, opens)) in &shelf.0 {
                let expected = world.state.root().expected(name);
                let right = match expected {
                    Expected::One(one) => one.get() == *epoch,
                    Expected::Either(one, other) => [one.get(), other.get()].contains(epoch),
                };
                prop_assert!(right || !opens, "{name} is in {epoch}, expected {expected:?}");
            }
        }
    }
}
