//! What stands beside a secret's value: its versions, how many are kept, and texts.

use std::{collections::BTreeMap, num::NonZeroU32};

use axum::extract::State;
use keyward::secret::{Limit, MetadataChange, SecretError, SecretMetadata, path::SecretPath};
use keyward_lifecycle::{secret::VersionFold, time::Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    body::{Answer, Bounded, Input, Named, Outcome},
    identity::Caller,
    problem::ProblemDocument,
    run::run,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(metadata, set_metadata))
}

/// What is known of a secret beside its value.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SecretMetadata)]
pub(crate) struct MetadataDocument {
    path: String,
    /// How the log names it.
    secret_id: String,
    /// The current version: what `cas` is compared with.
    version: u32,
    /// How many versions are kept.
    versions_max: usize,
    /// The version of the metadata itself.
    metadata_version: u32,
    /// Texts that its users keep beside it; absent for callers who may not read them.
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<BTreeMap<String, String>>,
    /// The versions that are kept, oldest first; absent for callers who may not read them.
    #[serde(skip_serializing_if = "Option::is_none")]
    versions: Option<Vec<VersionDocument>>,
}

/// A version without its value.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SecretVersion)]
pub(crate) struct VersionDocument {
    version: u32,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    deleted_at: Option<Timestamp>,
}

impl MetadataDocument {
    fn of(path: &SecretPath, known: SecretMetadata) -> Self {
        let document = |version: VersionFold| VersionDocument {
            version: version.number.get(),
            created_at: version.written_at,
            deleted_at: version.deleted_at,
        };
        let versions = known.versions.map(|all| all.into_iter().map(document).collect());
        Self {
            path: path.as_str().to_owned(),
            secret_id: known.secret_id.to_string(),
            version: known.current,
            versions_max: known.limit,
            metadata_version: known.version.get(),
            versions,
            metadata: known.texts,
        }
    }
}

/// Says what is known of a secret beside its value.
#[utoipa::path(get, path = "/secrets/metadata/{*path}", tag = "secrets",
    params(("path" = String, Path, description = "The secret's path, slashes and all")),
    responses((status = 200, body = MetadataDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn metadata(
    State(app): State<App>,
    caller: Caller,
    Named(path): Named<String>,
) -> Outcome<MetadataDocument> {
    let path = SecretPath::parse(&path)?;
    let known = run(&app, move |keyward| {
        let known = keyward.secret_metadata(&caller.asker(keyward)?, &path)?;
        Ok::<_, SecretError>(MetadataDocument::of(&path, known))
    });
    Ok(Answer::ok(known.await?))
}

/// How a secret's metadata is to be.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = SetSecretMetadata)]
pub(crate) struct SetMetadata {
    /// All texts beside the secret; absent to leave them as they are.
    metadata: Option<BTreeMap<String, String>>,
    /// How many versions are kept, from 1 to 1000, 0 for as many as usual; absent to leave that
    /// as it is. Versions beyond it are removed for good at once, which needs the right to delete.
    versions_max: Option<u32>,
    /// The `metadataVersion` that it must have.
    cas: Option<u32>,
}

impl Bounded for SetMetadata {}

/// Changes a secret's metadata.
#[utoipa::path(put, path = "/secrets/metadata/{*path}", tag = "secrets",
    params(("path" = String, Path, description = "The secret's path, slashes and all")),
    request_body = SetMetadata, responses(
    (status = 200, body = MetadataDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn set_metadata(
    State(app): State<App>,
    caller: Caller,
    Named(path): Named<String>,
    Input(body): Input<SetMetadata>,
) -> Outcome<MetadataDocument> {
    let path = SecretPath::parse(&path)?;
    let SetMetadata { metadata: texts, versions_max, cas: expected } = body;
    let limit = versions_max.map_or(Limit::AsBefore, |limit| {
        NonZeroU32::new(limit).map_or(Limit::Usual, Limit::Versions)
    });
    let known = run(&app, move |keyward| {
        let change = MetadataChange { texts, limit, expected };
        let known = keyward.set_secret_metadata(&caller.asker(keyward)?, &path, change)?;
        Ok::<_, SecretError>(MetadataDocument::of(&path, known))
    });
    Ok(Answer::ok(known.await?))
}
