//! What Prometheus reads of the keepers (RK-041, RK-042).

use keyward_lifecycle::root::KeeperSeen;
use metrics::{describe_gauge, gauge};

use super::flag;
use crate::root::KeeperPost;

/// How keepers can be.
const STATES: [KeeperSeen; 7] = [
    KeeperSeen::Sound,
    KeeperSeen::Refilled,
    KeeperSeen::Empty,
    KeeperSeen::Stale,
    KeeperSeen::Wrong,
    KeeperSeen::Foreign,
    KeeperSeen::Unreachable,
];

/// The keepers as they were found at the last look: each has one state that is 1.
pub(super) fn keepers(keepers: &dyn KeeperPost) {
    describe_gauge!("keyward_keeper_state", "1 for the state in which a keeper was found");
    describe_gauge!("keyward_keeper_threshold", "Keepers that are needed to unseal");
    if let Some(threshold) = keepers.threshold() {
        gauge!("keyward_keeper_threshold").set(f64::from(threshold));
    }
    for found in keepers.states() {
        for state in STATES {
            let labels = [("keeper", found.name.clone()), ("state", state.name().to_owned())];
            gauge!("keyward_keeper_state", &labels).set(flag(found.seen == state));
        }
    }
}
