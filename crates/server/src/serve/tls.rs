//! TLS from PEM files or from this process's identity, read again when they change.

use std::{
    fmt, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum_server::tls_rustls::RustlsConfig;
use rustls::{
    ConfigBuilder, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{NoServerSessionStorage, WantsServerCert},
};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use super::Clients;
use crate::{config::TlsFiles, mtls::Identity};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// Longest PEM file, in bytes.
const PEM_BYTES_MAX: u64 = 1 << 20;

/// What the listeners speak, and where it comes from.
pub(super) struct Tls {
    files: Option<(TlsFiles, Stamp)>,
    clients: Option<Clients>,
    config: RustlsConfig,
}

/// What of the files was last looked at: lengths and times of change.
type Stamp = [Option<(u64, u64, SystemTime)>; 2];

impl Tls {
    /// TLS with the certificate of the files, or of the identity when there are none; nothing
    /// when there is neither.
    pub(super) fn of(
        files: Option<&TlsFiles>,
        clients: Option<&Clients>,
    ) -> Result<Option<Self>, TlsError> {
        let identity = clients.map(|clients| &clients.identity);
        let (config, files) = match (files, identity) {
            (Some(files), _) => {
                let stamp = stamp(files);
                (load(files, identity)?, Some((files.clone(), stamp)))
            }
            (None, Some(identity)) => (own(identity)?, None),
            (None, None) => return Ok(None),
        };
        let config = RustlsConfig::from_config(Arc::new(config));
        Ok(Some(Self { files, clients: clients.cloned(), config }))
    }

    /// What new connections speak; it changes with the files.
    pub(super) fn config(&self) -> RustlsConfig {
        self.config.clone()
    }

    /// Callers that come with certificates, if any do.
    pub(super) const fn clients(&self) -> Option<&Clients> {
        self.clients.as_ref()
    }

    /// Keeps files and identity current. Does not end.
    pub(super) async fn watch(self) {
        let Self { files, clients, config } = self;
        let identity = clients.map(|clients| clients.identity);
        // Also where nobody reads files again, it must not end the process.
        let _hangup = signal(SignalKind::hangup());
        let renewed = async {
            if let Some(identity) = identity.clone() {
                identity.watch().await;
            }
        };
        let read_again = async {
            if let Some(files) = files {
                watch(files, identity.as_ref(), &config).await;
            }
        };
        tokio::join!(renewed, read_again);
    }
}

/// Reads the files again whenever they change, or SIGHUP comes. Files that cannot be used are
/// said, and what was read before stays. Does not end.
async fn watch(
    (files, mut seen): (TlsFiles, Stamp),
    identity: Option<&Identity>,
    config: &RustlsConfig,
) {
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
        let look = files.clone();
        let Ok(stamp) = tokio::task::spawn_blocking(move || stamp(&look)).await else {
            return;
        };
        if must || stamp != seen {
            seen = stamp;
            reload(&files, identity, config).await;
        }
    }
}

async fn reload(files: &TlsFiles, identity: Option<&Identity>, config: &RustlsConfig) {
    let (look, identity) = (files.clone(), identity.cloned());
    match tokio::task::spawn_blocking(move || load(&look, identity.as_ref())).await {
        Ok(Ok(read)) => {
            config.reload_from_config(Arc::new(read));
            info!(certificate = %files.certificate.display(), "read the certificate again");
        }
        Ok(Err(error)) => warn!(%error, "the certificate in use stays"),
        Err(error) => warn!(%error, "the certificate in use stays"),
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { files, clients, config: _ } = self;
        let mut tls = f.debug_struct("Tls");
        tls.field("files", files).field("clients", clients).finish_non_exhaustive()
    }
}

fn stamp(files: &TlsFiles) -> Stamp {
    let of = |path: &Path| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.ino(), found.len(), found.modified().ok()?))
    };
    [of(&files.certificate), of(&files.key)]
}

fn load(files: &TlsFiles, identity: Option<&Identity>) -> Result<ServerConfig, TlsError> {
    let TlsFiles { certificate, key } = files;
    let chain = CertificateDer::pem_slice_iter(&read(certificate)?).collect::<Result<Vec<_>, _>>();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| TlsError::NoCertificate(certificate.clone()))?;
    let private = PrivateKeyDer::from_pem_slice(&read(key)?);
    let private = private.map_err(|_| TlsError::NoKey(key.clone()))?;
    let unusable = |source| TlsError::Unusable { certificate: certificate.clone(), source };
    let config = asking(identity)?.with_single_cert(chain, private).map_err(unusable)?;
    Ok(finished(config, identity))
}

/// TLS with the certificate of the identity, whichever it is at the moment.
fn own(identity: &Identity) -> Result<ServerConfig, TlsError> {
    let config = asking(Some(identity))?.with_cert_resolver(identity.own_certificate());
    Ok(finished(config, Some(identity)))
}

/// With an identity, callers are asked for certificates, and may show none.
fn asking(
    identity: Option<&Identity>,
) -> Result<ConfigBuilder<ServerConfig, WantsServerCert>, TlsError> {
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::NoAlgorithms)?;
    Ok(match identity {
        Some(identity) => builder.with_client_cert_verifier(identity.visitors()),
        None => builder.with_no_client_auth(),
    })
}

fn finished(mut config: ServerConfig, identity: Option<&Identity>) -> ServerConfig {
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    if identity.is_some() {
        // A session that is taken up again would not be judged again.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    config
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

/// Certificate or key cannot be used. The owner of the files must act, unless it is said
/// otherwise.
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
    /// The algorithms at hand do not do TLS: a fault of this program.
    #[error("TLS cannot be spoken; this is a fault of the program")]
    NoAlgorithms(#[source] rustls::Error),
}
