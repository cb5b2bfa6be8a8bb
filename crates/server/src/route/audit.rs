//! The log for others: what happened, the proofs of it, exports, and the replay that finds edits.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use keyward::{ExecuteError, audit::TreeProof, storage::AuditQuery};
use keyward_lifecycle::id::KeyId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{key::found, lifetime::Nothing};
use crate::{
    app::App,
    body::{Answer, Asked, Bounded, Input, Named, Outcome},
    page,
    problem::{Problem, ProblemDocument},
    run::run,
    stream::stream,
    wire::{Names, anchor::one, audit::EventDocument, read_end, read_start},
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(events))
        .routes(routes!(key_history))
        .routes(routes!(export))
        .routes(routes!(verify))
        .routes(routes!(checkpoint))
        .routes(routes!(inclusion))
        .routes(routes!(consistency))
        .routes(routes!(snapshot))
}

/// Most events in the history of one key.
const HISTORY_MAX: u32 = 10_000;
/// Longest pattern of event types, in bytes.
const TYPE_BYTES_MAX: usize = 128;

/// Which events are listed; all conditions together.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct EventFilter {
    /// Of that type; `*` stands for any run of characters (`KEY_*`).
    #[serde(rename = "type")]
    #[param(rename = "type")]
    event_type: Option<String>,
    /// About that key.
    #[serde(alias = "keyid")]
    key_id: Option<String>,
    /// About that anchor.
    anchor_id: Option<String>,
    /// Not before: RFC 3339, or a date.
    from: Option<String>,
    /// Not after: RFC 3339, or a date, whose whole day in UTC counts.
    to: Option<String>,
    /// Before that place of the log, which a page before named as `next`.
    before_seq: Option<u64>,
    /// At most so many.
    limit: Option<u32>,
}

/// Events, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventList {
    events: Vec<EventDocument>,
    /// Give it as `beforeSeq` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

/// Lists what happened, newest first (SO-122).
#[utoipa::path(get, path = "/audit/events", tag = "audit", params(EventFilter), responses(
    (status = 200, body = EventList), (status = "default", body = ProblemDocument)))]
pub(crate) async fn events(
    State(app): State<App>,
    Asked(filter): Asked<EventFilter>,
) -> Outcome<EventList> {
    let EventFilter { event_type, key_id, anchor_id, from, to, before_seq, limit } = filter;
    let limit = page::limit(limit)?;
    if event_type.as_ref().is_some_and(|text| text.len() > TYPE_BYTES_MAX) {
        return Err(Problem::malformed("type", format!("longer than {TYPE_BYTES_MAX} bytes")));
    }
    let state = app.keyward.state();
    let query = AuditQuery {
        event_type,
        key_id,
        anchor_id: anchor_id.map(|text| one(&state, &text)).transpose()?,
        from: from.map(|text| read_start("from", &text)).transpose()?,
        before: to.map(|text| read_end("to", &text)).transpose()?,
        before_seq,
        limit: limit.saturating_add(1),
    };
    let list = run(&app, move |keyward| {
        let rows = keyward.audit_rows(&query)?;
        let (rows, next) = page::cut(rows.into_iter(), limit, |row| row.seq.to_string());
        let mut names = Names::new();
        let events = rows.into_iter().map(|row| EventDocument::of(keyward, row, &mut names));
        let next = next.and_then(|text| text.parse().ok());
        Ok::<_, ExecuteError>(EventList { events: events.collect::<Result<_, _>>()?, next })
    });
    Ok(Answer::ok(list.await?))
}

/// What happened to a key, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyHistory {
    events: Vec<EventDocument>,
}

/// Lists what happened to a key, oldest first; of more than 10,000 events, the newest.
#[utoipa::path(get, path = "/signer/keys/{keyId}/history", tag = "keys",
    params(("keyId" = String, Path, description = "The key")), responses(
    (status = 200, body = KeyHistory), (status = "default", body = ProblemDocument)))]
pub(crate) async fn key_history(
    State(app): State<App>,
    Named(key_id): Named<KeyId>,
) -> Outcome<KeyHistory> {
    let list = run(&app, move |keyward| {
        found(&keyward.state(), &key_id)?;
        let key_id = Some(key_id.to_string());
        let query = AuditQuery { key_id, limit: HISTORY_MAX, ..AuditQuery::default() };
        let mut names = Names::new();
        let rows = keyward.audit_rows(&query)?.into_iter().rev();
        let events = rows.map(|row| EventDocument::of(keyward, row, &mut names));
        Ok::<_, ExecuteError>(KeyHistory { events: events.collect::<Result<_, _>>()? })
    });
    Ok(Answer::ok(list.await?))
}

/// Exports the trust bundle: the authority, the log, the newest checkpoint, a line each.
#[utoipa::path(get, path = "/audit/export", tag = "audit", responses(
    (status = 200, body = String, content_type = "application/jsonl"),
    (status = "default", body = ProblemDocument)))]
pub(crate) async fn export(State(app): State<App>) -> Result<Response, Problem> {
    stream(&app, "application/jsonl", |keyward, out| keyward.export(out).map(drop)).await
}

