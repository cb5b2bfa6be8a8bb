//! What is around a root key: where its backup lies, how much room there is, its keepers, and
//! when it is rotated.

use std::{fmt, sync::Arc};

use keyward::{
    keeper::{ShareBytes, Standing},
    root::{RootError, rotate},
};
use keyward_lifecycle::{
    root::{KeeperSeen, RootFold},
    time::Timestamp,
};

use crate::config::{ROTATION_DAYS, RootRotationConfig};

/// The machine around a store, as whoever wires the server knows it.
pub trait Site: Send + Sync {
    /// Free bytes on the store's medium, where that can be told.
    fn free_bytes(&self) -> Option<u64>;

    /// What is in the backup file now; `None` where none is configured.
    fn backup(&self) -> Option<Result<Vec<u8>, String>>;

    /// Puts a backup in the place of the one before: all of it, or nothing.
    ///
    /// # Errors
    /// Why it cannot be written; the file is as it was.
    fn keep_backup(&self, bytes: &[u8]) -> Result<(), String>;
}

/// How a keeper was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "what there is to say of a keeper")]
pub struct KeeperState {
    /// Its name.
    pub name: String,
    /// How it was found at the last look.
    pub seen: KeeperSeen,
    /// More about it, for people.
    pub detail: String,
    /// Since when it is found that way.
    pub since: Timestamp,
}

/// The way to the keepers.
pub trait KeeperPost: Send + Sync {
    /// Hands keepers their shares by name.
    ///
    /// # Errors
    /// Which did not take theirs, and why.
    fn deliver(&self, shares: Vec<(String, ShareBytes)>, standing: Standing) -> Result<(), String>;

    /// How each keeper was found at the last look.
    fn states(&self) -> Vec<KeeperState>;

    /// How each keeper was found at the last look.
    fn seen(&self) -> Vec<(String, KeeperSeen)> {
        self.states().into_iter().map(|state| (state.name, state.seen)).collect()
    }

    /// How many shares give the key; `None` while it is not split.
    fn threshold(&self) -> Option<u8>;

    /// The keepers of the configuration, and how many of them are to give the key.
    fn configured(&self) -> (u8, Vec<String>);

    /// Which of these do not answer now; without names, of those that hold shares.
    fn absent(&self, names: Option<&[String]>) -> Vec<String>;

    /// Somebody has sealed the store: the keepers are not asked to unseal it again.
    fn rest(&self);
}

/// What is done about a root key beside requests.
#[derive(Clone)]
#[expect(clippy::exhaustive_structs, reason = "made by whoever wires the server")]
pub struct RootCare {
    /// The machine around the store.
    pub site: Arc<dyn Site>,
    /// The way to the keepers, if there are any.
    pub keepers: Option<Arc<dyn KeeperPost>>,
    /// When it is rotated without being asked; `None` for by hand alone.
    pub rotation: Option<RootRotationConfig>,
    /// Days between two looks at the backup file, where one is configured.
    pub verify_every_days: u16,
}

impl Default for RootCare {
    fn default() -> Self {
        let verify_every_days = crate::config::VERIFY_DAYS;
        Self { site: Arc::new(Nowhere), keepers: None, rotation: None, verify_every_days }
    }
}

impl fmt::Debug for RootCare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RootCare").field("rotation", &self.rotation).finish_non_exhaustive()
    }
}

impl RootCare {
    /// What a rotation's checks look at.
    pub(crate) fn surroundings(&self) -> rotate::Surroundings {
        self.surroundings_with(&rotate::KeepersNext::AsBefore)
    }

    /// What a rotation's checks look at, whose epoch has these keepers: one that is to go need
    /// not answer.
    pub(crate) fn surroundings_with(&self, next: &rotate::KeepersNext) -> rotate::Surroundings {
        let names = match next {
            rotate::KeepersNext::AsBefore => None,
            rotate::KeepersNext::Among { names, .. } => Some(names.as_slice()),
        };
        let missing = self.keepers.as_ref().map(|keepers| keepers.absent(names));
        rotate::Surroundings {
            free_bytes: self.site.free_bytes(),
            backup: self.site.backup(),
            // Who leaves all of them out need not know the way to any.
            keepers_unknown: self.keepers.is_none() && names.is_none_or(|names| !names.is_empty()),
            keepers_missing: missing.unwrap_or_default(),
        }
    }

    /// Hands keepers their shares.
    pub(crate) fn deliver(
        &self,
        shares: Vec<(String, ShareBytes)>,
        standing: Standing,
    ) -> Result<(), String> {
        match &self.keepers {
            Some(keepers) => keepers.deliver(shares, standing),
            None if shares.is_empty() => Ok(()),
            None => Err("the configuration names no keepers (rootKey.keepers)".to_owned()),
        }
    }

    /// Writes the backup file and reads it again; `None` where none is configured.
    pub(crate) fn renew(&self) -> Option<impl FnMut(&[u8]) -> Result<Vec<u8>, String> + use<'_>> {
        let _configured = self.site.backup()?;
        Some(|bytes: &[u8]| {
            self.site.keep_backup(bytes)?;
            self.site.backup().unwrap_or_else(|| Err("it is gone".to_owned()))
        })
    }

    /// Ends the rotation, whose backup is renewed first.
    pub(crate) fn finalise(
        &self,
        keyward: &keyward::Keyward,
        actor: &keyward_lifecycle::id::ActorId,
        loss: keyward_lifecycle::command::AcceptLoss,
    ) -> Result<(), RootError> {
        let mut renew = self.renew();
        let renew = renew.as_mut().map(|renew| renew as &mut rotate::Renew<'_>);
        keyward.finalise_root_rotation(actor, loss, renew).map(drop)
    }

    /// When the next rotation is due.
    pub(crate) fn next_rotation(&self, began: Timestamp, now: Timestamp) -> Timestamp {
        match &self.rotation {
            Some(rotation) => rotation.next(began, now),
            None => began.plus_seconds(i64::from(ROTATION_DAYS).saturating_mul(86_400)),
        }
    }
}

/// Whether the newest rotation was rolled back: what went wrong is looked at before the next one,
/// which nobody begins but by hand.
pub(crate) fn was_rolled_back(fold: &RootFold) -> bool {
    let present = fold.header.map(|header| header.epoch);
    fold.rotation.is_none() && fold.greatest.is_some() && fold.greatest > present
}

/// A store of which nothing is known.
struct Nowhere;

impl Site for Nowhere {
    fn free_bytes(&self) -> Option<u64> {
        None
    }

    fn backup(&self) -> Option<Result<Vec<u8>, String>> {
        None
    }

    fn keep_backup(&self, _: &[u8]) -> Result<(), String> {
        Err("no file is configured (rootKey.backup)".to_owned())
    }
}
