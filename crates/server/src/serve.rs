//! Listeners, and the way down.
//!
//! Plain HTTP is spoken on the Unix socket and on loopback only; everything else needs TLS.

mod door;
mod tls;

use std::{
    future::Future,
    io,
    net::{SocketAddr, TcpListener},
    os::unix::{
        fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use axum_server::{Handle, Server, tls_rustls::RustlsAcceptor};
use hyper_util::rt::TokioTimer;
use keyward::Keyward;
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};
use tracing::{error, info};

use self::{
    door::{SocketDoor, TcpDoor, VisitorDoor, permits},
    tls::Tls,
};
use crate::{config::TlsFiles, identity::Operators, mtls::Identity, router::Setup, worker::Worker};

pub use self::tls::TlsError;

/// How long requests that are at work may take after a stop was asked for.
const GRACE: Duration = Duration::from_secs(10);
/// How long the head of a request may take to come.
const HEAD_MAX: Duration = Duration::from_secs(15);
/// Longest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Most HTTP/2 requests at once on a connection.
const STREAMS_MAX: u32 = 128;

/// Where to listen, and how.
#[derive(Debug, Clone, Default)]
#[expect(clippy::exhaustive_structs, reason = "whoever starts a server decides about all of it")]
pub struct ServeOptions {
    /// TCP addresses; port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// The Unix socket; it is made with mode 0600, and one that nobody answers is replaced.
    pub socket: Option<PathBuf>,
    /// With these, TCP speaks TLS alone.
    pub tls: Option<TlsFiles>,
    /// With these, TCP speaks TLS alone, and takes certificates of callers beside tokens.
    pub clients: Option<Clients>,
}

/// Callers that come with certificates.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "whoever starts a server decides about all of it")]
pub struct Clients {
    /// Who this server is, and whom it believes. Without [`ServeOptions::tls`] it shows this
    /// certificate. It is kept current while the server runs.
    pub identity: Identity,
    /// What operators may do.
    pub operators: Arc<Operators>,
}

/// Bound listeners.
#[derive(Debug)]
pub struct Listeners {
    tcp: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
    socket: Option<Socket>,
    tls: Option<Tls>,
}

#[derive(Debug)]
struct Socket {
    listener: UnixListener,
    path: PathBuf,
    owner: u32,
}

impl Listeners {
    /// Binds everything, or nothing.
    ///
    /// # Errors
    /// [`ServeError`] says which address, and what to do.
    pub fn bind(options: &ServeOptions) -> Result<Self, ServeError> {
        let tls = Tls::of(options.tls.as_ref(), options.clients.as_ref())?;
        let mut tcp = Vec::new();
        let mut addresses = Vec::new();
        for address in &options.listen {
            if tls.is_none() && !address.ip().is_loopback() {
                return Err(ServeError::PlainBeyondLoopback(*address));
            }
            let failed = |source| ServeError::Listen { address: *address, source };
            let listener = TcpListener::bind(address).map_err(failed)?;
            listener.set_nonblocking(true).map_err(failed)?;
            addresses.push(listener.local_addr().map_err(failed)?);
            tcp.push(listener);
        }
        let socket = options.socket.as_deref().map(Socket::bind).transpose()?;
        Ok(Self { tcp, addresses, socket, tls })
    }

    /// The TCP addresses, as they were given out.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Serves until `stop` is ready: then nothing more is accepted, what is at work is finished
    /// within some seconds, and the library is closed.
    ///
    /// # Errors
    /// [`ServeError::Start`] when the background worker cannot be started, or
    /// [`ServeError::Stopped`] when a listener fails.
    pub async fn serve(
        self,
        keyward: Arc<Keyward>,
        setup: Setup,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<(), ServeError> {
        let Self { tcp, addresses: _, socket, tls } = self;
        let about = (setup.standing.clone(), setup.root.clone());
        let (router, app) = crate::router::parts(keyward.clone(), setup);
        let tidy = move || app.requests.tidy();
        let worker = Worker::start(keyward.clone(), about, tidy).map_err(ServeError::Start)?;
        let mut doors = Doors::new(router);
        for listener in tcp {
            doors.open_tcp(listener, tls.as_ref()).map_err(ServeError::Stopped)?;
        }
        let path = socket.as_ref().map(|socket| socket.path.clone());
        if let Some(socket) = socket {
            doors.open_socket(socket).map_err(ServeError::Stopped)?;
        }
        let watch = tls.map(|tls| tokio::spawn(tls.watch()));
        let outcome = doors.wait(stop).await;
        if let Some(watch) = watch {
            watch.abort();
        }
        if let Some(path) = path {
            // Left behind, it is replaced at the next start.
            drop(std::fs::remove_file(path));
        }
        let close = tokio::task::spawn_blocking(move || {
            drop(worker);
            keyward.close();
        });
        if close.await.is_err() {
            error!("the store was not closed cleanly; the next start finds out what was written");
        }
        info!("stopped");
        outcome.map_err(ServeError::Stopped)
    }
}

/// Binds, tells `ready` where, and serves until SIGTERM or SIGINT.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(
    keyward: Arc<Keyward>,
    options: &ServeOptions,
    setup: Setup,
    ready: impl FnOnce(&[SocketAddr]) + Send,
) -> Result<(), ServeError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Start)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Start)?;
    let listeners = Listeners::bind(options)?;
    ready(listeners.addresses());
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => info!("asked to stop by SIGTERM"),
            _ = interrupt.recv() => info!("asked to stop by SIGINT"),
        }
    };
    listeners.serve(keyward, setup, stop).await
}

