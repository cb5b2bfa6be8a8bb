//! What a command finds around it: clock, streams, terminal, and somebody to ask. Tests hand in
//! their own.

use std::{
    env, fmt,
    io::{self, IsTerminal as _, Read, Write},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use keyward::clock::{Clock, SystemClock};
use zeroize::Zeroizing;

/// The surroundings of one run.
#[expect(clippy::exhaustive_structs, reason = "tests make their own, part by part")]
pub struct Surroundings {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where `-` is read from.
    pub stdin: Box<dyn Read>,
    /// Where data goes.
    pub stdout: Box<dyn Write>,
    /// Where everything else goes.
    pub stderr: Box<dyn Write>,
    /// What kind of terminal there is, if any.
    pub terminal: Terminal,
    /// Asks for a password without showing it; called only if [`Terminal::stdin`].
    pub ask: Ask,
    /// Lets time pass.
    pub pause: Box<dyn FnMut(Duration)>,
    /// The data directory that is used when none is named.
    pub data: PathBuf,
}

/// Asks a question and gives the answer, which is not shown.
pub type Ask = Box<dyn FnMut(&str) -> io::Result<Zeroizing<String>>>;

/// What is known of the terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "tests make their own")]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Terminal {
    /// Somebody can be asked.
    pub stdin: bool,
    /// Data goes to somebody's eyes.
    pub stdout: bool,
    /// Notes do, so progress may be shown.
    pub stderr: bool,
    /// The locale says UTF-8.
    pub utf8: bool,
    /// `NO_COLOR` is not set.
    pub colour: bool,
}

impl Terminal {
    /// Whether signs beyond ASCII may be printed as data.
    #[must_use]
    pub const fn shows_signs(self) -> bool {
        self.stdout && self.utf8
    }
}

impl Surroundings {
    /// Those of the process.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            stdin: Box::new(io::stdin()),
            stdout: Box::new(io::stdout()),
            stderr: Box::new(io::stderr()),
            terminal: Terminal {
                stdin: io::stdin().is_terminal(),
                stdout: io::stdout().is_terminal(),
                stderr: io::stderr().is_terminal(),
                utf8: is_utf8(),
                colour: env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
            },
            ask: Box::new(|prompt| rpassword::prompt_password(prompt).map(Zeroizing::new)),
            pause: Box::new(std::thread::sleep),
            data: data_directory(),
        }
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("terminal", &self.terminal).finish_non_exhaustive()
    }
}

/// A stream that keeps what is written to it.
#[derive(Clone, Debug, Default)]
pub struct Capture(Arc<Mutex<Vec<u8>>>);

impl Capture {
    /// What was written since the last call, as text.
    #[must_use]
    pub fn take(&self) -> String {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&std::mem::take(&mut *held)).into_owned()
    }
}

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// POSIX: the first of `LC_ALL`, `LC_CTYPE`, `LANG` that is set and not empty.
fn is_utf8() -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(env::var_os)
        .find(|value| !value.is_empty())
        .is_some_and(|value| {
            let value = value.to_string_lossy().to_ascii_lowercase();
            value.contains("utf-8") || value.contains("utf8")
        })
}

/// XDG Base Directory: `$XDG_DATA_HOME/keyward`, else `~/.local/share/keyward`.
fn data_directory() -> PathBuf {
    let absolute =
        |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map_or_else(|| PathBuf::from("/var/lib/keyward"), |base| base.join("keyward"))
}
