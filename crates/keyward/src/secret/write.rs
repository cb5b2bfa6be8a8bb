//! Changes of secrets: put, delete, bring back, purge. Each is durable before it is answered.

use std::sync::PoisonError;

use keyward_barrier::FieldName;
use keyward_crypto::{
    random,
    secret::{LockPolicy, LockedBytes},
};
use keyward_lifecycle::{
    command::{Command, PutSecret, SecretCommand, SecretVersions},
    event::{Fact, SecretFact},
    refusal::{Refusal, SecretRefusal},
    secret::{Secret, SecretId, SecretVersion},
    time::Timestamp,
};

use super::{
    Asker, SecretError, VALUE_BYTES_MAX, existing,
    memory::{Memory, PathKey},
    path::SecretPath,
    policy::Action,
    record, stands,
};
use crate::{
    engine::{Keyward, Root, unavailable},
    record::item_name,
    storage::{Item, ItemChange, Shelf},
    writer::{ExecuteError, Receipt},
};

/// How often a put is tried that others are faster than, before it is given up.
const PUT_TRIES_MAX: usize = 16;

/// A version that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// Which secret, as the log names it.
    pub secret_id: SecretId,
    /// The version.
    pub version: SecretVersion,
    /// When.
    pub written_at: Timestamp,
    /// Older versions that are gone for good, since they were beyond the limit.
    pub dropped: Vec<SecretVersion>,
}

/// Versions that were deleted, brought back or purged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changed {
    /// Which secret, as the log names it.
    pub secret_id: SecretId,
    /// The versions that are otherwise than before; none if all were so already.
    pub versions: Vec<SecretVersion>,
    /// Whether nothing is left of the secret.
    pub whole: bool,
}

/// What becomes of versions.
#[derive(Clone, Copy)]
enum Fate {
    Delete,
    Undelete,
    Purge,
}

impl Keyward {
    /// Writes a new version. With `expected`, only if that is the current version, 0 for a
    /// secret that must not be there; without it, after whatever others write at the same time.
    ///
    /// # Errors
    /// [`SecretError::TooLong`], or [`SecretError::Execute`] with a [`SecretRefusal`].
    pub fn put_secret(
        &self,
        by: &Asker,
        path: &SecretPath,
        value: &[u8],
        expected: Option<u32>,
    ) -> Result<Written, SecretError> {
        if value.len() > VALUE_BYTES_MAX {
            return Err(SecretError::TooLong(value.len()));
        }
        let root = self.secrets_root()?;
        self.permit(&root, by, (Action::Write, "secret.put"), path.segments())?;
        for _ in 0..PUT_TRIES_MAX {
            match self.put_once(&root, by, path, (value, expected)) {
                Err(error) if error.is_moved_on() => {}
                done => return done,
            }
        }
        Err(SecretRefusal::MovedOn.into())
    }

    fn put_once(
        &self,
        root: &Root,
        by: &Asker,
        path: &SecretPath,
        (value, expected): (&[u8], Option<u32>),
    ) -> Result<Written, SecretError> {
        let mut _beginning = None;
        if self.path_key(root)?.is_none() {
            let begin = &self.shared.secrets.begin;
            _beginning = Some(begin.lock().unwrap_or_else(PoisonError::into_inner));
        }
        let made = match self.path_key(root)? {
            Some(_) => None,
            None => Some(new_path_key(self.shared.memory)?),
        };
        let key = made.as_ref().or(self.path_key(root)?).ok_or(SecretError::Internal)?;
        let id = key.id(path);
        let _stripe = self.stripe(&id);
        // From here on no rotation of the root key begins until the records are durable.
        let _sealing = self.shared.sealing();
        let root = &*self.secrets_root()?;
        let state = self.state();
        let absent = Secret::default();
        let secret = state.secrets().secret(&id).unwrap_or(&absent);
        let version = SecretVersion::after(secret.newest);
        let metadata_version = (!secret.exists()).then(|| SecretVersion::after(secret.metadata));
        let (row, item) = seal_value(root, (&id, version), value)?;
        let (mut commands, mut items) = (Vec::new(), vec![item]);
        if let Some(key) = &made {
            commands.push(Command::Secret(SecretCommand::Begin));
            items.push(seal_path_key(root, key)?);
        }
        if let Some(metadata) = metadata_version {
            items.push(super::metadata::seal(root, (&id, metadata), (path, b"{}"))?);
        }
        let secret_id = id;
        let put = PutSecret { secret_id, version, metadata_version, expected };
        commands.push(Command::Secret(SecretCommand::Put(put)));
        let receipt = self.execute_with(&by.actor, commands, items)?;
        if let Some(key) = made {
            // Nobody else has made one: that needs the lock that is held here.
            drop(root.opened.secrets.path_key.set(key));
        }
        let dropped = dropped(&receipt);
        self.remembering(|memory| {
            memory.enter(vec![(path.clone(), id)], |id| stands(&self.state(), id, version));
            memory.hold(&id, version, &row);
            memory.release(&id, &dropped);
        });
        Ok(Written { secret_id, version, written_at: receipt.time, dropped })
    }

