//! The section of secrets and path policies.

use alloc::{sync::Arc, vec::Vec};
use core::num::NonZeroU32;

use super::{
    SnapshotFailed, UnreadableSnapshot,
    bytes::{Reader, put_number, put_small},
};
use crate::{
    secret::{PolicyFold, PolicyName, Secret, SecretId, SecretVersion, VersionFold},
    state::State,
    time::Timestamp,
};

/// The fewest bytes of a row: the id and four more.
const ROW_BYTES_MIN: usize = 20;

pub(super) fn put(state: &State, out: &mut Vec<u8>) -> Result<(), SnapshotFailed> {
    let fold = state.secrets();
    out.push(u8::from(fold.begun));
    put_small(out, &fold.policies.iter().collect::<Vec<_>>())?;
    put_number(out, fold.secrets.len() as u64);
    for (id, secret) in fold.secrets() {
        let Secret { newest, versions, metadata, versions_max } = secret;
        let versions = versions.iter().map(|it| (it.number, it.written_at, it.deleted_at));
        let versions = versions.collect::<Vec<_>>();
        put_small(out, &(id, newest, versions, metadata, versions_max))?;
    }
    Ok(())
}

type Row = (
    SecretId,
    Option<SecretVersion>,
    Vec<(SecretVersion, Timestamp, Option<Timestamp>)>,
    Option<SecretVersion>,
    Option<NonZeroU32>,
);

/// Reads what [`put`] wrote.
pub(super) fn read(reader: &mut Reader<'_>, state: &mut State) -> Result<(), UnreadableSnapshot> {
    let fold = &mut state.secrets;
    fold.begun = reader.byte()? != 0;
    fold.policies = reader.small::<Vec<(PolicyName, PolicyFold)>>()?.into_iter().collect();
    for _ in 0..reader.count(ROW_BYTES_MIN)? {
        let (id, newest, versions, metadata, versions_max): Row = reader.small()?;
        let version =
            |(number, written_at, deleted_at)| VersionFold { number, written_at, deleted_at };
        let versions = versions.into_iter().map(version).collect();
        fold.secrets.insert(id, Arc::new(Secret { newest, versions, metadata, versions_max }));
    }
    Ok(())
}
