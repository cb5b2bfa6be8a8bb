//! Patterns of trust anchors: which packages an anchor speaks for (design section 6).
//!
//! A pattern is `*`, or canonical text that starts with `pkg:type/`, whole or with one `*` at
//! its end. It is compared with a purl's `pkg:type/namespace/name`, and with its `@version` only
//! where the pattern has one; never with qualifiers or the subpath. `docs/format/pattern.md` is
//! the full statement.

mod index;
mod literal;

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    sync::Arc,
};
use core::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use self::index::{Iter, PatternIndex};
use crate::purl::{MalformedPurl, Purl};

/// Most bytes in a pattern.
pub const PATTERN_BYTES_MAX: usize = 1024;

/// Which packages a trust anchor speaks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Pattern {
    /// `*`: every valid purl. Whoever takes one asks for permission first.
    Universal,
    /// Canonical text and a `*`: every purl that starts so.
    Prefix(Literal),
    /// Canonical text: the one package, or the one version of it.
    Exact(Literal),
}

/// The canonical text of a pattern, without the `*`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Literal(Arc<str>);

impl Literal {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether an `@` after the last `/` makes it speak of versions.
    #[must_use]
    pub fn is_versioned(&self) -> bool {
        self.0.rsplit('/').next().is_some_and(|last| last.contains('@'))
    }
}

impl fmt::Debug for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// Why a text is no pattern. Whoever wrote the pattern must act.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedPattern {
    /// Longer than [`PATTERN_BYTES_MAX`].
    #[error("the pattern has {bytes} bytes; at most {PATTERN_BYTES_MAX} are read")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Neither `*` nor a text that starts with `pkg:type/`.
    #[error("{text:?} is no pattern: write `pkg:type/name`, `pkg:type/start*` or `*`")]
    NotAPurl {
        /// What was given.
        text: String,
    },
    /// A `*` that is not the last character.
    #[error("{text:?}: only one `*` is a wildcard, at the very end; a literal one is `%2A`")]
    Wildcard {
        /// What was given.
        text: String,
    },
    /// Qualifiers or a subpath, which take no part in matching.
    #[error("{text:?}: qualifiers and subpaths are not matched: leave out what follows `?` or `#`")]
    NotMatched {
        /// What was given.
        text: String,
    },
    /// The same could be written in two ways, and this is not the canonical one.
    #[error("{text:?} is not canonical: write {canonical:?}")]
    NotCanonical {
        /// What was given.
        text: String,
        /// What to write.
        canonical: String,
    },
    /// A segment of the literal, cut short or malformed.
    #[error("{text:?} is no pattern: {reason}")]
    Segment {
        /// What was given.
        text: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The literal is no purl.
    #[error("the pattern without its `*` is no purl")]
    Purl(#[from] MalformedPurl),
}

/// What a pattern may surprise its author with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// It matches every package of every type.
    Universal,
    /// `org.apache.*` does not match `org.apache` itself.
    ExcludesParent {
        /// The pattern.
        pattern: String,
        /// What it does not match.
        parent: String,
    },
    /// `org.apache*` matches `org.apachefake` too.
    NoBoundary {
        /// The pattern.
        pattern: String,
        /// The text that other names may start with.
        literal: String,
    },
    /// The type has no namespaces, so nothing has this `/`.
    MatchesNothing {
        /// The pattern.
        pattern: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Universal => f.write_str("* speaks for every package of every type"),
            Self::ExcludesParent { pattern, parent } => write!(
                f,
                "{pattern} does not match {parent} itself: \
                 an anchor for {parent} or {parent}/* would"
            ),
            Self::NoBoundary { pattern, literal } => write!(
                f,
                "{pattern} also matches every longer name that starts with {literal}: \
                 {literal}/* or {literal}.* would stop at a boundary"
            ),
            Self::MatchesNothing { pattern } => {
                write!(f, "{pattern} matches nothing: packages of this type have no namespace")
            }
        }
    }
}

