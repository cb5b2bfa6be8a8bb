//! Who comes in: every request is marked with where its connection comes from.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::http::Request;
use axum_server::{accept::Accept, tls_rustls::RustlsAcceptor};
use tokio::{
    net::{TcpStream, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_rustls::server::TlsStream;
use tower::Service;
use tracing::warn;

use crate::{
    identity::{Peer, Shown},
    mtls::{Visitor, said},
    serve::Clients,
};

/// Most connections at once, over all listeners.
const CONNECTIONS_MAX: usize = 4096;

/// Room for connections.
pub(super) type Permits = Arc<Semaphore>;

/// Room for [`CONNECTIONS_MAX`] connections.
pub(super) fn permits() -> Permits {
    Arc::new(Semaphore::new(CONNECTIONS_MAX))
}

/// The Unix socket's door: it asks the kernel who is there.
#[derive(Clone, Debug)]
pub(super) struct SocketDoor {
    owner: u32,
    permits: Permits,
}

/// A TCP door.
#[derive(Clone, Debug)]
pub(super) struct TcpDoor {
    peer: Peer,
    permits: Permits,
}

impl SocketDoor {
    pub(super) const fn new(owner: u32, permits: Permits) -> Self {
        Self { owner, permits }
    }
}

impl TcpDoor {
    /// Of a plain listener, which is on loopback.
    pub(super) const fn loopback(permits: Permits) -> Self {
        Self { peer: Peer::Loopback, permits }
    }

    /// Of a TLS listener.
    pub(super) const fn remote(permits: Permits) -> Self {
        Self { peer: Peer::Remote, permits }
    }
}

type Opened<I, S> = Pin<Box<dyn Future<Output = io::Result<(I, Marked<S>)>> + Send>>;

impl<S: Send + 'static> Accept<UnixStream, S> for SocketDoor {
    type Stream = UnixStream;
    type Service = Marked<S>;
    type Future = Opened<UnixStream, S>;

    fn accept(&self, stream: UnixStream, service: S) -> Self::Future {
        let Self { owner, permits } = self.clone();
        Box::pin(async move {
            let uid = stream.peer_cred()?.uid();
            let marked = Marked::new(service, Peer::Socket { uid, owner }, permits).await?;
            Ok((stream, marked))
        })
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for TcpDoor {
    type Stream = TcpStream;
    type Service = Marked<S>;
    type Future = Opened<TcpStream, S>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let Self { peer, permits } = self.clone();
        Box::pin(async move {
            // An answer goes out at once.
            stream.set_nodelay(true)?;
            Ok((stream, Marked::new(service, peer, permits).await?))
        })
    }
}

/// The door of a TLS listener that asks for certificates: it takes who shows none, too.
#[derive(Clone, Debug)]
pub(super) struct VisitorDoor {
    tls: RustlsAcceptor<TcpDoor>,
    clients: Clients,
}

impl VisitorDoor {
    pub(super) const fn new(tls: RustlsAcceptor<TcpDoor>, clients: Clients) -> Self {
        Self { tls, clients }
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for VisitorDoor {
    type Stream = TlsStream<TcpStream>;
    type Service = Marked<S>;
    type Future = Opened<TlsStream<TcpStream>, S>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let Self { tls, clients: Clients { identity, operators } } = self.clone();
        Box::pin(async move {
            let from = stream.peer_addr()?;
            let (stream, mut service) = tls.accept(stream, service).await.inspect_err(|error| {
                if is_about_certificate(error) {
                    let error = said(error);
                    warn!(%from, error, "a caller's certificate was refused");
                }
            })?;
            let (_, connection) = stream.get_ref();
            let chain = connection.peer_certificates().unwrap_or_default();
            let visitor = Visitor::new(&identity, chain).map_err(io::Error::other)?;
            service.shown = visitor.map(|visitor| Shown { visitor, operators });
            Ok((stream, service))
        })
    }
}

/// Whether a handshake failed by what the caller has shown, and not by how he speaks.
fn is_about_certificate(error: &io::Error) -> bool {
    let source = error.get_ref().and_then(|source| source.downcast_ref::<rustls::Error>());
    matches!(source, Some(rustls::Error::InvalidCertificate(_)))
}

/// A connection's service, which marks its requests.
#[derive(Clone, Debug)]
pub(super) struct Marked<S> {
    inner: S,
    peer: Peer,
    shown: Option<Shown>,
    _room: Arc<OwnedSemaphorePermit>,
}

impl<S> Marked<S> {
    async fn new(inner: S, peer: Peer, permits: Permits) -> io::Result<Self> {
        let room = permits.acquire_owned().await.map_err(io::Error::other)?;
        Ok(Self { inner, peer, shown: None, _room: Arc::new(room) })
    }
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Marked<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        request.extensions_mut().insert(self.peer);
        if let Some(shown) = &self.shown {
            request.extensions_mut().insert(shown.clone());
        }
        self.inner.call(request)
    }
}
