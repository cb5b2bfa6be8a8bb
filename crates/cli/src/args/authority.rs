//! `keyward authority …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use keyward_lifecycle::{id::KeyId, time::Timestamp};

use super::instant;

#[derive(Debug, Subcommand)]
pub(crate) enum AuthorityVerb {
    /// Show who vouches for the log, and until when
    Show {
        /// That version; the newest, if none
        #[arg(long, value_name = "N")]
        version: Option<u64>,
    },
    /// Write the document as it was signed (a DSSE envelope)
    Export {
        /// That version; the newest, if none
        #[arg(long, value_name = "N")]
        version: Option<u64>,
        /// File to write to
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Write the next version, for its keys to sign: with other keys, another threshold or another
    /// end
    ///
    /// To move the authority away from this machine, make keys elsewhere, name their public parts
    /// with --key, let each holder sign what this writes with `keyward authority sign`, and take it
    /// in with `keyward authority install`. The key that this store holds signs it then, and is
    /// destroyed if it is not among the new ones.
    Propose(AuthorityPropose),
    /// Sign a proposed version with a private key that is kept elsewhere; needs no store
    Sign(AuthoritySign),
    /// Put a proposed version in the place of the newest one: the thresholds of both must have
    /// signed it
    Install {
        /// The proposal, or the same signed by one holder each
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AuthorityPropose {
    /// The keys of the next version, each a name and a file with the public part (Ed25519, SPKI,
    /// PEM); those of the newest version, if none
    #[arg(long = "key", value_name = "NAME=FILE", value_parser = named)]
    pub(crate) keys: Vec<(KeyId, PathBuf)>,
    /// Keep the keys of the newest version besides
    #[arg(long, requires = "keys")]
    pub(crate) keep_keys: bool,
    /// How many of the keys must sign; as now, if none
    #[arg(long, value_name = "N")]
    pub(crate) threshold: Option<u32>,
    /// When verifiers stop following it; as now, if none
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub(crate) expires: Option<Timestamp>,
    /// Let it end never
    #[arg(long, conflicts_with = "expires")]
    pub(crate) no_expiry: bool,
    /// File to write to
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct AuthoritySign {
    /// The proposal, or the same signed by others
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// File with the private key (Ed25519, PKCS#8, PEM); `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) private_key: PathBuf,
    /// File to write to; it may be the one that is read
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

fn named(text: &str) -> Result<(KeyId, PathBuf), String> {
    let expected = || "expected NAME=FILE, as in offline-1=offline-1.pem".to_owned();
    let (name, file) = text.split_once('=').ok_or_else(expected)?;
    let name = KeyId::parse(name).map_err(|error| error.to_string())?;
    if file.is_empty() { Err(expected()) } else { Ok((name, file.into())) }
}
