//! `keyward completions` and `keyward man`: made from the command line itself.

use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use keyward_storage::durable::create_directory;

use crate::{args::CommandLine, exit::Failure, input, session::Session};

pub(super) fn completions(
    session: &mut Session<'_>,
    shell: clap_complete::Shell,
) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut CommandLine::command(), "keyward", &mut bytes);
    session.print_bytes(&bytes)
}

/// The page of the whole program, or one page for every command in a directory.
pub(super) fn manual(session: &mut Session<'_>, dir: Option<&Path>) -> Result<(), Failure> {
    let mut command = CommandLine::command();
    command.build();
    let Some(dir) = dir else {
        return session.print_bytes(&page(&command)?);
    };
    if !dir.is_dir() {
        create_directory(dir).map_err(|e| Failure::of(&e))?;
    }
    pages(&command, dir)
}

fn pages(command: &Command, dir: &Path) -> Result<(), Failure> {
    // `keyward-key-generate`, as clap builds it from the names of the levels.
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    input::write(&dir.join(format!("{name}.1")), &page(command)?)?;
    command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
        .try_for_each(|below| pages(below, dir))
}

fn page(command: &Command) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    Man::new(command.clone()).render(&mut bytes)?;
    Ok(bytes)
}
