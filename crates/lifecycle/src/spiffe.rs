//! Names of workloads: SPIFFE IDs (SPIFFE-ID section 2), which mutual TLS proves.
//!
//! Strict: nothing is decoded, folded or normalised, so two IDs name the same workload exactly if
//! their bytes are the same.

use alloc::sync::Arc;
use core::{fmt, str::FromStr};

/// Longest SPIFFE ID, in bytes (SPIFFE-ID section 2.3).
pub const SPIFFE_ID_BYTES_MAX: usize = 2048;
/// Longest trust domain, in bytes (SPIFFE-ID section 2.3).
pub const TRUST_DOMAIN_BYTES_MAX: usize = 255;

/// What every SPIFFE ID begins with.
const SCHEME: &str = "spiffe://";

/// A trust domain: who vouches for the names under it (SPIFFE-ID section 2.1).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrustDomain(Arc<str>);

impl TrustDomain {
    /// Reads a trust domain's name: 1 to 255 of `a-z`, `0-9`, `.`, `-` and `_`.
    ///
    /// # Errors
    /// [`MalformedSpiffeId`] says what is not so.
    pub fn parse(text: &str) -> Result<Self, MalformedSpiffeId> {
        if text.is_empty() {
            return Err(MalformedSpiffeId::NoTrustDomain);
        }
        if text.len() > TRUST_DOMAIN_BYTES_MAX {
            return Err(MalformedSpiffeId::TrustDomainTooLong(text.len()));
        }
        let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '-' | '_');
        match text.chars().find(|c| !allowed(*c)) {
            Some(found) => Err(MalformedSpiffeId::TrustDomainCharacter(found)),
            None => Ok(Self(text.into())),
        }
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TrustDomain {
    type Err = MalformedSpiffeId;

    fn from_str(text: &str) -> Result<Self, MalformedSpiffeId> {
        Self::parse(text)
    }
}

/// The name of a workload: `spiffe://`, a trust domain and a path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpiffeId {
    trust_domain: TrustDomain,
    /// Empty, or beginning with a slash.
    path: Arc<str>,
}

impl SpiffeId {
    /// Reads a SPIFFE ID.
    ///
    /// # Errors
    /// [`MalformedSpiffeId`] says what is not so.
    pub fn parse(text: &str) -> Result<Self, MalformedSpiffeId> {
        if text.is_empty() {
            return Err(MalformedSpiffeId::Empty);
        }
        if text.len() > SPIFFE_ID_BYTES_MAX {
            return Err(MalformedSpiffeId::TooLong(text.len()));
        }
        let rest = text.strip_prefix(SCHEME).ok_or(MalformedSpiffeId::Scheme)?;
        let slash = rest.find('/').unwrap_or(rest.len());
        let (trust_domain, path) = rest.split_at(slash);
        let trust_domain = TrustDomain::parse(trust_domain)?;
        check_path(path)?;
        Ok(Self { trust_domain, path: path.into() })
    }

    /// The workload at `path`, which is empty or begins with a slash, in `trust_domain`.
    ///
    /// # Errors
    /// [`MalformedSpiffeId`] says what is wrong with the path, or that both are too long together.
    pub fn of(trust_domain: &TrustDomain, path: &str) -> Result<Self, MalformedSpiffeId> {
        check_path(path)?;
        let length = [SCHEME, trust_domain.as_str(), path].iter().map(|part| part.len()).sum();
        if length > SPIFFE_ID_BYTES_MAX {
            return Err(MalformedSpiffeId::TooLong(length));
        }
        Ok(Self { trust_domain: trust_domain.clone(), path: path.into() })
    }

    /// Who vouches for the name.
    #[must_use]
    pub const fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// The path with its leading slash; empty for the trust domain itself.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path's segments; none for the trust domain itself.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.path.split('/').skip(1)
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trust_domain, path } = self;
        write!(f, "{SCHEME}{trust_domain}{path}")
    }
}

impl fmt::Debug for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for SpiffeId {
    type Err = MalformedSpiffeId;

    fn from_str(text: &str) -> Result<Self, MalformedSpiffeId> {
        Self::parse(text)
    }
}