    /// Marks versions as deleted, the newest if none is named. Their records are kept.
    ///
    /// # Errors
    /// [`SecretError::Execute`] with a [`SecretRefusal`].
    pub fn delete_secret(
        &self,
        by: &Asker,
        path: &SecretPath,
        versions: &[SecretVersion],
    ) -> Result<Changed, SecretError> {
        self.change_versions(by, path, versions, Fate::Delete)
    }

    /// Brings deleted versions back, the newest if none is named.
    ///
    /// # Errors
    /// [`SecretError::Execute`] with a [`SecretRefusal`].
    pub fn undelete_secret(
        &self,
        by: &Asker,
        path: &SecretPath,
        versions: &[SecretVersion],
    ) -> Result<Changed, SecretError> {
        self.change_versions(by, path, versions, Fate::Undelete)
    }

    /// Removes the records of versions for good. If none is named, of all of them, and those of
    /// path and metadata.
    ///
    /// # Errors
    /// [`SecretError::Execute`] with a [`SecretRefusal`].
    pub fn purge_secret(
        &self,
        by: &Asker,
        path: &SecretPath,
        versions: &[SecretVersion],
    ) -> Result<Changed, SecretError> {
        self.change_versions(by, path, versions, Fate::Purge)
    }

    fn change_versions(
        &self,
        by: &Asker,
        path: &SecretPath,
        versions: &[SecretVersion],
        fate: Fate,
    ) -> Result<Changed, SecretError> {
        let root = self.secrets_root()?;
        let command = match fate {
            Fate::Delete => "secret.delete",
            Fate::Undelete => "secret.undelete",
            Fate::Purge => "secret.purge",
        };
        self.permit(&root, by, (Action::Delete, command), path.segments())?;
        let secret_id = self.known_id(&root, path)?;
        let _stripe = self.stripe(&secret_id);
        let newest = existing(&self.state(), &secret_id)?.newest;
        let named = || {
            let newest = newest.filter(|_| versions.is_empty());
            versions.iter().copied().chain(newest).collect()
        };
        let command = match fate {
            Fate::Delete => SecretCommand::Delete(SecretVersions { secret_id, versions: named() }),
            Fate::Undelete => {
                SecretCommand::Undelete(SecretVersions { secret_id, versions: named() })
            }
            Fate::Purge => {
                SecretCommand::Purge(SecretVersions { secret_id, versions: versions.to_vec() })
            }
        };
        let receipt = self.execute(&by.actor, Command::Secret(command))?;
        let mut changed = Changed { secret_id, versions: Vec::new(), whole: false };
        for fact in facts(&receipt) {
            if let SecretFact::Purged { versions, whole, .. } = fact {
                changed = Changed { secret_id, versions: versions.clone(), whole: *whole };
            }
            if let SecretFact::Deleted { versions, .. } | SecretFact::Undeleted { versions, .. } =
                fact
            {
                changed.versions.clone_from(versions);
            }
        }
        if let Fate::Purge = fate {
            self.remembering(|memory| {
                memory.release(&secret_id, &changed.versions);
                if changed.whole {
                    memory.leave(path);
                }
            });
        }
        Ok(changed)
    }

    /// Brings what is held in memory up to date, if the store is unsealed still or again.
    pub(super) fn remembering(&self, change: impl FnOnce(&Memory)) {
        if let Some(root) = self.shared.root() {
            change(&root.opened.secrets);
        }
    }
}

impl SecretError {
    fn is_moved_on(&self) -> bool {
        let Self::Execute(ExecuteError::Refused(Refusal::Secret(refusal))) = self else {
            return false;
        };
        *refusal == SecretRefusal::MovedOn
    }
}

/// What a receipt says of secrets.
pub(super) fn facts(receipt: &Receipt) -> impl Iterator<Item = &SecretFact> {
    receipt.events.iter().filter_map(|(_, fact)| {
        let Fact::Secret(fact) = fact else { return None };
        Some(fact)
    })
}

/// The versions that went since they were beyond the limit.
pub(super) fn dropped(receipt: &Receipt) -> Vec<SecretVersion> {
    let mut all = Vec::new();
    for fact in facts(receipt) {
        if let SecretFact::Written { dropped, .. } | SecretFact::MetadataSet { dropped, .. } = fact
        {
            all.extend(dropped);
        }
    }
    all
}

fn new_path_key(memory: LockPolicy) -> Result<PathKey, SecretError> {
    let mut bytes = random::bytes::<32>().map_err(|error| unavailable(&error))?;
    let locked = LockedBytes::take(bytes.as_mut_slice(), memory)?;
    Ok(PathKey::new(locked))
}

fn seal_path_key(root: &Root, key: &PathKey) -> Result<ItemChange, SecretError> {
    let name = record::path_key_record().ok_or(SecretError::Internal)?;
    let bytes = root.seal(&name, &[(FieldName::value(), key.expose())])?;
    Ok(ItemChange::Put(Shelf::Record, Item { name: item_name(&name), bytes }))
}

fn seal_value(
    root: &Root,
    (id, version): (&SecretId, SecretVersion),
    value: &[u8],
) -> Result<(Vec<u8>, ItemChange), SecretError> {
    let name = record::value_record(id, version).ok_or(SecretError::Internal)?;
    let bytes = root.seal(&name, &[(FieldName::value(), value)])?;
    let item = Item { name: item_name(&name), bytes: bytes.clone() };
    Ok((bytes, ItemChange::Put(Shelf::Record, item)))
}
