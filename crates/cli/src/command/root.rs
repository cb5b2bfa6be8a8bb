//! `keyward status`, `keyward root …` and `keyward rollback …`.

mod backup;
mod drill;
mod keepers;
mod rotate;
mod slot;

use serde_json::json;

use crate::{
    args::{RollbackVerb, RootSlotVerb, RootUnseal, RootVerb},
    exit::{Exit, Failure},
    render::{self, Document},
    session::Session,
    transport::Request,
};

pub(super) fn status(session: &mut Session<'_>) -> Result<(), Failure> {
    let status = session.ask(&Request::get("/status"))?;
    session.emit(&status, render::store::status)?;
    warn(session, &status)
}

/// What must not be overlooked (RK-004).
fn warn(session: &mut Session<'_>, status: &Document) -> Result<(), Failure> {
    if status.text("memory").as_deref() != Some("unlocked") {
        return Ok(());
    }
    session.note(
        "warning: the root key is in memory that the system may write to a disk\n\
         hint: raise RLIMIT_MEMLOCK (LimitMEMLOCK= in the service file) and start without \
         --allow-unlocked-memory",
    )
}

pub(super) fn run(session: &mut Session<'_>, verb: RootVerb) -> Result<Exit, Failure> {
    match verb {
        RootVerb::Init(init) => super::init::run(session, &init)?,
        RootVerb::Status => {
            let status = session.ask(&Request::get("/root-key"))?;
            session.emit(&status, render::root::status)?;
            warn(session, &status)?;
        }
        RootVerb::Check => return check(session),
        RootVerb::Unseal(RootUnseal { recovery, shares }) => {
            let answer = if recovery || !shares.files.is_empty() {
                slot::recover(session, &shares)?
            } else {
                session.unseal()?
            };
            state(session, &answer)?;
        }
        RootVerb::Seal => {
            let answer = session.ask(&Request::post("/root-key/seal", json!({})))?;
            state(session, &answer)?;
        }
        RootVerb::Rotate(rotate) => return rotate::run(session, rotate),
        RootVerb::Backup(backup) => backup::run(session, &backup)?,
        RootVerb::Restore { file, older } => backup::restore(session, &file, older)?,
        RootVerb::Drill { backup } => return drill::run(session, backup.as_deref()),
        RootVerb::Recover(shares) => {
            let answer = slot::recover(session, &shares)?;
            state(session, &answer)?;
        }
        RootVerb::Slot(RootSlotVerb::Remove { id, keeper: Some(keeper) }) => {
            return keepers::remove(session, &id, &keeper);
        }
        RootVerb::Slot(verb) => slot::run(session, verb)?,
        RootVerb::Password(verb) => slot::password(session, &verb)?,
    }
    Ok(Exit::Done)
}

fn state(session: &mut Session<'_>, answer: &Document) -> Result<(), Failure> {
    session.emit(answer, render::store::state)?;
    gone(session)
}

/// Says that nothing keeps the root key in memory.
fn gone(session: &mut Session<'_>) -> Result<(), Failure> {
    if session.is_embedded()? {
        session.note(
            "hint: no server has this store, so the root key is gone from memory with this \
             command; `keyward serve` keeps it",
        )?;
    }
    Ok(())
}

/// Unseals a store that this process has open, before a secret is asked for or a file is written
/// in vain.
fn open(session: &mut Session<'_>) -> Result<(), Failure> {
    let status = session.ask(&Request::get("/root-key"))?;
    if session.is_embedded()? && status.text("state").as_deref() == Some("sealed") {
        session.unseal()?;
    }
    Ok(())
}

/// RK-040: the key against its check value, and a sample of records.
fn check(session: &mut Session<'_>) -> Result<Exit, Failure> {
    let checks = session.ask(&Request::post("/root-key/rotation/check", json!({})))?;
    let status = session.ask(&Request::get("/root-key"))?;
    let records = checks
        .list("checks")
        .into_iter()
        .find(|check| check.text("name").as_deref() == Some("records") && !check.is_true("passed"));
    let sound = status.is_true("sound");
    let records = records.and_then(|check| check.text("why"));
    let good = sound && records.is_none();
    let found = Document::from(json!({
        "key": if sound { "sound" } else { "damaged" },
        "memory": status.text("memory"),
        "records": records.unwrap_or_else(|| "sound".to_owned()),
    }));
    session.emit(&found, render::root::check)?;
    Ok(if good { Exit::Done } else { Exit::No })
}

pub(super) fn rollback(session: &mut Session<'_>, verb: &RollbackVerb) -> Result<(), Failure> {
    session.expect_quarantine();
    let RollbackVerb::Accept = verb;
    let answer = session.ask(&Request::post("/rollback/accept", json!({})))?;
    session.emit(&answer, render::store::rollback)
}
