//! A second process, which kills itself: this test program again, told by a variable what to do.

use std::{
    env,
    io::{self, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use keyward::{Keyward, Parts, root::rotate::Renew, rotation::RotateMode};
use keyward_lifecycle::key::Status;
use keyward_storage::sqlite::{Sqlite, SqliteOptions};
use keyward_testkit::{
    clock::FakeClock,
    fault::{Fault, Faulty},
};

use crate::{
    act::default_profile,
    store::{World, parts_in},
};

const DIRECTORY: &str = "KEYWARD_CHILD_DIRECTORY";
const SKIP: &str = "KEYWARD_CHILD_SKIP";
const FAULT: &str = "KEYWARD_CHILD_FAULT";
const AT: &str = "KEYWARD_CHILD_AT";
const WORK: &str = "KEYWARD_CHILD_WORK";
/// Starts a line that is meant for the parent.
const SAY: &str = "child: ";

/// Lets a child sign and rotate until it kills itself at the append after `skip` others. What
/// it acknowledged until then, line by line.
pub(crate) fn lives_until(directory: &Path, skip: u64, fault: Fault, at: &str) -> Vec<String> {
    works_until(directory, (skip, fault), at, "live")
}

/// As [`lives_until`], of a child that puts secrets: `PATH=VALUE` for each.
pub(crate) fn puts_until(directory: &Path, skip: u64, fault: Fault, at: &str) -> Vec<String> {
    works_until(directory, (skip, fault), at, "put")
}

/// As [`lives_until`], of a child that rotates the root key, forth and now and then back.
pub(crate) fn rotates_until(directory: &Path, skip: u64, fault: Fault, at: &str) -> Vec<String> {
    works_until(directory, (skip, fault), at, "rotate")
}

fn works_until(directory: &Path, (skip, fault): (u64, Fault), at: &str, work: &str) -> Vec<String> {
    let output = Command::new(env::current_exe().expect("this program"))
        .args(["--exact", "child::the_child_lives_until_it_is_killed", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(SKIP, skip.to_string())
        .env(FAULT, if fault == Fault::KillBefore { "before" } else { "after" })
        .env(AT, at)
        .env(WORK, work)
        .stderr(Stdio::null())
        .output()
        .expect("a child");
    assert_eq!(output.status.signal(), Some(9), "{skip} {fault:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    let lines = text.lines().filter_map(|line| Some(line.split_once(SAY)?.1.to_owned()));
    lines.collect()
}

fn say(line: &str) {
    let mut stdout = io::stdout();
    writeln!(stdout, "\n{SAY}{line}").expect("the parent listens");
    stdout.flush().expect("the parent listens");
}

fn variable(name: &str) -> Option<String> {
    env::var_os(name)?.into_string().ok()
}

#[test]
fn the_child_lives_until_it_is_killed() {
    let Some(directory) = variable(DIRECTORY).map(PathBuf::from) else { return };
    let skip: u64 = variable(SKIP).expect("a number").parse().expect("a number");
    let before = variable(FAULT).expect("a fault") == "before";
    let clock = Arc::new(FakeClock::at(&variable(AT).expect("a time")));
    let storage = Sqlite::open_or_create(&directory, SqliteOptions::default()).expect("a file");
    let storage = Faulty::new(storage);
    let plain = parts_in(&directory, &clock);
    let parts = Parts { storage: Arc::new(storage.clone()), ..plain };
    storage.arm(skip, if before { Fault::KillBefore } else { Fault::KillAfter });
    let keyward = Keyward::open(&parts).expect("the store");
    let actor = keyward.actor("local:0").expect("an actor");
    let world = World { parts, clock, keyward, actor }.unsealed();
    match variable(WORK).as_deref() {
        Some("rotate") => rotate_root(&world),
        Some("put") => put(&world, &format!("{skip}/{before}")),
        _ => live(&world),
    }
}

/// Puts secrets, each at two paths.
fn put(world: &World, under: &str) {
    use keyward::secret::{Asker, path::SecretPath, policy::Subject};
    let by = Asker { actor: world.actor.clone(), subject: Subject::Admin };
    for round in 0.. {
        for place in ["one", "other"] {
            let at = format!("{under}/{round}/{place}");
            let (path, value) = (SecretPath::parse(&at).expect("a path"), format!("value of {at}"));
            let _ = world.keyward.put_secret(&by, &path, value.as_bytes(), None).expect("written");
            say(&format!("{at}={value}"));
        }
    }
}

/// Goes on with the rotation that is open, or begins one; every third is turned back.
fn rotate_root(world: &World) {
    use keyward::root::rotate::{Begin, KeepersNext, Surroundings};
    use keyward_lifecycle::command::AcceptLoss;
    let (keyward, actor) = (&world.keyward, &world.actor);
    loop {
        let fold = keyward.state().root().clone();
        let Some(rotation) = fold.rotation else {
            let mut keep = |bytes: &[u8]| Ok(bytes.to_vec());
            let _ = keyward.backup_root(actor, &mut keep).expect("a backup");
            let begin = Begin::Ordinary { keepers: KeepersNext::AsBefore };
            let around = Surroundings::default();
            let begun = keyward.begin_root_rotation(actor, begin, &around, &mut |_, _| Ok(()));
            let _ = begun.expect("a rotation");
            continue;
        };
        if !keyward.reseal_step(actor, 2).expect("a step").complete {
            continue;
        }
        if rotation.to.get().is_multiple_of(3) && rotation.back.is_none() {
            let _ = keyward.turn_root_rotation_back(actor).expect("the way back");
        } else if rotation.back.is_some() {
            let _ = keyward.finish_root_rollback(actor).expect("rolled back");
            say("ended");
        } else {
            let mut keep = |bytes: &[u8]| Ok(bytes.to_vec());
            let keep: &mut Renew<'_> = &mut keep;
            let done = keyward.finalise_root_rotation(actor, AcceptLoss::No, Some(keep));
            let _ = done.expect("finalised");
            say("ended");
        }
    }
}

/// Signs twice, rotates, and so on; a rotation that was cut off is resumed first.
fn live(world: &World) {
    for round in 0.. {
        let state = world.keyward.state();
        let signer = state.signer(&default_profile(), keyward::key::PURPOSE).expect("a signer");
        let name = signer.record.key_id.to_string();
        if signer.status(world.keyward.now()) == Status::Rotating {
            let outcome = world.try_rotate(&name, None, RotateMode::Resume).expect("a rotation");
            say(&format!("active {}", outcome.active.expect("a signer")));
            continue;
        }
        for artifact in ["a", "b"] {
            let signed = world.sign(&name, &format!("{round} {artifact}"));
            say(&format!("signed {}", signed.proof));
        }
        // Evidence is in whole seconds: what is to be proven older than the end is made earlier.
        world.clock.advance(5);
        let outcome = world.try_rotate(&name, None, RotateMode::Go).expect("a rotation");
        say(&format!("active {}", outcome.active.expect("a signer")));
    }
}
