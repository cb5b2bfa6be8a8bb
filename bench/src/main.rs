//! Measures Keyward against its targets, its peers and the machine it runs on.
//!
//! `keyward-bench` alone runs every section, each in a process of its own, so that one
//! section's memory does not stand in another's figures, and prints one table.
//! `keyward-bench SECTION…` runs those sections. What is measured and how is told in
//! `docs/performance.md`; nothing here is a test, and nothing fails for being slow.
//!
//! Reading order: [`section`] (what there is), [`report`] (a row), [`measure`] (how time is
//! taken), then one file for each section.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a developer's terminal is where benchmarks report"
)]

mod append;
mod compared;
mod failure;
mod http;
mod load;
mod lookup;
mod machine;
mod measure;
mod openbao;
mod pattern;
mod population;
mod report;
mod reseal;
mod rotation;
mod secret;
mod section;
mod served;
mod sign;
mod start;
mod store;
mod verification;

use std::{alloc::System, process::ExitCode};

use failure::Failure;
use section::Section;
use zeroizing_alloc::ZeroAlloc;

/// As in the program that is measured.
#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

const USAGE: &str = "\
usage: keyward-bench [SECTION…]

sections: pattern lookup verify append sign rotate start reseal secret
environment:
  KEYWARD_BENCH_DIR      where stores are made (default: the system's temporary directory)
  KEYWARD_BENCH_RECORDS  records of the section reseal (default: 100000)
  KEYWARD_BENCH_PROGRAM  the keyward program (default: beside this one)
  KEYWARD_BENCH_OPENBAO  the bao program (default: none, and the peer is left out)";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match words.as_slice() {
        [word] if word == "--help" || word == "-h" => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        [step, rest @ ..] if step == section::ALONE => section::run_alone(rest),
        names => {
            names.iter().map(|name| Section::parse(name)).collect::<Result<Vec<_>, _>>().and_then(
                |chosen| section::run(if chosen.is_empty() { Section::ALL } else { &chosen }),
            )
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(why)) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}
