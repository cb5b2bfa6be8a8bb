//! Folding what happened to stored secrets.

use alloc::sync::Arc;

use imbl::OrdMap;

use super::State;
use crate::{
    event::SecretFact,
    secret::{PolicyFold, PolicyName, Secret, SecretId, SecretVersion, VersionFold},
    time::Timestamp,
};

/// What the log says of stored secrets.
#[derive(Clone, Debug, Default)]
pub struct SecretsFold {
    pub(super) begun: bool,
    pub(super) secrets: OrdMap<SecretId, Arc<Secret>>,
    pub(super) policies: OrdMap<PolicyName, PolicyFold>,
}

impl SecretsFold {
    /// Whether the key of secret paths was made.
    #[must_use]
    pub const fn begun(&self) -> bool {
        self.begun
    }

    /// A secret, also one that was purged.
    #[must_use]
    pub fn secret(&self, id: &SecretId) -> Option<&Secret> {
        self.secrets.get(id).map(|secret| &**secret)
    }

    /// Every secret, also those that were purged, by id.
    pub fn secrets(&self) -> impl Iterator<Item = (&SecretId, &Secret)> {
        self.secrets.iter().map(|(id, secret)| (id, &**secret))
    }

    /// A policy, also one that was removed.
    #[must_use]
    pub fn policy(&self, name: &PolicyName) -> Option<&PolicyFold> {
        self.policies.get(name)
    }

    /// The policies that stand, with the versions of their records, by name.
    pub fn policies(&self) -> impl Iterator<Item = (&PolicyName, SecretVersion)> {
        let standing = self.policies.iter().filter(|(_, policy)| !policy.removed);
        standing.map(|(name, policy)| (name, policy.version))
    }

    fn change(&mut self, id: &SecretId, change: impl FnOnce(&mut Secret)) {
        if let Some(secret) = self.secrets.get_mut(id) {
            change(Arc::make_mut(secret));
        }
    }
}

impl State {
    /// What the log says of stored secrets.
    #[must_use]
    pub const fn secrets(&self) -> &SecretsFold {
        &self.secrets
    }

    pub(super) fn apply_secret_fact(&mut self, fact: &SecretFact, time: Timestamp) {
        let fold = &mut self.secrets;
        match fact {
            SecretFact::Begun {} => fold.begun = true,
            SecretFact::Written { secret_id, version, metadata_version, dropped } => {
                let secret = Arc::make_mut(fold.secrets.entry(*secret_id).or_default());
                secret.newest = secret.newest.max(Some(*version));
                secret.metadata = secret.metadata.max(*metadata_version);
                secret.remove(dropped);
                let (number, deleted_at) = (*version, None);
                secret.versions.push(VersionFold { number, written_at: time, deleted_at });
            }
            SecretFact::Deleted { secret_id, versions } => {
                fold.change(secret_id, |secret| secret.mark(versions, Some(time)));
            }
            SecretFact::Undeleted { secret_id, versions } => {
                fold.change(secret_id, |secret| secret.mark(versions, None));
            }
            SecretFact::Purged { secret_id, versions, whole } => {
                fold.change(secret_id, |secret| {
                    secret.remove(versions);
                    if *whole {
                        let Secret { newest, metadata, .. } = secret;
                        let (newest, metadata) = (*newest, *metadata);
                        *secret = Secret { newest, metadata, ..Secret::default() };
                    }
                });
            }
            SecretFact::MetadataSet { secret_id, metadata_version, versions_max, dropped } => {
                fold.change(secret_id, |secret| {
                    secret.metadata = Some(*metadata_version);
                    secret.versions_max = *versions_max;
                    secret.remove(dropped);
                });
            }
            SecretFact::PolicySet { name, version } => {
                let policy = PolicyFold { version: *version, removed: false };
                fold.policies.insert(name.clone(), policy);
            }
            SecretFact::PolicyRemoved { name } => {
                if let Some(policy) = fold.policies.get_mut(name) {
                    policy.removed = true;
                }
            }
            SecretFact::Read { .. } => {}
        }
    }
}

impl Secret {
    fn remove(&mut self, versions: &[SecretVersion]) {
        self.versions.retain(|version| !versions.contains(&version.number));
    }

    fn mark(&mut self, versions: &[SecretVersion], deleted_at: Option<Timestamp>) {
        for version in &mut self.versions {
            if versions.contains(&version.number) {
                version.deleted_at = deleted_at;
            }
        }
    }
}
