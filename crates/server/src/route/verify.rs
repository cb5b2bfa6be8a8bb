//! Verifying: one envelope, or many.

use axum::extract::State;
use keyward::{
    ExecuteError, Keyward,
    verification::{Rigour, VerifyRequest},
};
use keyward_lifecycle::{bundle::Bundle, id::ContentId, verify::judge::TimePolicy};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    proof::no_such_proof,
    sign::{inner_json, read_digest, read_envelope, read_purl},
};
use crate::{
    app::App,
    body::{Answer, BATCH_BODY_BYTES_MAX, Bounded, ENVELOPE_BODY_BYTES_MAX, Input, Outcome},
    problem::{Problem, ProblemDocument},
    run::run,
    wire::{read, read_past, read_some, verdict::VerdictDocument},
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(verify)).routes(routes!(verify_batch))
}

/// Most envelopes in one batch.
const BATCH_MAX: usize = 2000;

/// What is to be judged: `envelope`, `bundle` or the address of a proof that is here.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Verify {
    /// A DSSE envelope.
    #[schema(value_type = Option<Object>)]
    envelope: Option<Value>,
    /// A proof bundle: an envelope with its evidence.
    #[schema(value_type = Option<Object>)]
    bundle: Option<Value>,
    /// `sha256:…`.
    proof_bundle: Option<String>,
    /// Of the artifact at hand.
    artifact_sha256: Option<String>,
    /// Under which the artifact is wanted.
    purl: Option<String>,
    /// The time judged (RFC 3339); a claim, unless evidence says so.
    at_time: Option<String>,
    /// Judge with what the log knew then.
    as_of: Option<String>,
    /// `evidence` (the default) or `claimed`.
    time_policy: Option<String>,
}

impl Bounded for Verify {
    const BYTES_MAX: usize = ENVELOPE_BODY_BYTES_MAX;
}

/// Judges an envelope. Whatever is wrong with it is a verdict, not a problem.
#[utoipa::path(post, path = "/verify", tag = "proofs", request_body = Verify, responses(
    (status = 200, body = VerdictDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn verify(
    State(app): State<App>,
    Input(body): Input<Verify>,
) -> Outcome<VerdictDocument> {
    let verdict = run(&app, move |keyward| judge(keyward, &body));
    Ok(Answer::ok(verdict.await?))
}

fn judge(keyward: &Keyward, body: &Verify) -> Result<VerdictDocument, Problem> {
    let (envelope, carried) = subject(keyward, body)?;
    let artifact = body.artifact_sha256.as_deref();
    let request = VerifyRequest {
        carried,
        artifact: artifact.map(|text| read_digest("artifactSha256", text)).transpose()?,
        purl: body.purl.as_deref().map(|text| read_purl("purl", text)).transpose()?,
        at: read_some("atTime", body.at_time.as_deref())?,
        as_of: read_past("asOf", body.as_of.as_deref(), keyward)?,
        time_policy: policy(body.time_policy.as_deref())?,
        ..VerifyRequest::new(envelope)
    };
    Ok(VerdictDocument::of(keyward.verify(&request)?))
}

type Subject = (keyward_lifecycle::envelope::Envelope, Vec<keyward_lifecycle::ledger::LedgerProof>);

fn subject(keyward: &Keyward, body: &Verify) -> Result<Subject, Problem> {
    match (&body.envelope, &body.bundle, &body.proof_bundle) {
        (Some(envelope), None, None) => Ok((read_envelope(envelope)?, Vec::new())),
        (None, Some(bundle), None) => {
            let bundle = Bundle::parse(inner_json(bundle).as_bytes());
            let bundle = bundle.map_err(|error| Problem::malformed("bundle", error))?;
            Ok((bundle.envelope().clone(), bundle.ledger().to_vec()))
        }
        (None, None, Some(address)) => {
            let id: ContentId = read("proofBundle", address)?;
            let envelope = keyward.envelope(&id)?.ok_or_else(|| no_such_proof(&id))?;
            Ok((envelope, Vec::new()))
        }
        _ => Err(Problem::malformed("body", "give one of `envelope`, `bundle` and `proofBundle`")),
    }
}

fn policy(text: Option<&str>) -> Result<TimePolicy, Problem> {
    match text {
        None | Some("evidence") => Ok(TimePolicy::Evidence),
        Some("claimed") => Ok(TimePolicy::Claimed),
        Some(_) => Err(Problem::malformed("timePolicy", "expected `evidence` or `claimed`")),
    }
}

/// Envelopes to be judged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct VerifyBatch {
    /// DSSE envelopes, each as an object or as its JSON text.
    #[schema(value_type = Vec<Object>)]
    envelopes: Vec<Value>,
    /// `evidence` (the default) or `claimed`.
    time_policy: Option<String>,
    /// Whether each signature is checked by itself. Otherwise many may be checked by one
    /// equation, and the verdicts that rest on it say so (`BATCH_ACCEPTED`).
    #[serde(default)]
    strict: bool,
}

impl Bounded for VerifyBatch {
    const BYTES_MAX: usize = BATCH_BODY_BYTES_MAX;
}

/// Verdicts in the order of the envelopes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Verdicts {
    verdicts: Vec<Judged>,
}

/// A verdict, or why there is none.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = VerdictOrError)]
enum Judged {
    /// A verdict.
    Verdict(Box<VerdictDocument>),
    /// It is no envelope.
    Error {
        /// What is wrong with it.
        error: String,
    },
}

/// Judges up to 2,000 envelopes on all cores.
#[utoipa::path(post, path = "/verify/batch", tag = "proofs", request_body = VerifyBatch, responses(
    (status = 200, body = Verdicts), (status = "default", body = ProblemDocument)))]
pub(crate) async fn verify_batch(
    State(app): State<App>,
    Input(body): Input<VerifyBatch>,
) -> Outcome<Verdicts> {
    if body.envelopes.len() > BATCH_MAX {
        return Err(Problem::too_many("envelopes", BATCH_MAX));
    }
    let time_policy = policy(body.time_policy.as_deref())?;
    let rigour = if body.strict { Rigour::Strict } else { Rigour::Batched };
    let verdicts = run(&app, move |keyward| {
        let read = body.envelopes.iter().map(read_envelope);
        let (mut requests, mut errors) = (Vec::new(), Vec::new());
        for envelope in read {
            match envelope {
                Ok(envelope) => {
                    errors.push(None);
                    requests.push(VerifyRequest { time_policy, ..VerifyRequest::new(envelope) });
                }
                Err(problem) => errors.push(Some(problem.document().detail)),
            }
        }
        let judged = keyward.verify_batch_with(&requests, rigour);
        let mut judged = judged.into_iter().map(VerdictDocument::of);
        let verdicts = errors.into_iter().filter_map(|error| match error {
            Some(error) => Some(Judged::Error { error }),
            None => judged.next().map(|verdict| Judged::Verdict(Box::new(verdict))),
        });
        Ok::<_, ExecuteError>(verdicts.collect())
    });
    Ok(Answer::ok(Verdicts { verdicts: verdicts.await? }))
}
