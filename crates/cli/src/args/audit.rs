//! `keyward audit …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use keyward_lifecycle::{id::Digest, time::Timestamp};

use super::{UntilEndOfDay, instant, verify::digest};

#[derive(Debug, Subcommand)]
pub(crate) enum AuditVerb {
    /// Show events, newest first
    Query(AuditQuery),
    /// Write the whole log as a trust bundle, with which others verify offline
    Export {
        /// File to write to
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Replay the log, compare every row, and check a checkpoint that was kept
    Verify(AuditVerify),
    /// Print a signed checkpoint of the log, to be kept elsewhere
    Checkpoint,
    /// Prove that an event is in the log, or that the log only grew
    Proof(AuditProof),
    /// Write a snapshot, so that the next start is quick
    Snapshot,
}

#[derive(Debug, Args)]
pub(crate) struct AuditQuery {
    /// Only these types; `*` stands for anything, as in KEY_*
    #[arg(long = "type", value_name = "GLOB")]
    pub(crate) event_type: Option<String>,
    /// From this time, or the start of this day, on
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub(crate) from: Option<Timestamp>,
    /// Until this time, or the end of this day
    #[arg(long, value_name = "TIME", value_parser = UntilEndOfDay::parse)]
    pub(crate) to: Option<UntilEndOfDay>,
    /// Only events of this key
    #[arg(long, value_name = "ID")]
    pub(crate) key_id: Option<String>,
    /// Only events of this trust anchor
    #[arg(long, value_name = "ID")]
    pub(crate) anchor_id: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct AuditVerify {
    /// A checkpoint that was kept: the log must still hold all that it signed
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// Verify an exported trust bundle offline, instead of the store
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
    /// With --trust: the authority that the bundle must be of (its SHA-256)
    #[arg(long, value_name = "HEX", value_parser = digest, requires = "trust")]
    pub(crate) authority: Option<Digest>,
    /// With --trust: follow an authority that has expired, too
    #[arg(long, requires = "trust")]
    pub(crate) allow_expired: bool,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["index", "from"]))]
pub(crate) struct AuditProof {
    /// The event, by its number in the log
    #[arg(long, value_name = "N")]
    pub(crate) index: Option<u64>,
    /// An earlier size of the log
    #[arg(long, value_name = "SIZE")]
    pub(crate) from: Option<u64>,
    /// A later size of the log; without it, that of the newest checkpoint
    #[arg(long, value_name = "SIZE", requires = "from")]
    pub(crate) to: Option<u64>,
}
