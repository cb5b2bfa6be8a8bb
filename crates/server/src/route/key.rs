//! Keys: made, taken in, shown.

use axum::extract::State;
use keyward::{
    Keyward,
    key::{KeyError, KeyRequest, Possession},
};
use keyward_lifecycle::{
    algorithm::Algorithm,
    id::{KeyId, ProfileName},
    key::{Key, Status},
    refusal::Refusal,
    state::State as Fold,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    body::{Answer, Asked, Bounded, Input, Named, Outcome},
    identity::Caller,
    page,
    problem::{Problem, ProblemDocument},
    run::run,
    wire::{self, key::KeyDocument, key::ProfileDocument, read_some},
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(generate, list))
        .routes(routes!(import))
        .routes(routes!(show))
        .routes(routes!(profiles))
}

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct GenerateKey {
    #[schema(value_type = String)]
    profile: ProfileName,
    #[serde(alias = "keyid")]
    #[schema(value_type = String)]
    key_id: KeyId,
    /// Absent for the profile's.
    #[schema(value_type = Option<String>)]
    algorithm: Option<Algorithm>,
    purpose: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    max_usage: Option<u64>,
    #[schema(value_type = Option<String>)]
    parent: Option<KeyId>,
    /// Whether it stays STAGED even where its profile has no signer.
    #[serde(default)]
    stage: bool,
}

impl Bounded for GenerateKey {}

/// Makes a key in its profile's store.
#[utoipa::path(post, path = "/signer/keys", tag = "keys", request_body = GenerateKey, responses(
    (status = 201, body = KeyDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn generate(
    State(app): State<App>,
    caller: Caller,
    Input(body): Input<GenerateKey>,
) -> Outcome<KeyDocument> {
    let GenerateKey { profile, key_id, algorithm, purpose, expires_at, max_usage, parent, stage } =
        body;
    let staged = stage;
    let request =
        KeyRequest { key_id, profile, algorithm, purpose, expires_at, max_usage, parent, staged };
    let document = run(&app, move |keyward| {
        let receipt = keyward.generate_key(&caller.actor(keyward)?, &request)?;
        document(keyward, &request.key_id, wire::warnings(&receipt.warnings))
    });
    Ok(created(document.await?))
}

/// A key that was made elsewhere: its private part, or its public part with a proof of
/// possession.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ImportKey {
    #[schema(value_type = String)]
    profile: ProfileName,
    #[serde(alias = "keyid")]
    #[schema(value_type = String)]
    key_id: KeyId,
    /// PKCS#8 in PEM.
    pkcs8_pem: Option<String>,
    /// SPKI in PEM; needs `proof`.
    public_key_pem: Option<String>,
    proof: Option<ProofOfPossession>,
    purpose: Option<String>,
}

impl Bounded for ImportKey {}

/// A signature over the key id, the fingerprint and a nonce, by the key itself.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProofOfPossession {
    nonce: String,
    /// In base64.
    signature: String,
}

/// What an import carries.
enum Material {
    Private(String),
    Public(String, String, Vec<u8>),
}

/// Takes a key in.
#[utoipa::path(post, path = "/signer/keys/import", tag = "keys", request_body = ImportKey,
    responses((status = 201, body = KeyDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn import(
    State(app): State<App>,
    caller: Caller,
    Input(body): Input<ImportKey>,
) -> Outcome<KeyDocument> {
    let ImportKey { profile, key_id, pkcs8_pem, public_key_pem, proof, purpose } = body;
    let request = KeyRequest { purpose, ..KeyRequest::new(key_id, profile) };
    let material = match (pkcs8_pem, public_key_pem, proof) {
        (Some(pem), None, None) => Material::Private(pem),
        (None, Some(pem), Some(ProofOfPossession { nonce, signature })) => {
            let signature = wire::read_base64("proof.signature", &signature)?;
            Material::Public(pem, nonce, signature)
        }
        _ => {
            let expected = "give `pkcs8Pem`, or `publicKeyPem` with `proof`";
            return Err(Problem::malformed("body", expected));
        }
    };
    let document = run(&app, move |keyward| {
        let actor = caller.actor(keyward)?;
        let receipt = match &material {
            Material::Private(pem) => keyward.import_key(&actor, &request, pem)?,
            Material::Public(pem, nonce, signature) => {
                let proof = Possession { nonce, signature };
                keyward.register_public_key(&actor, &request, pem, &proof)?
            }
        };
        document(keyward, &request.key_id, wire::warnings(&receipt.warnings))
    });
    Ok(created(document.await?))
}

/// Which keys are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct KeyFilter {
    /// With that status.
    status: Option<String>,
    /// Of that profile.
    profile: Option<String>,
    /// After that key, which a page before named as `next`.
    after: Option<String>,
    /// At most so many.
    limit: Option<u32>,
}

/// Keys in the order in which they came.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyList {
    keys: Vec<KeyDocument>,
    /// Give it as `after` for the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Lists keys.
#[utoipa::path(get, path = "/signer/keys", tag = "keys", params(KeyFilter), responses(
    (status = 200, body = KeyList), (status = "default", body = ProblemDocument)))]
