//! `cargo xtask fuzz`: a search for inputs that break a reader of bytes from outside.
//!
//! The targets are in `fuzz/`, laid out as cargo-fuzz expects them, and are built here with the
//! flags that it uses, less the sanitizer: those are open to a stable compiler, and our code
//! has next to nothing that a sanitizer could find. Memory is limited by `fuzz/src/memory.rs`.

use crate::metadata::Metadata;
use crate::{Failure, cargo, process};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is to be searched, and for how long.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Search {
    /// Seconds in all, shared by the targets.
    seconds: u64,
    /// The one target, or every one.
    target: Option<String>,
}

/// Seconds when none are named.
const SECONDS: u64 = 300;
/// Longest input; seeds have the same limit.
const INPUT_BYTES_MAX: u64 = 64 << 10;
/// Longest time for one input; the slowest honest one derives a key from a password.
const INPUT_SECONDS_MAX: u64 = 20;

/// What libFuzzer reads: counters of edges, and the operands of comparisons.
const COVERAGE: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cllvm-args=-simplifycfg-branch-fold-threshold=0 \
    --cfg fuzzing";

impl Search {
    /// Reads the words after `fuzz`; `None` for words that mean nothing.
    pub(crate) fn parse(words: &[&str]) -> Option<Self> {
        let mut search = Self { seconds: SECONDS, target: None };
        let (pairs, rest) = words.as_chunks::<2>();
        for [option, value] in pairs {
            match *option {
                "--seconds" => search.seconds = value.parse().ok().filter(|s| *s > 0)?,
                "--target" => search.target = Some((*value).to_owned()),
                _ => return None,
            }
        }
        rest.is_empty().then_some(search)
    }
}

/// Builds the targets of the workspace at `root` and searches.
pub(crate) fn run(root: &Path, search: &Search) -> Result<(), Failure> {
    let targets = targets(root, search)?;
    let place = Metadata::read(root)?.target.join("fuzz");
    let host = host()?;
    build(root, &place, &host)?;
    let programs = place.join(&host).join("release");
    let count = u64::try_from(targets.len()).unwrap_or(u64::MAX);
    let seconds = search.seconds.checked_div(count).unwrap_or(1).max(1);
    println!("==> {count} targets, {seconds} s each");
    let mut broken = Vec::new();
    for target in targets {
        let turn = Turn { place: &place, program: programs.join(&target), target: &target };
        if let Some(report) = turn.search(seconds)? {
            println!("{report}");
            broken.push(target);
        }
    }
    if broken.is_empty() {
        println!("==> nothing found");
        return Ok(());
    }
    Err(Failure::new(format!("inputs were found that break {}", broken.join(", "))).hint(
        "mend the reader, and add the input to the tests of its crate; each input above is \
         reproduced by the command beside it",
    ))
}

/// The names of the files in `fuzz/fuzz_targets`, or the one that is wanted.
fn targets(root: &Path, search: &Search) -> Result<Vec<String>, Failure> {
    let folder = root.join("fuzz/fuzz_targets");
    let mut all = names(&folder)?;
    all.retain_mut(|name| match name.strip_suffix(".rs") {
        Some(stem) => {
            *name = stem.to_owned();
            true
        }
        None => false,
    });
    match &search.target {
        Some(wanted) if all.contains(wanted) => Ok(vec![wanted.clone()]),
        Some(wanted) => Err(Failure::new(format!("there is no fuzz target `{wanted}`"))
            .hint(format!("there are {}", all.join(", ")))),
        None if all.is_empty() => Err(Failure::new("fuzz/fuzz_targets holds no target")),
        None => Ok(all),
    }
}

fn build(root: &Path, place: &Path, host: &str) -> Result<(), Failure> {
    if ["c++", "g++", "clang++"].iter().all(|name| process::on_path(name).is_none()) {
        return Err(Failure::new("libFuzzer is built from C++, and no C++ compiler is on PATH")
            .hint("run `sudo apt-get update && sudo apt-get install --yes g++`"));
    }
    println!("==> build (the first time takes some minutes)");
    let mut command = Command::new(cargo());
    // With a target named, build scripts and macros are built without the flags.
    command.args(["build", "--quiet", "--release", "--bins", "--target", host]);
    command.env("RUSTFLAGS", COVERAGE).env_remove("CARGO_ENCODED_RUSTFLAGS");
    command.env("CARGO_TARGET_DIR", place).current_dir(root.join("fuzz"));
    process::show(&mut command)
}

/// The machine's own target triple, as the compiler names it.
fn host() -> Result<String, Failure> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = process::read(Command::new(rustc).arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Failure::new("`rustc -vV` names no host"))
}

