//! The root key: unsealed, sealed; a restored copy accepted.

use axum::extract::State;
use keyward::ExecuteError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::lifetime::Nothing;
use crate::{
    app::App,
    body::{Answer, Bounded, Input, Outcome},
    identity::Caller,
    problem::ProblemDocument,
    run::run,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(unseal))
        .routes(routes!(seal))
        .routes(routes!(accept_rollback))
}

/// The password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unseal {
    password: String,
}

impl Bounded for Unseal {
    const BYTES_MAX: usize = 64 << 10;
}

/// Whether the root key is in memory.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SealState {
    /// `sealed` or `unsealed`.
    state: &'static str,
}

/// Unseals the store.
#[utoipa::path(post, path = "/root-key/unseal", tag = "root", request_body = Unseal, responses(
    (status = 200, body = SealState), (status = "default", body = ProblemDocument)))]
pub(crate) async fn unseal(
    State(app): State<App>,
    Input(Unseal { password }): Input<Unseal>,
) -> Outcome<SealState> {
    run(&app, move |keyward| keyward.unseal(password.into_bytes())).await?;
    Ok(Answer::ok(SealState { state: "unsealed" }))
}

/// Seals the store: the root key is wiped from memory.
#[utoipa::path(post, path = "/root-key/seal", tag = "root", request_body = Nothing, responses(
    (status = 200, body = SealState), (status = "default", body = ProblemDocument)))]
pub(crate) async fn seal(
    State(app): State<App>,
    Input(Nothing {}): Input<Nothing>,
) -> Outcome<SealState> {
    let sealed = run(&app, |keyward| {
        keyward.seal();
        Ok::<_, ExecuteError>(SealState { state: "sealed" })
    });
    Ok(Answer::ok(sealed.await?))
}

/// A log that was accepted though it is shorter than one seen before.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AcceptedRollback {
    /// Leaves that were found.
    found: u64,
    /// Leaves that the kept checkpoint counted; as many as were found if there was nothing to
    /// accept.
    kept: u64,
}

/// Accepts a log that is shorter than a checkpoint kept from before: the store was restored on
/// purpose, and the log says who said so.
#[utoipa::path(post, path = "/rollback/accept", tag = "root", request_body = Nothing, responses(
    (status = 200, body = AcceptedRollback), (status = "default", body = ProblemDocument)))]
pub(crate) async fn accept_rollback(
    State(app): State<App>,
    caller: Caller,
    Input(Nothing {}): Input<Nothing>,
) -> Outcome<AcceptedRollback> {
    let accepted = run(&app, move |keyward| {
        let status = keyward.status()?;
        let Some(quarantine) = status.quarantine else {
            return Ok(AcceptedRollback { found: status.log_size, kept: status.log_size });
        };
        let _ = keyward.accept_rollback(&caller.actor(keyward)?)?;
        let (found, kept) = (quarantine.found_size, quarantine.kept_size);
        Ok::<_, ExecuteError>(AcceptedRollback { found, kept })
    });
    Ok(Answer::ok(accepted.await?))
}
