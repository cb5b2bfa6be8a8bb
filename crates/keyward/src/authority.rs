//! Who vouches for the log, as this store knows it: the newest document that is pinned outside
//! the database, the way to it, and how the next version takes its place.
//!
//! The database only keeps copies: what is pinned is believed, and followed from there.

use std::sync::Arc;

use keyward_crypto::{
    signing::{PrivateKey, Signer},
    spki,
};
use keyward_lifecycle::{
    authority::{
        AUTHORITY_PAYLOAD_TYPE, AUTHORITY_VERSIONS_MAX, Admitted, Authority, AuthorityKey,
        AuthorityRefused, ReadKey as _, admit,
    },
    command::Command,
    envelope::{Envelope, MalformedEnvelope, Signature, pae},
    id::{ActorId, Fingerprint, KeyId},
    state::State,
};

use crate::{
    engine::{Keyward, unavailable},
    record::item_name,
    start::{CreateFailed, OpenFailed},
    storage::{Item, ItemChange, ReadError, Shelf, Storage},
    system::{AUTHORITY_KEY, LogSigner, Reader, open_system_key, system_record},
    writer::ExecuteError,
};

/// The next version of the document as somebody brings it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "made by the caller")]
pub struct Offered {
    /// The document, in the bytes that were signed.
    pub payload: Vec<u8>,
    /// The signatures of those who hold keys elsewhere; none where this store's own is enough.
    pub signatures: Vec<Signature>,
}

/// By which people compare a key of the document; `None` for one that cannot be read.
#[must_use]
pub fn fingerprint(key: &AuthorityKey) -> Option<Fingerprint> {
    Reader.ed25519_from_pem(&key.public_key).map(|(fingerprint, _)| fingerprint)
}

impl Keyward {
    /// The newest document, which is pinned.
    #[must_use]
    pub fn authority(&self) -> Arc<Admitted> {
        self.shared.authority()
    }

    /// The document of that version in its envelope, or the newest; `None` for one that is not
    /// here.
    ///
    /// # Errors
    /// [`ExecuteError::Unavailable`].
    pub fn authority_envelope(
        &self,
        version: Option<u64>,
    ) -> Result<Option<Envelope>, ExecuteError> {
        match version {
            Some(version) if version != self.authority().authority().version => {
                stored(&*self.shared.storage, version).map_err(|error| unavailable(&error))
            }
            Some(_) | None => Ok(Some(self.shared.pins.authority())),
        }
    }

    /// The documents that follow one another up to the newest, which is the last. Older ones
    /// are there as far as the database has them without a gap.
    ///
    /// # Errors
    /// [`ExecuteError::Unavailable`].
    pub fn authority_versions(&self) -> Result<Vec<Envelope>, ExecuteError> {
        let (mut next, mut version) =
            (self.shared.pins.authority(), self.authority().authority().version);
        let mut newest_first = Vec::new();
        while newest_first.len() < AUTHORITY_VERSIONS_MAX.saturating_sub(1) {
            version = version.saturating_sub(1);
            let found = stored(&*self.shared.storage, version);
            let Some(before) = found.map_err(|error| unavailable(&error))? else { break };
            let Ok(admitted) = admit(&before, None, &Reader) else { break };
            if admit(&next, Some(&admitted), &Reader).is_err() {
                break;
            }
            newest_first.push(std::mem::replace(&mut next, before));
        }
        newest_first.push(next);
        newest_first.reverse();
        Ok(newest_first)
    }

    /// Whether this store holds the private part of an authority key, sealed.
    ///
    /// # Errors
    /// [`ExecuteError::Unavailable`].
    pub fn holds_authority_key(&self) -> Result<bool, ExecuteError> {
        Ok(self.held_row()?.is_some())
    }

    /// Puts the next version in the place of the newest one (HA-08): the thresholds of both must
    /// have signed it. The key that this store holds signs it here, if it is one of either, and
    /// is destroyed when the new version has no use for it.
    ///
    /// # Errors
    /// [`AuthorityError`]; nothing has changed.
    pub fn replace_authority(
        &self,
        by: &ActorId,
        offered: Offered,
    ) -> Result<Arc<Admitted>, AuthorityError> {
        let before = self.authority();
        let next = Authority::parse(&offered.payload)?;
        if next.has_expired(self.now()) {
            return Err(AuthorityError::Expired);
        }
        let held = self.held_key()?;
        let envelope = signed(offered, held.as_ref(), [before.authority(), &next])?;
        let admitted = Arc::new(admit(&envelope, Some(&before), &Reader)?);
        let mut items = vec![
            shelved(before.authority().version, &self.shared.pins.authority())?,
            shelved(next.version, &envelope)?,
        ];
        if held.is_some_and(|held| name_of(&held, &next).is_none()) {
            items.extend(held_name().map(|name| ItemChange::Remove(Shelf::Record, name)));
        }
        let (version, digest) = (next.version, admitted.digest());
        let command = Command::ReplaceAuthority { version, digest };
        self.execute_with(by, vec![command], items)?;
        // A stop before this is made up for by the next start.
        self.shared.adopt_authority(admitted.clone(), envelope);
        Ok(admitted)
    }

    fn held_row(&self) -> Result<Option<crate::record::Found>, ExecuteError> {
        let Some(name) = system_record(AUTHORITY_KEY) else { return Ok(None) };
        self.shared.record(&name).map_err(|error| unavailable(&error))
    }

