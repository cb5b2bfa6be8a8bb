//! The command line: every noun, verb and flag. Help texts are the doc comments.

mod access;
mod anchor;
mod audit;
mod authority;
mod keeper;
mod key;
mod proof;
mod root;
mod secret;
mod store;
mod verify;
mod when;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use keyward_crypto::secret::LockPolicy;

pub(crate) use self::{
    access::{ActorVerb, TokenCreate, TokenVerb},
    anchor::{AnchorCreate, AnchorKey, AnchorVerb},
    audit::{AuditProof, AuditQuery, AuditVerb, AuditVerify},
    authority::{AuthorityPropose, AuthoritySign, AuthorityVerb},
    keeper::Keeper,
    key::{Ending, KeyGenerate, KeyImport, KeyRotate, KeyVerb},
    proof::{IncidentReport, IncidentRotate, IncidentVerb, ProofResign, ProofVerb, Sign},
    root::{
        AddSlotVerb, NewPassword, RootBackup, RootBackupVerb, RootPasswordVerb, RootRotate,
        RootSlotVerb, RootUnseal, RootVerb, RotateStep, Shares,
    },
    secret::{PolicyVerb, SecretGet, SecretMetadata, SecretPut, SecretVerb, SecretVersions},
    store::{Backup, Demo, Init, RollbackVerb, Serve},
    verify::{TimePolicy, Verify},
    when::{Effective, UntilEndOfDay, instant},
};

/// Keeps signing keys trustworthy for their whole life.
#[derive(Debug, Parser)]
#[command(
    name = "keyward",
    version,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "Exit codes: 0 valid or done; 1 invalid, indeterminate or refused by a rule; \
                  2 usage or system error."
)]
pub(crate) struct CommandLine {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Data directory
    #[arg(long, global = true, value_name = "DIR", env = "KEYWARD_DATA")]
    pub(crate) data: Option<PathBuf>,
    /// Configuration file (YAML)
    #[arg(long, global = true, value_name = "FILE", env = "KEYWARD_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Address of a server, as in https://keyward.example:8230; else the data directory is used
    #[arg(long, global = true, value_name = "URL", env = "KEYWARD_ADDR")]
    pub(crate) addr: Option<String>,
    /// Certificates (PEM) that the server's is checked against, instead of the system's
    #[arg(long, global = true, value_name = "FILE", env = "KEYWARD_CA")]
    pub(crate) ca: Option<PathBuf>,
    /// File with the bearer token for the server
    #[arg(long, global = true, value_name = "FILE", env = "KEYWARD_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// File with the store's password
    #[arg(long, global = true, value_name = "FILE", env = "KEYWARD_PASSWORD_FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// File descriptor to read the store's password from
    #[arg(long, global = true, value_name = "N")]
    pub(crate) password_fd: Option<u32>,
    /// Hold root keys and shares even where memory cannot be locked; they may then be swapped out
    /// to a disk, and status and metrics say so
    #[arg(long, global = true)]
    pub(crate) allow_unlocked_memory: bool,
    /// How data is printed
    #[arg(long, global = true, value_name = "FORM", default_value = "text")]
    pub(crate) output: Output,
}

impl Global {
    /// What becomes of root keys where the system refuses to lock memory (RK-004).
    pub(crate) const fn memory(&self) -> LockPolicy {
        if self.allow_unlocked_memory { LockPolicy::AllowUnlocked } else { LockPolicy::Strict }
    }
}

/// How data is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Text,
    /// For programs: the documents of the API
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a store: its root key, its log, the built-in profiles
    Init(Init),
    /// Run the server on the data directory
    Serve(Serve),
    /// Hold one share of a root key in memory, for a server to unseal itself with
    Keeper(Keeper),
    /// Show how the store is doing
    Status,
    /// The root key
    #[command(subcommand)]
    Root(RootVerb),
    /// Profiles: algorithm, key store and rotation policy under one name
    #[command(subcommand)]
    Profile(ProfileVerb),
    /// Signing keys
    #[command(subcommand)]
    Key(KeyVerb),
    /// Trust anchors: which keys are believed for which packages
    #[command(subcommand)]
    Anchor(AnchorVerb),
    /// Sign a file, or a statement about an artifact
    Sign(Sign),
    /// Judge envelopes: was the key good when the signature was made?
    Verify(Verify),
    /// Proof bundles: envelopes with their evidence
    #[command(subcommand)]
    Proof(ProofVerb),
    /// After a compromise
    #[command(subcommand)]
    Incident(IncidentVerb),
    /// The log of everything that happened
    #[command(subcommand)]
    Audit(AuditVerb),
    /// The authority: whose signatures vouch for the log
    #[command(subcommand)]
    Authority(AuthorityVerb),
    /// People and programs that the log names by pseudonym
    #[command(subcommand)]
    Actor(ActorVerb),
    /// Secrets: versions of values at paths
    #[command(subcommand)]
    Secret(SecretVerb),
    /// Path policies: who may do what with which secrets
    #[command(subcommand)]
    Policy(PolicyVerb),
    /// Bearer tokens for the HTTP API
    #[command(subcommand)]
    Token(TokenVerb),
    /// Copy the whole store while it is in use
    Backup(Backup),
    /// After a restore from an old copy
    #[command(subcommand)]
    Rollback(RollbackVerb),
    /// Play the whole runbook on a real file in a fresh directory
    Demo(Demo),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write all of them
    Man {
        /// Directory to write the pages to
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// A name. An empty one, or one of dots, would make another route of the one it stands in.
fn name(text: &str) -> Result<String, String> {
    if text.is_empty() {
        Err("a name is expected, and this is empty".to_owned())
    } else if text.chars().all(|c| c == '.' || c == '…') {
        Err("a name is expected, and this has only dots".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProfileVerb {
    /// List the profiles
    ///
    /// A module certificate (FIPS 140 and the like) is shown as the configuration states it, and
    /// as historical once its day has come. The operator states it: Keyward has none of its own,
    /// and checks none.
    List,
}