pub(crate) async fn list(
    State(app): State<App>,
    Asked(filter): Asked<KeyFilter>,
) -> Outcome<KeyList> {
    let KeyFilter { status, profile, after, limit } = filter;
    let limit = page::limit(limit)?;
    let status = status.as_deref().map(read_status).transpose()?;
    let profile: Option<ProfileName> = read_some("profile", profile.as_deref())?;
    let after: Option<KeyId> = read_some("after", after.as_deref())?;
    let list = run(&app, move |keyward| {
        let (state, now) = (keyward.state(), keyward.now());
        let numbers = match &after {
            None => 0..u32::MAX,
            Some(id) => {
                let last = state.key_number(id).ok_or_else(|| Refusal::NoSuchKey(id.clone()))?;
                last.saturating_add(1)..u32::MAX
            }
        };
        let matches = |key: &&Key| {
            status.is_none_or(|wanted| key.status(now) == wanted)
                && profile.as_ref().is_none_or(|wanted| key.record.profile == *wanted)
        };
        let keys = numbers.map_while(|number| state.key_at(number)).filter(matches);
        let (keys, next) = page::cut(keys, limit, |key| key.record.key_id.to_string());
        let keys = keys.into_iter().map(|key| KeyDocument::of(keyward, &state, key, Vec::new()));
        Ok::<_, KeyError>(KeyList { keys: keys.collect::<Result<_, _>>()?, next })
    });
    Ok(Answer::ok(list.await?))
}

/// Shows a key.
#[utoipa::path(get, path = "/signer/keys/{keyId}", tag = "keys",
    params(("keyId" = String, Path, description = "The key")), responses(
    (status = 200, body = KeyDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn show(
    State(app): State<App>,
    Named(key_id): Named<KeyId>,
) -> Outcome<KeyDocument> {
    let found = run(&app, move |keyward| document(keyward, &key_id, Vec::new()));
    Ok(Answer::ok(found.await?))
}

/// All profiles.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProfileList {
    profiles: Vec<ProfileDocument>,
}

/// Lists profiles.
#[utoipa::path(get, path = "/profiles", tag = "keys", responses(
    (status = 200, body = ProfileList), (status = "default", body = ProblemDocument)))]
pub(crate) async fn profiles(State(app): State<App>) -> Outcome<ProfileList> {
    let state = app.keyward.state();
    let profiles = state.profiles().map(|one| ProfileDocument::of(&app, &state, one));
    Ok(Answer::ok(ProfileList { profiles: profiles.collect() }))
}

/// The key of that name as a document.
pub(super) fn document(
    keyward: &Keyward,
    key_id: &KeyId,
    warnings: Vec<String>,
) -> Result<KeyDocument, KeyError> {
    let state = keyward.state();
    let key = found(&state, key_id)?;
    Ok(KeyDocument::of(keyward, &state, key, warnings)?)
}

/// The key of that name.
pub(super) fn found<'s>(state: &'s Fold, key_id: &KeyId) -> Result<&'s Key, Refusal> {
    state.key(key_id).ok_or_else(|| Refusal::NoSuchKey(key_id.clone()))
}

fn created(document: KeyDocument) -> Answer<KeyDocument> {
    Answer::created(format!("/v1/signer/keys/{}", document.key_id()), document)
}

fn read_status(text: &str) -> Result<Status, Problem> {
    let all = [
        Status::Staged,
        Status::Active,
        Status::Rotating,
        Status::Deprecated,
        Status::Revoked,
        Status::Compromised,
    ];
    let named = all.into_iter().find(|status| status.name().eq_ignore_ascii_case(text));
    named.ok_or_else(|| {
        let names = all.map(Status::name).join(", ");
        Problem::malformed("status", format!("expected one of {names}"))
    })
}
