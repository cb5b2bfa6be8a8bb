//! Who may call what: one table. A route that is not in it is refused.

use std::collections::HashMap;

use axum::http::Method;
use keyward_lifecycle::access::Scope;

use Scope::{
    AccessManage, AnchorsManage, AuditRead, KeysManage, KeysRead, KeysRevoke, ProofsRead,
    ProofsVerify, ProofsWrite, RootManage, SecretsManage, SecretsRead, SecretsWrite, StatusRead,
};

/// What a caller needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing.
    Open,
    /// All of these.
    Needs(&'static [Scope]),
    /// This, unless the call comes over the socket or from this machine.
    NeedsElsewhere(Scope),
}

/// Method and path below the prefix, and what they need.
pub(crate) const TABLE: &[(Method, &str, Access)] = &[
    (Method::GET, "/healthz", Access::Open),
    (Method::GET, "/readyz", Access::Open),
    (Method::GET, "/metrics", Access::NeedsElsewhere(StatusRead)),
    (Method::GET, "/openapi.json", Access::Open),
    (Method::GET, "/status", Access::Needs(&[StatusRead])),
    (Method::GET, "/authority", Access::Needs(&[StatusRead])),
    (Method::GET, "/authority/envelope", Access::Needs(&[StatusRead])),
    (Method::POST, "/authority", Access::Needs(&[RootManage])),
    (Method::GET, "/root-key", Access::Needs(&[StatusRead])),
    (Method::POST, "/root-key/unseal", Access::Needs(&[RootManage])),
    (Method::POST, "/root-key/seal", Access::Needs(&[RootManage])),
    (Method::GET, "/root-key/slots", Access::Needs(&[StatusRead])),
    (Method::POST, "/root-key/slots", Access::Needs(&[RootManage])),
    (Method::DELETE, "/root-key/slots/{id}", Access::Needs(&[RootManage])),
    (Method::POST, "/root-key/keepers", Access::Needs(&[RootManage])),
    (Method::POST, "/root-key/password/change", Access::Needs(&[RootManage])),
    (Method::POST, "/root-key/password/verify", Access::Needs(&[RootManage])),
    (Method::POST, "/root-key/rotation/check", Access::Needs(&[RootManage])),
    (Method::POST, "/root-key/rotation/begin", Access::Needs(&[RootManage])),
    (Method::POST, "/root-key/rotation/step", Access::Needs(&[RootManage])),
    (Method::POST, "/root-key/rotation/pause", Access::Needs(&[RootManage])),
    (Method::POST, "/root-key/rotation/resume", Access::Needs(&[RootManage])),
    (Method::POST, "/root-key/rotation/rollback", Access::Needs(&[RootManage])),
    (Method::POST, "/root-key/rotation/finalise", Access::Needs(&[RootManage])),
    (Method::POST, "/root-key/backup", Access::Needs(&[RootManage])),
    (Method::POST, "/root-key/backup/kept", Access::Needs(&[RootManage])),
    (Method::POST, "/root-key/backup/verify", Access::Needs(&[RootManage])),
    (Method::POST, "/root-key/restore", Access::Needs(&[RootManage])),
    (Method::POST, "/root-key/drill", Access::Needs(&[RootManage])),
    (Method::GET, "/profiles", Access::Needs(&[KeysRead])),
    (Method::POST, "/signer/keys", Access::Needs(&[KeysManage])),
    (Method::POST, "/signer/keys/import", Access::Needs(&[KeysManage])),
    (Method::GET, "/signer/keys", Access::Needs(&[KeysRead])),
    (Method::GET, "/signer/keys/metadata", Access::Needs(&[KeysRead])),
    (Method::POST, "/signer/keys/metadata", Access::Needs(&[KeysManage])),
    (Method::GET, "/signer/rotation-warnings", Access::Needs(&[KeysRead])),
    (Method::GET, "/signer/keys/{keyId}", Access::Needs(&[KeysRead])),
    (Method::GET, "/signer/keys/{keyId}/history", Access::Needs(&[KeysRead])),
    (Method::GET, "/signer/keys/{keyId}/validity", Access::Needs(&[KeysRead])),
    (Method::POST, "/signer/keys/{keyId}/promote", Access::Needs(&[KeysManage])),
    (Method::POST, "/signer/keys/{keyId}/rotate", Access::Needs(&[KeysManage])),
    (Method::POST, "/signer/keys/{keyId}/retire", Access::Needs(&[KeysManage])),
    (Method::POST, "/signer/keys/{keyId}/destroy", Access::Needs(&[KeysManage])),
    (Method::POST, "/signer/keys/{keyId}/revoke", Access::Needs(&[KeysRevoke])),
    (Method::POST, "/anchors", Access::Needs(&[AnchorsManage])),
    (Method::POST, "/anchors/import", Access::Needs(&[AnchorsManage])),
    (Method::GET, "/anchors", Access::Needs(&[KeysRead])),
    (Method::GET, "/anchors/{id}", Access::Needs(&[KeysRead])),
    (Method::POST, "/anchors/{id}/deactivate", Access::Needs(&[AnchorsManage])),
    (Method::GET, "/anchors/{id}/status", Access::Needs(&[KeysRead])),
    (Method::POST, "/anchors/{id}/keys", Access::Needs(&[AnchorsManage])),
    (Method::GET, "/anchors/{id}/keys/history", Access::Needs(&[KeysRead])),
    (Method::POST, "/anchors/{id}/keys/{keyId}/revoke", Access::Needs(&[KeysRevoke])),
    (Method::GET, "/anchors/{id}/keys/{keyId}/validity", Access::Needs(&[KeysRead])),
    (Method::POST, "/sign", Access::Needs(&[ProofsWrite])),
    (Method::POST, "/verify", Access::Needs(&[ProofsVerify])),
    (Method::POST, "/verify/batch", Access::Needs(&[ProofsVerify])),
    (Method::GET, "/proofs", Access::Needs(&[ProofsRead])),
    (Method::POST, "/proofs/rescan", Access::Needs(&[ProofsVerify])),
    (Method::GET, "/proofs/{id}", Access::Needs(&[ProofsRead])),
    (Method::POST, "/proofs/{id}/re-sign", Access::Needs(&[ProofsWrite])),
    (Method::GET, "/incidents/report", Access::Needs(&[AuditRead])),
    (Method::POST, "/incidents/report", Access::Needs(&[AuditRead, ProofsWrite])),
    (Method::POST, "/incidents/rotate", Access::Needs(&[KeysManage, KeysRevoke])),
    (Method::GET, "/audit/events", Access::Needs(&[AuditRead])),
    (Method::GET, "/audit/export", Access::Needs(&[AuditRead])),
    (Method::POST, "/audit/verify", Access::Needs(&[AuditRead])),
    (Method::GET, "/audit/checkpoint", Access::Needs(&[AuditRead])),
    (Method::GET, "/audit/proof/inclusion", Access::Needs(&[AuditRead])),
    (Method::GET, "/audit/proof/consistency", Access::Needs(&[AuditRead])),
    (Method::POST, "/audit/snapshot", Access::Needs(&[AccessManage])),
    (Method::GET, "/actors", Access::Needs(&[AccessManage])),
    (Method::POST, "/actors/{id}/forget", Access::Needs(&[AccessManage])),
    (Method::POST, "/rollback/accept", Access::Needs(&[AccessManage])),
    (Method::GET, "/secrets/data/{*path}", Access::Needs(&[SecretsRead])),
    (Method::PUT, "/secrets/data/{*path}", Access::Needs(&[SecretsWrite])),
    (Method::DELETE, "/secrets/data/{*path}", Access::Needs(&[SecretsWrite])),
    (Method::GET, "/secrets/list", Access::Needs(&[SecretsRead])),
    (Method::POST, "/secrets/undelete", Access::Needs(&[SecretsWrite])),
    (Method::POST, "/secrets/purge", Access::Needs(&[SecretsWrite])),
    (Method::GET, "/secrets/metadata/{*path}", Access::Needs(&[SecretsRead])),
    (Method::PUT, "/secrets/metadata/{*path}", Access::Needs(&[SecretsWrite])),
    (Method::GET, "/policies", Access::Needs(&[SecretsManage])),
    (Method::GET, "/policies/{name}", Access::Needs(&[SecretsManage])),
    (Method::PUT, "/policies/{name}", Access::Needs(&[SecretsManage])),
    (Method::DELETE, "/policies/{name}", Access::Needs(&[SecretsManage])),
    (Method::POST, "/tokens", Access::Needs(&[AccessManage])),
    (Method::GET, "/tokens", Access::Needs(&[AccessManage])),
    (Method::POST, "/tokens/{id}/revoke", Access::Needs(&[AccessManage])),
];

