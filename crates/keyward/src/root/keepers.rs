//! The keepers of this root key: what each must hold, what is done about one that does not, and
//! unsealing by what they give (RK-050, RK-051).

use std::{collections::HashMap, sync::Arc};

use keyward_barrier::{EpochHeader, Unsealed};
use keyward_lifecycle::{
    command::{Command, RootCommand},
    id::{ActorId, Fingerprint},
    root::{KeeperSeen, RotationKind},
};

use super::{RootError, slot::share_bytes};
use crate::{
    engine::{Keyward, Root},
    keeper::{
        Finding, KeeperSet, LinkFailed, Member, ShareBytes, ShareHead, Standing, TooFew, Trouble,
        attend, gather,
    },
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
        self.duties(self.root_for_keepers().as_deref())
    }

    /// The root key, if what keepers hold may be measured by it: a store that is older than what
    /// was seen of it, or does not know what became of its last change, knows no newer shares
    /// than they do.
    fn root_for_keepers(&self) -> Option<Arc<Root>> {
        let may_be_behind = self.shared.quarantined().is_some() || self.shared.is_halted();
        self.shared.root().filter(|_| !may_be_behind)
    }

    fn duties(&self, root: Option<&Root>) -> Result<Vec<Duty>, RootError> {
        let header = self.header()?;
        let mut duties = Vec::new();
        add(&mut duties, &header, root.map(|root| &root.unsealed))?;
        if let Some(former) = self.former_header()? {
            // Until the rotation is final it may be rolled back, and then this set counts again.
            let view = root.map(|root| root.unsealed.rolled_back(&former));
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
        Ok(Some(self.former(rotation)?))
    }

    /// Looks at every keeper, all at once, gives those that are empty or wrong their shares, and
    /// logs what is otherwise than in `last`, which it brings up to date. While sealed it only
    /// looks, and logs nothing.
    ///
    /// A keeper that says that it holds its share has to prove it by giving it, when it was not
    /// sound at the last look and whenever `proof` asks for it: one that cannot is wrong.
    ///
    /// # Errors
    /// [`RootError`] when the headers cannot be read.
    pub fn attend_keepers(
        &self,
        actor: &ActorId,
        members: &[Member],
        last: &mut HashMap<String, KeeperSeen>,
        proof: Proof,
    ) -> Result<Vec<Found>, RootError> {
        // While a header is on its way, keepers hold what only the next one names.
        let changing = self.root_for_keepers().is_some().then(|| self.shared.changing());
        let root = changing.as_ref().and_then(|_| self.root_for_keepers());
        let sealed = root.is_none();
        let duties = self.duties(root.as_deref())?;
        let header = self.header()?;
        let newest = (header.root_id().fingerprint(), header.epoch().number());
        let visit = |member: &Member| {
            let duty = duties.iter().find(|duty| duty.name == member.name);
            let before = last.get(&member.name).copied();
            let Some(duty) = duty else { return dismiss(member, newest, before, sealed) };
            let proved = before == Some(KeeperSeen::Sound);
            Some(visit(member, duty, !sealed && (proof == Proof::All || !proved)))
        };
        let mut found: Vec<Found> = at_once(members, visit).into_iter().flatten().collect();
        drop(changing);
        let is_member = |duty: &&Duty| members.iter().any(|member| member.name == duty.name);
        found.extend(duties.iter().filter(|duty| !is_member(duty)).map(|duty| Found {
            name: duty.name.clone(),
            seen: KeeperSeen::Unreachable,
            detail: "the configuration says no address for it".to_owned(),
        }));
        if !sealed {
            self.note_keepers(actor, &found, last);
        }
        Ok(found)
    }

    /// Whether the root key is in memory.
    #[must_use]
    pub fn is_unsealed(&self) -> bool {
        self.shared.is_unsealed()
    }

    fn note_keepers(
        &self,
        actor: &ActorId,
        found: &[Found],
        last: &mut HashMap<String, KeeperSeen>,
    ) {
        last.retain(|name, _| found.iter().any(|found| found.name == *name));
        for Found { name, seen, .. } in found {
            let before = last.insert(name.clone(), *seen);
            // That all is well after a start is no news.
            if before != Some(*seen) && (before.is_some() || *seen != KeeperSeen::Sound) {
                let keeper = Arc::from(name.as_str());
                let note = RootCommand::NoteKeeper { keeper, seen: *seen };
                // What was found is told by status and metrics whether or not it was logged.
                drop(self.execute(actor, Command::Root(note)));
            }
        }
    }

    /// Unseals by the shares that keepers give, if enough of them are sound, and says what those
    /// did that gave none.
    ///
    /// # Errors
    /// [`KeepersFailed`]; nothing has changed.
    pub fn unseal_by_keepers(
        &self,
        actor: &ActorId,
        members: &[Member],
    ) -> Result<Vec<(String, Trouble)>, KeepersFailed> {
        let set = self.keeper_set()?.ok_or(KeepersFailed::None)?;
        let gathered = gather(&set, members)?;
        self.unseal_with_keepers(actor, &gathered.shares)?;
        Ok(gathered.troubles)
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
        let put = |(name, share): &(String, ShareBytes)| {
            let put = match members.iter().find(|member| member.name == *name) {
                Some(member) => member.link.put(share, standing).map_err(|why| why.to_string()),
                None => Err("the configuration says no address for it".to_owned()),
            };
            put.err().map(|why| format!("{name}: {why}"))
        };
        let refused: Vec<String> = at_once(shares, put).into_iter().flatten().collect();
        if refused.is_empty() { Ok(()) } else { Err(refused.join("; ")) }
    }

    /// Which of these keepers do not answer, or are not known.
    #[must_use]
    pub fn absent_keepers(members: &[Member], names: &[String]) -> Vec<String> {
        let is_absent = |name: &String| {
            let member = members.iter().find(|member| member.name == *name);
            member.is_none_or(|member| member.link.status().is_err()).then(|| name.clone())
        };
        at_once(names, is_absent).into_iter().flatten().collect()
    }
}

