//! `keyward backup`: the whole store in two files, while it is in use.
//!
//! The copy is read from the data directory itself, whoever is at work there: readers hinder no
//! writer, and one transaction shows one state. A server that is elsewhere is not asked for it.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use keyward::pin::PINS_BYTES_MAX;
use keyward_storage::{
    durable::{self, Mode, check_directory, read_limited},
    sqlite::{BackupError, Existing, OpenError, Sqlite, SqliteOptions},
};
use serde_json::json;

use crate::{
    args::Backup,
    exit::Failure,
    output::Destination,
    render::{self, Document},
    session::Session,
    store::{PINS_NAME, absent},
};

/// What every SQLite database begins with.
const SQLITE_HEAD: &[u8; 16] = b"SQLite format 3\0";

pub(super) fn run(session: &mut Session<'_>, backup: &Backup) -> Result<(), Failure> {
    if session.global.addr.is_some() {
        return Err(Failure::error("a backup is made on the machine that has the data directory")
            .hint("leave --addr and KEYWARD_ADDR out; a server at work there is no hindrance"));
    }
    let Backup { out, force } = backup;
    let (data, trust) = (session.data(), trust_file(out)?);
    if !data.exists() {
        return Err(absent(&data));
    }
    check_directory(&data).map_err(|e| Failure::of(&e))?;
    let existing = if *force { Existing::Replace } else { Existing::Keep };
    if existing == Existing::Keep && trust.exists() {
        return Err(taken(&trust));
    }
    let places = [replaceable(out, &data)?, replaceable(&trust, &data)?];
    let [out_place, trust_place] = &places;
    // Before the database: a checkpoint that is older than the log is no contradiction.
    let pins = read_limited(&data.join(PINS_NAME), PINS_BYTES_MAX).map_err(|e| Failure::of(&e))?;
    let sqlite = Sqlite::open_read_only(&data, SqliteOptions::default()).map_err(|error| {
        if matches!(error, OpenError::Absent { .. }) { absent(&data) } else { Failure::of(&error) }
    })?;
    let heads = sqlite.backup_to(out_place, existing).map_err(|error| {
        if matches!(error, BackupError::Exists { .. }) { taken(out) } else { Failure::of(&error) }
    })?;
    durable::write(trust_place, &pins, Mode::Private).map_err(|e| Failure::of(&e))?;
    let made = Document::from(json!({
        "backup": out.display().to_string(),
        "trust": trust.display().to_string(),
        "logSize": heads.log,
        "ledgerSize": heads.ledger,
    }));
    session.emit(&made, render::store::backup)
}

/// The file that is written, if it may be: there is none yet, or it is a database, or what is
/// kept beside one, and lies outside this store's own directory. Another store's database is not
/// told from a backup.
fn replaceable(path: &Path, data: &Path) -> Result<PathBuf, Failure> {
    let no_backup = || {
        Failure::refused(format!("{} is no backup of a store", path.display()))
            .hint("--force replaces a backup and nothing else: name another file")
    };
    // A pipe is not asked: it might never answer.
    let Destination::File(place) = Destination::of(path, data)? else { return Err(no_backup()) };
    if !place.exists() {
        return Ok(place);
    }
    let mut head = [0; SQLITE_HEAD.len()];
    let read = File::open(&place).and_then(|mut file| file.read_exact(&mut head));
    let is_copy =
        place.to_string_lossy().ends_with(PINS_NAME) || (read.is_ok() && head == *SQLITE_HEAD);
    if is_copy { Ok(place) } else { Err(no_backup()) }
}

/// `FILE.trust.json`: what the store keeps outside its database, beside the database's copy.
fn trust_file(out: &Path) -> Result<PathBuf, Failure> {
    let name = out.file_name();
    let name = name.ok_or_else(|| Failure::error(format!("{} names no file", out.display())))?;
    let mut trust = name.to_owned();
    trust.push(".");
    trust.push(PINS_NAME);
    Ok(out.with_file_name(trust))
}

fn taken(path: &Path) -> Failure {
    Failure::refused(format!("{} exists, and a backup overwrites nothing", path.display()))
        .hint("name another file, or say --force to replace the backup that is there")
}