/// Where every route is mounted.
pub(crate) const PREFIXES: [&str; 2] = ["/v1", "/api/v1"];

/// The routes whose requests may hold a password of the root key, or shares of it, and whose
/// answers may: they are taken over TLS and the local socket only (RK-010).
pub(crate) const CONFIDENTIAL: [&str; 7] = [
    "/root-key/unseal",
    "/root-key/slots",
    "/root-key/password/change",
    "/root-key/password/verify",
    "/root-key/rotation/begin",
    "/root-key/backup/verify",
    "/root-key/restore",
];

/// Whether requests of that route hold a secret, or the path of one, which no disk shows: nothing
/// of them is kept for an idempotency key, no digest either.
pub(crate) fn is_secret(route: &str) -> bool {
    route == "/signer/keys/import"
        || route.starts_with("/secrets/")
        || route.starts_with("/policies")
        || CONFIDENTIAL.contains(&route)
}

/// The routes whose answers hold a secret: that they were given is kept, and not what they were.
pub(crate) const SHOWN_ONCE: [&str; 1] = ["/tokens"];

/// The routes that ask and change nothing that an answer stands for: what they say is true when
/// it is said, and is not kept for an idempotency key.
pub(crate) const ASKING: [&str; 6] = [
    "/verify",
    "/verify/batch",
    "/audit/verify",
    "/root-key/rotation/check",
    "/root-key/backup/verify",
    "/root-key/drill",
];

/// The table, made for finding.
#[derive(Debug, Clone)]
pub(crate) struct Scopes(HashMap<&'static str, Vec<(Method, Access)>>);

impl Scopes {
    pub(crate) fn new() -> Self {
        let mut found: HashMap<&'static str, Vec<(Method, Access)>> = HashMap::new();
        for (method, path, access) in TABLE {
            found.entry(path).or_default().push((method.clone(), *access));
        }
        Self(found)
    }

    /// What `method` on that path needs; `None` when the table does not say. HEAD needs what
    /// GET does.
    pub(crate) fn of(&self, method: &Method, path: &str) -> Option<(&'static str, Access)> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let (path, methods) = self.0.get_key_value(bare(path))?;
        methods.iter().find(|(known, _)| known == method).map(|(_, access)| (*path, *access))
    }
}

/// Whether answers of that route are for its caller alone: they are stored nowhere on the way.
pub(crate) fn is_private(route: &str) -> bool {
    route.starts_with("/secrets/")
        || route.starts_with("/policies")
        || route.starts_with("/root-key")
}

/// A path without the prefix under which it is mounted.
pub(crate) fn bare(path: &str) -> &str {
    PREFIXES.iter().find_map(|prefix| path.strip_prefix(prefix)).unwrap_or(path)
}
