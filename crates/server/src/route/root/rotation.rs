//! The root key's rotation: checked, begun, driven, paused, ended.

use axum::extract::State;
use keyward::{
    Keyward,
    root::{
        RootError,
        reseal::RESEAL_BATCH,
        rotate::{Begin, Fresh, KeepersNext},
    },
};
use keyward_lifecycle::{command::AcceptLoss, id::ActorId, root};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    SECRET_BYTES_MAX, SecretText, document,
    slot::{RecoverySharing, ShareDocument},
};
use crate::{
    app::App,
    body::{Answer, Bounded, Input, Outcome},
    config::RECORDS_PER_SECOND_MAX,
    identity::Caller,
    problem::{Problem, ProblemDocument},
    route::lifetime::Nothing,
    run::run,
    wire::root::RootDocument,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(check))
        .routes(routes!(begin))
        .routes(routes!(step))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(rollback))
        .routes(routes!(finalise))
}

/// What was checked before a rotation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RotationChecks {
    /// Whether a rotation may begin.
    passed: bool,
    checks: Vec<RotationCheck>,
}

/// One check.
#[derive(Debug, Serialize, ToSchema)]
struct RotationCheck {
    /// `health`, `backup`, `resources`, `records` or `keepers`.
    name: &'static str,
    passed: bool,
    /// Why it says no.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// Checks whether a rotation may begin, and begins none.
#[utoipa::path(post, path = "/root-key/rotation/check", tag = "root", request_body = Nothing,
    responses((status = 200, body = RotationChecks), (status = "default", body = ProblemDocument)))]
pub(crate) async fn check(
    State(app): State<App>,
    caller: Caller,
    Input(Nothing {}): Input<Nothing>,
) -> Outcome<RotationChecks> {
    let inner = app.clone();
    let checks = run(&app, move |keyward| {
        let actor = caller.actor(keyward)?;
        let checks = keyward.check_rotation(&inner.root.surroundings())?;
        let good = checks.iter().all(|check| check.refused.is_none());
        let outcome = if good { root::Outcome::Good } else { root::Outcome::Bad };
        keyward.note_rotation_check(&actor, outcome);
        Ok::<_, RootError>(checks)
    });
    let checks = checks.await?.into_iter().map(|check| RotationCheck {
        name: check.name,
        passed: check.refused.is_none(),
        why: check.refused,
    });
    let checks: Vec<_> = checks.collect();
    Ok(Answer::ok(RotationChecks { passed: checks.iter().all(|check| check.passed), checks }))
}

/// How a rotation begins.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BeginRotation {
    /// The root key, or a way to it, may have leaked: only the ways in that are given here lead
    /// to the new epoch, and there is no way back.
    emergency: Option<Emergency>,
    /// The keepers from here on; without it, those that there are.
    keepers: Option<NextKeepers>,
    /// Most records that a server seals anew in a second.
    records_per_second: Option<u32>,
}

/// Fresh ways in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Emergency {
    /// One that opened no slot before.
    #[schema(value_type = String)]
    password: SecretText,
    /// Recovery shares, if there are to be any.
    recovery: Option<RecoverySharing>,
}

/// The keepers of the next epoch.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NextKeepers {
    /// How many shares give the key.
    threshold: u8,
    /// Their names; none for no keepers.
    names: Vec<String>,
}

impl Bounded for BeginRotation {
    const BYTES_MAX: usize = SECRET_BYTES_MAX;
    const SECRET: bool = true;
}

/// A rotation that has begun.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BegunRotation {
    root_key: RootDocument,
    /// Whether a server drives it: otherwise the caller does, step by step.
    driven: bool,
    /// The shares of a fresh recovery slot, which are shown this once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shares: Vec<ShareDocument>,
}

/// Begins a rotation, once every check says yes: from here on new records are sealed in the new
/// epoch. A server seals the old ones anew.
#[utoipa::path(post, path = "/root-key/rotation/begin", tag = "root",
    request_body = BeginRotation, responses(
    (status = 201, body = BegunRotation), (status = "default", body = ProblemDocument)))]
