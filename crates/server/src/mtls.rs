//! Mutual TLS between Keyward's own processes, with SPIFFE IDs in both directions (RK-053).
//!
//! An [`Identity`] is who this process is and whom it believes, at every moment: read from PEM
//! files or from the SPIFFE Workload API, and replaced while we run. Reading order: [`svid`]
//! (what a certificate must be), `material.rs` (what belongs together), `verifier.rs` (the
//! handshake), `files.rs` and `workload.rs` (where it comes from), [`Role`] (what an ID means
//! to us).

mod files;
mod material;
mod refused;
mod role;
pub mod svid;
mod verifier;
mod visitor;
mod workload;

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;
use keyward::clock::{Clock as _, SystemClock};
use keyward_lifecycle::{spiffe::SpiffeId, time::Timestamp};
use rustls::{
    ClientConfig, ServerConfig,
    server::{ResolvesServerCert, danger::ClientCertVerifier},
};
use tracing::{info, warn};

pub(crate) use self::visitor::Visitor;
use self::{
    material::{Expected, Material},
    svid::{Bundle, Chain},
    verifier::Handshake,
};
pub use self::{refused::IdentityRefused, role::Role};
use crate::config::{IdentityConfig, IdentitySource};

/// Who this process is, and whom it believes. Cheap to clone; all clones change together.
#[derive(Clone)]
pub struct Identity {
    current: Arc<ArcSwap<Material>>,
    expected: Expected,
    source: IdentitySource,
}

impl Identity {
    /// Reads the identity of this process, which is to be in `role`. The Workload API is waited
    /// for during some seconds.
    ///
    /// # Errors
    /// [`IdentityRefused`] says what is wrong, and who must act.
    pub async fn open(config: &IdentityConfig, role: Role) -> Result<Self, IdentityRefused> {
        let IdentityConfig { trust_domain, source } = config;
        let expected = Expected { trust_domain: trust_domain.clone(), role };
        let parts = match source {
            IdentitySource::Files(files) => files::read(files)?,
            IdentitySource::WorkloadApi(address) => workload::first(address, &expected).await?,
        };
        let material = assemble(parts, &expected)?;
        info!(id = %material.id(), expires = %material.svid.expires, "this process has its identity");
        let current = Arc::new(ArcSwap::from_pointee(material));
        Ok(Self { current, expected, source: source.clone() })
    }

    /// Who this process is.
    #[must_use]
    pub fn id(&self) -> SpiffeId {
        self.current.load().id().clone()
    }

    /// When its certificate is no longer valid.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.current.load().svid.expires
    }

    /// Keeps the identity current: files are read again when they change or SIGHUP comes, and the
    /// Workload API pushes. What cannot be used is said, and what was used before stays. Does not
    /// end.
    pub async fn watch(self) {
        match &self.source {
            IdentitySource::Files(files) => files::watch(files, |parts| self.put(parts)).await,
            IdentitySource::WorkloadApi(address) => {
                workload::watch(address, &self.expected, |parts| self.put(parts)).await;
            }
        }
    }

    /// What a listener speaks to peers of the trust domain.
    ///
    /// # Errors
    /// [`IdentityRefused::KeyDoesNotFit`] when the algorithms at hand do not do TLS 1.3.
    pub fn server_config(&self) -> Result<ServerConfig, IdentityRefused> {
        Handshake::server(&self.current).map_err(IdentityRefused::KeyDoesNotFit)
    }

    /// What is spoken to a peer in `role`.
    ///
    /// # Errors
    /// As [`Self::server_config`].
    pub fn client_config(&self, role: Role) -> Result<ClientConfig, IdentityRefused> {
        Handshake::client(&self.current, role).map_err(IdentityRefused::KeyDoesNotFit)
    }

    /// Who judges the certificates of callers that may come without one.
    pub(crate) fn visitors(&self) -> Arc<dyn ClientCertVerifier> {
        Handshake::visitors(&self.current)
    }

    /// This process's own certificate, whichever it is at the moment.
    pub(crate) fn own_certificate(&self) -> Arc<dyn ResolvesServerCert> {
        Handshake::visitors(&self.current)
    }

    fn put(&self, parts: Result<Parts, IdentityRefused>) {
        match parts.and_then(|parts| assemble(parts, &self.expected)) {
            Ok(material) if material.is_same_as(&self.current.load()) => {}
            Ok(material) => {
                let expires = material.svid.expires;
                self.current.store(Arc::new(material));
                info!(%expires, "this process has renewed its identity");
            }
            Err(error) => {
                let error = said(&error);
                warn!(error, until = %self.expires(), "the identity in use stays");
            }
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("current", &self.current).finish_non_exhaustive()
    }
}

/// What an identity is read as: certificates, the key, the authorities.
type Parts = (Chain, rustls::pki_types::PrivateKeyDer<'static>, Bundle);

fn assemble((chain, key, bundle): Parts, expected: &Expected) -> Result<Material, IdentityRefused> {
    Material::new((chain, key, &bundle), expected, SystemClock.now())
}

/// An error with its causes, in one line.
pub(crate) fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    text
}
