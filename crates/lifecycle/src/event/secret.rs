//! What can happen to stored secrets and path policies (RK-065). No path, no value.

use alloc::vec::Vec;
use core::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::define::facts;
use crate::secret::{PolicyName, SecretId, SecretVersion};

facts! {
    /// What happened to secrets, by type.
    SecretFact
    /// The key of secret paths was made.
    Begun = "SECRETS_BEGUN" {}
    /// A version was written.
    Written = "SECRET_WRITTEN" {
        /// Which secret.
        secret_id: SecretId,
        /// The version.
        version: SecretVersion,
        /// The version of the metadata record that was written with it: for a secret that was
        /// not there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        metadata_version: Option<SecretVersion>,
        /// Older versions whose records were removed, since they were beyond the limit.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        dropped: Vec<SecretVersion>,
    }
    /// Versions were marked as deleted; their records are kept.
    Deleted = "SECRET_DELETED" {
        /// Which secret.
        secret_id: SecretId,
        /// Its versions.
        versions: Vec<SecretVersion>,
    }
    /// Versions that were marked as deleted can be read again.
    Undeleted = "SECRET_UNDELETED" {
        /// Which secret.
        secret_id: SecretId,
        /// Its versions.
        versions: Vec<SecretVersion>,
    }
    /// The records of versions were removed for good.
    Purged = "SECRET_PURGED" {
        /// Which secret.
        secret_id: SecretId,
        /// Its versions.
        versions: Vec<SecretVersion>,
        /// Whether nothing is left of it: its path and metadata went too.
        whole: bool,
    }
    /// A secret's metadata was written.
    MetadataSet = "SECRET_METADATA_SET" {
        /// Which secret.
        secret_id: SecretId,
        /// The version of the metadata record; the one before it was removed.
        metadata_version: SecretVersion,
        /// How many versions are kept, if not as many as usual.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        versions_max: Option<NonZeroU32>,
        /// Older versions whose records were removed, since they are beyond that limit.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        dropped: Vec<SecretVersion>,
    }
    /// A path policy was written.
    PolicySet = "SECRET_POLICY_SET" {
        /// Which.
        name: PolicyName,
        /// The version of its record; the one before it was removed.
        version: SecretVersion,
    }
    /// A path policy was removed, with its record.
    PolicyRemoved = "SECRET_POLICY_REMOVED" {
        /// Which.
        name: PolicyName,
    }
    /// A version was read, by the actor of the event.
    Read = "SECRET_READ" {
        /// Which secret.
        secret_id: SecretId,
        /// The version.
        version: SecretVersion,
        /// How many times since the last such event.
        count: u64,
    }
}
