//! Whoever has come in with a certificate: judged by the handshake, and again whenever those who
//! are believed have changed, for as long as the connection lasts.

use std::{fmt, sync::Arc};

use arc_swap::{ArcSwap, ArcSwapOption};
use keyward_lifecycle::{spiffe::SpiffeId, time::Timestamp};
use rustls::pki_types::{CertificateDer, UnixTime};

use super::{
    Identity,
    material::Material,
    svid::{Svid, SvidRefused},
    verifier::Handshake,
};

/// A peer that has shown an X509-SVID of our trust domain. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Visitor(Arc<Inner>);

struct Inner {
    svid: Svid,
    /// As it was shown, the leaf first.
    chain: Vec<CertificateDer<'static>>,
    current: Arc<ArcSwap<Material>>,
    /// By what the chain was last found good.
    judged: ArcSwapOption<Material>,
}

impl Visitor {
    /// The peer that has shown `chain` in a handshake with `identity`; `None` for an empty one.
    ///
    /// # Errors
    /// [`SvidRefused`], which the handshake has said before.
    pub(crate) fn new(
        identity: &Identity,
        chain: &[CertificateDer<'_>],
    ) -> Result<Option<Self>, SvidRefused> {
        let Some(leaf) = chain.first() else { return Ok(None) };
        let svid = Svid::read(leaf)?;
        let chain = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
        let current = Arc::clone(&identity.current);
        Ok(Some(Self(Arc::new(Inner { svid, chain, current, judged: ArcSwapOption::empty() }))))
    }

    /// Whom its certificate names.
    pub(crate) fn id(&self) -> &SpiffeId {
        &self.0.svid.id
    }

    /// Whether its certificate is still valid at `now`, and still of those who are believed.
    pub(crate) fn stands(&self, now: Timestamp) -> bool {
        let Inner { svid, chain, current, judged } = &*self.0;
        if svid.expires <= now {
            return false;
        }
        let material = current.load_full();
        if judged.load().as_ref().is_some_and(|known| Arc::ptr_eq(known, &material)) {
            return true;
        }
        let Some((leaf, intermediates)) = chain.split_first() else { return false };
        let judge = Handshake::visitors(current);
        let good = judge.judge_client(&material, (leaf, intermediates), UnixTime::now()).is_ok();
        if good {
            judged.store(Some(material));
        }
        good
    }
}

impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Visitor").field(self.id()).finish()
    }
}
