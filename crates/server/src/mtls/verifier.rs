//! The handshake: who we are, and whether we believe who the peer is.
//!
//! A certificate is judged in TLS 1.3 alone, without resumption: whoever comes is judged anew with
//! the certificates and authorities of that moment.

use std::sync::Arc;

use arc_swap::ArcSwap;
use keyward_lifecycle::spiffe::SpiffeId;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, OtherError,
    ServerConfig, SignatureScheme,
    client::{
        ResolvesClientCert, Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor,
    },
    crypto::verify_tls13_signature,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::{
        ClientHello, NoServerSessionStorage, ParsedCertificate, ResolvesServerCert,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
    version::TLS13,
};

use super::{
    Role,
    material::{Material, provider},
    svid::{Svid, SvidRefused},
};

/// One identity's part in a handshake.
#[derive(Debug, Clone)]
pub(super) struct Handshake {
    current: Arc<ArcSwap<Material>>,
    /// The one role that is let in; `None` for everybody of the trust domain.
    only: Option<Role>,
    client: ClientCertificate,
}

/// Whether a client must show a certificate; one that is shown must be good in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientCertificate {
    Must,
    May,
}

/// Why a peer is not let in. Whoever issues certificates must act.
#[derive(Debug, thiserror::Error)]
enum PeerRefused {
    #[error(transparent)]
    Svid(#[from] SvidRefused),
    #[error("the peer is {0}, of another trust domain")]
    TrustDomain(SpiffeId),
    #[error("the peer is {found}, not one of {role}")]
    Role { found: SpiffeId, role: Role },
}

impl Handshake {
    /// For listeners: everybody of the trust domain may come in, and routes decide further.
    pub(super) fn server(current: &Arc<ArcSwap<Material>>) -> Result<ServerConfig, Error> {
        let client = ClientCertificate::Must;
        let own = Arc::new(Self { current: Arc::clone(current), only: None, client });
        let verifier = Arc::clone(&own);
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(own);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    /// For listeners that know callers otherwise as well: whoever shows a certificate must be of
    /// the trust domain, and whoever shows none is let in.
    pub(super) fn visitors(current: &Arc<ArcSwap<Material>>) -> Arc<Self> {
        let client = ClientCertificate::May;
        Arc::new(Self { current: Arc::clone(current), only: None, client })
    }

    /// For calls to a workload in `role`, wherever it is: addresses and DNS names prove nothing.
    pub(super) fn client(
        current: &Arc<ArcSwap<Material>>,
        role: Role,
    ) -> Result<ClientConfig, Error> {
        let client = ClientCertificate::Must;
        let own = Arc::new(Self { current: Arc::clone(current), only: Some(role), client });
        let verifier = Arc::clone(&own);
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_cert_resolver(own);
        config.resumption = Resumption::disabled();
        config.enable_sni = false;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Whether a client's certificate is good by what is believed in `material`.
    pub(super) fn judge_client(
        &self,
        material: &Material,
        (leaf, intermediates): (&CertificateDer<'_>, &[CertificateDer<'_>]),
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = material.clients.verify_client_cert(leaf, intermediates, now)?;
        self.admit(material, leaf)?;
        Ok(verified)
    }

    /// Whether a certificate, whose chain is good, names a peer that is let in.
    fn admit(&self, material: &Material, leaf: &CertificateDer<'_>) -> Result<(), Error> {
        self.judge(material, leaf).map_err(|refused| {
            let refused = OtherError(Arc::new(refused));
            Error::InvalidCertificate(CertificateError::Other(refused))
        })
    }

    fn judge(&self, material: &Material, leaf: &CertificateDer<'_>) -> Result<(), PeerRefused> {
        let Svid { id, expires: _ } = Svid::read(leaf)?;
        if id.trust_domain() != material.id().trust_domain() {
            return Err(PeerRefused::TrustDomain(id));
        }
        match self.only {
            Some(role) if Role::of(&id) != Some(role) => Err(PeerRefused::Role { found: id, role }),
            Some(_) | None => Ok(()),
        }
    }
}

impl ClientCertVerifier for Handshake {
    fn client_auth_mandatory(&self) -> bool {
        self.client == ClientCertificate::Must
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // The authorities change while we run; a client has one certificate to show anyway.
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.judge_client(&self.current.load(), (leaf, intermediates), now)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = provider().signature_verification_algorithms;
        verify_tls13_signature(message, leaf, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

impl ServerCertVerifier for Handshake {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let material = self.current.load();
        let parsed = ParsedCertificate::try_from(leaf)?;
        let algorithms = provider().signature_verification_algorithms.all;
        let roots = &material.roots;
        verify_server_cert_signed_by_trust_anchor(&parsed, roots, intermediates, now, algorithms)?;
        self.admit(&material, leaf)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        ClientCertVerifier::verify_tls13_signature(self, message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ClientCertVerifier::supported_verify_schemes(self)
    }
}

impl ResolvesServerCert for Handshake {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.load().own))
    }
}

impl ResolvesClientCert for Handshake {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.load().own))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn no_tls12() -> Error {
    Error::General("TLS 1.2 is not spoken".to_owned())
}
