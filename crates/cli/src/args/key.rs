//! `keyward key …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use keyward_lifecycle::time::Timestamp;

use super::{Effective, instant, name};

#[derive(Debug, Subcommand)]
pub(crate) enum KeyVerb {
    /// Make a key in the profile's store
    Generate(KeyGenerate),
    /// Register a key that was made elsewhere
    Import(KeyImport),
    /// List the keys
    List {
        /// Only keys of this status, as in ACTIVE
        #[arg(long)]
        status: Option<String>,
        /// Only keys of this profile
        #[arg(long)]
        profile: Option<String>,
    },
    /// Show a key
    Show(KeyRef),
    /// Show what happened to a key
    History(KeyRef),
    /// Say whether a key is, or was, good: overall and in each trust anchor
    CheckValidity {
        #[command(flatten)]
        key: KeyRef,
        /// The time asked about; now, if none
        #[arg(long, value_name = "TIME", value_parser = instant)]
        at_time: Option<Timestamp>,
        /// Only this trust anchor
        #[arg(long, value_name = "ID", value_parser = name)]
        anchor_id: Option<String>,
    },
    /// Show which keys are due for rotation
    RotationWarnings,
    /// Make a staged key the signer of its profile
    Promote {
        #[command(flatten)]
        key: KeyRef,
        /// Override what a strict profile refuses
        #[arg(long)]
        force: bool,
    },
    /// Replace a key: successor, succession statement, anchors, promotion, retirement
    Rotate(KeyRotate),
    /// Let a key verify only
    Retire(KeyRef),
    /// Destroy a key's private part
    Destroy(KeyRef),
    /// End a key everywhere
    Revoke {
        #[command(flatten)]
        key: KeyRef,
        #[command(flatten)]
        ending: Ending,
    },
    /// Write what is known of all keys, without private parts
    ExportMetadata {
        /// File to write to
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Take in the keys of another store by what it wrote of them: they verify, and never sign
    /// here; those that ended there have ended here
    ImportMetadata {
        /// What export-metadata wrote there; `-` reads standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// A key, by flag or alone.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct KeyRef {
    /// The key
    #[arg(long, value_name = "ID", value_parser = name)]
    key_id: Option<String>,
    /// The key
    #[arg(value_name = "KEY", value_parser = name)]
    key: Option<String>,
}

impl KeyRef {
    /// Its id; clap sees to it that one of the two is there.
    pub(crate) fn id(&self) -> &str {
        self.key_id.as_deref().or(self.key.as_deref()).unwrap_or_default()
    }
}

#[derive(Debug, Args)]
pub(crate) struct KeyGenerate {
    /// The profile: algorithm, store, rotation policy
    #[arg(long, default_value = "default")]
    pub(crate) profile: String,
    /// The key's name, used once
    #[arg(long, value_name = "ID")]
    pub(crate) key_id: String,
    /// The profile's algorithm, said for certainty
    #[arg(long)]
    pub(crate) algorithm: Option<String>,
    /// What the key is for; one key is active for each profile and purpose
    #[arg(long)]
    pub(crate) purpose: Option<String>,
    /// When its windows end
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub(crate) expires_at: Option<Timestamp>,
    /// How many signatures it may make
    #[arg(long, value_name = "N")]
    pub(crate) max_usage: Option<u64>,
    /// The key that it succeeds
    #[arg(long, value_name = "ID")]
    pub(crate) parent: Option<String>,
    /// Do not sign with it yet, even if the profile has no signer
    #[arg(long)]
    pub(crate) stage: bool,
}

#[derive(Debug, Args)]
pub(crate) struct KeyImport {
    /// The profile
    #[arg(long, default_value = "default")]
    pub(crate) profile: String,
    /// The key's name, used once
    #[arg(long, value_name = "ID")]
    pub(crate) key_id: String,
    /// File with the private key (PKCS#8, PEM); `-` reads standard input
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "public_key",
        required_unless_present = "public_key"
    )]
    pub(crate) private_key: Option<PathBuf>,
    /// File with the public key (PEM) of somebody else's key
    #[arg(long, value_name = "FILE", requires = "proof")]
    pub(crate) public_key: Option<PathBuf>,
    /// File with the signature that proves possession of the private key
    #[arg(long, value_name = "FILE", requires = "nonce")]
    pub(crate) proof: Option<PathBuf>,
    /// The nonce that the proof signs
    #[arg(long, value_name = "TEXT")]
    pub(crate) nonce: Option<String>,
    /// What the key is for
    #[arg(long)]
    pub(crate) purpose: Option<String>,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct KeyRotate {
    /// The key to replace; else the signer of the profile
    #[arg(long, value_name = "ID")]
    pub(crate) key_id: Option<String>,
    /// The profile whose signer is replaced, where no key is named
    #[arg(long, default_value = "default", conflicts_with = "key_id")]
    pub(crate) profile: String,
    /// The successor's name; a staged key of that name is taken
    #[arg(long, value_name = "ID")]
    pub(crate) new_key_id: Option<String>,
    /// Only if the profile's policy says so; prints the active key either way
    #[arg(long)]
    pub(crate) if_due: bool,
    /// Go on with a rotation that was interrupted
    #[arg(long, conflicts_with_all = ["abort", "if_due"])]
    pub(crate) resume: bool,
    /// Give a rotation up that is not promoted yet
    #[arg(long, conflicts_with_all = ["if_due", "new_key_id"])]
    pub(crate) abort: bool,
    /// Override what a strict profile refuses
    #[arg(long)]
    pub(crate) force: bool,
}

/// Why and from when a key, or its membership of an anchor, ends.
#[derive(Debug, Args)]
pub(crate) struct Ending {
    /// Why, as in annual-rotation or compromise
    #[arg(long)]
    pub(crate) reason: String,
    /// From when: a time, or NOW
    #[arg(long, value_name = "TIME", value_parser = Effective::parse, default_value = "NOW")]
    pub(crate) effective_at: Effective,
    /// Since when the key may have been in other hands
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub(crate) compromised_since: Option<Timestamp>,
    /// What leaked: the key alone, or the server too
    #[arg(long, value_parser = ["key", "server"])]
    pub(crate) scope: Option<String>,
    /// Override what a strict profile refuses
    #[arg(long)]
    pub(crate) force: bool,
}
