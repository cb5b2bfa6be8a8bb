//! Who vouches for the log: a versioned document that names the log's key, signed by a
//! threshold of authority keys (`docs/format/authority.md`).
//!
//! Verifiers pin it outside the database. Version N + 1 is accepted when the thresholds of
//! version N and of version N + 1 have signed it, as TUF roots are.

use alloc::{collections::BTreeSet, string::String, sync::Arc, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    algorithm::{PublicKey, Verify},
    audit::note::{NoteVerifier, vkey::VerifierKey},
    canonical::{self, Limits, Uncanonical},
    envelope::{Candidate, Envelope, signers},
    id::{Digest, Fingerprint, KeyId},
    time::Timestamp,
};

/// The DSSE payload type of an authority document.
pub const AUTHORITY_PAYLOAD_TYPE: &str = "application/vnd.keyward.authority+json";
/// Most authority keys.
pub const AUTHORITY_KEYS_MAX: usize = 16;
/// Longest authority document, in bytes.
pub const AUTHORITY_BYTES_MAX: usize = 64 << 10;
/// Most versions that travel together: the newest ones.
pub const AUTHORITY_VERSIONS_MAX: usize = 256;

/// The document, version 1 of its format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "a wire document")]
pub struct Authority {
    /// The format's version, 1.
    pub v: u8,
    /// The document's version, from 1.
    pub version: u64,
    /// The store identity's fingerprint.
    pub root_id: Fingerprint,
    /// How many of `keys` must sign.
    pub threshold: u32,
    /// The authority keys, Ed25519.
    pub keys: Vec<AuthorityKey>,
    /// The log's origin line.
    pub origin: String,
    /// The log's verifier key (C2SP signed note, type 1) and cosigner key (type 4).
    pub log_keys: Vec<String>,
    /// From when the document is to be replaced; `null` for never.
    pub expires_at: Option<Timestamp>,
}

/// One authority key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "a wire document")]
pub struct AuthorityKey {
    /// Its name in signatures.
    pub key_id: KeyId,
    /// SPKI in PEM.
    pub public_key: String,
}

impl Authority {
    /// Reads the bytes that are signed; nobody is known to have signed them.
    ///
    /// # Errors
    /// [`AuthorityRefused::Malformed`], also for any other writing than the one that is signed.
    pub fn parse(payload: &[u8]) -> Result<Self, AuthorityRefused> {
        let authority = Self::read(payload)?;
        let same = authority.to_payload().is_ok_and(|written| written == payload);
        if same { Ok(authority) } else { Err(AuthorityRefused::Malformed) }
    }

    /// Reads a proposal, however it is indented.
    ///
    /// # Errors
    /// [`AuthorityRefused::Malformed`].
    pub fn read(json: &[u8]) -> Result<Self, AuthorityRefused> {
        let authority: Self =
            canonical::from_slice_strict(json, LIMITS).map_err(|_| AuthorityRefused::Malformed)?;
        let keys = u32::try_from(authority.keys.len()).unwrap_or(u32::MAX);
        let names: BTreeSet<&KeyId> = authority.keys.iter().map(|key| &key.key_id).collect();
        let sound = authority.v == 1
            && names.len() == authority.keys.len()
            && authority.version > 0
            && authority.keys.len() <= AUTHORITY_KEYS_MAX
            && (1..=keys).contains(&authority.threshold);
        if sound { Ok(authority) } else { Err(AuthorityRefused::Malformed) }
    }

    /// The bytes that are signed.
    ///
    /// # Errors
    /// [`Uncanonical`], which a document of these members does not give.
    pub fn to_payload(&self) -> Result<Vec<u8>, Uncanonical> {
        canonical::to_bytes(self)
    }

    /// Whether verifiers refuse it at `now`, because it was to be replaced before.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether `next` goes on with this document's log: the same store, the same origin, and
    /// every key that signed checkpoints, which old checkpoints are still opened with.
    fn goes_on_in(&self, next: &Self) -> bool {
        self.root_id == next.root_id
            && self.origin == next.origin
            && self.log_keys.iter().all(|key| next.log_keys.contains(key))
    }
}

/// An authority document whose signatures were checked. Only [`admit`] makes one.
#[derive(Clone, Debug)]
pub struct Admitted {
    authority: Authority,
    digest: Digest,
    log: Vec<NoteVerifier>,
}

impl Admitted {
    /// What it says.
    #[must_use]
    pub const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// SHA-256 of its payload: what verifiers pin.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The keys that sign checkpoints.
    #[must_use]
    pub fn log_verifiers(&self) -> &[NoteVerifier] {
        &self.log
    }
}

