//! The `keyward` binary: hands the process to the library.

use keyward_cli::{run, surroundings::Surroundings};
use std::{io::Write as _, process::ExitCode};

fn main() -> ExitCode {
    let mut surroundings = Surroundings::of_this_process();
    if let Err(failed) = keyward_crypto::secret::harden_process() {
        // Whoever reads it may act on it; the command is still worth doing.
        drop(writeln!(surroundings.stderr, "warning: {failed}"));
    }
    ExitCode::from(run(std::env::args_os(), &mut surroundings))
}
