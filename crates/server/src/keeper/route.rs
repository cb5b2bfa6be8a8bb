//! The keeper's routes, each with those who may call it.

use std::sync::Arc;

use axum::{
    Extension, Router,
    body::Body,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{get, put},
};
use keyward::keeper::{Keeper, Taken};
use keyward_lifecycle::canonical::{Limits, from_slice_strict};
use serde::de::DeserializeOwned;
use tracing::{info, warn};

use super::{
    door::Caller,
    wire::{FetchDocument, PutDocument, SharesDocument, StatusDocument, TakenDocument},
};
use crate::{
    body::{Answer, Outcome, read},
    mtls::Role,
    problem::Problem,
};

/// Longest body of a request, in bytes: a share in base64 with what stands around it.
const BODY_BYTES_MAX: usize = 4 << 10;
/// Deepest nesting of a body.
const BODY_DEPTH_MAX: usize = 4;

/// Who may put, fetch and drop shares: whoever holds the root key or needs it.
const SHARES: &[Role] = &[Role::Server];
/// Who may see what is held: no secret is in it.
const STATUS: &[Role] = &[Role::Server, Role::Operator];

/// All routes over one keeper.
pub(super) fn router(keeper: Arc<Keeper>) -> Router {
    let shares = Router::new()
        .route("/v1/keeper/share", put(put_share).post(fetch_shares).delete(clear))
        .route_layer(middleware::from_fn(|request, next| admit(SHARES, request, next)));
    let status = Router::new()
        .route("/v1/keeper/status", get(status))
        .route_layer(middleware::from_fn(|request, next| admit(STATUS, request, next)));
    // Whoever got through the handshake is of the trust domain.
    let health = Router::new().route("/healthz", get(|| async { "ok\n" }));
    shares
        .merge(status)
        .merge(health)
        .fallback(|| async { Problem::no_such_route() })
        .method_not_allowed_fallback(|| async { Problem::no_such_route() })
        .with_state(keeper)
}

/// Lets those in `allowed` through.
async fn admit(allowed: &'static [Role], request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<Caller>().cloned();
    let role = caller.as_ref().and_then(|Caller(id)| Role::of(id));
    if role.is_some_and(|role| allowed.contains(&role)) {
        return next.run(request).await;
    }
    let (method, path) = (request.method(), request.uri().path());
    let caller = caller.map_or_else(|| "nobody".to_owned(), |Caller(id)| id.to_string());
    warn!(caller, %method, path, "a caller was refused");
    Problem::wrong_peer(&caller, allowed).into_response()
}

async fn put_share(
    State(keeper): State<Arc<Keeper>>,
    Extension(Caller(caller)): Extension<Caller>,
    body: Body,
) -> Outcome<TakenDocument> {
    let (share, standing) = parse::<PutDocument>(body).await?.into_share();
    match keeper.take(&share, standing) {
        Ok(taken) => {
            if taken != Taken::Same {
                info!(%caller, ?standing, held = keeper.status().shares.len(), "took a share");
            }
            Ok(Answer::ok(taken.into()))
        }
        Err(refused) => {
            warn!(%caller, reason = refused.reason(), %refused, "refused a share");
            Err(refused.into())
        }
    }
}

async fn fetch_shares(
    State(keeper): State<Arc<Keeper>>,
    Extension(Caller(caller)): Extension<Caller>,
    body: Body,
) -> Outcome<SharesDocument> {
    let FetchDocument { share_set } = parse(body).await?;
    let set = share_set.map(|set| set.parse());
    let set = set.transpose().map_err(|error| Problem::malformed("shareSet", error))?;
    let shares = keeper.give(set);
    info!(%caller, shares = shares.len(), "gave shares");
    Ok(Answer::ok(SharesDocument::new(shares)))
}

async fn clear(
    State(keeper): State<Arc<Keeper>>,
    Extension(Caller(caller)): Extension<Caller>,
) -> Outcome<StatusDocument> {
    keeper.clear();
    info!(%caller, "forgot its shares");
    Ok(Answer::ok(keeper.status().into()))
}

async fn status(State(keeper): State<Arc<Keeper>>) -> Outcome<StatusDocument> {
    Ok(Answer::ok(keeper.status().into()))
}

async fn parse<T: DeserializeOwned>(body: Body) -> Result<T, Problem> {
    let bytes = read(body, BODY_BYTES_MAX).await?;
    let bytes = if bytes.is_empty() { b"{}".as_slice() } else { &bytes };
    from_slice_strict(bytes, Limits::new(BODY_BYTES_MAX, BODY_DEPTH_MAX))
        .map_err(|error| Problem::malformed_json(&error))
}
