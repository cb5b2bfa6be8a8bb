//! `keyward sign`.

use std::path::Path;

use serde_json::{Value, json};

use super::key::put;
use crate::{
    args::Sign,
    exit::Failure,
    input::{self, PAYLOAD_BYTES_MAX},
    session::Session,
    transport::Request,
};

pub(super) fn run(session: &mut Session<'_>, sign: Sign) -> Result<(), Failure> {
    let out = sign.out.as_deref().map(|out| session.destination(Some(out))).transpose()?;
    let body = body(session, sign)?;
    let answer = session.ask(&Request::post("/sign", body))?;
    let envelope = answer.inner("envelope");
    let envelope = envelope.ok_or_else(|| Failure::error("the answer holds no envelope"))?;
    if let Some(out) = &out {
        session.deliver(envelope.to_line().as_bytes(), out)?;
    }
    if session.is_json() {
        let text = answer.to_json();
        return session.print(&text);
    }
    if out.is_none() {
        session.print(&envelope.to_line())?;
    }
    session.note(format_args!("proof bundle: {}", answer.text("proofBundle").unwrap_or_default()))
}

fn body(session: &mut Session<'_>, sign: Sign) -> Result<Value, Failure> {
    let Sign {
        key_id,
        profile,
        file,
        payload_type,
        artifact,
        purl,
        predicate_type,
        predicate,
        countersign,
        out: _,
    } = sign;
    let mut body = json!({});
    // Neither is said: the runbook's profile.
    let profile = profile.or_else(|| key_id.is_empty().then(|| "default".to_owned()));
    put(&mut body, "keyIds", (!key_id.is_empty()).then_some(key_id));
    put(&mut body, "profile", profile);
    if let Some(file) = file {
        let payload = input::read(session, &file, PAYLOAD_BYTES_MAX)?;
        put(&mut body, "payload", Some(input::base64(&payload)));
        put(&mut body, "payloadType", Some(payload_type));
    }
    if let Some(artifact) = artifact {
        let sha256 = input::digest_of_file(&artifact)?.to_string();
        let mut statement =
            json!({ "purl": purl, "sha256": sha256, "predicateType": predicate_type });
        if let Some(file) = predicate {
            put(&mut statement, "predicate", Some(document(session, &file)?));
        }
        put(&mut body, "statement", Some(statement));
    }
    if let Some(file) = countersign {
        put(&mut body, "envelope", Some(document(session, &file)?));
    }
    Ok(body)
}

fn document(session: &mut Session<'_>, file: &Path) -> Result<Value, Failure> {
    let bytes = input::read(session, file, 2 * PAYLOAD_BYTES_MAX)?;
    input::json(&bytes, file)
}
