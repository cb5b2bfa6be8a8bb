//! `keyward root backup` and `keyward root restore`.

use std::path::Path;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use keyward_storage::durable::{Mode, read_limited};
use serde_json::{Value, json};

use crate::{
    args::{RootBackup, RootBackupVerb},
    exit::Failure,
    input,
    output::Destination,
    password::{self, SecretJson},
    render::{self, Document},
    session::Session,
    site::BACKUP_BYTES_MAX,
    transport::Request,
};

pub(super) fn run(session: &mut Session<'_>, backup: &RootBackup) -> Result<(), Failure> {
    let RootBackup { verb, out, force } = backup;
    match (verb, out) {
        (Some(RootBackupVerb::Verify { file }), _) => verify(session, file),
        (None, Some(out)) => write(session, out, *force),
        (None, None) => Err(Failure::error("name a file with --out FILE")),
    }
}

fn write(session: &mut Session<'_>, out: &Path, force: bool) -> Result<(), Failure> {
    let place = session.destination(Some(out))?;
    if !force && out.symlink_metadata().is_ok() {
        return Err(Failure::refused(format!(
            "{} exists, and a backup overwrites nothing",
            out.display()
        ))
        .hint("name another file, or say --force to replace the backup that is there"));
    }
    // What is no backup is somebody's data. A pipe is not asked: it might never answer.
    let Destination::File(file) = &place else { return Err(no_backup(out)) };
    if out.symlink_metadata().is_ok()
        && read(file).ok().is_none_or(|bytes| keyward_barrier::Backup::read(&bytes, None).is_err())
    {
        return Err(no_backup(out));
    }
    super::open(session)?;
    let bytes = made(session)?;
    place.write(&bytes, Mode::Private)?;
    let again = read(out)?;
    let kept = Request::post("/root-key/backup/kept", json!({"backup": input::base64(&again)}));
    let kept = named(session.ask(&kept)?, out);
    session.emit(&kept, render::root::made)?;
    session.note(
        "hint: keep it apart from the password that opens it, and try it with `keyward root drill`",
    )
}

fn no_backup(out: &Path) -> Failure {
    Failure::refused(format!("{} is no backup of a root key", out.display()))
        .hint("--force replaces a backup and nothing else: name another file")
}

/// A backup's bytes, which are nowhere yet.
pub(super) fn made(session: &mut Session<'_>) -> Result<Vec<u8>, Failure> {
    let made = session.ask(&Request::post("/root-key/backup", json!({})))?;
    let bytes = made.text("backup").and_then(|text| BASE64_STANDARD.decode(text).ok());
    bytes.ok_or_else(|| Failure::error("the answer has no backup in it"))
}

pub(super) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    read_limited(file, BACKUP_BYTES_MAX).map_err(|e| Failure::of(&e))
}

/// RK-012. Without a password at hand it is not opened, and the answer says so.
fn verify(session: &mut Session<'_>, file: &Path) -> Result<(), Failure> {
    let bytes = read(file)?;
    session.unseal_if_given()?;
    let mut body = SecretJson::new();
    body.value("backup", &json!(input::base64(&bytes)));
    let asked = password::is_given(&session.global) || session.surroundings.terminal.stdin;
    if asked {
        let password = password::obtain(&session.global, session.surroundings)?;
        body.text("password", password::text(&password)?);
    }
    let seen = session.ask(&secret("/root-key/backup/verify", body))?;
    session.emit(&named(seen, file), render::root::made)?;
    if !asked {
        session.note(
            "warning: it was not opened, since no password is at hand\n\
             hint: name a file with the password: --password-file FILE",
        )?;
    }
    Ok(())
}

pub(super) fn restore(session: &mut Session<'_>, file: &Path, older: bool) -> Result<(), Failure> {
    let bytes = read(file)?;
    let password = password::obtain(&session.global, session.surroundings)?;
    let mut body = SecretJson::new();
    body.value("backup", &json!(input::base64(&bytes)));
    body.text("password", password::text(&password)?);
    body.value("older", &json!(older));
    drop(password);
    let restored = session.ask(&secret("/root-key/restore", body))?;
    session.emit(&named(restored, file), render::root::made)?;
    session.note("the root key is restored, and the store is unsealed")?;
    super::gone(session)
}

pub(super) fn secret(path: &str, body: SecretJson) -> Request {
    Request { body: body.finish(), ..Request::post(path, Value::Null) }
}

fn named(document: Document, file: &Path) -> Document {
    let mut value = document.value().clone();
    if let Value::Object(members) = &mut value {
        members.insert("file".to_owned(), json!(file.display().to_string()));
    }
    Document::from(value)
}
