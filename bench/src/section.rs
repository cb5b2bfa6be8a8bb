//! The sections, each run in a process of its own.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use crate::{
    Failure, append, lookup, machine, pattern,
    report::{HEAD, Row},
    reseal, rotation, secret, sign, start, verification,
};

/// The word that says: run this section here. What follows it are the section's own words.
pub(crate) const ALONE: &str = "--alone";

/// A thing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Pattern,
    Lookup,
    Verify,
    Append,
    Sign,
    Rotate,
    Start,
    Reseal,
    Secret,
}

impl Section {
    pub(crate) const ALL: &[Self] = &[
        Self::Pattern,
        Self::Lookup,
        Self::Verify,
        Self::Append,
        Self::Sign,
        Self::Rotate,
        Self::Start,
        Self::Reseal,
        Self::Secret,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Pattern => "pattern",
            Self::Lookup => "lookup",
            Self::Verify => "verify",
            Self::Append => "append",
            Self::Sign => "sign",
            Self::Rotate => "rotate",
            Self::Start => "start",
            Self::Reseal => "reseal",
            Self::Secret => "secret",
        }
    }

    pub(crate) fn parse(name: &str) -> Result<Self, Failure> {
        let found = Self::ALL.iter().copied().find(|section| section.name() == name);
        found.ok_or_else(|| Failure::new(format!("there is no section `{name}`; see --help")))
    }
}

/// Runs sections one after the other, and prints the table.
pub(crate) fn run(chosen: &[Section]) -> Result<(), Failure> {
    println!("{}\n", machine::description());
    println!("{HEAD}");
    let mut failed = Vec::new();
    for section in chosen {
        eprintln!("==> {}", section.name());
        let rows = child(&[section.name()]);
        match rows {
            Ok(rows) => rows.iter().for_each(|row| println!("{}", row.line())),
            Err(Failure(why)) => {
                eprintln!("    {}: {why}", section.name());
                failed.push(section.name());
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("not measured: {}", failed.join(", "))))
}

/// Runs this program again for one section and gives back what it measured.
pub(crate) fn child(words: &[&str]) -> Result<Vec<Row>, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    let mut process = command.arg(ALONE).args(words).stdout(Stdio::piped()).spawn()?;
    let mut rows = Vec::new();
    if let Some(output) = process.stdout.take() {
        for line in BufReader::new(output).lines() {
            rows.push(serde_json::from_str(&line?)?);
        }
    }
    let status = process.wait()?;
    if status.success() { Ok(rows) } else { Err(Failure::new(format!("it ended with {status}"))) }
}

/// Runs one section in this process; its rows go to stdout as lines of JSON.
pub(crate) fn run_alone(words: &[String]) -> Result<(), Failure> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (first, rest) = words.split_first().ok_or_else(|| Failure::new("no section named"))?;
    match Section::parse(first)? {
        Section::Pattern => pattern::run(),
        Section::Lookup => lookup::run(),
        Section::Verify => verification::run(),
        Section::Append => append::run(),
        Section::Sign => sign::run(),
        Section::Rotate => rotation::run(),
        Section::Start => start::run(rest),
        Section::Reseal => reseal::run(),
        Section::Secret => secret::run(),
    }
}
