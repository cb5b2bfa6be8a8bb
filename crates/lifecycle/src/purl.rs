//! Package URLs (ECMA-427): parsed, brought into the canonical form, and compared in no other.

mod codec;
pub(crate) mod rules;

use alloc::{
    borrow::ToOwned,
    collections::BTreeMap,
    string::{String, ToString},
};
use core::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
};

use packageurl::PackageUrl;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub(crate) use self::codec::{encode, split_type};
use self::rules::{NameForm, TypeRules};

/// Most bytes in a purl, as given and in its canonical form.
pub const PURL_BYTES_MAX: usize = 4096;

/// The decoded components of a purl.
///
/// Empty text counts as absent; leading and trailing `/` of namespace, name and subpath do not
/// count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the standard names exactly these components")]
pub struct Parts {
    /// The package type, such as `npm`.
    pub package_type: String,
    /// Segments, joined with `/`.
    pub namespace: Option<String>,
    /// The package's name.
    pub name: String,
    /// The version, opaque.
    pub version: Option<String>,
    /// Qualifiers by key.
    pub qualifiers: BTreeMap<String, String>,
    /// A path within the package.
    pub subpath: Option<String>,
}

/// A package URL in canonical form.
///
/// Equality, order and hash are those of the canonical text, and so of what it names.
#[derive(Clone)]
pub struct Purl {
    parts: Parts,
    canonical: String,
    scope_end: usize,
    version_end: usize,
}

/// Why a text is no purl. Whoever wrote the purl must act.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedPurl {
    /// Longer than [`PURL_BYTES_MAX`], as given or once percent-encoded.
    #[error("the purl has {bytes} bytes; at most {PURL_BYTES_MAX} are read")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It does not start with `pkg:`, a type and `/`.
    #[error("{text:?} is no purl: it starts with `pkg:`, a type of a-z 0-9 . - and a `/`")]
    NoType {
        /// What was given, or its start.
        text: String,
    },
    /// A component is not as the standard says.
    #[error("{text:?} is no purl: {reason}")]
    Component {
        /// What was given.
        text: String,
        /// What is wrong.
        reason: String,
    },
    /// A qualifier's key.
    #[error("the qualifier {key:?} of the purl {reason}")]
    Qualifier {
        /// The key.
        key: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A rule of the package type.
    #[error("a purl of type `{package_type}`: {rule}")]
    TypeRule {
        /// The type.
        package_type: String,
        /// The rule that is broken.
        rule: String,
    },
}

/// What is done with a qualifier key in upper case, which the standard forbids.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    Refused,
    Lowered,
}

/// Which demands of the type are made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Demands {
    All,
    /// All but required qualifiers: for a text that names no single package.
    Scope,
}

impl Purl {
    /// Parses, and brings into the canonical form: `PKG:NPM/x` and `pkg://npm/x` are
    /// `pkg:npm/x`.
    ///
    /// # Errors
    /// [`MalformedPurl`], also for a qualifier key in upper case or given twice.
    pub fn parse(text: &str) -> Result<Self, MalformedPurl> {
        Self::read(text, Keys::Refused, Demands::All)
    }

