//! From refusals and failures about secrets to problems.

use axum::http::StatusCode;
use keyward::secret::{SecretError, path::MalformedPath, policy::MalformedPolicy};
use keyward_lifecycle::refusal::SecretRefusal;

use super::Problem;

/// The status of a refusal.
pub(super) const fn status(refusal: &SecretRefusal) -> StatusCode {
    match refusal {
        SecretRefusal::NotPermitted { .. } => StatusCode::FORBIDDEN,
        SecretRefusal::NoSuchSecret
        | SecretRefusal::NoSuchVersion(_)
        | SecretRefusal::NoSuchPolicy(_) => StatusCode::NOT_FOUND,
        SecretRefusal::Deleted(_) | SecretRefusal::NewestPurged(_) => StatusCode::GONE,
        SecretRefusal::AnotherVersion { .. }
        | SecretRefusal::MovedOn
        | SecretRefusal::TooManyPolicies(_) => StatusCode::CONFLICT,
        SecretRefusal::BadLimit(_) => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

impl From<SecretError> for Problem {
    fn from(error: SecretError) -> Self {
        let text = error.to_string();
        match error {
            SecretError::Execute(error) => error.into(),
            SecretError::TooLong(_) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", text)
                .hint("keep it elsewhere, sealed under a key that is a secret here"),
            SecretError::Metadata(_) => Self::new(StatusCode::BAD_REQUEST, "malformed", text),
            SecretError::Damaged { .. } => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "secret-damaged", text)
                    .hint("restore the database from a backup, or purge the secret")
            }
            SecretError::Memory(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "no-memory", text),
            SecretError::Loading => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "secrets-loading", text)
                    .hint("try again in a few seconds: the store was unsealed a moment ago")
            }
            SecretError::NotLoaded => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "secrets-not-loaded", text)
                    .hint("start Keyward again; `keyward status` says how the secrets are")
            }
            // Nothing that a caller does leads here.
            SecretError::Seal(_) | SecretError::Internal | _ => Self::internal(),
        }
    }
}

impl From<MalformedPath> for Problem {
    fn from(error: MalformedPath) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", error.to_string()).hint(error.hint())
    }
}

impl From<MalformedPolicy> for Problem {
    fn from(error: MalformedPolicy) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", error.to_string()).hint(error.hint())
    }
}
