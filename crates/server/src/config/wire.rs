//! The file as it is written.

use std::{
    cmp::Ordering, collections::BTreeMap, fmt::Display, net::SocketAddr, path::PathBuf,
    str::FromStr,
};

use keyward_lifecycle::{
    algorithm::Algorithm,
    id::ProfileName,
    profile::{LedgerMode, OnMaxAge, Profile, RotationPolicy, StoreAddress, Strictness},
};
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{
    ALERTS_MAX, Alert, CONFIG_BYTES_MAX, ClientAuth, Config, ConfigError, PROFILES_MAX,
    RootKeyConfig, ServerConfig, TlsFiles, WARNING_MONTHS,
    certificate::{FileCertificate, certificates},
    keeper, root,
};

/// Most months in a policy: a hundred years.
const MONTHS_MAX: u16 = 1200;
/// Months at which a key is past its time, unless the file says otherwise.
const MAX_AGE_MONTHS: u16 = 12;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    signer: Option<Signer>,
    server: Option<Server>,
    #[serde(rename = "rootKey")]
    root_key: Option<RootKey>,
    identity: Option<keeper::FileIdentity>,
    keeper: Option<keeper::FileKeeper>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RootKey {
    keepers: Option<keeper::FileKeepers>,
    rotation: Option<root::FileRotation>,
    backup: Option<root::FileBackup>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signer {
    #[serde(default)]
    profiles: BTreeMap<Name, FileProfile>,
    rotation: Option<Rotation>,
}

/// A profile's name, with its place.
#[derive(Deserialize)]
#[serde(transparent)]
struct Name(Spanned<String>);

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.0.value == other.0.value
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.value.cmp(&other.0.value)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FileProfile {
    algorithm: Spanned<String>,
    key_store: Spanned<String>,
    rotation: Option<ProfileRotation>,
    ledger: Option<Ledger>,
    policy: Option<Policy>,
    module_certificate: Option<FileCertificate>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProfileRotation {
    enabled: Option<bool>,
    max_age_months: Option<Spanned<u16>>,
    warning_months: Option<Spanned<u16>>,
    on_max_age: Option<FileOnMaxAge>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FileOnMaxAge {
    Warn,
    RefuseSign,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Ledger {
    Durable,
    Buffered,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Policy {
    Standard,
    Strict,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rotation {
    warning_months: Option<Spanned<u16>>,
    #[serde(default)]
    alerts: Vec<Spanned<FileAlert>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileAlert {
    #[serde(rename = "type")]
    kind: AlertKind,
    channel: Option<String>,
    recipients: Option<Vec<String>>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum AlertKind {
    Slack,
    Email,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Server {
    listen: Option<Spanned<String>>,
    tls: Option<Tls>,
    client_auth: Option<Spanned<FileClientAuth>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum FileClientAuth {
    None,
    Spiffe,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tls {
    certificate: PathBuf,
    key: PathBuf,
}

pub(super) fn read(text: &str) -> Result<Config, ConfigError> {
    if text.len() > CONFIG_BYTES_MAX {
        let what = format!("the configuration has more than {CONFIG_BYTES_MAX} bytes");
        return Err(ConfigError::Whole(what));
    }
    let file: Option<File> = serde_saphyr::from_str(text).map_err(|error| located(&error))?;
    let Some(File { signer, server, root_key, identity, keeper }) = file else {
        return Ok(Config::default());
    };
    let mut config = Config {
        server: server_of(server, identity.as_ref())?,
        root_key: root_key.map(self::root_key).transpose()?.unwrap_or_default(),
        identity: identity.map(keeper::identity).transpose()?,
        keeper: keeper.map(keeper::keeper).transpose()?.unwrap_or_default(),
        ..Config::default()
    };
    let Some(Signer { profiles, rotation }) = signer else { return Ok(config) };
    let warning = rotation.as_ref().and_then(|rotation| rotation.warning_months.as_ref());
    let warning = warning.map(|months| self::months(months, 0)).transpose()?;
    if profiles.len() > PROFILES_MAX {
        return Err(ConfigError::Whole(format!("at most {PROFILES_MAX} profiles are read")));
    }
    for (name, profile) in &profiles {
        config.profiles.push(profile_of(&name.0, profile, warning)?);
    }
    let stated = profiles.iter().filter_map(|(name, profile)| {
        profile.module_certificate.as_ref().map(|certificate| (&name.0, certificate))
    });
    config.certificates = certificates(stated)?;
    let alerts = rotation.map(|rotation| rotation.alerts).unwrap_or_default();
    if alerts.len() > ALERTS_MAX {
        return Err(ConfigError::Whole(format!("at most {ALERTS_MAX} alerts are read")));
    }
    config.alerts = alerts.into_iter().map(alert).collect::<Result<_, _>>()?;
    Ok(config)
}

fn profile_of(
    name: &Spanned<String>,
    profile: &FileProfile,
    warning: Option<u16>,
) -> Result<Profile, ConfigError> {
    let FileProfile { algorithm, key_store, rotation, ledger, policy, module_certificate: _ } =
        profile;
    Ok(Profile {
        name: parse::<ProfileName>(name)?,
        algorithm: parse::<Algorithm>(algorithm)?,
        key_store: parse::<StoreAddress>(key_store)?,
        rotation: policy_of(rotation.as_ref(), warning)?,
        ledger: match ledger {
            None | Some(Ledger::Durable) => LedgerMode::Durable,
            Some(Ledger::Buffered) => LedgerMode::Buffered,
        },
        policy: match policy {
            None | Some(Policy::Standard) => Strictness::Standard,
            Some(Policy::Strict) => Strictness::Strict,
        },
    })
}

/// A profile's own months beat the global ones (SO-112).
fn policy_of(
    rotation: Option<&ProfileRotation>,
    warning: Option<u16>,
) -> Result<RotationPolicy, ConfigError> {
    let own = rotation.and_then(|rotation| rotation.warning_months.as_ref());
    let max_age = rotation.and_then(|rotation| rotation.max_age_months.as_ref());
    let max_age_months = max_age.map_or(Ok(MAX_AGE_MONTHS), |it| months(it, 1))?;
    let warning_months = match own {
        Some(own) => months(own, 0)?,
        None => warning.unwrap_or(WARNING_MONTHS).min(max_age_months),
    };
    if warning_months > max_age_months {
        let what = "the warning cannot begin before the key is made: warningMonths is more than \
                    maxAgeMonths";
        return Err(own.map_or_else(|| ConfigError::Whole(what.to_owned()), |own| at(own, what)));
    }
    let on_max_age = match rotation.and_then(|rotation| rotation.on_max_age.as_ref()) {
        None | Some(FileOnMaxAge::RefuseSign) => OnMaxAge::RefuseSign,
        Some(FileOnMaxAge::Warn) => OnMaxAge::Warn,
    };
    let enabled = rotation.and_then(|rotation| rotation.enabled).unwrap_or(true);
    Ok(RotationPolicy { enabled, max_age_months, warning_months, on_max_age })
}

fn months(months: &Spanned<u16>, least: u16) -> Result<u16, ConfigError> {
    if (least..=MONTHS_MAX).contains(&months.value) {
        return Ok(months.value);
    }
    Err(at(months, format!("expected from {least} to {MONTHS_MAX} months")))
}

fn alert(alert: Spanned<FileAlert>) -> Result<Alert, ConfigError> {
    let wrong = |what: &str| Err(at(&alert, what));
    let FileAlert { kind, channel, recipients } = &alert.value;
    match (kind, channel, recipients) {
        (AlertKind::Slack, Some(channel), None) => Ok(Alert::Slack { channel: channel.clone() }),
        (AlertKind::Email, None, Some(recipients)) if !recipients.is_empty() => {
            Ok(Alert::Email { recipients: recipients.clone() })
        }
        (AlertKind::Slack, ..) => wrong("an alert of type slack has a `channel` and nothing else"),
        (AlertKind::Email, ..) => {
            wrong("an alert of type email has `recipients`, at least one, and nothing else")
        }
    }
}

fn server_of(
    server: Option<Server>,
    identity: Option<&keeper::FileIdentity>,
) -> Result<ServerConfig, ConfigError> {
    let Server { listen, tls, client_auth } = server.unwrap_or_default();
    let listen = listen.map(|text| parse::<SocketAddr>(&text)).transpose()?;
    let tls = tls.map(|Tls { certificate, key }| TlsFiles { certificate, key });
    let operators = identity.map(keeper::operators).transpose()?.flatten();
    let asked = client_auth.filter(|asked| matches!(asked.value, FileClientAuth::Spiffe));
    let client_auth = match (asked, identity, operators) {
        (None, _, None) => None,
        (None, _, Some((place, _))) => {
            let what = "operators come with certificates, which nothing asks for: say \
                        `clientAuth: spiffe` under `server`";
            return Err(at(place, what));
        }
        (Some(asked), None, _) => {
            let what = "callers are known by the trust domain of the section `identity`, which is \
                        missing";
            return Err(at(&asked, what));
        }
        (Some(_), Some(_), operators) => {
            let operators = operators.map(|(_, operators)| operators).unwrap_or_default();
            Some(ClientAuth::Spiffe { operators })
        }
    };
    Ok(ServerConfig { listen, tls, client_auth })
}

fn root_key(root_key: RootKey) -> Result<RootKeyConfig, ConfigError> {
    let RootKey { keepers, rotation, backup } = root_key;
    Ok(RootKeyConfig {
        keepers: keepers.map(keeper::keepers).transpose()?,
        rotation: rotation.map(root::rotation).transpose()?,
        backup: backup.map(root::backup).transpose()?,
    })
}

pub(super) fn parse<T: FromStr<Err: Display>>(text: &Spanned<String>) -> Result<T, ConfigError> {
    text.value.parse().map_err(|error: T::Err| at(text, error))
}

pub(super) fn at<T>(spanned: &Spanned<T>, what: impl Display) -> ConfigError {
    let place = spanned.referenced;
    ConfigError::At { line: place.line(), column: place.column(), what: what.to_string() }
}

fn located(error: &serde_saphyr::Error) -> ConfigError {
    let error = error.without_snippet();
    let text = error.to_string();
    match error.location() {
        Some(place) => {
            let (line, column) = (place.line(), place.column());
            // The message names the place as well; once is enough.
            let what = text.split(&format!(" at line {line}")).next().unwrap_or(&text);
            ConfigError::At { line, column, what: what.to_owned() }
        }
        None => ConfigError::Whole(text),
    }
}
