//! Files that a command reads, each with its limit.

use std::{fs::File, io::Read, path::Path};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use keyward_lifecycle::{
    canonical::{Limits, from_slice_strict},
    id::Digest,
};
use keyward_storage::durable::read_limited;
use sha2::{Digest as _, Sha256};

use crate::{exit::Failure, session::Session};

/// Longest payload that is wrapped in an envelope, in bytes.
pub(crate) const PAYLOAD_BYTES_MAX: u64 = 12 << 20;
/// Longest predicate, anchor document, key or checkpoint, in bytes.
pub(crate) const DOCUMENT_BYTES_MAX: u64 = 1 << 20;

/// Reads a file, or standard input for `-`.
pub(crate) fn read(
    session: &mut Session<'_>,
    path: &Path,
    bytes_max: u64,
) -> Result<Vec<u8>, Failure> {
    if path.as_os_str() != "-" {
        return read_limited(path, bytes_max).map_err(|e| Failure::of(&e));
    }
    let mut bytes = Vec::new();
    let input = &mut session.surroundings.stdin;
    let read = input.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|e| Failure::error(format!("standard input cannot be read: {e}")))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > bytes_max {
        return Err(Failure::error(format!("standard input has more than {bytes_max} bytes")));
    }
    Ok(bytes)
}

/// Reads a text in UTF-8.
pub(crate) fn read_text(session: &mut Session<'_>, path: &Path) -> Result<String, Failure> {
    let bytes = read(session, path, DOCUMENT_BYTES_MAX)?;
    String::from_utf8(bytes)
        .map_err(|_| Failure::error(format!("{} is not text in UTF-8", path.display())))
}

/// Reads JSON.
pub(crate) fn json(bytes: &[u8], name: &Path) -> Result<serde_json::Value, Failure> {
    serde_json::from_slice(bytes)
        .map_err(|error| Failure::error(format!("{} is not JSON: {error}", name.display())))
}

/// Reads JSON that every parser reads alike: no member is there twice.
pub(crate) fn strict_json(bytes: &[u8], name: &Path) -> Result<serde_json::Value, Failure> {
    from_slice_strict(bytes, Limits::new(bytes.len(), Limits::DEPTH_MAX))
        .map_err(|error| Failure::error(format!("{}: {error}", name.display())))
}

/// SHA-256 of a file of any length.
pub(crate) fn digest_of_file(path: &Path) -> Result<Digest, Failure> {
    let failed = |error| Failure::error(format!("{} cannot be read: {error}", path.display()));
    let mut file = File::open(path).map_err(failed)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => return Ok(Digest::from_bytes(hash.finalize().into())),
            read => hash.update(buffer.get(..read).unwrap_or_default()),
        }
    }
}

/// Standard base64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

const CHUNK_BYTES: usize = 1 << 16;