    fn held_key(&self) -> Result<Option<Signer>, ExecuteError> {
        let root = self.shared.root().ok_or(ExecuteError::Sealed)?;
        let Some(found) = self.held_row()? else { return Ok(None) };
        let opened = open_system_key(&root.unsealed, found.epoch, AUTHORITY_KEY, &found.row);
        let damaged = || ExecuteError::Unavailable("the authority key does not open".into());
        opened.ok_or_else(damaged).map(Some)
    }
}

/// What was offered, with the signature of the key that is held here.
fn signed(
    offered: Offered,
    held: Option<&Signer>,
    documents: [&Authority; 2],
) -> Result<Envelope, AuthorityError> {
    let Offered { payload, mut signatures } = offered;
    if let Some(held) = held
        && let Some(name) = documents.into_iter().find_map(|document| name_of(held, document))
    {
        let signature = held.sign(&pae(AUTHORITY_PAYLOAD_TYPE, &payload));
        let signature = signature.map_err(|error| unavailable(&error))?;
        signatures.push(Signature { key_id: Some(name.to_string()), signature });
    }
    let mut signatures = signatures.into_iter();
    let first = signatures.next().ok_or(AuthorityRefused::TooFewSigners)?;
    let mut envelope = Envelope::new(AUTHORITY_PAYLOAD_TYPE, payload, first)?;
    signatures.try_for_each(|signature| envelope.push(signature))?;
    Ok(envelope)
}

/// What `document` calls that key; `None` if it is not one of its keys.
fn name_of(held: &Signer, document: &Authority) -> Option<KeyId> {
    let held_fingerprint = Fingerprint::of_spki(held.spki());
    let is_held = |key: &&AuthorityKey| fingerprint(key) == Some(held_fingerprint);
    document.keys.iter().find(is_held).map(|key| key.key_id.clone())
}

fn held_name() -> Option<Vec<u8>> {
    system_record(AUTHORITY_KEY).map(|record| item_name(&record))
}

fn shelved(version: u64, envelope: &Envelope) -> Result<ItemChange, ExecuteError> {
    let bytes = envelope.to_json().map_err(|error| unavailable(&error))?;
    let name = version.to_be_bytes().to_vec();
    Ok(ItemChange::Put(Shelf::Authority, Item { name, bytes }))
}

fn stored(storage: &dyn Storage, version: u64) -> Result<Option<Envelope>, ReadError> {
    let item = storage.item(Shelf::Authority, &version.to_be_bytes())?;
    Ok(item.and_then(|bytes| Envelope::parse(&bytes).ok()))
}

/// Begins with the key that is made here: 1 of 1.
pub(crate) fn first(
    root_id: Fingerprint,
    origin: &str,
    key: &PrivateKey,
    log: &LogSigner,
) -> Result<Envelope, CreateFailed> {
    let internal = |_| CreateFailed::Internal;
    let key_id = KeyId::parse("authority-1").map_err(|_| CreateFailed::Internal)?;
    let authority = Authority {
        v: 1,
        version: 1,
        root_id,
        threshold: 1,
        keys: vec![AuthorityKey { key_id: key_id.clone(), public_key: spki::to_pem(key.spki()) }],
        origin: origin.to_owned(),
        log_keys: log.verifier_keys().to_vec(),
        expires_at: None,
    };
    let payload = authority.to_payload().map_err(internal)?;
    let signature =
        key.sign(&pae(AUTHORITY_PAYLOAD_TYPE, &payload)).map_err(|_| CreateFailed::Internal)?;
    let first = Signature { key_id: Some(key_id.to_string()), signature };
    Envelope::new(AUTHORITY_PAYLOAD_TYPE, payload, first).map_err(|_| CreateFailed::Internal)
}

/// Follows the documents from the one that is pinned to the one that the log names: a stop came
/// between the two, or the pins are an older copy. Verifiers never go back. With it comes the
/// envelope that is to be pinned now, if there is a newer one.
pub(crate) fn follow(
    storage: &dyn Storage,
    state: &State,
    pinned: Admitted,
) -> Result<(Admitted, Option<Envelope>), OpenFailed> {
    let tampered = |what: String| OpenFailed::Tampered { what: what.into() };
    let (mut newest, mut newer) = (pinned, None);
    let Some(store) = state.store() else { return Ok((newest, newer)) };
    while newest.authority().version < store.authority_version {
        let version = newest.authority().version.saturating_add(1);
        let bad = || tampered(format!("version {version} of the authority document is not good"));
        let envelope = stored(storage, version)?.ok_or_else(bad)?;
        newest = admit(&envelope, Some(&newest), &Reader).map_err(|_| bad())?;
        newer = Some(envelope);
    }
    let (version, digest) = (newest.authority().version, newest.digest());
    if version == store.authority_version && digest != store.authority {
        return Err(tampered("its log names another authority document than trust.json".into()));
    }
    Ok((newest, newer))
}

/// The next version of the authority document was not taken in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// It is not to be followed.
    #[error(transparent)]
    Refused(#[from] AuthorityRefused),
    /// It is past its own end.
    #[error("the authority document has expired")]
    Expired,
    /// A signature is beyond its limits.
    #[error(transparent)]
    Malformed(#[from] MalformedEnvelope),
    /// It could not be logged.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
}
