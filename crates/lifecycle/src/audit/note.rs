//! Signed notes (c2sp.org/signed-note, c2sp.org/tlog-cosignature): a text and signature lines.

pub mod vkey;

use alloc::{
    borrow::ToOwned as _,
    collections::BTreeSet,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};
use core::{fmt, str::FromStr};

use base64::{Engine as _, prelude::BASE64_STANDARD};

use self::vkey::{NoteAlgorithm, UnusableKey, VerifierKey, is_key_name};
use crate::{
    algorithm::{PublicKey, Verify},
    time::Timestamp,
};

/// Longest note that is read, in bytes. C2SP's own limit.
pub const NOTE_BYTES_MAX: usize = 1_000_000;

/// Most signature lines in a note. C2SP's own limit.
pub const NOTE_SIGNATURES_MAX: usize = 100;

/// A text and the signatures over it, none of them checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<SignatureLine>,
}

impl Note {
    /// Reads a note: text, an empty line, then lines `— name base64`.
    ///
    /// # Errors
    /// [`MalformedNote`] says what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, MalformedNote> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(MalformedNote::TooLong);
        }
        let note = core::str::from_utf8(bytes).map_err(|_| MalformedNote::Text)?;
        let gap = note.rfind("\n\n").ok_or(MalformedNote::NoSignature)?;
        let (text, signatures) = note.split_at(gap.saturating_add(1));
        let signatures = signatures.strip_prefix('\n').unwrap_or_default();
        let signatures = signatures.strip_suffix('\n').ok_or(MalformedNote::NoSignature)?;
        let mut lines = signatures.split('\n').map(str::parse);
        let first = lines.next().ok_or(MalformedNote::NoSignature)??;
        let mut note = Self::new(text.to_owned(), first)?;
        lines.try_for_each(|line| note.push(line?))?;
        Ok(note)
    }

    /// A note of `text`, which ends with a line feed, and its first signature.
    ///
    /// # Errors
    /// [`MalformedNote::Text`] or [`MalformedNote::TooLong`] when `text` cannot be a note's.
    pub fn new(text: String, first: SignatureLine) -> Result<Self, MalformedNote> {
        check_text(&text)?;
        Ok(Self { text, signatures: alloc::vec![first] })
    }

    /// Adds a signature, such as a witness's, below those there are.
    ///
    /// # Errors
    /// [`MalformedNote::TooManySignatures`] beyond [`NOTE_SIGNATURES_MAX`].
    pub fn push(&mut self, line: SignatureLine) -> Result<(), MalformedNote> {
        if self.signatures.len() >= NOTE_SIGNATURES_MAX {
            return Err(MalformedNote::TooManySignatures);
        }
        self.signatures.push(line);
        Ok(())
    }

    /// The text, with its final line feed. Nobody is known to have signed it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, in the order of the note.
    #[must_use]
    pub fn signatures(&self) -> &[SignatureLine] {
        &self.signatures
    }

    /// Which of `verifiers` signed the text. Signatures by other keys are passed over; of
    /// several by one key the first counts.
    ///
    /// # Errors
    /// [`NoteDoubt::InvalidSignature`] when a line that names one of the verifiers is not its
    /// signature: the whole note is then refused. [`NoteDoubt::Unverified`] when no line names
    /// one.
    pub fn verified_by(&self, verifiers: &[NoteVerifier]) -> Result<OpenedNote<'_>, NoteDoubt> {
        let mut seen = BTreeSet::new();
        let mut signers = Vec::new();
        for line in &self.signatures {
            let Some(verifier) = verifiers.iter().find(|verifier| verifier.is_named_by(line))
            else {
                continue;
            };
            if seen.insert((&line.name, line.key_hash)) {
                signers.push(verifier.check(&self.text, line)?);
            }
        }
        if signers.is_empty() {
            return Err(NoteDoubt::Unverified);
        }
        Ok(OpenedNote { text: &self.text, signers })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// One signature of a note, with what names its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureLine {
    name: String,
    key_hash: [u8; 4],
    signature: Vec<u8>,
}

impl SignatureLine {
    /// The line of a signature that `key` made over the bytes of the note's text.
    #[must_use]
    pub fn of(key: &VerifierKey, signature: &[u8]) -> Self {
        Self {
            name: key.name().to_owned(),
            key_hash: key.key_hash(),
            signature: signature.to_vec(),
        }
    }

    /// The line of a cosignature that `key` made at `seconds` since 1970 over the bytes of
    /// [`vkey::cosigned_message`].
    #[must_use]
    pub fn of_cosigner(key: &VerifierKey, seconds: u64, signature: &[u8]) -> Self {
        Self::of(key, &[&seconds.to_be_bytes(), signature].concat())
    }

    /// The name of the key.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The four bytes that tell apart keys of one name.
    #[must_use]
    pub const fn key_hash(&self) -> [u8; 4] {
        self.key_hash
    }
}

/// Reads one line without its line feed, as a witness sends it.
impl FromStr for SignatureLine {
    type Err = MalformedNote;

    fn from_str(line: &str) -> Result<Self, MalformedNote> {
        let malformed = MalformedNote::SignatureLine;
        let line = line.strip_prefix(SIGNATURE_PREFIX).ok_or(malformed)?;
        let (name, encoded) = line.split_once(' ').ok_or(malformed)?;
        let bytes = BASE64_STANDARD.decode(encoded).map_err(|_| malformed)?;
        let (key_hash, signature) = bytes.split_first_chunk::<4>().ok_or(malformed)?;
        if !is_key_name(name) || signature.is_empty() {
            return Err(malformed);
        }
        Ok(Self { name: name.to_owned(), key_hash: *key_hash, signature: signature.to_vec() })
    }
}

