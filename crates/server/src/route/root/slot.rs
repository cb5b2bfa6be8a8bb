//! The ways to the root key: listed, added, removed; passwords changed and tried.

use axum::extract::State;
use keyward::root::{
    RootError,
    slot::{HandedShare, KeepersView, SlotTerms, SlotView},
};
use keyward_lifecycle::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use zeroize::Zeroizing;

use super::{SECRET_BYTES_MAX, SecretText};
use crate::{
    app::App,
    body::{Answer, Bounded, Input, Named, Outcome},
    identity::Caller,
    problem::{Problem, ProblemDocument},
    run::run,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(remove))
        .routes(routes!(change_password))
        .routes(routes!(verify_password))
}

/// The ways to the root key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RootSlotList)]
pub(crate) struct SlotList {
    slots: Vec<SlotDocument>,
    /// The keepers that hold shares of the root key, if it is split among any.
    #[serde(skip_serializing_if = "Option::is_none")]
    keepers: Option<KeeperSetDocument>,
}

/// A way to the root key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RootSlot)]
struct SlotDocument {
    id: String,
    /// `password`, `recovery` or `external`.
    kind: &'static str,
    label: String,
    #[schema(value_type = String, format = DateTime)]
    created: Timestamp,
    /// How many recovery shares open it; absent for other kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<u8>,
    /// How many recovery shares there are; absent for other kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u8>,
}

/// The keepers among whom the root key is split.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RootKeeperSet)]
struct KeeperSetDocument {
    share_set: String,
    threshold: u8,
    names: Vec<String>,
}

impl From<SlotView> for SlotDocument {
    fn from(slot: SlotView) -> Self {
        Self {
            id: slot.id,
            kind: slot.kind,
            label: slot.label,
            created: slot.created,
            threshold: slot.sharing.map(|(threshold, _)| threshold),
            count: slot.sharing.map(|(_, count)| count),
        }
    }
}

impl From<KeepersView> for KeeperSetDocument {
    fn from(keepers: KeepersView) -> Self {
        Self { share_set: keepers.share_set, threshold: keepers.threshold, names: keepers.names }
    }
}

/// Lists the ways to the root key.
#[utoipa::path(get, path = "/root-key/slots", tag = "root", responses(
    (status = 200, body = SlotList), (status = "default", body = ProblemDocument)))]
pub(crate) async fn list(State(app): State<App>) -> Outcome<SlotList> {
    let (slots, keepers) = run(&app, keyward::Keyward::slots).await?;
    let slots = slots.into_iter().map(SlotDocument::from).collect();
    Ok(Answer::ok(SlotList { slots, keepers: keepers.map(KeeperSetDocument::from) }))
}

/// A way to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AddRootSlot)]
pub(crate) struct AddSlot {
    kind: SlotKind,
    /// What it is called; its kind if nothing is said.
    label: Option<String>,
    /// Of kind `password`: the password.
    #[schema(value_type = Option<String>)]
    password: Option<SecretText>,
    /// Of kind `recovery`: how many shares open it, from 2, of how many, at most 32.
    sharing: Option<RecoverySharing>,
}

/// Of what kind a way is.
#[derive(Deserialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum SlotKind {
    /// A password.
    Password,
    /// Shares on paper.
    Recovery,
}

/// Shares that are handed to holders.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecoverySharing {
    /// How many shares open the slot, from 2.
    pub(super) threshold: u8,
    /// How many shares there are, at most 32.
    pub(super) count: u8,
    /// The holders' age recipients in the order of the shares; without any the shares are
    /// answered as they are.
    #[serde(default)]
    pub(super) recipients: Vec<String>,
}

impl Bounded for AddSlot {
    const BYTES_MAX: usize = SECRET_BYTES_MAX;
    const SECRET: bool = true;
}

/// What a way is made of.
enum Way {
    Password(SecretText),
    Recovery(RecoverySharing),
}

/// A way that was added.
#[derive(Serialize, ToSchema)]
#[schema(as = AddedRootSlot)]
pub(crate) struct AddedSlot {
    id: String,
    kind: &'static str,
    /// The shares, which are shown this once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shares: Vec<ShareDocument>,
}

/// A recovery share for its holder, shown once.
#[derive(Serialize, ToSchema)]
#[schema(as = RecoveryShare)]
pub(crate) struct ShareDocument {
    /// From 1.
    index: u8,
    /// The share, or an age file in its armour that only its holder opens.
    #[schema(value_type = String)]
    #[serde(serialize_with = "exposed")]
    text: Zeroizing<String>,
    /// To whom it is encrypted; absent for a share as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<String>,
}

impl From<HandedShare> for ShareDocument {
    fn from(share: HandedShare) -> Self {
        Self { index: share.index, text: share.text, recipient: share.recipient }
    }
}

fn exposed<S: serde::Serializer>(text: &Zeroizing<String>, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(text)
}

/// Adds a way to the root key. Recovery shares are answered once, each encrypted to its holder's
/// age recipient, or as it is.
#[utoipa::path(post, path = "/root-key/slots", tag = "root", request_body = AddSlot, responses(
    (status = 201, body = AddedSlot), (status = "default", body = ProblemDocument)))]