/// One target's share of a run.
struct Turn<'a> {
    place: &'a Path,
    program: PathBuf,
    target: &'a str,
}

impl Turn<'_> {
    /// Searches; `Some` says what was found.
    fn search(&self, seconds: u64) -> Result<Option<String>, Failure> {
        let (corpus, artifacts) = (self.folder("corpus")?, self.folder("artifacts")?);
        let log = self.place.join(format!("{}.log", self.target));
        let open = || {
            let file = fs::File::create(&log)?;
            Ok((file.try_clone()?, file))
        };
        let (out, err) = open().map_err(|e: std::io::Error| touching(&log, &e))?;
        let before = names(&artifacts)?;
        let mut command = Command::new(&self.program);
        command.arg(&corpus).env("KEYWARD_FUZZ_SEEDS", &corpus).stdout(out).stderr(err);
        command.arg(format!("-artifact_prefix={}/", artifacts.display()));
        command.arg(format!("-max_total_time={seconds}"));
        command.arg(format!("-max_len={INPUT_BYTES_MAX}"));
        command.arg(format!("-timeout={INPUT_SECONDS_MAX}"));
        command.args(["-rss_limit_mb=2048", "-print_final_stats=1"]);
        let status = command
            .status()
            .map_err(|e| Failure::new(format!("{} did not start: {e}", self.program.display())))?;
        let said = fs::read(&log).map_err(|e| touching(&log, &e))?;
        let said = String::from_utf8_lossy(&said);
        if status.success() {
            println!("    {}: {}", self.target, tally(&said));
            return Ok(None);
        }
        let mut found = names(&artifacts)?;
        found.retain(|name| !before.contains(name));
        let mut report = format!("    {}: FOUND\n{}", self.target, cause(&said));
        for name in found {
            let input = artifacts.join(name);
            let again = format!("{} {}", self.program.display(), input.display());
            report.push_str(&format!("\n      input: {}\n      again: {again}", input.display()));
        }
        report.push_str(&format!("\n      log:   {}", log.display()));
        Ok(Some(report))
    }

    fn folder(&self, name: &str) -> Result<PathBuf, Failure> {
        let folder = self.place.join(name).join(self.target);
        fs::create_dir_all(&folder).map_err(|e| touching(&folder, &e))?;
        Ok(folder)
    }
}

/// How much was tried, from libFuzzer's closing lines.
fn tally(said: &str) -> String {
    let stat = |name: &str| {
        let mut lines = said.lines().rev();
        let found = lines.find_map(|line| line.strip_prefix(name));
        found.map_or("?", str::trim).to_owned()
    };
    let (tried, pace) =
        (stat("stat::number_of_executed_units:"), stat("stat::average_exec_per_sec:"));
    format!("{tried} inputs, {pace} a second")
}

/// The lines that say what broke: the panic and its message, or libFuzzer's own words.
fn cause(said: &str) -> String {
    let begins = |line: &&str| line.contains("panicked at") || line.contains("ERROR: libFuzzer");
    let mut lines = said.lines().skip_while(|line| !begins(line)).take(4);
    let shown: Vec<String> = lines.by_ref().map(|line| format!("      {line}")).collect();
    if shown.is_empty() {
        return "      it ended without a word; the log may say more".to_owned();
    }
    shown.join("\n")
}

/// What a folder holds, in order.
fn names(folder: &Path) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| touching(folder, &e))? {
        let entry = entry.map_err(|e| touching(folder, &e))?;
        found.push(entry.file_name().to_string_lossy().into_owned());
    }
    found.sort();
    Ok(found)
}

fn touching(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::{Search, cause, tally};

    #[test]
    fn seconds_and_one_target_can_be_named() {
        let search = |seconds, target: Option<&str>| {
            Some(Search { seconds, target: target.map(str::to_owned) })
        };
        assert_eq!(Search::parse(&[]), search(300, None));
        assert_eq!(Search::parse(&["--seconds", "7"]), search(7, None));
        let words = ["--target", "purl", "--seconds", "7"];
        assert_eq!(Search::parse(&words), search(7, Some("purl")));
        for words in [&["--seconds"][..], &["--seconds", "0"], &["--for", "7"], &["purl"]] {
            assert_eq!(Search::parse(words), None);
        }
    }

    #[test]
    fn a_log_is_told_in_a_line() {
        let log = "x\nstat::number_of_executed_units: 91\nstat::average_exec_per_sec:     45\n";
        assert_eq!(tally(log), "91 inputs, 45 a second");
        let log = "INFO: x\nthread panicked at a.rs:1:2:\nno\n";
        assert_eq!(cause(log), "      thread panicked at a.rs:1:2:\n      no");
    }
}
