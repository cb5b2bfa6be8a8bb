//! `keyward root slot`, `keyward root password` and `keyward root recover`.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use keyward_barrier::RecoveryShare;
use keyward_storage::durable::{self, Mode, create_directory, read_limited};
use serde_json::json;
use zeroize::Zeroizing;

use super::backup::secret;
use crate::{
    args::{AddSlotVerb, NewPassword, RootPasswordVerb, RootSlotVerb, Shares},
    exit::Failure,
    password::{self, SecretJson},
    render::{self, Document},
    session::Session,
    transport::{Method, Request, segment},
};

/// Longest share, in bytes, with what editors leave around it.
const SHARE_BYTES_MAX: u64 = 4 << 10;

pub(super) fn run(session: &mut Session<'_>, verb: RootSlotVerb) -> Result<(), Failure> {
    match verb {
        RootSlotVerb::List => {
            let slots = session.ask(&Request::get("/root-key/slots"))?;
            session.emit(&slots, render::root::slots)
        }
        RootSlotVerb::Add(AddSlotVerb::Keepers { threshold }) => {
            super::keepers::add(session, threshold)?;
            outdated(session)
        }
        RootSlotVerb::Add(AddSlotVerb::Password { label, new_password }) => {
            add_password(session, &label, &new_password)
        }
        RootSlotVerb::Add(AddSlotVerb::Recovery { threshold, count, recipient, label, out }) => {
            super::open(session)?;
            if recipient.is_empty() {
                may_show(session)?;
            }
            if let Some(out) = &out {
                crate::output::refuse_own(out, &session.data())?;
                make_room(out, count)?;
            }
            let sharing = json!({"threshold": threshold, "count": count, "recipients": recipient});
            let body = json!({"kind": "recovery", "label": label, "sharing": sharing});
            let added = session.ask(&Request::post("/root-key/slots", body))?;
            if let Err(failure) = show_shares(session, &added, out.as_deref()) {
                return Err(taken_back(session, &added, failure));
            }
            outdated(session)
        }
        RootSlotVerb::Remove { id, keeper: _ } => {
            let path = format!("/root-key/slots/{}", segment(&id));
            let removed = session.ask(&Request { method: Method::Delete, ..Request::get(path) })?;
            session.emit(&removed, render::root::slot)?;
            old_copies(session)
        }
    }
}

fn add_password(session: &mut Session<'_>, label: &str, new: &NewPassword) -> Result<(), Failure> {
    super::open(session)?;
    let password = password::obtain_fresh(new, session.surroundings, "Additional password: ")?;
    let mut body = SecretJson::new();
    body.value("kind", &json!("password"));
    body.value("label", &json!(label));
    body.text("password", password::text(&password)?);
    let added = session.ask(&secret("/root-key/slots", body))?;
    session.emit(&added, render::root::slot)?;
    outdated(session)
}

pub(super) fn password(session: &mut Session<'_>, verb: &RootPasswordVerb) -> Result<(), Failure> {
    match verb {
        RootPasswordVerb::Verify => {
            let password = password::obtain(&session.global, session.surroundings)?;
            let mut body = SecretJson::new();
            body.text("password", password::text(&password)?);
            let found = session.ask(&secret("/root-key/password/verify", body))?;
            session.emit(&found, render::root::slot)
        }
        RootPasswordVerb::Change { new_password } => {
            let old = password::obtain(&session.global, session.surroundings)?;
            if session.is_embedded()? {
                session.unseal_with(&old)?;
            }
            let prompt = "New password of the store: ";
            let new = password::obtain_fresh(new_password, session.surroundings, prompt)?;
            let mut body = SecretJson::new();
            body.text("password", password::text(&old)?);
            body.text("newPassword", password::text(&new)?);
            let changed = session.ask(&secret("/root-key/password/change", body))?;
            session.emit(&changed, render::root::slot)?;
            old_copies(session)
        }
    }
}

/// Makes the directory for encrypted shares: nothing in it is written over.
fn make_room(out: &Path, count: u8) -> Result<(), Failure> {
    create_directory(out).map_err(|error| {
        Failure::error(format!("the shares cannot be kept in {}: {error}", out.display()))
            .hint("name a directory with --out that nobody else may enter (mode 0700)")
    })?;
    let taken = (1..=count).map(|index| share_file(out, &index.to_string()));
    match taken.into_iter().find(|path| path.symlink_metadata().is_ok()) {
        Some(path) => Err(Failure::refused(format!(
            "{} exists, and a share overwrites nothing",
            path.display()
        ))
        .hint("name another directory with --out")),
        None => Ok(()),
    }
}

fn share_file(out: &Path, index: &str) -> PathBuf {
    out.join(format!("share-{index}.age"))
}

/// Shares that nobody has open nothing: the slot goes again.
fn taken_back(session: &mut Session<'_>, added: &Document, failure: Failure) -> Failure {
    let id = added.text("id").unwrap_or_default();
    let path = format!("/root-key/slots/{}", segment(&id));
    match session.ask(&Request { method: Method::Delete, ..Request::get(path) }) {
        Ok(_) => failure.hint("the slot was removed again: nobody has its shares"),
        Err(_) => failure.hint(format!(
            "nobody has the shares of this slot: `keyward root slot remove {id}` removes it"
        )),
    }
}

/// A header that changed leaves the backup behind.
fn outdated(session: &mut Session<'_>) -> Result<(), Failure> {
    session.note(
        "hint: the backup does not know it yet: write a new one with `keyward root backup --out FILE`",
    )
}

