//! When a key may be in other hands: what it signed, and one call that answers.

use axum::extract::State;
use keyward::{incident::IncidentRequest, key::KeyError, signing::SignError};
use keyward_lifecycle::{id::KeyId, key::CompromiseScope};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{key::document, sign::envelope_json};
use crate::{
    app::App,
    body::{Answer, Asked, Bounded, Input, Outcome},
    identity::Caller,
    problem::{Problem, ProblemDocument},
    run::run,
    wire::{
        self,
        anchor::{AnchorName, added},
        key::KeyDocument,
        read, read_some,
    },
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(report, sign_report)).routes(routes!(rotate))
}

/// Which key a report is about.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct Subject {
    /// The key.
    #[serde(alias = "keyid")]
    key_id: String,
}

/// Everything that a key signed, by what is known of when (SO-104, SO-105).
#[derive(Debug, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub(crate) struct Report(Value);

fn json(report: impl Serialize) -> Value {
    serde_json::to_value(report).unwrap_or(Value::Null)
}

/// Reports what a key signed.
#[utoipa::path(get, path = "/incidents/report", tag = "incidents", params(Subject), responses(
    (status = 200, body = Report), (status = "default", body = ProblemDocument)))]
pub(crate) async fn report(
    State(app): State<App>,
    Asked(subject): Asked<Subject>,
) -> Outcome<Report> {
    let key_id: KeyId = read("keyId", &subject.key_id)?;
    let report = run(&app, move |keyward| keyward.incident_report(&key_id).map(json));
    Ok(Answer::ok(Report(report.await?)))
}

/// Which key a signed report is about, and who signs it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SignReport {
    #[serde(alias = "keyid")]
    #[schema(value_type = String)]
    key_id: KeyId,
    /// The key that signs the report; absent for the active key of the same profile.
    #[schema(value_type = Option<String>)]
    by: Option<KeyId>,
}

impl Bounded for SignReport {}

/// A report that was signed, kept as a proof and logged.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignedReport {
    report: Report,
    /// The proof bundle's address.
    proof_bundle: String,
    /// The DSSE envelope.
    #[schema(value_type = Object)]
    envelope: Box<RawValue>,
}

/// Reports what a key signed, signed itself (SO-107).
#[utoipa::path(post, path = "/incidents/report", tag = "incidents", request_body = SignReport,
    responses((status = 200, body = SignedReport), (status = "default", body = ProblemDocument)))]
pub(crate) async fn sign_report(
    State(app): State<App>,
    caller: Caller,
    Input(body): Input<SignReport>,
) -> Outcome<SignedReport> {
    let signed = run(&app, move |keyward| {
        let actor = caller.actor(keyward)?;
        let (report, signed) =
            keyward.sign_incident_report(&actor, &body.key_id, body.by.as_ref())?;
        Ok::<_, SignError>(SignedReport {
            report: Report(json(report)),
            proof_bundle: signed.proof.to_string(),
            envelope: envelope_json(&signed.envelope)?,
        })
    });
    Ok(Answer::ok(signed.await?))
}

/// A key that may be in other hands.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RotateIncident {
    #[serde(alias = "keyid")]
    #[schema(value_type = String)]
    key_id: KeyId,
    /// The name of the key that replaces it; absent makes one up.
    #[schema(value_type = Option<String>)]
    new_key_id: Option<KeyId>,
    /// Since when it may be.
    compromised_since: Option<String>,
    /// `key` leaked alone, or the `server` with it. Absent for `server`.
    scope: Option<String>,
}

impl Bounded for RotateIncident {}

/// What was done about it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IncidentAnswer {
    revoked: String,
    generated: KeyDocument,
    /// The anchors that believed the lost key and believe the new one now.
    anchors: Vec<AnchorName>,
    warnings: Vec<String>,
}

/// Ends a key everywhere, makes a new one, and lets the anchors that believed the lost key
/// believe it (traps HA-20).
#[utoipa::path(post, path = "/incidents/rotate", tag = "incidents", request_body = RotateIncident,
    responses((status = 200, body = IncidentAnswer), (status = "default", body = ProblemDocument)))]
pub(crate) async fn rotate(
    State(app): State<App>,
    caller: Caller,
    Input(body): Input<RotateIncident>,
) -> Outcome<IncidentAnswer> {
    let RotateIncident { key_id, new_key_id, compromised_since, scope } = body;
    let request = IncidentRequest {
        key_id,
        new_key_id,
        compromised_since: read_some("compromisedSince", compromised_since.as_deref())?,
        scope: read_scope(scope.as_deref())?,
    };
    let answer = run(&app, move |keyward| {
        let outcome = keyward.incident_rotate(&caller.actor(keyward)?, &request)?;
        let state = keyward.state();
        let anchors = outcome.added.as_ref().map(|receipt| added(&state, receipt));
        Ok::<_, KeyError>(IncidentAnswer {
            revoked: request.key_id.to_string(),
            generated: document(keyward, &outcome.new_key_id, Vec::new())?,
            anchors: anchors.unwrap_or_default(),
            warnings: wire::warnings(&outcome.warnings),
        })
    });
    Ok(Answer::ok(answer.await?))
}

/// What leaked; said nothing, the server with the key.
pub(super) fn read_scope(text: Option<&str>) -> Result<CompromiseScope, Problem> {
    match text {
        None | Some("server") => Ok(CompromiseScope::Server),
        Some("key") => Ok(CompromiseScope::Key),
        Some(_) => Err(Problem::malformed("scope", "expected `key` or `server`")),
    }
}
