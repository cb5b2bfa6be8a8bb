//! What can be asked for. Ids, key material's public parts and random values arrive in the
//! command; the rules make none of their own.

mod root;
mod secret;

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::num::NonZeroU64;

use crate::{
    access::Token,
    algorithm::Algorithm,
    anchor::AnchorRecord,
    event::Commitment,
    id::{ActorId, AnchorId, ContentId, Digest, Fingerprint, KeyId, ProfileName},
    key::{CompromiseScope, Custody, Reason, Revocation},
    profile::Profile,
    time::Timestamp,
};

pub use self::{
    root::{AcceptLoss, Resealed, RootCommand, SlotChange},
    secret::{PutSecret, SecretCommand, SecretReads, SecretVersions, SetMetadata},
};

/// One request to change something.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the rules decide about every command")]
pub enum Command {
    /// Begin a store.
    CreateStore {
        /// The store identity's fingerprint.
        root_id: Fingerprint,
        /// The first authority document's digest.
        authority: Digest,
        /// The log's verifier key.
        log_key: Arc<str>,
    },
    /// Puts another version of the authority document in the place of the one before; its
    /// signatures were checked.
    ReplaceAuthority {
        /// Its version.
        version: u64,
        /// Its digest.
        digest: Digest,
    },
    /// Give a person or service a pseudonym.
    RegisterActor {
        /// The pseudonym.
        actor_id: ActorId,
        /// Binds the name.
        commitment: Commitment,
    },
    /// Erase the name behind a pseudonym.
    ForgetActor {
        /// The pseudonym.
        actor_id: ActorId,
    },
    /// Define a profile; the same definition again changes nothing.
    DefineProfile(Profile),
    /// Register a key whose private part was just made in its store.
    GenerateKey(NewKey),
    /// Register a key that was made elsewhere.
    ImportKey(NewKey),
    /// Register a key that another store vouches for, as ended as it is there; a key that is here
    /// already is left alone.
    AdoptKey(Box<AdoptedKey>),
    /// Make a staged key the signer where there is none.
    PromoteKey {
        /// Which.
        key_id: KeyId,
    },
    /// Stop a key from signing, without a successor.
    RetireKey {
        /// Which.
        key_id: KeyId,
    },
    /// Begin to replace a key by another; both are registered (LC-022).
    BeginRotation {
        /// The key to replace.
        key_id: KeyId,
        /// The key to replace it by.
        successor: KeyId,
    },
    /// Log the statement that both keys signed, which the caller verified.
    LogSuccession {
        /// The predecessor.
        key_id: KeyId,
        /// The successor.
        successor: KeyId,
        /// The statement's address.
        statement: ContentId,
    },
    /// Flip the profile to the successor, in one write.
    CompleteRotation {
        /// The key to replace.
        key_id: KeyId,
        /// Whether a `strict` profile's waiting time is overridden.
        force: Force,
    },
    /// Call a rotation off.
    AbortRotation {
        /// The key that was to be replaced.
        key_id: KeyId,
    },
    /// End a key, or one anchor's belief in it.
    Revoke(Revoke),
    /// Record that a key's private part was destroyed.
    DestroyKey {
        /// Which.
        key_id: KeyId,
    },
    /// Hand out a block of uses of a key with `max_usage`.
    GrantUsage {
        /// Which.
        key_id: KeyId,
        /// How many uses at the most.
        uses: NonZeroU64,
    },
    /// Make an anchor with keys.
    CreateAnchor {
        /// What it is made with.
        anchor: AnchorRecord,
        /// The keys it believes.
        keys: Vec<KeyId>,
        /// Whether the universal pattern is permitted (traps HA-13).
        universal: Universal,
        /// Whether it comes from a document: keys that it names and nobody registered stay
        /// asserted.
        imported: bool,
    },
    /// Let an anchor judge no more.
    DeactivateAnchor {
        /// Which.
        anchor_id: AnchorId,
    },
    /// Add a key to anchors, without removing any.
    AddKey {
        /// To which.
        to: Anchors,
        /// Which key.
        key_id: KeyId,
    },
    /// Record the ledger's head.
    NoteLedger(LedgerNote),
    /// Make a token.
    CreateToken(Token),
    /// Withdraw a token.
    RevokeToken {
        /// Which.
        token_id: Arc<str>,
    },
    /// Count refusals.
    NoteRefusals {
        /// What was asked.
        command: Arc<str>,
        /// The refusal's code.
        refusal: Arc<str>,
        /// About which key.
        key_id: Option<KeyId>,
        /// How many.
        count: u64,
    },
    /// Record that a proof was signed anew.
    NoteResigned {
        /// The old proof.
        old: ContentId,
        /// The new one.
        new: ContentId,
        /// The key that signed anew.
        key_id: KeyId,
        /// Why.
        reason: Reason,
    },
    /// Record an incident report.
    NoteIncident {
        /// The key it is about.
        key_id: KeyId,
        /// Its address.
        report: ContentId,
    },
    /// Record what was done with the root key.
    Root(RootCommand),
    /// Do something with stored secrets, or record that it was done.
    Secret(SecretCommand),
    /// Accept a log that is shorter than a checkpoint kept from before.
    AcceptRollback {
        /// Leaves of the kept checkpoint.
        kept_size: u64,
        /// Its root.
        kept_root: Digest,
    },
}

