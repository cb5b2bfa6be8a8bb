//! The configuration file.

use keyward_lifecycle::{profile::Profile, time::Timestamp};
use keyward_server::config::{
    ALERTS_MAX, Alert, ClientAuth, Config, ConfigError, IdentityConfig, IdentitySource,
    KEEPERS_MAX, KeepersConfig, MaintenanceWindow, PROFILES_MAX, RootBackupConfig, RootKeyConfig,
    RootRotationConfig, ServerConfig,
};
use serde_json::{Value, json};

/// Text as a configuration: what is read is within its bounds, and written out in full, with
/// every default and in another order, it reads as the same. What is refused has a place.
pub(crate) fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Config::read(text) {
        Ok(config) => {
            is_within_bounds(&config);
            let written = written(&config);
            let again = Config::read(&written);
            assert_eq!(again.as_ref(), Ok(&config), "written as {written}");
        }
        Err(ConfigError::At { line, column, what }) => {
            let lines = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count();
            let lines = u64::try_from(lines).expect("a short text").saturating_add(1);
            assert!((1..=lines).contains(&line) && column >= 1, "at {line}:{column}: {what}");
            assert!(!what.is_empty());
        }
        Err(ConfigError::Whole(what)) => assert!(!what.is_empty()),
    }
}

fn is_within_bounds(config: &Config) {
    let profiles = config.profiles();
    assert!(profiles.len() <= PROFILES_MAX && config.alerts.len() <= ALERTS_MAX);
    assert!(profiles.is_sorted_by(|one, next| one.name < next.name), "each name once");
    for Profile { name, rotation, .. } in &profiles {
        assert!((1..=1200).contains(&rotation.max_age_months), "{name}");
        assert!(rotation.warning_months <= rotation.max_age_months, "{name}");
    }
    for (profile, certificate) in &config.certificates {
        assert!(profiles.iter().any(|known| known.name == *profile), "{profile} is of none");
        assert!(certificate.sunset.is_none() || certificate.sunset() <= certificate.sunset);
    }
    assert!(config.server.client_auth.is_none() || config.identity.is_some());
    let RootKeyConfig { keepers, rotation, backup } = &config.root_key;
    if let Some(KeepersConfig { threshold, members, poll }) = keepers {
        let count = members.len();
        assert!((2..=KEEPERS_MAX).contains(&count));
        assert!((2..=count).contains(&usize::from(*threshold)), "{threshold} of {count}");
        assert!((1..=3600).contains(&poll.as_secs()));
    }
    assert!(backup.as_ref().is_none_or(|backup| backup.file.is_absolute()));
    if let Some(rotation) = rotation {
        is_due_in_its_window(rotation);
    }
}

/// A rotation is due neither before its interval is over nor, in a window, in the past; and it
/// may begin when it is due.
fn is_due_in_its_window(rotation: &RootRotationConfig) {
    for (began, now) in [(0, 0), (0, 1_735_689_600), (1_735_689_600, 1_740_000_123)] {
        let (began, now) = (Timestamp::from_seconds(began), Timestamp::from_seconds(now));
        let next = rotation.next(began, now);
        assert!(next >= began.plus_seconds(i64::from(rotation.every_days) * 86_400));
        assert!(rotation.is_due(began, next), "{next} is not in the window");
        if rotation.window.is_some() {
            assert!(next >= now, "{next} is before {now}");
            assert!(next < now.max(next.min(now)).plus_seconds(3660 * 86_400));
        }
    }
}

