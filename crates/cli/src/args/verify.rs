//! `keyward verify`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use keyward_lifecycle::{id::Digest, time::Timestamp};

use super::instant;

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["envelopes", "proof_bundle", "batch"]))]
pub(crate) struct Verify {
    /// Envelopes, or exported proof bundles; `-` reads standard input
    #[arg(value_name = "ENVELOPE")]
    pub(crate) envelopes: Vec<PathBuf>,
    /// A proof bundle: its id, or its file
    #[arg(long, value_name = "sha256:…|FILE")]
    pub(crate) proof_bundle: Option<String>,
    /// The artifact itself: it must be the one that was signed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["digest", "batch"])]
    pub(crate) artifact: Option<PathBuf>,
    /// The SHA-256 of the artifact
    #[arg(long, value_name = "HEX", value_parser = digest, conflicts_with = "batch")]
    pub(crate) digest: Option<Digest>,
    /// The package under which the artifact is wanted
    #[arg(long, conflicts_with = "batch")]
    pub(crate) purl: Option<String>,
    /// The time judged, in place of the one that the signer claims
    #[arg(long, value_name = "TIME", value_parser = instant, conflicts_with = "batch")]
    pub(crate) at_time: Option<Timestamp>,
    /// Judge with what the log knew then
    #[arg(long, value_name = "TIME", value_parser = instant, conflicts_with = "batch")]
    pub(crate) as_of: Option<Timestamp>,
    /// Whether a claimed time may stand in for evidence
    #[arg(long, value_name = "POLICY", default_value = "evidence")]
    pub(crate) time_policy: TimePolicy,
    /// Judge offline, with an exported trust bundle and nothing else
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,
    /// With --trust: the authority that the bundle must be of (its SHA-256)
    #[arg(long, value_name = "HEX", value_parser = digest, requires = "trust")]
    pub(crate) authority: Option<Digest>,
    /// With --trust: follow an authority that has expired, too
    #[arg(long, requires = "trust")]
    pub(crate) allow_expired: bool,
    /// With --trust: how old the bundle's newest checkpoint may be, as in 12h or 7d
    #[arg(long, value_name = "AGE", default_value = "7d", value_parser = seconds)]
    pub(crate) max_view_age: i64,
    /// Many: a directory of envelopes, or a file with one a line
    #[arg(long, value_name = "DIR|FILE.jsonl")]
    pub(crate) batch: Option<PathBuf>,
    /// Check each signature alone, also with --batch; without --batch that is always so
    #[arg(long)]
    pub(crate) strict: bool,
}

/// Whether a claimed time may stand in for evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimePolicy {
    /// It may not
    Evidence,
    /// It may, where the key's end was benign
    Claimed,
}

impl TimePolicy {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::Claimed => "claimed",
        }
    }
}

/// 64 hex digits, with or without `sha256:`.
pub(super) fn digest(text: &str) -> Result<Digest, String> {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    hex.parse().map_err(|_| "expected 64 lower-case hex digits, with or without sha256:".to_owned())
}

/// A number and a unit: s, m, h or d.
fn seconds(text: &str) -> Result<i64, String> {
    let units = [("s", 1_i64), ("m", 60), ("h", 3_600), ("d", 86_400)];
    units
        .into_iter()
        .find_map(|(unit, seconds)| {
            text.strip_suffix(unit)?.parse::<u32>().ok().map(|n| (n, seconds))
        })
        .and_then(|(number, seconds)| i64::from(number).checked_mul(seconds))
        .ok_or_else(|| "expected a number and s, m, h or d, as in 12h or 7d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_a_number_and_a_unit() {
        assert_eq!(seconds("7d"), Ok(604_800));
        assert_eq!(seconds("90s"), Ok(90));
        for wrong in ["7", "d", "-1d", "7w", "99999999999d", ""] {
            let expected = "expected a number and s, m, h or d, as in 12h or 7d";
            assert_eq!(seconds(wrong), Err(expected.to_owned()), "{wrong}");
        }
    }
}
