//! What an identity consists of at one moment: read as a whole, replaced as a whole.

use std::{fmt, sync::Arc};

use keyward_lifecycle::{
    spiffe::{SpiffeId, TrustDomain},
    time::Timestamp,
};
use rustls::{
    RootCertStore,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::PrivateKeyDer,
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::CertifiedKey,
};

use super::{
    Role,
    refused::IdentityRefused,
    svid::{Bundle, Chain, Svid},
};

/// Certificate, key and authorities of one moment.
pub(super) struct Material {
    /// What our own certificate says.
    pub(super) svid: Svid,
    /// Our certificates and the key, to show who we are.
    pub(super) own: Arc<CertifiedKey>,
    /// Whom we believe.
    pub(super) roots: Arc<RootCertStore>,
    /// The same, as a judge of clients' chains.
    pub(super) clients: Arc<dyn ClientCertVerifier>,
}

/// Who this process must be.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) trust_domain: TrustDomain,
    pub(super) role: Role,
}

impl Material {
    /// Puts the parts together, and checks that they fit each other and this process at `now`.
    pub(super) fn new(
        (chain, key, bundle): (Chain, PrivateKeyDer<'static>, &Bundle),
        expected: &Expected,
        now: Timestamp,
    ) -> Result<Self, IdentityRefused> {
        let Chain { svid, certificates } = chain;
        if svid.id.trust_domain() != &expected.trust_domain {
            let trust_domain = expected.trust_domain.clone();
            return Err(IdentityRefused::TrustDomain { found: svid.id, trust_domain });
        }
        if Role::of(&svid.id) != Some(expected.role) {
            let role = expected.role;
            return Err(IdentityRefused::Role { found: svid.id, role });
        }
        if svid.expires <= now {
            return Err(IdentityRefused::Expired { at: svid.expires });
        }
        let provider = provider();
        let own = CertifiedKey::from_der(certificates, key, &provider)
            .map_err(IdentityRefused::KeyDoesNotFit)?;
        bundle.check().map_err(IdentityRefused::Bundle)?;
        let mut roots = RootCertStore::empty();
        for authority in &bundle.authorities {
            roots.add(authority.clone()).map_err(IdentityRefused::Authority)?;
        }
        let roots = Arc::new(roots);
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), provider)
            .build()
            .map_err(|error| IdentityRefused::Authorities(error.to_string()))?;
        Ok(Self { svid, own: Arc::new(own), roots, clients })
    }

    /// Whether nothing has changed.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.own.cert == other.own.cert && self.roots.roots == other.roots.roots
    }

    /// Who we are.
    pub(super) const fn id(&self) -> &SpiffeId {
        &self.svid.id
    }
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Material").field("svid", &self.svid).finish_non_exhaustive()
    }
}

/// The algorithms of every handshake.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
