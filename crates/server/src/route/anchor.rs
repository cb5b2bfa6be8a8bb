//! Trust anchors: made, taken in, shown, ended.

use std::sync::Arc;

use axum::extract::State;
use keyward::{ExecuteError, Keyward, anchor::AnchorDocument as Imported};
use keyward_lifecycle::{
    algorithm::Algorithm,
    anchor::{Anchor, AnchorRecord},
    command::{Command, Universal},
    id::{AnchorId, KeyId},
    pattern::Pattern,
    refusal::Refusal,
    statement::PredicateType,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::lifetime::Nothing;
use crate::{
    app::App,
    body::{Answer, Asked, Bounded, Input, Named, Outcome},
    identity::Caller,
    page,
    problem::{Problem, ProblemDocument},
    run::run,
    wire::{
        self,
        anchor::{AnchorDocument, found, one},
        read_past, read_some,
    },
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(import))
        .routes(routes!(show))
        .routes(routes!(deactivate))
        .routes(routes!(status))
}

/// Most keys in a new anchor.
const KEYS_MAX: usize = 1000;
/// Most predicate types of an anchor.
const PREDICATE_TYPES_MAX: usize = 256;

/// An anchor to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateAnchor {
    /// A UUID; absent makes one up.
    #[serde(alias = "trustAnchorId")]
    #[schema(value_type = Option<String>)]
    anchor_id: Option<AnchorId>,
    /// `pkg:type/name`, `pkg:type/start*`, or `*` with `allowUniversal`.
    purl_pattern: String,
    #[serde(alias = "keyids", alias = "allowedKeyids")]
    #[schema(value_type = Vec<String>)]
    key_ids: Vec<KeyId>,
    /// Empty lets every type pass.
    #[serde(default, alias = "allowedPredicateTypes")]
    predicate_types: Vec<String>,
    policy_version: Option<String>,
    /// Distinct lineages that must have signed; absent for 1.
    threshold: Option<u32>,
    /// Empty lets every algorithm pass.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    algorithms: Vec<Algorithm>,
    /// Must be said for the pattern `*`.
    #[serde(default)]
    allow_universal: bool,
}

impl Bounded for CreateAnchor {}

/// Makes an anchor.
#[utoipa::path(post, path = "/anchors", tag = "anchors", request_body = CreateAnchor, responses(
    (status = 201, body = AnchorDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    Input(body): Input<CreateAnchor>,
) -> Outcome<AnchorDocument> {
    if body.key_ids.len() > KEYS_MAX {
        return Err(Problem::too_many("keys", KEYS_MAX));
    }
    if body.predicate_types.len() > PREDICATE_TYPES_MAX {
        return Err(Problem::too_many("predicate types", PREDICATE_TYPES_MAX));
    }
    let pattern = Pattern::parse(&body.purl_pattern);
    let pattern = pattern.map_err(|error| Problem::malformed("purlPattern", error))?;
    let types = body.predicate_types.iter().map(|text| PredicateType::parse(text));
    let predicate_types: Vec<_> = types
        .collect::<Result<_, _>>()
        .map_err(|error| Problem::malformed("predicateTypes", error))?;
    let universal = universal(body.allow_universal);
    let made = run(&app, move |keyward| {
        let anchor_id = match body.anchor_id {
            Some(id) => id,
            None => keyward.new_anchor_id()?,
        };
        let anchor = AnchorRecord {
            anchor_id,
            pattern,
            predicate_types,
            threshold: body.threshold.unwrap_or(1),
            algorithms: body.algorithms,
            policy_version: body.policy_version.map(Into::into),
            asserted: Vec::new(),
        };
        let (keys, imported) = (body.key_ids, false);
        let command = Command::CreateAnchor { anchor, keys, universal, imported };
        let receipt = keyward.execute(&caller.actor(keyward)?, command)?;
        document(keyward, anchor_id, wire::warnings(&receipt.warnings))
    });
    Ok(created(made.await?))
}

/// The runbook's document, as another system wrote it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub(crate) struct ImportAnchor(Imported);

impl Bounded for ImportAnchor {}

/// How a document is taken in.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct ImportTerms {
    /// Must be said for the pattern `*`.
    #[serde(default)]
    allow_universal: bool,
}

