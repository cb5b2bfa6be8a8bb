//! X509-SVIDs: what a certificate must be to say who a workload is (X509-SVID sections 2 to 4).

use std::io;

use keyward_lifecycle::{
    spiffe::{MalformedSpiffeId, SpiffeId},
    time::Timestamp,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use x509_parser::{
    certificate::X509Certificate, extensions::GeneralName, prelude::FromDer as _, x509::X509Version,
};

/// Most certificates in a chain or in a bundle.
pub const CERTIFICATES_MAX: usize = 64;

/// What a leaf certificate says. That somebody who is believed has signed it is not part of it:
/// the handshake decides that.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what is read of a certificate")]
pub struct Svid {
    /// Whom it names.
    pub id: SpiffeId,
    /// The first second at which it is no longer valid.
    pub expires: Timestamp,
}

impl Svid {
    /// Reads a leaf certificate in DER.
    ///
    /// # Errors
    /// [`SvidRefused`] says which rule of the standard it breaks.
    pub fn read(der: &[u8]) -> Result<Self, SvidRefused> {
        let certificate = certificate(der)?;
        let id = name(&certificate)?;
        // X509-SVID section 2: a leaf names a workload, which has a path.
        if id.path().is_empty() {
            return Err(SvidRefused::NoPath(id));
        }
        // Sections 4.1 and 4.3: a leaf is no authority, and its key signs handshakes alone.
        let constraints = certificate.basic_constraints().map_err(|_| SvidRefused::NotX509)?;
        if constraints.is_some_and(|constraints| constraints.value.ca) {
            return Err(SvidRefused::LeafIsAuthority);
        }
        let usage = certificate.key_usage().map_err(|_| SvidRefused::NotX509)?;
        let usage = usage.ok_or(SvidRefused::NoKeyUsage)?;
        if !usage.critical {
            return Err(SvidRefused::KeyUsageNotCritical);
        }
        if !usage.value.digital_signature() {
            return Err(SvidRefused::NoDigitalSignature);
        }
        if usage.value.key_cert_sign() || usage.value.crl_sign() {
            return Err(SvidRefused::LeafSigns);
        }
        let not_after = certificate.validity().not_after.timestamp();
        Ok(Self { id, expires: Timestamp::from_seconds(not_after).plus_seconds(1) })
    }
}

/// An X509-SVID with the certificates that lead to it, its own first.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "what a chain is")]
pub struct Chain {
    /// What the first certificate says.
    pub svid: Svid,
    /// All of them.
    pub certificates: Vec<CertificateDer<'static>>,
}

impl Chain {
    /// Reads the certificates of a text in PEM; what else is in it is passed over.
    ///
    /// # Errors
    /// [`SvidRefused`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, SvidRefused> {
        Self::new(certificates(pem)?)
    }

    /// Reads certificates in DER.
    ///
    /// # Errors
    /// [`SvidRefused`].
    pub fn new(certificates: Vec<CertificateDer<'static>>) -> Result<Self, SvidRefused> {
        let (leaf, signers) = certificates.split_first().ok_or(SvidRefused::NoCertificate)?;
        let svid = Svid::read(leaf)?;
        for signer in signers {
            authority(signer)?;
        }
        Ok(Self { svid, certificates })
    }
}

/// The authorities of a trust domain.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "what a bundle is")]
pub struct Bundle {
    /// Their certificates.
    pub authorities: Vec<CertificateDer<'static>>,
}

impl Bundle {
    /// Reads the certificates of a text in PEM; what else is in it is passed over.
    ///
    /// # Errors
    /// [`SvidRefused`]; a bundle without a certificate would believe nobody, and is refused.
    pub fn from_pem(pem: &[u8]) -> Result<Self, SvidRefused> {
        Self::new(certificates(pem)?)
    }

    /// Reads certificates in DER.
    ///
    /// # Errors
    /// As [`Self::from_pem`].
    pub fn new(authorities: Vec<CertificateDer<'static>>) -> Result<Self, SvidRefused> {
        if authorities.is_empty() {
            return Err(SvidRefused::NoCertificate);
        }
        for authority in &authorities {
            whole(authority)?;
        }
        Ok(Self { authorities })
    }

    /// Checks that each of them may sign others: in a bundle that is used, the certificate of a
    /// workload would make that workload an authority.
    ///
    /// # Errors
    /// [`SvidRefused`].
    pub fn check(&self) -> Result<(), SvidRefused> {
        self.authorities.iter().try_for_each(|certificate| authority(certificate))
    }
}

/// Reads the private key of a text in PEM: PKCS #8, SEC1 or PKCS #1, unencrypted.
///
/// # Errors
/// [`SvidRefused::NoKey`].
pub fn key_from_pem(pem: &[u8]) -> Result<PrivateKeyDer<'static>, SvidRefused> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| SvidRefused::NoKey)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, SvidRefused> {
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        found.push(certificate.map_err(|error| SvidRefused::NotPem(io::Error::other(error)))?);
        if found.len() > CERTIFICATES_MAX {
            return Err(SvidRefused::TooMany);
        }
    }
    if found.is_empty() {
        return Err(SvidRefused::NoCertificate);
    }
    Ok(found)
}