pub(crate) async fn begin(
    State(app): State<App>,
    caller: Caller,
    Input(body): Input<BeginRotation>,
) -> Outcome<BegunRotation> {
    let BeginRotation { emergency, keepers, records_per_second } = body;
    let rate = read_rate(records_per_second)?;
    let inner = app.clone();
    let begun = run(&app, move |keyward| {
        let actor = caller.actor(keyward)?;
        let shares = begin_now(&inner, keyward, &actor, (emergency, keepers))?;
        inner.standing.set_rate(rate);
        let root_key = document(&inner, keyward)?;
        Ok::<_, RootError>(BegunRotation { root_key, driven: inner.standing.is_driven(), shares })
    });
    Ok(Answer::made(begun.await?).secret())
}

fn begin_now(
    app: &App,
    keyward: &Keyward,
    actor: &ActorId,
    (emergency, keepers): (Option<Emergency>, Option<NextKeepers>),
) -> Result<Vec<ShareDocument>, RootError> {
    let keepers = keepers.map(|NextKeepers { threshold, names }| {
        // Nobody at all is what no names say.
        KeepersNext::Among { threshold, names }
    });
    let recovery = emergency.as_ref().and_then(|emergency| emergency.recovery.as_ref());
    let recipients = recovery.map(|recovery| recovery.recipients.clone()).unwrap_or_default();
    let sharing = recovery.map(|recovery| (recovery.threshold, recovery.count));
    let begin = match emergency {
        None => Begin::Ordinary { keepers: keepers.unwrap_or(KeepersNext::AsBefore) },
        Some(Emergency { password, .. }) => {
            let mut fresh = Fresh::password(password.into_bytes());
            fresh.recovery = sharing.map(|sharing| (sharing, recipients.as_slice()));
            fresh.keepers = keepers.unwrap_or(fresh.keepers);
            Begin::Emergency(fresh)
        }
    };
    let around = match &begin {
        Begin::Ordinary { keepers } => app.root.surroundings_with(keepers),
        Begin::Emergency(_) | _ => app.root.surroundings(),
    };
    let handed = keyward.begin_root_rotation(actor, begin, &around, &mut |shares, standing| {
        app.root.deliver(shares, standing)
    })?;
    Ok(handed.into_iter().map(ShareDocument::from).collect())
}

fn read_rate(rate: Option<u32>) -> Result<Option<u32>, Problem> {
    match rate {
        Some(rate) if !(1..=RECORDS_PER_SECOND_MAX).contains(&rate) => {
            let expected = format!("expected from 1 to {RECORDS_PER_SECOND_MAX}");
            Err(Problem::malformed("recordsPerSecond", expected))
        }
        rate => Ok(rate),
    }
}

/// How many records a step deals with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// From 1; 128 if nothing is said.
    limit: Option<u32>,
}

impl Bounded for Step {}

/// What a step came to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Stepped {
    /// Records that were sealed anew and validated.
    moved: u64,
    /// Records that did not open, and were left as they are.
    failed: u64,
    /// Whether every record was dealt with.
    complete: bool,
}

/// Deals with the next records of the rotation that is open. Where a server has the store, it
/// does so by itself.
#[utoipa::path(post, path = "/root-key/rotation/step", tag = "root", request_body = Step,
    responses((status = 200, body = Stepped), (status = "default", body = ProblemDocument)))]
pub(crate) async fn step(
    State(app): State<App>,
    caller: Caller,
    Input(Step { limit }): Input<Step>,
) -> Outcome<Stepped> {
    let step = run(&app, move |keyward| {
        keyward.reseal_step(&caller.actor(keyward)?, limit.unwrap_or(RESEAL_BATCH))
    });
    let step = step.await?;
    Ok(Answer::ok(Stepped { moved: step.moved, failed: step.failed, complete: step.complete }))
}

