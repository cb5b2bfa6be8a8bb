//! The store's password: from a file, a descriptor, or somebody at the terminal; never from the
//! command line.

use std::path::{Path, PathBuf};

use keyward_crypto::secret::Password;
use keyward_storage::durable::read_limited;
use zeroize::Zeroizing;

use crate::{
    args::{Global, NewPassword},
    exit::Failure,
    surroundings::Surroundings,
};

mod json;

pub(crate) use self::json::SecretJson;

/// Longest password file, in bytes: the longest password and a line end.
const FILE_BYTES_MAX: u64 = 4098;

/// The password, wherever it is to be had.
pub(crate) fn obtain(
    global: &Global,
    surroundings: &mut Surroundings,
) -> Result<Password, Failure> {
    if let Some(password) = given(global)? {
        return Ok(password);
    }
    if !surroundings.terminal.stdin {
        return Err(Failure::error("this command needs the store's password")
            .hint("name a file with the password: --password-file FILE or KEYWARD_PASSWORD_FILE"));
    }
    ask(surroundings, "Password of the store: ")
}

/// The password of a store that is being made.
pub(crate) fn obtain_new(
    global: &Global,
    surroundings: &mut Surroundings,
) -> Result<Password, Failure> {
    if let Some(password) = given(global)? {
        // Where it travels in a JSON body it must be text.
        text(&password)?;
        return Ok(password);
    }
    if !surroundings.terminal.stdin {
        return Err(Failure::error("a store needs a password, and there is nobody to ask for one")
            .hint("name a file with it: --password-file FILE or KEYWARD_PASSWORD_FILE"));
    }
    let first = ask(surroundings, "Password for the new store: ")?;
    let second = ask(surroundings, "The same again: ")?;
    if first.is_same_as(&second) {
        Ok(first)
    } else {
        Err(Failure::error("the two passwords are not the same"))
    }
}

/// A password that is to open from now on: from a file, a descriptor, or asked for twice.
pub(crate) fn obtain_fresh(
    new: &NewPassword,
    surroundings: &mut Surroundings,
    prompt: &str,
) -> Result<Password, Failure> {
    let NewPassword { new_password_file, new_password_fd } = new;
    if let Some(password) = from(*new_password_fd, new_password_file.as_deref())? {
        text(&password)?;
        return Ok(password);
    }
    if !surroundings.terminal.stdin {
        return Err(Failure::error("there is nobody to ask for the new password")
            .hint("name a file with it: --new-password-file FILE, or --new-password-fd N"));
    }
    let first = ask(surroundings, prompt)?;
    let second = ask(surroundings, "The same again: ")?;
    if first.is_same_as(&second) {
        Ok(first)
    } else {
        Err(Failure::error("the two passwords are not the same"))
    }
}

/// A password as text, for a JSON body.
pub(crate) fn text(password: &Password) -> Result<&str, Failure> {
    std::str::from_utf8(password.expose())
        .map_err(|_| Failure::error("the password is not text in UTF-8"))
}

/// The password as a member of a JSON body.
pub(crate) fn to_json(password: &Password) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let text = text(password)?;
    // Room from the start: a vector that grows leaves copies behind.
    let room = text.len().saturating_mul(6).saturating_add(32);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    bytes.extend_from_slice(b"{\"password\":");
    serde_json::to_writer(&mut *bytes, text).map_err(|e| Failure::of(&e))?;
    bytes.push(b'}');
    Ok(bytes)
}

/// Whether the password can be had without asking anybody.
pub(crate) const fn is_given(global: &Global) -> bool {
    global.password_fd.is_some() || global.password_file.is_some()
}

fn given(global: &Global) -> Result<Option<Password>, Failure> {
    from(global.password_fd, global.password_file.as_deref())
}

fn from(fd: Option<u32>, file: Option<&Path>) -> Result<Option<Password>, Failure> {
    let path = match (fd, file) {
        (Some(fd), _) => PathBuf::from(format!("/dev/fd/{fd}")),
        (None, Some(path)) => path.to_owned(),
        (None, None) => return Ok(None),
    };
    let unread = |error: &dyn std::error::Error| {
        Failure::of(error).hint("the password is read from what --password-file names, or KEYWARD_PASSWORD_FILE, or --password-fd")
    };
    let bytes = Zeroizing::new(read_limited(&path, FILE_BYTES_MAX).map_err(|e| unread(&e))?);
    // Editors and `echo` end the last line; the end is no part of the password.
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    taken(line, &path).map(Some)
}

fn taken(bytes: &[u8], path: &Path) -> Result<Password, Failure> {
    Password::new(bytes.to_vec())
        .map_err(|refused| Failure::error(format!("{}: {refused}", path.display())))
}

fn ask(surroundings: &mut Surroundings, prompt: &str) -> Result<Password, Failure> {
    let line = (surroundings.ask)(prompt)
        .map_err(|error| Failure::error(format!("the password cannot be read: {error}")))?;
    Password::new(line.as_bytes().to_vec()).map_err(|refused| Failure::error(refused.to_string()))
}
