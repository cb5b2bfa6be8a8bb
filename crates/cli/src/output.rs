//! Where a command puts what it makes: what `--out` names.
//!
//! A file is replaced as a whole; a device or a pipe is written to and stays what it is; the
//! store's own files are nobody's to write to.

use std::{
    fs::{self, FileType, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::FileTypeExt as _,
    path::{Path, PathBuf},
};

use keyward_storage::durable::{self, Mode};

use crate::exit::Failure;

/// Most links that are followed from a name to a file that is not there yet: as many as Linux
/// follows.
const LINKS_MAX: usize = 40;

/// Where something is put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Standard output.
    Print,
    /// A file that is there or is not; links to it are followed already.
    File(PathBuf),
    /// A device or a pipe.
    Stream(PathBuf),
}

impl Destination {
    /// What `named` stands for, seen from the store in `data`.
    ///
    /// # Errors
    /// [`Failure`] for what cannot be written to, and for what is the store's own.
    pub(crate) fn of(named: &Path, data: &Path) -> Result<Self, Failure> {
        // By name: opened again, a file behind it would be written over from its beginning.
        if named == Path::new("/dev/stdout") {
            return Ok(Self::Print);
        }
        let found = match fs::metadata(named) {
            Ok(metadata) => Some(metadata.file_type()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                return Err(Failure::error(format!("{} cannot be used: {error}", named.display())));
            }
        };
        if let Some(kind) = found.and_then(unwritable) {
            return Err(Failure::error(format!("{} is a {kind}", named.display()))
                .hint("name a file to write to"));
        }
        if found.is_some_and(|kind| kind.is_char_device() || kind.is_fifo()) {
            return Ok(Self::Stream(named.to_owned()));
        }
        let path = followed(named);
        refuse_inside(&path, data, named)?;
        Ok(Self::File(path))
    }

    /// Writes `bytes` there; a file is whole then, or as it was. What is printed, the session
    /// prints: standard output is no place for what must be a file.
    pub(crate) fn write(&self, bytes: &[u8], mode: Mode) -> Result<(), Failure> {
        match self {
            Self::Print => Err(Failure::error("standard output is not a file")),
            Self::File(path) => durable::write(path, bytes, mode).map_err(|e| Failure::of(&e)),
            Self::Stream(path) => {
                let opened = OpenOptions::new().write(true).open(path);
                opened.and_then(|mut file| file.write_all(bytes)).map_err(|error| {
                    if error.kind() == io::ErrorKind::BrokenPipe {
                        return error.into();
                    }
                    Failure::error(format!("{} cannot be written: {error}", path.display()))
                })
            }
        }
    }
}

/// Refuses a directory to write into that is the store's own.
///
/// # Errors
/// [`Failure`].
pub(crate) fn refuse_own(named: &Path, data: &Path) -> Result<(), Failure> {
    refuse_inside(&followed(named), data, named)
}

fn refuse_inside(path: &Path, data: &Path, named: &Path) -> Result<(), Failure> {
    let place = path.canonicalize().or_else(|_| {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        Ok::<_, io::Error>(directory_of(path).canonicalize()?.join(name))
    });
    // What cannot be found holds no store, and is no way into one.
    let (Ok(place), Ok(data)) = (place, data.canonicalize()) else { return Ok(()) };
    let name = place.strip_prefix(data).ok().and_then(|below| below.iter().next()?.to_str());
    if !name.is_some_and(|name| OWN.iter().any(|own| name.starts_with(own))) {
        return Ok(());
    }
    Err(Failure::error(format!("{} is the store's own", named.display()))
        .hint("name another file: nothing but Keyward writes that one"))
}

/// How the names begin that files of the store have: the database and what belongs to it, the
/// socket, the lock, the pins and their drafts.
const OWN: [&str; 3] = ["keyward.", "trust.json", ".trust.json"];

fn unwritable(kind: FileType) -> Option<&'static str> {
    if kind.is_dir() {
        Some("directory")
    } else if kind.is_socket() {
        Some("socket")
    } else if kind.is_block_device() {
        Some("block device")
    } else {
        None
    }
}

/// The name behind a chain of links: what replaces a link's target leaves the link.
fn followed(named: &Path) -> PathBuf {
    let mut path = named.to_owned();
    for _ in 0..LINKS_MAX {
        match fs::read_link(&path) {
            Ok(target) => path = directory_of(&path).join(target),
            Err(_) => break,
        }
    }
    path
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
