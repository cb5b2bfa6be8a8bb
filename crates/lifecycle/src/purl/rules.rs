//! What each package type asks of its purls: the type definitions of the package URL
//! specification (ECMA-427, `types/*-definition.json`) as a table.
//!
//! A type that is not in the table asks nothing.

use alloc::{borrow::Cow, string::String};

use super::Parts;

/// Whether a type's purls have a namespace.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Namespace {
    Optional,
    Required,
    Prohibited,
}

/// The canonical case of a component.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    Kept,
    Lower,
    Upper,
}

/// What else becomes of a name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameForm {
    /// It stays.
    Plain,
    /// `_` becomes `-`.
    Dashes,
    /// Whatever is not `a-z0-9_` becomes `_`.
    Underscores,
    /// It is a path: its `/` stay unencoded, and the namespace is one segment, the host.
    Path,
}

/// One row of the table.
pub(crate) struct TypeRules {
    name: &'static str,
    pub(crate) namespace: Namespace,
    namespace_case: Case,
    name_case: Case,
    version_case: Case,
    subpath_case: Case,
    pub(crate) form: NameForm,
    qualifiers: &'static [&'static str],
    /// Whether parsing lowers qualifier keys; by the standard it refuses upper case.
    pub(crate) lowers_keys: bool,
}

use Case::{Kept, Lower, Upper};
use NameForm::{Dashes, Path, Plain, Underscores};
use Namespace::{Optional, Prohibited, Required};

const PLAIN: TypeRules = TypeRules {
    name: "",
    namespace: Optional,
    namespace_case: Kept,
    name_case: Kept,
    version_case: Kept,
    subpath_case: Kept,
    form: Plain,
    qualifiers: &[],
    lowers_keys: false,
};
/// Without a namespace.
const FLAT: TypeRules = TypeRules { namespace: Prohibited, ..PLAIN };
/// With a namespace; it and the name are in lower case.
const FOLDED: TypeRules =
    TypeRules { namespace: Required, namespace_case: Lower, name_case: Lower, ..PLAIN };

#[rustfmt::skip]
static TABLE: &[TypeRules] = &[
    TypeRules { name: "alpm", ..FOLDED },
    TypeRules { name: "apk", ..FOLDED },
    TypeRules { name: "bazel", ..FLAT },
    TypeRules { name: "bitbucket", ..FOLDED },
    TypeRules { name: "bitnami", name_case: Lower, ..FLAT },
    TypeRules { name: "brew", namespace_case: Lower, name_case: Lower, ..PLAIN },
    TypeRules { name: "cargo", ..FLAT },
    TypeRules { name: "chrome-extension", name_case: Lower, ..FLAT },
    TypeRules { name: "cocoapods", ..FLAT },
    TypeRules { name: "composer", ..FOLDED },
    TypeRules { name: "conda", ..FLAT },
    TypeRules { name: "cpan", namespace_case: Upper, ..PLAIN },
    TypeRules { name: "cran", ..FLAT },
    TypeRules { name: "deb", ..FOLDED },
    TypeRules { name: "gem", ..FLAT },
    TypeRules { name: "git", namespace: Required, form: Path, ..PLAIN },
    TypeRules { name: "github", ..FOLDED },
    TypeRules { name: "golang", ..FOLDED },
    TypeRules { name: "hackage", form: Dashes, ..FLAT },
    TypeRules { name: "hex", namespace_case: Lower, name_case: Lower, ..PLAIN },
    TypeRules { name: "huggingface", namespace: Required, version_case: Lower, ..PLAIN },
    TypeRules { name: "julia", qualifiers: &["uuid"], ..FLAT },
    TypeRules { name: "luarocks", namespace_case: Lower, name_case: Lower, ..PLAIN },
    TypeRules { name: "maven", namespace: Required, lowers_keys: true, ..PLAIN },
    TypeRules { name: "mlflow", ..FLAT },
    TypeRules { name: "nuget", ..FLAT },
    TypeRules { name: "oci", name_case: Lower, version_case: Lower, ..FLAT },
    TypeRules { name: "opam", ..FLAT },
    TypeRules { name: "otp", name_case: Lower, subpath_case: Lower, ..FLAT },
    TypeRules { name: "pub", name_case: Lower, form: Underscores, ..FLAT },
    TypeRules { name: "pypi", name_case: Lower, version_case: Lower, form: Dashes, ..FLAT },
    TypeRules { name: "qpkg", namespace: Required, namespace_case: Lower, ..PLAIN },
    TypeRules { name: "rpm", namespace: Required, namespace_case: Lower, ..PLAIN },
    TypeRules { name: "swid", qualifiers: &["tag_id"], ..PLAIN },
    TypeRules { name: "swift", namespace: Required, ..PLAIN },
    TypeRules { name: "vcpkg", ..FLAT },
    TypeRules { name: "vscode-extension", version_case: Lower, ..FOLDED },
    TypeRules { name: "yocto", namespace_case: Lower, ..PLAIN },
];

