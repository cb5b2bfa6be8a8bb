//! What every request passes before its handler: who calls, whether he may, whether the answer
//! is kept, and the count of it.

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio::time::Instant;

use crate::{
    app::App,
    identity::{Caller, Peer, sender},
    problem::Problem,
    replay::{self, Shown},
    scope::{ASKING, Access, CONFIDENTIAL, SHOWN_ONCE, Scopes, is_private, is_secret},
};

/// What the guard knows.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    pub(crate) app: App,
    pub(crate) scopes: std::sync::Arc<Scopes>,
}

/// Lets a request through to its handler, or answers for it.
pub(crate) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let found = matched.and_then(|path| guard.scopes.of(&method, path.as_str()));
    let Some((route, access)) = found else {
        return Problem::no_such_route().into_response();
    };
    let mut response = match admit(&guard.app, access, request) {
        Ok((request, _)) if shows_secret(route, &request) => {
            Problem::plain_transport().into_response()
        }
        Ok((request, caller)) => go_on(&guard.app, route, (request, caller), next).await,
        Err(problem) => problem.into_response(),
    };
    if is_private(route) {
        let no_store = HeaderValue::from_static("no-store");
        response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    }
    guard.app.requests.note(&method, route, response.status(), begun.elapsed());
    response
}

/// What an answer is headed with that its reader must be warned of.
pub const WARNING: HeaderName = HeaderName::from_static("keyward-warning");
/// The warning of a store whose log is older than what was seen of it: a key that it calls good
/// may have been revoked.
pub const QUARANTINED: HeaderValue = HeaderValue::from_static("quarantined");

/// Heads every answer of a quarantined store with [`QUARANTINED`], whatever was asked.
pub(crate) async fn warn(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if app.keyward.quarantine().is_some() {
        response.headers_mut().insert(WARNING, QUARANTINED);
    }
    response
}

/// Whether a password would go over a network that is not encrypted (RK-010).
fn shows_secret(route: &str, request: &Request) -> bool {
    let is_plain = request.extensions().get::<Peer>() == Some(&Peer::Loopback);
    is_plain && request.method() != Method::GET && CONFIDENTIAL.contains(&route)
}

/// The request with its caller in it, if he may.
fn admit(
    app: &App,
    access: Access,
    request: Request,
) -> Result<(Request, Option<Caller>), Problem> {
    let (mut parts, body) = request.into_parts();
    let sender = match (sender(&app.keyward, &parts), access) {
        (Ok(sender), _) => sender,
        // Whoever may not be known may still ask whether the server lives.
        (Err(_), Access::Open) => return Ok((Request::from_parts(parts, body), None)),
        (Err(problem), _) => return Err(problem),
    };
    let needed: &[_] = match access {
        Access::Open => &[],
        Access::Needs(scopes) => scopes,
        Access::NeedsElsewhere(_) if sender.is_here => &[],
        Access::NeedsElsewhere(ref scope) => std::slice::from_ref(scope),
    };
    let now = app.keyward.now();
    for scope in needed {
        let caller = sender.caller.as_ref().ok_or_else(Problem::unauthenticated)?;
        if !caller.allows(*scope, now) {
            return Err(caller.refused(*scope));
        }
    }
    if let Some(caller) = &sender.caller {
        parts.extensions.insert(caller.clone());
    }
    Ok((Request::from_parts(parts, body), sender.caller))
}

async fn go_on(
    app: &App,
    route: &'static str,
    (request, caller): (Request<Body>, Option<Caller>),
    next: Next,
) -> Response {
    let wants_replay = request.method() == Method::POST
        && request.headers().contains_key(replay::HEADER)
        && !is_secret(route)
        && !ASKING.contains(&route);
    let shown = if SHOWN_ONCE.contains(&route) { Shown::Once } else { Shown::Again };
    match caller {
        Some(caller) if wants_replay => replay::once(app, &caller, shown, (request, next)).await,
        Some(_) | None => next.run(request).await,
    }
}
