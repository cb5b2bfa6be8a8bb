//! An identity from PEM files, read again when they change.

use std::{
    io,
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::{Duration, SystemTime},
};

use tokio::signal::unix::{SignalKind, signal};

use super::{
    Parts,
    refused::IdentityRefused,
    svid::{Bundle, Chain, SvidRefused, key_from_pem},
};
use crate::config::IdentityFiles;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// Longest PEM file, in bytes.
const PEM_BYTES_MAX: u64 = 1 << 20;

/// What of the files was last looked at: which they are, lengths and times of change.
type Stamp = [Option<(u64, u64, SystemTime)>; 3];

/// Reads the files.
pub(super) fn read(files: &IdentityFiles) -> Result<Parts, IdentityRefused> {
    let IdentityFiles { certificate, key, bundle } = files;
    let chain = part(certificate, Chain::from_pem)?;
    let private = part(key, key_from_pem)?;
    let bundle = part(bundle, Bundle::from_pem)?;
    Ok((chain, private, bundle))
}

/// Hands what the files hold to `put`: at once, whenever they change, and when SIGHUP comes. A
/// renewal that writes them one by one is complete at the last of them. Does not end.
pub(super) async fn watch(files: &IdentityFiles, put: impl Fn(Result<Parts, IdentityRefused>)) {
    let mut beat = tokio::time::interval(LOOK);
    let mut hangup = signal(SignalKind::hangup()).ok();
    let mut last: Option<Stamp> = None;
    loop {
        let asked = async {
            match &mut hangup {
                Some(hangup) => hangup.recv().await,
                // Without the signal the beat alone decides.
                None => std::future::pending().await,
            }
        };
        let must = tokio::select! {
            _ = beat.tick() => false,
            _ = asked => true,
        };
        let look = files.clone();
        let look = tokio::task::spawn_blocking(move || {
            let stamp = stamp(&look);
            (must || last != Some(stamp)).then(|| (stamp, read(&look)))
        });
        match look.await {
            Ok(Some((stamp, parts))) => {
                last = Some(stamp);
                put(parts);
            }
            Ok(None) => {}
            // The runtime is going down.
            Err(_) => return,
        }
    }
}

fn stamp(files: &IdentityFiles) -> Stamp {
    let IdentityFiles { certificate, key, bundle } = files;
    [certificate, key, bundle].map(|path| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.ino(), found.len(), found.modified().ok()?))
    })
}

fn part<T>(
    path: &Path,
    parse: impl FnOnce(&[u8]) -> Result<T, SvidRefused>,
) -> Result<T, IdentityRefused> {
    let unreadable = |source| IdentityRefused::Unreadable { path: path.to_owned(), source };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > PEM_BYTES_MAX {
        return Err(unreadable(io::Error::other(format!("longer than {PEM_BYTES_MAX} bytes"))));
    }
    let pem = std::fs::read(path).map_err(unreadable)?;
    parse(&pem).map_err(|source| IdentityRefused::File { path: path.to_owned(), source })
}