pub(crate) async fn add(
    State(app): State<App>,
    caller: Caller,
    Input(slot): Input<AddSlot>,
) -> Outcome<AddedSlot> {
    let AddSlot { kind, label: kept_label, password, sharing } = slot;
    let (label, way) = match (kind, password, sharing) {
        (SlotKind::Password, Some(password), None) => ("password", Way::Password(password)),
        (SlotKind::Recovery, None, Some(sharing)) => ("recovery", Way::Recovery(sharing)),
        (SlotKind::Password, ..) => {
            return Err(Problem::malformed("body", "a password slot has `password`"));
        }
        (SlotKind::Recovery, ..) => {
            return Err(Problem::malformed("body", "a recovery slot has `sharing`"));
        }
    };
    let label = kept_label.unwrap_or_else(|| label.to_owned());
    let added = run(&app, move |keyward| {
        let actor = caller.actor(keyward)?;
        match way {
            Way::Password(password) => {
                let terms = SlotTerms::standard(&label);
                let id = keyward.add_password(&actor, password.into_bytes(), terms)?;
                Ok(AddedSlot { id, kind: "password", shares: Vec::new() })
            }
            Way::Recovery(RecoverySharing { threshold, count, recipients }) => {
                let (id, shares) =
                    keyward.add_recovery(&actor, (threshold, count), &label, &recipients)?;
                let shares = shares.into_iter().map(ShareDocument::from).collect();
                Ok::<_, RootError>(AddedSlot { id, kind: "recovery", shares })
            }
        }
    });
    let added = added.await?;
    Ok(Answer::created(format!("/v1/root-key/slots/{}", added.id), added).secret())
}

/// A way that is gone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RemovedRootSlot)]
pub(crate) struct RemovedSlot {
    removed: String,
}

/// Removes a way to the root key; the last one stays. Copies of the store made before still have
/// it.
#[utoipa::path(delete, path = "/root-key/slots/{id}", tag = "root",
    params(("id" = String, Path, description = "The slot's id, 32 hex digits")), responses(
    (status = 200, body = RemovedSlot), (status = "default", body = ProblemDocument)))]
pub(crate) async fn remove(
    State(app): State<App>,
    caller: Caller,
    Named(id): Named<String>,
) -> Outcome<RemovedSlot> {
    let removed = run(&app, move |keyward| {
        keyward.remove_slot(&caller.actor(keyward)?, &id)?;
        Ok::<_, RootError>(RemovedSlot { removed: id })
    });
    Ok(Answer::ok(removed.await?))
}

/// A password that goes, and the one in its place.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ChangePassword {
    #[schema(value_type = String)]
    password: SecretText,
    #[schema(value_type = String)]
    new_password: SecretText,
    /// What its slot is called from now on; as before if nothing is said.
    label: Option<String>,
}

impl Bounded for ChangePassword {
    const BYTES_MAX: usize = SECRET_BYTES_MAX;
    const SECRET: bool = true;
}

/// The slot of a password.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PasswordSlot {
    /// The slot's id.
    slot: String,
}

/// Puts another password in the place of one. Nothing is encrypted anew: copies of the store that
/// were made before still open with the old one.
#[utoipa::path(post, path = "/root-key/password/change", tag = "root",
    request_body = ChangePassword, responses(
    (status = 200, body = PasswordSlot), (status = "default", body = ProblemDocument)))]
pub(crate) async fn change_password(
    State(app): State<App>,
    caller: Caller,
    Input(body): Input<ChangePassword>,
) -> Outcome<PasswordSlot> {
    let ChangePassword { password, new_password, label } = body;
    let slot = run(&app, move |keyward| {
        let actor = caller.actor(keyward)?;
        let terms = (label.as_deref(), SlotTerms::COST);
        let (old, new) = (password.into_bytes(), new_password.into_bytes());
        keyward.change_password(&actor, old, new, terms)
    });
    Ok(Answer::ok(PasswordSlot { slot: slot.await? }))
}

/// A password to be tried.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyPassword {
    #[schema(value_type = String)]
    password: SecretText,
}

impl Bounded for VerifyPassword {
    const BYTES_MAX: usize = SECRET_BYTES_MAX;
    const SECRET: bool = true;
}

/// Says which slot a password opens; unseals nothing. A wrong one is logged, and slows the next
/// attempt down.
#[utoipa::path(post, path = "/root-key/password/verify", tag = "root",
    request_body = VerifyPassword, responses(
    (status = 200, body = PasswordSlot), (status = "default", body = ProblemDocument)))]
pub(crate) async fn verify_password(
    State(app): State<App>,
    caller: Caller,
    Input(VerifyPassword { password }): Input<VerifyPassword>,
) -> Outcome<PasswordSlot> {
    let slot = run(&app, move |keyward| {
        let actor = caller.actor(keyward)?;
        let slot = keyward.verify_password(&actor, password.into_bytes())?;
        keyward.note_password_verified(&actor, &slot);
        Ok::<_, RootError>(slot)
    });
    Ok(Answer::ok(PasswordSlot { slot: slot.await? }))
}