/// Who has an old copy has an old way in.
fn old_copies(session: &mut Session<'_>) -> Result<(), Failure> {
    session.note(
        "warning: nothing was encrypted anew: copies and backups of the store made before still \
         open the old way\n\
         hint: if somebody else may know it, change the root key itself with \
         `keyward root rotate --emergency`; write a new backup with `keyward root backup --out FILE`",
    )
}

/// Plain shares are shown to somebody, one at a time, and written nowhere.
pub(super) fn may_show(session: &Session<'_>) -> Result<(), Failure> {
    let terminal = session.surroundings.terminal;
    if terminal.stdin && terminal.stdout && !session.is_json() {
        return Ok(());
    }
    Err(Failure::error("shares that are not encrypted are shown at a terminal only")
        .hint("give each holder's age recipient with --recipient, in the order of the shares"))
}

/// Hands out shares that are seen this once: encrypted ones as files or text, plain ones one at a
/// time.
pub(super) fn show_shares(
    session: &mut Session<'_>,
    added: &Document,
    out: Option<&Path>,
) -> Result<(), Failure> {
    let shares = added.list("shares");
    let plain = shares.iter().any(|share| share.text("recipient").is_none());
    if plain {
        session.emit(added, render::root::slot)?;
        return one_at_a_time(session, &shares);
    }
    if session.is_json() {
        return session.emit(added, |_| String::new());
    }
    session.emit(added, render::root::slot)?;
    for share in &shares {
        let part = |member| share.text(member).unwrap_or_default();
        let armour = share.value().get("text").and_then(|text| text.as_str()).unwrap_or_default();
        let text = format!("Share {}, for {}", part("index"), part("recipient"));
        match out {
            Some(out) => {
                let path = share_file(out, &part("index"));
                durable::write(&path, armour.as_bytes(), Mode::Private)
                    .map_err(|e| Failure::of(&e))?;
                session.print(&format!("{text}: {}\n", path.display()))?;
            }
            None => session.print(&format!("{text}:\n{}\n", armour.trim_end()))?,
        }
    }
    session.note("hint: each holder opens his own with `age --decrypt`, and keeps it to himself")
}

fn one_at_a_time(session: &mut Session<'_>, shares: &[Document]) -> Result<(), Failure> {
    for share in shares {
        let index = share.text("index").unwrap_or_default();
        let text = share.value().get("text").and_then(|text| text.as_str()).unwrap_or_default();
        session.print(&format!("Share {index} of {}:\n\n{text}\n\n", shares.len()))?;
        session.note("Let its holder write it down, and nobody else see it; then press Enter.")?;
        let mut byte = [0];
        // The end of the input is as good as Enter.
        while matches!(session.surroundings.stdin.read(&mut byte), Ok(1)) && byte != *b"\n" {}
        // Clears the screen and what was scrolled out of it (ECMA-48, ED).
        session.print("\u{1b}[2J\u{1b}[3J\u{1b}[H")?;
    }
    Ok(())
}

/// Collects shares, one holder after another, and unseals with them.
pub(super) fn recover(session: &mut Session<'_>, given: &Shares) -> Result<Document, Failure> {
    let mut shares: Vec<Zeroizing<String>> = Vec::new();
    for file in &given.files {
        let bytes = read_limited(file, SHARE_BYTES_MAX).map_err(|e| Failure::of(&e))?;
        let bytes = Zeroizing::new(bytes);
        let text = std::str::from_utf8(&bytes).unwrap_or_default().trim();
        let shown = file.display();
        read(text).map_err(|failure| Failure::error(format!("{shown}: {}", failure.what())))?;
        shares.push(Zeroizing::new(text.to_owned()));
    }
    if given.files.is_empty() {
        if !session.surroundings.terminal.stdin {
            return Err(Failure::error("there is nobody to ask for recovery shares")
                .hint("name a file for each: --share FILE --share FILE"));
        }
        shares = collect(session)?;
    }
    let mut body = SecretJson::new();
    body.texts("recoveryShares", &shares);
    drop(shares);
    let unsealed = session.ask(&secret("/root-key/unseal", body))?;
    session.bring_into_force()?;
    Ok(unsealed)
}

/// Asks holder after holder until there are as many shares as the first one says.
fn collect(session: &mut Session<'_>) -> Result<Vec<Zeroizing<String>>, Failure> {
    let (mut shares, mut seen): (Vec<Zeroizing<String>>, Vec<u8>) = (Vec::new(), Vec::new());
    let mut needed = 1;
    while shares.len() < needed {
        let number = shares.len().saturating_add(1);
        let prompt = if number == 1 {
            "Recovery share (not shown): ".to_owned()
        } else {
            format!("Recovery share {number} of {needed} (not shown): ")
        };
        let line = (session.surroundings.ask)(&prompt)
            .map_err(|error| Failure::error(format!("the share cannot be read: {error}")))?;
        match read(line.trim()) {
            Ok(share) if seen.contains(&share.index()) => {
                session.note(format_args!("share {} was given already", share.index()))?;
            }
            Ok(share) => {
                needed = usize::from(share.sharing().threshold());
                seen.push(share.index());
                shares.push(Zeroizing::new(line.trim().to_owned()));
            }
            Err(failure) => session.note(format_args!("{}: try it again", failure.what()))?,
        }
    }
    Ok(shares)
}

fn read(text: &str) -> Result<RecoveryShare, Failure> {
    RecoveryShare::parse(text).map_err(|error| Failure::of(&error))
}
