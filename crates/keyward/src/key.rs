//! Keys with their private parts: made, taken in, destroyed.

use std::num::NonZeroU64;

use keyward_barrier::{RecordId, RecordKind, RecordName, RecordVersion};
use keyward_crypto::{pkcs8::UnreadablePrivateKey, signing::PrivateKey, spki};
use keyward_lifecycle::{
    algorithm::Algorithm,
    canonical,
    command::{Command, NewKey},
    decide::{decide, may_sign},
    envelope::pae,
    id::{ActorId, Fingerprint, KeyId, ProfileName},
    key::{Custody, Key},
    profile::{Profile, StoreAddress},
    refusal::Refusal,
    time::Timestamp,
};
use serde::Serialize;

use crate::{
    engine::{Keyward, unavailable},
    keystore::{KeyStore, KeyStoreError, Made},
    record::{Found, item_name},
    storage::{Item, ItemChange, LedgerIndex, Shelf},
    writer::{ExecuteError, Receipt},
};

/// A key that is asked for.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "made from a request, member by member")]
pub struct KeyRequest {
    /// Its name.
    pub key_id: KeyId,
    /// Under which profile.
    pub profile: ProfileName,
    /// Its algorithm, which must be the profile's; `None` for the profile's.
    pub algorithm: Option<Algorithm>,
    /// What it is for; `None` for [`PURPOSE`].
    pub purpose: Option<String>,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// How often it may sign; 0 is refused.
    pub max_usage: Option<u64>,
    /// The key that it is to follow.
    pub parent: Option<KeyId>,
    /// Whether it stays STAGED even where its profile has no signer.
    pub staged: bool,
}

/// What keys are for unless said otherwise.
pub const PURPOSE: &str = "signing";
/// Longest purpose, in bytes.
pub const PURPOSE_BYTES_MAX: usize = 64;
/// The DSSE payload type of a proof of possession.
pub const POSSESSION_PAYLOAD_TYPE: &str = "application/vnd.keyward.possession+json";

impl KeyRequest {
    /// A key of that name under that profile, with nothing else said.
    #[must_use]
    pub const fn new(key_id: KeyId, profile: ProfileName) -> Self {
        Self {
            key_id,
            profile,
            algorithm: None,
            purpose: None,
            expires_at: None,
            max_usage: None,
            parent: None,
            staged: false,
        }
    }

    pub(crate) fn new_key(&self, public_key: &[u8], custody: Custody) -> Result<NewKey, KeyError> {
        let max_usage = match self.max_usage {
            Some(most) => Some(
                NonZeroU64::new(most).ok_or(Refusal::EmptyLimit { what: "the number of uses" })?,
            ),
            None => None,
        };
        let purpose = self.purpose.as_deref().unwrap_or(PURPOSE);
        let good = |byte: u8| byte.is_ascii_graphic();
        if purpose.is_empty() || purpose.len() > PURPOSE_BYTES_MAX || !purpose.bytes().all(good) {
            return Err(KeyError::MalformedPurpose);
        }
        Ok(NewKey {
            key_id: self.key_id.clone(),
            profile: self.profile.clone(),
            algorithm: self.algorithm,
            purpose: purpose.into(),
            fingerprint: Fingerprint::of_spki(public_key),
            public_key: public_key.into(),
            custody,
            expires_at: self.expires_at,
            max_usage,
            parent: self.parent.clone(),
            staged: self.staged,
        })
    }
}

impl Keyward {
    /// Makes a key in its profile's store and registers it; the sealed private part is written
    /// in the same transaction.
    ///
    /// # Errors
    /// [`KeyError`]; then there is no such key, and nothing of it.
    pub fn generate_key(&self, actor: &ActorId, request: &KeyRequest) -> Result<Receipt, KeyError> {
        self.generate_and(actor, request, Vec::new())
    }

    /// Makes a key, and decides about `then` in the transaction that registers it.
    pub(crate) fn generate_and(
        &self,
        actor: &ActorId,
        request: &KeyRequest,
        then: Vec<Command>,
    ) -> Result<Receipt, KeyError> {
        // Asked before anything is made, so that a refusal leaves nothing behind in a store.
        let placeholder =
            request.new_key(request.key_id.as_str().as_bytes(), Custody::Exclusive)?;
        let state = self.state();
        if let Err(refusal) = decide(&state, &Command::GenerateKey(placeholder), self.now()) {
            return Err(self.log_refused(actor, "key.generate", refusal));
        }
        let profile = self.profile(&request.profile)?;
        let store = self.store(&profile)?;
        let _sealing = self.shared.sealing();
        let root = self.shared.root().ok_or(ExecuteError::Sealed)?;
        let made = store.generate(&root.unsealed, &request.key_id, profile.algorithm)?;
        let new = request.new_key(&made.public_key, Custody::Exclusive)?;
        let commands = [vec![Command::GenerateKey(new)], then].concat();
        self.register(actor, commands, &request.key_id, made)
    }

