//! Moving a record from one epoch to another, and making sure that nothing was lost.

use keyward_crypto::{
    mac,
    random::{self, NoRandomness},
};

use super::Unsealed;
use crate::{
    record::{self, FieldName, OpenRefused, OpenedSecret, RecordName, SealFailed},
    root::Epoch,
};

/// A record under another epoch, opened again and found to hold the same.
#[derive(Debug)]
#[non_exhaustive]
pub struct Resealed {
    /// The new row.
    pub row: Vec<u8>,
    /// How many fields were compared.
    pub fields: usize,
}

/// Why a record was not moved. The row that was given is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResealFailed {
    /// The row does not open: it is damaged; leave it, and keep its epoch.
    #[error(transparent)]
    Open(#[from] OpenRefused),
    /// Nothing was sealed.
    #[error(transparent)]
    Seal(#[from] SealFailed),
    /// What was sealed anew does not open, or holds something else: keep the old row.
    #[error(
        "{name} does not hold the same after sealing anew; keep the old row, and see the memory of this machine"
    )]
    Differs {
        /// Which record.
        name: Box<str>,
    },
    /// See [`NoRandomness`].
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// A field's name, and the keyed digest of its value.
type Digested = (FieldName, [u8; 32]);

impl Unsealed {
    /// Opens every field of a record and wipes it again: whether it opens is all that is asked.
    ///
    /// # Errors
    /// [`OpenRefused`].
    pub fn check_record(
        &self,
        name: &RecordName,
        epoch: Epoch,
        row: &[u8],
    ) -> Result<(), OpenRefused> {
        record::open_all(self.held(name, epoch)?, name, row).map(drop)
    }

    /// Opens every field of a row of epoch `from`, seals all of them under a fresh data key in
    /// epoch `to`, opens the new row again and compares a keyed digest of each field (RK-024).
    ///
    /// # Errors
    /// [`ResealFailed`]; `row` is not changed, and is to be kept.
    pub fn reseal(
        &self,
        name: &RecordName,
        from: Epoch,
        row: &[u8],
        to: Epoch,
    ) -> Result<Resealed, ResealFailed> {
        let opened = record::open_all(self.held(name, from)?, name, row)?;
        let values: Vec<(FieldName, &[u8])> =
            opened.iter().map(|(field, value)| (field.clone(), value.expose())).collect();
        let under = self.held(name, to)?;
        let sealed = record::seal(under, name, &values)?;
        let key = random::bytes::<32>()?;
        let digests = |fields: &[(FieldName, OpenedSecret)]| -> Vec<Digested> {
            let digest = |value: &OpenedSecret| mac::hmac_sha256(key.as_slice(), value.expose());
            fields.iter().map(|(field, value)| (field.clone(), digest(value))).collect()
        };
        let differs = || ResealFailed::Differs { name: name.to_string().into() };
        let again = record::open_all(under, name, &sealed).map_err(|_| differs())?;
        if digests(&opened) != digests(&again) {
            return Err(differs());
        }
        Ok(Resealed { row: sealed, fields: again.len() })
    }
}
