//! TLS from PEM files, read again when they change.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum_server::tls_rustls::RustlsConfig;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use crate::config::TlsFiles;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// Longest PEM file, in bytes.
const PEM_BYTES_MAX: u64 = 1 << 20;

/// What the listeners speak, and the files that it was read from.
pub(super) struct Tls {
    files: TlsFiles,
    config: RustlsConfig,
    stamp: Stamp,
}

/// What of the files was last looked at: lengths and times of change.
type Stamp = [Option<(u64, SystemTime)>; 2];

impl Tls {
    /// Reads the files.
    pub(super) fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let stamp = stamp(files);
        let config = RustlsConfig::from_config(Arc::new(load(files)?));
        Ok(Self { files: files.clone(), config, stamp })
    }

    /// What new connections speak; it changes with the files.
    pub(super) fn config(&self) -> RustlsConfig {
        self.config.clone()
    }

    /// Reads the files again whenever they change, or SIGHUP comes. Files that cannot be used are
    /// said, and what was read before stays. Does not end.
    pub(super) async fn watch(mut self) {
        let mut beat = tokio::time::interval(LOOK);
        let mut hangup = signal(SignalKind::hangup()).ok();
        loop {
            let asked = async {
                match &mut hangup {
                    Some(hangup) => hangup.recv().await,
                    // Without the signal the beat alone decides.
                    None => std::future::pending().await,
                }
            };
            let must = tokio::select! {
                _ = beat.tick() => false,
                _ = asked => true,
            };
            let files = self.files.clone();
            let Ok(stamp) = tokio::task::spawn_blocking(move || stamp(&files)).await else {
                return;
            };
            if must || stamp != self.stamp {
                self.stamp = stamp;
                self.reload().await;
            }
        }
    }

    async fn reload(&self) {
        let files = self.files.clone();
        match tokio::task::spawn_blocking(move || load(&files)).await {
            Ok(Ok(config)) => {
                self.config.reload_from_config(Arc::new(config));
                info!(certificate = %self.files.certificate.display(), "read the certificate again");
            }
            Ok(Err(error)) => warn!(%error, "the certificate in use stays"),
            Err(error) => warn!(%error, "the certificate in use stays"),
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

fn stamp(files: &TlsFiles) -> Stamp {
    let of = |path: &Path| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.len(), found.modified().ok()?))
    };
    [of(&files.certificate), of(&files.key)]
}

fn load(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let TlsFiles { certificate, key } = files;
    let chain = CertificateDer::pem_slice_iter(&read(certificate)?).collect::<Result<Vec<_>, _>>();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| TlsError::NoCertificate(certificate.clone()))?;
    let private = PrivateKeyDer::from_pem_slice(&read(key)?);
    let private = private.map_err(|_| TlsError::NoKey(key.clone()))?;
    let unusable = |source| TlsError::Unusable { certificate: certificate.clone(), source };
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(unusable)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |source| TlsError::Unreadable { path: path.to_owned(), source };
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > PEM_BYTES_MAX {
        let text = format!("longer than {PEM_BYTES_MAX} bytes");
        return Err(unreadable(io::Error::other(text)));
    }
    std::fs::read(path).map_err(unreadable)
}

/// Certificate or key cannot be used. The owner of the files must act.
#[derive(Debug, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No certificate is in its file.
    #[error("{} holds no certificate in PEM", .0.display())]
    NoCertificate(PathBuf),
    /// No private key is in its file.
    #[error("{} holds no private key in PEM that is not encrypted", .0.display())]
    NoKey(PathBuf),
    /// They do not go together, or are of a kind that TLS does not take.
    #[error("certificate {} and its key cannot be used", certificate.display())]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}
