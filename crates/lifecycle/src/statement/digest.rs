//! Digests of subjects (in-toto spec/v1/digest_set.md).

/// Whether `value` can be a digest by `algorithm`: lower-case hex of its length. Algorithms that
/// are not known here may encode theirs as they like; they match nothing but themselves.
pub(super) fn is_good_digest(algorithm: &str, value: &str) -> bool {
    let known = KNOWN.iter().find(|(name, _)| *name == algorithm);
    known.is_none_or(|(_, lengths)| {
        lengths.contains(&value.len())
            && value.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// The algorithms of the standard whose value is hex, and how many digits that has. Git objects
/// are named by SHA-1 or by SHA-256.
const KNOWN: [(&str, &[usize]); 16] = [
    ("sha256", &[64]),
    ("sha224", &[56]),
    ("sha384", &[96]),
    ("sha512", &[128]),
    ("sha512_224", &[56]),
    ("sha512_256", &[64]),
    ("sha3_224", &[56]),
    ("sha3_256", &[64]),
    ("sha3_384", &[96]),
    ("sha3_512", &[128]),
    ("sha1", &[40]),
    ("md5", &[32]),
    ("gitCommit", &[40, 64]),
    ("gitTree", &[40, 64]),
    ("gitBlob", &[40, 64]),
    ("gitTag", &[40, 64]),
];
