//! A secret's metadata: how many versions are kept, and texts that its users keep beside it.

use std::{collections::BTreeMap, num::NonZeroU32};

use keyward_barrier::FieldName;
use keyward_lifecycle::{
    canonical,
    command::{Command, SecretCommand, SetMetadata},
    refusal::SecretRefusal,
    secret::{Secret, SecretId, SecretVersion, VersionFold},
};

use super::{
    Asker, LOOKS_MAX, SecretError, existing, path::SecretPath, policy::Action, record,
    write::dropped,
};
use crate::{
    engine::{Keyward, Root},
    record::item_name,
    storage::{Item, ItemChange, Shelf},
};

/// Most texts beside a secret.
pub const TEXTS_MAX: usize = 64;
/// Longest name of a text, in bytes.
pub const TEXT_NAME_BYTES_MAX: usize = 128;
/// Longest text, in bytes.
pub const TEXT_BYTES_MAX: usize = 1024;

/// Texts by their names.
type Texts = BTreeMap<String, String>;

/// What is known of a secret beside its value.
#[derive(Debug)]
#[non_exhaustive]
pub struct SecretMetadata {
    /// How the log names it.
    pub secret_id: SecretId,
    /// The current version; compare-and-set compares with it.
    pub current: u32,
    /// How many versions are kept.
    pub limit: usize,
    /// The versions that are kept, oldest first; `None` for whoever may not read.
    pub versions: Option<Vec<VersionFold>>,
    /// The version of the metadata itself.
    pub version: SecretVersion,
    /// The texts beside it; `None` for whoever may not read.
    pub texts: Option<Texts>,
}

/// How many versions are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum Limit {
    /// As many as before.
    AsBefore,
    /// As many as of any secret.
    Usual,
    /// This many.
    Versions(NonZeroU32),
}

/// How metadata is to be.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the parts of a request")]
pub struct MetadataChange {
    /// All texts beside the secret; `None` leaves them as they are.
    pub texts: Option<Texts>,
    /// How many versions are kept; those beyond are removed for good at once.
    pub limit: Limit,
    /// The version that the metadata must have.
    pub expected: Option<u32>,
}

impl Keyward {
    /// What is known of a secret beside its value.
    ///
    /// # Errors
    /// [`SecretError::Execute`] with a [`SecretRefusal`].
    pub fn secret_metadata(
        &self,
        by: &Asker,
        path: &SecretPath,
    ) -> Result<SecretMetadata, SecretError> {
        let root = self.secrets_root()?;
        self.permit(&root, by, (Action::Read, "secret.metadata"), path.segments())?;
        let id = self.known_id(&root, path)?;
        let mut failure = SecretRefusal::NoSuchSecret.into();
        for _ in 0..LOOKS_MAX {
            let state = self.state();
            let secret = existing(&state, &id)?;
            match self.open_texts(&id, secret) {
                Ok((version, texts)) => {
                    return Ok(SecretMetadata {
                        secret_id: id,
                        current: secret.current(),
                        limit: secret.limit(),
                        versions: Some(secret.versions.clone()),
                        version,
                        texts: Some(texts),
                    });
                }
                Err(error) => failure = error,
            }
            if self.state().size() == state.size() {
                break;
            }
        }
        Err(failure)
    }

