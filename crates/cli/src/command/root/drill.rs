//! `keyward root drill`: a restore on a copy of the data, in a directory that goes afterwards
//! (RK-031).

use std::{
    fs,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use keyward::{pin::PINS_BYTES_MAX, root::backup::Older};
use keyward_storage::{
    durable::{self, Mode, check_directory, read_limited},
    sqlite::{Existing, Sqlite, SqliteOptions},
};
use serde_json::json;

use super::backup;
use crate::{
    exit::{Exit, Failure},
    password,
    render::{self, Document},
    session::Session,
    store::{PINS_NAME, Store, Taken, absent},
    transport::Request,
};

pub(super) fn run(session: &mut Session<'_>, file: Option<&Path>) -> Result<Exit, Failure> {
    if session.global.addr.is_some() {
        return Err(Failure::error("a restore is rehearsed on the machine that has the data")
            .hint("leave --addr and KEYWARD_ADDR out; a server at work there is no hindrance"));
    }
    let data = session.data();
    if !data.exists() {
        return Err(absent(&data));
    }
    check_directory(&data).map_err(|e| Failure::of(&e))?;
    let password = password::obtain(&session.global, session.surroundings)?;
    super::open(session)?;
    let bytes = match file {
        Some(file) => backup::read(file)?,
        None => backup::made(session)?,
    };
    let scratch = Scratch::make(&data)?;
    let rehearsed = rehearse(session, (&data, &scratch.0), (bytes, password.expose().to_vec()));
    drop(scratch);
    let (outcome, records, why) = match &rehearsed {
        Ok(records) => ("good", *records, None),
        Err(failure) => ("bad", 0, Some(failure.what().to_owned())),
    };
    let note = json!({"outcome": outcome, "records": records});
    session.ask(&Request::post("/root-key/drill", note))?;
    let seen = Document::from(json!({"outcome": outcome, "records": records, "why": why}));
    session.emit(&seen, render::root::drill)?;
    Ok(if rehearsed.is_ok() { Exit::Done } else { Exit::No })
}

/// Copies the data, restores the backup beside the copy, and opens records with it.
fn rehearse(
    session: &mut Session<'_>,
    (data, scratch): (&Path, &Path),
    (backup, password): (Vec<u8>, Vec<u8>),
) -> Result<u64, Failure> {
    let pins = read_limited(&data.join(PINS_NAME), PINS_BYTES_MAX).map_err(|e| Failure::of(&e))?;
    let sqlite = Sqlite::open_read_only(data, SqliteOptions::default());
    let sqlite = sqlite.map_err(|e| Failure::of(&e))?;
    let copy = scratch.join("keyward.db");
    let _heads = sqlite.backup_to(&copy, Existing::Keep).map_err(|e| Failure::of(&e))?;
    durable::write(&scratch.join(PINS_NAME), &pins, Mode::Private).map_err(|e| Failure::of(&e))?;
    let taken = Taken::for_server(scratch, &mut *session.surroundings.pause, &|| false)?;
    let store =
        Store::open(scratch, taken, session.surroundings.clock.clone(), session.global.memory())?;
    let user = format!("local:{}", rustix::process::getuid().as_raw());
    let actor = store.keyward.actor(&user).map_err(|e| Failure::of(&e))?;
    let restored = store.keyward.restore_root(&actor, &backup, password, Older::Accepted);
    let opened = restored.map(|(_, sample)| sample.opened).map_err(|e| Failure::of(&e));
    store.keyward.close();
    opened
}

/// A directory of our own that goes with this.
struct Scratch(PathBuf);

impl Scratch {
    fn make(data: &Path) -> Result<Self, Failure> {
        let path = data.join(format!("drill-{}", std::process::id()));
        let made = fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| {
            Failure::error(format!("{} cannot be made: {error}", path.display()))
        })?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left holds nothing that is not sealed.
        drop(fs::remove_dir_all(&self.0));
    }
}
