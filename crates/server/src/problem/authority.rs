//! Problems with the authority document.

use axum::http::StatusCode;
use keyward::authority::AuthorityError;
use keyward_lifecycle::authority::AuthorityRefused;

use super::{Problem, engine::chain};

impl From<AuthorityError> for Problem {
    fn from(error: AuthorityError) -> Self {
        let text = chain(&error);
        let conflict = StatusCode::CONFLICT;
        match error {
            AuthorityError::Execute(error) => error.into(),
            AuthorityError::Refused(AuthorityRefused::TooFewSigners) => {
                Self::new(conflict, "authority-too-few-signers", text).hint(
                    "let more of its keys, and of the keys of the version before, sign it: \
                     `keyward authority sign`",
                )
            }
            AuthorityError::Refused(AuthorityRefused::NotNext { .. }) => {
                Self::new(conflict, "authority-not-next", text)
                    .hint("propose the next one with `keyward authority propose`")
            }
            AuthorityError::Refused(AuthorityRefused::OtherLog) => {
                Self::new(conflict, "authority-other-log", text)
                    .hint("propose the next one with `keyward authority propose`")
            }
            AuthorityError::Expired => Self::new(conflict, "authority-expired", text)
                .hint("propose one with a later end: `keyward authority propose --expires TIME`"),
            AuthorityError::Refused(AuthorityRefused::Malformed)
            | AuthorityError::Malformed(_)
            | _ => Self::new(StatusCode::BAD_REQUEST, "malformed", text),
        }
    }
}
