//! The keeper over HTTP: the process that holds shares, and the server's way to it (RK-050).
//!
//! Everything is mutual TLS with SPIFFE IDs in both directions ([`crate::mtls`]), and a
//! connection carries one request: whoever calls is judged anew each time. `door.rs` asks who is
//! there, `route.rs` has the routes with those who may call them, `wire.rs` the documents
//! (`docs/format/keeper.md`), `client.rs` the server's side. The rules are in
//! [`keyward::keeper`].

mod client;
mod door;
mod route;
mod wire;

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use axum_server::{
    Handle,
    tls_rustls::{RustlsAcceptor, RustlsConfig},
};
use hyper_util::{
    rt::{TokioExecutor, TokioTimer},
    server::conn::auto::Builder,
};
use keyward::keeper::Keeper;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

pub use self::client::{ANSWER_BYTES_MAX, CALL_MAX, HttpLink};
use self::door::PeerDoor;
use crate::mtls::{Identity, IdentityRefused};

/// How long requests that are at work may take after a stop was asked for.
const GRACE: Duration = Duration::from_secs(2);
/// How long the head of a request may take to come.
const HEAD_MAX: Duration = Duration::from_secs(5);
/// Longest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Serves `keeper` on `listen` until SIGTERM or SIGINT, and tells `ready` the address. The
/// identity is kept current meanwhile; SIGHUP has its files read again.
///
/// # Errors
/// [`KeeperFailed`].
pub async fn serve(
    identity: Identity,
    keeper: Arc<Keeper>,
    listen: SocketAddr,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), KeeperFailed> {
    let mut terminate = signal(SignalKind::terminate()).map_err(KeeperFailed::Start)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(KeeperFailed::Start)?;
    // Also where nobody reads files again, it must not end the process.
    let _hangup = signal(SignalKind::hangup()).map_err(KeeperFailed::Start)?;
    let config = RustlsConfig::from_config(Arc::new(identity.server_config()?));
    let failed = |source| KeeperFailed::Listen { address: listen, source };
    let listener = TcpListener::bind(listen).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    ready(listener.local_addr().map_err(failed)?);
    let handle = Handle::new();
    let mut server = axum_server::from_tcp(listener).map_err(failed)?.handle(handle.clone());
    let mut http = Builder::new(TokioExecutor::new()).http1_only();
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .keep_alive(false);
    *server.http_builder() = http;
    let server = server.acceptor(PeerDoor::new(RustlsAcceptor::new(config)));
    let watch = tokio::spawn(identity.watch());
    let served = server.serve(route::router(keeper).into_make_service());
    let mut served = std::pin::pin!(served);
    let ended = tokio::select! {
        ended = &mut served => Some(ended),
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
    };
    handle.graceful_shutdown(Some(GRACE));
    let outcome = match ended {
        Some(ended) => ended,
        None => served.await,
    };
    watch.abort();
    info!("stopped; the shares are wiped");
    outcome.map_err(KeeperFailed::Stopped)
}

/// The keeper did not start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum KeeperFailed {
    /// There is no identity to speak with.
    #[error(transparent)]
    Identity(#[from] IdentityRefused),
    /// The address cannot be had.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// No signal handler is to be had.
    #[error("the keeper cannot start")]
    Start(#[source] io::Error),
    /// The listener failed.
    #[error("the keeper has stopped")]
    Stopped(#[source] io::Error),
}
