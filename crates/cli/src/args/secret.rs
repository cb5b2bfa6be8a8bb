//! `keyward secret …` and `keyward policy …`. A value is never an argument: those can be seen.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum SecretVerb {
    /// Write a new version of a secret, from standard input or a file
    Put(SecretPut),
    /// Print the bytes of a secret's value, and nothing else
    Get(SecretGet),
    /// List the paths of secrets; `deleted` stands behind those whose newest version is
    List {
        /// Whole segments that the paths begin with
        #[arg(value_name = "PREFIX")]
        prefix: Option<String>,
    },
    /// Mark versions as deleted; they can be brought back
    Delete(SecretVersions),
    /// Bring deleted versions back
    Undelete(SecretVersions),
    /// Show what is known of a secret beside its value, or change it
    Metadata(SecretMetadata),
    /// Remove versions for good; without --version all of them. With its last version a secret is
    /// gone as a whole, with path and metadata
    Purge(SecretVersions),
}

#[derive(Debug, Args)]
pub(crate) struct SecretPut {
    /// The secret's path, as in app/prod/database
    pub(crate) path: String,
    /// File with the value; standard input, if none
    #[arg(long, value_name = "FILE", conflicts_with = "fields")]
    pub(crate) file: Option<PathBuf>,
    /// A field of a JSON object that becomes the value, its text read from a file or from
    /// standard input (NAME=-)
    #[arg(long = "field", value_name = "NAME=@FILE")]
    pub(crate) fields: Vec<String>,
    /// Only if this is the current version; 0 if there must be none
    #[arg(long, value_name = "VERSION")]
    pub(crate) cas: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct SecretGet {
    /// The secret's path
    pub(crate) path: String,
    /// The version; the newest, if none is named
    #[arg(long, value_name = "N")]
    pub(crate) version: Option<u32>,
    /// Only this field of a value that is a JSON object
    #[arg(long, value_name = "NAME")]
    pub(crate) field: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SecretVersions {
    /// The secret's path
    pub(crate) path: String,
    /// A version; may be given several times
    #[arg(long = "version", value_name = "N")]
    pub(crate) versions: Vec<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct SecretMetadata {
    /// The secret's path
    pub(crate) path: String,
    /// Keep a text beside the secret; may be given several times
    #[arg(long, value_name = "NAME=TEXT")]
    pub(crate) set: Vec<String>,
    /// Remove a text; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) unset: Vec<String>,
    /// How many versions are kept, 0 for as many as usual; those beyond are removed for good
    #[arg(long, value_name = "N")]
    pub(crate) versions_max: Option<u32>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyVerb {
    /// Write a policy: who may do what under which prefixes
    Set {
        /// The policy's name
        #[arg(value_parser = super::name)]
        name: String,
        /// File with the policy in JSON; - for standard input
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
    /// Print a policy as it can be set again
    Show {
        /// The policy's name
        #[arg(value_parser = super::name)]
        name: String,
    },
    /// List the policies
    List,
    /// Remove a policy: what it alone granted is refused from then on
    Delete {
        /// The policy's name
        #[arg(value_parser = super::name)]
        name: String,
    },
}
