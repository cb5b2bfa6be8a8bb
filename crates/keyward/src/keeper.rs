//! Keepers: small processes that hold one share of the root key each, in memory alone, so that k
//! of n of them unseal a restarted server unattended (RK-050, RK-051).
//!
//! Reading order: [`share`] (what a share says about itself), [`holder`] (what a keeper holds and
//! refuses), [`link`](mod@link) (the seam between server and keeper), [`care`] (what a server does
//! about what it finds), [`gather`](mod@gather) (the shares back together). Nothing here knows a
//! network; nothing is written.

pub mod care;
pub mod gather;
pub mod holder;
pub mod link;
pub mod share;

pub use self::{
    care::{Action, Finding, attend, judge, mend},
    gather::{Backoff, Gathered, KeeperSet, Member, TooFew, Trouble, gather},
    holder::{Keeper, Memory, TakeRefused, Taken},
    link::{Link, LinkFailed, Standing, Status},
    share::{ShareBytes, ShareHead, ShareSet, ShareUnread},
};