    /// As [`Self::parse`], repairing qualifier keys in upper case.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn normalise(text: &str) -> Result<Self, MalformedPurl> {
        Self::read(text, Keys::Lowered, Demands::All)
    }

    /// As [`Self::parse`], without the qualifiers that the type requires: for patterns.
    pub(crate) fn parse_scope(text: &str) -> Result<Self, MalformedPurl> {
        Self::read(text, Keys::Refused, Demands::Scope)
    }

    /// Builds a purl from its decoded components.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn from_parts(parts: Parts) -> Result<Self, MalformedPurl> {
        let package_type = codec::package_type(&parts.package_type)
            .ok_or_else(|| MalformedPurl::NoType { text: parts.package_type.clone() })?;
        let rules = rules::of(&package_type);
        let mut qualifiers = BTreeMap::new();
        for (key, value) in &parts.qualifiers {
            let key = codec::key(key, Keys::Lowered)?;
            if !value.is_empty() && qualifiers.insert(key.clone(), value.clone()).is_some() {
                return Err(codec::twice(key));
            }
        }
        Self::canonical(Parts { package_type, qualifiers, ..parts }, rules, Demands::All)
    }

    fn read(text: &str, keys: Keys, demands: Demands) -> Result<Self, MalformedPurl> {
        if text.len() > PURL_BYTES_MAX {
            return Err(MalformedPurl::TooLong { bytes: text.len() });
        }
        let (package_type, rest) =
            split_type(text).ok_or_else(|| MalformedPurl::NoType { text: codec::start(text) })?;
        let rules = rules::of(&package_type);
        let keys = if rules.lowers_keys { Keys::Lowered } else { keys };
        codec::check_keys(rest, keys)?;
        // The library splits and decodes; the type `generic` keeps its own type rules out.
        let generic = ["pkg:generic/", &codec::with_whole_version(rest)].concat();
        let split: PackageUrl<'_> = generic.parse().map_err(|error: packageurl::Error| {
            MalformedPurl::Component { text: text.to_owned(), reason: error.to_string() }
        })?;
        let parts = Parts {
            package_type,
            namespace: split.namespace().map(str::to_owned),
            name: split.name().to_owned(),
            version: split.version().map(str::to_owned),
            qualifiers: split
                .qualifiers()
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(key, value)| (key.to_string(), value.to_string()))
                .collect(),
            subpath: split.subpath().map(str::to_owned),
        };
        Self::canonical(parts, rules, demands)
    }

    fn canonical(
        mut parts: Parts,
        rules: &TypeRules,
        demands: Demands,
    ) -> Result<Self, MalformedPurl> {
        codec::trim(&mut parts);
        rules.fold(&mut parts);
        codec::check_segments(&parts, rules.form)?;
        let broken = |rule: String| MalformedPurl::TypeRule {
            package_type: parts.package_type.clone(),
            rule,
        };
        rules.check(&parts).map_err(|rule| broken(rule.to_owned()))?;
        if demands == Demands::All
            && let Some(key) = rules.missing_qualifier(&parts)
        {
            return Err(broken(alloc::format!("the qualifier `{key}` is required")));
        }
        Self::written(parts, rules.form)
    }

    fn written(parts: Parts, form: NameForm) -> Result<Self, MalformedPurl> {
        let mut canonical = alloc::format!("pkg:{}/", parts.package_type);
        if let Some(namespace) = &parts.namespace {
            codec::push_path(&mut canonical, namespace);
            canonical.push('/');
        }
        match form {
            NameForm::Path => codec::push_path(&mut canonical, &parts.name),
            NameForm::Plain | NameForm::Dashes | NameForm::Underscores => {
                encode(&mut canonical, &parts.name);
            }
        }
        let scope_end = canonical.len();
        if let Some(version) = &parts.version {
            canonical.push('@');
            encode(&mut canonical, version);
        }
        let version_end = canonical.len();
        for (index, (key, value)) in parts.qualifiers.iter().enumerate() {
            canonical.push(if index == 0 { '?' } else { '&' });
            canonical.push_str(key);
            canonical.push('=');
            encode(&mut canonical, value);
        }
        if let Some(subpath) = &parts.subpath {
            canonical.push('#');
            codec::push_path(&mut canonical, subpath);
        }
        if canonical.len() > PURL_BYTES_MAX {
            return Err(MalformedPurl::TooLong { bytes: canonical.len() });
        }
        Ok(Self { parts, canonical, scope_end, version_end })
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.canonical
    }

    /// The decoded components, each in its canonical form.
    #[must_use]
    pub const fn parts(&self) -> &Parts {
        &self.parts
    }

    /// The package type, in lower case.
    #[must_use]
    pub fn package_type(&self) -> &str {
        &self.parts.package_type
    }

    /// The namespace, decoded, its segments joined with `/`.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.parts.namespace.as_deref()
    }

    /// The name, decoded.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.parts.name
    }

    /// The version, decoded.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.parts.version.as_deref()
    }

    /// The qualifiers by key, decoded.
    #[must_use]
    pub const fn qualifiers(&self) -> &BTreeMap<String, String> {
        &self.parts.qualifiers
    }

    /// The subpath, decoded, its segments joined with `/`.
    #[must_use]
    pub fn subpath(&self) -> Option<&str> {
        self.parts.subpath.as_deref()
    }

    /// `pkg:type/namespace/name`, canonical: what anchors are matched on.
    #[must_use]
    pub fn scope(&self) -> &str {
        self.canonical.get(..self.scope_end).unwrap_or_default()
    }

    /// [`Self::scope`] with `@version`, if there is one.
    #[must_use]
    pub fn versioned(&self) -> &str {
        self.canonical.get(..self.version_end).unwrap_or_default()
    }
}

impl FromStr for Purl {
    type Err = MalformedPurl;

    fn from_str(text: &str) -> Result<Self, MalformedPurl> {
        Self::parse(text)
    }
}

impl fmt::Display for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.canonical)
    }
}

impl fmt::Debug for Purl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.canonical)
    }
}

impl PartialEq for Purl {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}

impl Eq for Purl {}

impl PartialOrd for Purl {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Purl {
    fn cmp(&self, other: &Self) -> Ordering {
        self.canonical.cmp(&other.canonical)
    }
}

impl Hash for Purl {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical.hash(state);
    }
}

impl Serialize for Purl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.canonical)
    }
}

impl<'de> Deserialize<'de> for Purl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}
