//! Stores on disk, wired as the program wires them, with the cheapest password slot.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use keyward::{Keyward, Parts, clock::SystemClock, key::KeyRequest, keystore::KeyStores};
use keyward_barrier::{Cost, SlotLabel, Terms};
use keyward_crypto::secret::LockPolicy;
use keyward_keystore::Software;
use keyward_lifecycle::{
    anchor::AnchorRecord,
    command::{Command, Universal},
    id::{ActorId, KeyId, ProfileName},
    pattern::Pattern,
    profile::{LedgerMode, Profile},
    time::Timestamp,
};
use keyward_storage::{
    pin::PinFile,
    sqlite::{Sqlite, SqliteOptions},
};
use tempfile::TempDir;

use crate::Failure;

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A new directory for one store.
pub(crate) fn directory() -> Result<TempDir, Failure> {
    let made = match std::env::var_os("KEYWARD_BENCH_DIR") {
        Some(parent) => tempfile::tempdir_in(PathBuf::from(parent)),
        None => tempfile::tempdir(),
    };
    Ok(made?)
}

/// The adapters of a store in `directory`.
pub(crate) fn parts(directory: &Path) -> Result<Parts, Failure> {
    Ok(Parts {
        storage: Arc::new(Sqlite::open_or_create(directory, SqliteOptions::default())?),
        pins: Arc::new(PinFile::new(directory.join("trust.json"))),
        clock: Arc::new(SystemClock),
        key_stores: KeyStores::default().with("software", Arc::new(Software::default())),
        memory: LockPolicy::Strict,
    })
}

/// The terms of a root key whose password slot costs as little as is allowed.
pub(crate) fn terms() -> Result<Terms, Failure> {
    Ok(Terms {
        cost: Cost::new(Cost::MEMORY_KIB_MIN, 1, 1)?,
        label: SlotLabel::parse("password")?,
        memory: LockPolicy::Strict,
        now: Timestamp::EPOCH,
    })
}

/// A new store, unsealed, with somebody to act in it.
pub(crate) fn create(parts: &Parts) -> Result<(Keyward, ActorId), Failure> {
    let mut profiles = Profile::built_in().to_vec();
    if let Some(first) = profiles.first().cloned() {
        let name = ProfileName::parse("buffered")?;
        profiles.push(Profile { name, ledger: LedgerMode::Buffered, ..first });
    }
    let keyward = Keyward::create(parts, PASSWORD.into(), terms()?, profiles)?;
    let actor = keyward.actor("local:0")?;
    Ok((keyward, actor))
}

/// Makes a key.
pub(crate) fn key(
    keyward: &Keyward,
    actor: &ActorId,
    name: &str,
    profile: &str,
) -> Result<KeyId, Failure> {
    let id = KeyId::parse(name)?;
    keyward.generate_key(actor, &KeyRequest::new(id.clone(), ProfileName::parse(profile)?))?;
    Ok(id)
}

/// Makes an anchor that believes `keys`.
pub(crate) fn anchor(
    keyward: &Keyward,
    actor: &ActorId,
    pattern: &str,
    keys: Vec<KeyId>,
) -> Result<(), Failure> {
    let anchor = AnchorRecord {
        anchor_id: keyward.new_anchor_id()?,
        pattern: Pattern::parse(pattern)?,
        predicate_types: Vec::new(),
        threshold: 1,
        algorithms: Vec::new(),
        policy_version: None,
        asserted: Vec::new(),
    };
    let universal = Universal::Refused;
    keyward.execute(actor, Command::CreateAnchor { anchor, keys, universal, imported: false })?;
    Ok(())
}
