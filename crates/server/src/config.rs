//! The configuration file: the seed's `signer.yaml`, unmodified (SO-015 to SO-017, SO-110), and
//! sections of our own for the server, the root key, this process's identity and the keeper.
//!
//! Whatever is not known, of the wrong type or out of bounds is refused when it is read, with
//! line and column. Alerts are read and kept; nothing sends them yet.

mod apply;
mod certificate;
mod keeper;
mod root;
mod wire;

use std::{net::SocketAddr, path::PathBuf};

pub use crate::identity::Operators;
pub use apply::{Applied, apply_profiles};
pub use certificate::{
    CERTIFICATE_CHARS_MAX, CertificateStatus, Certificates, ModuleCertificate, certificate_warnings,
};
pub use keeper::{
    IdentityConfig, IdentityFiles, IdentitySource, KEEPER_ADDRESS_BYTES_MAX, KEEPER_NAME_CHARS_MAX,
    KEEPERS_MAX, KeeperConfig, KeeperMember, KeepersConfig, POLL_SECONDS, POLL_SECONDS_MAX,
};
use keyward_lifecycle::profile::Profile;
pub use root::{
    FINALISE_HOURS, FINALISE_HOURS_MAX, MaintenanceWindow, RECORDS_PER_SECOND_MAX, ROTATION_DAYS,
    ROTATION_DAYS_MAX, RootBackupConfig, RootRotationConfig, VERIFY_DAYS, VERIFY_DAYS_MAX,
};

/// Longest configuration, in bytes.
pub const CONFIG_BYTES_MAX: usize = 1 << 20;
/// Most profiles in one.
pub const PROFILES_MAX: usize = 256;
/// Most alerts in one.
pub const ALERTS_MAX: usize = 64;
/// Most operators with a role in one.
pub const OPERATORS_MAX: usize = 256;
/// Months before the maximum age at which warnings begin, unless the file says otherwise.
pub const WARNING_MONTHS: u16 = 2;

/// A configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    profiles: Vec<Profile>,
    /// What is stated of the modules behind their key stores.
    pub certificates: Certificates,
    /// Who is told of keys that are due.
    pub alerts: Vec<Alert>,
    /// Where the server listens.
    pub server: ServerConfig,
    /// The root key's life.
    pub root_key: RootKeyConfig,
    /// Who this process is to others; without it there is no mutual TLS.
    pub identity: Option<IdentityConfig>,
    /// What `keyward keeper` does.
    pub keeper: KeeperConfig,
}

/// The root key's life.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "what a file can say")]
pub struct RootKeyConfig {
    /// The keepers that unseal a restarted server unattended.
    pub keepers: Option<KeepersConfig>,
    /// When it is rotated without being asked.
    pub rotation: Option<RootRotationConfig>,
    /// Where its backup lies.
    pub backup: Option<RootBackupConfig>,
}

/// Who is told of keys that are due (SO-110).
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the seed's two types")]
pub enum Alert {
    /// A Slack channel.
    Slack {
        /// Its name.
        channel: String,
    },
    /// People, by e-mail.
    Email {
        /// Their addresses; at least one.
        recipients: Vec<String>,
    },
}

/// Where the server listens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "what a file can say")]
pub struct ServerConfig {
    /// Address and port; `None` for the default.
    pub listen: Option<SocketAddr>,
    /// The certificate and its key.
    pub tls: Option<TlsFiles>,
    /// How callers are known beside their tokens.
    pub client_auth: Option<ClientAuth>,
}

/// How callers are known beside their tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every way")]
pub enum ClientAuth {
    /// By X509-SVIDs of the trust domain of [`Config::identity`], which is there then.
    Spiffe {
        /// What people with certificates may do.
        operators: Operators,
    },
}

/// PEM files of a certificate chain and its private key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "two files")]
pub struct TlsFiles {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// The private key, unencrypted.
    pub key: PathBuf,
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// [`ConfigError`] says where and what.
    pub fn read(text: &str) -> Result<Self, ConfigError> {
        wire::read(text)
    }

    /// The profiles that it defines, with the global warning time where a profile has none.
    #[must_use]
    pub fn profiles(&self) -> Vec<Profile> {
        self.profiles.clone()
    }
}

/// A configuration that cannot be used. Its owner must act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum ConfigError {
    /// Something in the file is wrong.
    #[error("line {line}, column {column}: {what}")]
    At {
        /// From 1.
        line: u64,
        /// From 1.
        column: u64,
        /// What is wrong, and what is expected.
        what: String,
    },
    /// The file as a whole is wrong.
    #[error("{0}")]
    Whole(String),
}
