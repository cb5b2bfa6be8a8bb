//! Trust bundles: a whole log with its authority and checkpoint in one file, so that a verifier
//! with nothing else can judge (`docs/format/trust-bundle.md`).
//!
//! JSON lines: a head with the authority document, every leaf of the log as it stands, a foot
//! with the checkpoint that signs them.

use alloc::{borrow::ToOwned as _, string::String, vec::Vec};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    audit::{
        note::NOTE_BYTES_MAX,
        tree::{Frontier, leaf_hash},
    },
    authority::{AUTHORITY_VERSIONS_MAX, Admitted, AuthorityRefused, ReadKey, admit, admit_all},
    canonical::{self, Limits},
    envelope::{ENVELOPE_BYTES_MAX, Envelope},
    event::{Event, UnreadableLeaf},
    id::Digest,
    ledger::{CheckpointRefused, SignedHead, open_checkpoint},
    state::State,
};

/// Longest trust bundle that is read, in bytes.
pub const TRUST_BUNDLE_BYTES_MAX: u64 = 4 << 30;

/// A log that was checked from its authority down. Only [`read`] makes one.
#[derive(Clone, Debug)]
pub struct TrustBundle {
    authority: Admitted,
    head: SignedHead,
    state: State,
}

impl TrustBundle {
    /// Who vouches for the log.
    #[must_use]
    pub const fn authority(&self) -> &Admitted {
        &self.authority
    }

    /// The checkpoint.
    #[must_use]
    pub const fn head(&self) -> &SignedHead {
        &self.head
    }

    /// What the log adds up to.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }
}

/// The first line: versions of the authority that follow one another, the newest last.
///
/// # Errors
/// [`canonical::Uncanonical`], which a parsed envelope does not give.
pub fn head_line(authorities: &[Envelope]) -> Result<Vec<u8>, canonical::Uncanonical> {
    let document = |authority: &Envelope| {
        Ok(serde_json::from_slice(&authority.to_json()?).unwrap_or(Value::Null))
    };
    let authorities = authorities.iter().map(document).collect::<Result<_, _>>()?;
    canonical::to_bytes(&Head { r#type: TYPE.to_owned(), v: 1, authorities })
}

/// The last line.
///
/// # Errors
/// [`canonical::Uncanonical`], which a text does not give.
pub fn foot_line(checkpoint: &str) -> Result<Vec<u8>, canonical::Uncanonical> {
    canonical::to_bytes(&Foot { checkpoint: checkpoint.to_owned() })
}

/// Reads and checks a trust bundle: the first authority signs itself and each signs the next
/// (and one of them is pinned, if one is), the newest one's log key signs the checkpoint, the
/// checkpoint's root is that of the leaves, and the leaves fold. Whether the authority has
/// expired is the caller's question, who has a clock.
///
/// # Errors
/// [`UntrustedBundle`] says which of these does not hold.
pub fn read(
    bytes: &[u8],
    pinned: Option<&Digest>,
    keys: &dyn ReadKey,
) -> Result<TrustBundle, UntrustedBundle> {
    let mut lines = bytes.strip_suffix(b"\n").unwrap_or(bytes).split(|byte| *byte == b'\n');
    let malformed = || UntrustedBundle::Malformed;
    let head: Head = line(lines.next(), HEAD_LINE)?;
    if head.r#type != TYPE || head.v != 1 {
        return Err(UntrustedBundle::Malformed);
    }
    let authority = authority(&head.authorities, pinned, keys)?;
    let foot: Foot = line(lines.next_back(), FOOT_LINE)?;
    let origin = &authority.authority().origin;
    let signed = open_checkpoint(foot.checkpoint.as_bytes(), origin, authority.log_verifiers())?;
    let (mut state, mut frontier) = (State::default(), Frontier::new());
    for leaf in lines {
        state.apply(&Event::from_leaf(frontier.size(), leaf)?);
        frontier.append(leaf_hash(leaf), &mut |_, _| {}).map_err(|_| malformed())?;
    }
    if frontier.size() != signed.log().size || frontier.root() != signed.log().root {
        return Err(UntrustedBundle::OtherLeaves);
    }
    Ok(TrustBundle { authority, head: signed, state })
}

/// The newest of documents that follow one another; one of them is `pinned`.
fn authority(
    documents: &[Value],
    pinned: Option<&Digest>,
    keys: &dyn ReadKey,
) -> Result<Admitted, UntrustedBundle> {
    let malformed = || UntrustedBundle::Malformed;
    if documents.len() > AUTHORITY_VERSIONS_MAX {
        return Err(malformed());
    }
    let parse = |document: &Value| {
        let envelope = serde_json::to_vec(document).map_err(|_| malformed())?;
        Envelope::parse(&envelope).map_err(|_| malformed())
    };
    let envelopes = documents.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let (first, following) = envelopes.split_first().ok_or_else(malformed)?;
    let is_pinned = |digest: &Digest| {
        envelopes.iter().any(|envelope| Digest::of(envelope.payload()) == *digest)
    };
    if pinned.is_some_and(|pinned| !is_pinned(pinned)) {
        return Err(UntrustedBundle::OtherAuthority);
    }
    Ok(admit_all(admit(first, None, keys)?, following, keys)?)
}

/// One of the two lines that are ours, in the very form that is written.
fn line<T: Serialize + DeserializeOwned>(
    line: Option<&[u8]>,
    limits: Limits,
) -> Result<T, UntrustedBundle> {
    let line = line.ok_or(UntrustedBundle::Malformed)?;
    let read: T =
        canonical::from_slice_strict(line, limits).map_err(|_| UntrustedBundle::Malformed)?;
    let same = canonical::to_bytes(&read).is_ok_and(|written| written == line);
    if same { Ok(read) } else { Err(UntrustedBundle::Malformed) }
}

/// Envelopes of authority documents, with what stands around them.
const HEAD_LINE: Limits = Limits::new(ENVELOPE_BYTES_MAX.saturating_add(1 << 10), 35);
/// A signed note, whose line feeds and signs take two bytes each in JSON.
const FOOT_LINE: Limits = Limits::new(NOTE_BYTES_MAX.saturating_mul(2), 1);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    r#type: String,
    v: u8,
    authorities: Vec<Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Foot {
    checkpoint: String,
}

const TYPE: &str = "keyward-trust-bundle";

/// A trust bundle is not to be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum UntrustedBundle {
    /// Not of this format.
    #[error("the trust bundle is malformed; export it again with `keyward audit export`")]
    Malformed,
    /// The authority document is not good.
    #[error("the trust bundle is not to be trusted: {0}")]
    Authority(#[from] AuthorityRefused),
    /// The authority is not the one that this verifier pins.
    #[error("the trust bundle is of another authority than the one that is pinned")]
    OtherAuthority,
    /// The checkpoint is not good.
    #[error("the trust bundle is not to be trusted: {0}")]
    Checkpoint(#[from] CheckpointRefused),
    /// The leaves are not those that the checkpoint signs.
    #[error("the trust bundle's leaves are not those that its checkpoint signs")]
    OtherLeaves,
    /// A leaf cannot be folded.
    #[error("the trust bundle cannot be read: {0}")]
    Leaf(#[from] UnreadableLeaf),
}
