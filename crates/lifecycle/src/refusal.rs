//! Why a command is refused, and what is merely worth a warning.

mod root;
mod secret;
mod warning;

use alloc::{
    boxed::Box,
    string::{String, ToString},
    sync::Arc,
};
use core::fmt;

pub use self::{root::RootRefusal, secret::SecretRefusal, warning::Warning};
use crate::{
    algorithm::Algorithm,
    id::{AnchorId, Fingerprint, KeyId, ProfileName},
    key::{Reason, Status},
    pattern::Pattern,
    time::Timestamp,
};

/// A rule says no. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "the HTTP status of each is decided in one place")]
pub enum Refusal {
    /// The store already began.
    #[error("a store is here already")]
    StoreExists,
    /// That has not happened yet.
    #[error("{what} {asked} is in the future: it is {now}")]
    InFuture {
        /// What.
        what: &'static str,
        /// What was asked.
        asked: Timestamp,
        /// The time that counts.
        now: Timestamp,
    },
    /// Another version of the authority document came first.
    #[error("another version of the authority document was taken in meanwhile")]
    AuthorityMovedOn,
    /// There is no such key.
    #[error("there is no key `{0}`")]
    NoSuchKey(KeyId),
    /// There is no such profile.
    #[error("there is no profile `{0}`")]
    NoSuchProfile(ProfileName),
    /// There is no such anchor.
    #[error("there is no trust anchor {0}")]
    NoSuchAnchor(AnchorId),
    /// The anchor judges no more, and nothing judges by it again.
    #[error("trust anchor {0} is deactivated and takes no keys")]
    AnchorInactive(AnchorId),
    /// There is no anchor to add a key to.
    #[error("there is no active trust anchor")]
    NoAnchors,
    /// There is no such token, or pseudonym.
    #[error("there is no {what} `{name}`")]
    NoSuchName {
        /// Of what kind.
        what: &'static str,
        /// Its name.
        name: Arc<str>,
    },
    /// The name was used before; names are used once.
    #[error("{what} `{name}` exists already, and a name is used once")]
    NameTaken {
        /// Of what kind.
        what: &'static str,
        /// Its name.
        name: Box<str>,
    },
    /// The public key is bound to another name.
    #[error("public key {fingerprint} is already registered as `{key_id}`")]
    PublicKeyTaken {
        /// Whose fingerprint.
        fingerprint: Fingerprint,
        /// The name it is bound to.
        key_id: KeyId,
    },
    /// The algorithm asked for is not the profile's.
    #[error("profile `{profile}` makes {expected} keys, not {asked}")]
    WrongAlgorithm {
        /// The profile.
        profile: ProfileName,
        /// Its algorithm.
        expected: Algorithm,
        /// The one asked for.
        asked: Algorithm,
    },
    /// The table of states has no such move.
    #[error("key `{key_id}` is {status} and cannot {wanted}")]
    WrongStatus {
        /// The key.
        key_id: KeyId,
        /// Where it stands.
        status: Status,
        /// What was asked of it.
        wanted: &'static str,
    },
    /// The key may not sign any more.
    #[error("key `{key_id}` {why} and cannot sign")]
    Unusable {
        /// The key.
        key_id: KeyId,
        /// Why not.
        why: Unusable,
    },
    /// The profile's signer is another key.
    #[error("profile `{profile}` already has the signer `{signer}`")]
    SignerExists {
        /// The profile.
        profile: ProfileName,
        /// Its signer.
        signer: KeyId,
    },
    /// The key has a successor already: one for each key.
    #[error("key `{key_id}` has the successor `{successor}` already, and a key has one")]
    SuccessorExists {
        /// The key.
        key_id: KeyId,
        /// Its successor.
        successor: KeyId,
    },
    /// A key is followed by one of its own profile and purpose.
    #[error(
        "key `{successor}` cannot follow `{key_id}`, which signs for profile `{profile}` and \
         purpose `{purpose}`"
    )]
    OtherSeat {
        /// The key that is to be replaced.
        key_id: KeyId,
        /// The key that was to follow it.
        successor: KeyId,
        /// The profile of the first.
        profile: ProfileName,
        /// What the first is for.
        purpose: Arc<str>,
    },
    /// A step of the rotation is missing before this one.
    #[error("the rotation of `{key_id}` has not come that far: {missing}")]
    RotationIncomplete {
        /// The key.
        key_id: KeyId,
        /// What is missing.
        missing: &'static str,
    },
    /// The anchor already judges that pattern.
    #[error("pattern `{pattern}` is that of trust anchor {anchor_id} already")]
    PatternTaken {
        /// The pattern.
        pattern: Pattern,
        /// Whose it is.
        anchor_id: AnchorId,
    },
    /// A universal anchor was not asked for by name.
    #[error("pattern `*` trusts its keys for every package")]
    UniversalNotAllowed,
    /// The key's belief in that anchor ended: there is one window, ever.
    #[error(
        "key `{key_id}` was in trust anchor {anchor_id} until {ended_at}, and is not added twice"
    )]
    MembershipEnded {
        /// The key.
        key_id: KeyId,
        /// The anchor.
        anchor_id: AnchorId,
        /// When it ended.
        ended_at: Timestamp,
    },
    /// The anchor does not have that key.
    #[error("key `{key_id}` is not in trust anchor {anchor_id}")]
    NotMember {
        /// The key.
        key_id: KeyId,
        /// The anchor.
        anchor_id: AnchorId,
    },
    /// Effective and invalidity times only move earlier.
    #[error("the {what} is {recorded} and only moves earlier, not to {asked}")]
    OnlyEarlier {
        /// Which time.
        what: &'static str,
        /// As recorded.
        recorded: Timestamp,
        /// As asked for.
        asked: Timestamp,
    },
    /// Reasons only escalate.
    #[error("the reason is {recorded} and does not become {asked}")]
    OnlyEscalates {
        /// As recorded.
        recorded: Reason,
        /// As asked for.
        asked: Reason,
    },
    /// A limit that no key could keep: in the past, 0, or more than the log can write.
    #[error("{what} must lie in the future, or be from 1 to 9007199254740991")]
    EmptyLimit {
        /// Which limit.
        what: &'static str,
    },
    /// A threshold that no set of signatures can meet or that asks for none.
    #[error("threshold {threshold} must be from 1 to {most}")]
    BadThreshold {
        /// As asked for.
        threshold: u32,
        /// The largest.
        most: u32,
    },
    /// A `strict` profile refuses what is unwise.
    #[error("profile `{profile}` is strict: {warning}")]
    Strict {
        /// The profile.
        profile: ProfileName,
        /// What is unwise.
        warning: Box<Warning>,
    },
    /// The half of a composite key that is registered, or the reverse.
    #[error("public key is one half of the composite key `{0}`, and its halves are not keys")]
    HalfOfComposite(KeyId),
    /// Something about the root key.
    #[error(transparent)]
    Root(#[from] RootRefusal),
    /// Something about a stored secret.
    #[error(transparent)]
    Secret(#[from] SecretRefusal),
    /// A private part may still be needed.
    #[error("the private part of `{key_id}` is still needed: {why}")]
    StillNeeded {
        /// The key.
        key_id: KeyId,
        /// For what.
        why: &'static str,
    },
}

/// Why a key may not sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum Unusable {
    /// Its status does not sign.
    Status(Status),
    /// It is revoked since then.
    RevokedSince(Timestamp),
    /// It expired then.
    ExpiredAt(Timestamp),
    /// Its uses are gone.
    UsedUp,
    /// It is past its profile's maximum age and grace.
    TooOld,
    /// Its private part is destroyed.
    Destroyed,
    /// Its private part was never here.
    Foreign,
    /// It is to be revoked, and its profile is strict.
    RevocationPending,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "is {status}"),
            Self::RevokedSince(at) => write!(f, "is revoked since {at}"),
            Self::ExpiredAt(at) => write!(f, "expired at {at}"),
            Self::UsedUp => f.write_str("has made all the signatures it may"),
            Self::TooOld => f.write_str("is past its profile's maximum age"),
            Self::Destroyed => f.write_str("has no private part any more"),
            Self::Foreign => f.write_str("is somebody else's"),
            Self::RevocationPending => f.write_str("is about to be revoked"),
        }
    }
}