/// Why it is to stand still.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pause {
    /// `by hand` if nothing is said.
    why: Option<String>,
}

impl Bounded for Pause {}

/// Longest reason, in bytes.
const WHY_BYTES_MAX: usize = 256;

/// Lets the rotation stand still.
#[utoipa::path(post, path = "/root-key/rotation/pause", tag = "root", request_body = Pause,
    responses((status = 200, body = RootDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn pause(
    State(app): State<App>,
    caller: Caller,
    Input(Pause { why }): Input<Pause>,
) -> Outcome<RootDocument> {
    let why = why.unwrap_or_else(|| "by hand".to_owned());
    if why.is_empty() || why.len() > WHY_BYTES_MAX {
        let expected = format!("expected from 1 to {WHY_BYTES_MAX} bytes");
        return Err(Problem::malformed("why", expected));
    }
    change(&app, caller, move |_, keyward, actor| {
        keyward.pause_root_rotation(actor, Some(&why)).map(drop)
    })
    .await
}

/// How it goes on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Resume {
    /// Most records that a server seals anew in a second; as before if nothing is said.
    records_per_second: Option<u32>,
}

impl Bounded for Resume {}

/// Lets the rotation go on.
#[utoipa::path(post, path = "/root-key/rotation/resume", tag = "root", request_body = Resume,
    responses((status = 200, body = RootDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn resume(
    State(app): State<App>,
    caller: Caller,
    Input(Resume { records_per_second }): Input<Resume>,
) -> Outcome<RootDocument> {
    let rate = read_rate(records_per_second)?;
    change(&app, caller, move |app, keyward, actor| {
        keyward.pause_root_rotation(actor, None)?;
        if rate.is_some() {
            app.standing.set_rate(rate);
        }
        Ok(())
    })
    .await
}

/// Turns the rotation back: new records are sealed in the old epoch again, and the others are
/// brought back to it. Once they all are, it ends.
#[utoipa::path(post, path = "/root-key/rotation/rollback", tag = "root", request_body = Nothing,
    responses((status = 200, body = RootDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn rollback(
    State(app): State<App>,
    caller: Caller,
    Input(Nothing {}): Input<Nothing>,
) -> Outcome<RootDocument> {
    change(&app, caller, move |_, keyward, actor| {
        let rotation = keyward.state().root().rotation.clone();
        let back = rotation.as_deref().and_then(|rotation| rotation.back.as_ref());
        match back {
            Some(back) if back.complete => keyward.finish_root_rollback(actor).map(drop),
            Some(_) | None => keyward.turn_root_rotation_back(actor).map(drop),
        }
    })
    .await
}

/// How a rotation ends.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Finalise {
    /// Whether records that do not open are given up.
    #[serde(default)]
    accept_loss: bool,
}

impl Bounded for Finalise {}

/// Ends a rotation whose records are all in the new epoch. The backup file is renewed and read
/// again, and then the old epoch is gone.
#[utoipa::path(post, path = "/root-key/rotation/finalise", tag = "root", request_body = Finalise,
    responses((status = 200, body = RootDocument), (status = "default", body = ProblemDocument)))]
pub(crate) async fn finalise(
    State(app): State<App>,
    caller: Caller,
    Input(Finalise { accept_loss }): Input<Finalise>,
) -> Outcome<RootDocument> {
    let loss = if accept_loss { AcceptLoss::Yes } else { AcceptLoss::No };
    change(&app, caller, move |app, keyward, actor| app.root.finalise(keyward, actor, loss)).await
}

/// Does something about the rotation, and shows the root key after it.
async fn change(
    app: &App,
    caller: Caller,
    work: impl FnOnce(&App, &Keyward, &ActorId) -> Result<(), RootError> + Send + 'static,
) -> Outcome<RootDocument> {
    let inner = app.clone();
    let done = run(app, move |keyward| {
        work(&inner, keyward, &caller.actor(keyward)?)?;
        document(&inner, keyward)
    });
    Ok(Answer::ok(done.await?))
}
