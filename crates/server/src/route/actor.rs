//! People and services behind the log's pseudonyms.

use axum::extract::State;
use keyward::ExecuteError;
use keyward_lifecycle::{id::ActorId, refusal::Refusal};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::lifetime::Nothing;
use crate::{
    app::App,
    body::{Answer, Input, Named, Outcome},
    identity::Caller,
    problem::ProblemDocument,
    run::run,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(forget))
}

/// Everybody whom the log names.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActorList {
    actors: Vec<ActorDocument>,
}

/// A pseudonym and the name behind it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Actor)]
pub(crate) struct ActorDocument {
    actor_id: String,
    /// Absent when it was erased, or is not the one that the log binds.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Whether the name was erased on purpose.
    forgotten: bool,
}

/// Lists everybody whom the log names; those whose names were erased without one.
#[utoipa::path(get, path = "/actors", tag = "access", responses(
    (status = 200, body = ActorList), (status = "default", body = ProblemDocument)))]
pub(crate) async fn list(State(app): State<App>) -> Outcome<ActorList> {
    let known = run(&app, keyward::Keyward::actors).await?;
    let actors = known.into_iter().map(|actor| ActorDocument {
        actor_id: actor.actor_id.to_string(),
        name: actor.identity,
        forgotten: actor.forgotten,
    });
    Ok(Answer::ok(ActorList { actors: actors.collect() }))
}

/// Erases the name behind a pseudonym; the log keeps the pseudonym.
#[utoipa::path(post, path = "/actors/{id}/forget", tag = "access",
    params(("id" = String, Path, description = "The pseudonym")), request_body = Nothing,
    responses((status = 200, body = ActorDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn forget(
    State(app): State<App>,
    caller: Caller,
    Named(actor): Named<ActorId>,
    Input(Nothing {}): Input<Nothing>,
) -> Outcome<ActorDocument> {
    let forgotten = run(&app, move |keyward| {
        if keyward.state().actor(&actor).is_none() {
            let (what, name) = ("actor", actor.as_str().into());
            return Err(ExecuteError::Refused(Refusal::NoSuchName { what, name }));
        }
        keyward.forget_actor(&caller.actor(keyward)?, &actor)?;
        Ok(ActorDocument { actor_id: actor.to_string(), name: None, forgotten: true })
    });
    Ok(Answer::ok(forgotten.await?))
}
