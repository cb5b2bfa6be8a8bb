//! What a verifier keeps outside the database: the authority, the root id, and the newest
//! checkpoint it has seen (`trust.json`, `docs/format/authority.md`).
//!
//! Whoever can write the database cannot write this: that is what makes an exchanged root key,
//! an edited log and a restored old copy visible.

use keyward_barrier::RootId;
use keyward_lifecycle::{
    audit::checkpoint::TreeHead,
    canonical,
    envelope::Envelope,
    id::{Digest, Fingerprint},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) mod saver;

/// Where the pins are kept.
pub trait PinStore: Send + Sync {
    /// The bytes last saved; `None` if none ever were.
    ///
    /// # Errors
    /// The medium's own error.
    fn load(&self) -> Result<Option<Vec<u8>>, std::io::Error>;

    /// Replaces them, atomically and durably.
    ///
    /// # Errors
    /// The medium's own error.
    fn save(&self, bytes: &[u8]) -> Result<(), std::io::Error>;
}

/// Longest `trust.json`, in bytes.
pub const PINS_BYTES_MAX: u64 = 1 << 20;

/// The pins.
#[derive(Debug, Clone)]
pub(crate) struct Pins {
    pub(crate) root_id: RootId,
    pub(crate) authority: Envelope,
    pub(crate) authority_digest: Digest,
    /// The newest checkpoint seen, as a note.
    pub(crate) checkpoint: Option<String>,
    /// The end of the log, where a sealed store went on beyond that checkpoint: nobody has
    /// signed it, and whoever writes the database cannot take it back.
    pub(crate) unsigned: Option<TreeHead>,
}

impl Pins {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, MalformedPins> {
        let wire: Wire = canonical::from_slice_strict(bytes, canonical::Limits::DOCUMENT)
            .map_err(|_| MalformedPins)?;
        let authority = serde_json::to_vec(&wire.authority).map_err(|_| MalformedPins)?;
        let authority = Envelope::parse(&authority).map_err(|_| MalformedPins)?;
        if wire.v != 1 || Digest::of(authority.payload()) != wire.authority_digest {
            return Err(MalformedPins);
        }
        Ok(Self {
            root_id: RootId::from_fingerprint(wire.root_id),
            authority,
            authority_digest: wire.authority_digest,
            checkpoint: wire.checkpoint,
            unsigned: wire.unsigned.map(|Unsigned { size, root }| TreeHead { size, root }),
        })
    }

    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, canonical::Uncanonical> {
        let authority = serde_json::from_slice(&self.authority.to_json()?).unwrap_or(Value::Null);
        canonical::to_bytes(&Wire {
            v: 1,
            root_id: self.root_id.fingerprint(),
            authority,
            authority_digest: self.authority_digest,
            checkpoint: self.checkpoint.clone(),
            unsigned: self.unsigned.map(|TreeHead { size, root }| Unsigned { size, root }),
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wire {
    v: u8,
    root_id: Fingerprint,
    authority: Value,
    authority_digest: Digest,
    checkpoint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unsigned: Option<Unsigned>,
}

/// The size of the log and its root.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unsigned {
    size: u64,
    root: Digest,
}

/// Not a `trust.json` of this format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("trust.json is malformed; put it back from a backup")]
#[non_exhaustive]
pub struct MalformedPins;
