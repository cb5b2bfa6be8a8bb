//! The keepers of this root key: what each must hold, what is done about one that does not, and
//! unsealing by what they give (RK-050, RK-051).

use std::{collections::HashMap, sync::Arc};

use keyward_barrier::{EpochHeader, Unsealed};
use keyward_lifecycle::{
    command::{Command, RootCommand},
    id::ActorId,
    root::{KeeperSeen, RotationKind},
};

use super::{RootError, slot::share_bytes};
use crate::{
    engine::Keyward,
    keeper::{
        Finding, KeeperSet, LinkFailed, Member, ShareBytes, ShareHead, Standing, TooFew, attend,
        gather,
    },
    start::{UnsealFailed, epoch_name},
    storage::Shelf,
    writer::ExecuteError,
};

/// What one keeper must hold, newest epoch first: one share, or two while a rotation is open.
#[derive(Debug)]
#[non_exhaustive]
pub struct Duty {
    /// The keeper's name.
    pub name: String,
    /// What its shares say of themselves.
    pub heads: Vec<ShareHead>,
    /// The shares, in the same order; none while sealed.
    pub shares: Vec<ShareBytes>,
}

/// How a keeper was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// Its name.
    pub name: String,
    /// How.
    pub seen: KeeperSeen,
    /// More about it, for people.
    pub detail: String,
}

impl Keyward {
    /// The share set of the newest header; `None` without keepers.
    ///
    /// # Errors
    /// [`RootError`] when the header cannot be read.
    pub fn keeper_set(&self) -> Result<Option<KeeperSet>, RootError> {
        Ok(set_of(&self.header()?))
    }

