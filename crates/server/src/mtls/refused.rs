//! Why an identity cannot be used.

use std::{io, path::PathBuf};

use keyward_lifecycle::{
    spiffe::{SpiffeId, TrustDomain},
    time::Timestamp,
};

use super::{Role, svid::SvidRefused};

/// An identity that cannot be used. Whoever issues certificates or writes the configuration must
/// act, as each variant says.
#[derive(Debug, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum IdentityRefused {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not hold what it must.
    #[error("{}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: SvidRefused,
    },
    /// What the Workload API gave is not an X509-SVID.
    #[error("the Workload API gave a certificate that cannot be used")]
    Given(#[source] SvidRefused),
    /// The Workload API does not answer.
    #[error("the Workload API at {address} does not answer: {what}")]
    WorkloadApi {
        /// Where it was asked.
        address: String,
        /// What happened.
        what: String,
    },
    /// The Workload API gave nothing for this process.
    #[error(
        "the Workload API has no certificate for {trust_domain}{role} and this process: register \
         this workload there"
    )]
    NotRegistered {
        /// The trust domain that is configured.
        trust_domain: TrustDomain,
        /// What this process is.
        role: Role,
    },
    /// The certificate is of another trust domain than the configuration says.
    #[error("the certificate is for {found}, which is not in the trust domain {trust_domain}")]
    TrustDomain {
        /// Whom it names.
        found: SpiffeId,
        /// The trust domain that is configured.
        trust_domain: TrustDomain,
    },
    /// The certificate names a workload of another kind.
    #[error(
        "the certificate is for {found}; this process needs one whose path is {role}, or its \
         peers refuse it"
    )]
    Role {
        /// Whom it names.
        found: SpiffeId,
        /// What this process is.
        role: Role,
    },
    /// The certificate is no longer valid.
    #[error("the certificate has expired at {at}: renew it")]
    Expired {
        /// Since when.
        at: Timestamp,
    },
    /// The key is not the certificate's, or of a kind that TLS does not take.
    #[error("the private key does not fit the certificate")]
    KeyDoesNotFit(#[source] rustls::Error),
    /// The bundle holds a certificate that is not an authority's.
    #[error("the bundle cannot be used")]
    Bundle(#[source] SvidRefused),
    /// The certificate of an authority cannot be used.
    #[error("the certificate of an authority cannot be used")]
    Authority(#[source] rustls::Error),
    /// The authorities together cannot be used.
    #[error("the bundle cannot be used: {0}")]
    Authorities(String),
}
