//! A key's life: promoted, rotated, retired, destroyed; its history, its validity, its age.

use axum::extract::State;
use keyward::{
    Keyward,
    key::KeyError,
    rotation::{RotateMode, RotateOutcome, RotateRequest},
};
use keyward_lifecycle::{
    command::{Command, Force},
    id::KeyId,
    key::{
        Key,
        due::{Due, due},
    },
    profile::RotationPolicy,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::key::{document, found};
use crate::{
    app::App,
    body::{Answer, Asked, Bounded, Input, Named, Outcome},
    identity::Caller,
    problem::{Problem, ProblemDocument},
    run::run,
    wire::{self, key::KeyDocument, read_some},
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(promote))
        .routes(routes!(rotate))
        .routes(routes!(retire))
        .routes(routes!(destroy))
        .routes(routes!(validity))
        .routes(routes!(rotation_warnings))
}

/// No members.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

impl Bounded for Nothing {}

/// How a key is promoted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Promote {
    /// Whether a strict profile's waiting time is overridden.
    #[serde(default)]
    force: bool,
}

impl Bounded for Promote {}

/// Makes a staged key the signer, rotating from the signer there is.
#[utoipa::path(post, path = "/signer/keys/{keyId}/promote", tag = "keys",
    params(("keyId" = String, Path, description = "The key")), request_body = Promote, responses(
    (status = 200, body = KeyDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn promote(
    State(app): State<App>,
    caller: Caller,
    Named(key_id): Named<KeyId>,
    Input(body): Input<Promote>,
) -> Outcome<KeyDocument> {
    let promoted = run(&app, move |keyward| {
        let outcome = keyward.promote_key(&caller.actor(keyward)?, &key_id, force(body.force))?;
        document(keyward, &key_id, wire::warnings(&outcome.warnings))
    });
    Ok(Answer::ok(promoted.await?))
}

/// How a key is rotated. At most one of `ifDue`, `resume` and `abort`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "members of a JSON object")]
pub(crate) struct Rotate {
    /// The successor's name, new or staged; absent makes one up.
    #[serde(alias = "newKeyid", alias = "to")]
    #[schema(value_type = Option<String>)]
    new_key_id: Option<KeyId>,
    /// Only if a rule says that the key is due.
    #[serde(default)]
    if_due: bool,
    /// Go on with a rotation that was begun.
    #[serde(default)]
    resume: bool,
    /// Call a rotation off.
    #[serde(default)]
    abort: bool,
    /// Whether a strict profile's waiting time is overridden.
    #[serde(default)]
    force: bool,
}

impl Bounded for Rotate {}

/// How far a rotation has come.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rotation {
    key_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    successor: Option<String>,
    /// `NOT_DUE`, `GENERATED`, `ATTESTED`, `PUBLISHED`, `RETIRED` or `ABORTED`.
    step: &'static str,
    /// The succession statement's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<String>,
    /// The key that signs.
    active: Option<String>,
    /// What makes the key due: `ok`, `soon`, `aged`, `expiring` or `worn`.
    due: &'static str,
    /// The anchors that believe the successor.
    anchors: Vec<String>,
    warnings: Vec<String>,
}

/// Replaces a key by its successor, or goes on with that.
#[utoipa::path(post, path = "/signer/keys/{keyId}/rotate", tag = "keys",
    params(("keyId" = String, Path, description = "The key")), request_body = Rotate, responses(
    (status = 200, body = Rotation), (status = "default", body = ProblemDocument)))]
pub(crate) async fn rotate(
    State(app): State<App>,
    caller: Caller,
    Named(key_id): Named<KeyId>,
    Input(body): Input<Rotate>,
) -> Outcome<Rotation> {
    let Rotate { new_key_id, if_due, resume, abort, force: forced } = body;
    let mode = match (if_due, resume, abort) {
        (false, false, false) => RotateMode::Go,
        (true, false, false) => RotateMode::IfDue,
        (false, true, false) => RotateMode::Resume,
        (false, false, true) => RotateMode::Abort,
        _ => return Err(Problem::malformed("body", "at most one of ifDue, resume and abort")),
    };
    let force = force(forced);
    let request = RotateRequest { key_id, successor: new_key_id, mode, force };
    let rotated = run(&app, move |keyward| {
        let why = why_due(keyward, &request.key_id)?;
        let outcome = keyward.rotate_key(&caller.actor(keyward)?, &request)?;
        Ok::<_, KeyError>(rotation(outcome, why))
    });
    Ok(Answer::ok(rotated.await?))
}

