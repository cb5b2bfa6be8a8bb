//! `keyward token …` and `keyward actor …`.

use clap::{Args, Subcommand};

use super::name;

#[derive(Debug, Subcommand)]
pub(crate) enum TokenVerb {
    /// Make a token; it is printed once
    Create(TokenCreate),
    /// List the tokens
    List,
    /// Let a token open nothing any more
    Revoke {
        /// The token's id, as `keyward token list` shows it
        #[arg(value_name = "TOKEN-ID", value_parser = name)]
        token_id: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct TokenCreate {
    /// Who or what gets it
    #[arg(long)]
    pub(crate) name: String,
    /// What it may do
    #[arg(long, value_parser = ["admin", "operator", "signer", "auditor", "viewer"])]
    pub(crate) role: String,
    /// Only these scopes of the role
    #[arg(long, value_name = "SCOPE,…", value_delimiter = ',')]
    pub(crate) scopes: Vec<String>,
    /// How long it lasts, as in 90d
    #[arg(long, value_name = "AGE")]
    pub(crate) expires_in: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ActorVerb {
    /// List the pseudonyms and, where they are not forgotten, the names
    List,
    /// Forget a name for ever; the log keeps the pseudonym
    Forget {
        /// The pseudonym, as `keyward actor list` shows it
        #[arg(value_name = "ACTOR-ID", value_parser = name)]
        actor_id: String,
    },
}
