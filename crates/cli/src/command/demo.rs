//! `keyward demo`: the runbook on a real file, by the very commands that it prints.

mod script;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use keyward_barrier::password::generate_password;
use keyward_storage::{
    durable::{self, Mode, create_directory},
    sqlite::FILE_NAME,
};
use serde_json::json;

use crate::{
    args::Demo,
    exit::{Exit, Failure},
    render::Document,
    session::Session,
    surroundings::{Capture, Surroundings, Terminal},
};

/// Most directories that are looked at for a free one beside the first.
const BESIDE_MAX: u32 = 1_000;

/// The file in the directory that the printed commands name.
const PASSWORD_NAME: &str = "password";

pub(super) fn run(session: &mut Session<'_>, demo: &Demo) -> Result<(), Failure> {
    let dir = directory(demo)?;
    let artifact = match &demo.artifact {
        Some(file) if file.is_file() => file.clone(),
        Some(file) => return Err(Failure::error(format!("{} is no file", file.display()))),
        None => std::env::current_exe()
            .map_err(|error| Failure::error(format!("the program's own file: {error}")))?,
    };
    create_directory(&dir).map_err(|e| Failure::of(&e))?;
    let password = generate_password().map_err(|e| Failure::of(&e))?;
    let file = dir.join(PASSWORD_NAME);
    durable::write(&file, password.expose(), Mode::Private).map_err(|e| Failure::of(&e))?;
    let mut stage = Stage { session, dir, steps: Vec::new() };
    script::play(&mut stage, &artifact)?;
    let steps = std::mem::take(&mut stage.steps);
    if session.is_json() {
        let document = Document::from(json!({ "steps": steps }));
        session.print(&document.to_json())?;
    }
    Ok(())
}

/// The directory to play in: the one that is named, or a fresh one beside it.
fn directory(demo: &Demo) -> Result<PathBuf, Failure> {
    let holds_store = |dir: &Path| dir.join(FILE_NAME).exists();
    if !holds_store(&demo.dir) {
        return Ok(demo.dir.clone());
    }
    if !demo.again {
        return Err(Failure::refused(format!(
            "there is a store in {} already",
            demo.dir.display()
        ))
        .hint("say --again to play in a fresh directory beside it, or name one with --dir"));
    }
    let name = demo.dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    (2..BESIDE_MAX)
        .map(|number| demo.dir.with_file_name(format!("{name}-{number}")))
        .find(|dir| !dir.exists())
        .ok_or_else(|| {
            Failure::error("there is no free directory beside it").hint("name one with --dir")
        })
}

/// Where the script is played: each step is a run of the program, in this process.
pub(super) struct Stage<'a, 's> {
    session: &'a mut Session<'s>,
    dir: PathBuf,
    steps: Vec<serde_json::Value>,
}

/// What a step printed.
pub(super) struct Printed {
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Printed {
    /// What follows `label: ` on a line of its own.
    pub(super) fn after(&self, label: &str) -> Result<String, Failure> {
        let mut lines = self.stdout.lines().chain(self.stderr.lines());
        let value = lines.find_map(|line| line.strip_prefix(label)?.strip_prefix(": "));
        let value = value.and_then(|value| value.split(' ').next()).map(str::to_owned);
        value.ok_or_else(|| Failure::error(format!("the last step did not print `{label}:`")))
    }
}

impl Stage<'_, '_> {
    /// A file in the directory.
    pub(super) fn file(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    /// Today in UTC, as in 2025-12-31.
    pub(super) fn today(&self) -> String {
        self.session.surroundings.clock.now().to_string().chars().take(10).collect()
    }

    /// The time so many seconds from now, in RFC 3339.
    pub(super) fn time(&self, seconds: i64) -> String {
        let now = self.session.surroundings.clock.now();
        now.plus_seconds(seconds).cut_to_micros().to_string()
    }

    /// Tells the story.
    pub(super) fn tell(&mut self, text: &str) -> Result<(), Failure> {
        if self.session.is_json() { Ok(()) } else { self.session.print(&format!("\n# {text}\n")) }
    }

    /// Lets two seconds pass.
    pub(super) fn wait(&mut self) -> Result<(), Failure> {
        self.tell("(Two seconds pass: evidence of time counts in whole seconds.)")?;
        (self.session.surroundings.pause)(Duration::from_secs(2));
        Ok(())
    }

    /// A command on the store, which must end as expected.
    pub(super) fn run(&mut self, words: &[&str], expected: Exit) -> Result<Printed, Failure> {
        let data = self.dir.display().to_string();
        let password = self.file(PASSWORD_NAME);
        let mut line = vec!["--data", &data, "--password-file", &password];
        line.extend_from_slice(words);
        self.run_bare(&line, expected)
    }

    /// A command with nothing but its words.
    pub(super) fn run_bare(&mut self, words: &[&str], expected: Exit) -> Result<Printed, Failure> {
        let quoted: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        let command = format!("keyward {}", quoted.join(" "));
        if !self.session.is_json() {
            self.session.print(&format!("$ {command}\n"))?;
        }
        let (stdout, stderr) = (Capture::default(), Capture::default());
        let mut around = Surroundings {
            clock: self.session.surroundings.clock.clone(),
            stdin: Box::new(std::io::empty()),
            stdout: Box::new(stdout.clone()),
            stderr: Box::new(stderr.clone()),
            terminal: Terminal::default(),
            ask: Box::new(|_| Err(std::io::ErrorKind::Unsupported.into())),
            pause: Box::new(|_| {}),
            data: self.dir.clone(),
        };
        let line = std::iter::once("keyward").chain(words.iter().copied()).map(Into::into);
        let code = crate::run(line, &mut around);
        let printed = Printed { stdout: stdout.take(), stderr: stderr.take() };
        self.show(&command, &printed, code)?;
        if code == expected.code() {
            return Ok(printed);
        }
        Err(Failure::error(format!("`{command}` ended with {code}, not {}", expected.code()))
            .hint(format!("the store is in {} as it stands", self.dir.display())))
    }

    fn show(&mut self, command: &str, printed: &Printed, code: u8) -> Result<(), Failure> {
        self.steps.push(json!({
            "command": command, "exit": code, "stdout": printed.stdout, "stderr": printed.stderr,
        }));
        if self.session.is_json() {
            return Ok(());
        }
        // Hints name next commands; here the script does.
        let notes = printed.stderr.lines().filter(|line| !line.starts_with("hint: "));
        let notes: String = notes.map(|line| format!("{line}\n")).collect();
        let text = format!("{}{notes}", printed.stdout);
        self.session.print(&text)
    }
}

/// A word as a POSIX shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_a_printed_word_as_it_was() {
        assert_eq!(quoted("pkg:cargo/demo@1.0"), "pkg:cargo/demo@1.0");
        assert_eq!(quoted("pkg:cargo/*"), "'pkg:cargo/*'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
