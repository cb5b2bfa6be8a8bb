//! How the server is: alive, ready, measured, described.

use std::sync::OnceLock;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use keyward::{ExecuteError, secret::SecretStanding, status::Status};
use keyward_lifecycle::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    body::{Answer, Outcome},
    metric,
    problem::{Problem, ProblemDocument},
    run::run,
    wire::key::CertificateDocument,
};

pub(super) fn open() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(metrics))
        .routes(routes!(openapi))
}

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(status))
}

/// Says that the server lives.
#[utoipa::path(get, path = "/healthz", tag = "status", responses(
    (status = 200, body = String, content_type = "text/plain")))]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether the server does its work.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    ready: bool,
    /// What is not as it must be.
    reasons: Vec<String>,
    /// What it can do without: a sealed store verifies and revokes.
    notes: Vec<String>,
}

/// Says whether the server does its work, and what it lacks: 200 when it does, 503 when it is
/// quarantined or has halted, or a profile's key store cannot be reached.
#[utoipa::path(get, path = "/readyz", tag = "status", responses(
    (status = 200, body = Readiness), (status = 503, body = Readiness)))]
pub(crate) async fn readyz(State(app): State<App>) -> Response {
    let seen = run(&app, |keyward| Ok::<_, ExecuteError>((keyward.status()?, keyward.now())));
    let readiness = match seen.await {
        Ok((status, now)) => readiness(&status, now),
        Err(problem) => {
            let reasons = vec![problem.document().detail];
            Readiness { ready: false, reasons, notes: Vec::new() }
        }
    };
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

fn readiness(status: &Status, now: Timestamp) -> Readiness {
    let mut reasons = Vec::new();
    if let Some(quarantine) = status.quarantine {
        let (found, kept) = (quarantine.found_size, quarantine.kept_size);
        reasons.push(format!("quarantined: the log has {found} leaves, {kept} were seen before"));
    }
    if status.halted {
        reasons.push("halted: it is not known whether the last change was written".to_owned());
    }
    let stores = status.unavailable.iter();
    reasons.extend(stores.map(|(profile, store)| why_unavailable(profile, store)));
    let sealed = "sealed: it verifies and revokes, and signs nothing".to_owned();
    let mut notes = if status.unsealed { Vec::new() } else { vec![sealed] };
    if let Some(why) = &status.pin_failure {
        notes.push(format!("the newest checkpoint is not in trust.json: {why}"));
    }
    if let Some(end) = status.authority_expires_at.filter(|end| *end <= now) {
        notes.push(format!("verifiers follow it no more: its authority expired at {end}"));
    }
    Readiness { ready: reasons.is_empty(), reasons, notes }
}

fn why_unavailable(profile: impl std::fmt::Display, store: impl std::fmt::Display) -> String {
    format!("profile `{profile}`: its key store `{store}` is not built into this program")
}

/// Metrics in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "status", responses(
    (status = 200, body = String, content_type = "text/plain"),
    (status = "default", body = ProblemDocument)))]
pub(crate) async fn metrics(State(app): State<App>) -> Result<Response, Problem> {
    let inner = app.clone();
    let text = run(&app, move |keyward| {
        metric::text(keyward, (&inner.standing, &inner.root), &inner.requests)
    });
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text.await?).into_response())
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "status", responses(
    (status = 200, body = Object)))]
pub(crate) async fn openapi() -> Response {
    static DOCUMENT: OnceLock<Option<String>> = OnceLock::new();
    match DOCUMENT.get_or_init(|| crate::document().ok()) {
        Some(text) => ([(header::CONTENT_TYPE, "application/json")], text.as_str()).into_response(),
        None => Problem::internal().into_response(),
    }
}

/// How the store is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Status)]
pub(crate) struct StatusDocument {
    root_id: String,
    /// The root key's generation; absent while sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<u32>,
    /// `sealed` or `unsealed`.
    state: &'static str,
    /// How the root key's memory is protected; absent while sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<&'static str>,
    log_size: u64,
    ledger_size: u64,
    quarantined: bool,
    halted: bool,
    /// Why the newest checkpoint could not be kept in `trust.json`; absent when it was. It is
    /// tried again every second.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pin_failure: Option<std::sync::Arc<str>>,
    /// When verifiers stop following the authority document; absent for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    authority_expires_at: Option<Timestamp>,
    unavailable_stores: Vec<UnavailableStore>,
    /// What the operator states of the modules behind key stores; Keyward claims nothing of the
    /// kind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    module_certificates: Vec<ProfileCertificate>,
    /// Absent while sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    secrets: Option<SecretsStatus>,
    version: &'static str,
}

/// How what is held of stored secrets is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SecretsStatus {
    /// Whether every path is in the index: until then lists wait.
    loaded: bool,
    /// Secrets whose paths are in the index.
    listed: u64,
    /// Secrets whose path does not open.
    unreadable: u64,
    /// Policies that do not open, and grant nothing.
    policies_unreadable: u64,
    /// What sealed values hold of memory, in bytes.
    memory_bytes: u64,
}

impl From<SecretStanding> for SecretsStatus {
    fn from(standing: SecretStanding) -> Self {
        Self {
            loaded: standing.loaded,
            listed: standing.listed,
            unreadable: standing.unreadable,
            policies_unreadable: standing.policies_unreadable,
            memory_bytes: standing.memory_bytes,
        }
    }
}

/// A profile whose key store cannot be reached.
#[derive(Debug, Serialize, ToSchema)]
struct UnavailableStore {
    profile: String,
    store: String,
    why: String,
}

/// The module certificate that is stated for a profile.
#[derive(Debug, Serialize, ToSchema)]
struct ProfileCertificate {
    profile: String,
    #[serde(flatten)]
    certificate: CertificateDocument,
}

/// Says how the store is.
#[utoipa::path(get, path = "/status", tag = "status", responses(
    (status = 200, body = StatusDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn status(State(app): State<App>) -> Outcome<StatusDocument> {
    let version = app.version;
    let now = app.keyward.now();
    let stated = app.certificates.iter().map(|(profile, certificate)| ProfileCertificate {
        profile: profile.to_string(),
        certificate: CertificateDocument::of(certificate, now),
    });
    let module_certificates = stated.collect();
    let status = run(&app, move |keyward| {
        let status = keyward.status()?;
        let stores = status.unavailable.iter().map(|(profile, store)| UnavailableStore {
            profile: profile.to_string(),
            store: store.to_string(),
            why: why_unavailable(profile, store),
        });
        Ok::<_, ExecuteError>(StatusDocument {
            unavailable_stores: stores.collect(),
            module_certificates,
            root_id: status.root_id,
            epoch: status.epoch,
            state: if status.unsealed { "unsealed" } else { "sealed" },
            memory: status.memory,
            log_size: status.log_size,
            ledger_size: status.ledger_size,
            quarantined: status.quarantine.is_some(),
            halted: status.halted,
            pin_failure: status.pin_failure,
            authority_expires_at: status.authority_expires_at,
            secrets: keyward.secret_standing().map(Into::into),
            version,
        })
    });
    Ok(Answer::ok(status.await?))
}