/// The rules of the type `name`, which is in lower case.
pub(crate) fn of(name: &str) -> &'static TypeRules {
    TABLE.iter().find(|rules| rules.name == name).unwrap_or(&PLAIN)
}

/// Whether a git host folds case, as its own purl type says.
pub(crate) fn folds_case(host: &str) -> bool {
    matches!(host, "github" | "github.com" | "bitbucket" | "bitbucket.org")
}

fn cased(text: &str, case: Case) -> Cow<'_, str> {
    match case {
        Kept => Cow::Borrowed(text),
        Lower => Cow::Owned(text.to_lowercase()),
        Upper => Cow::Owned(text.to_uppercase()),
    }
}

impl TypeRules {
    /// A namespace, or a part of one, in its canonical form.
    pub(crate) fn namespace_form<'a>(&self, text: &'a str) -> Cow<'a, str> {
        cased(text, self.namespace_case)
    }

    /// A name, or the start of one, in its canonical form.
    pub(crate) fn name_form<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let cased = cased(text, self.name_case);
        match self.form {
            Plain | Path => cased,
            Dashes => Cow::Owned(cased.replace('_', "-")),
            Underscores => {
                Cow::Owned(cased.replace(|c: char| !matches!(c, 'a'..='z' | '0'..='9' | '_'), "_"))
            }
        }
    }

    /// A version, or the start of one, in its canonical form.
    pub(crate) fn version_form<'a>(&self, text: &'a str) -> Cow<'a, str> {
        cased(text, self.version_case)
    }

    /// Brings every part into its canonical form.
    pub(super) fn fold(&self, parts: &mut Parts) {
        if self.form == Path {
            gather_path(parts);
        }
        let folds = match self.name {
            "git" => {
                parts.namespace.as_deref().is_some_and(|host| folds_case(&host.to_lowercase()))
            }
            "mlflow" => {
                parts.qualifiers.get("repository_url").is_some_and(|url| url.contains("databricks"))
            }
            _ => false,
        };
        if folds {
            parts.name = parts.name.to_lowercase();
            parts.namespace = parts.namespace.take().map(|namespace| namespace.to_lowercase());
        }
        parts.name = self.name_form(&parts.name).into_owned();
        for (part, case) in [
            (&mut parts.namespace, self.namespace_case),
            (&mut parts.version, self.version_case),
            (&mut parts.subpath, self.subpath_case),
        ] {
            *part = part.take().map(|text| cased(&text, case).into_owned());
        }
    }

    /// What the type asks of namespace, name and version.
    pub(super) fn check(&self, parts: &Parts) -> Result<(), &'static str> {
        match (self.namespace, &parts.namespace) {
            (Required, None) => return Err("a namespace is required"),
            (Prohibited, Some(_)) => return Err("there is no namespace"),
            (Required | Optional, Some(_)) | (Prohibited | Optional, None) => {}
        }
        let name = parts.name.as_str();
        match self.name {
            "chrome-extension" if !is_extension_id(name) => {
                Err("the name is 32 letters from a to p")
            }
            "chrome-extension" if !parts.version.as_deref().is_none_or(is_dotted_number) => {
                Err("the version is one to four numbers with dots between")
            }
            "cocoapods" if name.starts_with('.') || name.contains('+') || has_space(name) => {
                Err("the name has no space and no `+`, and does not start with a dot")
            }
            "cpan" if name.contains("::") => Err("the name is a distribution, without `::`"),
            "swid" if parts.namespace.as_deref().is_some_and(|n| n.split('/').count() > 2) => {
                Err("the namespace has at most two segments")
            }
            _ => Ok(()),
        }
    }

    /// A qualifier that the type asks for and that is missing.
    pub(super) fn missing_qualifier(&self, parts: &Parts) -> Option<&'static str> {
        self.qualifiers.iter().copied().find(|key| !parts.qualifiers.contains_key(*key))
    }
}

/// Leaves the first segment in the namespace and moves the others before the name.
fn gather_path(parts: &mut Parts) {
    let Some(namespace) = parts.namespace.take() else { return };
    match namespace.split_once('/') {
        Some((host, path)) => {
            parts.name = [path, "/", &parts.name].concat();
            parts.namespace = Some(String::from(host));
        }
        None => parts.namespace = Some(namespace),
    }
}

fn is_extension_id(name: &str) -> bool {
    name.len() == 32 && name.bytes().all(|b| matches!(b, b'a'..=b'p'))
}

fn is_dotted_number(version: &str) -> bool {
    version.split('.').count() <= 4
        && version.split('.').all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

fn has_space(name: &str) -> bool {
    name.contains(char::is_whitespace)
}
