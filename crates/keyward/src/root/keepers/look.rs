//! The calls to one keeper: what it says and gives, and what is then done with it. What is to be
//! done is decided in [`super::verdict`].

use super::{
    Found,
    duty::Duties,
    verdict::{Deed, Turn, seen},
};
use crate::keeper::{Action, Finding, LinkFailed, Member, ShareHead, Status, Trouble, judge, mend};

/// What a keeper answered.
pub(super) struct Looked {
    pub(super) status: Result<Status, LinkFailed>,
    /// Why it does not give the share that it says it holds, if it was asked for it.
    pub(super) unproved: Option<Trouble>,
}

/// Asks a keeper what it holds, and one that says that it holds its shares for the shares
/// themselves if it has to `prove` it.
pub(super) fn look(member: &Member, expected: Option<&[ShareHead]>, prove: bool) -> Looked {
    let status = member.link.status();
    let unproved = match (&status, expected) {
        (Ok(status), Some(heads)) if prove && judge(heads, status) == Finding::Current => {
            heads.iter().find_map(|head| prove_share(member, head).err())
        }
        _ => None,
    };
    Looked { status, unproved }
}

/// Does what was decided about a keeper, and says how it was found.
pub(super) fn carry_out(member: &Member, turn: &Turn, duties: &Duties) -> Option<Found> {
    let link = &*member.link;
    let shares = duties.shares_of(&member.name);
    match turn.deed {
        Deed::Nothing => turn.found.clone(),
        Deed::Mend(action) => match mend(link, action, shares) {
            Ok(()) => turn.found.clone(),
            Err(failed) => turn.found.clone().map(|found| Found {
                seen: seen(&Err(failed.clone())),
                detail: failed.to_string(),
                ..found
            }),
        },
        // Memory that has changed is mended by this; a liar is wrong again at the next look.
        Deed::Replace => {
            drop(mend(link, Action::Replace, shares));
            turn.found.clone()
        }
        // If it cannot be told now, it is told after the next look.
        Deed::Wipe => {
            drop(link.clear());
            turn.found.clone()
        }
    }
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
