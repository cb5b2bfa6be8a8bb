//! What the operator states of the cryptographic module behind a profile's key store (traps
//! HA-28). Keyward shows it and claims nothing: it neither has such a certificate nor checks one.

use std::collections::BTreeMap;

use keyward_lifecycle::{id::ProfileName, time::Timestamp};
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{
    ConfigError,
    wire::{at, parse},
};

/// Longest name of a standard, and longest number of a certificate, in characters.
pub const CERTIFICATE_CHARS_MAX: usize = 64;
/// The day from which every FIPS 140-2 certificate is on the historical list (CMVP).
const FIPS_140_2_SUNSET: &str = "2026-09-21T00:00:00Z";

/// The stated certificates, by profile.
pub type Certificates = BTreeMap<ProfileName, ModuleCertificate>;

/// A module certificate, as it is stated.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what a file can say")]
pub struct ModuleCertificate {
    /// What the module was validated against, as in `FIPS 140-3`.
    pub standard: String,
    /// The certificate's number.
    pub number: String,
    /// How it stands, as far as is stated.
    pub status: CertificateStatus,
    /// From when it is historical (midnight UTC), if that is stated.
    pub sunset: Option<Timestamp>,
}

/// How a module certificate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "the validation programme's three lists")]
pub enum CertificateStatus {
    /// For new systems.
    Active,
    /// Past its time: not for new systems.
    Historical,
    /// Withdrawn.
    Revoked,
}

impl CertificateStatus {
    /// The public word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Historical => "historical",
            Self::Revoked => "revoked",
        }
    }
}

impl ModuleCertificate {
    /// From when it is historical: as stated, and for FIPS 140-2 no later than its standard.
    #[must_use]
    pub fn sunset(&self) -> Option<Timestamp> {
        let standard = self.standard.contains("140-2").then(|| FIPS_140_2_SUNSET.parse().ok());
        [self.sunset, standard.flatten()].into_iter().flatten().min()
    }

    /// How it stands at `now`: one that is stated as active is not once its day has come.
    #[must_use]
    pub fn status_at(&self, now: Timestamp) -> CertificateStatus {
        match (self.status, self.sunset()) {
            (CertificateStatus::Active, Some(sunset)) if sunset <= now => {
                CertificateStatus::Historical
            }
            (status, _) => status,
        }
    }
}

/// What is to be said at a start about certificates that are not active at `now`.
#[must_use]
pub fn certificate_warnings(certificates: &Certificates, now: Timestamp) -> Vec<String> {
    let over = certificates.iter().filter_map(|(profile, certificate)| {
        let status = certificate.status_at(now);
        let ModuleCertificate { standard, number, .. } = certificate;
        (status != CertificateStatus::Active).then(|| {
            format!(
                "warning: profile `{profile}`: its module certificate, {standard} {number}, is {}",
                status.name()
            )
        })
    });
    over.collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileCertificate {
    standard: Spanned<String>,
    number: Spanned<String>,
    status: CertificateStatus,
    sunset: Option<Spanned<String>>,
}

pub(super) fn certificate(file: &FileCertificate) -> Result<ModuleCertificate, ConfigError> {
    let FileCertificate { standard, number, status, sunset } = file;
    let sunset = sunset.as_ref().map(day).transpose()?;
    Ok(ModuleCertificate {
        standard: words(standard)?,
        number: words(number)?,
        status: *status,
        sunset,
    })
}

fn words(text: &Spanned<String>) -> Result<String, ConfigError> {
    let good = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    let length = 1..=CERTIFICATE_CHARS_MAX;
    if text.value.bytes().all(good) && length.contains(&text.value.trim().len()) {
        return Ok(text.value.trim().to_owned());
    }
    Err(at(text, format!("expected 1 to {CERTIFICATE_CHARS_MAX} printable ASCII characters")))
}

fn day(text: &Spanned<String>) -> Result<Timestamp, ConfigError> {
    let midnight = format!("{}T00:00:00Z", text.value);
    midnight.parse().map_err(|_| at(text, "expected a day, as in 2026-09-21"))
}

/// The certificates of a file's profiles.
pub(super) fn certificates<'f>(
    profiles: impl Iterator<Item = (&'f Spanned<String>, &'f FileCertificate)>,
) -> Result<Certificates, ConfigError> {
    profiles.map(|(name, file)| Ok((parse(name)?, certificate(file)?))).collect()
}
