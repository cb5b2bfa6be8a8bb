//! The `keyward` binary: hands the process to the library.

use keyward_cli::{run, surroundings::Surroundings};
use std::{alloc::System, io::Write as _, process::ExitCode};
use zeroizing_alloc::ZeroAlloc;

/// Wipes what is given back: buffers of HTTP, TLS and JSON hold secrets for a while, and are in
/// the hands of libraries that do not wipe them.
#[global_allocator]
static MEMORY: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    let mut surroundings = Surroundings::of_this_process();
    if let Err(failed) = keyward_crypto::secret::harden_process() {
        // Whoever reads it may act on it; the command is still worth doing.
        drop(writeln!(surroundings.stderr, "warning: {failed}"));
    }
    ExitCode::from(run(std::env::args_os(), &mut surroundings))
}
