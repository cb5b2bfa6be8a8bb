//! `keyward anchor …`.

use serde_json::{Value, json};

use super::key::{body_of, put};
use crate::{
    args::{AnchorCreate, AnchorKey, AnchorVerb},
    exit::Failure,
    input,
    render::{self, Document},
    session::Session,
    transport::{Request, segment},
};

pub(super) fn run(session: &mut Session<'_>, verb: AnchorVerb) -> Result<(), Failure> {
    match verb {
        AnchorVerb::Create(create) => {
            let anchor = session.ask(&Request::post("/anchors", body_of_new(create)))?;
            session.emit(&anchor, render::anchor::whole)
        }
        AnchorVerb::List { status } => {
            let page = || Request::get("/anchors").with("status", status.as_deref());
            let anchors = session.list(page, ("anchors", "after"), None)?;
            session.emit(&anchors, render::anchor::list)
        }
        AnchorVerb::Show { anchor, as_of } => {
            let request = Request::get(path(anchor.id(), "")).with("asOf", as_of);
            let anchor = session.ask(&request)?;
            session.emit(&anchor, render::anchor::whole)
        }
        AnchorVerb::Status(anchor) => {
            let status = session.ask(&Request::get(path(anchor.id(), "/status")))?;
            session.emit(&status, render::anchor::status)
        }
        AnchorVerb::AddKey(key) => add_key(session, key),
        AnchorVerb::RevokeKey { anchor, key_id, ending } => {
            session.unseal_if_given()?;
            let below = format!("/keys/{}/revoke", segment(&key_id));
            let request = Request::post(path(anchor.id(), &below), body_of(ending));
            let answer = session.ask(&request)?;
            session.emit(&answer, render::key::revocation)
        }
        AnchorVerb::Import { file } => {
            let bytes = input::read(session, &file, input::DOCUMENT_BYTES_MAX)?;
            let document = input::json(&bytes, &file)?;
            let anchor = session.ask(&Request::post("/anchors/import", document))?;
            session.emit(&anchor, render::anchor::whole)
        }
        AnchorVerb::Export { anchor, out } => {
            let out = session.destination(out.as_deref())?;
            let anchor = session.ask(&Request::get(path(anchor.id(), "")))?;
            let document = render::anchor::export(&anchor);
            session.deliver(document.to_json().as_bytes(), &out)
        }
        AnchorVerb::Deactivate(anchor) => {
            let request = Request::post(path(anchor.id(), "/deactivate"), json!({}));
            let anchor = session.ask(&request)?;
            session.emit(&anchor, render::anchor::whole)
        }
        AnchorVerb::History(anchor) => {
            let history = session.ask(&Request::get(path(anchor.id(), "/keys/history")))?;
            session.emit(&history, render::anchor::history)
        }
    }
}

/// The runbook abbreviates ids with a trailing `...` (SO-045).
fn path(anchor_id: &str, below: &str) -> String {
    let id = anchor_id.trim_end_matches("...").trim_end_matches('…');
    format!("/anchors/{}{below}", segment(id))
}

fn body_of_new(create: AnchorCreate) -> Value {
    let AnchorCreate {
        purl_pattern,
        key_ids,
        predicate_types,
        anchor_id,
        policy_version,
        threshold,
        algorithms,
        allow_universal,
    } = create;
    let mut body = json!({
        "purlPattern": purl_pattern, "keyIds": key_ids, "predicateTypes": predicate_types,
    });
    put(&mut body, "anchorId", anchor_id);
    put(&mut body, "policyVersion", policy_version);
    put(&mut body, "threshold", threshold);
    put(&mut body, "algorithms", (!algorithms.is_empty()).then_some(algorithms));
    put(&mut body, "allowUniversal", allow_universal.then_some(true));
    body
}

fn add_key(session: &mut Session<'_>, key: AnchorKey) -> Result<(), Failure> {
    let AnchorKey { anchor_id, key_id, public_key, affected_by, promote } = key;
    let mut body = json!({ "keyid": key_id });
    if let Some(file) = public_key {
        put(&mut body, "publicKey", Some(input::read_text(session, &file)?));
    }
    put(&mut body, "affectedBy", affected_by);
    let mut answer = session.ask(&Request::post(path(&anchor_id, "/keys"), body))?;
    if promote {
        let path = format!("/signer/keys/{}/promote", segment(&key_id));
        let promoted = session.ask(&Request::post(path, json!({})))?;
        let mut both = answer.value().clone();
        put(&mut both, "promoted", Some(promoted.value().clone()));
        answer = Document::from(both);
    }
    session.emit(&answer, render::anchor::added)
}
