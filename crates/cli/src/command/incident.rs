//! `keyward incident …`.

use serde_json::json;

use super::key::put;
use crate::{
    args::{IncidentReport, IncidentRotate, IncidentVerb},
    exit::Failure,
    render,
    session::Session,
    transport::Request,
};

pub(super) fn run(session: &mut Session<'_>, verb: IncidentVerb) -> Result<(), Failure> {
    match verb {
        IncidentVerb::Report(report) => self::report(session, report),
        IncidentVerb::Rotate(rotate) => {
            let IncidentRotate { key, new_key_id, compromised_since, scope } = rotate;
            let mut body = json!({ "keyId": key });
            put(&mut body, "newKeyId", new_key_id);
            put(&mut body, "compromisedSince", compromised_since.map(|at| at.to_string()));
            put(&mut body, "scope", scope);
            let answer = session.ask(&Request::post("/incidents/rotate", body))?;
            session.emit(&answer, render::proof::rotated)
        }
    }
}

fn report(session: &mut Session<'_>, report: IncidentReport) -> Result<(), Failure> {
    let IncidentReport { key, signed, out } = report;
    let out = out.map(|out| session.destination(Some(&out))).transpose()?;
    let request = if signed {
        Request::post("/incidents/report", json!({ "keyId": key }))
    } else {
        Request::get("/incidents/report").with("keyId", Some(key))
    };
    let answer = session.ask(&request)?;
    if let Some(out) = out {
        session.deliver(answer.to_json().as_bytes(), &out)?;
    }
    if signed && !session.is_json() {
        let id = answer.text("proofBundle").unwrap_or_default();
        session.note(format_args!("proof bundle: {id}"))?;
    }
    let report = answer.inner("report").unwrap_or_else(|| answer.clone());
    session.emit(&answer, |_| render::proof::report(&report))
}
