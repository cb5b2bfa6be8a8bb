//! What another store says of its keys, taken in: `docs/format/key-metadata.md` (LC-013).
//!
//! Every key comes by its public part alone, so that it verifies and never signs here, and it is
//! as ended here as it is there.

mod read;

use keyward_lifecycle::{
    algorithm::Algorithm,
    canonical::{Limits, MalformedJson, from_slice_strict},
    command::Command,
    event::Fact,
    id::{ActorId, Fingerprint, KeyId, ProfileName},
    key::Status,
    state::State,
    time::Timestamp,
};
use serde::Deserialize;

use crate::{
    engine::Keyward,
    writer::{ExecuteError, Receipt},
};

/// The format that is written and read.
pub const METADATA_SCHEMA: &str = "keyward.key-metadata/v1";
/// Longest document that is read, in bytes: 3,000 keys of the longest algorithm, each in its 5 KB.
pub const METADATA_BYTES_MAX: usize = 16 << 20;
/// Most keys in a document that is read: they come in one transaction, which nobody else may wait
/// long for.
pub const METADATA_KEYS_MAX: usize = 10_000;

/// What a store says of its keys.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the format, version 1")]
pub struct MetadataDocument {
    /// [`METADATA_SCHEMA`].
    pub schema: String,
    /// When it was written.
    pub exported_at: Timestamp,
    /// The keys, in the order in which they came.
    pub keys: Vec<KeyMetadata>,
}

/// What a store says of one key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the format, version 1")]
pub struct KeyMetadata {
    /// Its name.
    pub key_id: KeyId,
    /// What its signatures are.
    pub algorithm: Algorithm,
    /// The profile that it was made under there.
    pub profile: ProfileName,
    /// What it is for.
    pub purpose: String,
    /// Where its private part is there.
    pub store: String,
    /// SHA-256 of its canonical SPKI.
    pub fingerprint: Fingerprint,
    /// SPKI in PEM.
    pub public_key: String,
    /// Who else can have the private part.
    pub custody: String,
    /// Where it stands.
    pub status: Status,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it became the signer.
    pub promoted_at: Option<Timestamp>,
    /// When it expires: the first instant at which it is not good.
    pub expires_at: Option<Timestamp>,
    /// When succession or retirement ended its signing.
    pub retired_at: Option<Timestamp>,
    /// The last instant at which it is good, whatever ends it (traps HA-33).
    pub not_after: Option<Timestamp>,
    /// How many signatures it may make.
    pub max_usage: Option<u64>,
    /// How many it made.
    pub usage_count: u64,
    /// Counts the rotations of its lineage, from 1.
    pub version: u32,
    /// The first key of its lineage; itself, if it succeeds none.
    pub lineage: KeyId,
    /// The key that it was made to succeed.
    pub parent_id: Option<KeyId>,
    /// The key that succeeds it.
    pub successor: Option<KeyId>,
    /// How it was derived from a seed.
    pub derivation_path: Option<String>,
    /// When its private part was destroyed.
    pub destroyed_at: Option<Timestamp>,
    /// Its end, if one was given.
    pub revocation: Option<RevocationMetadata>,
    /// The anchors that ever believed it there.
    pub anchors: Vec<String>,
}

/// The end of a key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the format, version 1")]
pub struct RevocationMetadata {
    /// Why; a word that is not known is read as a compromise (traps HA-32).
    pub reason: String,
    /// From when.
    pub effective_at: Timestamp,
    /// For a compromise: since when somebody else may have had it.
    pub invalidity_date: Option<Timestamp>,
    /// What leaked; anything but `key` is read as `server`.
    pub scope: String,
}

impl MetadataDocument {
    /// Reads a document, strictly.
    ///
    /// # Errors
    /// [`MalformedJson`] says where.
    pub fn parse(bytes: &[u8]) -> Result<Self, MalformedJson> {
        from_slice_strict(bytes, Limits::new(METADATA_BYTES_MAX, DEPTH_MAX))
    }

    /// What the document asks for where things stand as in `state` at `now`: one command for each
    /// key that is not there, after those of the keys that it follows.
    ///
    /// # Errors
    /// [`ImportMetadataError`] for a document that is not what it must be.
    pub fn commands(
        &self,
        state: &State,
        now: Timestamp,
    ) -> Result<Vec<Command>, ImportMetadataError> {
        read::plan(state, self, now).map(|plan| plan.commands)
    }
}

/// Deepest nesting of a document: the format has five.
const DEPTH_MAX: usize = 8;

