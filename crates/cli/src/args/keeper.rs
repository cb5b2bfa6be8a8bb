//! `keyward keeper`.

use std::net::SocketAddr;

use clap::Args;

/// Runs until SIGTERM or SIGINT. What it holds is in memory alone: started again it is empty, and
/// the server fills it. The configuration (--config) must have the section `identity`; both sides
/// of every connection show a certificate, and SIGHUP has its files read again.
#[derive(Debug, Args)]
pub(crate) struct Keeper {
    /// Where to listen [default: keeper.listen of the configuration, else 127.0.0.1:8231]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
}
