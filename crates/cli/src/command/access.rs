//! `keyward token …` and `keyward actor …`.

use serde_json::json;

use super::key::put;
use crate::{
    args::{ActorVerb, TokenCreate, TokenVerb},
    exit::Failure,
    render,
    session::Session,
    transport::{Request, segment},
};

pub(super) fn token(session: &mut Session<'_>, verb: TokenVerb) -> Result<(), Failure> {
    match verb {
        TokenVerb::Create(create) => self::create(session, create),
        TokenVerb::List => {
            let tokens = session.ask(&Request::get("/tokens"))?;
            session.emit(&tokens, render::access::tokens)
        }
        TokenVerb::Revoke { token_id } => {
            let path = format!("/tokens/{}/revoke", segment(&token_id));
            let token = session.ask(&Request::post(path, json!({})))?;
            session.emit(&token, render::access::token)
        }
    }
}

pub(super) fn actor(session: &mut Session<'_>, verb: &ActorVerb) -> Result<(), Failure> {
    let request = match verb {
        ActorVerb::List => Request::get("/actors"),
        ActorVerb::Forget { actor_id } => {
            Request::post(format!("/actors/{}/forget", segment(actor_id)), json!({}))
        }
    };
    let actors = session.ask(&request)?;
    session.emit(&actors, render::access::actors)
}

/// The token alone is data, so that it can be sent into a file; what goes with it is not.
fn create(session: &mut Session<'_>, create: TokenCreate) -> Result<(), Failure> {
    let TokenCreate { name, role, scopes, expires_in } = create;
    let mut body = json!({ "name": name, "role": role });
    put(&mut body, "scopes", (!scopes.is_empty()).then_some(scopes));
    put(&mut body, "expiresIn", expires_in);
    let answer = session.ask(&Request::post("/tokens", body))?;
    if !session.is_json() {
        let about = render::access::token(&answer);
        session.note(about.trim_end())?;
        session.note("hint: the token is shown this once; keep it in a file of mode 0600, and name that with KEYWARD_TOKEN_FILE")?;
    }
    session.emit(&answer, |answer| format!("{}\n", answer.text("token").unwrap_or_default()))
}
