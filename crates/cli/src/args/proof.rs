//! `keyward sign`, `keyward proof …` and `keyward incident …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use keyward_lifecycle::time::Timestamp;

use super::{instant, name};

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["file", "artifact", "countersign"]))]
pub(crate) struct Sign {
    /// The key; several sign one envelope
    #[arg(long, value_name = "ID", conflicts_with = "profile")]
    pub(crate) key_id: Vec<String>,
    /// The profile whose active key signs
    #[arg(long)]
    pub(crate) profile: Option<String>,
    /// The file to wrap in an envelope; `-` reads standard input
    pub(crate) file: Option<PathBuf>,
    /// The type of the file
    #[arg(
        long,
        value_name = "TYPE",
        default_value = "application/octet-stream",
        requires = "file"
    )]
    pub(crate) payload_type: String,
    /// The artifact to make a statement about; only its digest is sent
    #[arg(long, value_name = "FILE", requires = "purl", requires = "predicate_type")]
    pub(crate) artifact: Option<PathBuf>,
    /// The package that the artifact is
    #[arg(long, requires = "artifact")]
    pub(crate) purl: Option<String>,
    /// What the statement says, by type
    #[arg(long, value_name = "TYPE", requires = "artifact")]
    pub(crate) predicate_type: Option<String>,
    /// File with the predicate (JSON)
    #[arg(long, value_name = "FILE", requires = "artifact")]
    pub(crate) predicate: Option<PathBuf>,
    /// An envelope to add a signature to
    #[arg(long, value_name = "ENVELOPE")]
    pub(crate) countersign: Option<PathBuf>,
    /// File to write the envelope to
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProofVerb {
    /// Show a proof bundle
    Show {
        /// Its id
        #[arg(value_name = "sha256:…", value_parser = name)]
        id: String,
    },
    /// Write a proof bundle, which verifies offline
    Export {
        /// Its id
        #[arg(value_name = "sha256:…", value_parser = name)]
        id: String,
        /// File to write to
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// List the proofs that were made here
    List {
        /// Only those of this key
        #[arg(long, value_name = "ID")]
        key_id: Option<String>,
    },
    /// Sign again what a key signed that is not believed any more; the old envelope stays
    ReSign(ProofResign),
    /// Judge the proofs again that a revocation touched
    Rescan {
        /// At most so many
        #[arg(long, value_name = "N")]
        limit: Option<u64>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ProofResign {
    /// The proof's id
    #[arg(value_name = "sha256:…", value_parser = name)]
    pub(crate) id: String,
    /// The key that signs now
    #[arg(long, value_name = "ID")]
    pub(crate) key_id: String,
    /// Why, for the statement that is made about it
    #[arg(long)]
    pub(crate) reason: String,
    /// File to write the new envelope to
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IncidentVerb {
    /// List every proof by a key, with what is known of its time
    Report(IncidentReport),
    /// Revoke a compromised key, make a new one, and put it into the same anchors
    Rotate(IncidentRotate),
}

#[derive(Debug, Args)]
pub(crate) struct IncidentReport {
    /// The key
    #[arg(long = "key", alias = "key-id", value_name = "ID")]
    pub(crate) key: String,
    /// Sign the report and keep it as a proof
    #[arg(long)]
    pub(crate) signed: bool,
    /// File to write the report (JSON) to
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct IncidentRotate {
    /// The compromised key
    #[arg(long = "key", alias = "key-id", value_name = "ID")]
    pub(crate) key: String,
    /// The new key's name; else one is made
    #[arg(long, value_name = "ID")]
    pub(crate) new_key_id: Option<String>,
    /// Since when the key may have been in other hands
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub(crate) compromised_since: Option<Timestamp>,
    /// What leaked: the key alone, or the server too
    #[arg(long, value_parser = ["key", "server"])]
    pub(crate) scope: Option<String>,
}
