//! The verdict: an outcome, its reason, and the view on which it stands.

use alloc::{sync::Arc, vec::Vec};
use core::fmt;

use super::judge::EvidenceClass;
use crate::{
    anchor::Anchor,
    id::{AnchorId, Digest, Fingerprint, KeyId},
    time::Timestamp,
};

/// The outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "exit codes and labels decide about each")]
pub enum Outcome {
    /// Believed.
    Valid,
    /// Not believed.
    Invalid,
    /// Neither: evidence is missing.
    Indeterminate,
}

impl Outcome {
    /// Better outcomes rank higher.
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Self::Invalid => 0,
            Self::Indeterminate => 1,
            Self::Valid => 2,
        }
    }

    /// The public word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Indeterminate => "indeterminate",
        }
    }
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal),* $(,)?) => {
        /// Why, as a word that programs can rely on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(clippy::exhaustive_enums, reason = "the closed list of reasons")]
        pub enum Reason {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Reason {
            /// The public word, in capitals.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

reasons! {
    /// The key is believed, and its window has not ended.
    InWindow = "IN_WINDOW",
    /// The window has ended; evidence puts the signature before the end.
    ProvenBeforeEnd = "PROVEN_BEFORE_END",
    /// The key was compromised; evidence that counts puts the signature before.
    ProvenBeforeCompromise = "PROVEN_BEFORE_COMPROMISE",
    /// The window has ended; the claimed time lies in it, and the caller lets that do.
    ClaimedTime = "CLAIMED_TIME",
    /// The claimed time is before the key was added.
    NotYetValid = "NOT_YET_VALID",
    /// Made, or claimed to be made, at or after the revocation.
    Revoked = "REVOKED",
    /// Made, or claimed to be made, at or after the expiry or retirement.
    Expired = "EXPIRED",
    /// The window has ended, and nothing proves that the signature is older.
    OutOfBoundsNoPoe = "OUT_OF_BOUNDS_NO_POE",
    /// Proven before the revocation, but not since when the key leaked.
    CompromiseDateUnknown = "COMPROMISE_DATE_UNKNOWN",
    /// Only the suspect server vouches for the time.
    LoggedBySuspect = "LOGGED_BY_SUSPECT",
    /// The key was compromised, and nothing that counts proves that the signature is older.
    RevokedNoPoe = "REVOKED_NO_POE",
    /// The view is too old to say valid.
    StaleView = "STALE_VIEW",
    /// No anchor judges that package, or no package is named.
    Untrusted = "UNTRUSTED",
    /// The anchor does not let that predicate type pass.
    PredicateNotAuthorised = "PREDICATE_NOT_AUTHORISED",
    /// No signature is good under a key of the anchor.
    BadSignature = "BAD_SIGNATURE",
    /// Too few distinct lineages signed.
    TooFewSigners = "TOO_FEW_SIGNERS",
    /// The anchor's keys need an algorithm that this verifier lacks.
    AlgorithmUnavailable = "ALGORITHM_UNAVAILABLE",
    /// The artifact is no subject of the statement.
    ArtifactMismatch = "ARTIFACT_MISMATCH",
    /// The purl asked for is not the statement's.
    PurlMismatch = "PURL_MISMATCH",
    /// The payload is not the statement that its type says.
    MalformedStatement = "MALFORMED_STATEMENT",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something worth knowing beside the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the closed list of findings")]
pub enum Finding {
    /// A good signature by a key in exclusive custody that our complete ledger lacks: somebody
    /// else has the key.
    NotInLedger,
    /// A good signature under another key's id.
    WrongKeyId,
    /// The claimed time is later than the evidence allows.
    ClaimContradictsEvidence,
    /// A batch check accepted it; a single check decides.
    BatchAccepted,
}

impl Finding {
    /// The public word, in capitals.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotInLedger => "NOT_IN_LEDGER",
            Self::WrongKeyId => "WRONG_KEY_ID",
            Self::ClaimContradictsEvidence => "CLAIM_CONTRADICTS_EVIDENCE",
            Self::BatchAccepted => "BATCH_ACCEPTED",
        }
    }
}

/// Whether the artifact itself was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "two names for two values")]
pub enum ArtifactCheck {
    /// Its digest is a subject's.
    Matched,
    /// None was given.
    NotChecked,
}

impl ArtifactCheck {
    /// The public words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::NotChecked => "not checked",
        }
    }
}

/// The state of the log on which a verdict stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a position and a time")]
pub struct View {
    /// Leaves of the log.
    pub position: u64,
    /// The time that counted.
    pub time: Timestamp,
}

/// A verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
#[expect(clippy::exhaustive_structs, reason = "every printer decides about every part")]
pub struct Verdict {
    /// The outcome.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// Who vouches for the time.
    pub evidence: Option<EvidenceClass>,
    /// The key whose signature decided.
    pub key_id: Option<KeyId>,
    /// Its fingerprint.
    pub fingerprint: Option<Fingerprint>,
    /// The anchor that judged.
    pub anchor_id: Option<AnchorId>,
    /// The anchor's own version.
    pub policy_version: Option<Arc<str>>,
    /// The time that was claimed or asked about.
    pub claimed_time: Option<Timestamp>,
    /// The signature was made before this.
    pub proven_before: Option<Timestamp>,
    /// On what the verdict stands.
    pub view: View,
    /// Whether the artifact was compared.
    pub artifact: ArtifactCheck,
    /// What else was seen.
    pub findings: Vec<Finding>,
    /// What [`Finding::NotInLedger`] is about.
    pub unentered: Vec<Unentered>,
}

/// A good signature by a key in exclusive custody that our complete ledger lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what the ledger is searched by")]
pub struct Unentered {
    /// Whose it is.
    pub fingerprint: Fingerprint,
    /// Over what: SHA-256 of the PAE.
    pub pae: Digest,
    /// SHA-256 of the signature.
    pub signature: Digest,
}

impl Verdict {
    pub(super) fn refused(reason: Reason, view: View) -> Self {
        Self {
            outcome: Outcome::Invalid,
            reason,
            evidence: None,
            key_id: None,
            fingerprint: None,
            anchor_id: None,
            policy_version: None,
            claimed_time: None,
            proven_before: None,
            view,
            artifact: ArtifactCheck::NotChecked,
            findings: Vec::new(),
            unentered: Vec::new(),
        }
    }

    pub(super) fn by(self, anchor: &Anchor) -> Self {
        Self {
            anchor_id: Some(anchor.record.anchor_id),
            policy_version: anchor.record.policy_version.clone(),
            ..self
        }
    }

    pub(super) fn with_artifact(self, artifact: ArtifactCheck) -> Self {
        Self { artifact, ..self }
    }

    pub(super) fn rank(&self) -> u8 {
        self.outcome.rank()
    }
}
