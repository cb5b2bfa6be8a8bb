//! `keyward audit …`.

use serde_json::json;

use super::{
    key::put,
    offline::{self, Trusted},
};
use crate::{
    args::{AuditProof, AuditQuery, AuditVerb, AuditVerify},
    exit::{Exit, Failure},
    input,
    render::{self, Document},
    session::Session,
    transport::Request,
};

pub(super) fn run(session: &mut Session<'_>, verb: AuditVerb) -> Result<Exit, Failure> {
    match verb {
        AuditVerb::Query(query) => self::query(session, query)?,
        AuditVerb::Export { out } => {
            let out = session.destination(out.as_deref())?;
            session.unseal_if_given()?;
            let bundle = session.send(&Request::get("/audit/export"))?;
            session.deliver(&bundle, &out)?;
            say_what_is_missing(session, &bundle)?;
        }
        AuditVerb::Verify(verify) => return self::verify(session, &verify),
        AuditVerb::Checkpoint => {
            session.unseal_if_given()?;
            let checkpoint = session.send(&Request::get("/audit/checkpoint"))?;
            if session.is_json() {
                let text = String::from_utf8_lossy(&checkpoint);
                let text = Document::from(json!({ "checkpoint": text })).to_json();
                session.print(&text)?;
            } else {
                session.print_bytes(&checkpoint)?;
            }
        }
        AuditVerb::Proof(proof) => {
            let AuditProof { index, from, to } = proof;
            let request = match index {
                Some(index) => Request::get("/audit/proof/inclusion").with("index", Some(index)),
                None => Request::get("/audit/proof/consistency").with("from", from).with("to", to),
            };
            let proof = session.ask(&request)?;
            session.emit(&proof, render::audit::proof)?;
        }
        AuditVerb::Snapshot => {
            let snapshot = session.ask(&Request::post("/audit/snapshot", json!({})))?;
            session.emit(&snapshot, render::audit::snapshot)?;
        }
    }
    Ok(Exit::Done)
}

/// A bundle ends with the newest checkpoint; what a sealed store logged after it has none yet.
fn say_what_is_missing(session: &mut Session<'_>, bundle: &[u8]) -> Result<(), Failure> {
    let lines = bundle.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
    // The first line is the authority, the last the checkpoint.
    let leaves = u64::try_from(lines.saturating_sub(2)).unwrap_or(u64::MAX);
    let size = session.ask(&Request::get("/status"))?.number("logSize").unwrap_or(leaves);
    match size.saturating_sub(leaves) {
        0 => Ok(()),
        missing => session.note(format_args!(
            "warning: the newest {missing} events are not in it, since no checkpoint signs them \
             yet\nhint: unseal the store with `keyward root unseal`, and export again"
        )),
    }
}

fn query(session: &mut Session<'_>, query: AuditQuery) -> Result<(), Failure> {
    let AuditQuery { event_type, from, to, key_id, anchor_id, limit } = query;
    let page = || {
        Request::get("/audit/events")
            .with("type", event_type.as_deref())
            .with("keyId", key_id.as_deref())
            .with("anchorId", anchor_id.as_deref())
            .with("from", from)
            .with("to", to.map(|to| to.0))
            .with("limit", limit.map(|limit| limit.min(PAGE_EVENTS)))
    };
    let events = session.list(page, ("events", "beforeSeq"), limit)?;
    session.emit(&events, render::audit::events)
}

fn verify(session: &mut Session<'_>, verify: &AuditVerify) -> Result<Exit, Failure> {
    let AuditVerify { checkpoint, trust, authority, allow_expired } = verify;
    let checkpoint = match checkpoint {
        Some(file) => Some(input::read_text(session, file)?),
        None => None,
    };
    let answer = match trust {
        Some(file) => {
            let (authority, allow_expired) = (authority.as_ref(), *allow_expired);
            let trusted = Trusted { authority, allow_expired };
            offline::audit(session, file, trusted, checkpoint.as_deref())?
        }
        None => {
            let mut body = json!({});
            put(&mut body, "checkpoint", checkpoint);
            session.ask(&Request::post("/audit/verify", body))?
        }
    };
    session.emit(&answer, render::audit::verified)?;
    Ok(if answer.is_true("ok") { Exit::Done } else { Exit::No })
}

/// Most events of one page.
const PAGE_EVENTS: usize = 1_000;
