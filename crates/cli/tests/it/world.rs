//! A data directory, a clock, and command lines run on them.

use std::{
    io::Cursor,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use keyward_cli::{
    run,
    surroundings::{Capture, Surroundings, Terminal},
};
use keyward_testkit::clock::FakeClock;
use tempfile::TempDir;
use zeroize::Zeroizing;

/// What a command line did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) code: u8,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Its data, when it ended as expected.
    #[track_caller]
    pub(crate) fn ended(self, code: u8) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }
}

/// A place of its own for one test.
pub(crate) struct World {
    pub(crate) home: TempDir,
    pub(crate) clock: Arc<FakeClock>,
    /// Answers for whoever asks, if somebody is there.
    pub(crate) answers: Option<Vec<&'static str>>,
    /// What is typed where a line is read.
    pub(crate) typed: &'static str,
    /// What happens while a command lets time pass.
    pub(crate) paused: Option<Paused>,
}

type Paused = Arc<dyn Fn(Duration)>;

impl World {
    pub(crate) fn at(now: &str) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        Self { home, clock: Arc::new(FakeClock::at(now)), answers: None, typed: "", paused: None }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        keyward_storage::durable::write(
            &path,
            bytes.as_ref(),
            keyward_storage::durable::Mode::Private,
        )
        .expect("a file");
        path.display().to_string()
    }

    /// With a store.
    pub(crate) fn begun(now: &str) -> Self {
        let world = Self::at(now);
        world.file("password", "correct horse battery staple\n");
        world.keyward(&["init"]).ended(0);
        world
    }

    /// Runs words in this process, with the password at hand.
    pub(crate) fn keyward(&self, words: &[&str]) -> Ran {
        let password = self.path("password").display().to_string();
        self.run(&[&["--password-file", &password], words].concat())
    }

    /// The same, and somebody looks on, at a terminal that shows every sign.
    pub(crate) fn at_a_terminal(&self, words: &[&str]) -> Ran {
        let password = self.path("password").display().to_string();
        let words = [&["--password-file", &password], words].concat();
        self.run_at(Terminal { stdout: true, utf8: true, ..Terminal::default() }, &words)
    }

    /// The same, and somebody can be asked as well.
    pub(crate) fn at_a_terminal_with_somebody(&self, words: &[&str]) -> Ran {
        let password = self.path("password").display().to_string();
        let words = [&["--password-file", &password], words].concat();
        self.run_at(Terminal { stdin: true, stdout: true, ..Terminal::default() }, &words)
    }

    /// The JSON that words print.
    #[track_caller]
    pub(crate) fn json(&self, words: &[&str]) -> serde_json::Value {
        let ran = self.keyward(&[words, &["--output", "json"]].concat()).ended(0);
        serde_json::from_str(&ran.stdout).expect("JSON")
    }

    /// Runs words in this process, on the directory `data` of this world.
    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        let terminal = Terminal { stdin: self.answers.is_some(), ..Terminal::default() };
        self.run_at(terminal, words)
    }

    fn run_at(&self, terminal: Terminal, words: &[&str]) -> Ran {
        let (stdout, stderr) = (Capture::default(), Capture::default());
        let mut answers = self.answers.clone().unwrap_or_default().into_iter();
        let mut surroundings = Surroundings {
            clock: self.clock.clone(),
            stdin: Box::new(Cursor::new(self.typed)),
            stdout: Box::new(stdout.clone()),
            stderr: Box::new(stderr.clone()),
            terminal,
            ask: Box::new(move |_| {
                let answer = answers.next().ok_or(std::io::ErrorKind::UnexpectedEof)?;
                Ok(Zeroizing::new(answer.to_owned()))
            }),
            pause: {
                let (clock, paused) = (self.clock.clone(), self.paused.clone());
                Box::new(move |time| {
                    clock.advance(i64::try_from(time.as_secs()).expect("seconds"));
                    paused.iter().for_each(|paused| paused(time));
                })
            },
            data: self.path("data"),
        };
        let line = std::iter::once("keyward").chain(words.iter().copied()).map(Into::into);
        let code = run(line, &mut surroundings);
        Ran { code, stdout: stdout.take(), stderr: stderr.take() }
    }
}

/// The real binary in `directory`, with nothing of the environment but what is said.
pub(crate) fn binary(directory: &Path, environment: &[(&str, &str)], words: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_keyward"))
        .args(words)
        .current_dir(directory)
        .env_clear()
        .env("HOME", directory)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let code = output.status.code().and_then(|code| u8::try_from(code).ok());
    let code = code.expect("it ends by itself");
    Ran { code, stdout: text(output.stdout), stderr: text(output.stderr) }
}