/// What a replay is compared with, beside what is kept here.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyAudit {
    /// A checkpoint that was kept from before, as a signed note.
    checkpoint: Option<String>,
}

impl Bounded for VerifyAudit {}

/// What a replay found.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditReport)]
pub(crate) struct AuditDocument {
    /// Whether everything agrees.
    ok: bool,
    log_size: u64,
    ledger_size: u64,
    /// Rows of projections that were compared.
    rows: u64,
    /// What does not agree, the first disagreement first.
    problems: Vec<String>,
}

/// Replays the log and compares everything that is kept with it.
#[utoipa::path(post, path = "/audit/verify", tag = "audit", request_body = VerifyAudit, responses(
    (status = 200, body = AuditDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn verify(
    State(app): State<App>,
    Input(body): Input<VerifyAudit>,
) -> Outcome<AuditDocument> {
    let report = run(&app, move |keyward| keyward.verify_audit(body.checkpoint.as_deref())).await?;
    Ok(Answer::ok(AuditDocument {
        ok: report.problems.is_empty(),
        log_size: report.log_size,
        ledger_size: report.ledger_size,
        rows: report.rows,
        problems: report.problems,
    }))
}

/// Gives the newest checkpoint, as a signed note (C2SP tlog-checkpoint).
#[utoipa::path(get, path = "/audit/checkpoint", tag = "audit", responses(
    (status = 200, body = String, content_type = "text/plain"),
    (status = "default", body = ProblemDocument)))]
pub(crate) async fn checkpoint(State(app): State<App>) -> Result<Response, Problem> {
    let note = run(&app, |keyward| keyward.checkpoint()).await?;
    let note = note.ok_or_else(|| no_checkpoint("there is no checkpoint yet"))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], note).into_response())
}

fn no_checkpoint(detail: &str) -> Problem {
    Problem::not_found("not-in-log", detail.to_owned())
}

/// A Merkle proof (RFC 6962) with the checkpoint that it leads to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TreeProof)]
pub(crate) struct TreeProofDocument {
    /// The leaf, or the older size.
    index: u64,
    /// The size of the tree that it leads to.
    size: u64,
    /// Lowest first, in hex.
    hashes: Vec<String>,
    /// The root of that tree, in hex.
    root: String,
    /// A signed note over that root: the newest, if the proof leads to it.
    checkpoint: Option<String>,
}

impl TreeProofDocument {
    fn of(proof: TreeProof) -> Self {
        let TreeProof { index, size, hashes, root, checkpoint } = proof;
        let hashes = hashes.iter().map(ToString::to_string).collect();
        Self { index, size, hashes, root: root.to_string(), checkpoint }
    }
}

/// Which leaf.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Leaf {
    /// Its place in the log, from 0.
    index: u64,
}

/// Proves that an event is in the log.
#[utoipa::path(get, path = "/audit/proof/inclusion", tag = "audit", params(Leaf), responses(
    (status = 200, body = TreeProofDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn inclusion(
    State(app): State<App>,
    Asked(Leaf { index }): Asked<Leaf>,
) -> Outcome<TreeProofDocument> {
    let proof = run(&app, move |keyward| keyward.inclusion(index)).await?;
    let none = || no_checkpoint("no checkpoint contains that leaf");
    Ok(Answer::ok(TreeProofDocument::of(proof.ok_or_else(none)?)))
}

/// From which size to which.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Sizes {
    /// The size that was seen before.
    from: u64,
    /// The later size; absent for that of the newest checkpoint.
    to: Option<u64>,
}

/// Proves that a log seen before is the beginning of a later one: of the log now, or of that of
/// another size.
#[utoipa::path(get, path = "/audit/proof/consistency", tag = "audit", params(Sizes), responses(
    (status = 200, body = TreeProofDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn consistency(
    State(app): State<App>,
    Asked(Sizes { from, to }): Asked<Sizes>,
) -> Outcome<TreeProofDocument> {
    if to.is_some_and(|to| to < from) {
        return Err(Problem::malformed("to", "is smaller than `from`"));
    }
    let proof = run(&app, move |keyward| keyward.consistency(from, to)).await?;
    let none = || no_checkpoint("no checkpoint is as large as that");
    Ok(Answer::ok(TreeProofDocument::of(proof.ok_or_else(none)?)))
}

/// A snapshot of the fold.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Snapshot {
    /// Leaves of the log that it stands for.
    size: u64,
    /// SHA-256 of its bytes, which the next checkpoint binds.
    digest: String,
}

/// Takes a snapshot of the fold, so that the next start is quick.
#[utoipa::path(post, path = "/audit/snapshot", tag = "audit", request_body = Nothing, responses(
    (status = 200, body = Snapshot), (status = "default", body = ProblemDocument)))]
pub(crate) async fn snapshot(
    State(app): State<App>,
    Input(Nothing {}): Input<Nothing>,
) -> Outcome<Snapshot> {
    let (size, digest) = run(&app, keyward::Keyward::snapshot).await?;
    Ok(Answer::ok(Snapshot { size, digest: digest.to_string() }))
}
