//! `keyward root rotate`.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget};
use serde_json::{Value, json};

use super::slot::show_shares;
use crate::{
    args::{RootRotate, RotateStep},
    exit::{Exit, Failure},
    password::{self, SecretJson},
    progress,
    render::{self, Document},
    session::Session,
    transport::Request,
};

/// How often a running server is asked how far it is.
const LOOK: Duration = Duration::from_millis(500);
/// Records that one step deals with where no server does.
const STEP_RECORDS: u32 = 128;

pub(super) fn run(session: &mut Session<'_>, rotate: RootRotate) -> Result<Exit, Failure> {
    let RotateStep { check, emergency, pause, resume, rollback, finalise } = rotate.step;
    if !emergency && rotate.new_password.is_given() {
        return Err(Failure::error("a new password goes with --emergency alone")
            .hint("`keyward root password change` changes the password and nothing else"));
    }
    if check {
        let checks = session.ask(&Request::post(PATH.to_owned() + "check", json!({})))?;
        session.emit(&checks, render::root::checks)?;
        return Ok(if checks.is_true("passed") { Exit::Done } else { Exit::No });
    }
    if pause {
        let paused = session.ask(&Request::post(PATH.to_owned() + "pause", json!({})))?;
        session.emit(&paused, render::root::rotation)?;
        session.note("hint: `keyward root rotate --resume` goes on with it")?;
        return Ok(Exit::Done);
    }
    if finalise {
        return end(session, rotate.accept_loss);
    }
    if rollback {
        return back(session);
    }
    if resume {
        let body = match rotate.rate {
            Some(rate) => json!({"recordsPerSecond": rate}),
            None => json!({}),
        };
        session.ask(&Request::post(PATH.to_owned() + "resume", body))?;
    } else {
        begin(session, &rotate)?;
    }
    forth(session, rotate.rate)
}

/// Begins a rotation.
fn begin(session: &mut Session<'_>, rotate: &RootRotate) -> Result<(), Failure> {
    let mut body = SecretJson::new();
    if let Some(rate) = rotate.rate {
        body.value("recordsPerSecond", &json!(rate));
    }
    if let Some(keepers) = &rotate.keepers {
        let (threshold, names) = (keepers.threshold, &keepers.names);
        body.value("keepers", &json!({"threshold": threshold, "names": names}));
    }
    if rotate.step.emergency {
        super::open(session)?;
        let plain = rotate.recovery.is_some() && rotate.recipient.is_empty();
        if plain {
            super::slot::may_show(session)?;
        }
        let fresh =
            password::obtain_fresh(&rotate.new_password, session.surroundings, "Fresh password: ")?;
        let mut emergency = SecretJson::new();
        emergency.text("password", password::text(&fresh)?);
        if let Some(sharing) = rotate.recovery {
            let (threshold, count) = (sharing.threshold, sharing.count);
            let recipients = &rotate.recipient;
            let recovery =
                json!({"threshold": threshold, "count": count, "recipients": recipients});
            emergency.value("recovery", &recovery);
        }
        body.object("emergency", emergency);
    }
    let request =
        Request { body: body.finish(), ..Request::post(PATH.to_owned() + "begin", Value::Null) };
    let begun = session.ask(&request)?;
    if !begun.list("shares").is_empty() {
        show_shares(session, &begun, None)?;
    }
    if rotate.step.emergency {
        session.note(
            "warning: the old password and old shares open only old copies now. Treat every \
             software key as exposed: rotate the keys as well\n\
             hint: `keyward key list` shows them",
        )?;
    }
    Ok(())
}

/// Drives a rotation until every record is in the new epoch.
pub(super) fn forth(session: &mut Session<'_>, rate: Option<u32>) -> Result<Exit, Failure> {
    let (status, seconds) = drive(session, rate)?;
    let report = report(&status, None, seconds);
    session.emit(&report, render::root::impact)?;
    let Some(rotation) = status.inner("rotation") else { return Ok(Exit::Done) };
    if let Some(why) = rotation.text("paused") {
        session.note(format_args!(
            "hint: the rotation is paused ({why}): `keyward root rotate --resume` goes on"
        ))?;
        return Ok(Exit::Done);
    }
    if rotation.number("failedCount").is_some_and(|count| count > 0) {
        session.note(
            "warning: records that do not open keep the old epoch alive: restore them from a \
             backup, destroy or purge them, or give them up\n\
             hint: `keyward root status` names them; `keyward root rotate --finalise \
             --accept-loss` gives them up",
        )?;
        return Ok(Exit::No);
    }
    if rotation.text("direction").as_deref() == Some("back") {
        session.note("hint: `keyward root rotate --rollback` ends it")?;
        return Ok(Exit::Done);
    }
    let emergency = rotation.text("kind").as_deref() == Some("emergency");
    session.note(if emergency {
        "hint: `keyward root rotate --finalise` ends it: the old epoch is gone then"
    } else {
        "hint: `keyward root rotate --finalise` ends it: the old epoch is gone then; \
         `keyward root rotate --rollback` goes back to it"
    })?;
    Ok(Exit::Done)
}