/// Takes an anchor in; its times are kept as asserted, beside those recorded here.
#[utoipa::path(post, path = "/anchors/import", tag = "anchors", params(ImportTerms),
    request_body = ImportAnchor, responses(
    (status = 201, body = AnchorDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn import(
    State(app): State<App>,
    caller: Caller,
    Asked(terms): Asked<ImportTerms>,
    Input(ImportAnchor(document_given)): Input<ImportAnchor>,
) -> Outcome<AnchorDocument> {
    let universal = universal(terms.allow_universal);
    let made = run(&app, move |keyward| {
        let anchor_id = document_given.trust_anchor_id;
        let actor = caller.actor(keyward)?;
        let receipt = keyward.import_anchor(&actor, document_given, universal)?;
        document(keyward, anchor_id, wire::warnings(&receipt.warnings))
    });
    Ok(created(made.await?))
}

/// Which anchors are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AnchorFilter {
    /// `active` or `inactive`.
    status: Option<String>,
    /// After that anchor, which a page before named as `next`.
    after: Option<String>,
    /// At most so many.
    limit: Option<u32>,
}

/// Anchors in the order in which they came.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AnchorList {
    anchors: Vec<AnchorDocument>,
    /// Give it as `after` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Lists anchors.
#[utoipa::path(get, path = "/anchors", tag = "anchors", params(AnchorFilter), responses(
    (status = 200, body = AnchorList), (status = "default", body = ProblemDocument)))]
pub(crate) async fn list(
    State(app): State<App>,
    Asked(filter): Asked<AnchorFilter>,
) -> Outcome<AnchorList> {
    let AnchorFilter { status, after, limit } = filter;
    let limit = page::limit(limit)?;
    let active = match status.as_deref() {
        None => None,
        Some("active") => Some(true),
        Some("inactive") => Some(false),
        Some(_) => return Err(Problem::malformed("status", "expected `active` or `inactive`")),
    };
    let after: Option<AnchorId> = read_some("after", after.as_deref())?;
    let (state, now) = (app.keyward.state(), app.keyward.now());
    let numbers = match after {
        None => 0..u32::MAX,
        Some(id) => {
            let last = state.anchor_number(&id).ok_or(Refusal::NoSuchAnchor(id))?;
            last.saturating_add(1)..u32::MAX
        }
    };
    let anchors = numbers.map_while(|number| state.anchor_at(number));
    let anchors = anchors.filter(|anchor| active.is_none_or(|wanted| anchor.is_active() == wanted));
    let (anchors, next) = page::cut(anchors, limit, |anchor| anchor.record.anchor_id.to_string());
    let document = |anchor: &Anchor| AnchorDocument::of(&state, anchor, now, Vec::new());
    Ok(Answer::ok(AnchorList { anchors: anchors.into_iter().map(document).collect(), next }))
}

/// What the log knew when.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct AsOf {
    /// An instant; now, if absent.
    as_of: Option<String>,
}

