//! Commands for developers: `cargo xtask test`, `tidy`, `bench`, `fuzz` and `kill`.
//!
//! Reading order: [`mod@test`] (what a full run consists of), [`tool`] (what the tests need from
//! outside and how it is had), [`tidy`] (the rules of the house that no compiler knows), [`fuzz`]
//! and [`kill`] (searches for what breaks, run by hand).
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer's terminal is where these commands report"
)]

mod bench;
mod failure;
mod fuzz;
mod kill;
mod metadata;
mod process;
mod step;
mod test;
mod tidy;
mod tool;

use failure::Failure;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test            set up what the tests need, then format, tidy, alert rules, clippy, docs, tests
  test --quick    set up what the tests need, then the tests alone
  bench           build for release and measure, beside OpenBao (docs/performance.md)
  bench SECTION…  only these sections
  tidy            the rules of the house: arrows, names, sizes, places
  fuzz [--seconds N] [--target NAME]
                  search for inputs that break a reader of outside bytes (300 s in all)
  kill [--times N] [--seed N] [--records N]
                  kill the server N times under load; nothing acknowledged may be lost.
                  With --records: while the root key rotates over a store of N secrets";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["test"] => test::run(&root(), test::Extent::Everything),
        ["test", "--quick"] => test::run(&root(), test::Extent::TestsAlone),
        ["bench", sections @ ..] => bench::run(&root(), sections),
        ["tidy"] => tidy::run(&root()),
        ["fuzz", rest @ ..] => match fuzz::Search::parse(rest) {
            Some(search) => fuzz::run(&root(), &search),
            None => return not_understood(),
        },
        ["kill", rest @ ..] => match kill::Plan::parse(rest) {
            Some(plan) => kill::run(&root(), &plan),
            None => return not_understood(),
        },
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => return not_understood(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn not_understood() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

/// The workspace: the folder above the one that holds this package.
fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}

/// The cargo that runs us, so that one toolchain does everything.
fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
