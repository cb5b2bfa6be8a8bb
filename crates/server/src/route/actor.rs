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

/// Actors whose names are known.
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
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    forgotten: bool,
}

/// Lists the actors whose names are known.
#[utoipa::path(get, path = "/actors", tag = "access", responses(
    (status = 200, body = ActorList), (status = "default", body = ProblemDocument)))]
pub(crate) async fn list(State(app): State<App>) -> Outcome<ActorList> {
    let known = run(&app, keyward::Keyward::actors).await?;
    let actors = known.into_iter().map(|actor| ActorDocument {
        actor_id: actor.actor_id.to_string(),
        name: Some(actor.identity),
        forgotten: false,
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
