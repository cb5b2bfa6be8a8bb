//! Problems with the root key.

use axum::http::StatusCode;
use keyward::root::RootError;

use super::{Problem, engine::chain};

impl From<RootError> for Problem {
    fn from(error: RootError) -> Self {
        let text = chain(&error);
        let conflict = StatusCode::CONFLICT;
        match error {
            RootError::Execute(error) => error.into(),
            RootError::Unseal(error) => error.into(),
            RootError::Malformed(_) => Self::new(StatusCode::BAD_REQUEST, "malformed", text),
            RootError::Check { check: "backup", .. } => {
                Self::new(conflict, "root-check-failed", text)
                    .hint("write one with `keyward root backup --out FILE`")
            }
            RootError::Check { .. } => Self::new(conflict, "root-check-failed", text)
                .hint("`keyward root rotate --check` shows all checks"),
            RootError::BackupNotRenewed(_) => Self::new(conflict, "root-backup-failed", text)
                .hint("see that its folder can be written, and try again"),
            RootError::Keepers(_) => Self::new(conflict, "keepers-missing", text)
                .hint("`keyward root status` shows the keepers"),
            RootError::NewerHeader => Self::new(conflict, "root-header-newer", text).hint(
                "unseal it with a password of today, or say --older to bring back the ways in of the backup",
            ),
            RootError::Unsealed => {
                Self::new(conflict, "unsealed", text).hint("seal it first with `keyward root seal`")
            }
            RootError::Backup(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "root-backup-refused", text)
            }
            RootError::Change(_) | RootError::Rotation(_) => {
                Self::new(conflict, "root-refused", text)
            }
            // The rest are the medium's.
            RootError::Record(_) | RootError::Read(_) | _ => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", text)
            }
        }
    }
}