/// SPIFFE-ID section 2.2: segments of unreserved characters, none empty, none relative.
fn check_path(path: &str) -> Result<(), MalformedSpiffeId> {
    if path.is_empty() {
        return Ok(());
    }
    let segments = path.strip_prefix('/').ok_or(MalformedSpiffeId::NoSlash)?;
    for segment in segments.split('/') {
        match segment {
            "" => return Err(MalformedSpiffeId::EmptySegment),
            "." | ".." => return Err(MalformedSpiffeId::DotSegment),
            _ => {}
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if let Some(found) = segment.chars().find(|c| !allowed(*c)) {
            return Err(MalformedSpiffeId::PathCharacter(found));
        }
    }
    Ok(())
}

/// Text that is no SPIFFE ID, or no trust domain. Whoever issued it must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "the rules of the standard")]
pub enum MalformedSpiffeId {
    /// There is nothing.
    #[error("a SPIFFE ID cannot be empty")]
    Empty,
    /// It is longer than 2048 bytes.
    #[error("a SPIFFE ID has at most {SPIFFE_ID_BYTES_MAX} bytes, not {0}")]
    TooLong(usize),
    /// It does not begin with `spiffe://`.
    #[error("a SPIFFE ID begins with `spiffe://`, in small letters")]
    Scheme,
    /// The trust domain is missing.
    #[error("the trust domain is missing")]
    NoTrustDomain,
    /// The trust domain is longer than 255 bytes.
    #[error("a trust domain has at most {TRUST_DOMAIN_BYTES_MAX} bytes, not {0}")]
    TrustDomainTooLong(usize),
    /// The trust domain has a character that none may have, as a port or a user would bring.
    #[error("a trust domain has small letters, digits, `.`, `-` and `_`, not {0:?}")]
    TrustDomainCharacter(char),
    /// The path does not begin with a slash.
    #[error("the path of a SPIFFE ID begins with a slash")]
    NoSlash,
    /// Two slashes stand together, or one at the end.
    #[error("the path of a SPIFFE ID has no empty segment and no slash at its end")]
    EmptySegment,
    /// A segment is `.` or `..`.
    #[error("the path of a SPIFFE ID has no segment `.` or `..`")]
    DotSegment,
    /// A segment has a character that none may have.
    #[error("the path of a SPIFFE ID has letters, digits, `.`, `-` and `_`, not {0:?}")]
    PathCharacter(char),
}

#[cfg(test)]
mod tests {
    use std::string::ToString as _;

    use super::*;

    #[test]
    fn an_id_comes_back_as_it_was_written() {
        let id = SpiffeId::parse("spiffe://example.org/keyward/operator/alice").unwrap();
        assert_eq!(id.trust_domain().as_str(), "example.org");
        assert_eq!(id.segments().collect::<alloc::vec::Vec<_>>(), ["keyward", "operator", "alice"]);
        assert_eq!(id.to_string(), "spiffe://example.org/keyward/operator/alice");
        let made = SpiffeId::of(id.trust_domain(), "/keyward/operator/alice");
        assert_eq!(made, Ok(id));
    }

    #[test]
    fn the_trust_domain_itself_has_no_segments() {
        let id = SpiffeId::parse("spiffe://example.org").unwrap();
        assert_eq!((id.path(), id.segments().count()), ("", 0));
    }

    #[test]
    fn lengths_are_bounded_with_and_without_a_path() {
        let longest = alloc::format!("spiffe://{}", "a".repeat(255));
        assert!(SpiffeId::parse(&longest).is_ok());
        let domain = TrustDomain::parse(&"a".repeat(256));
        assert_eq!(domain, Err(MalformedSpiffeId::TrustDomainTooLong(256)));
        let domain = TrustDomain::parse("a").unwrap();
        let path = alloc::format!("/{}", "b".repeat(2048 - 11));
        assert!(SpiffeId::of(&domain, &path).is_ok());
        let path = alloc::format!("{path}b");
        assert_eq!(SpiffeId::of(&domain, &path), Err(MalformedSpiffeId::TooLong(2049)));
    }
}