/// Shows an anchor, as it is or as the log had it then (SO-005).
#[utoipa::path(get, path = "/anchors/{id}", tag = "anchors",
    params(("id" = String, Path, description = "The anchor, or the first 8 digits of its id or more"), AsOf),
    responses((status = 200, body = AnchorDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn show(
    State(app): State<App>,
    Named(name): Named<String>,
    Asked(AsOf { as_of }): Asked<AsOf>,
) -> Outcome<AnchorDocument> {
    let then = read_past("asOf", as_of.as_deref(), &app.keyward)?;
    let shown = run(&app, move |keyward| {
        let (state, now) = match then {
            Some(then) => {
                let state = Arc::new(keyward.state_as_of(then)?);
                let now = state.now(then);
                (state, now)
            }
            None => (keyward.state(), keyward.now()),
        };
        let (_, anchor) = found(&state, one(&state, &name)?)?;
        Ok::<_, Problem>(AnchorDocument::of(&state, anchor, now, Vec::new()))
    });
    Ok(Answer::ok(shown.await?))
}

/// Lets an anchor judge no more.
#[utoipa::path(post, path = "/anchors/{id}/deactivate", tag = "anchors",
    params(("id" = String, Path, description = "The anchor, or the first 8 digits of its id or more")),
    request_body = Nothing, responses(
    (status = 200, body = AnchorDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn deactivate(
    State(app): State<App>,
    caller: Caller,
    Named(name): Named<String>,
    Input(Nothing {}): Input<Nothing>,
) -> Outcome<AnchorDocument> {
    let anchor_id = one(&app.keyward.state(), &name)?;
    let ended = run(&app, move |keyward| {
        let command = Command::DeactivateAnchor { anchor_id };
        let receipt = keyward.execute(&caller.actor(keyward)?, command)?;
        document(keyward, anchor_id, wire::warnings(&receipt.warnings))
    });
    Ok(Answer::ok(ended.await?))
}

/// How verification goes before an anchor.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AnchorStatus {
    anchor_id: String,
    purl_pattern: String,
    /// Keys whose window is open, in the order in which they were added.
    active_keys: Vec<String>,
    verifications: Verifications,
    /// Valid ones as a whole percentage, rounded down; `null` if there were none.
    success_rate: Option<u64>,
    /// Proofs that wait to be judged again.
    pending_rescans: u64,
    failures: Vec<FailureCount>,
}

/// Verdicts over a span of days.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Verifications {
    valid: u64,
    invalid: u64,
    indeterminate: u64,
    /// Days looked back on, today included.
    window_days: i64,
}

/// Verifications since the start that did not end valid.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct FailureCount {
    key_id: Option<String>,
    reason: &'static str,
    count: u64,
}

/// Says how verification goes before an anchor (SO-044).
#[utoipa::path(get, path = "/anchors/{id}/status", tag = "anchors",
    params(("id" = String, Path, description = "The anchor, or the first 8 digits of its id or more")),
    responses((status = 200, body = AnchorStatus), (status = "default", body = ProblemDocument)))]
pub(crate) async fn status(
    State(app): State<App>,
    Named(name): Named<String>,
) -> Outcome<AnchorStatus> {
    let anchor_id = one(&app.keyward.state(), &name)?;
    let status = run(&app, move |keyward| status_of(keyward, anchor_id));
    Ok(Answer::ok(status.await?))
}

fn status_of(keyward: &Keyward, anchor_id: AnchorId) -> Result<AnchorStatus, ExecuteError> {
    let (state, now) = (keyward.state(), keyward.now());
    let found = state.anchor_number(&anchor_id).zip(state.anchor(&anchor_id));
    let (number, anchor) = found.ok_or(Refusal::NoSuchAnchor(anchor_id))?;
    let mut open: Vec<_> = anchor
        .keys
        .iter()
        .filter_map(|key| state.key_at(*key))
        .filter_map(|key| key.membership(number).map(|member| (key, member)))
        .filter(|(key, member)| key.is_listed(member, now))
        .collect();
    open.sort_by_key(|(_, member)| member.added_at);
    let day = keyward.verifications(anchor_id)?;
    let failures = keyward.failures().into_iter();
    let failures = failures.filter(|(failure, _)| failure.anchor_id == Some(anchor_id));
    let failures = failures.map(|(failure, count)| FailureCount {
        key_id: failure.key_id.map(|id| id.to_string()),
        reason: failure.reason,
        count,
    });
    Ok(AnchorStatus {
        anchor_id: anchor_id.to_string(),
        purl_pattern: anchor.record.pattern.to_string(),
        active_keys: open.iter().map(|(key, _)| key.record.key_id.to_string()).collect(),
        verifications: Verifications {
            valid: day.valid,
            invalid: day.invalid,
            indeterminate: day.indeterminate,
            window_days: keyward::counts::WINDOW_DAYS,
        },
        success_rate: day.success_percent(),
        pending_rescans: keyward.pending_rescans(Some(anchor_id))?,
        failures: failures.collect(),
    })
}

fn document(
    keyward: &Keyward,
    anchor_id: AnchorId,
    warnings: Vec<String>,
) -> Result<AnchorDocument, ExecuteError> {
    let state = keyward.state();
    let anchor = state.anchor(&anchor_id).ok_or(Refusal::NoSuchAnchor(anchor_id))?;
    Ok(AnchorDocument::of(&state, anchor, keyward.now(), warnings))
}

fn created(document: AnchorDocument) -> Answer<AnchorDocument> {
    Answer::created(format!("/v1/anchors/{}", document.id()), document)
}

const fn universal(allowed: bool) -> Universal {
    if allowed { Universal::Allowed } else { Universal::Refused }
}