fn rotation(outcome: RotateOutcome, due: &'static str) -> Rotation {
    Rotation {
        key_id: outcome.key_id.to_string(),
        successor: outcome.successor.map(|id| id.to_string()),
        step: outcome.step.name(),
        statement: outcome.statement.map(|id| id.to_string()),
        active: outcome.active.map(|id| id.to_string()),
        due,
        anchors: outcome.anchors.iter().map(ToString::to_string).collect(),
        warnings: wire::warnings(&outcome.warnings),
    }
}

/// Stops a key from signing, without a successor.
#[utoipa::path(post, path = "/signer/keys/{keyId}/retire", tag = "keys",
    params(("keyId" = String, Path, description = "The key")), request_body = Nothing, responses(
    (status = 200, body = KeyDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn retire(
    State(app): State<App>,
    caller: Caller,
    Named(key_id): Named<KeyId>,
    Input(Nothing {}): Input<Nothing>,
) -> Outcome<KeyDocument> {
    let retired = run(&app, move |keyward| {
        let command = Command::RetireKey { key_id: key_id.clone() };
        let receipt = keyward.execute(&caller.actor(keyward)?, command)?;
        document(keyward, &key_id, wire::warnings(&receipt.warnings))
    });
    Ok(Answer::ok(retired.await?))
}

/// Destroys a key's private part.
#[utoipa::path(post, path = "/signer/keys/{keyId}/destroy", tag = "keys",
    params(("keyId" = String, Path, description = "The key")), request_body = Nothing, responses(
    (status = 200, body = KeyDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn destroy(
    State(app): State<App>,
    caller: Caller,
    Named(key_id): Named<KeyId>,
    Input(Nothing {}): Input<Nothing>,
) -> Outcome<KeyDocument> {
    let destroyed = run(&app, move |keyward| {
        let receipt = keyward.destroy_key(&caller.actor(keyward)?, &key_id)?;
        document(keyward, &key_id, wire::warnings(&receipt.warnings))
    });
    Ok(Answer::ok(destroyed.await?))
}

/// The instant that is asked about.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Instant {
    /// RFC 3339; absent for now.
    at: Option<String>,
}

impl Instant {
    pub(super) fn read(&self) -> Result<Option<Timestamp>, Problem> {
        read_some("at", self.at.as_deref())
    }
}

/// Whether a key is believed at an instant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyValidity {
    key_id: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Of the key itself: `Valid`, `NotYetValid`, `Revoked` or `Expired`.
    status: &'static str,
    /// Its status now.
    key_status: &'static str,
    anchors: Vec<MemberValidity>,
}

/// Whether an anchor believes a key at an instant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MemberValidity {
    anchor_id: String,
    purl_pattern: String,
    /// `Valid`, `NotYetValid`, `Revoked` or `Expired`.
    status: &'static str,
    #[schema(value_type = String, format = DateTime)]
    added_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
}

/// Says whether a key is believed at an instant, by itself and in each anchor (SO-095).
#[utoipa::path(get, path = "/signer/keys/{keyId}/validity", tag = "keys",
    params(("keyId" = String, Path, description = "The key"), Instant), responses(
    (status = 200, body = KeyValidity), (status = "default", body = ProblemDocument)))]