/// Turns a rotation back, and ends it.
fn back(session: &mut Session<'_>) -> Result<Exit, Failure> {
    let path = PATH.to_owned() + "rollback";
    let turned = session.ask(&Request::post(path.clone(), json!({})))?;
    let number = |of: &Document, member| of.inner("rotation").and_then(|it| it.number(member));
    let (status, seconds) = drive(session, None)?;
    let rotation = status.inner("rotation");
    // A server may have ended it before it was looked at again.
    let touched = number(&status, "moved").or_else(|| number(&turned, "records"));
    if rotation.as_ref().is_some_and(|it| it.number("failedCount").is_some_and(|n| n > 0)) {
        session.emit(&report(&status, touched, seconds), render::root::impact)?;
        session.note("warning: records that do not open keep the new epoch alive")?;
        return Ok(Exit::No);
    }
    let ended = match session.ask(&Request::post(path, json!({}))) {
        Ok(ended) => ended,
        // A server ends it as soon as it sees that it is complete.
        Err(failure) => {
            let status = session.ask(&Request::get("/root-key"))?;
            if status.inner("rotation").is_some() {
                return Err(failure);
            }
            status
        }
    };
    session.emit(&report(&ended, touched, seconds), render::root::impact)?;
    session.note("the rotation is rolled back: every record is in the old epoch")?;
    Ok(Exit::Done)
}

/// Ends a rotation: the old epoch is gone.
fn end(session: &mut Session<'_>, accept_loss: bool) -> Result<Exit, Failure> {
    let before = session.ask(&Request::get("/root-key"))?;
    if let (None, Some(at)) = (before.inner("rotation"), before.text("rotatedAt")) {
        session.emit(&report(&before, None, 0), render::root::impact)?;
        session.note(format_args!("no rotation is open: the last one was finalised at {at}"))?;
        return Ok(Exit::Done);
    }
    let touched = before.inner("rotation").and_then(|rotation| rotation.number("moved"));
    let body = json!({"acceptLoss": accept_loss});
    let ended = session.ask(&Request::post(PATH.to_owned() + "finalise", body))?;
    session.emit(&report(&ended, touched, 0), render::root::impact)?;
    let current = ended.inner("backup").is_some_and(|backup| backup.is_true("current"));
    if !current {
        session.note(
            "warning: the backup of the root key is older than its newest epoch\n\
             hint: write a new one with `keyward root backup --out FILE`, or name a file in the \
             configuration (rootKey.backup.file), which is renewed whenever a rotation ends",
        )?;
    }
    Ok(Exit::Done)
}

/// Drives what is open, or looks on while a server does, until it is complete or stands still.
fn drive(session: &mut Session<'_>, rate: Option<u32>) -> Result<(Document, i64), Failure> {
    let clock = session.surroundings.clock.clone();
    let (begun, bar) = (clock.now(), bar(session));
    let limit = rate.map_or(STEP_RECORDS, |rate| rate.min(STEP_RECORDS));
    let embedded = session.is_embedded()?;
    let status = loop {
        let status = session.ask(&Request::get("/root-key"))?;
        show(&bar, &status);
        let Some(rotation) = status.inner("rotation") else { break status };
        if rotation.is_true("complete") || rotation.text("paused").is_some() {
            break status;
        }
        if embedded {
            let body = json!({"limit": limit});
            session.ask(&Request::post(PATH.to_owned() + "step", body))?;
            if let Some(rate) = rate {
                let pause = f64::from(limit) / f64::from(rate);
                (session.surroundings.pause)(Duration::from_secs_f64(pause));
            }
        } else if status.text("state").as_deref() == Some("sealed") {
            return Err(Failure::error("the server is sealed, and the rotation stands still")
                .hint("unseal it with `keyward root unseal`; it goes on by itself then"));
        } else {
            (session.surroundings.pause)(LOOK);
        }
    };
    bar.finish_and_clear();
    let seconds = clock.now().seconds().saturating_sub(begun.seconds());
    Ok((status, seconds))
}

fn show(bar: &ProgressBar, status: &Document) {
    let Some(rotation) = status.inner("rotation") else { return };
    let number = |member| rotation.number(member).unwrap_or(0);
    bar.set_length(number("records").max(number("moved")));
    bar.set_position(number("moved"));
}

/// Progress, for whoever looks on.
fn bar(session: &Session<'_>) -> ProgressBar {
    if !session.surroundings.terminal.stderr {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.with_style(progress::style("{bar:40} {percent}% of {len} records, {rate}, {eta} left"))
}

/// The impact: the root key as it is, with what the work came to.
fn report(status: &Document, touched: Option<u64>, seconds: i64) -> Document {
    let mut value = status.value().clone();
    if let Value::Object(members) = &mut value {
        members.insert("seconds".to_owned(), json!(seconds.max(0)));
        if let Some(touched) = touched {
            members.insert("touched".to_owned(), json!(touched));
        }
    }
    Document::from(value)
}

const PATH: &str = "/root-key/rotation/";