/// A configuration in full.
fn written(config: &Config) -> String {
    let profiles = config.profiles().into_iter().map(|profile| {
        let mut written = json!({
            "policy": profile.policy, "ledger": profile.ledger, "rotation": profile.rotation,
            "keyStore": profile.key_store, "algorithm": profile.algorithm.name(),
        });
        if let Some(certificate) = config.certificates.get(&profile.name) {
            let (standard, number) = (&certificate.standard, &certificate.number);
            let status = certificate.status.name();
            let mut stated = json!({"status": status, "number": number, "standard": standard});
            if let Some(sunset) = certificate.sunset {
                let day = sunset.to_string();
                stated["sunset"] = json!(day.split_once('T').expect("a day and a time").0);
            }
            written["moduleCertificate"] = stated;
        }
        (profile.name.to_string(), written)
    });
    let profiles: serde_json::Map<_, _> = profiles.collect();
    let alerts = config.alerts.iter().map(|alert| match alert {
        Alert::Slack { channel } => json!({"channel": channel, "type": "slack"}),
        Alert::Email { recipients } => json!({"recipients": recipients, "type": "email"}),
    });
    let alerts: Vec<Value> = alerts.collect();
    let mut file = json!({
        "signer": {"rotation": {"alerts": alerts}, "profiles": profiles},
        "server": server(&config.server), "rootKey": root_key(&config.root_key), "keeper": {},
    });
    if let Some(listen) = config.keeper.listen {
        file["keeper"]["listen"] = json!(listen);
    }
    if let Some(identity) = &config.identity {
        file["identity"] = self::identity(identity, config.server.client_auth.as_ref());
    }
    let mut text = String::new();
    flow(&file, &mut text);
    text
}

fn server(config: &ServerConfig) -> Value {
    let ServerConfig { listen, tls, client_auth } = config;
    let tls = tls.as_ref().map(|tls| json!({"key": tls.key, "certificate": tls.certificate}));
    let client_auth = if client_auth.is_some() { "spiffe" } else { "none" };
    json!({"listen": listen, "tls": tls, "clientAuth": client_auth})
}

fn identity(config: &IdentityConfig, client_auth: Option<&ClientAuth>) -> Value {
    let IdentityConfig { trust_domain, source } = config;
    let mut written = match source {
        IdentitySource::Files(files) => json!({"files": {
            "bundle": files.bundle, "key": files.key, "certificate": files.certificate}}),
        IdentitySource::WorkloadApi(address) => json!({"workloadApi": address}),
    };
    written["trustDomain"] = json!(trust_domain.as_str());
    if let Some(ClientAuth::Spiffe { operators }) = client_auth {
        let roles = operators.iter().map(|(name, role)| (name.to_owned(), json!(role.name())));
        written["operators"] = Value::Object(roles.collect());
    }
    written
}

fn root_key(config: &RootKeyConfig) -> Value {
    let RootKeyConfig { keepers, rotation, backup } = config;
    let keepers = keepers.as_ref().map(|KeepersConfig { threshold, members, poll }| {
        let members = members.iter().map(|it| json!({"address": it.address, "name": it.name}));
        let members: Vec<Value> = members.collect();
        json!({"pollSeconds": poll.as_secs(), "members": members, "threshold": threshold})
    });
    let rotation = rotation.as_ref().map(|rotation| {
        let RootRotationConfig { every_days, window, records_per_second, finalise_after_hours } =
            rotation;
        json!({"everyDays": every_days, "window": window.map(self::window),
            "recordsPerSecond": records_per_second, "finaliseAfterHours": finalise_after_hours})
    });
    let backup = backup.as_ref().map(|RootBackupConfig { file, verify_every_days }| {
        json!({"file": file, "verifyEveryDays": verify_every_days})
    });
    json!({"backup": backup, "rotation": rotation, "keepers": keepers})
}

fn window(window: MaintenanceWindow) -> Value {
    let MaintenanceWindow { days, from, to } = window;
    let names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let open = names.into_iter().zip(days).filter_map(|(name, open)| open.then_some(name));
    let time = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    json!({"to": time(to), "from": time(from), "days": open.rev().collect::<Vec<_>>()})
}

/// YAML in its flow style, all of it ASCII.
fn flow(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => quoted(text, out),
        Value::Array(values) => {
            out.push('[');
            for value in values {
                flow(value, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (name, value) in members {
                quoted(name, out);
                out.push_str(": ");
                flow(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
    }
}

fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            ' '..='~' => out.push(letter),
            _ => out.push_str(&format!("\\U{:08x}", u32::from(letter))),
        }
    }
    out.push('"');
}
