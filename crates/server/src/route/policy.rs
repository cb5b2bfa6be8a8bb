//! Path policies: who may do what with which secrets.

use axum::extract::State;
use keyward::secret::{KnownPolicy, SecretError, policy::Policy};
use keyward_lifecycle::secret::PolicyName;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    body::{Answer, Bounded, Input, Named, Outcome},
    identity::Caller,
    problem::{Problem, ProblemDocument},
    run::run,
    wire::read,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show, set, remove))
}

/// A policy.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Policy)]
pub(crate) struct PolicyBody {
    /// Rules that add up: each names `who` (`token:NAME`, `role:ROLE` or a SPIFFE ID in which a
    /// segment of the path may be `*`), what they `may` do (`read`, `write`, `list`, `delete`)
    /// and `under` which prefixes (whole segments, of which one may be `*`; `/` for all).
    #[schema(value_type = Vec<Object>)]
    rules: Value,
}

impl Bounded for PolicyBody {}

/// A policy as it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NamedPolicy)]
pub(crate) struct PolicyDocument {
    name: String,
    version: u32,
    policy: PolicyBody,
}

impl PolicyDocument {
    fn of(known: &KnownPolicy) -> Result<Self, Problem> {
        let policy = serde_json::from_str(&known.policy.to_json());
        let policy = policy.map_err(|_| Problem::internal())?;
        Ok(Self { name: known.name.to_string(), version: known.version.get(), policy })
    }
}

/// The policies.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PolicyList {
    policies: Vec<ListedPolicy>,
}

/// A policy in a list, or one that was removed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ListedPolicy {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
}

/// Lists the policies.
#[utoipa::path(get, path = "/policies", tag = "secrets", responses(
    (status = 200, body = PolicyList), (status = "default", body = ProblemDocument)))]
pub(crate) async fn list(State(app): State<App>) -> Outcome<PolicyList> {
    let policies = app.keyward.policies()?.into_iter();
    let policies = policies.map(|(name, version)| ListedPolicy {
        name: name.to_string(),
        version: Some(version.get()),
    });
    Ok(Answer::ok(PolicyList { policies: policies.collect() }))
}

/// Shows a policy.
#[utoipa::path(get, path = "/policies/{name}", tag = "secrets",
    params(("name" = String, Path, description = "The policy's name")),
    responses((status = 200, body = PolicyDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn show(
    State(app): State<App>,
    Named(name): Named<String>,
) -> Outcome<PolicyDocument> {
    let name: PolicyName = read("name", &name)?;
    let known = run(&app, move |keyward| keyward.policy(&name)).await?;
    Ok(Answer::ok(PolicyDocument::of(&known)?))
}

/// Writes a policy, over the one of that name if there is one. It is in force at once.
#[utoipa::path(put, path = "/policies/{name}", tag = "secrets",
    params(("name" = String, Path, description = "The policy's name")),
    request_body = PolicyBody, responses(
    (status = 200, body = PolicyDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn set(
    State(app): State<App>,
    caller: Caller,
    Named(name): Named<String>,
    Input(body): Input<PolicyBody>,
) -> Outcome<PolicyDocument> {
    let name: PolicyName = read("name", &name)?;
    let json = serde_json::to_vec(&body).map_err(|_| Problem::internal())?;
    let policy = Policy::parse(&json)?;
    let known =
        run(&app, move |keyward| keyward.set_policy(&caller.actor(keyward)?, &name, policy));
    Ok(Answer::ok(PolicyDocument::of(&known.await?)?))
}

/// Removes a policy.
#[utoipa::path(delete, path = "/policies/{name}", tag = "secrets",
    params(("name" = String, Path, description = "The policy's name")),
    responses((status = 200, body = ListedPolicy), (status = "default", body = ProblemDocument)))]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Named(name): Named<String>,
) -> Outcome<ListedPolicy> {
    let name: PolicyName = read("name", &name)?;
    let removed = run(&app, move |keyward| {
        keyward.remove_policy(&caller.actor(keyward)?, &name)?;
        Ok::<_, SecretError>(ListedPolicy { name: name.to_string(), version: None })
    });
    Ok(Answer::ok(removed.await?))
}
