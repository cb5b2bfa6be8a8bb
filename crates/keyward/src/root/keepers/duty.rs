//! What each keeper must hold.

use std::sync::Arc;

use keyward_barrier::{EpochHeader, Unsealed};
use keyward_lifecycle::{id::Fingerprint, root::RotationKind};

use crate::{
    engine::{Keyward, Root},
    keeper::{KeeperSet, Member, ShareBytes, ShareHead},
    root::{RootError, slot::share_bytes},
};

/// What the keepers of a root key must hold, as its headers say.
pub(super) struct Duties {
    pub(super) root: Fingerprint,
    /// The newest epoch.
    pub(super) epoch: u32,
    /// Whether there are no shares to give.
    pub(super) sealed: bool,
    all: Vec<Duty>,
}

/// What one keeper must hold, newest epoch first: one share, or two while a rotation is open.
struct Duty {
    name: String,
    /// What its shares say of themselves.
    heads: Vec<ShareHead>,
    /// The shares, in the same order; none while sealed.
    shares: Vec<ShareBytes>,
}

impl Duties {
    /// What the shares of this keeper say of themselves; `None` for one that is no keeper.
    pub(super) fn heads_of(&self, name: &str) -> Option<&[ShareHead]> {
        self.of(name).map(|duty| duty.heads.as_slice())
    }

    pub(super) fn shares_of(&self, name: &str) -> &[ShareBytes] {
        self.of(name).map(|duty| duty.shares.as_slice()).unwrap_or_default()
    }

    /// The names of those to whom no way is known.
    pub(super) fn unknown_among(&self, members: &[Member]) -> impl Iterator<Item = &str> {
        let names = self.all.iter().map(|duty| duty.name.as_str());
        names.filter(|name| members.iter().all(|member| member.name != **name))
    }

    /// Whether the same shares count.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        let heads = |duties: &Self| -> Vec<(String, Vec<ShareHead>)> {
            duties.all.iter().map(|duty| (duty.name.clone(), duty.heads.clone())).collect()
        };
        (self.root, self.epoch) == (other.root, other.epoch) && heads(self) == heads(other)
    }

    fn of(&self, name: &str) -> Option<&Duty> {
        self.all.iter().find(|duty| duty.name == name)
    }

    fn add(&mut self, header: &EpochHeader, root: Option<&Unsealed>) -> Result<(), RootError> {
        let Some(set) = set_of(header) else { return Ok(()) };
        let shares = root.map(Unsealed::keeper_shares).transpose()?.unwrap_or_default();
        let mut shares = shares.iter();
        for (name, head) in set.shares() {
            let share = shares.next().map(share_bytes);
            match self.all.iter_mut().find(|duty| duty.name == name) {
                Some(duty) => {
                    duty.heads.push(*head);
                    duty.shares.extend(share);
                }
                None => self.all.push(Duty {
                    name: name.to_owned(),
                    heads: vec![*head],
                    shares: share.into_iter().collect(),
                }),
            }
        }
        Ok(())
    }
}

impl Keyward {
    /// The root key, if what keepers hold may be measured by it: a store that is older than what
    /// was seen of it, or does not know what became of its last change, knows no newer shares
    /// than they do.
    pub(super) fn root_for_keepers(&self) -> Option<Arc<Root>> {
        let may_be_behind = self.shared.quarantined().is_some() || self.shared.is_halted();
        self.shared.root().filter(|_| !may_be_behind)
    }

    pub(super) fn duties(&self, root: Option<&Root>) -> Result<Duties, RootError> {
        let header = self.header()?;
        let mut duties = Duties {
            root: header.root_id().fingerprint(),
            epoch: header.epoch().number(),
            sealed: root.is_none(),
            all: Vec::new(),
        };
        duties.add(&header, root.map(|root| &root.unsealed))?;
        if let Some(former) = self.former_header()? {
            // Until the rotation is final it may be rolled back, and then this set counts again.
            let view = root.map(|root| root.unsealed.rolled_back(&former));
            let view = view.transpose()?;
            duties.add(&former, view.as_ref())?;
        }
        Ok(duties)
    }

    /// The header of the epoch that an open rotation leaves, if it can be rolled back.
    fn former_header(&self) -> Result<Option<EpochHeader>, RootError> {
        let state = self.state();
        let Some(rotation) = &state.root().rotation else { return Ok(None) };
        if rotation.kind == RotationKind::Emergency {
            return Ok(None);
        }
        Ok(Some(self.former(rotation)?))
    }
}

pub(super) fn set_of(header: &EpochHeader) -> Option<KeeperSet> {
    let keepers = header.keepers()?;
    let set = keepers.set().to_string().parse().ok()?;
    let (sharing, mut shares) = (keepers.sharing(), Vec::new());
    for (index, name) in (1..=sharing.count()).zip(keepers.names()) {
        let head = ShareHead {
            root: header.root_id().fingerprint(),
            set,
            epoch: header.epoch().number(),
            index,
            threshold: sharing.threshold(),
            count: sharing.count(),
            digest: *keepers.digest(index)?,
        };
        shares.push((name.to_string(), head));
    }
    KeeperSet::new(shares)
}