impl Refusal {
    /// A short word that programs can rely on.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::StoreExists => "store-exists",
            Self::AuthorityMovedOn => "authority-moved-on",
            Self::InFuture { .. } => "in-future",
            Self::NoSuchKey(_) => "no-such-key",
            Self::NoSuchProfile(_) => "no-such-profile",
            Self::NoSuchAnchor(_) => "no-such-anchor",
            Self::AnchorInactive(_) => "anchor-inactive",
            Self::NoAnchors => "no-anchors",
            Self::NoSuchName { .. } => "no-such-name",
            Self::NameTaken { .. } => "name-taken",
            Self::PublicKeyTaken { .. } => "public-key-taken",
            Self::WrongAlgorithm { .. } => "wrong-algorithm",
            Self::WrongStatus { .. } => "wrong-status",
            Self::Unusable { .. } => "key-unusable",
            Self::SignerExists { .. } => "signer-exists",
            Self::SuccessorExists { .. } => "successor-exists",
            Self::OtherSeat { .. } => "other-seat",
            Self::RotationIncomplete { .. } => "rotation-incomplete",
            Self::PatternTaken { .. } => "pattern-taken",
            Self::UniversalNotAllowed => "universal-not-allowed",
            Self::MembershipEnded { .. } => "membership-ended",
            Self::NotMember { .. } => "not-member",
            Self::OnlyEarlier { .. } => "only-earlier",
            Self::OnlyEscalates { .. } => "only-escalates",
            Self::EmptyLimit { .. } => "empty-limit",
            Self::BadThreshold { .. } => "bad-threshold",
            Self::Strict { .. } => "strict",
            Self::HalfOfComposite(_) => "half-of-composite",
            Self::Root(refusal) => refusal.code(),
            Self::Secret(refusal) => refusal.code(),
            Self::StillNeeded { .. } => "still-needed",
        }
    }

    /// The key whose use was refused, or that somebody wants another successor for, so that
    /// refusals can be counted by key.
    #[must_use]
    pub const fn key_id(&self) -> Option<&KeyId> {
        if let Self::Unusable { key_id, .. }
        | Self::WrongStatus { key_id, .. }
        | Self::SuccessorExists { key_id, .. } = self
        {
            Some(key_id)
        } else {
            None
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::StoreExists => "use it, or name another directory with --data".to_string(),
            Self::AuthorityMovedOn => {
                "propose the next one with `keyward authority propose`".to_string()
            }
            Self::NoSuchKey(_) => "`keyward key list` shows the keys".to_string(),
            Self::NoSuchProfile(_) => "`keyward profile list` shows the profiles".to_string(),
            Self::NoSuchAnchor(_) | Self::NotMember { .. } => {
                "`keyward anchor list` shows the anchors and their keys".to_string()
            }
            Self::AnchorInactive(_) => {
                "add it to the active anchor of that pattern: `keyward anchor list`".to_string()
            }
            Self::NoAnchors => "make one with `keyward anchor create`".to_string(),
            Self::NameTaken { .. } => "choose another name".to_string(),
            Self::PublicKeyTaken { key_id, .. } => alloc::format!("use `{key_id}`"),
            Self::WrongAlgorithm { expected, .. } => {
                alloc::format!("leave --algorithm out, or say {expected}")
            }
            Self::Unusable { why: Unusable::Status(Status::Staged), key_id } => {
                alloc::format!("make it the signer with `keyward key promote {key_id}`")
            }
            Self::Unusable { .. } => {
                "sign with the active key of the profile: `keyward key list`".to_string()
            }
            Self::SignerExists { signer, .. } => {
                alloc::format!("replace it with `keyward key rotate --key-id {signer}`")
            }
            Self::SuccessorExists { key_id, .. } => alloc::format!(
                "if nobody of yours asked for both, look who did: `keyward audit query --key-id \
                 {key_id}`; else go on with `keyward key rotate --key-id {key_id} --resume`"
            ),
            Self::OtherSeat { key_id, .. } => alloc::format!(
                "let one be made: `keyward key rotate --key-id {key_id} --new-key-id NEW`, with a \
                 name that no key has"
            ),
            Self::RotationIncomplete { key_id, .. } => {
                alloc::format!("go on with `keyward key rotate --key-id {key_id} --resume`")
            }
            Self::PatternTaken { anchor_id, .. } => {
                alloc::format!(
                    "add the key to it: `keyward anchor add-key --anchor-id {anchor_id}`"
                )
            }
            Self::UniversalNotAllowed => "say --allow-universal if that is meant".to_string(),
            Self::MembershipEnded { .. } => "make a new key, and add that".to_string(),
            Self::Strict { .. } => "say --force to override it; the log says who did".to_string(),
            Self::Root(refusal) => return refusal.hint().map(String::from),
            Self::Secret(refusal) => return refusal.hint().map(String::from),
            Self::NoSuchName { .. }
            | Self::WrongStatus { .. }
            | Self::OnlyEarlier { .. }
            | Self::OnlyEscalates { .. }
            | Self::InFuture { .. }
            | Self::EmptyLimit { .. }
            | Self::BadThreshold { .. }
            | Self::HalfOfComposite(_)
            | Self::StillNeeded { .. } => return None,
        };
        Some(text)
    }
}