/// How authority keys are read: from PEM, by the algorithm at hand.
pub trait ReadKey {
    /// The checked Ed25519 key of a PEM text, and its fingerprint: one key has many texts.
    fn ed25519_from_pem(&self, pem: &str) -> Option<(Fingerprint, Arc<dyn PublicKey>)>;
    /// Ed25519 itself.
    fn ed25519(&self) -> &dyn Verify;
}

/// Checks a document: its own threshold has signed it, and that of `before`, which it follows.
///
/// # Errors
/// [`AuthorityRefused`] says why; nothing of a refused document is to be used.
pub fn admit(
    envelope: &Envelope,
    before: Option<&Admitted>,
    read: &dyn ReadKey,
) -> Result<Admitted, AuthorityRefused> {
    if envelope.payload_type() != AUTHORITY_PAYLOAD_TYPE {
        return Err(AuthorityRefused::Malformed);
    }
    let authority = Authority::parse(envelope.payload())?;
    let prints = authority.keys.iter().map(|key| Some(read.ed25519_from_pem(&key.public_key)?.0));
    let prints: Option<BTreeSet<Fingerprint>> = prints.collect();
    // A key that cannot sign, or that stands there twice, makes a threshold that is not one.
    if prints.is_none_or(|prints| prints.len() != authority.keys.len()) {
        return Err(AuthorityRefused::Malformed);
    }
    if let Some(Admitted { authority: before, .. }) = before {
        if before.version.checked_add(1) != Some(authority.version) {
            return Err(AuthorityRefused::NotNext { pinned: before.version });
        }
        if !before.goes_on_in(&authority) {
            return Err(AuthorityRefused::OtherLog);
        }
        enough(envelope, before, read)?;
    }
    enough(envelope, &authority, read)?;
    let log = authority.log_keys.iter().map(|text| {
        let key: VerifierKey = text.parse().map_err(|_| AuthorityRefused::Malformed)?;
        NoteVerifier::new(key, read.ed25519()).map_err(|_| AuthorityRefused::Malformed)
    });
    let log = log.collect::<Result<Vec<_>, _>>()?;
    Ok(Admitted { digest: Digest::of(envelope.payload()), log, authority })
}

/// Checks documents that follow one another, and gives the last: each is signed by the one
/// before it too.
///
/// # Errors
/// [`AuthorityRefused`] of the first that is not good.
pub fn admit_all(
    first: Admitted,
    following: &[Envelope],
    read: &dyn ReadKey,
) -> Result<Admitted, AuthorityRefused> {
    following.iter().try_fold(first, |before, next| admit(next, Some(&before), read))
}

const LIMITS: Limits = Limits::new(AUTHORITY_BYTES_MAX, 4);

fn enough(
    envelope: &Envelope,
    authority: &Authority,
    read: &dyn ReadKey,
) -> Result<(), AuthorityRefused> {
    let keys: Vec<_> = authority
        .keys
        .iter()
        .filter_map(|key| {
            let (fingerprint, public) = read.ed25519_from_pem(&key.public_key)?;
            Some((&key.key_id, fingerprint, public))
        })
        .collect();
    let candidates: Vec<Candidate<'_>> = keys
        .iter()
        .map(|(key_id, _, public)| Candidate { key_id, public_key: &**public })
        .collect();
    let mut who: Vec<Fingerprint> = signers(envelope, &candidates)
        .iter()
        .filter_map(|signed| keys.get(signed.candidate))
        .map(|(_, fingerprint, _)| *fingerprint)
        .collect();
    who.sort_unstable();
    who.dedup();
    if u32::try_from(who.len()).unwrap_or(u32::MAX) < authority.threshold {
        return Err(AuthorityRefused::TooFewSigners);
    }
    Ok(())
}

/// An authority document is not to be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum AuthorityRefused {
    /// It is not an authority document of this format.
    #[error("the authority document is malformed")]
    Malformed,
    /// It is not the version that follows the one that is pinned.
    #[error(
        "the authority document does not follow the one that is pinned, which is version {pinned}"
    )]
    NotNext {
        /// The version that is pinned.
        pinned: u64,
    },
    /// It speaks of another store, or of another log, or leaves out a key of the log.
    #[error("the authority document does not go on with the log of the one before")]
    OtherLog,
    /// Too few of its keys, or of its predecessor's, have signed it.
    #[error("the authority document is not signed by its threshold")]
    TooFewSigners,
}
