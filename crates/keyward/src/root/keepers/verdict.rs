//! What is made of a keeper's answers. Nothing here calls anybody.

use keyward_lifecycle::root::KeeperSeen;

use super::{Found, duty::Duties, look::Looked};
use crate::keeper::{self, Action, Finding, LinkFailed, ShareHead, Status, Trouble};

/// How a keeper was found, if there is anything to say, and what is to be done with it.
pub(super) struct Turn {
    pub(super) found: Option<Found>,
    pub(super) deed: Deed,
}

/// What is to be done with a keeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Nothing,
    /// It gets its shares; if it cannot be told, that is what is said of it.
    Mend(Action),
    /// It gave another share than it said: it forgets all, and gets its shares.
    Replace,
    /// It forgets all: it is no keeper of this root key any more.
    Wipe,
}

/// Judges a keeper by its answers; `before` is how it was found at the last look.
pub(super) fn judge(
    name: &str,
    looked: Looked,
    before: Option<KeeperSeen>,
    duties: &Duties,
) -> Turn {
    let Looked { status, unproved } = looked;
    let found = |seen, detail| Found { name: name.to_owned(), seen, detail };
    match (duties.heads_of(name), status, unproved) {
        (None, Err(_), _) => Turn { found: None, deed: Deed::Nothing },
        (None, Ok(status), _) => no_keeper(&found, &status, before, duties),
        (Some(_), Err(failed), _) => {
            let detail = failed.to_string();
            Turn { found: Some(found(seen(&Err(failed)), detail)), deed: Deed::Nothing }
        }
        (Some(_), Ok(_), Some(trouble)) => unproven(&found, trouble),
        (Some(heads), Ok(status), None) => by_status(&found, heads, &status, duties.sealed),
    }
}

type Finds<'f> = dyn Fn(KeeperSeen, String) -> Found + 'f;

fn by_status(found: &Finds<'_>, heads: &[ShareHead], status: &Status, sealed: bool) -> Turn {
    let finding = keeper::judge(heads, status);
    let seen = if sealed && matches!(finding, Finding::Empty | Finding::Incomplete) {
        KeeperSeen::Empty
    } else if sealed && finding == Finding::Superfluous {
        // It can give what is needed, and what is beside it was cut off.
        KeeperSeen::Sound
    } else {
        seen(&Ok(finding))
    };
    let deed = if sealed { Deed::Nothing } else { Deed::Mend(finding.action()) };
    Turn { found: Some(found(seen, finding.name().to_owned())), deed }
}

/// One that does not give the share that it says it holds.
fn unproven(found: &Finds<'_>, trouble: Trouble) -> Turn {
    let detail = trouble.to_string();
    let seen = match trouble {
        Trouble::Link(failed) => seen(&Err(failed)),
        Trouble::Empty
        | Trouble::Unread(_)
        | Trouble::ForeignRoot { .. }
        | Trouble::ForeignSet
        | Trouble::StaleEpoch { .. }
        | Trouble::Altered { .. }
        | Trouble::Duplicate { .. } => KeeperSeen::Wrong,
    };
    let deed = if seen == KeeperSeen::Wrong { Deed::Replace } else { Deed::Nothing };
    Turn { found: Some(found(seen, detail)), deed }
}

/// One that is no keeper of this root key, or not any more, holds nothing of it. What it holds is
/// wiped at the second look: at the first, it may have got what the next header names.
fn no_keeper(
    found: &Finds<'_>,
    status: &Status,
    before: Option<KeeperSeen>,
    duties: &Duties,
) -> Turn {
    let nothing = Turn { found: None, deed: Deed::Nothing };
    let Some(held) = status.shares.first() else { return nothing };
    if held.root != duties.root {
        let foreign = found(KeeperSeen::Foreign, "foreign".to_owned());
        return Turn { found: Some(foreign), deed: Deed::Nothing };
    }
    // A copy of the store that lags behind leaves the keepers alone.
    if held.epoch > duties.epoch {
        return nothing;
    }
    if duties.sealed || before != Some(KeeperSeen::Stale) {
        let why = "it holds a share, and is no keeper of this root key";
        let stale = found(KeeperSeen::Stale, why.to_owned());
        return Turn { found: Some(stale), deed: Deed::Nothing };
    }
    Turn { found: None, deed: Deed::Wipe }
}

pub(super) fn seen(looked: &Result<Finding, LinkFailed>) -> KeeperSeen {
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