impl Socket {
    fn bind(path: &Path) -> Result<Self, ServeError> {
        let failed = |source| ServeError::Socket { path: path.to_owned(), source };
        if UnixStream::connect(path).is_ok() {
            return Err(ServeError::SocketTaken(path.to_owned()));
        }
        match std::fs::symlink_metadata(path) {
            // A server that was killed leaves its socket behind.
            Ok(found) if found.file_type().is_socket() => {
                std::fs::remove_file(path).map_err(failed)?;
            }
            Ok(_) => return Err(ServeError::NoSocket(path.to_owned())),
            Err(_) => {}
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(path, mode).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let owner = std::fs::metadata(path).map_err(failed)?.uid();
        Ok(Self { listener, path: path.to_owned(), owner })
    }
}

/// The listeners at work.
struct Doors {
    router: Router,
    tasks: JoinSet<io::Result<()>>,
    tcp: Handle<SocketAddr>,
    socket: Handle<std::os::unix::net::SocketAddr>,
    permits: door::Permits,
}

impl Doors {
    fn new(router: Router) -> Self {
        let (tcp, socket) = (Handle::new(), Handle::new());
        Self { router, tasks: JoinSet::new(), tcp, socket, permits: permits() }
    }

    fn open_tcp(&mut self, listener: TcpListener, tls: Option<&Tls>) -> io::Result<()> {
        let server = axum_server::from_tcp(listener)?.handle(self.tcp.clone());
        let service = self.router.clone().into_make_service();
        match tls {
            Some(tls) => {
                let door = TcpDoor::remote(self.permits.clone());
                let acceptor = RustlsAcceptor::new(tls.config()).acceptor(door);
                if let Some(clients) = tls.clients() {
                    let door = VisitorDoor::new(acceptor, clients.clone());
                    self.tasks.spawn(limited(server.acceptor(door)).serve(service));
                } else {
                    self.tasks.spawn(limited(server.acceptor(acceptor)).serve(service));
                }
            }
            None => {
                let door = TcpDoor::loopback(self.permits.clone());
                self.tasks.spawn(limited(server.acceptor(door)).serve(service));
            }
        }
        Ok(())
    }

    fn open_socket(&mut self, socket: Socket) -> io::Result<()> {
        let Socket { listener, path: _, owner } = socket;
        let door = SocketDoor::new(owner, self.permits.clone());
        let server = axum_server::from_unix(listener)?.handle(self.socket.clone());
        let service = self.router.clone().into_make_service();
        self.tasks.spawn(limited(server.acceptor(door)).serve(service));
        Ok(())
    }

    /// Waits for the stop, or for a listener that fails, and ends them all.
    async fn wait(mut self, stop: impl Future<Output = ()> + Send) -> io::Result<()> {
        let failed = tokio::select! {
            () = stop => None,
            Some(ended) = self.tasks.join_next() => Some(ended),
        };
        self.tcp.graceful_shutdown(Some(GRACE));
        self.socket.graceful_shutdown(Some(GRACE));
        let mut outcome = failed.map_or(Ok(()), flatten);
        while let Some(ended) = self.tasks.join_next().await {
            outcome = outcome.and(flatten(ended));
        }
        outcome
    }
}

fn flatten(ended: Result<io::Result<()>, tokio::task::JoinError>) -> io::Result<()> {
    ended.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// A server that gives nobody all the time in the world.
fn limited<A: axum_server::Address, D>(mut server: Server<A, D>) -> Server<A, D> {
    let builder = server.http_builder();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .max_buf_size(HEAD_BYTES_MAX);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS_MAX);
    server
}

/// The server did not start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum ServeError {
    /// Plain HTTP was asked for where others can listen in.
    #[error(
        "{0} is not on this machine alone, and plain HTTP would show tokens to everybody on the \
         way: give a certificate (server.tls in the configuration), or listen on 127.0.0.1"
    )]
    PlainBeyondLoopback(SocketAddr),
    /// An address cannot be had.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The socket cannot be had.
    #[error("cannot listen on the socket {}", path.display())]
    Socket {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another server answers on the socket.
    #[error("another server answers on {}: stop it first", .0.display())]
    SocketTaken(PathBuf),
    /// Something else has the socket's name.
    #[error("{} is in the way of the socket and is none: move it away", .0.display())]
    NoSocket(PathBuf),
    /// Certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No thread or signal handler is to be had.
    #[error("the server cannot start")]
    Start(#[source] io::Error),
    /// A listener failed.
    #[error("the server has stopped")]
    Stopped(#[source] io::Error),
}