fn certificate(der: &[u8]) -> Result<X509Certificate<'_>, SvidRefused> {
    let certificate = whole(der)?;
    let is_v3 = certificate.version() == X509Version::V3;
    if is_v3 { Ok(certificate) } else { Err(SvidRefused::NotX509) }
}

/// A certificate with nothing after it, of any version.
fn whole(der: &[u8]) -> Result<X509Certificate<'_>, SvidRefused> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) | Err(_) => Err(SvidRefused::NotX509),
    }
}

/// X509-SVID section 2: exactly one URI among the alternative names, and it is a SPIFFE ID.
fn name(certificate: &X509Certificate<'_>) -> Result<SpiffeId, SvidRefused> {
    let names = certificate.subject_alternative_name().map_err(|_| SvidRefused::NotX509)?;
    let names = names.ok_or(SvidRefused::NoName)?;
    let mut uris = names.value.general_names.iter().filter_map(|name| {
        let GeneralName::URI(uri) = name else { return None };
        Some(*uri)
    });
    let (first, second) = (uris.next(), uris.next());
    match (first, second) {
        (None, _) => Err(SvidRefused::NoName),
        (Some(_), Some(_)) => Err(SvidRefused::TwoNames),
        (Some(uri), None) => SpiffeId::parse(uri).map_err(SvidRefused::Name),
    }
}

/// X509-SVID sections 2, 4.1 and 4.3: what a signing certificate must be.
fn authority(der: &[u8]) -> Result<(), SvidRefused> {
    let certificate = certificate(der)?;
    let constraints = certificate.basic_constraints().map_err(|_| SvidRefused::NotX509)?;
    if !constraints.is_some_and(|constraints| constraints.value.ca) {
        return Err(SvidRefused::SignerNoAuthority);
    }
    let usage = certificate.key_usage().map_err(|_| SvidRefused::NotX509)?;
    // Roots that were made for other purposes leave it out.
    if usage.is_some_and(|usage| !usage.value.key_cert_sign()) {
        return Err(SvidRefused::SignerNoAuthority);
    }
    match name(&certificate) {
        Err(SvidRefused::NoName) => Ok(()),
        Ok(id) if id.path().is_empty() => Ok(()),
        Ok(id) => Err(SvidRefused::SignerHasPath(id)),
        Err(refused) => Err(refused),
    }
}

/// A certificate, chain, bundle or key that X509-SVID does not allow. Its issuer must act.
#[derive(Debug, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "the rules of the standard")]
pub enum SvidRefused {
    /// There is no certificate.
    #[error("there is no certificate in PEM")]
    NoCertificate,
    /// A section of the text is not PEM.
    #[error("not PEM")]
    NotPem(#[source] io::Error),
    /// More than [`CERTIFICATES_MAX`].
    #[error("more than {CERTIFICATES_MAX} certificates")]
    TooMany,
    /// There is no private key, or it is encrypted.
    #[error("there is no private key in PEM that is not encrypted")]
    NoKey,
    /// The bytes are no X.509 certificate of version 3, or an extension is malformed or doubled.
    #[error("not an X.509 certificate of version 3")]
    NotX509,
    /// No URI is among the alternative names.
    #[error("the certificate has no SPIFFE ID: no URI is among its alternative names")]
    NoName,
    /// More than one URI is among them.
    #[error("the certificate has more than one URI among its alternative names")]
    TwoNames,
    /// The URI is no SPIFFE ID.
    #[error("the certificate's URI is no SPIFFE ID")]
    Name(#[source] MalformedSpiffeId),
    /// A leaf names the trust domain itself.
    #[error("{0} names a trust domain, not a workload")]
    NoPath(SpiffeId),
    /// A leaf is an authority.
    #[error("the certificate of a workload must not be an authority's")]
    LeafIsAuthority,
    /// A leaf does not say what its key is for.
    #[error("the certificate does not say what its key is for (key usage)")]
    NoKeyUsage,
    /// The key usage is not marked as critical.
    #[error("the certificate's key usage is not critical")]
    KeyUsageNotCritical,
    /// The key must not sign handshakes.
    #[error("the certificate's key usage lacks digitalSignature")]
    NoDigitalSignature,
    /// The key may sign certificates or revocation lists.
    #[error("the key of a workload must not sign certificates or revocation lists")]
    LeafSigns,
    /// A signing certificate is not one of an authority.
    #[error("a certificate that signs others is not an authority's")]
    SignerNoAuthority,
    /// A signing certificate names a workload.
    #[error("{0} names a workload, and its certificate signs others")]
    SignerHasPath(SpiffeId),
}
