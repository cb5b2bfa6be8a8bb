//! `keyward anchor …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use keyward_lifecycle::time::Timestamp;

use super::{Ending, instant, name};

#[derive(Debug, Subcommand)]
pub(crate) enum AnchorVerb {
    /// Make a trust anchor
    Create(AnchorCreate),
    /// List the trust anchors
    List {
        /// Only anchors of this status: active or inactive
        #[arg(long)]
        status: Option<String>,
    },
    /// Show a trust anchor
    Show {
        #[command(flatten)]
        anchor: AnchorRef,
        /// As the log had it at that instant
        #[arg(long, value_name = "TIME", value_parser = instant)]
        as_of: Option<Timestamp>,
    },
    /// Show how verification is going
    Status(AnchorRef),
    /// Let an anchor believe one more key
    AddKey(AnchorKey),
    /// End a key's membership of an anchor; a compromise ends the key everywhere
    RevokeKey {
        #[command(flatten)]
        anchor: AnchorRef,
        /// The key
        #[arg(long, value_name = "ID", value_parser = name)]
        key_id: String,
        #[command(flatten)]
        ending: Ending,
    },
    /// Make a trust anchor from its document
    Import {
        /// The document; `-` reads standard input
        file: PathBuf,
    },
    /// Write a trust anchor's document
    Export {
        #[command(flatten)]
        anchor: AnchorRef,
        /// File to write to
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Take an anchor out of use
    Deactivate(AnchorRef),
    /// Show every key that the anchor ever believed, with its window
    History(AnchorRef),
}

/// A trust anchor: its id, or at least eight hex digits with which no other begins.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct AnchorRef {
    /// The trust anchor: its id, or the first eight or more digits of it
    #[arg(long, value_name = "ID", value_parser = name)]
    anchor_id: Option<String>,
    /// The trust anchor
    #[arg(value_name = "ANCHOR", value_parser = name)]
    anchor: Option<String>,
}

impl AnchorRef {
    /// Its id as given; clap sees to it that one of the two is there.
    pub(crate) fn id(&self) -> &str {
        self.anchor_id.as_deref().or(self.anchor.as_deref()).unwrap_or_default()
    }
}

#[derive(Debug, Args)]
pub(crate) struct AnchorCreate {
    /// Which packages it judges, as in pkg:npm/*
    #[arg(long, value_name = "PATTERN")]
    pub(crate) purl_pattern: String,
    /// The keys that it believes
    #[arg(long, value_name = "ID,…", value_delimiter = ',', required = true)]
    pub(crate) key_ids: Vec<String>,
    /// The predicate types that may pass
    #[arg(long, value_name = "TYPE,…", value_delimiter = ',', required = true)]
    pub(crate) predicate_types: Vec<String>,
    /// Its id; else one is made
    #[arg(long, value_name = "UUID")]
    pub(crate) anchor_id: Option<String>,
    /// Your own version of it, which verdicts report
    #[arg(long, value_name = "TEXT")]
    pub(crate) policy_version: Option<String>,
    /// How many distinct signers are needed
    #[arg(long, value_name = "K")]
    pub(crate) threshold: Option<u32>,
    /// The algorithms that count; else all
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub(crate) algorithms: Vec<String>,
    /// Allow the pattern `*`, which trusts the keys for every package
    #[arg(long)]
    pub(crate) allow_universal: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AnchorKey {
    /// The trust anchor: its id, the first eight or more digits of it, or ALL
    #[arg(long, value_name = "ID", value_parser = name)]
    pub(crate) anchor_id: String,
    /// The key
    #[arg(long, value_name = "ID")]
    pub(crate) key_id: String,
    /// File with the public key (PEM), which must be the one that is registered
    #[arg(long, value_name = "FILE")]
    pub(crate) public_key: Option<PathBuf>,
    /// With ALL: only the anchors that believed this key
    #[arg(long, value_name = "KEY")]
    pub(crate) affected_by: Option<String>,
    /// Make it the signer of its profile, too
    #[arg(long)]
    pub(crate) promote: bool,
}
