//! `keyward proof …`.

use serde_json::json;

use super::key::put;
use crate::{
    args::{ProofResign, ProofVerb},
    exit::Failure,
    render::{self, Document},
    session::Session,
    transport::{Request, segment},
};

pub(super) fn run(session: &mut Session<'_>, verb: ProofVerb) -> Result<(), Failure> {
    match verb {
        ProofVerb::Show { id } => {
            let bundle = session.ask(&Request::get(path(&id, "")))?;
            let text = bundle.to_json();
            session.print(&text)
        }
        // The very bytes, since a bundle is content-addressed.
        ProofVerb::Export { id, out } => {
            let out = session.destination(out.as_deref())?;
            let bundle = session.send(&Request::get(path(&id, "")))?;
            session.deliver(&bundle, &out)
        }
        ProofVerb::List { key_id } => {
            let proofs = list(session, key_id)?;
            session.emit(&proofs, render::proof::list)
        }
        ProofVerb::ReSign(resign) => self::resign(session, resign),
        ProofVerb::Rescan { limit } => {
            let mut body = json!({});
            put(&mut body, "limit", limit);
            let answer = session.ask(&Request::post("/proofs/rescan", body))?;
            session.emit(&answer, render::proof::rescan)
        }
    }
}

fn path(id: &str, below: &str) -> String {
    format!("/proofs/{}{below}", segment(id))
}

/// The API lists the proofs of one key; those of all keys are put into the ledger's order.
fn list(session: &mut Session<'_>, key_id: Option<String>) -> Result<Document, Failure> {
    let keys = match key_id {
        Some(key_id) => vec![key_id],
        None => {
            let page = || Request::get("/signer/keys");
            let keys = session.list(page, ("keys", "after"), None)?.list("keys");
            keys.iter().filter_map(|key| key.text("keyId")).collect()
        }
    };
    let mut proofs = Vec::new();
    for key in keys {
        let page = || Request::get("/proofs").with("keyId", Some(&key));
        proofs.extend(session.list(page, ("proofs", "after"), None)?.into_list("proofs"));
    }
    proofs.sort_by_key(|proof| proof.get("seq").and_then(serde_json::Value::as_u64));
    Ok(Document::from(json!({ "proofs": proofs })))
}

fn resign(session: &mut Session<'_>, resign: ProofResign) -> Result<(), Failure> {
    let ProofResign { id, key_id, reason, out } = resign;
    let out = out.map(|out| session.destination(Some(&out))).transpose()?;
    let body = json!({ "keyId": key_id, "reason": reason });
    let answer = session.ask(&Request::post(path(&id, "/re-sign"), body))?;
    if let (Some(out), Some(envelope)) = (out, answer.inner("envelope")) {
        session.deliver(envelope.to_line().as_bytes(), &out)?;
    }
    session.emit(&answer, render::proof::resigned)
}
