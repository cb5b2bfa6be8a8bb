//! `keyward init`.

use std::io::{BufRead as _, BufReader, Read as _};

use serde_json::json;

use crate::{
    args::Init,
    configuration,
    exit::Failure,
    password,
    render::{self, Document},
    session::Session,
    store::{Ground, Store, refuse_existing},
};

/// Longest answer to a question, in bytes.
const ANSWER_BYTES_MAX: u64 = 256;

pub(super) fn run(session: &mut Session<'_>, init: &Init) -> Result<(), Failure> {
    let data = session.data();
    if session.global.addr.is_some() {
        return Err(Failure::error("a store is made on its own machine, not through a server")
            .hint("leave --addr and KEYWARD_ADDR out"));
    }
    // Nobody is asked for the password of a store that is not going to be made.
    refuse_existing(&data)?;
    confirm(session, init)?;
    let password = password::obtain_new(&session.global, session.surroundings)?;
    let config = match configuration::file(&session.global, &data) {
        Some(file) => Some(configuration::read(&file)?),
        None => None,
    };
    let profiles = configuration::profiles(config.as_ref());
    let ground =
        Ground::prepare(&data, session.surroundings.clock.clone(), session.global.memory())?;
    let names: Vec<String> = profiles.iter().map(|profile| profile.name.to_string()).collect();
    let Store { keyward, .. } = ground.create(&data, &password, profiles)?;
    let state = keyward.state();
    let store = state.store().ok_or_else(|| Failure::error("the store has no beginning"))?;
    let made = Document::from(json!({
        "data": data.display().to_string(),
        "rootId": store.root_id.to_string(),
        "authority": store.authority.to_string(),
        "profiles": names,
    }));
    session.emit(&made, render::store::made)?;
    if !session.is_json() {
        session.note("hint: make the first key with `keyward key generate --key-id ID`")?;
        session.note("hint: the key that vouches for the log is in this store; `keyward authority propose --help` says how to move it elsewhere")?;
    }
    Ok(())
}

/// RK-032: loss of the password is loss of everything; whoever makes a store has read it.
fn confirm(session: &mut Session<'_>, init: &Init) -> Result<(), Failure> {
    let asks_nothing =
        init.yes || password::is_given(&session.global) || !session.surroundings.terminal.stdin;
    if asks_nothing {
        return Ok(());
    }
    session.note(LOSS)?;
    write!(session.surroundings.stderr, "Type `yes` to go on: ")?;
    session.surroundings.stderr.flush()?;
    let mut answer = String::new();
    let input = &mut session.surroundings.stdin;
    let read = BufReader::new(input.take(ANSWER_BYTES_MAX)).read_line(&mut answer);
    read.map_err(|error| Failure::error(format!("the answer cannot be read: {error}")))?;
    if answer.trim() == "yes" {
        Ok(())
    } else {
        Err(Failure::refused("no store was made: it was not confirmed"))
    }
}

const LOSS: &str = "\
The private keys in this store are sealed under a root key that only the password opens.
If the password is lost, and no running server has the root key in its memory, the private
keys are lost for ever: nobody can recover them. Keep the password in a safe place, apart
from the data directory and its backups.";
