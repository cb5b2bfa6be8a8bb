//! The keepers of this root key: what each must hold, what is done about one that does not, and
//! unsealing by what they give (RK-050, RK-051).

mod duty;
mod look;
mod verdict;

use std::{collections::HashMap, sync::Arc};

use keyward_lifecycle::{
    command::{Command, RootCommand},
    id::ActorId,
    root::KeeperSeen,
};

use self::verdict::Turn;
use super::RootError;
use crate::{
    engine::Keyward,
    keeper::{KeeperSet, Member, ShareBytes, Standing, TooFew, Trouble, gather},
    writer::ExecuteError,
};

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
        Ok(duty::set_of(&self.header()?))
    }

    /// Looks at every keeper, all at once, gives those that are empty or wrong their shares, and
    /// logs what is otherwise than in `last`, which it brings up to date. While sealed it only
    /// looks, and logs nothing.
    ///
    /// A keeper that says that it holds its share has to prove it by giving it, when it was not
    /// sound at the last look and whenever `proof` asks for it: one that cannot is wrong.
    ///
    /// Nobody who changes the way to the root key waits for a keeper that is asked.
    ///
    /// # Errors
    /// [`RootError::Overtaken`] when another split came to count while they were asked: nothing
    /// was done. Else [`RootError`] when the headers cannot be read.
    pub fn attend_keepers(
        &self,
        actor: &ActorId,
        members: &[Member],
        last: &mut HashMap<String, KeeperSeen>,
        proof: Proof,
    ) -> Result<Vec<Found>, RootError> {
        let was_sealed = self.root_for_keepers().is_none();
        let asked_about = self.duties(None)?;
        let looked = at_once(members, |member| {
            let proved = last.get(&member.name) == Some(&KeeperSeen::Sound);
            let prove = !was_sealed && (proof == Proof::All || !proved);
            (member, look::look(member, asked_about.heads_of(&member.name), prove))
        });
        // While a header is on its way, keepers hold what only the next one names.
        let changing = (!was_sealed).then(|| self.shared.changing());
        let root = self.root_for_keepers().filter(|_| !was_sealed);
        let duties = self.duties(root.as_deref())?;
        if !duties.is_as(&asked_about) {
            return Err(RootError::Overtaken);
        }
        let judged = looked.into_iter().map(|(member, looked)| {
            let before = last.get(&member.name).copied();
            (member, verdict::judge(&member.name, looked, before, &duties))
        });
        let judged: Vec<_> = judged.collect();
        let carry_out = |(member, turn): &(&Member, Turn)| look::carry_out(member, turn, &duties);
        let mut found: Vec<Found> = at_once(&judged, carry_out).into_iter().flatten().collect();
        drop(changing);
        found.extend(duties.unknown_among(members).map(|name| Found {
            name: name.to_owned(),
            seen: KeeperSeen::Unreachable,
            detail: "the configuration says no address for it".to_owned(),
        }));
        if root.is_some() {
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
    /// did that gave none. Who seals the store while they are asked has it sealed.
    ///
    /// # Errors
    /// [`KeepersFailed`]; nothing has changed.
    pub fn unseal_by_keepers(
        &self,
        actor: &ActorId,
        members: &[Member],
    ) -> Result<Vec<(String, Trouble)>, KeepersFailed> {
        let since = self.shared.seals();
        let set = self.keeper_set()?.ok_or(KeepersFailed::None)?;
        let gathered = gather(&set, members)?;
        self.unseal_with_gathered(actor, since, &gathered.shares)?;
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
fn at_once<'t, T: Sync, R: Send>(all: &'t [T], work: impl Fn(&'t T) -> R + Sync) -> Vec<R> {
    std::thread::scope(|scope| {
        let work = &work;
        let started: Vec<_> = all.iter().map(|one| scope.spawn(move || work(one))).collect();
        started.into_iter().filter_map(|thread| thread.join().ok()).collect()
    })
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
