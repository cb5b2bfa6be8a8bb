//! Every way in which a key's window can end.

use keyward_lifecycle::{
    command::{Command, Effective, NewKey, Revoke},
    key::CompromiseScope,
};

use super::court::{Court, real};
use crate::world::{create, day, retire, revocation, revoke_at};
use End::{
    Ahead, AtKey, Empty, Expired, InAnchor, Leaked, LeakedAfter, LeakedBefore, LeakedSometime, Now,
    Open, Retired,
};

/// How the key's window `[day 10, …)` ends; it is day 30.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// It does not.
    Open,
    /// At day 20, in the anchor, for a benign reason.
    InAnchor,
    /// At day 20, at the key, for a benign reason.
    AtKey,
    /// At day 20, by retirement.
    Retired,
    /// At day 20, by expiry.
    Expired,
    /// At day 40, for a benign reason.
    Ahead,
    /// At this very instant, for a benign reason.
    Now,
    /// Before it began, for a benign reason.
    Empty,
    /// Compromised since day 20, revoked at day 25.
    Leaked(CompromiseScope),
    /// Compromised nobody knows since when, revoked at day 20.
    LeakedSometime(CompromiseScope),
    /// Compromised since before it was added.
    LeakedBefore,
    /// Retired at day 20, compromised since day 25.
    LeakedAfter,
}

/// All of them.
pub(super) const ALL_ENDS: [End; 14] = [
    Open,
    InAnchor,
    AtKey,
    Retired,
    Expired,
    Ahead,
    Now,
    Empty,
    Leaked(SERVER),
    Leaked(KEY),
    LeakedSometime(SERVER),
    LeakedSometime(KEY),
    LeakedBefore,
    LeakedAfter,
];

pub(super) const SERVER: CompromiseScope = CompromiseScope::Server;
pub(super) const KEY: CompromiseScope = CompromiseScope::Key;

/// The key `k1` in anchor 1, its window ended so.
pub(super) fn court(end: End) -> Court {
    let mut court = Court::new();
    let expires_at = matches!(end, Expired).then(|| day(20));
    court.world.at(day(5));
    court.key_as(NewKey { expires_at, ..real("k1") });
    court.world.at(day(10));
    court.world.must(create(1, &["k1"]));
    let benign = |at| revoke_at(1, "k1", at);
    let leak = |since, effective, scope| {
        let effective = Effective::At(effective);
        let leak = revocation("k1", "compromise");
        Command::Revoke(Revoke { compromised_since: since, effective, scope, ..leak })
    };
    if matches!(end, Retired | LeakedAfter) {
        court.world.at(day(20));
        court.world.must(retire("k1"));
    }
    court.world.at(day(30));
    let command = match end {
        Open | Retired | Expired => None,
        InAnchor => Some(benign(day(20))),
        AtKey => {
            let effective = Effective::At(day(20));
            Some(Command::Revoke(Revoke { effective, ..revocation("k1", "superseded") }))
        }
        Ahead => Some(benign(day(40))),
        Now => Some(benign(day(30))),
        Empty => Some(benign(day(9))),
        Leaked(scope) => Some(leak(Some(day(20)), day(25), scope)),
        LeakedSometime(scope) => Some(leak(None, day(20), scope)),
        LeakedBefore => Some(leak(Some(day(9)), day(25), KEY)),
        LeakedAfter => Some(leak(Some(day(25)), day(25), KEY)),
    };
    if let Some(command) = command {
        court.world.must(command);
    }
    court
}
