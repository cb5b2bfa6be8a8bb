//! `keyward serve`.

use std::{net::SocketAddr, sync::Arc};

use keyward::ExecuteError;
use keyward_server::{
    Setup,
    config::{ClientAuth, Config, ServerConfig, TlsFiles, certificate_warnings},
    keepers::{Keepers, Watch},
    mtls::{Identity, Role},
    root::KeeperPost,
    serve::{Clients, ServeOptions, serve},
};
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

use crate::{
    args::Serve,
    configuration,
    exit::Failure,
    password,
    session::Session,
    site,
    store::{Store, Taken},
    transport::{SOCKET_NAME, is_served},
};

pub(super) fn run(session: &mut Session<'_>, arguments: Serve) -> Result<(), Failure> {
    if session.global.addr.is_some() {
        return Err(Failure::error("a server serves the data directory of its own machine")
            .hint("leave --addr and KEYWARD_ADDR out"));
    }
    let data = session.data();
    let config = match configuration::file(&session.global, &data) {
        Some(file) => Some(configuration::read(&file)?),
        None => None,
    };
    let taken = Taken::for_server(&data, &mut *session.surroundings.pause, &|| is_served(&data))?;
    let store =
        Store::open(&data, taken, session.surroundings.clock.clone(), session.global.memory())?;
    let keepers = match &config {
        Some(config) => configuration::keepers(&store.keyward, config)?,
        None => None,
    };
    unseal(session, &store, keepers.is_some())?;
    if let Some(config) = &config {
        for line in certificate_warnings(&config.certificates, store.keyward.now()) {
            session.note(line)?;
        }
        match configuration::apply(&store.keyward, config) {
            Ok(applied) => {
                for line in configuration::unavailable(&applied) {
                    session.note(line)?;
                }
            }
            // They are brought into force as soon as the store is unsealed.
            Err(ExecuteError::Sealed) if keepers.is_some() => {}
            Err(ExecuteError::Sealed) => session.note(
                "warning: the configuration's profiles are not in force yet, since the store is \
                 sealed\nhint: start with the password at hand, as in --password-file FILE",
            )?,
            Err(error) => return Err(Failure::of(&error)),
        }
    }
    let configured = config.as_ref().map(|config| config.server.clone()).unwrap_or_default();
    let Serve { listen, tls_cert, tls_key } = arguments;
    let tls = match (tls_cert, tls_key) {
        (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
        _ => configured.tls,
    };
    let listen = listen.or(configured.listen).unwrap_or(LISTEN);
    let socket = Some(data.join(SOCKET_NAME));
    let options = ServeOptions { listen: vec![listen], socket, tls, clients: None };
    work(session, &store, (config, keepers), options)
}

/// With the password at hand the server starts unsealed; else its keepers unseal it, or
/// `keyward root unseal`.
fn unseal(session: &mut Session<'_>, store: &Store, keepers: bool) -> Result<(), Failure> {
    let given = password::is_given(&session.global);
    let split = || store.keyward.keeper_set().is_ok_and(|set| set.is_some());
    if !given && keepers && split() {
        return session.note(
            "the server starts sealed, and asks its keepers for the root key\n\
             hint: should too few of them answer, `keyward root unseal` unseals it as well",
        );
    }
    if !given && !session.surroundings.terminal.stdin {
        return session.note(
            "warning: the server starts sealed: it verifies and revokes, and signs nothing\n\
             hint: unseal it with `keyward root unseal`, or name a --password-file",
        );
    }
    let password = password::obtain(&session.global, session.surroundings)?;
    store.keyward.unseal(password.expose().to_vec()).map_err(|e| Failure::of(&e))
}

fn work(
    session: &mut Session<'_>,
    store: &Store,
    (config, keepers): (Option<Config>, Option<Arc<Keepers>>),
    mut options: ServeOptions,
) -> Result<(), Failure> {
    log(session);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::of(&e))?;
    options.clients = config.as_ref().map_or(Ok(None), |config| clients(&runtime, config))?;
    let options = &options;
    let root = site::care(&session.data(), config.as_ref());
    let certificates = config.as_ref().map(|it| it.certificates.clone()).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    let mut setup = Setup { version, root, certificates, ..Setup::default() };
    setup.root.keepers = keepers.clone().map(|keepers| keepers as Arc<dyn KeeperPost>);
    let _watch = keepers.map(|keepers| watch(store, config, keepers)).transpose()?;
    let is_tls = options.tls.is_some() || options.clients.is_some();
    let scheme = if is_tls { "https" } else { "http" };
    let (ready, listening) = std::sync::mpsc::channel();
    let keyward = Arc::clone(&store.keyward);
    std::thread::scope(|scope| {
        let served = scope.spawn(|| {
            runtime.block_on(serve(keyward, options, setup, move |addresses: &[SocketAddr]| {
                // Nobody waits for it only if the output cannot be written.
                drop(ready.send(addresses.to_vec()));
            }))
        });
        if let Ok(addresses) = listening.recv() {
            for address in addresses {
                session.note(format_args!("listening on {scheme}://{address}"))?;
            }
            if let Some(socket) = &options.socket {
                session.note(format_args!("listening on {}", socket.display()))?;
            }
        }
        match served.join() {
            Ok(outcome) => outcome.map_err(|e| Failure::of(&e)),
            Err(_) => Err(Failure::error("the server panicked; see above")),
        }
    })
}

/// Callers that come with certificates, if the configuration has any.
fn clients(runtime: &Runtime, config: &Config) -> Result<Option<Clients>, Failure> {
    let Config { server: ServerConfig { client_auth, .. }, identity, .. } = config;
    let (Some(ClientAuth::Spiffe { operators }), Some(identity)) = (client_auth, identity) else {
        return Ok(None);
    };
    let opened = runtime.block_on(Identity::open(identity, Role::Server));
    let identity = opened.map_err(|e| {
        Failure::of(&e).hint("see docs/operate/keeper.md for how a certificate is to be made")
    })?;
    Ok(Some(Clients { identity, operators: Arc::new(operators.clone()) }))
}

/// Looks after the keepers from here on.
fn watch(store: &Store, config: Option<Config>, keepers: Arc<Keepers>) -> Result<Watch, Failure> {
    let keyward = Arc::clone(&store.keyward);
    let unsealed = move || {
        let Some(config) = &config else { return };
        if configuration::is_in_force(&keyward, config) {
            return;
        }
        match configuration::apply(&keyward, config) {
            Ok(applied) => {
                for line in configuration::unavailable(&applied) {
                    tracing::warn!("{line}");
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the configuration's profiles are not in force");
            }
        }
    };
    Watch::start(Arc::clone(&store.keyward), keepers, unsealed).map_err(|e| Failure::of(&e))
}

/// Readies this process for TLS, and for saying on standard error what it does.
pub(super) fn log(session: &Session<'_>) {
    // Whoever was first has installed the same provider, and the same subscriber.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let filter = EnvFilter::try_from_env("KEYWARD_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(session.surroundings.terminal.colour && session.surroundings.terminal.stderr);
    drop(subscriber.try_init());
}

/// Where to listen when nobody says.
const LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8230);
