//! What an envelope speaks of: the signer never chooses who judges him.

use alloc::{vec, vec::Vec};

use super::{ArtifactCheck, Question, Reason};
use crate::{
    envelope::IN_TOTO_PAYLOAD_TYPE,
    id::Digest,
    purl::Purl,
    statement::{PredicateType, Statement, Subject},
    time::Timestamp,
};

/// What is to be judged.
pub(super) struct Contents {
    /// The packages, each of which must pass its own anchor; never empty.
    pub(super) purls: Vec<Purl>,
    pub(super) predicate_type: Option<PredicateType>,
    pub(super) claimed: Option<Timestamp>,
    pub(super) artifact: ArtifactCheck,
}

pub(super) fn contents(question: &Question<'_>) -> Result<Contents, Reason> {
    let envelope = question.envelope;
    if envelope.payload_type() == IN_TOTO_PAYLOAD_TYPE {
        let statement =
            Statement::parse(envelope.payload()).map_err(|_| Reason::MalformedStatement)?;
        of_statement(question, &statement)
    } else {
        of_payload(question)
    }
}

/// A payload that is no statement names no package: the verifier does.
fn of_payload(question: &Question<'_>) -> Result<Contents, Reason> {
    let artifact = match question.artifact {
        Some(digest) if digest != Digest::of(question.envelope.payload()) => {
            return Err(Reason::ArtifactMismatch);
        }
        Some(_) => ArtifactCheck::Matched,
        None => ArtifactCheck::NotChecked,
    };
    let purl = question.purl.ok_or(Reason::Untrusted)?;
    Ok(Contents { purls: vec![purl.clone()], predicate_type: None, claimed: None, artifact })
}

fn of_statement(question: &Question<'_>, statement: &Statement) -> Result<Contents, Reason> {
    let (subjects, artifact) = match question.artifact {
        Some(digest) => {
            let matching = statement.subjects().iter();
            let matching: Vec<_> =
                matching.filter(|subject| subject.sha256() == Some(digest)).collect();
            if matching.is_empty() {
                return Err(Reason::ArtifactMismatch);
            }
            (matching, ArtifactCheck::Matched)
        }
        None => (statement.subjects().iter().collect(), ArtifactCheck::NotChecked),
    };
    let mut purls = subjects.into_iter().map(purl_of).collect::<Result<Vec<_>, _>>()?;
    if let Some(wanted) = question.purl {
        if !purls.iter().any(|purl| agrees(purl, wanted)) {
            return Err(Reason::PurlMismatch);
        }
        // Of several subjects with the artifact's digest, the one that is asked for. Without an
        // artifact every subject is judged, whichever is asked for.
        if artifact == ArtifactCheck::Matched {
            purls.retain(|purl| agrees(purl, wanted));
        }
    }
    if purls.is_empty() {
        return Err(Reason::Untrusted);
    }
    Ok(Contents {
        purls,
        predicate_type: Some(statement.predicate_type().clone()),
        claimed: claimed(statement),
        artifact,
    })
}

fn purl_of(subject: &Subject) -> Result<Purl, Reason> {
    let text = subject.purl_text().ok_or(Reason::Untrusted)?;
    Purl::parse(text).map_err(|_| Reason::Untrusted)
}

/// The same package; a version that the caller names must be the subject's.
fn agrees(subject: &Purl, wanted: &Purl) -> bool {
    subject.scope() == wanted.scope()
        && (wanted.version().is_none() || wanted.version() == subject.version())
}

/// The members of a predicate in which a signer claims the time of signing, first one first.
pub const CLAIM_MEMBERS: [&str; 2] = ["issuedAt", "issued_at"];

/// The time that the signer claims.
fn claimed(statement: &Statement) -> Option<Timestamp> {
    let predicate = statement.predicate()?.as_object()?;
    CLAIM_MEMBERS.iter().find_map(|name| predicate.get(*name))?.as_str()?.parse().ok()
}
