//! `keyward key …`.

use keyward::metadata::METADATA_BYTES_MAX;
use serde_json::{Value, json};

use crate::{
    args::{Ending, KeyGenerate, KeyImport, KeyRotate, KeyVerb},
    exit::{Exit, Failure},
    input,
    render::{self, Document},
    session::Session,
    transport::{Request, segment},
};

pub(super) fn run(session: &mut Session<'_>, verb: KeyVerb) -> Result<Exit, Failure> {
    match verb {
        KeyVerb::Generate(generate) => made(session, &generation(generate))?,
        KeyVerb::Import(import) => {
            let signs = import.private_key.is_some();
            let request = import_of(session, import)?;
            if signs { made(session, &request)? } else { changed(session, &request)? }
        }
        KeyVerb::List { status, profile } => {
            let page = || {
                Request::get("/signer/keys")
                    .with("status", status.as_deref())
                    .with("profile", profile.as_deref())
            };
            let keys = session.list(page, ("keys", "after"), None)?;
            session.emit(&keys, render::key::list)?;
        }
        KeyVerb::Show(key) => {
            let key = session.ask(&Request::get(path(key.id(), "")))?;
            session.emit(&key, render::key::whole)?;
        }
        KeyVerb::History(key) => {
            let events = session.ask(&Request::get(path(key.id(), "/history")))?;
            session.emit(&events, render::audit::events)?;
        }
        KeyVerb::CheckValidity { key, at_time, anchor_id } => {
            return check_validity(session, key.id(), at_time, anchor_id.as_deref());
        }
        KeyVerb::RotationWarnings => {
            let keys = session.ask(&Request::get("/signer/rotation-warnings"))?;
            let signs = session.signs();
            session.emit(&keys, |keys| render::key::warnings(keys, signs))?;
        }
        KeyVerb::Promote { key, force } => {
            let body = with_force(json!({}), force);
            changed(session, &Request::post(path(key.id(), "/promote"), body))?;
        }
        KeyVerb::Rotate(rotate) => rotation(session, rotate)?,
        KeyVerb::Retire(key) => {
            changed(session, &Request::post(path(key.id(), "/retire"), json!({})))?;
        }
        KeyVerb::Destroy(key) => {
            changed(session, &Request::post(path(key.id(), "/destroy"), json!({})))?;
        }
        KeyVerb::Revoke { key, ending } => {
            session.unseal_if_given()?;
            let answer = session.ask(&Request::post(path(key.id(), "/revoke"), body_of(ending)))?;
            session.emit(&answer, render::key::revocation)?;
        }
        KeyVerb::ExportMetadata { out } => {
            let out = session.destination(out.as_deref())?;
            let document = session.ask(&Request::get("/signer/keys/metadata"))?;
            session.deliver(document.to_json().as_bytes(), &out)?;
        }
        KeyVerb::ImportMetadata { file } => {
            let limit = u64::try_from(METADATA_BYTES_MAX).unwrap_or(u64::MAX);
            let bytes = input::read(session, &file, limit)?;
            let document = input::strict_json(&bytes, &file)?;
            let answer = session.ask(&Request::post("/signer/keys/metadata", document))?;
            session.emit(&answer, render::key::taken_in)?;
        }
    }
    Ok(Exit::Done)
}

/// The body that ends a key, or its membership of an anchor.
pub(super) fn body_of(ending: Ending) -> Value {
    let Ending { reason, effective_at, compromised_since, scope, force } = ending;
    let mut body = json!({ "reason": reason, "effectiveAt": effective_at.to_text() });
    put(&mut body, "compromisedSince", compromised_since.map(|at| at.to_string()));
    put(&mut body, "scope", scope);
    with_force(body, force)
}

/// Adds a member to a body, if it has a value.
pub(super) fn put(body: &mut Value, member: &str, value: Option<impl Into<Value>>) {
    if let (Some(members), Some(value)) = (body.as_object_mut(), value) {
        members.insert(member.to_owned(), value.into());
    }
}

fn with_force(mut body: Value, force: bool) -> Value {
    put(&mut body, "force", force.then_some(true));
    body
}

fn path(key_id: &str, below: &str) -> String {
    format!("/signer/keys/{}{below}", segment(key_id))
}

