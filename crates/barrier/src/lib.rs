//! The root key: how it is made, reached, checked, and what it seals.
//!
//! A store has one *identity*, an Ed25519 key whose fingerprint is the [`RootId`]. Each
//! generation of the root key is an [`Epoch`]. An [`EpochHeader`], signed by the identity, says
//! which *slots* lead to the epoch's key and what check value the key must have. Under the key
//! lie *records*, each sealed under a data key of its own.
//!
//! ```text
//! password ──Argon2id──▶ slot ──HPKE──▶ root key ──HKDF──▶ record's wrapping key ──▶ data key
//! recovery shares ─────▶ slot ──HPKE──▶    ▲
//! keeper shares ───────────────────────────┘
//! ```
//!
//! The way in: [`Sealed::read`] checks a header's signature, [`Sealed::unseal`] gives an
//! [`Unsealed`] after the slot's authenticator, the check value and the identity have been
//! compared, and only an [`Unsealed`] seals or opens. [`create`] makes a store's first epoch.
//! Slots, keepers and epochs change through an [`Unsealed`], which gives another one with the
//! next header; [`Unsealed::reseal`] moves a record from one epoch to another; a [`Backup`]
//! carries the header to an empty machine.
//!
//! ```
//! use keyward_barrier::*;
//! use keyward_crypto::secret::{LockPolicy, Password};
//! use keyward_lifecycle::time::Timestamp;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let password = Password::new(b"six words that nobody else has".to_vec())?;
//! let terms = Terms {
//!     cost: Cost::new(Cost::MEMORY_KIB_MIN, 1, 1)?, // Cost::STANDARD outside of examples
//!     label: SlotLabel::parse("password")?,
//!     memory: LockPolicy::AllowUnlocked,
//!     now: Timestamp::from_seconds(1_735_689_600),
//! };
//! let Created { header, unsealed, .. } = create(&password, terms)?;
//! let id = RecordId::parse("key-2025-prod")?;
//! let name = RecordName::new(RecordKind::PrivateKey, id, RecordVersion::FIRST);
//! let (epoch, row) = (unsealed.epoch(), unsealed.seal(&name, b"seed")?);
//!
//! let sealed = Sealed::read(header.bytes(), Some(&header.root_id()))?;
//! let unsealed = sealed.unseal(&password, LockPolicy::AllowUnlocked)?;
//! assert_eq!(unsealed.open(&name, epoch, &row)?.expose(), b"seed");
//! # Ok(())
//! # }
//! ```
//!
//! No I/O, no async, no clock. Nothing here that is secret can be printed, copied, compared or
//! serialized. The formats are in `docs/format/record.md`, `slot.md`,
//! `epoch.md`, `share.md` and `backup.md`.

mod backup;
mod barrier;
mod epoch;
mod keepers;
pub mod password;
mod record;
mod root;
mod share;
mod slot;
mod unsealed;

pub use crate::backup::{BACKUP_BYTES_MAX, Backup, BackupRefused};
pub use crate::barrier::{CreateFailed, Created, Sealed, Terms, UnsealError, create};
pub use crate::epoch::{EpochHeader, HEADER_BYTES_MAX, HeaderRefused, SLOTS_MAX};
pub use crate::keepers::{KeeperName, Keepers, KeepersRefused, MalformedKeeperName};
pub use crate::record::{
    FIELD_BYTES_MAX, FIELDS_MAX, FieldName, MalformedRecordName, OpenRefused, OpenedSecret,
    RECORD_BYTES_MAX, RecordId, RecordKind, RecordName, RecordVersion, SealFailed, record_epoch,
};
pub use crate::root::{Epoch, HeaderCounter, RootId};
pub use crate::share::{
    Keeper, KeeperShare, MalformedSetId, MalformedShare, Recovery, RecoveryShare, SHARE_BYTES,
    SHARE_CHARS_MAX, Share, ShareRefused, ShareSetId, Sharing, SharingRefused,
};
pub use crate::slot::{
    ADDRESS_BYTES_MAX, BLOB_BYTES_MAX, Cost, CostRefused, ExternalFailed, ExternalKey,
    LABEL_CHARS_MAX, MalformedLabel, Slot, SlotId, SlotLabel, SlotRefused,
};
pub use crate::unsealed::{
    ChangeFailed, FreshSlots, KeepersSet, KeyDamaged, NextEpoch, NextKeepers, PasswordTerms,
    RecoveryAdded, ResealFailed, Resealed, RotationRefused, Unsealed,
};
