//! What a keeper refuses.

use axum::http::StatusCode;
use keyward::keeper::TakeRefused;

use super::Problem;
use crate::mtls::Role;

impl Problem {
    /// Somebody is known by his certificate, and may not.
    pub(crate) fn wrong_peer(caller: &str, allowed: &[Role]) -> Self {
        let allowed: Vec<_> = allowed.iter().map(ToString::to_string).collect();
        let detail = format!("{caller} may not do this");
        Self::new(StatusCode::FORBIDDEN, "wrong-peer", detail)
            .hint(format!("a certificate whose path is {} may", allowed.join(" or ")))
    }
}

impl From<TakeRefused> for Problem {
    fn from(refused: TakeRefused) -> Self {
        let status = match &refused {
            TakeRefused::Unread(_) => StatusCode::BAD_REQUEST,
            TakeRefused::ForeignRoot { .. }
            | TakeRefused::StaleEpoch { .. }
            | TakeRefused::SecondShare { .. }
            | TakeRefused::Contradiction { .. } => StatusCode::CONFLICT,
            TakeRefused::Memory(_) => StatusCode::INSUFFICIENT_STORAGE,
        };
        Self::new(status, refused.reason(), refused.to_string())
    }
}