    /// Takes in a private key that was made elsewhere: PKCS#8 in PEM, wiped after use.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn import_key(
        &self,
        actor: &ActorId,
        request: &KeyRequest,
        private_pem: &str,
    ) -> Result<Receipt, KeyError> {
        let profile = self.profile(&request.profile)?;
        let store = self.store(&profile)?;
        let import = store.importer().ok_or_else(|| KeyError::NoImport(profile.name.clone()))?;
        let private = PrivateKey::from_pkcs8_pem(private_pem)?;
        if private.algorithm() != profile.algorithm {
            let (expected, asked) = (profile.algorithm, private.algorithm());
            return Err(Refusal::WrongAlgorithm { profile: profile.name, expected, asked }.into());
        }
        let _sealing = self.shared.sealing();
        let root = self.shared.root().ok_or(ExecuteError::Sealed)?;
        let made = import.import(&root.unsealed, &request.key_id, &private)?;
        let new = request.new_key(&made.public_key, Custody::Shared)?;
        self.register(actor, vec![Command::ImportKey(new)], &request.key_id, made)
    }

    /// Registers somebody else's public key, whose holder has signed [`possession`] with it
    /// (traps HA-18). It verifies; it never signs here.
    ///
    /// # Errors
    /// [`KeyError::NoPossession`] for a signature that is not good, or another.
    pub fn register_public_key(
        &self,
        actor: &ActorId,
        request: &KeyRequest,
        public_pem: &str,
        proof: &Possession<'_>,
    ) -> Result<Receipt, KeyError> {
        let spki = spki::from_pem(public_pem).map_err(|_| KeyError::MalformedPublicKey)?;
        let algorithm = spki::algorithm_of_spki(&spki).map_err(|_| KeyError::MalformedPublicKey)?;
        let profile = self.profile(&request.profile)?;
        if algorithm != profile.algorithm {
            let (expected, asked) = (profile.algorithm, algorithm);
            return Err(Refusal::WrongAlgorithm { profile: profile.name, expected, asked }.into());
        }
        let verify = keyward_crypto::STANDARD.get(algorithm).ok_or(KeyError::MalformedPublicKey)?;
        let key = verify.public_key(&spki).map_err(|_| KeyError::MalformedPublicKey)?;
        let message = possession(&request.key_id, &Fingerprint::of_spki(&spki), proof.nonce)
            .ok_or(KeyError::NoPossession)?;
        key.verify(&message, proof.signature).map_err(|_| KeyError::NoPossession)?;
        let new = request.new_key(&spki, Custody::Foreign)?;
        Ok(self.execute(actor, Command::ImportKey(new))?)
    }

    fn register(
        &self,
        actor: &ActorId,
        commands: Vec<Command>,
        key_id: &KeyId,
        made: Made,
    ) -> Result<Receipt, KeyError> {
        let name = record_name(key_id);
        let item = |bytes| ItemChange::Put(Shelf::Record, Item { name, bytes });
        let items = made.sealed.map(item).into_iter().collect();
        Ok(self.execute_with(actor, commands, items)?)
    }

    /// Destroys a key's private part: the sealed record goes in the transaction that says so.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn destroy_key(&self, actor: &ActorId, key_id: &KeyId) -> Result<Receipt, KeyError> {
        let items = vec![ItemChange::Remove(Shelf::Record, record_name(key_id))];
        let command = Command::DestroyKey { key_id: key_id.clone() };
        Ok(self.execute_with(actor, vec![command], items)?)
    }

    /// How many signatures of a key the ledger has (LC-012).
    ///
    /// # Errors
    /// [`ExecuteError::Unavailable`].
    pub fn usage_count(&self, key: &Key) -> Result<u64, ExecuteError> {
        let (mut after, mut count) = (None, 0_u64);
        loop {
            let find = LedgerIndex::Key(key.record.fingerprint);
            let page = self.shared.storage.ledger(find, after, COUNT_PAGE);
            let page = page.map_err(|error| unavailable(&error))?;
            count = count.saturating_add(page.len() as u64);
            match page.last() {
                Some(last) if page.len() == COUNT_PAGE as usize => after = Some(*last),
                Some(_) | None => return Ok(count),
            }
        }
    }

    /// Whether the store of that address is built in.
    #[must_use]
    pub fn store_available(&self, address: &StoreAddress) -> bool {
        self.shared.key_stores.get(address).is_some()
    }

    /// Signs with the key's private part, wherever it is. Whether the key may sign is judged
    /// elsewhere.
    pub(crate) fn sign_with(&self, key: &Key, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let root = self.shared.root().ok_or(ExecuteError::Sealed)?;
        let not_built = || KeyError::StoreNotBuilt {
            profile: key.record.profile.clone(),
            store: key.record.store.clone(),
        };
        let store = self.shared.key_stores.get(&key.record.store).ok_or_else(not_built)?;
        let (key_id, now) = (&key.record.key_id, self.now());
        if let Some(open) = root.opened.get(key_id, now) {
            return Ok(open.sign(message)?);
        }
        let moment = root.opened.moment();
        let (root, found) = self.shared.record_and_root(&record_of(key_id))?;
        let sealed = found.as_ref().map(Found::sealed);
        let Some(opener) = store.opener() else {
            return Ok(store.sign(&root.unsealed, &key.record, sealed, message)?);
        };
        let open = opener.open(&root.unsealed, &key.record, sealed)?;
        // A key that ended since it was chosen is not kept: it ended before this look at the
        // state, or it is closed after it, which the moment tells.
        let state = self.state();
        let current = state.key(key_id);
        if current.is_some_and(|current| may_sign(&state, current, 0, now).is_ok()) {
            root.opened.keep(moment, key_id.clone(), now, open.clone());
        }
        Ok(open.sign(message)?)
    }

    fn profile(&self, name: &ProfileName) -> Result<Profile, KeyError> {
        let state = self.state();
        let profile = state.profile(name).cloned();
        profile.ok_or_else(|| Refusal::NoSuchProfile(name.clone()).into())
    }

    fn store(&self, profile: &Profile) -> Result<&dyn KeyStore, KeyError> {
        let found = self.shared.key_stores.get(&profile.key_store);
        found.ok_or_else(|| KeyError::StoreNotBuilt {
            profile: profile.name.clone(),
            store: profile.key_store.clone(),
        })
    }

    /// A refusal that was found before the writer was asked is logged like any other.
    pub(crate) fn log_refused(
        &self,
        actor: &ActorId,
        command: &'static str,
        refusal: Refusal,
    ) -> KeyError {
        let note = Command::NoteRefusals {
            command: command.into(),
            refusal: refusal.code().into(),
            key_id: refusal.key_id().cloned(),
            count: 1,
        };
        // The refusal is the answer whether or not it could be logged.
        drop(self.execute(actor, note));
        refusal.into()
    }
}

