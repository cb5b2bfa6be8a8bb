//! Proofs: found, listed, signed anew, judged again.

use axum::extract::State;
use keyward::{ExecuteError, signing::SignError};
use keyward_lifecycle::{
    id::{ContentId, KeyId},
    key::Reason,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::sign::envelope_json;
use crate::{
    app::App,
    body::{Answer, Asked, Bounded, Input, Named, Outcome},
    identity::Caller,
    page,
    problem::{Problem, ProblemDocument},
    run::run,
    wire::read,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(resign))
        .routes(routes!(rescan))
}

/// A problem: no proof has that address.
pub(super) fn no_such_proof(id: &ContentId) -> Problem {
    Problem::from(SignError::NoSuchProof(*id))
}

/// A proof bundle: an envelope with its evidence.
#[derive(Debug, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub(crate) struct ProofBundle(Box<RawValue>);

/// Gives a proof with its evidence, fit to travel (docs/format/proof-bundle.md).
#[utoipa::path(get, path = "/proofs/{id}", tag = "proofs",
    params(("id" = String, Path, description = "`sha256:…`")), responses(
    (status = 200, body = ProofBundle), (status = "default", body = ProblemDocument)))]
pub(crate) async fn show(
    State(app): State<App>,
    Named(id): Named<ContentId>,
) -> Outcome<ProofBundle> {
    let bundle = run(&app, move |keyward| {
        let bundle = keyward.bundle(&id)?.ok_or(SignError::NoSuchProof(id))?;
        let json = bundle.to_json()?;
        let text = String::from_utf8(json).ok().and_then(|text| RawValue::from_string(text).ok());
        let none = || ExecuteError::Unavailable("a bundle has no JSON form".into());
        Ok::<_, SignError>(ProofBundle(text.ok_or_else(none)?))
    });
    Ok(Answer::ok(bundle.await?))
}

/// Which proofs are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct ProofFilter {
    /// The key that signed.
    #[serde(alias = "keyid")]
    key_id: String,
    /// After that place of the ledger, which a page before named as `next`.
    after: Option<u64>,
    /// At most so many.
    limit: Option<u32>,
}

/// Proofs in the order in which they were made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProofList {
    proofs: Vec<ProofEntry>,
    /// Give it as `after` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// An entry of the ledger.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ProofEntry {
    /// Its proof bundle's address.
    id: String,
    key_id: String,
    /// By the log's clock.
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
    /// SHA-256 of the first subject or of the payload.
    subject: String,
    predicate_type: String,
    /// Its place in the ledger.
    seq: u64,
}

/// Lists what a key signed.
#[utoipa::path(get, path = "/proofs", tag = "proofs", params(ProofFilter), responses(
    (status = 200, body = ProofList), (status = "default", body = ProblemDocument)))]
pub(crate) async fn list(
    State(app): State<App>,
    Asked(filter): Asked<ProofFilter>,
) -> Outcome<ProofList> {
    let ProofFilter { key_id, after, limit } = filter;
    let key_id: KeyId = read("keyId", &key_id)?;
    let limit = page::limit(limit)?;
    let list = run(&app, move |keyward| {
        let entries = keyward.entries_of_key(&key_id, after, limit.saturating_add(1))?;
        let (entries, next) = page::cut(entries.into_iter(), limit, |entry| entry.seq.to_string());
        let proofs = entries.into_iter().map(|entry| ProofEntry {
            id: entry.proof.to_string(),
            key_id: key_id.to_string(),
            time: entry.time,
            subject: entry.subject.to_string(),
            predicate_type: entry.predicate_type.to_string(),
            seq: entry.seq,
        });
        Ok::<_, ExecuteError>(ProofList { proofs: proofs.collect(), next })
    });
    Ok(Answer::ok(list.await?))
}

/// Who signs anew, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Resign {
    #[serde(alias = "keyid")]
    #[schema(value_type = String)]
    key_id: KeyId,
    /// From the closed list, or an alias.
    reason: String,
}

impl Bounded for Resign {}

/// A proof that was signed anew; the old one stands as it was.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Resigned)]
pub(crate) struct ResignedDocument {
    old: String,
    new: String,
    /// The proof that binds both.
    statement: String,
    /// The new envelope.
    #[schema(value_type = Object)]
    envelope: Box<RawValue>,
}

/// Signs a proof's content anew with another key, and a statement that says so (SO-106).
#[utoipa::path(post, path = "/proofs/{id}/re-sign", tag = "proofs",
    params(("id" = String, Path, description = "`sha256:…`")), request_body = Resign, responses(
    (status = 200, body = ResignedDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn resign(
    State(app): State<App>,
    caller: Caller,
    Named(old): Named<ContentId>,
    Input(body): Input<Resign>,
) -> Outcome<ResignedDocument> {
    let reason: Reason = read("reason", &body.reason)?;
    let resigned = run(&app, move |keyward| {
        let resigned = keyward.resign(&caller.actor(keyward)?, &old, &body.key_id, reason)?;
        Ok::<_, SignError>(ResignedDocument {
            old: old.to_string(),
            new: resigned.new.proof.to_string(),
            statement: resigned.statement.proof.to_string(),
            envelope: envelope_json(&resigned.new.envelope)?,
        })
    });
    Ok(Answer::ok(resigned.await?))
}

/// How much is judged again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rescan {
    /// Proofs at the most; absent for 1,000.
    limit: Option<u32>,
}

impl Bounded for Rescan {}

/// Most proofs judged again in one call.
const RESCAN_MAX: u32 = 10_000;
/// Proofs judged again unless a number is asked for.
const RESCAN_DEFAULT: u32 = 1000;

/// What was judged again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Rescanned)]
pub(crate) struct RescannedDocument {
    judged: usize,
    /// Proofs that still wait.
    pending: u64,
}

/// Judges again what revocations touched; the server does so by itself as well.
#[utoipa::path(post, path = "/proofs/rescan", tag = "proofs", request_body = Rescan, responses(
    (status = 200, body = RescannedDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn rescan(
    State(app): State<App>,
    Input(body): Input<Rescan>,
) -> Outcome<RescannedDocument> {
    let limit = match body.limit {
        None => RESCAN_DEFAULT,
        Some(limit @ 1..=RESCAN_MAX) => limit,
        Some(_) => {
            return Err(Problem::malformed("limit", format!("expected from 1 to {RESCAN_MAX}")));
        }
    };
    let done = run(&app, move |keyward| keyward.rescan(limit)).await?;
    Ok(Answer::ok(RescannedDocument { judged: done.judged.len(), pending: done.pending }))
}
