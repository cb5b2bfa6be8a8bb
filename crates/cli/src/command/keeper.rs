//! `keyward keeper`.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use keyward::{
    clock::SystemClock,
    keeper::{Keeper, Memory},
};
use keyward_crypto::secret::{LockPolicy, harden_process};
use keyward_server::{
    config::Config,
    keeper::{KeeperFailed, serve},
    mtls::{Identity, Role},
};

use super::serve::log;
use crate::{args, configuration, exit::Failure, session::Session};

pub(super) fn run(session: &mut Session<'_>, arguments: &args::Keeper) -> Result<(), Failure> {
    let args::Keeper { listen } = arguments;
    // What is a warning elsewhere: a core file of this process would be the share on a disk.
    harden_process().map_err(|e| Failure::of(&e))?;
    let Config { identity, keeper, .. } = config(session)?;
    let identity = identity.ok_or_else(|| {
        Failure::error("a keeper without an identity would talk to anybody")
            .hint("give the configuration a section `identity`; see docs/operate/keeper.md")
    })?;
    let listen = listen.or(keeper.listen).unwrap_or(LISTEN);
    let memory = match session.global.memory() {
        LockPolicy::Strict => Memory::Locked,
        LockPolicy::AllowUnlocked => Memory::UnlockedAllowed,
    };
    log(session);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|e| Failure::of(&e))?;
    let held = Arc::new(Keeper::new(Arc::new(SystemClock), memory));
    runtime.block_on(async {
        let opened = Identity::open(&identity, Role::Keeper).await;
        let identity = opened.map_err(|e| {
            Failure::of(&e).hint("see docs/operate/keeper.md for how a certificate is to be made")
        })?;
        let mut said = Ok(());
        let who = identity.id();
        let ready = |address: SocketAddr| {
            said = session.note(format_args!("{who} listens on {address}, and holds no share"));
        };
        let served = serve(identity, held, listen, ready).await;
        said?;
        served.map_err(|error: KeeperFailed| Failure::of(&error))
    })
}

/// A keeper has no data directory; the file is the one that is named.
fn config(session: &Session<'_>) -> Result<Config, Failure> {
    let file = session.global.config.as_deref();
    let file = file.ok_or_else(|| {
        Failure::error("a keeper needs a configuration, for its identity")
            .hint("name it with --config FILE or KEYWARD_CONFIG; see docs/operate/keeper.md")
    })?;
    configuration::read(file)
}

/// Where to listen when nobody says.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8231);
