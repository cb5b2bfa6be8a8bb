//! Path policies: who may do what under which prefix. Segments, no regular expressions; what is
//! not granted is denied.

pub(super) mod index;
mod subject;

use keyward_lifecycle::canonical::{Limits, from_slice_strict};
use serde::{Deserialize, Serialize};

use self::subject::Who;
pub use self::subject::{MalformedSubject, Subject};
use super::path;

/// Longest policy, in bytes of JSON.
pub const POLICY_BYTES_MAX: usize = 64 << 10;
/// Most rules of a policy.
pub const RULES_MAX: usize = 256;
/// Most pairs of somebody and a prefix in one policy.
pub const GRANTS_MAX: usize = 4_096;
/// Deepest nesting of a policy.
const DEPTH_MAX: usize = 8;

/// What may be done with secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every action")]
pub enum Action {
    /// Read values and metadata.
    Read,
    /// Write values and metadata.
    Write,
    /// List paths.
    List,
    /// Delete, bring back and purge.
    Delete,
}

impl Action {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::List => "list",
            Self::Delete => "delete",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Read => 1,
            Self::Write => 2,
            Self::List => 4,
            Self::Delete => 8,
        }
    }
}

/// A policy: its rules add up, and none takes anything away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Policy {
    rules: Vec<Rule>,
}

/// A policy before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    rules: Vec<Rule>,
}

/// One rule: each of `who` may do each of `may` under each of `under`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// `token:NAME`, `role:ROLE`, or a SPIFFE ID in which a segment may be `*`.
    who: Vec<String>,
    may: Vec<Action>,
    /// Prefixes in which a segment may be `*`; `/` alone covers every path.
    under: Vec<String>,
}

impl Policy {
    /// Reads the JSON form, strictly.
    ///
    /// # Errors
    /// [`MalformedPolicy`] says which rule, and what is wrong with it.
    pub fn parse(json: &[u8]) -> Result<Self, MalformedPolicy> {
        let limits = Limits::new(POLICY_BYTES_MAX, DEPTH_MAX);
        let Unchecked { rules } = from_slice_strict(json, limits)
            .map_err(|error| MalformedPolicy { rule: None, what: error.to_string() })?;
        let policy = Self { rules };
        policy.check()?;
        Ok(policy)
    }

    /// The JSON form.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Texts and lists have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }

    fn check(&self) -> Result<(), MalformedPolicy> {
        let whole = |what: String| MalformedPolicy { rule: None, what };
        if self.rules.is_empty() || self.rules.len() > RULES_MAX {
            return Err(whole(format!("it has from 1 to {RULES_MAX} rules")));
        }
        let mut grants = 0_usize;
        for (place, Rule { who, may, under }) in self.rules.iter().enumerate() {
            let rule = Some(place.saturating_add(1));
            let wrong = |what: String| MalformedPolicy { rule, what };
            if who.is_empty() || may.is_empty() || under.is_empty() {
                return Err(wrong("`who`, `may` and `under` each name at least one".to_owned()));
            }
            for text in who {
                Who::parse(text).map_err(|error| wrong(error.to_string()))?;
            }
            for text in under {
                prefix(text).map_err(|what| wrong(format!("the prefix `{text}` {what}")))?;
            }
            grants = grants.saturating_add(who.len().saturating_mul(under.len()));
        }
        if grants > GRANTS_MAX {
            let what = format!("it has at most {GRANTS_MAX} pairs of somebody and a prefix");
            return Err(whole(what));
        }
        Ok(())
    }

    /// Every grant: who, under which prefix, what.
    fn grants(&self) -> impl Iterator<Item = (Who<'_>, &str, u8)> {
        self.rules.iter().flat_map(|Rule { who, may, under }| {
            let bits = may.iter().fold(0, |bits, action| bits | action.bit());
            let whos = who.iter().filter_map(|text| Who::parse(text).ok());
            whos.flat_map(move |who| {
                under.iter().filter_map(move |text| prefix(text).ok().map(|it| (who, it, bits)))
            })
        })
    }
}

/// A prefix with wildcards: `/` for every path, else as a path.
fn prefix(text: &str) -> Result<&str, &'static str> {
    if text == "/" {
        return Ok("");
    }
    path::check(text, true).map(|()| text)
}

/// A text that is no policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MalformedPolicy {
    rule: Option<usize>,
    what: String,
}

impl std::fmt::Display for MalformedPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.rule {
            Some(rule) => write!(f, "the policy's rule {rule} is malformed: {}", self.what),
            None => write!(f, "the policy is malformed: {}", self.what),
        }
    }
}

impl std::error::Error for MalformedPolicy {}

impl MalformedPolicy {
    /// What to do next.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        r#"as in {"rules":[{"who":["token:ci"],"may":["read","list"],"under":["app/prod"]}]}"#
    }
}
