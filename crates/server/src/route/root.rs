//! The root key: shown, unsealed, sealed; a restored copy accepted.

mod backup;
mod keepers;
mod rotation;
mod slot;

use axum::extract::State;
use keyward::{
    ExecuteError, Keyward,
    root::{RootError, RootView},
    start::UnsealFailed,
};
use keyward_lifecycle::root::UnsealedBy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{lifetime::Nothing, secret::SecretText};
use crate::{
    app::App,
    body::{Answer, Bounded, Input, Outcome},
    identity::Caller,
    problem::{Problem, ProblemDocument},
    run::run,
    wire::root::RootDocument,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(show))
        .routes(routes!(unseal))
        .routes(routes!(seal))
        .routes(routes!(accept_rollback))
        .merge(slot::routes())
        .merge(keepers::routes())
        .merge(rotation::routes())
        .merge(backup::routes())
}

/// Longest body with a password or shares in it, in bytes.
const SECRET_BYTES_MAX: usize = 64 << 10;
/// Most recovery shares in a request.
const SHARES_MAX: usize = 32;

/// Says how the root key is: its epoch, its memory, its backup, the rotation that is open.
#[utoipa::path(get, path = "/root-key", tag = "root", responses(
    (status = 200, body = RootDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn show(State(app): State<App>) -> Outcome<RootDocument> {
    let inner = app.clone();
    let shown = run(&app, move |keyward| document(&inner, keyward));
    Ok(Answer::ok(shown.await?))
}

fn document(app: &App, keyward: &Keyward) -> Result<RootDocument, RootError> {
    let view: RootView = keyward.root_view()?;
    Ok(RootDocument::new(view, (&app.root, &app.standing), keyward.now()))
}

/// A password, or recovery shares: one of both.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Unseal {
    #[schema(value_type = Option<String>)]
    password: Option<SecretText>,
    /// As many as are needed, as their holders have them.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    recovery_shares: Vec<SecretText>,
}

impl Bounded for Unseal {
    const BYTES_MAX: usize = SECRET_BYTES_MAX;
    const SECRET: bool = true;
}

/// Whether the root key is in memory.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SealState {
    /// `sealed` or `unsealed`.
    state: &'static str,
}

/// Unseals the store, with a password or with recovery shares. It is taken over TLS and the local
/// socket only.
#[utoipa::path(post, path = "/root-key/unseal", tag = "root", request_body = Unseal, responses(
    (status = 200, body = SealState), (status = "default", body = ProblemDocument)))]
pub(crate) async fn unseal(
    State(app): State<App>,
    caller: Caller,
    Input(Unseal { password, recovery_shares }): Input<Unseal>,
) -> Outcome<SealState> {
    if recovery_shares.len() > SHARES_MAX {
        return Err(Problem::too_many("recovery shares", SHARES_MAX));
    }
    if password.is_some() != recovery_shares.is_empty() {
        return Err(Problem::malformed("body", "expected `password` or `recoveryShares`"));
    }
    let inner = app.clone();
    run(&app, move |keyward| {
        let Some(password) = password else {
            let shares: Vec<&str> = recovery_shares.iter().map(SecretText::text).collect();
            return keyward.unseal_with_recovery(&caller.actor(keyward)?, &shares);
        };
        // A command on its own directory unseals for itself: that is no event, unless somebody
        // failed before.
        if inner.standing.is_driven() || keyward.state().root().access_refused.is_some() {
            let actor = caller.actor(keyward)?;
            return keyward.unseal_with_password(&actor, password.into_bytes());
        }
        keyward.unseal(password.into_bytes()).map_err(|error| {
            if let (UnsealFailed::WrongPassword, Ok(actor)) = (&error, caller.actor(keyward)) {
                keyward.note_refused_access(&actor, UnsealedBy::Password);
            }
            error.into()
        })
    })
    .await?;
    Ok(Answer::ok(SealState { state: "unsealed" }))
}

/// Seals the store: the root key is wiped from memory.
#[utoipa::path(post, path = "/root-key/seal", tag = "root", request_body = Nothing, responses(
    (status = 200, body = SealState), (status = "default", body = ProblemDocument)))]
pub(crate) async fn seal(
    State(app): State<App>,
    caller: Caller,
    Input(Nothing {}): Input<Nothing>,
) -> Outcome<SealState> {
    let keepers = app.root.keepers.clone();
    let sealed = run(&app, move |keyward| {
        keepers.iter().for_each(|keepers| keepers.rest());
        keyward.seal_by(&caller.actor(keyward)?);
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
