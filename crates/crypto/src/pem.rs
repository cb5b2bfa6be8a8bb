//! PEM (RFC 7468) with a limit on its length.

use pem_rfc7468::LineEnding;
use zeroize::Zeroizing;

/// Longest PEM text that is read: four times an ML-DSA private key in all its forms.
pub const PEM_BYTES_MAX: usize = 32 * 1024;

/// The text is not the PEM document that was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedPem {
    /// Longer than [`PEM_BYTES_MAX`].
    #[error("PEM of {0} bytes is longer than 32768 bytes")]
    TooLong(usize),
    /// Not one document as RFC 7468 describes it.
    #[error("not one PEM document as RFC 7468 describes it")]
    Grammar,
    /// A document of another kind.
    #[error("PEM holds `{found}` where `{expected}` is expected")]
    Label {
        /// The label that was expected.
        expected: &'static str,
        /// The label found, cut at 64 characters.
        found: Box<str>,
    },
}

/// The contents of the PEM document `text`, which has the label `expected`.
pub(crate) fn decode(
    text: &[u8],
    expected: &'static str,
) -> Result<Zeroizing<Vec<u8>>, MalformedPem> {
    if text.len() > PEM_BYTES_MAX {
        return Err(MalformedPem::TooLong(text.len()));
    }
    let (label, contents) = pem_rfc7468::decode_vec(text).map_err(|_| MalformedPem::Grammar)?;
    let contents = Zeroizing::new(contents);
    if label == expected {
        Ok(contents)
    } else {
        Err(MalformedPem::Label { expected, found: label.chars().take(64).collect() })
    }
}

/// `contents` as a PEM document, with line feeds.
pub(crate) fn encode(label: &'static str, contents: &[u8]) -> Zeroizing<String> {
    // Fails for a label with forbidden characters or a length beyond usize: neither is here.
    Zeroizing::new(pem_rfc7468::encode_string(label, LineEnding::LF, contents).unwrap_or_default())
}
