//! How secrets and policies are called on the shelf of sealed records (`docs/format/secret.md`).

use keyward_barrier::{FieldName, RecordId, RecordKind, RecordName, RecordVersion};
use keyward_lifecycle::{
    event::{Fact, SecretFact},
    secret::{PolicyName, SecretId, SecretVersion},
    state::State,
};

use crate::{
    record::item_name,
    storage::{ItemChange, Shelf},
    system::system_record,
};

/// The record of the key of secret paths.
pub(super) const PATH_KEY: &str = "secret-path";

/// The record of one version of a secret's value.
pub(super) fn value_record(id: &SecretId, version: SecretVersion) -> Option<RecordName> {
    named(&id.to_string(), version)
}

/// The record of a secret's path and metadata.
pub(super) fn metadata_record(id: &SecretId, version: SecretVersion) -> Option<RecordName> {
    named(&format!("{id}.meta"), version)
}

/// The record of a policy.
pub(super) fn policy_record(name: &PolicyName, version: SecretVersion) -> Option<RecordName> {
    named(&format!("policy.{name}"), version)
}

/// The record of the key of secret paths.
pub(super) fn path_key_record() -> Option<RecordName> {
    system_record(PATH_KEY)
}

fn named(id: &str, version: SecretVersion) -> Option<RecordName> {
    let id = RecordId::parse(id).ok()?;
    Some(RecordName::new(RecordKind::Secret, id, RecordVersion::new(version.get())?))
}

/// The fields of a metadata record.
pub(super) fn path_field() -> Option<FieldName> {
    FieldName::parse("path").ok()
}

/// See [`path_field`].
pub(super) fn metadata_field() -> Option<FieldName> {
    FieldName::parse("metadata").ok()
}

/// The records that go in the transaction that logs `fact`, as `state` is before it.
pub(crate) fn removed(state: &State, fact: &Fact) -> Vec<ItemChange> {
    let Fact::Secret(fact) = fact else { return Vec::new() };
    let fold = state.secrets();
    let values = |id: &SecretId, versions: &[SecretVersion]| {
        let names = versions.iter().filter_map(|version| value_record(id, *version));
        names.collect::<Vec<_>>()
    };
    let metadata = |id: &SecretId| {
        let version = fold.secret(id).filter(|secret| secret.exists())?.metadata?;
        metadata_record(id, version)
    };
    let policy = |name: &PolicyName| {
        let standing = fold.policy(name).filter(|policy| !policy.removed)?;
        policy_record(name, standing.version)
    };
    let gone = match fact {
        SecretFact::Written { secret_id, dropped, .. } => values(secret_id, dropped),
        SecretFact::Purged { secret_id, versions, whole } => {
            let mut gone = values(secret_id, versions);
            gone.extend(metadata(secret_id).filter(|_| *whole));
            gone
        }
        SecretFact::MetadataSet { secret_id, dropped, .. } => {
            let mut gone = values(secret_id, dropped);
            gone.extend(metadata(secret_id));
            gone
        }
        SecretFact::PolicySet { name, .. } | SecretFact::PolicyRemoved { name } => {
            policy(name).into_iter().collect()
        }
        SecretFact::Begun {}
        | SecretFact::Deleted { .. }
        | SecretFact::Undeleted { .. }
        | SecretFact::Read { .. } => Vec::new(),
    };
    gone.iter().map(|name| ItemChange::Remove(Shelf::Record, item_name(name))).collect()
}
