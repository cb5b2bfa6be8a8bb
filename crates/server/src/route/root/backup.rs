//! The root key's backup: made, kept, verified, restored, rehearsed.

use axum::extract::State;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use keyward::root::{
    RootError,
    backup::{BackupView, Older, Sample},
};
use keyward_lifecycle::{root, time::Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::SecretText;
use crate::{
    app::App,
    body::{Answer, Bounded, Input, Outcome},
    identity::Caller,
    problem::{Problem, ProblemDocument},
    route::lifetime::Nothing,
    run::run,
    wire::read_base64,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(make))
        .routes(routes!(kept))
        .routes(routes!(verify))
        .routes(routes!(restore))
        .routes(routes!(drill))
}

/// A backup to be written where it is kept.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MadeBackup {
    /// The file's bytes in base64.
    #[schema(value_type = String, format = Byte)]
    backup: String,
}

/// Makes a backup of the root key as it is now. Whoever asks writes it to its place, reads it
/// again there, and says so with `/root-key/backup/kept`: only then is there a backup.
#[utoipa::path(post, path = "/root-key/backup", tag = "root", request_body = Nothing, responses(
    (status = 200, body = MadeBackup), (status = "default", body = ProblemDocument)))]
pub(crate) async fn make(
    State(app): State<App>,
    caller: Caller,
    Input(Nothing {}): Input<Nothing>,
) -> Outcome<MadeBackup> {
    let made = run(&app, move |keyward| keyward.hand_out_backup(&caller.actor(keyward)?));
    Ok(Answer::ok(MadeBackup { backup: STANDARD.encode(made.await?) }))
}

/// A backup as it was read.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct GivenBackup {
    /// The file's bytes in base64.
    #[schema(format = Byte)]
    backup: String,
    /// Opens it; without one only its form, its signature and its root id are looked at.
    #[schema(value_type = Option<String>)]
    password: Option<SecretText>,
}

impl Bounded for GivenBackup {
    const SECRET: bool = true;
}

/// What a backup says of itself.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RootBackup)]
pub(crate) struct BackupDocument {
    root_id: String,
    epoch: u32,
    #[schema(value_type = String, format = DateTime)]
    created: Timestamp,
    /// Its ways in.
    slots: Vec<BackupSlot>,
    /// Whether it leads to the root key as it is now.
    current: bool,
    /// Whether it was opened.
    opened: bool,
    /// Records that were opened with its key, where any were.
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<u64>,
}

/// A way into a backup.
#[derive(Debug, Serialize, ToSchema)]
struct BackupSlot {
    kind: &'static str,
    label: String,
}

impl BackupDocument {
    fn new(view: BackupView, opened: bool, sample: Option<&Sample>) -> Self {
        let slots = view.slots.into_iter().map(|(kind, label)| BackupSlot { kind, label });
        Self {
            root_id: view.root_id,
            epoch: view.epoch,
            created: view.created,
            slots: slots.collect(),
            current: view.is_current,
            opened,
            records: sample.map(|sample| sample.opened),
        }
    }
}

/// Says that a backup was written and read again: it is compared with the root key as it is now,
/// and logged.
#[utoipa::path(post, path = "/root-key/backup/kept", tag = "root", request_body = GivenBackup,
    responses((status = 200, body = BackupDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn kept(
    State(app): State<App>,
    caller: Caller,
    Input(GivenBackup { backup, password }): Input<GivenBackup>,
) -> Outcome<BackupDocument> {
    if password.is_some() {
        return Err(Problem::malformed("password", "a backup is kept without one"));
    }
    let bytes = read_base64("backup", &backup)?;
    let kept = run(&app, move |keyward| keyward.note_backup(&caller.actor(keyward)?, &bytes));
    Ok(Answer::ok(BackupDocument::new(kept.await?, false, None)))
}

/// Reads a backup again, compares its root id, and with a password opens it. Nothing is touched
/// but the log.
#[utoipa::path(post, path = "/root-key/backup/verify", tag = "root", request_body = GivenBackup,
    responses((status = 200, body = BackupDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn verify(
    State(app): State<App>,
    caller: Caller,
    Input(GivenBackup { backup, password }): Input<GivenBackup>,
) -> Outcome<BackupDocument> {
    let bytes = read_base64("backup", &backup)?;
    let opened = password.is_some();
    let seen = run(&app, move |keyward| {
        let password = password.map(SecretText::into_bytes);
        keyward.check_backup(&caller.actor(keyward)?, &bytes, password)
    });
    Ok(Answer::ok(BackupDocument::new(seen.await?, opened, None)))
}

/// A backup that is to be restored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Restore {
    /// The file's bytes in base64.
    #[schema(format = Byte)]
    backup: String,
    /// Opens it.
    #[schema(value_type = String)]
    password: SecretText,
    /// Whether it may be older than the store's own header, where that is sound.
    #[serde(default)]
    older: bool,
}

impl Bounded for Restore {
    const SECRET: bool = true;
}

/// Restores the root key's header from a backup, once its password has opened it, its root id is
/// the store's, and records open with its key. Then the store is unsealed. Refused while it is.
#[utoipa::path(post, path = "/root-key/restore", tag = "root", request_body = Restore,
    responses((status = 200, body = BackupDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn restore(
    State(app): State<App>,
    caller: Caller,
    Input(Restore { backup, password, older }): Input<Restore>,
) -> Outcome<BackupDocument> {
    let bytes = read_base64("backup", &backup)?;
    let older = if older { Older::Accepted } else { Older::Refused };
    let restored = run(&app, move |keyward| {
        let actor = caller.actor(keyward)?;
        let (view, sample) = keyward.restore_root(&actor, &bytes, password.into_bytes(), older)?;
        Ok::<_, RootError>(BackupDocument::new(view, true, Some(&sample)))
    });
    Ok(Answer::ok(restored.await?))
}

/// How a rehearsal of a restore came out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Drill {
    outcome: DrillOutcome,
    /// Records that were opened.
    records: u64,
}

/// How something came out.
#[derive(Debug, Deserialize, ToSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum DrillOutcome {
    Good,
    Bad,
}

impl Bounded for Drill {}

/// A rehearsal that was logged.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DrillDocument {
    /// `good` or `bad`.
    outcome: &'static str,
    records: u64,
}

/// Logs how a rehearsal of a restore came out.
#[utoipa::path(post, path = "/root-key/drill", tag = "root", request_body = Drill, responses(
    (status = 200, body = DrillDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn drill(
    State(app): State<App>,
    caller: Caller,
    Input(Drill { outcome, records }): Input<Drill>,
) -> Outcome<DrillDocument> {
    let outcome = match outcome {
        DrillOutcome::Good => root::Outcome::Good,
        DrillOutcome::Bad => root::Outcome::Bad,
    };
    run(&app, move |keyward| keyward.note_drill(&caller.actor(keyward)?, outcome, records)).await?;
    Ok(Answer::ok(DrillDocument { outcome: outcome.name(), records }))
}
