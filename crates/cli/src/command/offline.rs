//! Judging with an exported trust bundle and nothing else: no store, no server, no network.

use std::{collections::HashMap, path::Path, sync::Arc};

use keyward_crypto::{STANDARD, spki};
use keyward_lifecycle::{
    algorithm::{PublicKey, Verify},
    audit::tree::{Frontier, leaf_hash},
    authority::ReadKey,
    bundle::{Bundle, Carried, NoEvidence},
    envelope::Envelope,
    event::Event,
    id::{Digest, Fingerprint},
    key::KeyRecord,
    ledger::open_checkpoint,
    state::State,
    time::Timestamp,
    trust::{TRUST_BUNDLE_BYTES_MAX, TrustBundle, read},
    verify::{EvidenceSource, Freshness, Ground, KeyRing, Question, verify},
};
use keyward_server::VerdictDocument;
use serde_json::json;

use crate::{exit::Failure, input, render::Document, session::Session};

/// How far a checkpoint may be ahead of this machine's clock, in seconds.
const AHEAD_SECONDS: i64 = 300;

/// A trust bundle that was read and checked.
pub(super) struct Offline {
    bundle: TrustBundle,
    keys: Keys,
    view: View,
}

/// What is judged by: the fold, the time that it is judged at, and whether it is the newest.
struct View {
    /// `None` for the bundle's own.
    state: Option<State>,
    now: Timestamp,
    freshness: Freshness,
}

/// Whom a trust bundle must be of.
#[derive(Clone, Copy)]
pub(super) struct Trusted<'t> {
    /// The authority that is known, or one that the bundle's follows.
    pub(super) authority: Option<&'t Digest>,
    /// Whether one that has expired will do.
    pub(super) allow_expired: bool,
}

/// How a trust bundle is to be read.
pub(super) struct Terms<'t> {
    /// Whom it must be of.
    pub(super) trusted: Trusted<'t>,
    /// How old its newest checkpoint may be, in seconds.
    pub(super) max_view_age: i64,
    /// Judge with what its log knew then.
    pub(super) as_of: Option<Timestamp>,
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
    /// Reads a trust bundle; one that ends too long before the time it is asked about gives no
    /// verdict better than STALE_VIEW.
    pub(super) fn read(
        session: &mut Session<'_>,
        file: &Path,
        terms: &Terms<'_>,
    ) -> Result<Self, Failure> {
        let bytes = input::read(session, file, TRUST_BUNDLE_BYTES_MAX)?;
        let bundle = open(session, &bytes, terms.trusted)?;
        let clock = session.surroundings.clock.now();
        let asked = terms.as_of.unwrap_or(clock);
        let (newest, ahead) = (bundle.head().cosigned_at(), clock.plus_seconds(AHEAD_SECONDS));
        if newest > ahead {
            let what =
                format!("the trust bundle's newest checkpoint is of {newest}, and it is {clock}");
            return Err(Failure::refused(what).hint("see to this machine's clock"));
        }
        if asked > ahead {
            return Err(Failure::error(format!("--as-of {asked} is in the future")));
        }
        // What was logged between the newest checkpoint and that time is not in the bundle.
        let is_stale = bundle.head().cosigned_at().plus_seconds(terms.max_view_age) < asked;
        let freshness = match terms.as_of {
            _ if is_stale => Freshness::Stale,
            Some(then) if then < clock => Freshness::Past,
            Some(_) | None => Freshness::Fresh,
        };
        let state = terms.as_of.map(|then| state_as_of(&bytes, then)).transpose()?;
        let now = state.as_ref().unwrap_or_else(|| bundle.state()).now(asked);
        let keys = Keys::of(&bundle);
        Ok(Self { bundle, keys, view: View { state, now, freshness } })
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
            state: self.view.state.as_ref().unwrap_or_else(|| self.bundle.state()),
            now: self.view.now,
            freshness: self.view.freshness,
            keys: &self.keys,
            evidence,
        };
        let verdict = VerdictDocument::of(verify(question, &ground));
        Document::from(json!(verdict))
    }
}

/// Checks a trust bundle alone: authority, checkpoint, leaves, and a checkpoint that was kept.
pub(super) fn audit(
    session: &mut Session<'_>,
    file: &Path,
    trusted: Trusted<'_>,
    checkpoint: Option<&str>,
) -> Result<Document, Failure> {
    let bytes = input::read(session, file, TRUST_BUNDLE_BYTES_MAX)?;
    let bundle = open(session, &bytes, trusted)?;
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
    trusted: Trusted<'_>,
) -> Result<TrustBundle, Failure> {
    let Trusted { authority, allow_expired } = trusted;
    let bundle = read(bytes, authority, &Reader).map_err(|e| Failure::refused(e.to_string()))?;
    if authority.is_none() {
        let digest = bundle.authority().digest();
        session.note(format_args!(
            "warning: the bundle vouches for itself; say --authority {digest} if that is the \
             authority you know"
        ))?;
    }
    let newest = bundle.authority().authority();
    let digest = bundle.authority().digest();
    // Whoever goes on with the older one can be shown another version that follows it.
    if authority.is_some_and(|named| *named != digest) {
        let version = newest.version;
        session.note(format_args!(
            "note: the authority is version {version} now; say --authority {digest} from now on"
        ))?;
    }
    if let Some(end) = newest.expires_at
        && newest.has_expired(session.surroundings.clock.now())
    {
        let what = format!("the trust bundle's authority expired at {end}");
        if !allow_expired {
            return Err(Failure::refused(what)
                .hint("get a newer bundle; --allow-expired follows this one all the same"));
        }
        session.note(format_args!("warning: {what}"))?;
    }
    Ok(bundle)
}

/// The lines of a trust bundle between head and foot.
fn leaves(bundle: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut lines = bundle.strip_suffix(b"\n").unwrap_or(bundle).split(|byte| *byte == b'\n');
    let _head = lines.next();
    let _foot = lines.next_back();
    lines
}

/// The root of the tree of the first `size` leaves of a trust bundle; `None` if it has fewer.
fn root_at(bundle: &[u8], size: u64) -> Option<Digest> {
    let (mut lines, mut frontier) = (leaves(bundle), Frontier::new());
    while frontier.size() < size {
        frontier.append(leaf_hash(lines.next()?), &mut |_, _| {}).ok()?;
    }
    Some(frontier.root())
}

/// The fold of the leaves up to `then` of a trust bundle that was checked.
fn state_as_of(bundle: &[u8], then: Timestamp) -> Result<State, Failure> {
    let mut state = State::default();
    for leaf in leaves(bundle) {
        let event = Event::from_leaf(state.size(), leaf).map_err(|e| Failure::of(&e))?;
        if event.time > then {
            break;
        }
        state.apply(&event);
    }
    Ok(state)
}

/// The public keys of a log, parsed once.
struct Keys(HashMap<Fingerprint, Arc<dyn PublicKey>>);

impl Keys {
    fn of(bundle: &TrustBundle) -> Self {
        let parsed = bundle.state().keys().filter_map(|key| {
            let algorithm = STANDARD.get(key.record.algorithm)?;
            let public = algorithm.public_key(key.record.public_key.bytes()?).ok()?;
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
