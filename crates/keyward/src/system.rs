//! The system's own keys: the log key, which signs checkpoints, and the authority key, which
//! vouches for it. They sign only their own formats and stand in no ledger.

use keyward_barrier::{Epoch, RecordId, RecordKind, RecordName, RecordVersion, Unsealed};
use keyward_crypto::{signing::Signer, spki};
use keyward_lifecycle::{
    algorithm::{Algorithm, PublicKey, Verify},
    audit::{
        checkpoint::{Checkpoint, TreeHead},
        note::{
            Note, SignatureLine,
            vkey::{VerifierKey, cosigned_message},
        },
    },
    authority::ReadKey,
    id::{Digest, Fingerprint},
    ledger::snapshot_line,
    time::Timestamp,
};
use std::sync::Arc;

/// Signs checkpoints.
pub(crate) struct LogSigner {
    signer: Signer,
    log: VerifierKey,
    cosigner: VerifierKey,
}

impl LogSigner {
    pub(crate) fn new(signer: Signer, origin: &str) -> Option<Self> {
        let raw = spki::raw(Algorithm::Ed25519, signer.spki()).ok()?;
        let raw: &[u8; 32] = raw.try_into().ok()?;
        let log = VerifierKey::ed25519(origin, raw).ok()?;
        let cosigner = VerifierKey::cosigner(origin, raw).ok()?;
        Some(Self { signer, log, cosigner })
    }

    /// The verifier keys as texts: the log's, and the same key as a cosigner.
    pub(crate) fn verifier_keys(&self) -> [String; 2] {
        [self.log.to_string(), self.cosigner.to_string()]
    }

    /// A checkpoint over both trees, signed, and cosigned with the time.
    pub(crate) fn sign(&self, heads: &Signable, now: Timestamp) -> Option<Note> {
        let mut checkpoint =
            Checkpoint::new(self.log.name(), heads.log, Some(heads.ledger)).ok()?;
        if let Some((size, digest)) = &heads.snapshot {
            checkpoint = checkpoint.with_line(snapshot_line(*size, digest)).ok()?;
        }
        let text = checkpoint.to_string();
        let seconds = u64::try_from(now.seconds()).unwrap_or(0);
        let signature = self.signer.sign(text.as_bytes()).ok()?;
        let cosignature = self.signer.sign(&cosigned_message(&text, seconds)).ok()?;
        let mut note = Note::new(text, SignatureLine::of(&self.log, &signature)).ok()?;
        note.push(SignatureLine::of_cosigner(&self.cosigner, seconds, &cosignature)).ok()?;
        Some(note)
    }
}

/// What a checkpoint says.
pub(crate) struct Signable {
    pub(crate) log: TreeHead,
    pub(crate) ledger: TreeHead,
    pub(crate) snapshot: Option<(u64, Digest)>,
}

/// Reads authority and log keys with the algorithms of this build.
pub(crate) struct Reader;

impl ReadKey for Reader {
    fn ed25519_from_pem(&self, pem: &str) -> Option<(Fingerprint, Arc<dyn PublicKey>)> {
        let spki = spki::from_pem(pem).ok()?;
        Some((Fingerprint::of_spki(&spki), self.ed25519().public_key(&spki).ok()?))
    }

    #[expect(clippy::expect_used, reason = "a constant of this build; without it nothing runs")]
    fn ed25519(&self) -> &dyn Verify {
        keyward_crypto::STANDARD.ed25519.expect("Ed25519 is built in")
    }
}

/// The record of a system key, by its name.
pub(crate) fn system_record(name: &str) -> Option<RecordName> {
    let id = RecordId::parse(name).ok()?;
    Some(RecordName::new(RecordKind::SystemKey, id, RecordVersion::FIRST))
}

/// Opens a system key.
pub(crate) fn open_system_key(
    root: &Unsealed,
    epoch: Epoch,
    name: &str,
    sealed: &[u8],
) -> Option<Signer> {
    let record = system_record(name)?;
    let opened = root.open(&record, epoch, sealed).ok()?;
    Signer::from_material(Algorithm::Ed25519, opened.expose()).ok()
}

pub(crate) const LOG_KEY: &str = "log";
pub(crate) const AUTHORITY_KEY: &str = "authority";
