//! Keys in anchors: added, and believed from when to when.

use axum::extract::State;
use keyward::ExecuteError;
use keyward_lifecycle::{
    command::{Anchors, Command},
    id::{Fingerprint, KeyId},
    refusal::Refusal,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::lifetime::Instant;
use crate::{
    app::App,
    body::{Answer, Asked, Bounded, Input, Named, Outcome},
    identity::Caller,
    problem::{Problem, ProblemDocument},
    run::run,
    wire::{
        self,
        anchor::{AnchorDocument, AnchorName, HistoryDocument, Which, added, found, one, which},
        spki_der,
    },
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(add)).routes(routes!(history)).routes(routes!(validity))
}

/// A key to be added.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AddKey {
    #[serde(alias = "keyId")]
    #[schema(value_type = String)]
    keyid: KeyId,
    /// Empty or absent takes the registered key; otherwise it must be that very key, in PEM.
    #[serde(default)]
    public_key: String,
    /// With `ALL`: only the anchors that ever believed that key.
    #[schema(value_type = Option<String>)]
    affected_by: Option<KeyId>,
}

impl Bounded for AddKey {}

/// A key that was added.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Added {
    key_id: String,
    /// The anchors that believe it from now on and did not before.
    anchors: Vec<AnchorName>,
    warnings: Vec<String>,
}

/// Adds a key to an anchor, or to `ALL` of them at once, without removing any.
#[utoipa::path(post, path = "/anchors/{id}/keys", tag = "anchors",
    params(("id" = String, Path, description = "The anchor, the first 8 digits of its id or more, or `ALL`")),
    request_body = AddKey, responses(
    (status = 201, body = Added), (status = "default", body = ProblemDocument)))]
pub(crate) async fn add(
    State(app): State<App>,
    caller: Caller,
    Named(name): Named<String>,
    Input(body): Input<AddKey>,
) -> Outcome<Added> {
    let AddKey { keyid, public_key, affected_by } = body;
    let state = app.keyward.state();
    let to = match (which(&state, &name)?, affected_by) {
        (Which::One(id), None) => Anchors::One(id),
        (Which::One(_), Some(_)) => {
            return Err(Problem::malformed("affectedBy", "it goes with the anchor `ALL`"));
        }
        (Which::Every, None) => Anchors::Every,
        (Which::Every, Some(key)) => Anchors::AffectedBy(key),
    };
    if !public_key.is_empty() {
        let given = spki_der("publicKey", &public_key)?;
        let key = state.key(&keyid).ok_or_else(|| Refusal::NoSuchKey(keyid.clone()))?;
        if key.record.fingerprint != Fingerprint::of_spki(&given) {
            return Err(Problem::other_public_key(keyid.as_str()));
        }
    }
    let added = run(&app, move |keyward| {
        let command = Command::AddKey { to, key_id: keyid.clone() };
        let receipt = keyward.execute(&caller.actor(keyward)?, command)?;
        Ok::<_, ExecuteError>(Added {
            key_id: keyid.to_string(),
            anchors: added(&keyward.state(), &receipt),
            warnings: wire::warnings(&receipt.warnings),
        })
    });
    Ok(Answer::made(added.await?))
}

/// Every key that was ever in an anchor.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct History {
    trust_anchor_id: String,
    key_history: Vec<HistoryDocument>,
}

/// Lists every key that was ever in an anchor (SO-071).
#[utoipa::path(get, path = "/anchors/{id}/keys/history", tag = "anchors",
    params(("id" = String, Path, description = "The anchor, or the first 8 digits of its id or more")),
    responses((status = 200, body = History), (status = "default", body = ProblemDocument)))]
pub(crate) async fn history(
    State(app): State<App>,
    Named(name): Named<String>,
) -> Outcome<History> {
    let state = app.keyward.state();
    let (_, anchor) = found(&state, one(&state, &name)?)?;
    let document = AnchorDocument::of(&state, anchor, app.keyward.now(), Vec::new());
    let trust_anchor_id = document.id().to_owned();
    Ok(Answer::ok(History { trust_anchor_id, key_history: document.key_history }))
}

/// Whether an anchor believes a key at an instant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MembershipValidity {
    anchor_id: String,
    purl_pattern: String,
    key_id: String,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// `Valid`, `NotYetValid`, `Revoked` or `Expired`.
    status: &'static str,
    #[schema(value_type = String, format = DateTime)]
    added_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
}

/// Says whether an anchor believes a key at an instant.
#[utoipa::path(get, path = "/anchors/{id}/keys/{keyId}/validity", tag = "anchors",
    params(("id" = String, Path, description = "The anchor, or the first 8 digits of its id or more"),
        ("keyId" = String, Path, description = "The key"), Instant),
    responses((status = 200, body = MembershipValidity), (status = "default", body = ProblemDocument)))]
pub(crate) async fn validity(
    State(app): State<App>,
    Named((name, key_id)): Named<(String, KeyId)>,
    Asked(instant): Asked<Instant>,
) -> Outcome<MembershipValidity> {
    app.newest()?;
    let state = app.keyward.state();
    let at = instant.read()?.unwrap_or_else(|| app.keyward.now());
    let (number, anchor) = found(&state, one(&state, &name)?)?;
    let key = state.key(&key_id).ok_or_else(|| Refusal::NoSuchKey(key_id.clone()))?;
    let anchor_id = anchor.record.anchor_id;
    let member = key.membership(number);
    let member = member.ok_or_else(|| Refusal::NotMember { key_id: key_id.clone(), anchor_id })?;
    app.keyward.count_lookup();
    let window = key.window(&member);
    Ok(Answer::ok(MembershipValidity {
        anchor_id: anchor_id.to_string(),
        purl_pattern: anchor.record.pattern.to_string(),
        key_id: key_id.to_string(),
        at,
        status: key.validity_in(&member, at).name(),
        added_at: window.start(),
        ended_at: window.end(),
    }))
}
