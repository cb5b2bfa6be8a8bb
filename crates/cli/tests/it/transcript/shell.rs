//! One shell that runs command after command, and the values that placeholders stand for.

use std::{
    collections::BTreeMap,
    env,
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use keyward_lifecycle::time::Timestamp;
use rustix::process::{Pid, Signal, kill_process_group};

/// What the pages call the server's address; each run has a port of its own.
const ADDRESS: &str = "127.0.0.1:8230";
/// What the pages call the directory.
const HOME: &str = "/srv/ada";
/// How long a command may take before the shell and what it started are ended.
const PATIENCE: Duration = Duration::from_secs(120);
/// Ends what a command prints: nothing else writes it.
const END: u8 = 0x1e;

/// A shell in a directory; it and what it started end when it is dropped.
pub(super) struct Shell {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    /// This run's directory in place of [`HOME`].
    home: String,
    /// This run's address in place of [`ADDRESS`].
    address: String,
    /// What the short forms with three dots stand for.
    values: BTreeMap<String, String>,
}

impl Shell {
    /// Starts one in `directory`, with nothing of the environment but `PATH`.
    pub(super) fn start(directory: &Path) -> Self {
        let binary = Path::new(env!("CARGO_BIN_EXE_keyward"));
        let beside = binary.parent().expect("its directory");
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths([beside.to_owned()].into_iter().chain(env::split_paths(&path)));
        let mut child = Command::new("sh")
            .current_dir(directory)
            .env_clear()
            .env("PATH", path.expect("a search path"))
            .env("HOME", directory)
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("a shell");
        let mut stdin = child.stdin.take().expect("its input");
        stdin.write_all(b"exec 2>&1\n").expect("the shell listens");
        let stdout = child.stdout.take().expect("its output");
        let free = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("its address").to_string();
        let home = directory.display().to_string();
        Self { child, stdin, stdout, home, address, values: BTreeMap::new() }
    }

    /// Runs a command; gives what it prints.
    pub(super) fn run(&mut self, command: &str) -> String {
        let mut command = command.replace(ADDRESS, &self.address);
        for (short, value) in &self.values {
            command = command.replace(short, value);
        }
        let line =
            format!("{{\n{command}\n}} < /dev/null; code=$?; printf '\\036'; (exit $code)\n");
        self.stdin.write_all(line.as_bytes()).expect("the shell listens");
        let group = Pid::from_child(&self.child);
        let (done, waiting) = channel::<()>();
        let guard = thread::spawn(move || {
            if waiting.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                // Reading fails then, which names the command.
                let _ = kill_process_group(group, Signal::KILL);
            }
        });
        let mut printed = Vec::new();
        let mut byte = [0];
        loop {
            let read = self.stdout.read_exact(&mut byte);
            assert!(read.is_ok(), "no end to: {command}");
            if byte[0] == END {
                break;
            }
            printed.push(byte[0]);
        }
        drop(done);
        guard.join().expect("the guard ends");
        let printed = String::from_utf8(printed).expect("UTF-8");
        printed.replace(&self.address, ADDRESS).replace(&self.home, HOME)
    }

    /// Compares what was expected with what was printed, line by line and word by word.
    pub(super) fn compare(&mut self, expected: &str, printed: &str) -> Result<(), String> {
        let (expected, printed) = (expected.trim_end(), printed.trim_end());
        if expected.lines().count() != printed.lines().count() {
            return Err("prints another number of lines".to_owned());
        }
        for (expected, printed) in expected.lines().zip(printed.lines()) {
            let (mut wanted, mut found) = (expected.split_whitespace(), printed.split_whitespace());
            loop {
                match (wanted.next(), found.next()) {
                    (None, None) => break,
                    (Some(wanted), Some(found)) if self.is_same(wanted, found) => {}
                    (wanted, found) => {
                        return Err(format!("prints {found:?} in place of {wanted:?}"));
                    }
                }
            }
        }
        Ok(())
    }

    fn is_same(&mut self, wanted: &str, found: &str) -> bool {
        if wanted == found {
            return true;
        }
        for (placeholder, fits) in KINDS {
            if let Some(value) = between(wanted, placeholder, found) {
                return fits(value);
            }
        }
        let Some(short) = short_form(wanted) else { return false };
        let Some(value) = between(wanted, short, found) else { return false };
        match self.values.get(short) {
            Some(known) => known == value,
            // Two names for one value would hide that the page confuses them.
            None if self.values.values().any(|known| known == value) => false,
            None => {
                self.values.insert(short.to_owned(), value.to_owned());
                value.len() > short.len()
            }
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // After the page's last command there may be nothing left to end.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        drop(self.child.wait());
    }
}

/// Placeholders, and what may stand in their place.
const KINDS: [(&str, fn(&str) -> bool); 4] = [
    ("TIME", |value| value.parse::<Timestamp>().is_ok()),
    ("DATE", |value| format!("{value}T00:00:00Z").parse::<Timestamp>().is_ok()),
    // What the kernel has.
    ("MEMORY", |value| value == "memfd_secret" || value == "mlock"),
    ("NUMBER", |value| value.parse::<f64>().is_ok()),
];

/// What stands in `found` where `wanted` has `placeholder`.
fn between<'f>(wanted: &str, placeholder: &str, found: &'f str) -> Option<&'f str> {
    let (before, after) = wanted.split_once(placeholder)?;
    found.strip_prefix(before)?.strip_suffix(after)
}

/// Six letters or digits and three dots.
fn short_form(word: &str) -> Option<&str> {
    let dots = word.find("...")?;
    let start = dots.checked_sub(6)?;
    let short = word.get(start..dots + 3)?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    short.trim_end_matches('.').chars().all(plain).then_some(short)
}

#[test]
fn placeholders_stand_for_values_of_their_kind_and_short_forms_for_one() {
    let home = tempfile::tempdir().expect("a directory");
    let mut shell = Shell::start(home.path());
    let line = "Made: TIME sha256:abc123... 3";
    assert_eq!(shell.compare(line, "Made:  2025-01-01T00:00:00Z sha256:0123456789 3\n"), Ok(()));
    let err =
        Err("prints Some(\"sha256:9876543210\") in place of Some(\"sha256:abc123...\")".into());
    assert_eq!(shell.compare(line, "Made: 2025-01-01T00:00:00Z sha256:9876543210 3"), err);
    let err = Err("prints Some(\"now\") in place of Some(\"TIME\")".into());
    assert_eq!(shell.compare("TIME", "now"), err);
    assert_eq!(shell.run("echo abc123...; echo oops >&2; false"), "0123456789\noops\n");
    assert_eq!(shell.run("echo $?"), "1\n");
}