pub(crate) async fn validity(
    State(app): State<App>,
    Named(key_id): Named<KeyId>,
    Asked(instant): Asked<Instant>,
) -> Outcome<KeyValidity> {
    app.newest()?;
    let (state, now) = (app.keyward.state(), app.keyward.now());
    let at = instant.read()?.unwrap_or(now);
    let key = found(&state, &key_id)?;
    app.keyward.count_lookup();
    let members = key.memberships().filter_map(|member| {
        let anchor = state.anchor_at(member.anchor)?;
        let window = key.window(&member);
        Some(MemberValidity {
            anchor_id: anchor.record.anchor_id.to_string(),
            purl_pattern: anchor.record.pattern.to_string(),
            status: key.validity_in(&member, at).name(),
            added_at: window.start(),
            ended_at: window.end(),
        })
    });
    Ok(Answer::ok(KeyValidity {
        key_id: key_id.to_string(),
        at,
        status: key.validity(at).name(),
        key_status: key.status(now).name(),
        anchors: members.collect(),
    }))
}

/// Keys that sign, and when each is due.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RotationWarnings {
    keys: Vec<RotationWarning>,
}

/// A key and its age.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RotationWarning {
    key_id: String,
    profile: String,
    /// Whole calendar months.
    age_months: i32,
    age_days: i64,
    max_age_months: u16,
    /// `ok`, `soon`, `aged`, `expiring` or `worn`.
    due: &'static str,
    /// Whole months until the maximum age, rounded up.
    #[serde(skip_serializing_if = "Option::is_none")]
    months_left: Option<i32>,
    /// What to say of it, without a sign.
    warning: String,
}

/// Lists the keys that sign, with what their age calls for (SO-111).
#[utoipa::path(get, path = "/signer/rotation-warnings", tag = "keys", responses(
    (status = 200, body = RotationWarnings), (status = "default", body = ProblemDocument)))]
pub(crate) async fn rotation_warnings(State(app): State<App>) -> Outcome<RotationWarnings> {
    let keys = run(&app, |keyward| {
        let (state, now) = (keyward.state(), keyward.now());
        let signing = state.keys().filter(|key| key.status(now).signs());
        let warnings = signing.filter_map(|key| {
            let policy = &state.profile(&key.record.profile)?.rotation;
            Some(rotation_warning(key, policy, now))
        });
        Ok::<_, KeyError>(warnings.collect())
    });
    Ok(Answer::ok(RotationWarnings { keys: keys.await? }))
}

fn rotation_warning(key: &Key, policy: &RotationPolicy, now: Timestamp) -> RotationWarning {
    let due = due(key, policy, now);
    let (months_left, warning) = match due {
        Due::No => (None, "OK".to_owned()),
        Due::Soon { months_left: 1 } => (Some(1), "Rotation due in 1 month".to_owned()),
        Due::Soon { months_left } => {
            (Some(months_left), format!("Rotation due in {months_left} months"))
        }
        Due::Aged => (None, "Rotation overdue".to_owned()),
        Due::Expiring { at } if at <= now => (None, format!("Expired at {at}")),
        Due::Expiring { at } => (None, format!("Expires at {at}")),
        Due::Worn => (None, "Nine tenths of its uses are gone".to_owned()),
    };
    RotationWarning {
        key_id: key.record.key_id.to_string(),
        profile: key.record.profile.to_string(),
        age_months: now.months_since(key.created_at),
        age_days: now.days_since(key.created_at),
        max_age_months: policy.max_age_months,
        due: due_name(due),
        months_left,
        warning,
    }
}

fn why_due(keyward: &Keyward, key_id: &KeyId) -> Result<&'static str, KeyError> {
    let state = keyward.state();
    let key = found(&state, key_id)?;
    let profile = state.profile(&key.record.profile);
    Ok(profile.map_or("ok", |profile| due_name(due(key, &profile.rotation, keyward.now()))))
}

const fn due_name(due: Due) -> &'static str {
    match due {
        Due::No => "ok",
        Due::Soon { .. } => "soon",
        Due::Aged => "aged",
        Due::Expiring { .. } => "expiring",
        Due::Worn => "worn",
    }
}

pub(super) const fn force(forced: bool) -> Force {
    if forced { Force::Yes } else { Force::No }
}
