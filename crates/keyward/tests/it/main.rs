//! The library through its public seams.
#![expect(clippy::expect_used, reason = "tests")]
#![expect(clippy::indexing_slicing, reason = "a place that is not there is a failed test")]
#![expect(clippy::arithmetic_side_effects, reason = "overflow is a failed test")]
#![expect(clippy::panic, reason = "tests")]
#![expect(clippy::wildcard_enum_match_arm, reason = "anything else is a failed test")]

mod act;
mod authority;
mod buffered;
mod bulk;
mod child;
mod erasure;
mod fault;
mod history;
mod keeper;
mod kill;
mod life;
mod opened;
mod password;
mod pin;
mod quarantine;
mod race;
mod rescan;
mod root;
mod secret;
mod simulation;
mod snapshot;
mod store;
mod theft;
mod usage;
