//! What can be asked about stored secrets. Values and paths are in the records that go with a
//! command, sealed.

use alloc::vec::Vec;
use core::num::NonZeroU32;

use crate::secret::{PolicyName, SecretId, SecretVersion};

/// Something that is to be done with secrets, or was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the rules decide about every command")]
pub enum SecretCommand {
    /// Make the key of secret paths: once in a store's life.
    Begin,
    /// Write a version.
    Put(PutSecret),
    /// Mark versions as deleted.
    Delete(SecretVersions),
    /// Bring back versions that are marked as deleted.
    Undelete(SecretVersions),
    /// Remove versions for good; none means all, with path and metadata.
    Purge(SecretVersions),
    /// Write the metadata.
    SetMetadata(SetMetadata),
    /// Write a path policy.
    SetPolicy {
        /// Which.
        name: PolicyName,
        /// The version of its record.
        version: SecretVersion,
    },
    /// Remove a path policy.
    RemovePolicy {
        /// Which.
        name: PolicyName,
    },
    /// Record reads.
    NoteReads(Vec<SecretReads>),
}

/// A version that is to be written; its record goes with the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "built by the library from a request")]
pub struct PutSecret {
    /// Which secret.
    pub secret_id: SecretId,
    /// The version that its record is sealed as.
    pub version: SecretVersion,
    /// The version that the metadata record is sealed as, of a secret that is not there.
    pub metadata_version: Option<SecretVersion>,
    /// The version that must be the current one; 0 for a secret that must not be there.
    pub expected: Option<u32>,
}

/// Versions of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "built by the library from a request")]
pub struct SecretVersions {
    /// Which secret.
    pub secret_id: SecretId,
    /// Its versions.
    pub versions: Vec<SecretVersion>,
}

/// Metadata that is to be written; its record goes with the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "built by the library from a request")]
pub struct SetMetadata {
    /// Which secret.
    pub secret_id: SecretId,
    /// The version that its record is sealed as.
    pub metadata_version: SecretVersion,
    /// How many versions are kept; `None` for as many as usual.
    pub versions_max: Option<NonZeroU32>,
}

/// Reads of one version by one actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "built by the library from what it did")]
pub struct SecretReads {
    /// Which secret.
    pub secret_id: SecretId,
    /// The version.
    pub version: SecretVersion,
    /// How many times.
    pub count: u64,
}

impl SecretCommand {
    /// The command's name in refusals and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Begin | Self::Put(_) => "secret.put",
            Self::Delete(_) => "secret.delete",
            Self::Undelete(_) => "secret.undelete",
            Self::Purge(_) => "secret.purge",
            Self::SetMetadata(_) => "secret.metadata",
            Self::SetPolicy { .. } => "policy.set",
            Self::RemovePolicy { .. } => "policy.delete",
            Self::NoteReads(_) => "secret.get",
        }
    }
}
