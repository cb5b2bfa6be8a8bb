//! What is known of all keys, out and in (LC-013, `docs/format/key-metadata.md`).

use std::io::{self, Write};

use axum::{extract::State, response::Response};
use keyward::{
    ExecuteError, Keyward,
    key::KeyError,
    metadata::{METADATA_BYTES_MAX, METADATA_SCHEMA, MetadataDocument, MetadataReceipt},
};
use keyward_lifecycle::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    body::{Answer, Bounded, Input, Outcome},
    identity::Caller,
    problem::{Problem, ProblemDocument},
    run::run,
    stream::stream,
    wire::key::KeyDocument,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(metadata, import_metadata))
}

/// Every key's metadata (LC-013).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    /// The format: `keyward.key-metadata/v1`.
    schema: &'static str,
    #[schema(value_type = String, format = DateTime)]
    exported_at: Timestamp,
    keys: Vec<KeyDocument>,
}

/// Exports the metadata of all keys; nothing of it is secret.
#[utoipa::path(get, path = "/signer/keys/metadata", tag = "keys", responses(
    (status = 200, body = Metadata), (status = "default", body = ProblemDocument)))]
pub(crate) async fn metadata(State(app): State<App>) -> Result<Response, Problem> {
    stream(&app, "application/json", write_metadata).await
}

/// [`Metadata`], a key at a time.
fn write_metadata(keyward: &Keyward, out: &mut dyn Write) -> Result<(), KeyError> {
    let state = keyward.state();
    let (schema, exported_at) = (METADATA_SCHEMA, keyward.now());
    let keys = state.keys().map(|key| KeyDocument::of(keyward, &state, key, Vec::new()));
    let unwritten = |error: io::Error| ExecuteError::Unavailable(error.to_string().into());
    let mut separator = "";
    let frame = json(&Metadata { schema, exported_at, keys: Vec::new() })?;
    let head = frame.strip_suffix(b"]}").unwrap_or(&frame);
    out.write_all(head).map_err(unwritten)?;
    for key in keys {
        out.write_all(separator.as_bytes()).map_err(unwritten)?;
        out.write_all(&json(&key?)?).map_err(unwritten)?;
        separator = ",";
    }
    out.write_all(b"]}").map_err(unwritten)?;
    Ok(())
}

/// What another store wrote of its keys.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Metadata)]
pub(crate) struct ImportMetadata(MetadataDocument);

impl Bounded for ImportMetadata {
    const BYTES_MAX: usize = METADATA_BYTES_MAX;
}

/// What became of the keys of a document.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetadataImport {
    /// The keys that were taken in.
    adopted: Vec<String>,
    /// How many were here already, and were left alone.
    known: usize,
    /// Those of them that have ended in the document, and less so here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// Takes in the keys of another store that are not here, by their public parts and as ended as
/// they are there: all of them, or none. They verify, and never sign here.
#[utoipa::path(post, path = "/signer/keys/metadata", tag = "keys", request_body = ImportMetadata,
    responses(
    (status = 200, body = MetadataImport), (status = "default", body = ProblemDocument)))]
pub(crate) async fn import_metadata(
    State(app): State<App>,
    caller: Caller,
    Input(ImportMetadata(document)): Input<ImportMetadata>,
) -> Outcome<MetadataImport> {
    let taken =
        run(&app, move |keyward| keyward.import_metadata(&caller.actor(keyward)?, &document));
    let MetadataReceipt { adopted, known, worse_there } = taken.await?;
    Ok(Answer::ok(MetadataImport {
        adopted: adopted.iter().map(ToString::to_string).collect(),
        known,
        warnings: worse_there.iter().map(ToString::to_string).collect(),
    }))
}

fn json(document: &impl Serialize) -> Result<Vec<u8>, ExecuteError> {
    serde_json::to_vec(document).map_err(|e| ExecuteError::Unavailable(e.to_string().into()))
}
