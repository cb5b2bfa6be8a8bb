//! Rules about stored secrets and path policies.

use alloc::vec::Vec;

use super::Decision;
use crate::{
    canonical::INTEGER_MAX,
    command::{PutSecret, SecretCommand, SecretReads, SecretVersions, SetMetadata},
    event::{Fact, SecretFact},
    refusal::{Refusal, SecretRefusal},
    secret::{
        POLICIES_MAX, PolicyName, Secret, SecretId, SecretVersion, VERSIONS_KEPT_MAX, VersionFold,
    },
    state::{SecretsFold, State},
};

pub(super) fn secret(state: &State, command: &SecretCommand) -> Result<Decision, Refusal> {
    let fold = state.secrets();
    match command {
        SecretCommand::Begin if fold.begun() => Err(SecretRefusal::MovedOn.into()),
        SecretCommand::Begin => Ok(logged(SecretFact::Begun {})),
        SecretCommand::Put(put) => self::put(fold, put),
        SecretCommand::Delete(SecretVersions { secret_id, versions }) => {
            let versions = marked(fold, secret_id, versions, |it| it.deleted_at.is_none())?;
            Ok(some(versions, |versions| SecretFact::Deleted { secret_id: *secret_id, versions }))
        }
        SecretCommand::Undelete(SecretVersions { secret_id, versions }) => {
            let versions = marked(fold, secret_id, versions, |it| it.deleted_at.is_some())?;
            Ok(some(versions, |versions| SecretFact::Undeleted { secret_id: *secret_id, versions }))
        }
        SecretCommand::Purge(versions) => purge(fold, versions),
        SecretCommand::SetMetadata(set) => set_metadata(fold, set),
        SecretCommand::SetPolicy { name, version } => set_policy(fold, name, *version),
        SecretCommand::RemovePolicy { name } => match fold.policy(name) {
            Some(policy) if !policy.removed => {
                Ok(logged(SecretFact::PolicyRemoved { name: name.clone() }))
            }
            Some(_) | None => Err(SecretRefusal::NoSuchPolicy(name.clone()).into()),
        },
        SecretCommand::NoteReads(reads) => Ok(note_reads(fold, reads)),
    }
}

/// The record that goes with the command is sealed as one version: if that is not the next one,
/// somebody else was faster, and nothing is written.
fn put(fold: &SecretsFold, put: &PutSecret) -> Result<Decision, Refusal> {
    let PutSecret { secret_id, version, metadata_version, expected } = *put;
    let absent = Secret::default();
    let secret = fold.secret(&secret_id).unwrap_or(&absent);
    let current = secret.current();
    if let Some(expected) = expected.filter(|expected| *expected != current) {
        return Err(SecretRefusal::AnotherVersion { expected, current }.into());
    }
    let metadata = (!secret.exists()).then(|| SecretVersion::after(secret.metadata));
    let is_next = Some(version) > secret.newest && version == SecretVersion::after(secret.newest);
    if !fold.begun() || !is_next || metadata_version != metadata {
        return Err(SecretRefusal::MovedOn.into());
    }
    let dropped = secret.beyond(secret.limit(), 1);
    Ok(logged(SecretFact::Written { secret_id, version, metadata_version, dropped }))
}

fn purge(fold: &SecretsFold, purge: &SecretVersions) -> Result<Decision, Refusal> {
    let SecretVersions { secret_id, versions } = purge;
    let secret = existing(fold, secret_id)?;
    let versions = match versions.is_empty() {
        true => secret.versions.iter().map(|version| version.number).collect(),
        false => marked(fold, secret_id, versions, |_| true)?,
    };
    let whole = versions.len() == secret.versions.len();
    Ok(logged(SecretFact::Purged { secret_id: *secret_id, versions, whole }))
}

fn set_metadata(fold: &SecretsFold, set: &SetMetadata) -> Result<Decision, Refusal> {
    let SetMetadata { secret_id, metadata_version, versions_max } = *set;
    let secret = existing(fold, &secret_id)?;
    if let Some(limit) = versions_max.filter(|limit| limit.get() > VERSIONS_KEPT_MAX) {
        return Err(SecretRefusal::BadLimit(limit.get()).into());
    }
    let is_next = Some(metadata_version) > secret.metadata
        && metadata_version == SecretVersion::after(secret.metadata);
    if !is_next {
        return Err(SecretRefusal::MovedOn.into());
    }
    let limit = Secret { versions_max, ..Secret::default() }.limit();
    let dropped = secret.beyond(limit, 0);
    Ok(logged(SecretFact::MetadataSet { secret_id, metadata_version, versions_max, dropped }))
}

fn set_policy(
    fold: &SecretsFold,
    name: &PolicyName,
    version: SecretVersion,
) -> Result<Decision, Refusal> {
    let known = fold.policy(name);
    let last = known.map(|policy| policy.version);
    if Some(version) <= last || version != SecretVersion::after(last) {
        return Err(SecretRefusal::MovedOn.into());
    }
    let standing = fold.policies().count();
    if known.is_none_or(|policy| policy.removed) && standing >= POLICIES_MAX {
        return Err(SecretRefusal::TooManyPolicies(standing).into());
    }
    Ok(logged(SecretFact::PolicySet { name: name.clone(), version }))
}

/// What was read is told whatever became of it since; of what never was, nothing.
fn note_reads(fold: &SecretsFold, reads: &[SecretReads]) -> Decision {
    let known = |read: &&SecretReads| {
        let secret = fold.secret(&read.secret_id);
        secret.is_some_and(|secret| secret.newest >= Some(read.version))
    };
    let fact = |read: &SecretReads| {
        let SecretReads { secret_id, version, count } = *read;
        Fact::Secret(SecretFact::Read { secret_id, version, count: count.min(INTEGER_MAX) })
    };
    Decision { facts: reads.iter().filter(known).map(fact).collect(), warnings: Vec::new() }
}

/// Those of `versions` that `wanted` is true of, ascending, each once; all must be there.
fn marked(
    fold: &SecretsFold,
    secret_id: &SecretId,
    versions: &[SecretVersion],
    wanted: impl Fn(&VersionFold) -> bool,
) -> Result<Vec<SecretVersion>, Refusal> {
    let secret = existing(fold, secret_id)?;
    let mut found = Vec::with_capacity(versions.len().min(secret.versions.len()));
    for number in versions {
        let version = secret.version(*number).ok_or(SecretRefusal::NoSuchVersion(*number))?;
        if wanted(version) {
            found.push(*number);
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

fn existing<'f>(fold: &'f SecretsFold, secret_id: &SecretId) -> Result<&'f Secret, Refusal> {
    let secret = fold.secret(secret_id).filter(|secret| secret.exists());
    secret.ok_or_else(|| SecretRefusal::NoSuchSecret.into())
}

/// A fact about versions; nothing where there are none.
fn some(
    versions: Vec<SecretVersion>,
    fact: impl FnOnce(Vec<SecretVersion>) -> SecretFact,
) -> Decision {
    if versions.is_empty() { Decision::nothing() } else { logged(fact(versions)) }
}

fn logged(fact: SecretFact) -> Decision {
    Decision::fact(Fact::Secret(fact))
}