/// Which keepers have to give their shares at a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there are two answers")]
pub enum Proof {
    /// Those that were not sound at the last look.
    New,
    /// All.
    All,
}

/// What `work` makes of each, in their order, all of them at once: one that takes its time holds
/// up the others no longer than that.
fn at_once<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    std::thread::scope(|scope| {
        let work = &work;
        let started: Vec<_> = all.iter().map(|one| scope.spawn(move || work(one))).collect();
        started.into_iter().filter_map(|thread| thread.join().ok()).collect()
    })
}

/// One keeper's turn.
fn visit(member: &Member, duty: &Duty, prove: bool) -> Found {
    let shares = || -> Option<Vec<ShareBytes>> {
        (!duty.shares.is_empty()).then(|| duty.shares.iter().map(copy).collect())
    };
    let looked = attend(&*member.link, &duty.heads, shares);
    let sealed = duty.shares.is_empty();
    let mut found = Found {
        name: member.name.clone(),
        seen: match &looked {
            Ok(Finding::Empty | Finding::Incomplete) if sealed => KeeperSeen::Empty,
            // It can give what is needed, and what is beside it was cut off.
            Ok(Finding::Superfluous) if sealed => KeeperSeen::Sound,
            looked => seen(looked),
        },
        detail: match &looked {
            Ok(finding) => finding.name().to_owned(),
            Err(error) => error.to_string(),
        },
    };
    if prove && looked == Ok(Finding::Current) {
        let proved = duty.heads.iter().try_for_each(|head| prove_share(member, head));
        if let Err(trouble) = proved {
            found.seen = if let Trouble::Link(failed) = &trouble {
                seen(&Err(failed.clone()))
            } else {
                KeeperSeen::Wrong
            };
            found.detail = trouble.to_string();
            // Memory that has changed is mended by this; a liar is wrong again at the next look.
            if found.seen == KeeperSeen::Wrong && member.link.clear().is_ok() {
                drop(attend(&*member.link, &duty.heads, shares));
            }
        }
    }
    found
}

/// Whether a keeper gives the very share that it says it holds.
fn prove_share(member: &Member, expected: &ShareHead) -> Result<(), Trouble> {
    let shares = member.link.fetch(Some(expected.set))?;
    let heads: Vec<ShareHead> = shares.iter().map(ShareHead::read).collect::<Result<_, _>>()?;
    match heads.as_slice() {
        [] => Err(Trouble::Empty),
        heads if heads.iter().all(|head| head == expected) => Ok(()),
        [head, ..] if head.root != expected.root => Err(Trouble::ForeignRoot { found: head.root }),
        [head, ..] if head.epoch != expected.epoch => {
            Err(Trouble::StaleEpoch { expected: expected.epoch, found: head.epoch })
        }
        [head, ..] if head.set != expected.set => Err(Trouble::ForeignSet),
        [head, ..] => Err(Trouble::Altered { index: head.index }),
    }
}

/// One that is no keeper of this root key, or not any more, holds nothing of it. What it holds is
/// wiped at the second look: at the first, it may have got what the next header names.
fn dismiss(
    member: &Member,
    newest: (Fingerprint, u32),
    before: Option<KeeperSeen>,
    sealed: bool,
) -> Option<Found> {
    let (root, epoch) = newest;
    let status = member.link.status().ok()?;
    let held = status.shares.first()?;
    let found = |seen, detail: &str| {
        Some(Found { name: member.name.clone(), seen, detail: detail.to_owned() })
    };
    if held.root != root {
        return found(KeeperSeen::Foreign, "foreign");
    }
    // A copy of the store that lags behind leaves the keepers alone.
    if held.epoch > epoch {
        return None;
    }
    if sealed || before != Some(KeeperSeen::Stale) {
        return found(KeeperSeen::Stale, "it holds a share, and is no keeper of this root key");
    }
    // If it cannot be told now, it is told after the next look.
    drop(member.link.clear());
    None
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
