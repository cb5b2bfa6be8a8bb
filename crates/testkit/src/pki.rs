//! An authority of a trust domain, and the certificates that it gives: X509-SVIDs in PEM.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

pub use rcgen::KeyUsagePurpose as KeyUsage;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    SanType, date_time_ymd,
};

/// An authority.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "what an authority gives")]
pub struct Given {
    /// The certificate in PEM.
    pub certificate: String,
    /// The certificate in DER.
    pub certificate_der: Vec<u8>,
    /// The key in PEM.
    pub key: String,
    /// The key in DER, as PKCS #8.
    pub key_der: Vec<u8>,
}

/// Files of a certificate, its key and those who are believed.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "three files")]
pub struct Files {
    /// The certificate's.
    pub certificate: PathBuf,
    /// The key's.
    pub key: PathBuf,
    /// The authorities'.
    pub bundle: PathBuf,
}

impl Authority {
    /// A fresh one, whose name says nothing: SPIFFE IDs stand in what it gives.
    ///
    /// # Panics
    /// If there is no randomness.
    #[expect(clippy::expect_used, reason = "tests")]
    #[must_use]
    pub fn new() -> Self {
        let mut terms = CertificateParams::new(Vec::new()).expect("terms");
        terms.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        terms.key_usages = vec![KeyUsage::KeyCertSign, KeyUsage::CrlSign];
        let key = KeyPair::generate().expect("a key");
        Self { issuer: CertifiedIssuer::self_signed(terms, key).expect("a certificate") }
    }

    /// Its own certificate in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Its own certificate in DER.
    #[must_use]
    pub fn der(&self) -> Vec<u8> {
        self.issuer.der().to_vec()
    }

    /// A certificate for `id`.
    #[must_use]
    pub fn gives(&self, id: &str) -> Given {
        self.gives_with(id, |_| ())
    }

    /// A certificate for `id` that was valid in 2020.
    #[must_use]
    pub fn gave(&self, id: &str) -> Given {
        self.gives_with(id, |terms| {
            terms.not_before = date_time_ymd(2020, 1, 1);
            terms.not_after = date_time_ymd(2020, 12, 31);
        })
    }

    /// A certificate for `id` on terms of one's own.
    ///
    /// # Panics
    /// If the terms cannot be met.
    #[expect(clippy::expect_used, reason = "tests")]
    #[must_use]
    pub fn gives_with(&self, id: &str, change: impl FnOnce(&mut CertificateParams)) -> Given {
        let mut terms = CertificateParams::new(Vec::new()).expect("terms");
        terms.subject_alt_names = vec![SanType::URI(id.try_into().expect("a URI"))];
        terms.is_ca = IsCa::ExplicitNoCa;
        terms.key_usages = vec![KeyUsage::DigitalSignature];
        terms.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut terms);
        let key = KeyPair::generate().expect("a key");
        let certificate = terms.signed_by(&key, &self.issuer).expect("a certificate");
        Given {
            certificate: certificate.pem(),
            certificate_der: certificate.der().to_vec(),
            key: key.serialize_pem(),
            key_der: key.serialize_der(),
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority(..)")
    }
}

impl Given {
    /// Writes `NAME.crt`, `NAME.key` and `NAME.ca` into a directory, the key last, as a renewal
    /// does. Those who are believed are `authority`'s.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, folder: &Path, name: &str, authority: &Authority) -> io::Result<Files> {
        let path = |end: &str| folder.join(format!("{name}.{end}"));
        let files = Files { certificate: path("crt"), key: path("key"), bundle: path("ca") };
        put(&files.bundle, &authority.pem())?;
        put(&files.certificate, &self.certificate)?;
        put(&files.key, &self.key)?;
        Ok(files)
    }
}

#[expect(clippy::disallowed_methods, reason = "nobody relies on what a test writes")]
fn put(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)
}
