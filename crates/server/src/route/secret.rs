//! Secrets: put, read, listed, deleted, brought back, purged; and their metadata.

mod metadata;

use axum::{body::Bytes, extract::State, http::header, response::IntoResponse};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use keyward::{
    Keyward,
    secret::{
        Asker, Changed, ReadSecret, SecretError, VALUE_BYTES_MAX,
        path::{PathPrefix, SecretPath},
    },
};
use keyward_lifecycle::{secret::SecretVersion, time::Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use zeroize::Zeroizing;

use crate::{
    app::App,
    body::{Answer, Asked, Bounded, Input, Named, Outcome},
    identity::Caller,
    page,
    problem::{Problem, ProblemDocument},
    run::{run, run_here},
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(read, put, delete))
        .routes(routes!(list))
        .routes(routes!(undelete))
        .routes(routes!(purge))
        .merge(metadata::routes())
}

/// Text that is wiped when it goes.
pub(crate) struct SecretText(Zeroizing<String>);

impl SecretText {
    /// The text.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// Its bytes, which nobody wipes but their next owner.
    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        std::mem::take(&mut *self.0).into_bytes()
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

/// A value that is to be written.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PutSecret)]
pub(crate) struct Put {
    /// The value in base64 (RFC 4648 section 4), at most 1 MiB before.
    #[schema(value_type = String, format = Byte)]
    value: SecretText,
    /// The version that must be the current one; 0 for a secret that must not be there.
    cas: Option<u32>,
}

impl Bounded for Put {
    const BYTES_MAX: usize = VALUE_BYTES_MAX / 3 * 4 + (64 << 10);
    const SECRET: bool = true;
}

/// A version that was written.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WrittenSecret {
    version: u32,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Older versions that are gone for good, since they were beyond the limit.
    dropped: Vec<u32>,
}

/// Writes a new version of a secret.
#[utoipa::path(put, path = "/secrets/data/{*path}", tag = "secrets",
    params(("path" = String, Path, description = "The secret's path, slashes and all")),
    request_body = Put, responses(
    (status = 201, body = WrittenSecret), (status = "default", body = ProblemDocument)))]
pub(crate) async fn put(
    State(app): State<App>,
    caller: Caller,
    Named(path): Named<String>,
    Input(Put { value, cas }): Input<Put>,
) -> Outcome<WrittenSecret> {
    let path = SecretPath::parse(&path)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(value.0.len()));
    let malformed = "not base64 with padding (RFC 4648 section 4)";
    STANDARD
        .decode_vec(value.0.as_bytes(), &mut bytes)
        .map_err(|_| Problem::malformed("value", malformed))?;
    let written =
        run(&app, move |keyward| keyward.put_secret(&caller.asker(keyward)?, &path, &bytes, cas));
    let written = written.await?;
    Ok(Answer::made(WrittenSecret {
        version: written.version.get(),
        created_at: written.written_at,
        dropped: numbers(&written.dropped),
    }))
}

/// Which version.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OneVersion {
    /// The version; the newest, if absent.
    version: Option<u32>,
}

/// A version of a secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Secret)]
pub(crate) struct SecretDocument {
    version: u32,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// The value in base64 (RFC 4648 section 4).
    #[schema(format = Byte)]
    value: String,
}

/// Reads a version of a secret.
#[utoipa::path(get, path = "/secrets/data/{*path}", tag = "secrets",
    params(("path" = String, Path, description = "The secret's path, slashes and all"), OneVersion),
    responses((status = 200, body = SecretDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn read(
    State(app): State<App>,
    caller: Caller,
    Named(path): Named<String>,
    Asked(OneVersion { version }): Asked<OneVersion>,
) -> Result<impl IntoResponse, Problem> {
    let path = SecretPath::parse(&path)?;
    let version = version.map(number).transpose()?;
    let read =
        run_here(&app, move |keyward| keyward.secret(&caller.asker(keyward)?, &path, version));
    let body = Bytes::from_owner(document(&read.await?));
    Ok(([(header::CONTENT_TYPE, "application/json")], body))
}

/// The document of a value, which is wiped once it is sent.
fn document(read: &ReadSecret) -> Zeroizing<Vec<u8>> {
    let value = read.value.expose();
    let head =
        format!(r#"{{"version":{},"createdAt":"{}","value":""#, read.version, read.written_at);
    let room = value.len().div_ceil(3).saturating_mul(4);
    let mut body = Zeroizing::new(vec![0; head.len().saturating_add(room).saturating_add(2)]);
    let (start, rest) = body.split_at_mut(head.len());
    start.copy_from_slice(head.as_bytes());
    // There is room for all of it.
    let written = STANDARD.encode_slice(value, rest).unwrap_or(0);
    if let Some(end) = rest.get_mut(written..) {
        end.copy_from_slice(br#""}"#);
    }
    body
}

/// Which versions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SomeVersions {
    /// Versions, with commas between them; the newest, if absent.
    versions: Option<String>,
}

/// Versions that are otherwise than before.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangedSecret {
    /// None, if all were so already.
    versions: Vec<u32>,
    /// Whether nothing is left of the secret.
    whole: bool,
}

impl From<Changed> for ChangedSecret {
    fn from(changed: Changed) -> Self {
        Self { versions: numbers(&changed.versions), whole: changed.whole }
    }
}

/// Marks versions as deleted; `/secrets/undelete` brings them back.
#[utoipa::path(delete, path = "/secrets/data/{*path}", tag = "secrets",
    params(("path" = String, Path, description = "The secret's path, slashes and all"), SomeVersions),
    responses((status = 200, body = ChangedSecret), (status = "default", body = ProblemDocument)))]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Caller,
    Named(path): Named<String>,
    Asked(SomeVersions { versions }): Asked<SomeVersions>,
) -> Outcome<ChangedSecret> {
    let texts = versions.iter().flat_map(|text| text.split(','));
    let malformed = || Problem::malformed("versions", "expected numbers with commas between them");
    let versions = texts.map(|text| text.parse().map_err(|_| malformed()));
    let versions = versions.collect::<Result<_, _>>()?;
    let versions = Some(versions).filter(|versions: &Vec<u32>| !versions.is_empty());
    change(&app, caller, OfSecret { path, versions }, Keyward::delete_secret).await
}

