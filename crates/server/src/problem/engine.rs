//! From the library's refusals and failures to problems.

use axum::http::StatusCode;
use keyward::{
    ExecuteError,
    key::KeyError,
    keystore::KeyStoreError,
    metadata::{ImportMetadataError, KeyFault, METADATA_KEYS_MAX},
    signing::SignError,
    start::UnsealFailed,
};
use keyward_lifecycle::refusal::Refusal;

use super::Problem;

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match &refusal {
            Refusal::NoSuchKey(_)
            | Refusal::NoSuchProfile(_)
            | Refusal::NoSuchAnchor(_)
            | Refusal::NoSuchName { .. }
            | Refusal::NotMember { .. } => StatusCode::NOT_FOUND,
            Refusal::WrongAlgorithm { .. }
            | Refusal::UniversalNotAllowed
            | Refusal::EmptyLimit { .. }
            | Refusal::InFuture { .. }
            | Refusal::BadThreshold { .. }
            | Refusal::HalfOfComposite(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Refusal::Secret(refusal) => super::secret::status(refusal),
            Refusal::StoreExists
            | Refusal::AuthorityMovedOn
            | Refusal::Root(_)
            | Refusal::AnchorInactive(_)
            | Refusal::NoAnchors
            | Refusal::NameTaken { .. }
            | Refusal::PublicKeyTaken { .. }
            | Refusal::WrongStatus { .. }
            | Refusal::Unusable { .. }
            | Refusal::SignerExists { .. }
            | Refusal::SuccessorExists { .. }
            | Refusal::OtherSeat { .. }
            | Refusal::RotationIncomplete { .. }
            | Refusal::PatternTaken { .. }
            | Refusal::MembershipEnded { .. }
            | Refusal::OnlyEarlier { .. }
            | Refusal::OnlyEscalates { .. }
            | Refusal::Strict { .. }
            | Refusal::StillNeeded { .. } => StatusCode::CONFLICT,
        };
        let problem = Self::new(status, refusal.code(), refusal.to_string());
        Self { hint: refusal.hint(), ..problem }
    }
}

impl From<ExecuteError> for Problem {
    fn from(error: ExecuteError) -> Self {
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        let text = error.to_string();
        match error {
            ExecuteError::Refused(refusal) => refusal.into(),
            ExecuteError::Sealed => {
                Self::new(unavailable, "sealed", text).hint("unseal it with `keyward root unseal`")
            }
            ExecuteError::Quarantined => Self::new(unavailable, "quarantined", text)
                .hint("restore the newer copy, or accept the loss with `keyward rollback accept`"),
            ExecuteError::Unavailable(_) => Self::new(unavailable, "unavailable", text)
                .hint("nothing was changed; the same call may succeed later"),
            ExecuteError::Halted => Self::new(unavailable, "halted", text)
                .hint("stop the server, see that the disk is sound, and start it again"),
        }
    }
}

impl From<KeyStoreError> for Problem {
    fn from(error: KeyStoreError) -> Self {
        let text = chain(&error);
        match error {
            KeyStoreError::NoSuchAlgorithm(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong-algorithm", text)
            }
            KeyStoreError::Material { .. } => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "key-material", text)
                    .hint("restore the database from a backup, or rotate the key")
            }
            // The rest are the medium's.
            KeyStoreError::Unavailable(_) | _ => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "key-store-unavailable", text)
                    .hint("the same call may succeed later")
            }
        }
    }
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        let text = error.to_string();
        match error {
            KeyError::Execute(error) => error.into(),
            KeyError::Store(error) => error.into(),
            KeyError::StoreNotBuilt { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "store-not-built", text)
                    .hint("use another profile: `keyward profile list`")
            }
            KeyError::NoImport(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "no-import", text)
                .hint("use a profile on the software store"),
            KeyError::NoPossession => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "no-possession", text)
                    .hint("sign the key id, fingerprint and nonce with the private key first")
            }
            // What was given is not what it must be.
            KeyError::Private(_)
            | KeyError::MalformedPublicKey
            | KeyError::MalformedPurpose
            | _ => Self::new(StatusCode::BAD_REQUEST, "malformed", text),
        }
    }
}

impl From<ImportMetadataError> for Problem {
    fn from(error: ImportMetadataError) -> Self {
        let text = error.to_string();
        let malformed =
            |hint: &str| Self::new(StatusCode::BAD_REQUEST, "malformed", text.clone()).hint(hint);
        match error {
            ImportMetadataError::Execute(ExecuteError::Refused(
                refusal @ (Refusal::NameTaken { .. } | Refusal::PublicKeyTaken { .. }),
            )) => Self::from(refusal).hint(
                "nothing was taken in; find out which of the two keys is meant, and leave the \
                 other out of the document",
            ),
            ImportMetadataError::Execute(error) => error.into(),
            ImportMetadataError::TooManyKeys(_) => Self::too_many("keys", METADATA_KEYS_MAX),
            ImportMetadataError::Schema(_) => {
                malformed("`keyward key export-metadata` writes what is read here")
            }
            ImportMetadataError::Key { fault: KeyFault::NoProfile(_), .. } => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                Self::new(status, "wrong-algorithm", text)
                    .hint("`keyward profile list` shows the profiles")
            }
            ImportMetadataError::Key { .. } => malformed(
                "nothing was taken in; export the document anew, and see docs/format/key-metadata.md",
            ),
        }
    }
}

impl From<SignError> for Problem {
    fn from(error: SignError) -> Self {
        let text = error.to_string();
        match error {
            SignError::Key(error) => error.into(),
            SignError::Execute(error) => error.into(),
            SignError::NoSigner(name) => Self::new(StatusCode::CONFLICT, "no-signer", text)
                .hint(format!("make one with `keyward key generate --profile {name}`")),
            SignError::NoSuchProof(_) => Self::new(StatusCode::NOT_FOUND, "no-such-proof", text),
            // What was given is not what it must be.
            SignError::SignerCount
            | SignError::Statement(_)
            | SignError::Envelope(_)
            | SignError::Uncanonical(_)
            | _ => Self::new(StatusCode::BAD_REQUEST, "malformed", text),
        }
    }
}

impl From<UnsealFailed> for Problem {
    fn from(error: UnsealFailed) -> Self {
        let text = chain(&error);
        match error {
            // Not 401: the caller is known; it is the password that is not good.
            UnsealFailed::WrongPassword => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong-password", text)
            }
            UnsealFailed::TooSoon { .. } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many-attempts", text)
            }
            UnsealFailed::OldEpoch { .. } => Self::new(StatusCode::CONFLICT, "old-epoch", text)
                .hint("use a backup that was made since the root key was rotated"),
            UnsealFailed::SealedMeanwhile => {
                Self::new(StatusCode::CONFLICT, "sealed-meanwhile", text)
                    .hint("unseal it with `keyward root unseal`")
            }
            // The slot is damaged, or memory cannot be locked.
            UnsealFailed::Unseal(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unseal-failed", text)
            }
            UnsealFailed::Read(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", text)
            }
            UnsealFailed::NoHeader | UnsealFailed::Header(_) | UnsealFailed::LogKey | _ => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "tampered", text)
                    .hint("`keyward root restore FILE` restores the header from a backup of the root key; else restore the database")
            }
        }
    }
}

/// An error with its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = cause.source();
    }
    text
}
