//! The policies of a store: sealed records, opened once and made for asking.

use std::sync::{Arc, PoisonError};

use keyward_barrier::FieldName;
use keyward_lifecycle::{
    command::{Command, SecretCommand},
    id::ActorId,
    refusal::{Refusal, SecretRefusal},
    secret::{PolicyName, SecretVersion},
};

use super::{
    Asker, LOOKS_MAX, SecretError,
    policy::{Action, Policy, Subject, index::PolicyIndex},
    record,
};
use crate::{
    engine::{Keyward, Root, Shared},
    record::item_name,
    storage::{Item, ItemChange, Shelf},
    writer::ExecuteError,
};

/// A policy as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KnownPolicy {
    /// Its name.
    pub name: PolicyName,
    /// Its version.
    pub version: SecretVersion,
    /// What it grants.
    pub policy: Policy,
}

impl Keyward {
    /// Whether a policy grants it; what is refused is logged.
    pub(super) fn permit<'p>(
        &self,
        root: &Root,
        by: &Asker,
        (action, command): (Action, &'static str),
        segments: impl Iterator<Item = &'p str>,
    ) -> Result<(), SecretError> {
        if self.grants(root, by, action, segments)? {
            return Ok(());
        }
        let refusal = Refusal::from(SecretRefusal::NotPermitted { action: action.name() });
        drop(self.log_refused(&by.actor, command, refusal.clone()));
        Err(ExecuteError::Refused(refusal).into())
    }

    /// Whether a policy grants it.
    pub(super) fn grants<'p>(
        &self,
        root: &Root,
        by: &Asker,
        action: Action,
        segments: impl Iterator<Item = &'p str>,
    ) -> Result<bool, SecretError> {
        if by.subject == Subject::Admin {
            return Ok(true);
        }
        let segments: Vec<&str> = segments.collect();
        Ok(self.policy_index(root)?.grants(&by.subject, action, &segments))
    }

    /// Writes a policy, over the one of that name if there is one. It is in force once this
    /// returns.
    ///
    /// # Errors
    /// [`SecretError::Execute`].
    pub fn set_policy(
        &self,
        by: &ActorId,
        name: &PolicyName,
        policy: Policy,
    ) -> Result<KnownPolicy, SecretError> {
        let changing = self.shared.secrets.policies.lock().unwrap_or_else(PoisonError::into_inner);
        let sealing = self.shared.sealing();
        let root = self.secrets_root()?;
        let last = self.state().secrets().policy(name).map(|policy| policy.version);
        let version = SecretVersion::after(last);
        let record = record::policy_record(name, version).ok_or(SecretError::Internal)?;
        let bytes = root.seal(&record, &[(FieldName::value(), policy.to_json().as_bytes())])?;
        let item = ItemChange::Put(Shelf::Record, Item { name: item_name(&record), bytes });
        let command = SecretCommand::SetPolicy { name: name.clone(), version };
        let _ = self.execute_with(by, vec![Command::Secret(command)], vec![item])?;
        drop((changing, sealing));
        self.shared.make_policies();
        Ok(KnownPolicy { name: name.clone(), version, policy })
    }

    /// Removes a policy: what it alone granted is refused once this returns.
    ///
    /// # Errors
    /// [`SecretError::Execute`] with [`SecretRefusal::NoSuchPolicy`], or another.
    pub fn remove_policy(&self, by: &ActorId, name: &PolicyName) -> Result<(), SecretError> {
        let _: Arc<Root> = self.secrets_root()?;
        let changing = self.shared.secrets.policies.lock().unwrap_or_else(PoisonError::into_inner);
        let command = SecretCommand::RemovePolicy { name: name.clone() };
        let _ = self.execute(by, Command::Secret(command))?;
        drop(changing);
        self.shared.make_policies();
        Ok(())
    }

    /// Reads a policy.
    ///
    /// # Errors
    /// [`SecretError::Execute`] with [`SecretRefusal::NoSuchPolicy`], or another.
    pub fn policy(&self, name: &PolicyName) -> Result<KnownPolicy, SecretError> {
        let _: Arc<Root> = self.secrets_root()?;
        let mut failure = SecretRefusal::NoSuchPolicy(name.clone()).into();
        for _ in 0..LOOKS_MAX {
            let state = self.state();
            let standing = state.secrets().policy(name).filter(|policy| !policy.removed);
            let standing = standing.ok_or_else(|| SecretRefusal::NoSuchPolicy(name.clone()))?;
            match self.shared.open_policy((name, standing.version)) {
                Ok(policy) => {
                    let version = standing.version;
                    return Ok(KnownPolicy { name: name.clone(), version, policy });
                }
                Err(error) => failure = error,
            }
            if self.state().size() == state.size() {
                break;
            }
        }
        Err(failure)
    }

    /// The names of all policies, with their versions.
    ///
    /// # Errors
    /// [`SecretError::Execute`] when the store is sealed.
    pub fn policies(&self) -> Result<Vec<(PolicyName, SecretVersion)>, SecretError> {
        let _: Arc<Root> = self.secrets_root()?;
        let state = self.state();
        let policies = state.secrets().policies();
        Ok(policies.map(|(name, version)| (name.clone(), version)).collect())
    }

    /// The policies, made for asking.
    pub(super) fn policy_index(&self, root: &Root) -> Result<Arc<PolicyIndex>, SecretError> {
        self.shared.policy_index(root).ok_or(SecretError::Internal)
    }
}

impl Shared {
    /// The policies, made for asking; made now if nobody has asked since the unsealing.
    pub(super) fn policy_index(&self, root: &Root) -> Option<Arc<PolicyIndex>> {
        let memory = &root.opened.secrets;
        let held = || memory.policies.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(index) = held() {
            return Some(index);
        }
        let making = memory.making_policies.lock().unwrap_or_else(PoisonError::into_inner);
        if held().is_none() {
            self.make(root);
        }
        drop(making);
        held()
    }

    /// Reads all policies anew. One whose record does not open grants nothing: policies only
    /// grant, so nothing is permitted that was not.
    fn make_policies(&self) {
        let Some(root) = self.root() else { return };
        let making = &root.opened.secrets.making_policies;
        let _making = making.lock().unwrap_or_else(PoisonError::into_inner);
        self.make(&root);
    }

    fn make(&self, root: &Root) {
        let mut index = PolicyIndex::default();
        for (name, version) in self.state().secrets().policies() {
            match self.open_policy((name, version)) {
                Ok(policy) => index.add(&policy),
                Err(_) => index.unreadable = index.unreadable.saturating_add(1),
            }
        }
        let held = &root.opened.secrets.policies;
        *held.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(index));
    }

    fn open_policy(
        &self,
        (name, version): (&PolicyName, SecretVersion),
    ) -> Result<Policy, SecretError> {
        let record = record::policy_record(name, version).ok_or(SecretError::Internal)?;
        let (_, json) = self.open_record(&record, &FieldName::value())?;
        let damaged = |error: super::policy::MalformedPolicy| SecretError::Damaged {
            what: format!("{record}: {error}").into(),
        };
        Policy::parse(json.expose()).map_err(damaged)
    }
}