/// A key to be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "built by the library from a request")]
pub struct NewKey {
    /// Its name.
    pub key_id: KeyId,
    /// The profile it is made under.
    pub profile: ProfileName,
    /// The algorithm, if the caller says one; it must be the profile's (SO-021).
    pub algorithm: Option<Algorithm>,
    /// What it is for.
    pub purpose: Arc<str>,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Its canonical SPKI, checked by the caller.
    pub public_key: Arc<[u8]>,
    /// Who else can have the private part.
    pub custody: Custody,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// How often it may sign.
    pub max_usage: Option<NonZeroU64>,
    /// The key that it is to follow.
    pub parent: Option<KeyId>,
    /// Whether it stays STAGED even where its profile has no signer.
    pub staged: bool,
}

/// A key as another store has it. It verifies; it never signs here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "built by the library from a document")]
pub struct AdoptedKey {
    /// The key; its expiry may be past. Its custody, uses and stage are not asked about.
    pub new: NewKey,
    /// Its version there.
    pub version: u32,
    /// When succession or retirement ended its signing there.
    pub not_after: Option<Timestamp>,
    /// Its revocation there.
    pub revocation: Option<Revocation>,
}

/// The end of a key, or of one anchor's belief in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "built by the library from a request")]
pub struct Revoke {
    /// Which key.
    pub key_id: KeyId,
    /// Where.
    pub at: RevokedAt,
    /// Why.
    pub reason: Reason,
    /// From when.
    pub effective: Effective,
    /// For a compromise: since when somebody else may have had it.
    pub compromised_since: Option<Timestamp>,
    /// For a compromise: what leaked.
    pub scope: CompromiseScope,
    /// Whether a `strict` profile's waiting time is overridden.
    pub force: Force,
}

/// Where a revocation is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum RevokedAt {
    /// In one anchor.
    Anchor(AnchorId),
    /// At the key: in every anchor, present and future.
    Key,
}

/// From when something is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum Effective {
    /// From the time of this transaction (`NOW`).
    Immediately,
    /// From a given instant.
    At(Timestamp),
}

/// Which anchors a key is added to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum Anchors {
    /// One.
    One(AnchorId),
    /// Every active one, at once (`ALL`).
    Every,
    /// Every active one that ever believed that key.
    AffectedBy(KeyId),
}

/// Whether a rule that may be overridden is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "two names for two values")]
pub enum Force {
    /// It is obeyed.
    No,
    /// It is overridden, and the log says who did.
    Yes,
}

/// Whether an anchor for every package is permitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "two names for two values")]
pub enum Universal {
    /// It is refused.
    Refused,
    /// It was asked for by name (`--allow-universal`).
    Allowed,
}

/// What the library notes of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum LedgerNote {
    /// Its head.
    Head {
        /// Entries.
        size: u64,
        /// Root.
        root: Digest,
    },
    /// Buffered signing begins.
    Open {
        /// Entries.
        size: u64,
    },
    /// Buffered signing ends with nothing missing.
    Close {
        /// Entries.
        size: u64,
    },
    /// Entries may be missing since the last close or head.
    Gap {
        /// Last instant known complete.
        from: Timestamp,
    },
}

impl Command {
    /// The command's name in refusals and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CreateStore { .. } => "store.create",
            Self::ReplaceAuthority { .. } => "authority.replace",
            Self::RegisterActor { .. } => "actor.register",
            Self::ForgetActor { .. } => "actor.forget",
            Self::DefineProfile(_) => "profile.define",
            Self::GenerateKey(_) => "key.generate",
            Self::ImportKey(_) => "key.import",
            Self::AdoptKey(_) => "key.adopt",
            Self::PromoteKey { .. } => "key.promote",
            Self::RetireKey { .. } => "key.retire",
            Self::BeginRotation { .. } => "key.rotate.begin",
            Self::LogSuccession { .. } => "key.rotate.attest",
            Self::CompleteRotation { .. } => "key.rotate.complete",
            Self::AbortRotation { .. } => "key.rotate.abort",
            Self::Revoke(_) => "key.revoke",
            Self::DestroyKey { .. } => "key.destroy",
            Self::GrantUsage { .. } => "key.use",
            Self::CreateAnchor { .. } => "anchor.create",
            Self::DeactivateAnchor { .. } => "anchor.deactivate",
            Self::AddKey { .. } => "anchor.add-key",
            Self::NoteLedger(_) => "ledger.note",
            Self::CreateToken(_) => "token.create",
            Self::RevokeToken { .. } => "token.revoke",
            Self::NoteRefusals { .. } => "refusal.note",
            Self::NoteResigned { .. } => "proof.re-sign",
            Self::NoteIncident { .. } => "incident.report",
            Self::Root(command) => command.name(),
            Self::Secret(command) => command.name(),
            Self::AcceptRollback { .. } => "rollback.accept",
        }
    }
}
