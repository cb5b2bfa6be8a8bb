//! Signing: the hot path.

use axum::extract::State;
use keyward::{
    ExecuteError,
    signing::{Content, KeyChoice, SignError, SignRequest, Signed},
};
use keyward_lifecycle::{
    envelope::Envelope,
    id::{Digest, KeyId, ProfileName},
    profile::LedgerMode,
    purl::Purl,
    state::State as Fold,
    statement::PredicateType,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    body::{Answer, Bounded, ENVELOPE_BODY_BYTES_MAX, Input, Outcome},
    identity::Caller,
    problem::{Problem, ProblemDocument},
    run::{run, run_here},
    wire::{read, read_base64},
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(sign))
}

/// What is to be signed, and by whom: `payload`, `statement` or `envelope`; by `keyIds` or by
/// the active key of `profile`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Sign {
    #[serde(default, alias = "keyids")]
    #[schema(value_type = Vec<String>)]
    key_ids: Vec<KeyId>,
    #[schema(value_type = Option<String>)]
    profile: Option<ProfileName>,
    /// Bytes in base64, to be wrapped.
    payload: Option<String>,
    /// With `payload`; absent for `application/octet-stream`.
    payload_type: Option<String>,
    statement: Option<SignStatement>,
    /// A DSSE envelope, to be signed as well.
    #[schema(value_type = Option<Object>)]
    envelope: Option<Value>,
}

impl Bounded for Sign {
    const BYTES_MAX: usize = ENVELOPE_BODY_BYTES_MAX;
}

/// An in-toto statement about an artifact.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SignStatement {
    purl: String,
    /// Of the artifact, 64 lower-case hex digits.
    #[schema(value_type = String)]
    sha256: Digest,
    predicate_type: String,
    #[schema(value_type = Option<Object>)]
    predicate: Option<Value>,
}

/// What was signed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Signed)]
pub(crate) struct SignedDocument {
    /// The DSSE envelope.
    #[schema(value_type = Object)]
    envelope: Box<RawValue>,
    /// The proof bundle's address.
    proof_bundle: String,
    /// Who signed.
    key_ids: Vec<String>,
}

impl SignedDocument {
    /// What the library released.
    pub(super) fn of(signed: &Signed) -> Result<Self, SignError> {
        Ok(Self {
            envelope: envelope_json(&signed.envelope)?,
            proof_bundle: signed.proof.to_string(),
            key_ids: signed.key_ids.iter().map(ToString::to_string).collect(),
        })
    }
}

/// An envelope's canonical JSON, to stand in a document as it is.
pub(super) fn envelope_json(envelope: &Envelope) -> Result<Box<RawValue>, SignError> {
    let json = envelope.to_json()?;
    let text = String::from_utf8(json).ok().and_then(|text| RawValue::from_string(text).ok());
    // The canonical form is UTF-8 and JSON, so there is always a text.
    text.ok_or_else(|| ExecuteError::Unavailable("an envelope has no JSON form".into()).into())
}

/// Signs. The ledger has the signature for good before it is released, unless the key's profile
/// is buffered.
#[utoipa::path(post, path = "/sign", tag = "proofs", request_body = Sign, responses(
    (status = 200, body = SignedDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn sign(
    State(app): State<App>,
    caller: Caller,
    Input(body): Input<Sign>,
) -> Outcome<SignedDocument> {
    let keys = choices(body.key_ids, body.profile)?;
    let content = content(body.payload, body.payload_type, body.statement, body.envelope)?;
    let is_buffered = all_buffered(&app.keyward.state(), &keys);
    let request = SignRequest { keys, content };
    let work = move |keyward: &keyward::Keyward| {
        let signed = keyward.sign(&caller.actor(keyward)?, &request)?;
        SignedDocument::of(&signed)
    };
    // A buffered signature is over in microseconds; a durable one waits for the disk.
    let signed = if is_buffered { run_here(&app, work).await } else { run(&app, work).await };
    Ok(Answer::ok(signed?))
}

fn choices(key_ids: Vec<KeyId>, profile: Option<ProfileName>) -> Result<Vec<KeyChoice>, Problem> {
    match (key_ids.is_empty(), profile) {
        (false, None) => Ok(key_ids.into_iter().map(KeyChoice::Id).collect()),
        (true, Some(profile)) => Ok(vec![KeyChoice::Profile(profile)]),
        (true, None) => Err(Problem::malformed("body", "name `keyIds` or a `profile`")),
        (false, Some(_)) => {
            Err(Problem::malformed("body", "`keyIds` and `profile` exclude each other"))
        }
    }
}

fn content(
    payload: Option<String>,
    payload_type: Option<String>,
    statement: Option<SignStatement>,
    envelope: Option<Value>,
) -> Result<Content, Problem> {
    match (payload, payload_type, statement, envelope) {
        (Some(payload), payload_type, None, None) => {
            let payload_type = payload_type.unwrap_or_else(|| OCTETS.to_owned());
            Ok(Content::Payload { payload_type, bytes: read_base64("payload", &payload)? })
        }
        (None, None, Some(statement), None) => {
            let SignStatement { purl, sha256: digest, predicate_type, predicate } = statement;
            let predicate_type = PredicateType::parse(&predicate_type);
            Ok(Content::Statement {
                purl: read_purl("statement.purl", &purl)?,
                digest,
                predicate_type: predicate_type
                    .map_err(|error| Problem::malformed("statement.predicateType", error))?,
                predicate,
            })
        }
        (None, None, None, Some(envelope)) => Ok(Content::Envelope(read_envelope(&envelope)?)),
        _ => Err(Problem::malformed("body", "give one of `payload`, `statement` and `envelope`")),
    }
}

/// The payload type of bytes of which nothing is said.
const OCTETS: &str = "application/octet-stream";

/// A purl in any spelling.
pub(super) fn read_purl(place: &str, text: &str) -> Result<Purl, Problem> {
    Purl::normalise(text).map_err(|error| Problem::malformed(place, error))
}

/// A document in a body as JSON: the object itself, or a text that is one.
pub(super) fn inner_json(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// An envelope in a body.
pub(super) fn read_envelope(value: &Value) -> Result<Envelope, Problem> {
    Envelope::parse(inner_json(value).as_bytes())
        .map_err(|error| Problem::malformed("envelope", error))
}

fn all_buffered(state: &Fold, keys: &[KeyChoice]) -> bool {
    keys.iter().all(|choice| {
        let profile = match choice {
            KeyChoice::Id(id) => state.key(id).map(|key| &key.record.profile),
            KeyChoice::Profile(name) => Some(name),
        };
        let profile = profile.and_then(|name| state.profile(name));
        profile.is_some_and(|profile| profile.ledger == LedgerMode::Buffered)
    })
}

/// The SHA-256 of an artifact in a body.
pub(super) fn read_digest(place: &str, text: &str) -> Result<Digest, Problem> {
    read(place, text.strip_prefix("sha256:").unwrap_or(text))
}
