//! Judging with an exported trust bundle and nothing else: no store, no server, no network.

use std::{collections::HashMap, path::Path, sync::Arc};

use keyward_crypto::{STANDARD, spki};
use keyward_lifecycle::{
    algorithm::{PublicKey, Verify},
    audit::tree::{Frontier, leaf_hash},
    authority::ReadKey,
    bundle::{Bundle, Carried, NoEvidence},
    envelope::Envelope,
    id::{Digest, Fingerprint},
    key::KeyRecord,
    ledger::open_checkpoint,
    time::Timestamp,
    trust::{TRUST_BUNDLE_BYTES_MAX, TrustBundle, read},
    verify::{EvidenceSource, Freshness, Ground, KeyRing, Question, verify},
};
use serde_json::json;

use crate::{
    exit::Failure,
    input,
    render::{self, Document},
    session::Session,
};

/// A trust bundle that was read and checked.
pub(super) struct Offline {
    bundle: TrustBundle,
    keys: Keys,
    now: Timestamp,
    freshness: Freshness,
}

/// An envelope, with its evidence if it came as a proof bundle.
pub(super) enum Proof {
    Bare(Envelope),
    Bundled(Bundle),
}

impl Proof {
    /// Reads either: a bundle has a member `envelope`, an envelope has none.
    pub(super) fn parse(bytes: &[u8], name: &Path) -> Result<Self, Failure> {
        let document = input::json(bytes, name)?;
        let said = |error: &dyn std::error::Error| {
            let text = Failure::of(error).to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            Failure::error(format!("{}: {text}", name.display()))
        };
        if document.get("envelope").is_some() {
            Bundle::parse(bytes).map(Self::Bundled).map_err(|e| said(&e))
        } else {
            Envelope::parse(bytes).map(Self::Bare).map_err(|e| said(&e))
        }
    }

    pub(super) const fn envelope(&self) -> &Envelope {
        match self {
            Self::Bare(envelope) => envelope,
            Self::Bundled(bundle) => bundle.envelope(),
        }
    }
}

impl Offline {
    /// Reads a trust bundle; one whose newest checkpoint is older than `max_view_age` seconds
    /// gives no verdict better than STALE_VIEW.
    pub(super) fn read(
        session: &mut Session<'_>,
        file: &Path,
        authority: Option<&Digest>,
        max_view_age: i64,
    ) -> Result<Self, Failure> {
        let bytes = input::read(session, file, TRUST_BUNDLE_BYTES_MAX)?;
        let bundle = open(session, &bytes, authority)?;
        let clock = session.surroundings.clock.now();
        let seen = bundle.head().cosigned_at();
        let is_stale = seen.plus_seconds(max_view_age) < clock;
        let freshness = if is_stale { Freshness::Stale } else { Freshness::Fresh };
        let now = bundle.state().now(clock);
        let keys = Keys::of(&bundle);
        Ok(Self { bundle, keys, now, freshness })
    }

    /// Judges one.
    pub(super) fn judge(&self, question: &Question<'_>, proof: &Proof) -> Document {
        let authority = self.bundle.authority();
        let (origin, verifiers) = (&authority.authority().origin, authority.log_verifiers());
        let carried = match proof {
            Proof::Bundled(bundle) => Some(Carried::new(bundle.ledger(), origin, verifiers)),
            Proof::Bare(_) => None,
        };
        let evidence: &dyn EvidenceSource = match &carried {
            Some(carried) => carried,
            None => &NoEvidence,
        };
        let ground = Ground {
            state: self.bundle.state(),
            now: self.now,
            freshness: self.freshness,
            keys: &self.keys,
            evidence,
        };
        render::verdict::document(verify(question, &ground))
    }
}

/// Checks a trust bundle alone: authority, checkpoint, leaves, and a checkpoint that was kept.
pub(super) fn audit(
    session: &mut Session<'_>,
    file: &Path,
    authority: Option<&Digest>,
    checkpoint: Option<&str>,
) -> Result<Document, Failure> {
    let bytes = input::read(session, file, TRUST_BUNDLE_BYTES_MAX)?;
    let bundle = open(session, &bytes, authority)?;
    let admitted = bundle.authority();
    let mut problems: Vec<String> = Vec::new();
    if let Some(kept) = checkpoint {
        let origin = &admitted.authority().origin;
        let kept = open_checkpoint(kept.as_bytes(), origin, admitted.log_verifiers())
            .map_err(|e| Failure::of(&e))?;
        match root_at(&bytes, kept.log().size) {
            Some(root) if root == kept.log().root => {}
            Some(_) => problems.push(format!(
                "the log's first {} leaves are not those that the kept checkpoint signs",
                kept.log().size
            )),
            None => problems.push(format!(
                "the log has {} leaves, and the kept checkpoint signs {}: it was cut",
                bundle.head().log().size,
                kept.log().size
            )),
        }
    }
    Ok(Document::from(json!({
        "ok": problems.is_empty(),
        "logSize": bundle.head().log().size,
        "ledgerSize": bundle.head().ledger().size,
        "authority": admitted.digest().to_string(),
        "checkpointTime": bundle.head().cosigned_at().to_string(),
        "problems": problems,
    })))
}

fn open(
    session: &mut Session<'_>,
    bytes: &[u8],
    authority: Option<&Digest>,
) -> Result<TrustBundle, Failure> {
    let bundle = read(bytes, authority, &Reader).map_err(|e| Failure::refused(e.to_string()))?;
    if authority.is_none() {
        let digest = bundle.authority().digest();
        session.note(format_args!(
            "warning: the bundle vouches for itself; say --authority {digest} if that is the \
             authority you know"
        ))?;
    }
    Ok(bundle)
}

/// The root of the tree of the first `size` leaves of a trust bundle; `None` if it has fewer.
fn root_at(bundle: &[u8], size: u64) -> Option<Digest> {
    let mut lines = bundle.strip_suffix(b"\n").unwrap_or(bundle).split(|byte| *byte == b'\n');
    // Head and foot are no leaves.
    lines.next()?;
    lines.next_back()?;
    let mut frontier = Frontier::new();
    while frontier.size() < size {
        frontier.append(leaf_hash(lines.next()?), &mut |_, _| {}).ok()?;
    }
    Some(frontier.root())
}

/// The public keys of a log, parsed once.
struct Keys(HashMap<Fingerprint, Arc<dyn PublicKey>>);

impl Keys {
    fn of(bundle: &TrustBundle) -> Self {
        let parsed = bundle.state().keys().filter_map(|key| {
            let algorithm = STANDARD.get(key.record.algorithm)?;
            let public = algorithm.public_key(&key.record.public_key).ok()?;
            Some((key.record.fingerprint, public))
        });
        Self(parsed.collect())
    }
}

impl KeyRing for Keys {
    fn public_key(&self, record: &KeyRecord) -> Option<Arc<dyn PublicKey>> {
        self.0.get(&record.fingerprint).cloned()
    }
}

/// Reads authority keys with the algorithms of this build.
struct Reader;

impl ReadKey for Reader {
    fn ed25519_from_pem(&self, pem: &str) -> Option<(Fingerprint, Arc<dyn PublicKey>)> {
        let spki = spki::from_pem(pem).ok()?;
        Some((Fingerprint::of_spki(&spki), self.ed25519().public_key(&spki).ok()?))
    }

    #[expect(clippy::expect_used, reason = "a constant of this build; without it nothing runs")]
    fn ed25519(&self) -> &dyn Verify {
        STANDARD.ed25519.expect("Ed25519 is built in")
    }
}
