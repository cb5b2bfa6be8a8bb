//! The sections about keepers, and about who this process is: `identity`, `keeper` and
//! `rootKey.keepers`.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::PathBuf,
    time::Duration,
};

use keyward_lifecycle::{
    access::Role,
    spiffe::{SpiffeId, TrustDomain},
};
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{
    ConfigError, OPERATORS_MAX, Operators,
    wire::{at, parse},
};

/// Most keepers of one store: a share's index is a byte, and nobody runs more.
pub const KEEPERS_MAX: usize = 32;
/// Longest name of a keeper, in characters.
pub const KEEPER_NAME_CHARS_MAX: usize = 64;
/// Longest address of a keeper, in bytes: a DNS name and a port.
pub const KEEPER_ADDRESS_BYTES_MAX: usize = 260;
/// Seconds between two looks at the keepers, unless the file says otherwise.
pub const POLL_SECONDS: u32 = 5;
/// Most seconds between two looks.
pub const POLL_SECONDS_MAX: u32 = 3600;

/// Who this process is to others, and whom it believes, for mutual TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what a file can say")]
pub struct IdentityConfig {
    /// The trust domain of this process and of all its peers.
    pub trust_domain: TrustDomain,
    /// Where certificates and keys come from.
    pub source: IdentitySource,
}

/// Where an identity comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every source")]
pub enum IdentitySource {
    /// PEM files, read again when they change.
    Files(IdentityFiles),
    /// The SPIFFE Workload API at this address, as in `unix:///run/spire/agent.sock`.
    WorkloadApi(String),
}

/// PEM files of an X509-SVID and of those who are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "three files")]
pub struct IdentityFiles {
    /// The chain, this process's own certificate first.
    pub certificate: PathBuf,
    /// Its private key, unencrypted.
    pub key: PathBuf,
    /// The certificates of the trust domain's authorities.
    pub bundle: PathBuf,
}

/// What `keyward keeper` does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "what a file can say")]
pub struct KeeperConfig {
    /// Where it listens; `None` for the default.
    pub listen: Option<SocketAddr>,
}

/// The keepers that hold the root key's shares.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what a file can say")]
pub struct KeepersConfig {
    /// How many of them unseal the store; from 2 to as many as there are.
    pub threshold: u8,
    /// The keepers; names and addresses differ.
    pub members: Vec<KeeperMember>,
    /// How long between two looks at them.
    pub poll: Duration,
}

