//! The rules, through what the crate shows to others.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests fail by panic"
)]

mod authority;
mod canonical;
mod dsse;
mod envelope;
mod event;
mod in_toto;
mod note;
mod part;
mod pattern;
mod purl;
mod rules;
mod snapshot;
mod statement;
mod tlog;
mod tree;
mod verdict;
mod world;