    /// What each keeper must hold.
    ///
    /// # Errors
    /// [`RootError`] when the headers cannot be read.
    pub fn keeper_duties(&self) -> Result<Vec<Duty>, RootError> {
        let header = self.header()?;
        let root = self.shared.root();
        let mut duties = Vec::new();
        add(&mut duties, &header, root.as_ref().map(|root| &root.unsealed))?;
        if let Some(former) = self.former_header()? {
            // Until the rotation is final it may be rolled back, and then this set counts again.
            let view = root.as_ref().map(|root| root.unsealed.rolled_back(&former));
            let view = view.transpose()?;
            add(&mut duties, &former, view.as_ref())?;
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
        let item = self.shared.storage.item(Shelf::Root, &epoch_name(rotation.from.get()))?;
        let Some(bytes) = item else { return Ok(None) };
        let pinned = self.shared.pinned_root();
        let header = EpochHeader::read(&bytes, Some(&pinned)).map_err(UnsealFailed::Header)?;
        Ok(Some(header))
    }

    /// Looks at every keeper once, gives those that are empty or wrong their shares, and logs
    /// what is otherwise than in `last`, which it brings up to date. While sealed it only looks.
    ///
    /// # Errors
    /// [`RootError`] when the headers cannot be read.
    pub fn attend_keepers(
        &self,
        actor: &ActorId,
        members: &[Member],
        last: &mut HashMap<String, KeeperSeen>,
    ) -> Result<Vec<Found>, RootError> {
        let duties = self.keeper_duties()?;
        let sealed = self.shared.root().is_none();
        let mut found = Vec::new();
        for member in members {
            let duty = duties.iter().find(|duty| duty.name == member.name);
            let heads = duty.map(|duty| duty.heads.as_slice()).unwrap_or_default();
            let again = |shares: &[ShareBytes]| shares.iter().map(copy).collect();
            let shares = || duty.filter(|_| !sealed).map(|duty| again(&duty.shares));
            let looked = attend(&*member.link, heads, shares);
            found.push(Found {
                name: member.name.clone(),
                seen: seen(&looked),
                detail: match &looked {
                    Ok(finding) => finding.name().to_owned(),
                    Err(error) => error.to_string(),
                },
            });
        }
        for Found { name, seen, .. } in &found {
            if last.insert(name.clone(), *seen) != Some(*seen) && !sealed {
                let keeper = Arc::from(name.as_str());
                let note = RootCommand::NoteKeeper { keeper, seen: *seen };
                // What was found is told by status and metrics whether or not it was logged.
                drop(self.execute(actor, Command::Root(note)));
            }
        }
        Ok(found)
    }

    /// Unseals by the shares that keepers give, if enough of them are sound.
    ///
    /// # Errors
    /// [`KeepersFailed`]; nothing has changed.
    pub fn unseal_by_keepers(
        &self,
        actor: &ActorId,
        members: &[Member],
    ) -> Result<Vec<String>, KeepersFailed> {
        let set = self.keeper_set()?.ok_or(KeepersFailed::None)?;
        let gathered = gather(&set, members)?;
        self.unseal_with_keepers(actor, &gathered.shares)?;
        Ok(gathered.troubles.iter().map(|(name, why)| format!("{name}: {why}")).collect())
    }

    /// Hands shares to keepers that are about to get them: an error changes nothing here, and
    /// keepers hold what they held beside it.
    ///
    /// # Errors
    /// The names of the keepers that did not take theirs.
    pub fn deliver_to(
        members: &[Member],
        shares: &[(String, ShareBytes)],
        standing: Standing,
    ) -> Result<(), String> {
        let mut refused = Vec::new();
        for (name, share) in shares {
            let put = match members.iter().find(|member| member.name == *name) {
                Some(member) => member.link.put(share, standing).map_err(|why| why.to_string()),
                None => Err("it is not in the configuration".to_owned()),
            };
            refused.extend(put.err().map(|why| format!("{name}: {why}")));
        }
        if refused.is_empty() { Ok(()) } else { Err(refused.join("; ")) }
    }
}

fn seen(looked: &Result<Finding, LinkFailed>) -> KeeperSeen {
    match looked {
        Ok(Finding::Current) => KeeperSeen::Sound,
        Ok(Finding::Empty | Finding::Incomplete | Finding::Superfluous) => KeeperSeen::Refilled,
        Ok(Finding::Stale { .. }) => KeeperSeen::Stale,
        Ok(Finding::Wrong { .. } | Finding::Ahead { .. })
        | Err(LinkFailed::Nonsense(_) | LinkFailed::Refused { .. }) => KeeperSeen::Wrong,
        Ok(Finding::Foreign { .. }) => KeeperSeen::Foreign,
        Err(LinkFailed::Unreachable(_) | LinkFailed::Unidentified(_)) => KeeperSeen::Unreachable,
    }
}

fn add(
    duties: &mut Vec<Duty>,
    header: &EpochHeader,
    root: Option<&Unsealed>,
) -> Result<(), RootError> {
    let Some(set) = set_of(header) else { return Ok(()) };
    let shares = root.map(Unsealed::keeper_shares).transpose()?.unwrap_or_default();
    let mut shares = shares.iter();
    for (name, head) in set.shares() {
        let share = shares.next().map(share_bytes);
        let known = duties.iter().position(|duty: &Duty| duty.name == name);
        let duty = match known.and_then(|place| duties.get_mut(place)) {
            Some(duty) => duty,
            None => {
                duties.push(Duty { name: name.to_owned(), heads: Vec::new(), shares: Vec::new() });
                let Some(duty) = duties.last_mut() else { continue };
                duty
            }
        };
        duty.heads.push(*head);
        duty.shares.extend(share);
    }
    Ok(())
}

fn set_of(header: &EpochHeader) -> Option<KeeperSet> {
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

fn copy(share: &ShareBytes) -> ShareBytes {
    ShareBytes::new(share.expose().to_vec().into())
}

/// Keepers did not unseal the store. Nothing has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeepersFailed {
    /// The root key is not split among keepers.
    #[error("the root key is not split among keepers")]
    None,
    /// Too few gave a sound share.
    #[error(transparent)]
    TooFew(#[from] TooFew),
    /// Their shares do not open it, or the header cannot be read.
    #[error(transparent)]
    Root(#[from] RootError),
}

impl From<ExecuteError> for KeepersFailed {
    fn from(error: ExecuteError) -> Self {
        Self::Root(error.into())
    }
}