fn generation(generate: KeyGenerate) -> Request {
    let KeyGenerate { profile, key_id, algorithm, purpose, expires_at, max_usage, parent, stage } =
        generate;
    let mut body = json!({ "profile": profile, "keyId": key_id });
    put(&mut body, "algorithm", algorithm);
    put(&mut body, "purpose", purpose);
    put(&mut body, "expiresAt", expires_at.map(|at| at.to_string()));
    put(&mut body, "maxUsage", max_usage);
    put(&mut body, "parent", parent);
    put(&mut body, "stage", stage.then_some(true));
    Request::post("/signer/keys", body)
}

fn import_of(session: &mut Session<'_>, import: KeyImport) -> Result<Request, Failure> {
    let KeyImport { profile, key_id, private_key, public_key, proof, nonce, purpose } = import;
    let mut body = json!({ "profile": profile, "keyId": key_id });
    put(&mut body, "purpose", purpose);
    if let Some(file) = private_key {
        put(&mut body, "pkcs8Pem", Some(input::read_text(session, &file)?));
    }
    if let Some(file) = public_key {
        put(&mut body, "publicKeyPem", Some(input::read_text(session, &file)?));
    }
    if let (Some(file), Some(nonce)) = (proof, nonce) {
        let signature = input::read(session, &file, input::DOCUMENT_BYTES_MAX)?;
        let signature = input::base64(&signature);
        put(&mut body, "proof", Some(json!({ "nonce": nonce, "signature": signature })));
    }
    Ok(Request::post("/signer/keys/import", body))
}

fn made(session: &mut Session<'_>, request: &Request) -> Result<(), Failure> {
    let key = session.ask(request)?;
    session.emit(&key, render::key::made)?;
    // A warning says which key signs until then, where there is one.
    let is_said = key.texts("warnings").iter().any(|warning| warning.contains("is staged"));
    if key.text("status").as_deref() == Some("STAGED") && !is_said {
        let id = key.text("keyId").unwrap_or_default();
        session.note(format_args!(
            "hint: it does not sign yet; make it the signer with `keyward key promote {id}`"
        ))?;
    }
    Ok(())
}

fn changed(session: &mut Session<'_>, request: &Request) -> Result<(), Failure> {
    let key = session.ask(request)?;
    session.emit(&key, render::key::made)
}

fn check_validity(
    session: &mut Session<'_>,
    key_id: &str,
    at: Option<keyward_lifecycle::time::Timestamp>,
    anchor_id: Option<&str>,
) -> Result<Exit, Failure> {
    let answer = match anchor_id {
        None => session.ask(&Request::get(path(key_id, "/validity")).with("at", at))?,
        Some(anchor) => {
            let path = format!("/anchors/{}/keys/{}/validity", segment(anchor), segment(key_id));
            session.ask(&Request::get(path).with("at", at))?
        }
    };
    let is_valid = answer.text("status").as_deref() == Some("Valid");
    match anchor_id {
        None => session.emit(&answer, render::key::validity)?,
        Some(_) => session.emit(&answer, render::key::membership)?,
    }
    Ok(if is_valid { Exit::Done } else { Exit::No })
}

fn rotation(session: &mut Session<'_>, rotate: KeyRotate) -> Result<(), Failure> {
    let KeyRotate { key_id, profile, new_key_id, if_due, resume, abort, force } = rotate;
    let key_id = match key_id {
        Some(key_id) => key_id,
        None => signer_of(session, &profile)?,
    };
    let mut body = json!({});
    put(&mut body, "newKeyId", new_key_id);
    put(&mut body, "ifDue", if_due.then_some(true));
    put(&mut body, "resume", resume.then_some(true));
    put(&mut body, "abort", abort.then_some(true));
    let request = Request::post(path(&key_id, "/rotate"), with_force(body, force));
    let answer = session.ask(&request)?;
    session.emit(&answer, render::key::rotation)
}

/// The key that signs for a profile.
pub(super) fn signer_of(session: &mut Session<'_>, profile: &str) -> Result<String, Failure> {
    let profiles: Vec<Document> = session.ask(&Request::get("/profiles"))?.list("profiles");
    let named = |candidate: &&Document| candidate.text("name").as_deref() == Some(profile);
    let Some(found) = profiles.iter().find(named) else {
        return Err(Failure::refused(format!("there is no profile `{profile}`"))
            .hint("`keyward profile list` shows the profiles"));
    };
    found.text("signer").ok_or_else(|| {
        Failure::refused(format!("profile `{profile}` has no key that signs"))
            .hint(format!("make one with `keyward key generate --profile {profile} --key-id ID`"))
    })
}
