//! What each noun does: a request, an answer, and how it is printed.

mod access;
mod anchor;
mod audit;
mod authority;
mod backup;
mod demo;
mod incident;
mod init;
mod keeper;
mod key;
mod offline;
mod page;
mod proof;
mod root;
mod secret;
mod serve;
mod sign;
mod verify;

use crate::{
    args::{Command, ProfileVerb},
    exit::{Exit, Failure},
    render,
    session::Session,
    transport::Request,
};

/// Runs one command.
pub(crate) fn run(session: &mut Session<'_>, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Init(init) => init::run(session, &init)?,
        Command::Demo(demo) => demo::run(session, &demo)?,
        Command::Serve(serve) => serve::run(session, serve)?,
        Command::Keeper(keeper) => keeper::run(session, &keeper)?,
        Command::Status => root::status(session)?,
        Command::Root(verb) => return root::run(session, verb),
        Command::Backup(copy) => backup::run(session, &copy)?,
        Command::Rollback(verb) => root::rollback(session, &verb)?,
        Command::Profile(ProfileVerb::List) => {
            let profiles = session.ask(&Request::get("/profiles"))?;
            session.emit(&profiles, render::key::profiles)?;
        }
        Command::Key(verb) => return key::run(session, verb),
        Command::Anchor(verb) => anchor::run(session, verb)?,
        Command::Sign(sign) => sign::run(session, sign)?,
        Command::Verify(verify) => return verify::run(session, &verify),
        Command::Proof(verb) => proof::run(session, verb)?,
        Command::Incident(verb) => incident::run(session, verb)?,
        Command::Audit(verb) => return audit::run(session, verb),
        Command::Authority(verb) => authority::run(session, verb)?,
        Command::Actor(verb) => access::actor(session, &verb)?,
        Command::Secret(verb) => secret::run(session, verb)?,
        Command::Policy(verb) => secret::policy(session, verb)?,
        Command::Token(verb) => access::token(session, verb)?,
        Command::Completions { shell } => page::completions(session, shell)?,
        Command::Man { dir } => page::manual(session, dir.as_deref())?,
    }
    Ok(Exit::Done)
}
