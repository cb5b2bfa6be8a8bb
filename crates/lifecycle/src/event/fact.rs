//! What can happen, by type; the one place where an event type is defined.

use alloc::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Commitment, define::facts, root::RootFact, secret::SecretFact};
use crate::{
    access::Token,
    anchor::AnchorRecord,
    id::{ActorId, AnchorId, ContentId, Digest, Fingerprint, KeyId},
    key::{CompromiseScope, KeyRecord, Reason},
    profile::Profile,
    time::Timestamp,
};

facts! {
    /// What happened, by type.
    Fact {
        /// To the root key.
        Root(RootFact),
        /// To stored secrets.
        Secret(SecretFact),
    }
    /// The store began.
    StoreCreated = "STORE_CREATED" {
        /// The fingerprint of the store identity.
        root_id: Fingerprint,
        /// The digest of the first authority document.
        authority: Digest,
        /// The log's verifier key (C2SP signed note).
        log_key: Arc<str>,
    }
    /// A person or service got a pseudonym.
    ActorRegistered = "ACTOR_REGISTERED" {
        /// The pseudonym.
        actor_id: ActorId,
        /// Binds the name in the side table.
        commitment: Commitment,
    }
    /// The name behind a pseudonym, and the free texts of its events, were erased.
    ActorForgotten = "ACTOR_FORGOTTEN" {
        /// The pseudonym.
        actor_id: ActorId,
    }
    /// A profile was defined, or defined anew.
    ProfileDefined = "PROFILE_DEFINED" {
        /// All of it.
        profile: Profile,
    }
    /// A key was made.
    KeyGenerated = "KEY_GENERATED" {
        /// What never changes of it.
        key: KeyRecord,
        /// Whether it signs at once.
        active: bool,
    }
    /// A key that was made elsewhere was taken in.
    KeyImported = "KEY_IMPORTED" {
        /// What never changes of it.
        key: KeyRecord,
        /// Whether it signs at once.
        active: bool,
    }
    /// A staged key became the signer.
    KeyPromoted = "KEY_PROMOTED" {
        /// Which.
        key_id: KeyId,
    }
    /// A key signs no more; it verifies what it signed before.
    KeyRetired = "KEY_RETIRED" {
        /// Which.
        key_id: KeyId,
        /// What it signs from here on is not believed.
        not_after: Timestamp,
    }
    /// A rotation began: both keys exist.
    RotationBegun = "ROTATION_BEGUN" {
        /// The key that is replaced.
        key_id: KeyId,
        /// The key that replaces it.
        successor: KeyId,
    }
    /// Old and new key have both signed the succession statement, and it verified.
    KeySucceeded = "KEY_SUCCEEDED" {
        /// The predecessor.
        key_id: KeyId,
        /// The successor.
        successor: KeyId,
        /// The address of the statement.
        statement: ContentId,
    }
    /// A rotation is complete.
    RotationCompleted = "ROTATION_COMPLETED" {
        /// The key that was replaced.
        key_id: KeyId,
        /// The key that signs now.
        successor: KeyId,
    }
    /// A rotation was called off; the old key signs on.
    RotationAborted = "ROTATION_ABORTED" {
        /// The key that signs on.
        key_id: KeyId,
        /// The key that was set aside.
        successor: KeyId,
    }
    /// An anchor's belief in a key ended, or, without an anchor, the key itself.
    KeyRevoked = "KEY_REVOKED" {
        /// Which key.
        key_id: KeyId,
        /// In which anchor; absent for all, present and future.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        anchor_id: Option<AnchorId>,
        /// Why.
        reason: Reason,
        /// From when.
        effective_at: Timestamp,
        /// For a compromise: since when somebody else may have had it, if known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        invalidity_date: Option<Timestamp>,
        /// For a compromise: what leaked.
        scope: CompromiseScope,
    }
    /// A key's private part was destroyed.
    KeyDestroyed = "KEY_DESTROYED" {
        /// Which.
        key_id: KeyId,
    }
    /// A block of uses was handed out to the signer; what a crash leaves of it is lost.
    KeyUsageGranted = "KEY_USAGE_GRANTED" {
        /// Which key.
        key_id: KeyId,
        /// Uses handed out so far, this block included.
        granted: u64,
    }
    /// An anchor was made.
    AnchorCreated = "ANCHOR_CREATED" {
        /// All of it but its keys, each of which has an event of its own.
        anchor: AnchorRecord,
        /// Whether it was read from a document rather than given here.
        imported: bool,
    }
    /// An anchor judges no more.
    AnchorDeactivated = "ANCHOR_DEACTIVATED" {
        /// Which.
        anchor_id: AnchorId,
    }
    /// An anchor believes a key from here on.
    KeyAdded = "KEY_ADDED" {
        /// The anchor.
        anchor_id: AnchorId,
        /// The key.
        key_id: KeyId,
    }
    /// The signature ledger's tree head at this place of the log.
    LedgerHead = "LEDGER_HEAD" {
        /// Entries in the ledger.
        size: u64,
        /// The RFC 6962 root over them.
        root: Digest,
    }
    /// Buffered signing began: until it closes, an unclean stop may lose entries.
    LedgerOpened = "LEDGER_OPENED" {
        /// Entries in the ledger.
        size: u64,
    }
    /// Buffered signing closed cleanly: every signature released is in the ledger.
    LedgerClosed = "LEDGER_CLOSED" {
        /// Entries in the ledger.
        size: u64,
    }
    /// Signatures released in this span may be missing from the ledger.
    LedgerGap = "LEDGER_GAP" {
        /// The last instant at which the ledger is known to be complete.
        from: Timestamp,
        /// The instant from which it is complete again.
        to: Timestamp,
    }
    /// A token was made.
    TokenCreated = "TOKEN_CREATED" {
        /// All that is kept of it.
        token: Token,
    }
    /// A token was withdrawn.
    TokenRevoked = "TOKEN_REVOKED" {
        /// Which.
        token_id: Arc<str>,
    }
    /// Commands were refused; floods of the same refusal are counted in one event.
    CommandRefused = "COMMAND_REFUSED" {
        /// What was asked.
        command: Arc<str>,
        /// Why it was refused, as a code.
        refusal: Arc<str>,
        /// The key it was about, if one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key_id: Option<KeyId>,
        /// How many times since the last such event.
        count: u64,
    }
    /// A proof was signed anew by another key; the old one stands beside it.
    ProofResigned = "PROOF_RESIGNED" {
        /// The proof as it was.
        old: ContentId,
        /// The new proof.
        new: ContentId,
        /// The key that signed anew.
        key_id: KeyId,
        /// Why.
        reason: Reason,
    }
    /// An incident report was made.
    IncidentReported = "INCIDENT_REPORTED" {
        /// The key it is about.
        key_id: KeyId,
        /// The address of the report.
        report: ContentId,
    }
    /// A log shorter than a checkpoint kept from before was accepted by an administrator.
    RollbackAccepted = "ROLLBACK_ACCEPTED" {
        /// Leaves that the kept checkpoint counted.
        kept_size: u64,
        /// Its root.
        kept_root: Digest,
        /// Leaves that were found.
        found_size: u64,
    }
    /// Another version of the authority document took the place of the one before.
    AuthorityReplaced = "AUTHORITY_REPLACED" {
        /// Its version.
        version: u64,
        /// Its digest.
        digest: Digest,
    }
}

impl Fact {
    /// Every event type of version 1, as the log writes it (SO-121).
    pub const TYPES: &[&str] =
        &all_types::<{ Self::TABLE.len() + RootFact::TABLE.len() + SecretFact::TABLE.len() }>();
}

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "runs in the compiler"
)]
const fn all_types<const N: usize>() -> [&'static str; N] {
    let (mut all, mut place, mut table) = ([""; N], 0, 0);
    let tables = [Fact::TABLE, RootFact::TABLE, SecretFact::TABLE];
    while table < tables.len() {
        let mut row = 0;
        while row < tables[table].len() {
            all[place] = tables[table][row];
            place += 1;
            row += 1;
        }
        table += 1;
    }
    all
}
