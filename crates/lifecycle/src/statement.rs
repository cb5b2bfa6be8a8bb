//! in-toto statements (github.com/in-toto/attestation, spec/v1/statement.md): what is said of
//! which artifacts.

mod digest;
mod predicate;

use alloc::{borrow::ToOwned as _, collections::BTreeMap, string::String, vec::Vec};

use serde::Serialize;
use serde_json::{Map, Value};

use self::digest::is_good_digest;
pub use self::predicate::{
    MalformedPredicateType, PREDICATE_PREFIX, PREDICATE_TYPE_BYTES_MAX, PredicateType,
};
use crate::{
    canonical::{self, Limits, MalformedJson, Uncanonical},
    id::Digest,
};

/// Longest statement that is read, in bytes.
pub const STATEMENT_BYTES_MAX: usize = 12 << 20;

/// Most subjects of a statement.
pub const STATEMENT_SUBJECTS_MAX: usize = 10_000;

/// Most digests of one subject.
pub const SUBJECT_DIGESTS_MAX: usize = 32;

/// The type of statements that are written; also read is [`STATEMENT_TYPE_V0_1`].
pub const STATEMENT_TYPE_V1: &str = "https://in-toto.io/Statement/v1";

/// The type of older statements.
pub const STATEMENT_TYPE_V0_1: &str = "https://in-toto.io/Statement/v0.1";

/// A statement whose shape was read, its digests as they stand there: specification texts
/// abbreviate them. Nothing can be matched against it; [`Self::check`] makes it a
/// [`Statement`].
#[derive(Debug, Clone)]
pub struct StatementText(Statement);

impl StatementText {
    /// Reads the JSON form. Members that the standard does not name are passed over.
    ///
    /// # Errors
    /// [`MalformedStatement`] says where.
    pub fn read(payload: &[u8]) -> Result<Self, MalformedStatement> {
        let document = canonical::read_strict(payload, LIMITS)?;
        let members = object(&document, "statement")?;
        if ![STATEMENT_TYPE_V1, STATEMENT_TYPE_V0_1].contains(&required_text(members, "_type")?) {
            return Err(MalformedStatement::Version);
        }
        let subjects = match members.get("subject") {
            Some(Value::Array(subjects)) => subjects,
            Some(_) => return Err(MalformedStatement::Type("subject")),
            None => return Err(MalformedStatement::Missing("subject")),
        };
        if !(1..=STATEMENT_SUBJECTS_MAX).contains(&subjects.len()) {
            return Err(MalformedStatement::SubjectCount);
        }
        let subjects = subjects.iter().map(Subject::read).collect::<Result<_, _>>()?;
        let predicate_type = PredicateType::parse(required_text(members, "predicateType")?)?;
        let predicate = match members.get("predicate") {
            None => None,
            Some(predicate @ Value::Object(_)) => Some(predicate.clone()),
            Some(_) => return Err(MalformedStatement::Type("predicate")),
        };
        Ok(Self(Statement { subjects, predicate_type, predicate }))
    }

    /// Checks that every subject has digests, and that those of known algorithms are what they
    /// say: lower-case hex of the right length.
    ///
    /// # Errors
    /// [`MalformedStatement::Digest`] names the algorithm.
    pub fn check(self) -> Result<Statement, MalformedStatement> {
        let digests = self.0.subjects.iter().flat_map(|subject| &subject.digests);
        for (algorithm, value) in digests {
            if !is_good_digest(algorithm, value) {
                let algorithm = algorithm.chars().take(TEXT_SHOWN_CHARS_MAX).collect();
                return Err(MalformedStatement::Digest { algorithm });
            }
        }
        Ok(self.0)
    }
}

/// A statement whose every digest is what it says it is.
#[derive(Debug, Clone)]
pub struct Statement {
    subjects: Vec<Subject>,
    predicate_type: PredicateType,
    predicate: Option<Value>,
}

impl Statement {
    /// Reads and checks the JSON form, version 1 or 0.1.
    ///
    /// # Errors
    /// [`MalformedStatement`] says where.
    pub fn parse(payload: &[u8]) -> Result<Self, MalformedStatement> {
        StatementText::read(payload)?.check()
    }

    /// What we say of the artifact that is called `purl` and has this SHA-256; `predicate` is
    /// an object, and [`Self::to_bytes`] refuses numbers in it that readers would round.
    ///
    /// # Errors
    /// [`MalformedStatement::Type`] when `predicate` is no object.
    pub fn of_artifact(
        purl: &str,
        sha256: Digest,
        predicate_type: PredicateType,
        predicate: Value,
    ) -> Result<Self, MalformedStatement> {
        if !predicate.is_object() {
            return Err(MalformedStatement::Type("predicate"));
        }
        let digests = BTreeMap::from([(SHA256.to_owned(), alloc::format!("{sha256}"))]);
        let subject = Subject { name: Some(purl.to_owned()), uri: None, digests };
        Ok(Self { subjects: alloc::vec![subject], predicate_type, predicate: Some(predicate) })
    }

