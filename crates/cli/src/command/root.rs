//! `keyward status`, `keyward root …` and `keyward rollback …`.

use serde_json::json;

use crate::{
    args::{RollbackVerb, RootVerb},
    exit::Failure,
    render::{self, Document},
    session::Session,
    transport::Request,
};

pub(super) fn status(session: &mut Session<'_>) -> Result<(), Failure> {
    let status = session.ask(&Request::get("/status"))?;
    session.emit(&status, render::store::status)
}

pub(super) fn run(session: &mut Session<'_>, verb: &RootVerb) -> Result<(), Failure> {
    let answer: Document = match verb {
        RootVerb::Status => {
            let status = session.ask(&Request::get("/status"))?;
            return session.emit(&status, render::store::root);
        }
        RootVerb::Unseal => session.unseal()?,
        RootVerb::Seal => session.ask(&Request::post("/root-key/seal", json!({})))?,
    };
    session.emit(&answer, render::store::state)?;
    if session.is_embedded()? {
        session.note(
            "hint: no server has this store, so the root key is gone from memory with this \
             command; `keyward serve` keeps it",
        )?;
    }
    Ok(())
}

pub(super) fn rollback(session: &mut Session<'_>, verb: &RollbackVerb) -> Result<(), Failure> {
    let RollbackVerb::Accept = verb;
    let answer = session.ask(&Request::post("/rollback/accept", json!({})))?;
    session.emit(&answer, render::store::rollback)
}
