//! Moving a record from one epoch to another, and making sure that nothing was lost.

use keyward_crypto::{
    mac,
    random::{self, NoRandomness},
};

use super::Unsealed;
use crate::{
    record::{self, FieldName, OpenRefused, OpenedSecret, RecordName, SealFailed, Under},
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

/// A field's name and its value.
type Opened = (FieldName, OpenedSecret);
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
        validated(under, name, &opened, sealed)
    }
}

/// Opens what was sealed anew, and compares it with what it was made of.
fn validated(
    under: Under<'_>,
    name: &RecordName,
    opened: &[Opened],
    row: Vec<u8>,
) -> Result<Resealed, ResealFailed> {
    let again = record::open_all(under, name, &row).map_err(|_| differs(name))?;
    compare(name, opened, &again)?;
    Ok(Resealed { row, fields: again.len() })
}

/// Compares the fields of a record with those that it had: each is there, and holds the same.
fn compare(name: &RecordName, before: &[Opened], after: &[Opened]) -> Result<(), ResealFailed> {
    let key = random::bytes::<32>()?;
    let digests = |fields: &[Opened]| -> Vec<Digested> {
        let digest = |value: &OpenedSecret| mac::hmac_sha256(key.as_slice(), value.expose());
        fields.iter().map(|(field, value)| (field.clone(), digest(value))).collect()
    };
    if digests(before) == digests(after) { Ok(()) } else { Err(differs(name)) }
}

fn differs(name: &RecordName) -> ResealFailed {
    ResealFailed::Differs { name: name.to_string().into() }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::made, *};

    /// A record of these fields, opened.
    fn opened(fields: &[(&str, &str)]) -> Vec<Opened> {
        let (store, name) = (made(), RecordName::identity());
        let parse = |name: &str| FieldName::parse(name).unwrap();
        let values: Vec<_> =
            fields.iter().map(|(field, value)| (parse(field), value.as_bytes())).collect();
        let row = store.seal_fields(&name, &values).unwrap();
        record::open_all(store.under(), &name, &row).unwrap()
    }

    #[test]
    fn what_was_sealed_anew_and_does_not_open_is_refused() {
        // RK-024
        let (store, name) = (made(), RecordName::identity());
        let fields = [(FieldName::value(), &b"a secret"[..])];
        let row = store.seal_fields(&name, &fields).unwrap();
        let before = record::open_all(store.under(), &name, &row).unwrap();
        let differs = ResealFailed::Differs { name: name.to_string().into() };
        let found = validated(store.under(), &name, &before, row.clone());
        assert_eq!(found.map(|resealed| resealed.row), Ok(row.clone()));
        for at in 0..row.len() {
            let mut damaged = row.clone();
            damaged[at] ^= 1;
            let found = validated(store.under(), &name, &before, damaged);
            assert_eq!(found.err().as_ref(), Some(&differs), "{at}");
        }
    }

    #[test]
    fn a_field_that_is_another_or_is_gone_is_noticed() {
        // RK-024
        let name = RecordName::identity();
        let fields = [("meta", "more"), ("value", "a secret")];
        let before = opened(&fields);
        let differs = ResealFailed::Differs { name: name.to_string().into() };
        assert_eq!(compare(&name, &before, &opened(&fields)), Ok(()));
        let changed: [&[(&str, &str)]; 7] = [
            &[("meta", "more"), ("value", "a secres")],
            &[("meta", "more"), ("value", "")],
            &[("meta", "a secret"), ("value", "more")],
            &[("mete", "more"), ("value", "a secret")],
            &[("value", "a secret")],
            &[("meta", "more")],
            &[("also", ""), ("meta", "more"), ("value", "a secret")],
        ];
        for after in changed {
            let found = compare(&name, &before, &opened(after));
            assert_eq!(found.as_ref(), Err(&differs), "{after:?}");
        }
    }
}
