//! Shares of a keeper as bytes, written from `docs/format/share.md` alone: sound ones, and ones
//! that are wrong in one place.

use keyward_lifecycle::id::Digest;

/// What a share says.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "tests change one thing of it")]
pub struct Said {
    /// 1 for a keeper's, 2 for a person's.
    pub kind: u8,
    /// The root key that it is of.
    pub root: [u8; 32],
    /// The split that it is of.
    pub set: [u8; 16],
    /// The epoch.
    pub epoch: u32,
    /// Which share it is, from 1.
    pub index: u8,
    /// How many are needed.
    pub threshold: u8,
    /// How many there are.
    pub count: u8,
    /// The secret part: 32 times this byte.
    pub value: u8,
}

impl Said {
    /// The first of three shares of epoch 1, of which two are needed.
    pub const FIRST: Self = Self {
        kind: 1,
        root: [7; 32],
        set: [8; 16],
        epoch: 1,
        index: 1,
        threshold: 2,
        count: 3,
        value: 9,
    };

    /// The share with this index, whose secret part is one of its own.
    #[must_use]
    pub fn of(self, index: u8) -> Self {
        Self { index, value: index.wrapping_mul(31), ..self }
    }

    /// The bytes, with a check sum that fits.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let Self { kind, root, set, epoch, index, threshold, count, value } = self;
        let mut bytes = vec![1, *kind];
        bytes.extend(root);
        bytes.extend(set);
        bytes.extend(epoch.to_be_bytes());
        bytes.extend([*index, *threshold, *count]);
        bytes.extend([*value; 32]);
        let check = Digest::of(&[b"keyward/share-check/v1\0".as_slice(), &bytes].concat());
        bytes.extend(check.as_bytes().iter().take(8));
        bytes
    }
}
