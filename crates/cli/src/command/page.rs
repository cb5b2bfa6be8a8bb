//! `keyward completions` and `keyward man`: made from the command line itself.

use std::{fs, path::Path};

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use keyward_storage::durable::Mode;

use crate::{
    args::CommandLine,
    exit::Failure,
    output::{self, Destination},
    session::Session,
};

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
    let data = session.data();
    output::refuse_own(dir, &data)?;
    fs::create_dir_all(dir).map_err(|error| {
        let what = if dir.exists() { "it is no directory".to_owned() } else { error.to_string() };
        Failure::error(format!("the pages cannot be kept in {}: {what}", dir.display()))
            .hint("name another directory with --dir")
    })?;
    pages(&command, (dir, &data))
}

fn pages(command: &Command, (dir, data): (&Path, &Path)) -> Result<(), Failure> {
    // `keyward-key-generate`, as clap builds it from the names of the levels.
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let file = Destination::of(&dir.join(format!("{name}.1")), data)?;
    file.write(&page(command)?, Mode::Public)?;
    command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
        .try_for_each(|below| pages(below, (dir, data)))
}

fn page(command: &Command) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    Man::new(command.clone()).render(&mut bytes)?;
    Ok(bytes)
}
