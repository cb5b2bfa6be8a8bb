//! A profile: an algorithm, a key store and a rotation policy under one name.

use alloc::{string::String, sync::Arc};
use core::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{algorithm::Algorithm, id::ProfileName};

/// What a key of this profile is made of and how it ages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "a new member must be decided about everywhere")]
pub struct Profile {
    /// Its name.
    pub name: ProfileName,
    /// The algorithm of every key made under it.
    pub algorithm: Algorithm,
    /// Where its keys' private parts live.
    pub key_store: StoreAddress,
    /// When its keys are due.
    pub rotation: RotationPolicy,
    /// When a signature's ledger entry is durable.
    pub ledger: LedgerMode,
    /// Whether what is merely unwise is refused.
    pub policy: Strictness,
}

impl Profile {
    /// The profiles that every store has from the start, all on the software store
    /// (LC-025: ages by algorithm).
    #[must_use]
    pub fn built_in() -> [Self; 4] {
        let profile = |name: &str, algorithm, max_age_months| Self {
            name: ProfileName::parse(name).unwrap_or_else(|_| unreachable_name()),
            algorithm,
            key_store: StoreAddress::software(),
            rotation: RotationPolicy {
                enabled: true,
                max_age_months,
                warning_months: 2,
                on_max_age: OnMaxAge::RefuseSign,
            },
            ledger: LedgerMode::Durable,
            policy: Strictness::Standard,
        };
        [
            profile("default", Algorithm::Ed25519, 12),
            profile("fips", Algorithm::EcdsaP256, 12),
            profile("pqc", Algorithm::MlDsa65, 24),
            profile("hybrid", Algorithm::MlDsa65Ed25519, 12),
        ]
    }
}

#[expect(
    clippy::unreachable,
    reason = "the four literals above are well formed; a test reads them"
)]
fn unreachable_name() -> ProfileName {
    unreachable!("a literal profile name is well formed")
}

/// When a key is due, in calendar months of UTC (SO-112).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "a new member must be decided about everywhere")]
pub struct RotationPolicy {
    /// Whether a successor is staged when the key is due.
    pub enabled: bool,
    /// Age, in months, at which a key is past its time. This is not expiry: it ends no window.
    pub max_age_months: u16,
    /// How many months before that warnings begin.
    pub warning_months: u16,
    /// What happens at that age.
    pub on_max_age: OnMaxAge,
}

/// What a key past its maximum age may still do (traps HA-35). Verification is unaffected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum OnMaxAge {
    /// Sign on, and warn.
    Warn,
    /// Refuse to sign once [`GRACE_MONTHS`] more have passed.
    RefuseSign,
}

/// Months past the maximum age during which `refuse-sign` still only warns.
pub const GRACE_MONTHS: u16 = 3;

/// When a signature is in the ledger for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum LedgerMode {
    /// Before the signature is released.
    Durable,
    /// Within the lease, at most a second after; an unclean stop leaves a LEDGER_GAP.
    Buffered,
}

/// Whether what is unwise is warned about or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum Strictness {
    /// Warned about.
    Standard,
    /// Refused without `--force`.
    Strict,
}

/// Where private keys live, as a URI of a known scheme: `software:`, `keyring:`, `hsm://…`,
/// `kms://…`. An unknown scheme is refused when it is read, not at the first signature (SO-016).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreAddress(Arc<str>);

impl StoreAddress {
    /// The software store: private keys sealed under the root key.
    #[must_use]
    pub fn software() -> Self {
        Self("software:".into())
    }

    /// The scheme, without the colon.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.0.split_once(':').map_or("", |(scheme, _)| scheme)
    }

    /// The whole address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StoreAddress {
    type Err = MalformedStoreAddress;

    fn from_str(text: &str) -> Result<Self, MalformedStoreAddress> {
        let known = SCHEMES.iter().any(|start| text.starts_with(start));
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if known && printable && text.len() <= STORE_ADDRESS_BYTES_MAX {
            Ok(Self(text.into()))
        } else {
            Err(MalformedStoreAddress(text.chars().take(STORE_ADDRESS_BYTES_MAX).collect()))
        }
    }
}

impl fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for StoreAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for StoreAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A text that names no key store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "key store `{0}` is unknown: expected `software:`, `keyring:…`, `hsm://pkcs11/…` or \
     `kms://aws/key/…`"
)]
pub struct MalformedStoreAddress(String);

const SCHEMES: [&str; 4] = ["software:", "keyring:", "hsm://pkcs11/", "kms://aws/key/"];
/// Longest key store address, in bytes.
pub const STORE_ADDRESS_BYTES_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use std::string::ToString as _;

    use super::*;

    #[test]
    fn the_built_in_profiles_are_well_formed() {
        let names = Profile::built_in().map(|profile| profile.name.to_string());
        assert_eq!(names, ["default", "fips", "pqc", "hybrid"]);
    }

    #[test]
    fn an_unknown_scheme_is_refused_when_read() {
        // SO-016
        for good in ["software:", "kms://aws/key/stellaops-default", "hsm://pkcs11/slot/0"] {
            assert_eq!(good.parse::<StoreAddress>().expect(good).as_str(), good);
        }
        let error = "vault://x".parse::<StoreAddress>().expect_err("unknown");
        assert_eq!(error, MalformedStoreAddress("vault://x".to_string()));
    }
}
