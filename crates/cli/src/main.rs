//! The `keyward` binary: hands the process to the library.

use keyward_cli::{run, surroundings::Surroundings};
use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(run(std::env::args_os(), &mut Surroundings::of_this_process()))
}
