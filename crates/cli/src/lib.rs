//! The `keyward` command line: wires the crates together, decides nothing, and is the only
//! place that prints.
//!
//! Every command is a request to the API, over a socket or in this process ([`run`] chooses),
//! whose answer is printed: as text for people, or as it is for programs.
//!
//! Reading order: `args` (what can be said), `session` (one command at work), `transport` (the
//! two ways to the API), `command` (what each noun does), `render` (how answers look).

mod args;
mod command;
mod configuration;
mod exit;
mod input;
mod output;
mod password;
mod progress;
mod render;
mod session;
mod site;
mod store;
pub mod surroundings;
mod transport;

use std::{ffi::OsString, io::Write as _};

use clap::{CommandFactory as _, FromArgMatches as _, parser::ValueSource};

use crate::{
    args::{CommandLine, Global},
    exit::{Exit, Failure},
    session::Session,
    surroundings::Surroundings,
};

/// Runs one command line, the program's name first, and gives the exit code: 0 valid or done,
/// 1 invalid, indeterminate or refused by a rule, 2 usage or system error.
pub fn run(arguments: impl IntoIterator<Item = OsString>, surroundings: &mut Surroundings) -> u8 {
    let line = match parse(arguments) {
        Ok(line) => line,
        Err(error) => return usage(&error, surroundings).code(),
    };
    let mut session = Session::new(surroundings, line.global);
    let exit = command::run(&mut session, line.command).unwrap_or_else(|failure| {
        if !failure.is_silent() {
            // Where even this cannot be written, the exit code still says it.
            drop(session.note(&failure));
        }
        failure.exit()
    });
    exit.code()
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<CommandLine, clap::Error> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let matches = CommandLine::command().try_get_matches_from(arguments.clone());
    let matches = matches.map_err(|error| without_environment(arguments, error))?;
    let mut line = CommandLine::from_arg_matches(&matches)?;
    settle(&mut line.global, &matches);
    Ok(line)
}

/// What the environment says stands in the usage of an error as if the line had to say it: the
/// error is taken that the line makes by itself, if it is of the same kind.
fn without_environment(arguments: Vec<OsString>, error: clap::Error) -> clap::Error {
    let bare = CommandLine::command().mut_args(|argument| argument.env(None::<&str>));
    match bare.try_get_matches_from(arguments) {
        Err(bare) if bare.kind() == error.kind() => bare,
        Ok(_) | Err(_) => error,
    }
}

/// A directory that is named on the line is meant, whatever server the environment names: what
/// is printed by `demo` must never reach somebody's production.
fn settle(global: &mut Global, matches: &clap::ArgMatches) {
    let source = |name: &str| innermost(matches, name);
    let on_line = Some(ValueSource::CommandLine);
    if source("data") == on_line && source("addr") != on_line {
        global.addr = None;
    }
    if source("password_fd") != on_line && global.password_file.is_some() {
        global.password_fd = None;
    }
}

/// Where a global option came from: its value is known at every level, its source only where
/// it was said.
fn innermost(matches: &clap::ArgMatches, name: &str) -> Option<ValueSource> {
    let deeper = matches.subcommand().and_then(|(_, matches)| innermost(matches, name));
    let here = matches.try_contains_id(name).ok().and_then(|_| matches.value_source(name));
    deeper.max(here)
}

/// Help and version are data; everything else is a usage error.
fn usage(error: &clap::Error, surroundings: &mut Surroundings) -> Exit {
    let text = error.render();
    let text = if surroundings.terminal.colour && surroundings.terminal.stderr {
        text.ansi().to_string()
    } else {
        text.to_string()
    };
    if error.use_stderr() {
        // Where even this cannot be written, the exit code still says it.
        drop(write!(surroundings.stderr, "{text}"));
        return Exit::Error;
    }
    match write!(surroundings.stdout, "{text}").map_err(Failure::from) {
        Ok(()) => Exit::Done,
        Err(failure) => failure.exit(),
    }
}
