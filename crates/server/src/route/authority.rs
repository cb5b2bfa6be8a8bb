//! The authority document: shown, handed out, and replaced by its next version.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use keyward::{
    ExecuteError, Keyward,
    authority::{self, AuthorityError, Offered},
};
use keyward_lifecycle::{
    authority::{AUTHORITY_BYTES_MAX, Authority},
    envelope::{Envelope, Signature},
    id::Digest,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    body::{Answer, Asked, Bounded, Input, Outcome},
    identity::Caller,
    problem::{Problem, ProblemDocument},
    run::run,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show, replace)).routes(routes!(envelope))
}

/// Which version.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(crate) struct WhichVersion {
    /// Absent for the newest.
    version: Option<u64>,
}

/// Who vouches for the log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Authority)]
pub(crate) struct AuthorityDocument {
    version: u64,
    /// SHA-256 of the document: what verifiers pin.
    digest: String,
    root_id: String,
    /// How many of the keys sign the next version.
    threshold: u32,
    keys: Vec<AuthorityKeyDocument>,
    /// The log's origin line.
    origin: String,
    /// The keys that sign checkpoints (C2SP signed note).
    log_keys: Vec<String>,
    /// When verifiers stop following it; absent for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    expired: bool,
    /// Whether this store holds the private part of one of its keys, or did in a version before.
    key_held_here: bool,
}

/// A key that signs authority documents.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuthorityKey)]
pub(crate) struct AuthorityKeyDocument {
    key_id: String,
    /// By which people compare it; absent if it cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    /// SPKI in PEM.
    public_key: String,
}

impl AuthorityDocument {
    fn of(keyward: &Keyward, envelope: &Envelope) -> Result<Self, AuthorityError> {
        let Authority { v: _, version, root_id, threshold, keys, origin, log_keys, expires_at } =
            Authority::parse(envelope.payload())?;
        let keys = keys.into_iter().map(|key| AuthorityKeyDocument {
            fingerprint: authority::fingerprint(&key).map(|found| found.to_string()),
            key_id: key.key_id.to_string(),
            public_key: key.public_key,
        });
        Ok(Self {
            version,
            digest: Digest::of(envelope.payload()).to_string(),
            root_id: root_id.to_string(),
            threshold,
            keys: keys.collect(),
            origin,
            log_keys,
            expires_at,
            expired: expires_at.is_some_and(|end| end <= keyward.now()),
            key_held_here: keyward.holds_authority_key()?,
        })
    }
}

/// Shows the authority document: who vouches for the log, and until when.
#[utoipa::path(get, path = "/authority", tag = "authority", params(WhichVersion), responses(
    (status = 200, body = AuthorityDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn show(
    State(app): State<App>,
    Asked(asked): Asked<WhichVersion>,
) -> Outcome<AuthorityDocument> {
    let shown = run(&app, move |keyward| {
        let Some(envelope) = keyward.authority_envelope(asked.version)? else { return Ok(None) };
        AuthorityDocument::of(keyward, &envelope).map(Some)
    });
    Ok(Answer::ok(found(shown.await?, asked.version)?))
}

/// Hands the authority document out as it was signed: a DSSE envelope.
#[utoipa::path(get, path = "/authority/envelope", tag = "authority", params(WhichVersion),
    responses((status = 200, body = Object), (status = "default", body = ProblemDocument)))]
pub(crate) async fn envelope(
    State(app): State<App>,
    Asked(asked): Asked<WhichVersion>,
) -> Result<Response, Problem> {
    let envelope = run(&app, move |keyward| {
        let envelope = keyward.authority_envelope(asked.version)?;
        let json = envelope.map(|envelope| envelope.to_json()).transpose();
        json.map_err(|error| ExecuteError::Unavailable(error.to_string().into()))
    });
    let mut json = found(envelope.await?, asked.version)?;
    json.push(b'\n');
    Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
}

fn found<T>(found: Option<T>, version: Option<u64>) -> Result<T, Problem> {
    let number = version.unwrap_or(0);
    found.ok_or_else(|| {
        let text = format!("there is no version {number} of the authority document here");
        Problem::not_found("no-such-authority", text)
    })
}

/// The next version of the authority document.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NextAuthority {
    /// The document, in the very text that was signed (RFC 8785).
    document: String,
    /// The signatures that were made elsewhere; the key that is held here adds its own.
    #[serde(default)]
    signatures: Vec<SignatureDocument>,
}

/// A signature of a DSSE envelope.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignatureDocument {
    /// A hint at the key.
    keyid: Option<String>,
    /// In base64.
    sig: String,
}

impl Bounded for NextAuthority {
    // The document as a text in JSON, and signatures.
    const BYTES_MAX: usize = AUTHORITY_BYTES_MAX * 4;
}

impl SignatureDocument {
    fn read(self) -> Result<Signature, Problem> {
        let signature = BASE64_STANDARD.decode(self.sig).map_err(|_| {
            Problem::malformed("signatures", "expected `sig` in base64 with padding".to_owned())
        })?;
        Ok(Signature { key_id: self.keyid, signature })
    }
}

/// Puts the next version in the place of the newest one: the thresholds of both must have signed
/// it.
#[utoipa::path(post, path = "/authority", tag = "authority", request_body = NextAuthority,
    responses((status = 200, body = AuthorityDocument),
        (status = "default", body = ProblemDocument)))]
pub(crate) async fn replace(
    State(app): State<App>,
    caller: Caller,
    Input(body): Input<NextAuthority>,
) -> Outcome<AuthorityDocument> {
    let NextAuthority { document, signatures } = body;
    let signatures =
        signatures.into_iter().map(SignatureDocument::read).collect::<Result<Vec<_>, _>>()?;
    let offered = Offered { payload: document.into_bytes(), signatures };
    let replaced = run(&app, move |keyward| {
        keyward.replace_authority(&caller.actor(keyward)?, offered)?;
        let none = || ExecuteError::Unavailable("it was just here".into());
        AuthorityDocument::of(keyward, &keyward.authority_envelope(None)?.ok_or_else(none)?)
    });
    Ok(Answer::ok(replaced.await?))
}
