//! What to do about what the system says.

use std::io::{self, ErrorKind};

/// Why the system refuses, in words, and what to do next.
pub(super) fn advice(error: &io::Error) -> &'static str {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the system has many more")]
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "the disk is full; make room, and try again"
        }
        ErrorKind::ReadOnlyFilesystem => {
            "its file system is mounted for reading only; mount it for writing, or name another \
             directory with --data"
        }
        ErrorKind::PermissionDenied => {
            "this user may not; run as its owner, or name another directory with --data"
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            "a file stands where a directory must be; name another directory with --data"
        }
        _ => "check that it can be made there, or name another directory with --data",
    }
}