impl Pattern {
    /// Parses; nothing is trimmed, folded or repaired.
    ///
    /// # Errors
    /// [`MalformedPattern`]; for a literal that is not canonical it carries the one that is.
    pub fn parse(text: &str) -> Result<Self, MalformedPattern> {
        let (text, canonical) = match Self::read(text) {
            Err(MalformedPattern::NotCanonical { text, canonical }) => (text, canonical),
            other => return other,
        };
        // What is left of a literal once a version is dropped may be written otherwise itself.
        let canonical = match Self::read(&canonical) {
            Err(MalformedPattern::NotCanonical { canonical: again, .. }) => again,
            Ok(_) | Err(_) => canonical,
        };
        Err(MalformedPattern::NotCanonical { text, canonical })
    }

    fn read(text: &str) -> Result<Self, MalformedPattern> {
        if text.len() > PATTERN_BYTES_MAX {
            return Err(MalformedPattern::TooLong { bytes: text.len() });
        }
        if text == "*" {
            return Ok(Self::Universal);
        }
        let (written, wild) = text.strip_suffix('*').map_or((text, false), |start| (start, true));
        if written.contains('*') {
            return Err(MalformedPattern::Wildcard { text: text.to_owned() });
        }
        if written.contains(['?', '#']) {
            return Err(MalformedPattern::NotMatched { text: text.to_owned() });
        }
        let canonical = if wild {
            literal::prefix(text, written)?
        } else {
            match Purl::parse_scope(written) {
                Ok(purl) => purl.versioned().to_owned(),
                Err(MalformedPurl::NoType { .. }) => {
                    return Err(MalformedPattern::NotAPurl { text: text.to_owned() });
                }
                Err(malformed) => return Err(malformed.into()),
            }
        };
        if canonical != written {
            let star = if wild { "*" } else { "" };
            let canonical = [canonical.as_str(), star].concat();
            return Err(MalformedPattern::NotCanonical { text: text.to_owned(), canonical });
        }
        let literal = Literal(canonical.into());
        Ok(if wild { Self::Prefix(literal) } else { Self::Exact(literal) })
    }

    /// What [`Pattern::is_exact`] and [`Pattern::literal`] said of a pattern: not checked again.
    pub(crate) fn known(exact: bool, literal: &str) -> Self {
        match (exact, literal) {
            (true, _) => Self::Exact(Literal(literal.into())),
            (false, "") => Self::Universal,
            (false, _) => Self::Prefix(Literal(literal.into())),
        }
    }

    /// Whether the pattern is `*`, which needs permission of its own (traps HA-13).
    #[must_use]
    pub const fn is_universal(&self) -> bool {
        matches!(self, Self::Universal)
    }

    /// Whether the anchor of this pattern may speak for `purl`.
    #[must_use]
    pub fn matches(&self, purl: &Purl) -> bool {
        let compared = |literal: &Literal| {
            if literal.is_versioned() { purl.versioned() } else { purl.scope() }
        };
        match self {
            Self::Universal => true,
            Self::Prefix(literal) => compared(literal).starts_with(literal.as_str()),
            Self::Exact(literal) => compared(literal) == literal.as_str(),
        }
    }

    /// What the pattern may surprise its author with (traps HA-12).
    #[must_use]
    pub fn warning(&self) -> Option<Warning> {
        let literal = match self {
            Self::Universal => return Some(Warning::Universal),
            Self::Exact(_) => return None,
            Self::Prefix(literal) => literal.as_str(),
        };
        let pattern = self.to_string();
        if literal::matches_nothing(literal) {
            return Some(Warning::MatchesNothing { pattern });
        }
        if literal.ends_with(['/', '@']) {
            return None;
        }
        match literal.strip_suffix(['.', '-', '_', ':']) {
            Some(parent) if !parent.ends_with('/') => {
                Some(Warning::ExcludesParent { pattern, parent: parent.to_owned() })
            }
            Some(_) | None => Some(Warning::NoBoundary { pattern, literal: literal.to_owned() }),
        }
    }

    /// The text before the `*`; all of it where there is none.
    #[must_use]
    pub fn literal(&self) -> &str {
        match self {
            Self::Universal => "",
            Self::Prefix(literal) | Self::Exact(literal) => literal.as_str(),
        }
    }

    /// Whether the pattern names one package or one version.
    #[must_use]
    pub const fn is_exact(&self) -> bool {
        matches!(self, Self::Exact(_))
    }
}

impl FromStr for Pattern {
    type Err = MalformedPattern;

    fn from_str(text: &str) -> Result<Self, MalformedPattern> {
        Self::parse(text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.literal())?;
        if self.is_exact() { Ok(()) } else { f.write_str("*") }
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}