    /// Changes a secret's metadata. A limit that removes versions needs the right to delete them;
    /// texts and versions are told to those who may read them.
    ///
    /// # Errors
    /// [`SecretError::Metadata`] for texts that are too many or too long, or
    /// [`SecretError::Execute`] with a [`SecretRefusal`].
    pub fn set_secret_metadata(
        &self,
        by: &Asker,
        path: &SecretPath,
        change: MetadataChange,
    ) -> Result<SecretMetadata, SecretError> {
        let MetadataChange { texts, limit, expected } = change;
        texts.as_ref().map_or(Ok(()), check)?;
        let root = self.secrets_root()?;
        self.permit(&root, by, (Action::Write, "secret.metadata"), path.segments())?;
        let id = self.known_id(&root, path)?;
        let stripe = self.stripe(&id);
        let sealing = self.shared.sealing();
        let root = self.secrets_root()?;
        let state = self.state();
        let secret = existing(&state, &id)?;
        let current = secret.metadata.map_or(0, SecretVersion::get);
        if let Some(expected) = expected.filter(|expected| *expected != current) {
            return Err(SecretRefusal::AnotherVersion { expected, current }.into());
        }
        let texts = match texts {
            Some(texts) => texts,
            None => self.open_texts(&id, secret)?.1,
        };
        let versions_max = match limit {
            Limit::AsBefore => secret.versions_max,
            Limit::Usual => None,
            Limit::Versions(limit) => Some(limit),
        };
        let next = Secret { versions_max, ..Secret::default() };
        if next.limit() < secret.versions.len() {
            self.permit(&root, by, (Action::Delete, "secret.metadata"), path.segments())?;
        }
        let json = canonical::to_bytes(&texts).map_err(|_| SecretError::Internal)?;
        let metadata_version = SecretVersion::after(secret.metadata);
        let item = seal(&root, (&id, metadata_version), (path, &json))?;
        let set = SetMetadata { secret_id: id, metadata_version, versions_max };
        let command = Command::Secret(SecretCommand::SetMetadata(set));
        let receipt = self.execute_with(&by.actor, vec![command], vec![item])?;
        drop((stripe, sealing));
        self.remembering(|memory| memory.release(&id, &dropped(&receipt)));
        let state = self.state();
        let secret = existing(&state, &id)?;
        let may_read = self.grants(&root, by, Action::Read, path.segments())?;
        Ok(SecretMetadata {
            secret_id: id,
            current: secret.current(),
            limit: secret.limit(),
            versions: may_read.then(|| secret.versions.clone()),
            version: metadata_version,
            texts: may_read.then_some(texts),
        })
    }

    fn open_texts(
        &self,
        id: &SecretId,
        secret: &Secret,
    ) -> Result<(SecretVersion, Texts), SecretError> {
        let version = secret.metadata.ok_or(SecretError::Internal)?;
        let name = record::metadata_record(id, version).ok_or(SecretError::Internal)?;
        let field = record::metadata_field().ok_or(SecretError::Internal)?;
        let (_, json) = self.shared.open_record(&name, &field)?;
        let texts = serde_json::from_slice(json.expose());
        let what = || format!("{name} holds no metadata").into();
        Ok((version, texts.map_err(|_| SecretError::Damaged { what: what() })?))
    }
}

/// The record of path and metadata.
pub(super) fn seal(
    root: &Root,
    (id, version): (&SecretId, SecretVersion),
    (path, texts): (&SecretPath, &[u8]),
) -> Result<ItemChange, SecretError> {
    let name = record::metadata_record(id, version).ok_or(SecretError::Internal)?;
    let path_field = record::path_field().ok_or(SecretError::Internal)?;
    let texts_field = record::metadata_field().ok_or(SecretError::Internal)?;
    let fields: [(FieldName, &[u8]); 2] =
        [(path_field, path.as_str().as_bytes()), (texts_field, texts)];
    let bytes = root.seal(&name, &fields)?;
    Ok(ItemChange::Put(Shelf::Record, Item { name: item_name(&name), bytes }))
}

fn check(texts: &Texts) -> Result<(), SecretError> {
    let refused = |what| Err(SecretError::Metadata(what));
    if texts.len() > TEXTS_MAX {
        return refused("at most 64 texts stand beside a secret");
    }
    for (name, text) in texts {
        if name.is_empty() || name.len() > TEXT_NAME_BYTES_MAX || name.chars().any(char::is_control)
        {
            return refused("a text's name has 1 to 128 bytes and no control character");
        }
        if text.len() > TEXT_BYTES_MAX {
            return refused("a text has at most 1024 bytes");
        }
    }
    Ok(())
}