/// One keeper.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what a file can say")]
pub struct KeeperMember {
    /// What it is called in status, events and metrics.
    pub name: String,
    /// Host and port.
    pub address: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FileIdentity {
    trust_domain: Spanned<String>,
    files: Option<FileFiles>,
    workload_api: Option<Spanned<String>>,
    operators: Option<Spanned<BTreeMap<String, Spanned<String>>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileFiles {
    certificate: PathBuf,
    key: PathBuf,
    bundle: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileKeeper {
    listen: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FileKeepers {
    threshold: Spanned<u8>,
    members: Spanned<Vec<FileMember>>,
    poll_seconds: Option<Spanned<u32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileMember {
    name: Spanned<String>,
    address: Spanned<String>,
}

pub(super) fn identity(identity: FileIdentity) -> Result<IdentityConfig, ConfigError> {
    let FileIdentity { trust_domain, files, workload_api, operators: _ } = identity;
    let source = match (files, workload_api) {
        (Some(FileFiles { certificate, key, bundle }), None) => {
            IdentitySource::Files(IdentityFiles { certificate, key, bundle })
        }
        (None, Some(address)) => IdentitySource::WorkloadApi(endpoint(address)?),
        (Some(_), Some(address)) => {
            return Err(at(&address, "an identity comes from `files` or from `workloadApi`"));
        }
        (None, None) => {
            let what = "an identity needs `files` (certificate, key, bundle) or `workloadApi`";
            return Err(at(&trust_domain, what));
        }
    };
    Ok(IdentityConfig { trust_domain: parse(&trust_domain)?, source })
}

/// What people with certificates may do, and where it stands.
pub(super) fn operators(
    identity: &FileIdentity,
) -> Result<Option<(&Spanned<impl Sized>, Operators)>, ConfigError> {
    let Some(given) = &identity.operators else { return Ok(None) };
    if given.value.len() > OPERATORS_MAX {
        return Err(at(given, format_args!("at most {OPERATORS_MAX} operators are read")));
    }
    let trust_domain: TrustDomain = parse(&identity.trust_domain)?;
    let mut operators = Vec::with_capacity(given.value.len());
    for (name, role) in &given.value {
        let path = format!("/keyward/operator/{name}");
        let id = SpiffeId::of(&trust_domain, &path).map_err(|error| at(role, error))?;
        if crate::mtls::Role::of(&id) != Some(crate::mtls::Role::Operator) {
            let what = "an operator's name is the last segment of its SPIFFE ID, without slashes";
            return Err(at(role, what));
        }
        let known = Role::named(&role.value);
        let known =
            known.ok_or_else(|| at(role, "expected admin, operator, signer, auditor or viewer"))?;
        operators.push((name.clone(), known));
    }
    Ok(Some((given, operators.into_iter().collect())))
}

/// SPIFFE-Workload-Endpoint section 3: a socket by its absolute path, or an IP address.
fn endpoint(address: Spanned<String>) -> Result<String, ConfigError> {
    let path = address.value.strip_prefix("unix:").map(|path| path.trim_start_matches("//"));
    let is_socket = path.is_some_and(|path| path.starts_with('/') && path.len() > 1);
    let is_address = address.value.strip_prefix("tcp://").map(str::parse::<SocketAddr>);
    if is_socket || matches!(is_address, Some(Ok(_))) {
        return Ok(address.value);
    }
    Err(at(
        &address,
        "expected unix:///path/of/the/socket, or tcp:// with an IP address and a port",
    ))
}

pub(super) fn keeper(keeper: FileKeeper) -> Result<KeeperConfig, ConfigError> {
    let FileKeeper { listen } = keeper;
    Ok(KeeperConfig { listen: listen.map(|text| parse(&text)).transpose()? })
}

pub(super) fn keepers(keepers: FileKeepers) -> Result<KeepersConfig, ConfigError> {
    let FileKeepers { threshold, members, poll_seconds } = keepers;
    let count = members.value.len();
    if count > KEEPERS_MAX {
        return Err(at(&members, format_args!("at most {KEEPERS_MAX} keepers are read")));
    }
    if threshold.value < 2 || usize::from(threshold.value) > count {
        let what = format_args!("expected from 2 to {count}, which is how many members there are");
        return Err(match count {
            0 | 1 => at(&members, "keepers are at least two: one alone would have the root key"),
            _ => at(&threshold, what),
        });
    }
    let seconds = match &poll_seconds {
        Some(given) if !(1..=POLL_SECONDS_MAX).contains(&given.value) => {
            return Err(at(given, format_args!("expected from 1 to {POLL_SECONDS_MAX} seconds")));
        }
        Some(given) => given.value,
        None => POLL_SECONDS,
    };
    let (mut names, mut addresses) = (BTreeSet::new(), BTreeSet::new());
    for FileMember { name, address } in &members.value {
        check_name(name)?;
        check_address(address)?;
        if !names.insert(&name.value) {
            return Err(at(name, format_args!("another keeper is called `{}`", name.value)));
        }
        if !addresses.insert(&address.value) {
            let what = format_args!("another keeper is at {}: each holds one share", address.value);
            return Err(at(address, what));
        }
    }
    let members = members.value.into_iter();
    let members = members.map(|FileMember { name, address }| KeeperMember {
        name: name.value,
        address: address.value,
    });
    let poll = Duration::from_secs(seconds.into());
    Ok(KeepersConfig { threshold: threshold.value, members: members.collect(), poll })
}

fn check_name(name: &Spanned<String>) -> Result<(), ConfigError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._".contains(c);
    let length = name.value.len();
    if (1..=KEEPER_NAME_CHARS_MAX).contains(&length) && name.value.chars().all(allowed) {
        return Ok(());
    }
    let what = "a keeper's name has 1 to 64 small letters, digits, `-`, `.` and `_`";
    Err(at(name, what))
}

fn check_address(address: &Spanned<String>) -> Result<(), ConfigError> {
    let what = "expected a host and a port, as in keeper-1.example:8231 or [::1]:8231";
    if address.value.parse::<SocketAddr>().is_ok() {
        return Ok(());
    }
    let short = address.value.len() <= KEEPER_ADDRESS_BYTES_MAX;
    let parts = address.value.split_once(':').filter(|_| short);
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    match parts {
        Some((host, port))
            if !host.is_empty()
                && host.chars().all(allowed)
                && port.parse::<u16>().is_ok_and(|port| port > 0) =>
        {
            Ok(())
        }
        _ => Err(at(address, what)),
    }
}
