//! A second process: this test program again, told by a variable what to be.

use std::{
    env,
    io::{self, BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use keyward::storage::Storage;
use keyward_storage::durable::DirectoryLock;
use keyward_testkit::fault::{Fault, Faulty};

use super::sample::{after, batch, open};

const DIRECTORY: &str = "KEYWARD_CHILD_DIRECTORY";
const ROLE: &str = "KEYWARD_CHILD_ROLE";
const COUNT: &str = "KEYWARD_CHILD_COUNT";
/// Starts a line that is meant for the parent.
const SAY: &str = "child: ";

/// A child that does `role` in `directory`. `before` is a shell's command that sets limits.
pub(crate) fn start(role: &str, count: u64, directory: &Path, before: &str) -> Child {
    let shell =
        format!("{before}; exec \"$0\" --exact child::the_child_plays_its_role --nocapture");
    Command::new("sh")
        .args(["-c", &shell])
        .arg(env::current_exe().expect("this program"))
        .env(ROLE, role)
        .env(COUNT, count.to_string())
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child")
}

/// What the child says, line by line, until it ends.
pub(crate) fn lines(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let stdout = child.stdout.take().expect("a pipe");
    let lines = BufReader::new(stdout).lines().map_while(Result::ok);
    lines.filter_map(|line| Some(line.split_once(SAY)?.1.to_owned()))
}

fn say(line: &str) {
    writeln!(io::stdout(), "\n{SAY}{line}").expect("the parent listens");
}

#[test]
fn the_child_plays_its_role() {
    let (Some(role), Some(directory)) = (env::var_os(ROLE), env::var_os(DIRECTORY)) else {
        return;
    };
    let directory = PathBuf::from(directory);
    let count = env::var_os(COUNT).and_then(|count| count.to_str()?.parse().ok());
    let count: u64 = count.expect("a number");
    match role.to_str() {
        Some("append") => append(&open(&directory)),
        Some("kill before") => killed(&directory, count, Fault::KillBefore),
        Some("kill after") => killed(&directory, count, Fault::KillAfter),
        Some("lock") => match DirectoryLock::acquire(&directory) {
            Ok(_) => say("locked"),
            Err(error) => say(&error.to_string()),
        },
        role => panic!("no such role: {role:?}"),
    }
}

fn killed(directory: &Path, skip: u64, fault: Fault) {
    let store = Faulty::new(open(directory));
    store.arm(skip, fault);
    append(&store);
}

/// Appends batch after batch and says each one that was acknowledged, until one fails.
fn append(store: &impl Storage) {
    let mut number = store.heads().expect("heads").log;
    loop {
        match store.append(after(number), &batch(number)) {
            Ok(()) => say(&format!("acknowledged {number}")),
            Err(error) => {
                say(&format!("{error:?}"));
                let again = store.append(after(number), &batch(number));
                say(&format!("{again:?}"));
                say(&format!("{:?}", store.heads()));
                return;
            }
        }
        number += 1;
    }
}
