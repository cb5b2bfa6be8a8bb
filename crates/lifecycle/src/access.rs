//! Who may do what over the API: scopes, and the roles that bundle them (RK-055, HA-21).

use alloc::{sync::Arc, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{id::Digest, time::Timestamp};

/// One kind of thing that may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(clippy::exhaustive_enums, reason = "every route decides about a scope")]
pub enum Scope {
    /// See keys, profiles and anchors.
    #[serde(rename = "keys.read")]
    KeysRead,
    /// Make, import, promote, rotate, retire and destroy keys.
    #[serde(rename = "keys.manage")]
    KeysManage,
    /// End keys and memberships; never waits for a second person.
    #[serde(rename = "keys.revoke")]
    KeysRevoke,
    /// Create anchors and add keys to them.
    #[serde(rename = "anchors.manage")]
    AnchorsManage,
    /// Sign.
    #[serde(rename = "proofs.write")]
    ProofsWrite,
    /// Read proofs.
    #[serde(rename = "proofs.read")]
    ProofsRead,
    /// Verify.
    #[serde(rename = "proofs.verify")]
    ProofsVerify,
    /// Read the log, the ledger and their proofs.
    #[serde(rename = "audit.read")]
    AuditRead,
    /// Make and revoke tokens, forget people, accept a rollback.
    #[serde(rename = "access.manage")]
    AccessManage,
    /// Unseal and seal, and read the root key's state.
    #[serde(rename = "root.manage")]
    RootManage,
    /// Read metrics and status.
    #[serde(rename = "status.read")]
    StatusRead,
    /// Read and list secrets, as far as path policies grant it.
    #[serde(rename = "secrets.read")]
    SecretsRead,
    /// Write, delete and purge secrets, as far as path policies grant it.
    #[serde(rename = "secrets.write")]
    SecretsWrite,
    /// See and change path policies.
    #[serde(rename = "secrets.manage")]
    SecretsManage,
}

/// A named bundle of scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every role")]
pub enum Role {
    /// Everything.
    Admin,
    /// Keys and anchors, their ends, and what is needed to see them.
    Operator,
    /// Sign, verify, and see keys.
    Signer,
    /// See everything, change nothing.
    Auditor,
    /// See keys and verify.
    Viewer,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 14] = [
        Self::KeysRead,
        Self::KeysManage,
        Self::KeysRevoke,
        Self::AnchorsManage,
        Self::ProofsWrite,
        Self::ProofsRead,
        Self::ProofsVerify,
        Self::AuditRead,
        Self::AccessManage,
        Self::RootManage,
        Self::StatusRead,
        Self::SecretsRead,
        Self::SecretsWrite,
        Self::SecretsManage,
    ];

    /// The public word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::KeysRead => "keys.read",
            Self::KeysManage => "keys.manage",
            Self::KeysRevoke => "keys.revoke",
            Self::AnchorsManage => "anchors.manage",
            Self::ProofsWrite => "proofs.write",
            Self::ProofsRead => "proofs.read",
            Self::ProofsVerify => "proofs.verify",
            Self::AuditRead => "audit.read",
            Self::AccessManage => "access.manage",
            Self::RootManage => "root.manage",
            Self::StatusRead => "status.read",
            Self::SecretsRead => "secrets.read",
            Self::SecretsWrite => "secrets.write",
            Self::SecretsManage => "secrets.manage",
        }
    }

    /// The scope of that name.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == text)
    }
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] =
        [Self::Admin, Self::Operator, Self::Signer, Self::Auditor, Self::Viewer];

    /// The public word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Signer => "signer",
            Self::Auditor => "auditor",
            Self::Viewer => "viewer",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == text)
    }

    /// What it may do.
    #[must_use]
    pub const fn scopes(self) -> &'static [Scope] {
        match self {
            Self::Admin => &Scope::ALL,
            Self::Operator => &[
                Scope::KeysRead,
                Scope::KeysManage,
                Scope::KeysRevoke,
                Scope::AnchorsManage,
                Scope::ProofsRead,
                Scope::ProofsVerify,
                Scope::AuditRead,
                Scope::StatusRead,
                Scope::SecretsRead,
                Scope::SecretsWrite,
            ],
            Self::Signer => &[
                Scope::KeysRead,
                Scope::ProofsWrite,
                Scope::ProofsRead,
                Scope::ProofsVerify,
                Scope::SecretsRead,
                Scope::SecretsWrite,
            ],
            Self::Auditor => &[
                Scope::KeysRead,
                Scope::ProofsRead,
                Scope::ProofsVerify,
                Scope::AuditRead,
                Scope::StatusRead,
            ],
            Self::Viewer => &[Scope::KeysRead, Scope::ProofsVerify, Scope::StatusRead],
        }
    }
}

/// A bearer token as the log has it: only its digest, so that the log opens no door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "a new member must be decided about everywhere")]
pub struct Token {
    /// A short public name, by which it is listed and revoked.
    pub token_id: Arc<str>,
    /// SHA-256 of the token's 32 random bytes.
    pub digest: Digest,
    /// Its role.
    pub role: Role,
    /// A narrowing of the role; empty for all of it.
    pub scopes: Vec<Scope>,
    /// From when it opens nothing.
    pub expires_at: Timestamp,
}

impl Token {
    /// Whether it allows `scope` at `now`.
    #[must_use]
    pub fn allows(&self, scope: Scope, now: Timestamp) -> bool {
        now < self.expires_at
            && self.role.scopes().contains(&scope)
            && (self.scopes.is_empty() || self.scopes.contains(&scope))
    }
}