/// A proof that the holder of a public key has its private part.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "two parts of a request")]
pub struct Possession<'p> {
    /// A nonce that the registrar chose.
    pub nonce: &'p str,
    /// The signature over [`possession`].
    pub signature: &'p [u8],
}

/// The bytes that a holder signs to have a public key registered.
#[must_use]
pub fn possession(key_id: &KeyId, fingerprint: &Fingerprint, nonce: &str) -> Option<Vec<u8>> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Statement<'s> {
        key_id: &'s KeyId,
        fingerprint: &'s Fingerprint,
        nonce: &'s str,
    }
    let payload = canonical::to_bytes(&Statement { key_id, fingerprint, nonce }).ok()?;
    Some(pae(POSSESSION_PAYLOAD_TYPE, &payload))
}

/// The sealed private part's name on its shelf.
fn record_name(key_id: &KeyId) -> Vec<u8> {
    item_name(&record_of(key_id))
}

fn record_of(key_id: &KeyId) -> RecordName {
    RecordName::new(RecordKind::PrivateKey, RecordId::from(key_id), RecordVersion::FIRST)
}

/// Places read at once while counting.
const COUNT_PAGE: u32 = 10_000;

/// A key was not made, taken in, used or destroyed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A rule says no, the store is sealed, or it cannot be written.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// The key store did not do it.
    #[error(transparent)]
    Store(#[from] KeyStoreError),
    /// The profile's store is known and not built into this program.
    #[error("profile `{profile}` keeps its keys in `{store}`, which this build cannot reach")]
    StoreNotBuilt {
        /// The profile.
        profile: ProfileName,
        /// Its store.
        store: StoreAddress,
    },
    /// The profile's store takes no keys in.
    #[error("the key store of profile `{0}` takes no keys in")]
    NoImport(ProfileName),
    /// The private key cannot be read.
    #[error(transparent)]
    Private(#[from] UnreadablePrivateKey),
    /// The public key cannot be read, or is not safe to trust.
    #[error("the public key is malformed; expected SubjectPublicKeyInfo in PEM")]
    MalformedPublicKey,
    /// The proof of possession does not hold.
    #[error("the proof of possession is not a signature by that key over its nonce")]
    NoPossession,
    /// The purpose is not 1 to 64 printable characters.
    #[error("the purpose is malformed: expected 1 to 64 printable ASCII characters")]
    MalformedPurpose,
}

impl From<Refusal> for KeyError {
    fn from(refusal: Refusal) -> Self {
        Self::Execute(ExecuteError::Refused(refusal))
    }
}