    /// The canonical bytes (RFC 8785) to be signed: a statement of version 1, its predicate
    /// type resolved to a URI. Of a statement that was read, only what this type keeps is
    /// written: sign those by their own bytes.
    ///
    /// # Errors
    /// [`Uncanonical`] when the predicate has no canonical form.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Uncanonical> {
        canonical::to_bytes(&wire::Statement {
            kind: STATEMENT_TYPE_V1,
            subject: &self.subjects,
            predicate_type: &self.predicate_type.resolved(),
            predicate: self.predicate.as_ref(),
        })
    }

    /// What it is about; at least one.
    #[must_use]
    pub fn subjects(&self) -> &[Subject] {
        &self.subjects
    }

    /// What kind of thing it says.
    #[must_use]
    pub const fn predicate_type(&self) -> &PredicateType {
        &self.predicate_type
    }

    /// What it says, an object; the standard lets it be absent.
    #[must_use]
    pub const fn predicate(&self) -> Option<&Value> {
        self.predicate.as_ref()
    }
}

/// One artifact that a statement is about (in-toto `ResourceDescriptor`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subject {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri: Option<String>,
    #[serde(rename = "digest")]
    digests: BTreeMap<String, String>,
}

impl Subject {
    /// Its name, if any.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Its URI, if any.
    #[must_use]
    pub fn uri(&self) -> Option<&str> {
        self.uri.as_deref()
    }

    /// The package URL that it states, not yet parsed: its `uri` where that begins with `pkg:`,
    /// else its `name` where that does.
    #[must_use]
    pub fn purl_text(&self) -> Option<&str> {
        [self.uri(), self.name()].into_iter().flatten().find(|text| text.starts_with("pkg:"))
    }

    /// Its SHA-256, if it states one.
    #[must_use]
    pub fn sha256(&self) -> Option<Digest> {
        self.digests.get(SHA256).and_then(|hex| hex.parse().ok())
    }

    /// Its digests, algorithm and value, by algorithm; at least one.
    pub fn digests(&self) -> impl Iterator<Item = (&str, &str)> {
        self.digests.iter().map(|(algorithm, value)| (algorithm.as_str(), value.as_str()))
    }

    fn read(value: &Value) -> Result<Self, MalformedStatement> {
        let members = object(value, "subject")?;
        let digests = members.get("digest").ok_or(MalformedStatement::Missing("digest"))?;
        let digests = object(digests, "digest")?;
        if !(1..=SUBJECT_DIGESTS_MAX).contains(&digests.len()) {
            return Err(MalformedStatement::DigestCount);
        }
        let pair = |(algorithm, value): (&String, &Value)| match value.as_str() {
            Some(value) => Ok((algorithm.clone(), value.to_owned())),
            None => Err(MalformedStatement::Type("digest")),
        };
        Ok(Self {
            name: optional_text(members, "name")?.map(str::to_owned),
            uri: optional_text(members, "uri")?.map(str::to_owned),
            digests: digests.iter().map(pair).collect::<Result<_, _>>()?,
        })
    }
}

/// Why a payload is not a statement. Whoever made it must act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum MalformedStatement {
    /// Not JSON that every reader reads alike, or too long.
    #[error("statement is not strict JSON: {0}")]
    Json(#[from] MalformedJson),
    /// Of another format or version.
    #[error(
        "statement is of another kind: expected `_type` {STATEMENT_TYPE_V1} or \
         {STATEMENT_TYPE_V0_1}"
    )]
    Version,
    /// A member that the standard requires is not there.
    #[error("statement is malformed: `{0}` is missing")]
    Missing(&'static str),
    /// A member is of another JSON type.
    #[error("statement is malformed: `{0}` is of the wrong type")]
    Type(&'static str),
    /// No subject, or too many.
    #[error("statement is malformed: expected 1 to {STATEMENT_SUBJECTS_MAX} subjects")]
    SubjectCount,
    /// A subject without digest, or with too many.
    #[error("subject is malformed: expected 1 to {SUBJECT_DIGESTS_MAX} digests")]
    DigestCount,
    /// A digest is not of its algorithm.
    #[error(
        "digest of a subject is malformed: expected lower-case hex of the length of {algorithm}"
    )]
    Digest {
        /// The digest's algorithm, as the statement spells it.
        algorithm: String,
    },
    /// The predicate type is none.
    #[error(transparent)]
    PredicateType(#[from] MalformedPredicateType),
}

/// The JSON form of version 1.
mod wire {
    use super::{Serialize, Subject, Value};

    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    pub(super) struct Statement<'s> {
        #[serde(rename = "_type")]
        pub(super) kind: &'s str,
        pub(super) subject: &'s [Subject],
        pub(super) predicate_type: &'s str,
        #[serde(skip_serializing_if = "Option::is_none")]
        pub(super) predicate: Option<&'s Value>,
    }
}

fn object<'v>(
    value: &'v Value,
    name: &'static str,
) -> Result<&'v Map<String, Value>, MalformedStatement> {
    value.as_object().ok_or(MalformedStatement::Type(name))
}

fn required_text<'v>(
    members: &'v Map<String, Value>,
    name: &'static str,
) -> Result<&'v str, MalformedStatement> {
    optional_text(members, name)?.ok_or(MalformedStatement::Missing(name))
}

fn optional_text<'v>(
    members: &'v Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'v str>, MalformedStatement> {
    let text = |value: &'v Value| value.as_str().ok_or(MalformedStatement::Type(name));
    members.get(name).map(text).transpose()
}

const LIMITS: Limits = Limits::new(STATEMENT_BYTES_MAX, 64);

const SHA256: &str = "sha256";

/// How much of an algorithm's name an error repeats.
const TEXT_SHOWN_CHARS_MAX: usize = 32;
