//! Who comes in: a handshake, and the SPIFFE ID that it proved on every request.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
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
        Self { tls, permits: Arc::new(Semaphore::new(CONNECTIONS_MAX)) }
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
            let room = permits.acquire_owned().await.map_err(io::Error::other)?;
            let from = stream.peer_addr()?;
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
