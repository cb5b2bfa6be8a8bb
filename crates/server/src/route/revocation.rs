//! The end of a key, or of one anchor's belief in it. Never waits for a second person.

use axum::extract::State;
use keyward::{ExecuteError, Keyward, Receipt};
use keyward_lifecycle::{
    command::{Command, Effective, Revoke, RevokedAt},
    event::Fact,
    id::KeyId,
    key::{CompromiseScope, Reason},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{incident::read_scope, key::found, lifetime::force};
use crate::{
    app::App,
    body::{Answer, Bounded, Input, Named, Outcome},
    identity::Caller,
    problem::{Problem, ProblemDocument},
    run::run,
    wire::{
        self,
        anchor::{AnchorName, Which, which},
        key::scope_name,
        read, read_some,
    },
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(revoke)).routes(routes!(revoke_in))
}

/// Why and from when.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RevokeKey {
    /// From the closed list, or an alias: `annual-rotation`, `retired`, `compromise`.
    reason: String,
    /// RFC 3339, or `NOW`: the time of the transaction.
    effective_at: Option<String>,
    /// For a compromise: since when somebody else may have had the key.
    compromised_since: Option<String>,
    /// For a compromise: `key` leaked alone, or the `server` with it. Absent for `server`.
    scope: Option<String>,
    /// Whether a strict profile's waiting time is overridden.
    #[serde(default)]
    force: bool,
}

impl Bounded for RevokeKey {}

/// A key that ended.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Revoked {
    key_id: String,
    reason: &'static str,
    #[schema(value_type = String, format = DateTime)]
    effective_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    invalidity_date: Option<Timestamp>,
    scope: &'static str,
    /// The key's status now.
    status: &'static str,
    /// The anchors that it reaches.
    anchors: Vec<AnchorName>,
    /// Leaves of the log with it.
    anchor_set_version: u64,
    /// Proofs that wait to be judged again.
    pending_rescans: u64,
    warnings: Vec<String>,
}

/// Ends a key in every anchor, present and future.
#[utoipa::path(post, path = "/signer/keys/{keyId}/revoke", tag = "keys",
    params(("keyId" = String, Path, description = "The key")), request_body = RevokeKey, responses(
    (status = 200, body = Revoked), (status = "default", body = ProblemDocument)))]
pub(crate) async fn revoke(
    State(app): State<App>,
    caller: Caller,
    Named(key_id): Named<KeyId>,
    Input(body): Input<RevokeKey>,
) -> Outcome<Revoked> {
    end(&app, caller, revocation(key_id, RevokedAt::Key, &body)?).await
}

/// Ends an anchor's belief in a key; of `ALL` anchors, the key itself (traps HA-06).
#[utoipa::path(post, path = "/anchors/{id}/keys/{keyId}/revoke", tag = "anchors",
    params(("id" = String, Path, description = "The anchor, the first 8 digits of its id or more, or `ALL`"),
        ("keyId" = String, Path, description = "The key")),
    request_body = RevokeKey, responses(
    (status = 200, body = Revoked), (status = "default", body = ProblemDocument)))]
pub(crate) async fn revoke_in(
    State(app): State<App>,
    caller: Caller,
    Named((anchor, key_id)): Named<(String, KeyId)>,
    Input(body): Input<RevokeKey>,
) -> Outcome<Revoked> {
    let at = match which(&app.keyward.state(), &anchor)? {
        Which::One(id) => RevokedAt::Anchor(id),
        Which::Every => RevokedAt::Key,
    };
    end(&app, caller, revocation(key_id, at, &body)?).await
}

fn revocation(key_id: KeyId, at: RevokedAt, body: &RevokeKey) -> Result<Revoke, Problem> {
    let RevokeKey { reason, effective_at, compromised_since, scope, force: forced } = body;
    let effective = match effective_at.as_deref() {
        None | Some("NOW") => Effective::Immediately,
        Some(text) => Effective::At(read("effectiveAt", text)?),
    };
    Ok(Revoke {
        key_id,
        at,
        reason: read::<Reason>("reason", reason)?,
        effective,
        compromised_since: read_some("compromisedSince", compromised_since.as_deref())?,
        scope: read_scope(scope.as_deref())?,
        force: force(*forced),
    })
}

async fn end(app: &App, caller: Caller, revoke: Revoke) -> Outcome<Revoked> {
    let revoked = run(app, move |keyward| {
        let actor = caller.actor(keyward)?;
        let receipt = keyward.execute(&actor, Command::Revoke(revoke.clone()))?;
        document(keyward, &revoke, &receipt)
    });
    Ok(Answer::ok(revoked.await?))
}

/// The end as it is recorded: that of the event, or of the one before if nothing changed.
fn document(
    keyward: &Keyward,
    revoke: &Revoke,
    receipt: &Receipt,
) -> Result<Revoked, ExecuteError> {
    let (state, now) = (keyward.state(), keyward.now());
    let key = found(&state, &revoke.key_id)?;
    let only = match revoke.at {
        RevokedAt::Anchor(id) => state.anchor_number(&id),
        RevokedAt::Key => None,
    };
    let logged = receipt.events.iter().find_map(|(_, fact)| logged_end(fact));
    let member = only.and_then(|number| key.membership(number));
    let recorded = logged.or_else(|| match (member, key.revocation()) {
        (Some(member), _) if member.ended_at != Timestamp::MAX => {
            let reason = member.reason.unwrap_or(revoke.reason);
            Some((reason, member.ended_at, None, revoke.scope))
        }
        (_, Some(it)) => Some((it.reason, it.effective_at, it.invalidity_date, it.scope)),
        (_, None) => None,
    });
    let (reason, effective_at, invalidity_date, scope) =
        recorded.unwrap_or((revoke.reason, receipt.time, None, revoke.scope));
    // A compromise is the key's everywhere, wherever it was given.
    let everywhere = only.is_none() || reason.is_compromise();
    let touched = key.memberships().filter(|one| everywhere || Some(one.anchor) == only);
    let anchors = touched.filter_map(|member| state.anchor_at(member.anchor)).map(AnchorName::of);
    let pending_anchor = match revoke.at {
        RevokedAt::Anchor(id) if !everywhere => Some(id),
        RevokedAt::Anchor(_) | RevokedAt::Key => None,
    };
    Ok(Revoked {
        key_id: revoke.key_id.to_string(),
        reason: reason.name(),
        effective_at,
        invalidity_date,
        scope: scope_name(scope),
        status: key.status(now).name(),
        anchors: anchors.collect(),
        anchor_set_version: receipt.position,
        pending_rescans: keyward.pending_rescans(pending_anchor)?,
        warnings: wire::warnings(&receipt.warnings),
    })
}

type End = (Reason, Timestamp, Option<Timestamp>, CompromiseScope);

fn logged_end(fact: &Fact) -> Option<End> {
    if let Fact::KeyRevoked { reason, effective_at, invalidity_date, scope, .. } = fact {
        Some((*reason, *effective_at, *invalidity_date, *scope))
    } else {
        None
    }
}