/// The line without its line feed.
impl fmt::Display for SignatureLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, key_hash, signature } = self;
        let encoded = BASE64_STANDARD.encode([key_hash, signature.as_slice()].concat());
        write!(f, "{SIGNATURE_PREFIX}{name} {encoded}")
    }
}

/// A key that notes are checked with.
#[derive(Clone)]
pub struct NoteVerifier {
    key: VerifierKey,
    public_key: Arc<dyn PublicKey>,
}

impl NoteVerifier {
    /// Makes `key` usable; `ed25519` is what reads Ed25519 keys.
    ///
    /// # Errors
    /// [`UnusableKey`] when the key is of another algorithm or is not a good Ed25519 key.
    pub fn new(key: VerifierKey, ed25519: &dyn Verify) -> Result<Self, UnusableKey> {
        let public_key = ed25519.public_key(&key.ed25519_spki()?)?;
        Ok(Self { key, public_key })
    }

    /// The key's name, hash, algorithm and bytes.
    #[must_use]
    pub const fn key(&self) -> &VerifierKey {
        &self.key
    }

    fn is_named_by(&self, line: &SignatureLine) -> bool {
        line.name == self.key.name() && line.key_hash == self.key.key_hash()
    }

    fn check(&self, text: &str, line: &SignatureLine) -> Result<NoteSigner, NoteDoubt> {
        let invalid = || NoteDoubt::InvalidSignature { name: line.name.clone() };
        let verify = |message: &[u8], signature: &[u8]| {
            self.public_key.verify(message, signature).map_err(|_| invalid())
        };
        let cosigned_at = match self.key.algorithm() {
            NoteAlgorithm::CosignatureEd25519 => {
                let (seconds, signature) =
                    line.signature.split_first_chunk::<8>().ok_or_else(invalid)?;
                let seconds = u64::from_be_bytes(*seconds);
                verify(&vkey::cosigned_message(text, seconds), signature)?;
                // A time too late for a Timestamp becomes the last one: it bounds no better.
                Some(Timestamp::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX)))
            }
            NoteAlgorithm::Ed25519 => {
                verify(text.as_bytes(), &line.signature)?;
                None
            }
            NoteAlgorithm::Ecdsa
            | NoteAlgorithm::TreeHead
            | NoteAlgorithm::CosignatureMlDsa44
            | NoteAlgorithm::Other => return Err(invalid()),
        };
        Ok(NoteSigner { name: line.name.clone(), key_hash: line.key_hash, cosigned_at })
    }
}

impl fmt::Debug for NoteVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NoteVerifier").field(&self.key.to_string()).finish()
    }
}

/// A note's text with those who are known to have signed it. Only [`Note::verified_by`] makes
/// one; it names at least one signer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct OpenedNote<'n> {
    text: &'n str,
    signers: Vec<NoteSigner>,
}

impl<'n> OpenedNote<'n> {
    /// The signed text, with its final line feed.
    #[must_use]
    pub const fn text(&self) -> &'n str {
        self.text
    }

    /// Who signed, in the order of the note; each key once.
    #[must_use]
    pub fn signers(&self) -> &[NoteSigner] {
        &self.signers
    }
}

/// A key whose signature on a note is good.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what a good line says")]
pub struct NoteSigner {
    /// The key's name.
    pub name: String,
    /// The key's hash.
    pub key_hash: [u8; 4],
    /// For a cosignature, its time as the cosigner says, in whole seconds; else nothing.
    pub cosigned_at: Option<Timestamp>,
}

/// Why bytes are not a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum MalformedNote {
    /// Longer than [`NOTE_BYTES_MAX`].
    #[error("note is longer than {NOTE_BYTES_MAX} bytes")]
    TooLong,
    /// The text is not UTF-8, has a control character, or does not end with a line feed.
    #[error("note text is malformed: expected UTF-8 lines without control characters")]
    Text,
    /// There is no empty line with signature lines below it.
    #[error("note has no signature: expected an empty line and lines `— name base64`")]
    NoSignature,
    /// A line below the text is not a signature.
    #[error("signature line of a note is malformed: expected `— name base64`")]
    SignatureLine,
    /// More lines than [`NOTE_SIGNATURES_MAX`].
    #[error("note has more than {NOTE_SIGNATURES_MAX} signatures")]
    TooManySignatures,
}

/// Why a note is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "every consumer decides about every case")]
pub enum NoteDoubt {
    /// No signature is by a known key.
    #[error("note is signed by no known key: compare the verifier keys with their publisher's")]
    Unverified,
    /// A known key's signature is not good over this text.
    #[error("signature of `{name}` on the note does not verify: fetch the note again")]
    InvalidSignature {
        /// The name in the bad line.
        name: String,
    },
}

/// Checks that `text` can stand in a note.
fn check_text(text: &str) -> Result<(), MalformedNote> {
    if text.len() > NOTE_BYTES_MAX {
        return Err(MalformedNote::TooLong);
    }
    let bad = |c: char| c < ' ' && c != '\n';
    let good = text.ends_with('\n') && !text.contains(bad);
    if good { Ok(()) } else { Err(MalformedNote::Text) }
}

/// An em dash and a space.
const SIGNATURE_PREFIX: &str = "\u{2014} ";
