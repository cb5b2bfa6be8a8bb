//! `keyward init`, `keyward serve`, `keyward backup`, `keyward rollback …` and
//! `keyward demo`.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// It is understood that without the password everything in the store is lost
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen [default: 127.0.0.1:8230]; plain HTTP only on loopback
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// File with the server's certificates (PEM), read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// File with the server's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RollbackVerb {
    /// Go on although the log is shorter than a checkpoint that was kept
    Accept,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// File to write to; what vouches for it goes beside it, under its name and .trust.json
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Replace a backup that is there
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Directory to play in
    #[arg(long, value_name = "DIR", default_value = "keyward-demo")]
    pub(crate) dir: PathBuf,
    /// File to sign; the program itself, if none
    #[arg(long, value_name = "FILE")]
    pub(crate) artifact: Option<PathBuf>,
    /// If there is a store in the directory, play in a fresh one beside it
    #[arg(long)]
    pub(crate) again: bool,
}
