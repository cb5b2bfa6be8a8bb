//! `keyward serve`.

use std::{net::SocketAddr, sync::Arc};

use keyward::ExecuteError;
use keyward_server::{
    Setup,
    config::TlsFiles,
    serve::{ServeOptions, serve},
};
use tracing_subscriber::EnvFilter;

use crate::{
    args::Serve,
    configuration,
    exit::Failure,
    password,
    session::Session,
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
    let store = Store::open(&data, taken, session.surroundings.clock.clone())?;
    unseal(session, &store)?;
    if let Some(config) = &config {
        match configuration::apply(&store.keyward, config) {
            Ok(applied) => {
                for line in configuration::unavailable(&applied) {
                    session.note(line)?;
                }
            }
            Err(ExecuteError::Sealed) => session.note(
                "warning: the configuration's profiles are not in force yet, since the store is \
                 sealed\nhint: start with the password at hand, as in --password-file FILE",
            )?,
            Err(error) => return Err(Failure::of(&error)),
        }
    }
    let configured = config.map(|config| config.server).unwrap_or_default();
    let Serve { listen, tls_cert, tls_key } = arguments;
    let tls = match (tls_cert, tls_key) {
        (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
        _ => configured.tls,
    };
    let listen = listen.or(configured.listen).unwrap_or(LISTEN);
    let socket = Some(data.join(SOCKET_NAME));
    work(session, &store, &ServeOptions { listen: vec![listen], socket, tls })
}

/// With the password at hand the server starts unsealed; else `keyward root unseal` unseals it.
fn unseal(session: &mut Session<'_>, store: &Store) -> Result<(), Failure> {
    if !password::is_given(&session.global) && !session.surroundings.terminal.stdin {
        return session.note(
            "warning: the server starts sealed: it verifies and revokes, and signs nothing\n\
             hint: unseal it with `keyward root unseal`, or name a --password-file",
        );
    }
    let password = password::obtain(&session.global, session.surroundings)?;
    store.keyward.unseal(password.expose().to_vec()).map_err(|e| Failure::of(&e))
}

fn work(session: &mut Session<'_>, store: &Store, options: &ServeOptions) -> Result<(), Failure> {
    log(session);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::of(&e))?;
    let setup = Setup { version: env!("CARGO_PKG_VERSION"), ..Setup::default() };
    let scheme = if options.tls.is_some() { "https" } else { "http" };
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