/// Versions of a secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SecretVersions)]
pub(crate) struct OfSecret {
    path: String,
    /// Absent for the newest where they are brought back, and for all, with path and metadata,
    /// where they are purged. Not empty.
    versions: Option<Vec<u32>>,
}

impl Bounded for OfSecret {
    const BYTES_MAX: usize = 64 << 10;
}

/// Brings deleted versions back.
#[utoipa::path(post, path = "/secrets/undelete", tag = "secrets", request_body = OfSecret,
    responses((status = 200, body = ChangedSecret), (status = "default", body = ProblemDocument)))]
pub(crate) async fn undelete(
    State(app): State<App>,
    caller: Caller,
    Input(body): Input<OfSecret>,
) -> Outcome<ChangedSecret> {
    change(&app, caller, body, Keyward::undelete_secret).await
}

/// Removes versions for good, or the whole secret.
#[utoipa::path(post, path = "/secrets/purge", tag = "secrets", request_body = OfSecret,
    responses((status = 200, body = ChangedSecret), (status = "default", body = ProblemDocument)))]
pub(crate) async fn purge(
    State(app): State<App>,
    caller: Caller,
    Input(body): Input<OfSecret>,
) -> Outcome<ChangedSecret> {
    change(&app, caller, body, Keyward::purge_secret).await
}

/// What is done to versions.
type Change = fn(&Keyward, &Asker, &SecretPath, &[SecretVersion]) -> Result<Changed, SecretError>;

async fn change(app: &App, caller: Caller, body: OfSecret, done: Change) -> Outcome<ChangedSecret> {
    let path = SecretPath::parse(&body.path)?;
    if body.versions.as_ref().is_some_and(Vec::is_empty) {
        return Err(Problem::malformed("versions", "an empty list: leave the member out"));
    }
    let versions =
        body.versions.into_iter().flatten().map(number).collect::<Result<Vec<_>, _>>()?;
    let changed = run(app, move |keyward| done(keyward, &caller.asker(keyward)?, &path, &versions));
    Ok(Answer::ok(changed.await?.into()))
}

/// Which secrets.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Under {
    /// Whole segments that their paths begin with; all secrets, if absent.
    prefix: Option<String>,
    /// Only those after this path.
    after: Option<String>,
    /// At most so many, from 1 to 1000; 100 if absent.
    limit: Option<u32>,
}

/// A piece of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecretList {
    /// In the order of their paths.
    secrets: Vec<ListedDocument>,
    /// After which the next piece begins; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A secret in a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ListedSecret)]
pub(crate) struct ListedDocument {
    path: String,
    /// Its newest version.
    version: u32,
    /// Whether that is deleted.
    deleted: bool,
}

/// Lists secrets under a prefix. Nothing is decrypted for it.
#[utoipa::path(get, path = "/secrets/list", tag = "secrets", params(Under), responses(
    (status = 200, body = SecretList), (status = "default", body = ProblemDocument)))]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(Under { prefix, after, limit }): Asked<Under>,
) -> Outcome<SecretList> {
    let prefix = PathPrefix::parse(prefix.as_deref().unwrap_or_default())?;
    let limit = usize::try_from(page::limit(limit)?).unwrap_or(usize::MAX);
    let listed = run(&app, move |keyward| {
        keyward.list_secrets(&caller.asker(keyward)?, &prefix, after.as_deref(), limit)
    });
    let listed = listed.await?;
    let last = listed.secrets.last().map(|secret| secret.path.to_string());
    let secrets = listed.secrets.into_iter().map(|secret| ListedDocument {
        path: secret.path.to_string(),
        version: secret.version.get(),
        deleted: secret.deleted,
    });
    Ok(Answer::ok(SecretList { secrets: secrets.collect(), next: last.filter(|_| listed.more) }))
}

fn number(number: u32) -> Result<SecretVersion, Problem> {
    SecretVersion::new(number).ok_or_else(|| Problem::malformed("version", "versions begin at 1"))
}

fn numbers(versions: &[SecretVersion]) -> Vec<u32> {
    versions.iter().map(|version| version.get()).collect()
}
