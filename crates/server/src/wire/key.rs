//! Keys and profiles as the API writes them.

use keyward::{ExecuteError, Keyward};
use keyward_lifecycle::{
    key::{CompromiseScope, Custody, Key, Revocation},
    profile::{LedgerMode, OnMaxAge, Profile, Strictness},
    state::State,
    time::Timestamp,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::spki_pem;
use crate::{app::App, config::ModuleCertificate};

/// A key.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Key)]
pub(crate) struct KeyDocument {
    key_id: String,
    algorithm: &'static str,
    profile: String,
    purpose: String,
    /// Where its private part is, or was.
    store: String,
    /// SHA-256 of the canonical SPKI.
    fingerprint: String,
    /// SPKI in PEM.
    public_key: String,
    /// `exclusive`, `shared` or `foreign`.
    custody: &'static str,
    /// `STAGED`, `ACTIVE`, `ROTATING`, `DEPRECATED`, `REVOKED` or `COMPROMISED`.
    status: &'static str,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    promoted_at: Option<Timestamp>,
    /// The first instant at which it is not good any more, if one was set when it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_usage: Option<u64>,
    /// Signatures in the ledger.
    usage_count: u64,
    /// Counts the rotations of its lineage, from 1.
    version: u32,
    /// The first key of its lineage, which a threshold counts once; itself, if it succeeds none.
    lineage: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    successor: Option<String>,
    /// When succession or retirement ended its signing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    retired_at: Option<Timestamp>,
    /// The last instant at which it is good, a nanosecond before whatever ends it first: for
    /// verifiers whose intervals are closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    not_after: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    derivation_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    destroyed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation: Option<RevocationDocument>,
    /// The anchors that ever believed it.
    anchors: Vec<String>,
    /// What may not be what was meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// The end of a key.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Revocation)]
pub(crate) struct RevocationDocument {
    reason: &'static str,
    #[schema(value_type = String, format = DateTime)]
    effective_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    invalidity_date: Option<Timestamp>,
    /// `key` or `server`.
    scope: &'static str,
}

impl KeyDocument {
    /// Its name.
    pub(crate) fn key_id(&self) -> &str {
        &self.key_id
    }

    /// A key as `state` has it.
    pub(crate) fn of(
        keyward: &Keyward,
        state: &State,
        key: &Key,
        warnings: Vec<String>,
    ) -> Result<Self, ExecuteError> {
        let record = &key.record;
        let anchors = key.memberships().filter_map(|member| state.anchor_at(member.anchor));
        let (first, now) = (state.key_at(key.lineage), keyward.now());
        Ok(Self {
            key_id: record.key_id.to_string(),
            algorithm: record.algorithm.name(),
            profile: record.profile.to_string(),
            purpose: record.purpose.to_string(),
            store: record.store.to_string(),
            fingerprint: record.fingerprint.to_string(),
            public_key: spki_pem(&keyward.public_key(record)?),
            custody: custody(record.custody),
            status: key.status(now).name(),
            created_at: key.created_at,
            promoted_at: key.promoted_at,
            expires_at: record.expires_at,
            max_usage: record.max_usage.map(std::num::NonZeroU64::get),
            usage_count: keyward.usage_count(key)?,
            version: record.version,
            lineage: first.map_or_else(String::new, |first| first.record.key_id.to_string()),
            parent_id: record.parent().map(ToString::to_string),
            successor: key.succession().map(|next| next.successor.to_string()),
            retired_at: key.not_after(),
            not_after: key.window_of_itself().last(),
            derivation_path: record.derivation_path().map(str::to_owned),
            destroyed_at: key.destroyed_at(),
            revocation: key.revocation().map(RevocationDocument::of),
            anchors: anchors.map(|anchor| anchor.record.anchor_id.to_string()).collect(),
            warnings,
        })
    }
}

impl RevocationDocument {
    fn of(revocation: &Revocation) -> Self {
        let Revocation { reason, effective_at, invalidity_date, scope } = *revocation;
        Self { reason: reason.name(), effective_at, invalidity_date, scope: scope_name(scope) }
    }
}

pub(crate) const fn scope_name(scope: CompromiseScope) -> &'static str {
    match scope {
        CompromiseScope::Key => "key",
        CompromiseScope::Server => "server",
    }
}

const fn custody(custody: Custody) -> &'static str {
    match custody {
        Custody::Exclusive => "exclusive",
        Custody::Shared => "shared",
        Custody::Foreign => "foreign",
    }
}

/// A profile.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Profile)]
pub(crate) struct ProfileDocument {
    name: String,
    algorithm: &'static str,
    key_store: String,
    rotation: RotationDocument,
    /// `durable` or `buffered`.
    ledger: &'static str,
    /// `standard` or `strict`.
    policy: &'static str,
    /// The key that signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    signer: Option<String>,
    /// Whether this build can reach its key store.
    available: bool,
    /// What the operator states of the cryptographic module behind its key store; Keyward claims
    /// nothing of the kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    module_certificate: Option<CertificateDocument>,
}

/// A module certificate, as the configuration states it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ModuleCertificate)]
pub(crate) struct CertificateDocument {
    /// What the module was validated against.
    standard: String,
    number: String,
    /// `active`, `historical` or `revoked`: as stated, and historical from the sunset on.
    status: &'static str,
    /// From when it is historical; FIPS 140-2 ends of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    sunset: Option<Timestamp>,
}

impl CertificateDocument {
    pub(crate) fn of(certificate: &ModuleCertificate, now: Timestamp) -> Self {
        Self {
            standard: certificate.standard.clone(),
            number: certificate.number.clone(),
            status: certificate.status_at(now).name(),
            sunset: certificate.sunset(),
        }
    }
}

/// When keys of a profile are due.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RotationPolicy)]
struct RotationDocument {
    enabled: bool,
    max_age_months: u16,
    warning_months: u16,
    /// `warn` or `refuse-sign`.
    on_max_age: &'static str,
}

impl ProfileDocument {
    /// A profile as `state` has it.
    pub(crate) fn of(app: &App, state: &State, profile: &Profile) -> Self {
        let (keyward, now) = (&app.keyward, app.keyward.now());
        let Profile { name, algorithm, key_store, rotation, ledger, policy } = profile;
        let signer = state.signer(name, keyward::key::PURPOSE);
        let signer = signer.filter(|key| key.status(now).signs());
        let certificate = app.certificates.get(name);
        Self {
            name: name.to_string(),
            algorithm: algorithm.name(),
            key_store: key_store.to_string(),
            rotation: RotationDocument {
                enabled: rotation.enabled,
                max_age_months: rotation.max_age_months,
                warning_months: rotation.warning_months,
                on_max_age: match rotation.on_max_age {
                    OnMaxAge::Warn => "warn",
                    OnMaxAge::RefuseSign => "refuse-sign",
                },
            },
            ledger: match ledger {
                LedgerMode::Durable => "durable",
                LedgerMode::Buffered => "buffered",
            },
            policy: match policy {
                Strictness::Standard => "standard",
                Strictness::Strict => "strict",
            },
            signer: signer.map(|key| key.record.key_id.to_string()),
            available: keyward.store_available(key_store),
            module_certificate: certificate.map(|stated| CertificateDocument::of(stated, now)),
        }
    }
}
