//! Who comes in: a handshake, and the SPIFFE ID that it proved on every request.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::http::Request;
use axum_server::{accept::Accept, tls_rustls::RustlsAcceptor};
use keyward_lifecycle::spiffe::SpiffeId;
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_rustls::server::TlsStream;
use tower::Service;
use tracing::warn;

use crate::mtls::{said, svid::Svid};

/// Most connections at once: a keeper has few callers, and each asks once and goes.
const CONNECTIONS_MAX: usize = 256;
/// How long a handshake may take: until it is over, nobody knows who holds the connection.
const HANDSHAKE_MAX: Duration = Duration::from_secs(2);

/// Who calls, as the handshake proved.
#[derive(Clone, Debug)]
pub(super) struct Caller(pub(super) SpiffeId);

/// The keeper's door.
#[derive(Clone, Debug)]
pub(super) struct PeerDoor {
    tls: RustlsAcceptor,
    permits: Arc<Semaphore>,
}

impl PeerDoor {
    pub(super) fn new(tls: RustlsAcceptor) -> Self {
        Self::with(tls, CONNECTIONS_MAX, HANDSHAKE_MAX)
    }

    fn with(tls: RustlsAcceptor, connections: usize, handshake: Duration) -> Self {
        let tls = tls.handshake_timeout(handshake);
        Self { tls, permits: Arc::new(Semaphore::new(connections)) }
    }
}

type Opened<S> = Pin<Box<dyn Future<Output = io::Result<(TlsStream<TcpStream>, Named<S>)>> + Send>>;

impl<S: Send + 'static> Accept<TcpStream, S> for PeerDoor {
    type Stream = TlsStream<TcpStream>;
    type Service = Named<S>;
    type Future = Opened<S>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let Self { tls, permits } = self.clone();
        Box::pin(async move {
            let from = stream.peer_addr()?;
            // Who would wait here would wait behind callers that are not known yet.
            let room = permits.try_acquire_owned().map_err(|error| {
                warn!(%from, "a caller was turned away: there is no room for another connection");
                io::Error::other(error)
            })?;
            stream.set_nodelay(true)?;
            let (stream, service) = tls.accept(stream, service).await.inspect_err(|error| {
                let error = said(error);
                warn!(%from, error, "a caller was turned away");
            })?;
            let (_, connection) = stream.get_ref();
            let leaf = connection.peer_certificates().and_then(<[_]>::first);
            // The handshake has read the very same certificate.
            let leaf = leaf.ok_or_else(|| io::Error::other("a caller without a certificate"))?;
            let Svid { id, expires: _ } = Svid::read(leaf).map_err(io::Error::other)?;
            Ok((stream, Named { inner: service, caller: Caller(id), _room: Arc::new(room) }))
        })
    }
}

/// A connection's service, which says on every request who calls.
#[derive(Clone, Debug)]
pub(super) struct Named<S> {
    inner: S,
    caller: Caller,
    _room: Arc<OwnedSemaphorePermit>,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Named<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        request.extensions_mut().insert(self.caller.clone());
        self.inner.call(request)
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use axum_server::tls_rustls::RustlsConfig;
    use rustls::{
        ServerConfig,
        crypto::aws_lc_rs::default_provider,
        server::{ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
    };
    use tokio::net::TcpListener;

    use super::*;

    #[derive(Debug)]
    struct Nobody;

    impl ResolvesServerCert for Nobody {
        fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            None
        }
    }

    /// What becomes of a caller who connects and then says nothing.
    async fn silent(connections: usize) -> ErrorKind {
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let config = config.with_safe_default_protocol_versions().expect("versions");
        let config = config.with_no_client_auth().with_cert_resolver(Arc::new(Nobody));
        let tls = RustlsAcceptor::new(RustlsConfig::from_config(Arc::new(config)));
        let door = PeerDoor::with(tls, connections, Duration::from_millis(1));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let _caller = TcpStream::connect(address).await.expect("connected");
        let (stream, _) = listener.accept().await.expect("a caller");
        let outcome = door.accept(stream, ()).await;
        assert_eq!(door.permits.available_permits(), connections, "the room is free again");
        outcome.map(drop).expect_err("nobody came in").kind()
    }

    #[tokio::test]
    async fn a_caller_who_says_nothing_holds_room_for_a_moment_only() {
        assert_eq!(silent(1).await, ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn nobody_waits_where_there_is_no_room() {
        assert_eq!(silent(0).await, ErrorKind::Other);
    }
}
