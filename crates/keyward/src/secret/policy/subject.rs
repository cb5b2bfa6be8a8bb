//! Who asks, and how a policy names him.

use std::sync::Arc;

use keyward_lifecycle::{
    access::{Role, Token},
    spiffe::{SpiffeId, TrustDomain},
};

/// Who asks for secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum Subject {
    /// The owner of the store, or somebody with the admin role: no policy is needed.
    Admin,
    /// The holder of a token.
    Token {
        /// The token's name.
        name: Arc<str>,
        /// Its role.
        role: Role,
    },
    /// A workload.
    Workload {
        /// Its name, which mutual TLS proved.
        id: SpiffeId,
        /// The role that it was given, if one.
        role: Option<Role>,
    },
}

impl Subject {
    /// Whoever holds `token`.
    #[must_use]
    pub fn of_token(token: &Token) -> Self {
        match token.role {
            Role::Admin => Self::Admin,
            role @ (Role::Operator | Role::Signer | Role::Auditor | Role::Viewer) => {
                Self::Token { name: token.token_id.clone(), role }
            }
        }
    }
}

/// Whom a rule names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who<'p> {
    /// A token by its name.
    Token(&'p str),
    /// Everybody of a role.
    Role(Role),
    /// Workloads: trust domain and path, in which a segment may be `*`.
    Workloads(&'p str),
}

impl<'p> Who<'p> {
    /// Reads `token:NAME`, `role:ROLE` or `spiffe://DOMAIN/SEGMENTS`.
    pub(super) fn parse(text: &'p str) -> Result<Self, MalformedSubject> {
        let malformed = |expected| MalformedSubject { text: shown(text), expected };
        let expected = "`token:NAME`, `role:ROLE` or `spiffe://DOMAIN/PATH`";
        match text.split_once(':') {
            Some(("token", name)) => {
                let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
                let plausible = !name.is_empty()
                    && name.len() <= crate::token::TOKEN_NAME_BYTES_MAX
                    && name.bytes().all(good);
                let expected = "the name of a token after `token:`";
                if plausible { Ok(Self::Token(name)) } else { Err(malformed(expected)) }
            }
            Some(("role", name)) => {
                let expected = "admin, operator, signer, auditor or viewer after `role:`";
                Role::named(name).map(Self::Role).ok_or_else(|| malformed(expected))
            }
            Some(("spiffe", rest)) => {
                let expected = "a SPIFFE ID in which a whole segment of the path may be `*`";
                let pattern = rest.strip_prefix("//").filter(|pattern| is_pattern(pattern));
                pattern.map(Self::Workloads).ok_or_else(|| malformed(expected))
            }
            Some(_) | None => Err(malformed(expected)),
        }
    }
}

/// Whether it is a SPIFFE ID without its scheme, some of whose segments are `*`.
fn is_pattern(pattern: &str) -> bool {
    let (domain, path) = pattern.split_once('/').unwrap_or((pattern, ""));
    let Ok(domain) = TrustDomain::parse(domain) else { return false };
    if path.is_empty() {
        return !pattern.contains('/');
    }
    let filled = path.split('/').map(|segment| if segment == "*" { "any" } else { segment });
    let filled = filled.fold(String::new(), |filled, segment| filled + "/" + segment);
    SpiffeId::of(&domain, &filled).is_ok()
}

fn shown(text: &str) -> String {
    text.chars().take(TEXT_SHOWN_CHARS_MAX).collect()
}

/// How much of a malformed text an error repeats.
const TEXT_SHOWN_CHARS_MAX: usize = 80;

/// A text that names nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names nobody: expected {expected}")]
pub struct MalformedSubject {
    text: String,
    expected: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_names_a_token_a_role_or_workloads() {
        assert_eq!(Who::parse("token:ci"), Ok(Who::Token("ci")));
        assert_eq!(Who::parse("role:signer"), Ok(Who::Role(Role::Signer)));
        let workloads = "spiffe://example.org/app/*/web";
        assert_eq!(Who::parse(workloads), Ok(Who::Workloads("example.org/app/*/web")));
        assert_eq!(Who::parse("spiffe://example.org"), Ok(Who::Workloads("example.org")));
        for text in [
            "ci",
            "token:",
            "token:a b",
            "role:root",
            "spiffe:example.org",
            "spiffe://",
            "spiffe://*/app",
            "spiffe://example.org/",
            "spiffe://example.org/a*",
            "spiffe://example.org//a",
            "user:ci",
        ] {
            assert!(Who::parse(text).is_err(), "{text}");
        }
    }
}