/// What became of a document's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what is answered")]
pub struct MetadataReceipt {
    /// Keys that were taken in, in the order in which they came.
    pub adopted: Vec<KeyId>,
    /// How many were here already, and were left alone.
    pub known: usize,
    /// Those of them that have ended there, and less so here.
    pub worse_there: Vec<WorseThere>,
}

/// A key that has ended in a document, and less so here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "key `{key_id}` is {there} in the document and {here} here, where it was left alone; should \
     it end here too: `keyward key revoke {key_id}`"
)]
#[expect(clippy::exhaustive_structs, reason = "what is answered")]
pub struct WorseThere {
    /// The key.
    pub key_id: KeyId,
    /// How it stands in the document.
    pub there: Status,
    /// How it stands here.
    pub here: Status,
}

impl Keyward {
    /// Takes in the keys of a document that are not here, by their public parts and as ended as
    /// they are there: all of them, or none. No proof of possession is asked for: whoever imports
    /// vouches for the document, and an anchor believes none of the keys until they are added.
    ///
    /// # Errors
    /// [`ImportMetadataError`]; then nothing has changed.
    pub fn import_metadata(
        &self,
        actor: &ActorId,
        document: &MetadataDocument,
    ) -> Result<MetadataReceipt, ImportMetadataError> {
        let (state, now) = (self.state(), self.now());
        let read::Plan { commands, known } = read::plan(&state, document, now)?;
        let events = match commands.is_empty() {
            true => Vec::new(),
            false => {
                let Receipt { events, .. } = self.execute_all(actor, commands)?;
                events
            }
        };
        let mut adopted = Vec::new();
        for (_, fact) in events {
            if let Fact::KeyImported { key, .. } = fact {
                adopted.push(key.key_id);
            }
        }
        let worse = known.iter().filter_map(|(key_id, there)| {
            let here = state.key(key_id)?.status(now);
            let (key_id, there) = (key_id.clone(), *there);
            (read::severity(there) > read::severity(here)).then_some(WorseThere {
                key_id,
                there,
                here,
            })
        });
        let known = document.keys.len().saturating_sub(adopted.len());
        Ok(MetadataReceipt { worse_there: worse.collect(), adopted, known })
    }
}

/// A document was not taken in. Nothing has changed.
#[derive(Debug, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "the HTTP status of each is decided in one place")]
pub enum ImportMetadataError {
    /// A rule says no, the store is sealed, or it cannot be written.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// It is of another format.
    #[error("schema: expected `{METADATA_SCHEMA}`, and this is `{0}`")]
    Schema(String),
    /// It has more keys than are read.
    #[error("keys: {0} of them; at most {METADATA_KEYS_MAX} are taken in at once")]
    TooManyKeys(usize),
    /// One of its keys is not what it must be.
    #[error("keys[{place}], `{key_id}`: {fault}")]
    Key {
        /// Its place in the document, from 0.
        place: usize,
        /// Its name.
        key_id: KeyId,
        /// What is wrong.
        fault: KeyFault,
    },
}

/// What is wrong with a key of a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "every case has its own words")]
pub enum KeyFault {
    /// Its public key cannot be read, or is not safe to trust.
    #[error("publicKey: expected SubjectPublicKeyInfo in PEM, of a key that is safe to trust")]
    PublicKey,
    /// Its public key is for another algorithm.
    #[error("algorithm: it says {stated}, and its public key is for {found}")]
    Algorithm {
        /// What the document says.
        stated: Algorithm,
        /// What the key is for.
        found: Algorithm,
    },
    /// Its fingerprint is another's.
    #[error("fingerprint: that of its public key is {0}")]
    Fingerprint(Fingerprint),
    /// Its purpose is not 1 to 64 printable characters.
    #[error("purpose: expected 1 to 64 printable ASCII characters")]
    Purpose,
    /// Its name was there before.
    #[error("keyId: the document has it twice")]
    Twice,
    /// No profile here makes keys of its algorithm, so none can hold it.
    #[error("algorithm: no profile here has {0}; define one in the configuration")]
    NoProfile(Algorithm),
    /// It is DEPRECATED, and nobody knows since when.
    #[error("retiredAt: missing, and the key is DEPRECATED")]
    NoRetirement,
    /// It is REVOKED or COMPROMISED, and nobody knows since when.
    #[error("revocation: missing, and the key is {0}")]
    NoRevocation(Status),
    /// The key before it is neither in the document nor here.
    #[error("it follows `{0}`, which is neither in the document nor here; take that in with it")]
    NoParent(KeyId),
    /// The keys before it lead back to it.
    #[error("parentId: the keys that it follows lead back to it")]
    Loop,
    /// It is of another lineage than the key before it.
    #[error("lineage: it follows `{0}`, which is of another")]
    Lineage(KeyId),
}
